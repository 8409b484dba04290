"""The runtime as Lambda starts it: a process behind the wrapper script, its logs and its end."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_runtime import GET, HELLO, started
from tests.scripted_runtime_api import ScriptedRuntimeApi


@pytest.fixture
def api() -> Iterator[ScriptedRuntimeApi]:
    with ScriptedRuntimeApi() as scripted:
        yield scripted


def test_the_wrapper_serves_calls_and_sigterm_ends_it_cleanly(
    api: ScriptedRuntimeApi, tmp_path: Path
) -> None:
    with started(api.address, tmp_path, HELLO) as runtime_process:
        assert api.give(GET).outcome().content == b"hello"
        assert runtime_process.end(signal.SIGTERM) == (0, [])


def test_ctrl_c_ends_it_as_quietly(api: ScriptedRuntimeApi, tmp_path: Path) -> None:
    with started(api.address, tmp_path, HELLO, {"TOLLGATE_LOOP_THREADS": "3"}) as runtime_process:
        for _ in range(3):
            api.await_request()
        assert runtime_process.end(signal.SIGINT) == (0, [])


def test_sigterm_lets_the_call_in_hand_finish(api: ScriptedRuntimeApi, tmp_path: Path) -> None:
    source = """
import pathlib, time
def handler(event, context):
    def body():
        yield b"1"
        while not pathlib.Path("go").exists():
            time.sleep(0.01)
        yield b"2"
    return {"status": 200, "body": body()}
"""
    with started(api.address, tmp_path, source) as runtime_process:
        call = api.give(GET)
        assert call.next_chunk().endswith(b"\0")
        runtime_process.process.send_signal(signal.SIGTERM)
        (tmp_path / "go").touch()
        assert call.outcome().content == b"12"
        assert runtime_process.end() == (0, [])


@pytest.mark.parametrize(
    ("handler", "source", "expected"),
    [
        pytest.param("app", HELLO, ("Runtime.MalformedHandlerName", "'app' is not"), id="no dot"),
        pytest.param("none.x", HELLO, ("Runtime.ImportModuleError", "No module"), id="no module"),
        pytest.param("app.x", HELLO, ("Runtime.HandlerNotFound", "app has no x"), id="no function"),
        pytest.param("app.handler", "x = (", ("Runtime.UserCodeSyntaxError", "app:"), id="syntax"),
        pytest.param(
            "app.handler", "import nope", ("Runtime.ImportModuleError", "nope"), id="import"
        ),
        pytest.param("app.handler", "{}['a']", ("KeyError", "'a'"), id="its own error"),
    ],
)
def test_a_function_that_cannot_start_is_reported_and_ends_with_an_error(
    api: ScriptedRuntimeApi, tmp_path: Path, handler: str, source: str, expected: tuple[str, str]
) -> None:
    with started(api.address, tmp_path, source, {"_HANDLER": handler}) as runtime_process:
        report = api.report()
        status, lines = runtime_process.end()
    kind, message = expected
    assert status == 1
    assert report.path == "/2018-06-01/runtime/init/error"
    assert report.headers["lambda-runtime-function-error-type"] == kind
    assert report.json["errorType"] == kind
    assert message in report.json["errorMessage"]
    [line] = [json.loads(line) for line in lines]
    assert (line["level"], line["errorType"]) == ("ERROR", kind)


def test_a_setting_without_meaning_is_an_init_error(
    api: ScriptedRuntimeApi, tmp_path: Path
) -> None:
    with started(
        api.address, tmp_path, HELLO, {"TOLLGATE_RESPONSE_MODE": "fast"}
    ) as runtime_process:
        assert "TOLLGATE_RESPONSE_MODE is 'fast'" in api.report().json["errorMessage"]
        assert runtime_process.end()[0] == 1


def test_without_a_runtime_api_the_process_ends_and_says_so(tmp_path: Path) -> None:
    with ScriptedRuntimeApi() as api:
        address = api.address
    with started(address, tmp_path, HELLO) as runtime_process:
        status, [line] = runtime_process.end()
    assert status == 1
    assert "The Runtime API is gone" in json.loads(line)["message"]


def test_an_init_error_that_cannot_be_told_still_ends_the_process(tmp_path: Path) -> None:
    with ScriptedRuntimeApi() as api:
        address = api.address
    with started(address, tmp_path, "import nope") as runtime_process:
        status, lines = runtime_process.end()
    assert status == 1
    assert "The failure was not delivered" in lines[-1]


def test_a_handler_that_leaves_the_process_takes_it_down(
    api: ScriptedRuntimeApi, tmp_path: Path
) -> None:
    source = "import sys\ndef handler(event, context):\n    sys.exit(3)\n"
    with started(api.address, tmp_path, source) as runtime_process:
        api.give(GET)
        assert runtime_process.end()[0] == 3


LOGGING = """
import logging, threading
print("at import")
def work():
    logging.getLogger("shop").warning("from a thread")
