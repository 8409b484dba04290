"""How tests run the runtime: a loop in this process, or the whole process behind its wrapper."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.scripted_runtime_api import ScriptedRuntimeApi
from tollgate import runtime
from tollgate.runtime.api import RuntimeApi
from tollgate.runtime.environment import read_environment
from tollgate.runtime.logs import Scope
from tollgate.runtime.loop import Handler, Loop

RUNTIME = Path(runtime.__file__).parent
WRAPPER = RUNTIME / "wrapper"
PATIENCE = 20.0  # seconds; a test that waits longer has failed
GET = {"httpMethod": "GET", "requestContext": {}}
HELLO = """
def handler(event, context):
    return {"statusCode": 200, "body": "hello"}
"""


@contextmanager
def looping(api: ScriptedRuntimeApi, handler: Handler, **variables: str) -> Iterator[Loop]:
    environment = read_environment(variables)
    loop = Loop(RuntimeApi(api.address), handler, environment, Scope({}, 2))
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield loop
    finally:
        loop.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def answers(result: object) -> Handler:
    return lambda event, context: result


def streams(*chunks: bytes, **headers: Any) -> Handler:
    return lambda event, context: {"status": 200, "headers": headers, "body": iter(chunks)}


@dataclass
class Started:
    """A running runtime process."""

    process: subprocess.Popen[str]

    def end(self, number: int | None = None) -> tuple[int, list[str]]:
        """Exit status and lines of output; sends a signal first where one is given."""
        if number is not None:
            self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.splitlines()


@contextmanager
def started(
    api_address: str,
    folder: Path,
    source: str,
    variables: Mapping[str, str] = MappingProxyType({}),
    wrapper: Path = WRAPPER,
) -> Iterator[Started]:
    """Starts the wrapper as Lambda does: the interpreter, then the stock client's script."""
    (folder / "app.py").write_text(source)
    settings = {
        "AWS_LAMBDA_RUNTIME_API": api_address,
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "LAMBDA_TASK_ROOT": str(folder),
        "_HANDLER": "app.handler",
    } | dict(variables)
    command = ["env", *(f"{name}={value}" for name, value in settings.items())]
    command += [str(wrapper), sys.executable, "/var/runtime/bootstrap.py"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
    )
    try:
        yield Started(process)
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
