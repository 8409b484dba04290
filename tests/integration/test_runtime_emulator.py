"""Whether the loop speaks the protocol of Lambda's own Runtime Interface Emulator.

The emulator comes with the SAM environment. It answers only when an answer is complete, so it
proves the protocol and never the streaming; two calls at once would end it.
"""

import json
import platform
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running_runtime import WRAPPER

SAM = Path(__file__).parents[2] / ".venv-sam"
NULS = b"\0" * 8
FUNCTION = """
import logging, os, time

def answer(path, context):
    if path == "/stream":
        return {"status": 201, "headers": {"x": ["1", "2"]}, "body": iter(["价".encode(), b"!"])}
    if path == "/deadline":
        return {"statusCode": 200, "body": str(context.get_remaining_time_in_millis())}
    if path == "/error":
        raise LookupError("no 价")
    if path == "/broken":
        return {"status": 200, "body": broken()}
    if path == "/big":
        return {"status": 200, "body": iter([b"x" * 1_000_000] * 7)}
    if path == "/slow":
        time.sleep(60)
    if path == "/exit":
        os._exit(3)
    if path == "/log":
        logging.getLogger("shop").error("request %s", context.aws_request_id)
    return {"statusCode": 200, "body": "well"}

def broken():
    yield b"one"
    raise OSError("cut")

def handler(event, context):
    return answer(event.get("path"), context)
"""

pytestmark = [
    pytest.mark.sam,
    pytest.mark.skipif(not SAM.is_dir(), reason="the SAM environment is not there"),
]


def _binary() -> Path:
    machine = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
    [found] = SAM.glob(f"lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}")
    return found


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@dataclass
class Emulator:
    """A running emulator with the runtime behind it; one call at a time."""

    address: str
    log: Path

    def call(self, event: object) -> tuple[int, bytes]:
        url = f"http://{self.address}/2015-03-31/functions/function/invocations"
        request = urllib.request.Request(url, json.dumps(event).encode())
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310 - loopback
                return reply.status, reply.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read()

    def get(self, path: str) -> bytes:
        """The body of an answer that the emulator takes for a success."""
        status, body = self.call({"httpMethod": "GET", "path": path})
        assert status == 200
        return body


@contextmanager
def emulating(folder: Path, source: str = FUNCTION, **variables: str) -> Iterator[Emulator]:
    """Always with both addresses, or it would listen on every interface of the machine."""
    (folder / "app.py").write_text(source)
    front, log = _free_address(), folder / "emulator.log"
    settings = {
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "2",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "LAMBDA_TASK_ROOT": str(folder),
    } | variables
    command = ["env", *(f"{name}={value}" for name, value in settings.items())]
    command += ["timeout", "120", str(_binary()), "--runtime-interface-emulator-address", front]
    command += ["--runtime-api-address", _free_address()]
    command += [str(WRAPPER), sys.executable, "app.handler"]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            _await(front)
            yield Emulator(front, log)
        finally:
            process.terminate()


def _await(address: str) -> None:
    host, _, port = address.partition(":")
    for _ in range(200):
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nothing listens on {address}")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulating(tmp_path_factory.mktemp("function")) as running:
        yield running


def test_a_streamed_answer_arrives_as_metadata_nuls_and_content(emulator: Emulator) -> None:
    assert emulator.get("/stream") == (
        b'{"statusCode": 201, "headers": {}, "multiValueHeaders": {"x": ["1", "2"]}}'
        + NULS
        + b"\xe4\xbb\xb7!"
    )


def test_a_proxy_dict_arrives_in_the_same_form(emulator: Emulator) -> None:
    assert emulator.get("/") == b'{"statusCode": 200, "headers": {}}' + NULS + b"well"


def test_the_deadline_is_the_functions_timeout(emulator: Emulator) -> None:
    assert 1500 < int(emulator.get("/deadline").partition(NULS)[2]) <= 2000


def test_an_error_before_the_first_byte_arrives_as_lambdas_error(emulator: Emulator) -> None:
    error = json.loads(emulator.get("/error"))
    assert (error["errorType"], error["errorMessage"]) == ("LookupError", "no 价")
    assert "in answer" in error["stackTrace"][1]


def test_an_error_after_the_first_byte_leaves_the_runtime_usable(emulator: Emulator) -> None:
    assert emulator.get("/broken").endswith(NULS + b"one")  # it drops the trailers
    assert emulator.get("/").endswith(b"well")


def test_an_answer_over_its_limit_is_refused_and_the_runtime_stays_usable(
    emulator: Emulator,
) -> None:
    assert json.loads(emulator.get("/big"))["errorType"] == "Function.ResponseSizeTooLarge"
    assert emulator.get("/").endswith(b"well")


def test_a_stray_event_is_acknowledged(emulator: Emulator) -> None:
    assert emulator.call({"completed": True}) == (200, b"{}")


def test_log_lines_carry_the_request_id_that_lambda_logs(emulator: Emulator) -> None:
    emulator.get("/log")
    text = emulator.log.read_text()
    [line] = re.findall(r'^\{.*"request .*\}$', text, re.MULTILINE)
    shown = json.loads(line)
    assert shown["message"] == f"request {shown['requestId']}"
    assert f"START RequestId: {shown['requestId']}" in text


def test_a_timeout_ends_the_process_and_the_next_call_gets_a_new_one(emulator: Emulator) -> None:
    assert emulator.get("/slow") == b"Task timed out after 2.00 seconds"
    assert emulator.get("/").endswith(b"well")


def test_a_crash_is_an_exit_error_and_the_next_call_gets_a_new_process(emulator: Emulator) -> None:
    status, body = emulator.call({"httpMethod": "GET", "path": "/exit"})
    assert (status, json.loads(body)["errorType"]) == (502, "Runtime.ExitError")
    assert emulator.get("/").endswith(b"well")


def test_an_init_error_is_what_the_call_gets(tmp_path: Path) -> None:
    with emulating(tmp_path, "import nope\n") as running:
        error = json.loads(running.call({})[1])
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'nope'" in error["errorMessage"]


def test_a_buffered_function_gets_any_event_and_answers_plain_json(tmp_path: Path) -> None:
    source = "def handler(event, context):\n    return {'given': event}\n"
    with emulating(tmp_path, source, TOLLGATE_RESPONSE_MODE="buffered") as running:
        assert running.call({"Records": []}) == (200, b'{"given": {"Records": []}}')


def test_sam_local_gets_a_stream_as_a_proxy_dict(tmp_path: Path) -> None:
    with emulating(tmp_path, AWS_SAM_LOCAL="true") as running:
        assert json.loads(running.get("/stream")) == {
            "statusCode": 201,
            "headers": {},
            "multiValueHeaders": {"x": ["1", "2"]},
            "body": "价!",
            "isBase64Encoded": False,
        }