def handler(event, context):
    print("printed")
    logging.getLogger("shop").error("stock %d", 3, extra={"order": "价"})
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    {}["missing"]
"""


def test_log_lines_are_json_with_the_request_id_even_from_threads(
    api: ScriptedRuntimeApi, tmp_path: Path
) -> None:
    with started(api.address, tmp_path, LOGGING) as runtime_process:
        api.give(GET).outcome()
        status, lines = runtime_process.end(signal.SIGTERM)
    assert (status, lines[:2]) == (0, ["at import", "printed"])
    shop, thread, failure = (json.loads(line) for line in lines[2:])
    assert (shop["message"], shop["requestId"], shop["order"]) == ("stock 3", "call-1", "价")
    assert (thread["message"], thread["requestId"]) == ("from a thread", "call-1")
    assert (failure["level"], failure["errorType"]) == ("ERROR", "KeyError")
    assert "missing" in failure["stackTrace"][0]


def test_log_lines_are_text_where_lambda_asks_for_text(
    api: ScriptedRuntimeApi, tmp_path: Path
) -> None:
    source = """
import logging
def handler(event, context):
    logging.info("seen"); logging.debug("unseen")
    return {"statusCode": 204}
"""
    variables = {"AWS_LAMBDA_LOG_FORMAT": "Text", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    with started(api.address, tmp_path, source, variables) as runtime_process:
        api.give(GET).outcome()
        _, [line] = runtime_process.end(signal.SIGTERM)
    level, _, request_id, message = line.split("\t")
    assert (level, request_id, message) == ("[INFO]", "call-1", "seen")


def test_the_trace_id_is_in_the_environment_of_the_call(
    api: ScriptedRuntimeApi, tmp_path: Path
) -> None:
    source = """
import os
def handler(event, context):
    return {"statusCode": 200, "body": os.environ.get("_X_AMZN_TRACE_ID", "none")}
"""
    with started(api.address, tmp_path, source):
        first = api.give(GET, {"Lambda-Runtime-Trace-Id": "Root=1-5;Sampled=1"})
        assert first.outcome().content == b"Root=1-5;Sampled=1"
        assert api.give(GET).outcome().content == b"none"


def test_two_threads_serve_two_calls_at_once(api: ScriptedRuntimeApi, tmp_path: Path) -> None:
    source = """
import threading
both = threading.Barrier(2, timeout=10)
def handler(event, context):
    both.wait()
    return {"statusCode": 204}
"""
    with started(api.address, tmp_path, source, {"TOLLGATE_LOOP_THREADS": "2"}) as runtime_process:
        calls = [api.give(GET), api.give(GET)]
        assert [call.outcome().metadata["statusCode"] for call in calls] == [204, 204]
        assert runtime_process.end(signal.SIGTERM) == (0, [])


def test_the_end_of_one_thread_is_the_end_of_the_process(
    api: ScriptedRuntimeApi, tmp_path: Path
) -> None:
    source = "def handler(event, context):\n    raise SystemExit(4)\n"
    with started(api.address, tmp_path, source, {"TOLLGATE_LOOP_THREADS": "4"}) as runtime_process:
        for _ in range(4):
            api.await_request()
        api.give(GET)
        assert runtime_process.end()[0] == 4
