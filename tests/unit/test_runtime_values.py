"""What the loop reads from Lambda's variables and headers, and what it tells of errors and logs."""

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from tollgate.runtime.api import Invocation
from tollgate.runtime.context import Context, context_of
from tollgate.runtime.environment import Environment, read_environment
from tollgate.runtime.fault import Fault, StartFailure, fault_of
from tollgate.runtime.logs import JsonFormatter, Scope

VARIABLES = {
    "AWS_LAMBDA_FUNCTION_NAME": "relay",
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/relay",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/22/[7]abc",
}
HEADERS = {
    "lambda-runtime-aws-request-id": "r-1",
    "lambda-runtime-deadline-ms": "1700000010000",
    "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-central-1:1:function:relay",
    "lambda-runtime-aws-tenant-id": "tenant-9",
    "lambda-runtime-client-context": '{"custom": {"a": "价"}, "client": {"app_title": "t"}}',
    "lambda-runtime-cognito-identity": '{"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}',
}


def _context(headers: Mapping[str, str], now: float = 1_700_000_000.0) -> Context:
    return context_of(Invocation(headers, b"{}"), VARIABLES, lambda: now)


def test_a_context_carries_everything_lambda_said() -> None:
    context = _context(HEADERS)
    assert context.aws_request_id == "r-1"
    assert context.invoked_function_arn.endswith(":function:relay")
    assert context.function_name == "relay"
    assert context.function_version == "7"
    assert context.memory_limit_in_mb == "512"
    assert context.log_group_name == "/aws/lambda/relay"
    assert context.log_stream_name == "2026/11/22/[7]abc"
    assert context.tenant_id == "tenant-9"
    assert context.client_context is not None
    assert context.client_context.custom == {"a": "价"}
    assert context.client_context.client.app_title == "t"
    assert context.identity.cognito_identity_id == "i"
    assert context.identity.cognito_identity_pool_id == "p"


def test_a_context_without_optional_headers_has_empty_places_for_them() -> None:
    context = _context({"lambda-runtime-aws-request-id": "r-2"})
    assert context.client_context is None
    assert context.identity.cognito_identity_id is None
    assert context.tenant_id is None
    assert context.get_remaining_time_in_millis() == 0


@pytest.mark.parametrize(
    ("now", "left"),
    [
        pytest.param(1_700_000_000.0, 10_000, id="ten seconds before"),
        pytest.param(1_700_000_009.999, 1, id="one millisecond before"),
        pytest.param(1_700_000_011.0, 0, id="after the deadline"),
    ],
)
def test_the_remaining_time_never_falls_below_zero(now: float, left: int) -> None:
    assert _context(HEADERS, now).get_remaining_time_in_millis() == left


def test_a_client_context_that_is_no_json_is_an_error_of_the_call() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        _context({"lambda-runtime-client-context": "{"})


