"""The command line of the local stack: starts it, says when it is ready, ends it on a signal."""

import argparse
import asyncio
import resource
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import uvloop
from botocore.exceptions import BotoCoreError, ClientError

from local import demo
from local.assembly import bring_up
from local.claim import DirectoryInUse
from local.emulator.provision import Differs
from local.gateway.server import PortTaken
from local.options import EMULATORS, Options
from local.ports import NotReady
from local.template.intrinsics import UnknownName
from local.template.played import NotPlayed

FILES: Final = 65_536
"""Open files that are enough for every stream a laptop can carry."""

CHOICES: Final = f"{', '.join(EMULATORS)} or a URL"

EXPECTED: Final = (
    BotoCoreError,
    ClientError,
    Differs,
    DirectoryInUse,
    NotPlayed,
    NotReady,
    PortTaken,
    UnknownName,
)
"""What can keep a stack from running; each says in one line what to do."""


def main() -> int:
    """Run until a signal; the exit status."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, enough), hard))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_live(read_options(sys.argv[1:])))


async def _live(options: Options) -> int:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that runs is a task's
    for number in (signal.SIGINT, signal.SIGTERM):
        # A second signal cancels again: it skips whatever step of stopping takes so long.
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        async with AsyncExitStack() as exits:
            await _serve(options, exits)
    except asyncio.CancelledError:
        return 0
    except EXPECTED as error:
        _say(f"tollgate: {error}")
    return 1


async def _serve(options: Options, exits: AsyncExitStack) -> None:
    try:
        running = await bring_up(options, _say, exits)
        values = await demo.prepare(running, options)
        _say(demo.welcome(values, options.directory))
        reason = await running.failed
    except asyncio.CancelledError:
        _say("tollgate: stopping")
        raise
    raise NotReady(f"{reason}; see {options.logs}")


def _say(line: str) -> None:
    print(line, flush=True)


def _emulator(text: str) -> str:
    if text in EMULATORS or "://" in text:
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is none; choose {CHOICES}")


def read_options(arguments: Sequence[str]) -> Options:
    """What the command line chooses; the program ends when it makes no sense."""
    plain = Options()
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--port", type=int, default=plain.port)
    parser.add_argument("--directory", type=Path, default=plain.directory)
    parser.add_argument("--template", type=Path, default=plain.template)
    parser.add_argument("--emulator", default=plain.emulator, type=_emulator, help=CHOICES)
    parser.add_argument("--upstream", default=plain.upstream, help="URL of another replay upstream")
    parser.add_argument("--workers", type=int, default=plain.workers)
    parser.add_argument("--threads", type=int, default=plain.threads)
    parser.add_argument("--no-seed", dest="seeds", action="store_false")
    chosen = vars(parser.parse_args(arguments))
    chosen["directory"] = chosen["directory"].resolve()
    return Options(**chosen)


if __name__ == "__main__":
    sys.exit(main())
