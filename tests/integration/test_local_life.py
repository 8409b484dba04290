"""How the local stack starts, refuses to start, and ends without leaving anything behind."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from local.options import ROOT
from local.stack import Stack, StackFailed
from tests import local_applications

pytestmark = pytest.mark.stack

NOWHERE = "http://127.0.0.1:9"
WITHIN = 20.0
SMALL = ["--workers", "1", "--threads", "2", "--no-seed"]


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return local_applications.copy("sources", tmp_path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m local` until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def family(stack: Stack) -> list[psutil.Process]:
    """The stack's process and everything below it."""
    root = psutil.Process(stack.pid)
    return [root, *root.children(recursive=True)]


def survivors(processes: list[psutil.Process]) -> list[str]:
    """Those that are still there after a while."""
    _, alive = psutil.wait_procs(processes, timeout=WITHIN)
    return [" ".join(each.cmdline()) for each in alive]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_process(
    tmp_path: Path, template: Path, number: signal.Signals
) -> None:
    stack = Stack(tmp_path / "state", template=template, arguments=SMALL)
    processes = family(stack)
    assert len(processes) >= 5, "stack, emulator, upstream, two functions"

    assert stack.stop(number) == 0

    assert survivors(processes) == []
    assert "tollgate: stopping" in stack.printed


def test_a_signal_while_it_starts_ends_every_process_too(tmp_path: Path, template: Path) -> None:
    command = [sys.executable, "-m", "local", "--port=0", f"--directory={tmp_path}/state"]
    with subprocess.Popen([*command, f"--template={template}"], cwd=ROOT) as starting:
        root = psutil.Process(starting.pid)
        end = time.monotonic() + WITHIN
        while not root.children() and time.monotonic() < end:
            time.sleep(0.01)
        children = root.children(recursive=True)
        starting.send_signal(signal.SIGINT)

        assert starting.wait(WITHIN) == 0

    assert len(children) >= 1
    assert survivors(children) == []


def test_even_a_kill_leaves_no_process_behind(tmp_path: Path, template: Path) -> None:
    if sys.platform != "linux":
        return  # only its kernel tells children of their parent's death
    stack = Stack(tmp_path / "state", template=template, arguments=SMALL)
    processes = family(stack)

    stack.stop(signal.SIGKILL)

    assert survivors(processes) == []


def test_a_stream_under_way_is_cut_and_cleaned_up_after_when_the_stack_stops(
    tmp_path: Path,
) -> None:
    template = local_applications.copy("calls", tmp_path)
    stack = Stack(tmp_path / "state", template=template, emulator=NOWHERE, arguments=SMALL)
    with httpx.stream("GET", f"{stack.url}/v1/endless") as answer:
        pieces = answer.iter_raw()
        next(pieces)
        os.kill(stack.pid, signal.SIGINT)
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)

    assert stack.wait() == 0
    assert (tmp_path / "functions" / "stream" / "closed").exists()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_said_in_one_line(tmp_path: Path, template: Path, taken: int) -> None:
    ended = run(f"--port={taken}", f"--directory={tmp_path}/state", f"--template={template}")

    assert ended.returncode == 1
    assert ended.stdout == f"tollgate: port {taken} is already in use; PORT= chooses another one\n"
    assert ended.stderr == ""


def test_one_directory_holds_the_state_of_one_stack(tmp_path: Path) -> None:
    template = local_applications.copy("calls", tmp_path)
    state = tmp_path / "state"
    with Stack(state, template=template, emulator=NOWHERE, arguments=SMALL) as stack:
        ended = run("--port=0", f"--directory={state}", f"--template={template}")

        assert ended.returncode == 1
        assert ended.stdout == f"tollgate: {state} is in use by process {stack.pid}\n"
        assert httpx.get(f"{stack.url}/healthz").text == "ok"


def test_a_stack_without_its_emulator_ends_and_says_why(tmp_path: Path, template: Path) -> None:
    stack = Stack(tmp_path / "state", template=template, arguments=SMALL)
    processes = family(stack)
    (emulator,) = [each for each in processes if each.cmdline()[-1] == "ministack"]

    emulator.kill()

    assert stack.wait() == 1
    assert survivors(processes) == []
    assert "tollgate: the emulator has ended; see " in stack.printed


def test_a_template_that_needs_what_is_not_played_is_refused(tmp_path: Path) -> None:
    template = local_applications.copy("calls", tmp_path)
    text = template.read_text("utf-8").replace(
        "BinaryMediaTypes:", "Cors: \"'*'\"\n      BinaryMediaTypes:"
    )
    template.write_text(text, "utf-8")

    with pytest.raises(StackFailed, match="the local stack does not play an API's Cors"):
        Stack(tmp_path / "state", template=template, emulator=NOWHERE, arguments=SMALL)


def test_a_table_from_another_template_is_not_touched(tmp_path: Path, template: Path) -> None:
    with Stack(tmp_path / "state", template=template, arguments=SMALL):
        pass
    text = template.read_text("utf-8").replace(
        "StreamViewType: NEW_IMAGE", "StreamViewType: KEYS_ONLY"
    )
    template.write_text(text, "utf-8")

    with pytest.raises(StackFailed, match="table tollgate-usage was made from another template"):
        Stack(tmp_path / "state", template=template, arguments=SMALL)


def test_the_demo_file_is_for_its_owners_eyes(tmp_path: Path) -> None:
    template = local_applications.copy("calls", tmp_path)
    with Stack(tmp_path / "state", template=template, emulator=NOWHERE, arguments=SMALL) as stack:
        path = stack.directory / "demo.env"

        assert path.read_text("utf-8") == f"TOLLGATE_URL={stack.url}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert f"Tollgate is ready at {stack.url}" in stack.printed