@pytest.mark.parametrize(
    ("variables", "streams", "buffers", "snap_start", "threads"),
    [
        pytest.param({}, True, False, False, 1, id="nothing said"),
        pytest.param({"TOLLGATE_RESPONSE_MODE": "stream"}, True, False, False, 1, id="stream"),
        pytest.param({"TOLLGATE_RESPONSE_MODE": "buffered"}, False, True, False, 1, id="buffered"),
        pytest.param({"AWS_SAM_LOCAL": "true"}, True, True, False, 1, id="sam local"),
        pytest.param(
            {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}, True, False, True, 1, id="snap start"
        ),
        pytest.param(
            {"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"}, True, False, False, 1, id="on demand"
        ),
        pytest.param({"TOLLGATE_LOOP_THREADS": "16"}, True, False, False, 16, id="many threads"),
    ],
)
def test_variables_decide_how_the_loop_works(
    variables: dict[str, str], streams: bool, buffers: bool, snap_start: bool, threads: int
) -> None:
    assert read_environment(variables) == Environment(
        variables, streams, buffers, snap_start, threads
    )


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        pytest.param({"TOLLGATE_RESPONSE_MODE": "STREAM"}, "stream or buffered", id="mode"),
        pytest.param({"TOLLGATE_LOOP_THREADS": "0"}, "at least one", id="no thread"),
        pytest.param({"TOLLGATE_LOOP_THREADS": "many"}, "invalid literal", id="no number"),
    ],
)
def test_variables_without_meaning_are_refused(variables: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_environment(variables)


def _raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except Exception as caught:  # noqa: BLE001 - the error is the value under test
        return caught


def test_a_fault_names_type_message_and_place() -> None:
    fault = fault_of(_raised(KeyError("user")))
    assert (fault.type, fault.message) == ("KeyError", "'user'")
    assert len(fault.trace) == 1
    assert "test_runtime_values.py" in fault.trace[0]
    assert "in _raised" in fault.trace[0]


def test_a_message_is_cut_before_it_breaks_the_report() -> None:
    assert len(fault_of(ValueError("x" * 100_000)).message) == 4096


def test_a_start_failure_shows_the_trace_of_its_cause() -> None:
    cause = _raised(ImportError("no module named x"))
    fault = fault_of(_raised(StartFailure("Runtime.ImportModuleError", "app: no"), cause))
    assert fault.type == "Runtime.ImportModuleError"
    assert "in _raised" in fault.trace[0]


def test_a_fault_as_json_has_the_four_fields_of_lambda() -> None:
    assert json.loads(Fault("T", "价", ["frame"]).as_json("r-1")) == {
        "errorMessage": "价",
        "errorType": "T",
        "requestId": "r-1",
        "stackTrace": ["frame"],
    }


def _record(**fields: Any) -> logging.LogRecord:
    base: dict[str, Any] = {
        "name": "shop",
        "levelno": 30,
        "levelname": "WARNING",
        "msg": "stock %d",
        "args": (3,),
        "created": 1_700_000_000.25,
        "msecs": 250.0,
    }
    return logging.makeLogRecord(base | fields)


def test_a_log_line_is_one_json_object_with_the_request_id() -> None:
    scope = Scope({}, 1)
    scope.enter(Invocation({"lambda-runtime-aws-request-id": "r-1"}, b""))
    record = _record(order="o-1", amount=None)
    assert scope.filter(record)
    assert json.loads(JsonFormatter().format(record)) == {
        "timestamp": "2023-11-14T22:13:20.250Z",
        "level": "WARNING",
        "message": "stock 3",
        "logger": "shop",
        "requestId": "r-1",
        "order": "o-1",
    }


def test_a_dict_is_logged_as_an_object_and_foreign_values_as_text() -> None:
    line = JsonFormatter().format(_record(msg={"kind": "价"}, args=None, path={1}))
    assert '"message": {"kind": "价"}' in line
    assert json.loads(line)["path"] == "{1}"


def test_a_logged_exception_stays_on_one_line() -> None:
    error = _raised(ValueError("two\nlines"))
    line = JsonFormatter().format(_record(exc_info=(type(error), error, error.__traceback__)))
    assert "\n" not in line
    shown = json.loads(line)
    assert (shown["errorType"], shown["errorMessage"]) == ("ValueError", "two\nlines")
    assert "in _raised" in shown["stackTrace"][0]


def test_the_tenant_of_a_call_is_logged() -> None:
    scope = Scope({}, 1)
    scope.enter(Invocation(HEADERS, b""))
    record = _record()
    scope.filter(record)
    assert json.loads(JsonFormatter().format(record))["tenantId"] == "tenant-9"


def test_the_trace_id_of_the_last_call_does_not_stay_for_the_next() -> None:
    variables: dict[str, str] = {}
    scope = Scope(variables, 1)
    scope.enter(Invocation({"lambda-runtime-trace-id": "Root=1-5"}, b""))
    assert variables == {"_X_AMZN_TRACE_ID": "Root=1-5"}
    scope.enter(Invocation({}, b""))
    assert variables == {}


def test_several_loop_threads_leave_the_environment_alone() -> None:
    variables: dict[str, str] = {}
    Scope(variables, 2).enter(Invocation({"lambda-runtime-trace-id": "Root=1-5"}, b""))
    assert variables == {}
