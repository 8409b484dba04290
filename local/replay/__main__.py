"""The command line of the stand-in: `python -m local.replay --port 8790`."""

import argparse
import asyncio
import signal

from local.replay.listener import run, serve


async def live(host: str, port: int) -> None:
    """Listen until a signal says otherwise."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(
        host, port, stop, lambda bound: print(f"replay on http://{host}:{bound}", flush=True)
    )


def main() -> None:
    """Read the arguments and listen."""
    parser = argparse.ArgumentParser(prog="python -m local.replay", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    asked = parser.parse_args()
    run(live(asked.host, asked.port))


if __name__ == "__main__":
    main()
