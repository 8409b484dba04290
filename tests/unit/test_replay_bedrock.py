"""The replay upstream as Bedrock: whom it answers, how it streams, how it fails."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer

from local.replay.aws import ACCESS_KEY, API_KEY, SECRET_KEY
from local.replay.plan import Plan, make
from local.replay.routes import Target, find
from local.replay.wire import Request

ID = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
BODY = json.dumps({"max_tokens": 50, "messages": [{"role": "user", "content": "Say hello."}]})
BEARER = {"authorization": f"Bearer {API_KEY}"}


def signed(path: str, secret: str = SECRET_KEY, access_key: str = ACCESS_KEY) -> dict[str, str]:
    """The headers botocore signs a request with."""
    request = AWSRequest("POST", f"http://127.0.0.1:8790{path}", data=BODY)
    request.headers["host"] = "127.0.0.1:8790"
    SigV4Auth(Credentials(access_key, secret, "token"), "bedrock", "eu-west-1").add_auth(request)
    return dict(request.headers)


def path_of(action: str = "invoke", model: str = ID) -> str:
    return f"/model/{quote(model, safe='')}/{action}"


def asked(path: str, headers: dict[str, str], knobs: str = "", body: str = BODY) -> Plan:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\n{lines}".encode()
    return make(Request("POST", path, head, body.encode()), knobs, lambda: 1_800_000_000)


def answer(made: Plan) -> tuple[int, Any]:
    return int(made.head.split(b" ")[1]), json.loads(b"".join(made.pieces))


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param(f"/model/{ID}/invoke", Target("bedrock", "generate", ID), id="whole"),
        pytest.param(
            f"/x/model/{ID}/invoke-with-response-stream",
            Target("bedrock", "stream", ID),
            id="streamed, below a prefix",
        ),
        pytest.param(
            "/model/arn:aws:bedrock:x:1:inference-profile/a/invoke",
            Target("bedrock", "generate", "arn:aws:bedrock:x:1:inference-profile/a"),
            id="an ARN",
        ),
        pytest.param(f"/model/{ID}/converse", None, id="not spoken"),
    ],
)
def test_paths(path: str, target: Target | None) -> None:
    assert find("POST", path, {}) == target


def test_whoever_signs_is_answered() -> None:
    for model in (ID, "arn:aws:bedrock:eu-west-1:1:inference-profile/a"):
        path = path_of(model=model)
        status, told = answer(asked(path, signed(path)))
        assert (status, told["usage"]["input_tokens"], told["model"]) == (200, 6, model)
    assert answer(asked(path_of(), BEARER))[0] == 200


@pytest.mark.parametrize(
    ("headers", "exception"),
    [
        pytest.param({}, "MissingAuthenticationTokenException", id="nobody"),
        pytest.param(
            {"authorization": "Bearer another"}, "MissingAuthenticationTokenException", id="a key"
        ),
        pytest.param(
            signed(path_of(), access_key="AKIA"), "UnrecognizedClientException", id="somebody else"
        ),
        pytest.param(
            signed(path_of(), secret="x"), "InvalidSignatureException", id="another secret"
        ),
        pytest.param(
            signed(path_of("other")), "InvalidSignatureException", id="another path was signed"
        ),
        pytest.param(
            signed(path_of()) | {"X-Amz-Date": "20200101T000000Z"},
            "InvalidSignatureException",
            id="another time was signed",
        ),
    ],
)
def test_strangers_are_refused(headers: dict[str, str], exception: str) -> None:
    made = asked(path_of(), headers)
    assert answer(made) == (403, {"message": "No account of org-replayaccount."})
    assert f"x-amzn-errortype: {exception}\r\n".encode() in made.head


def test_another_body_does_not_fit_the_signature() -> None:
    assert answer(asked(path_of(), signed(path_of()), body=BODY + " "))[0] == 403


def test_access_keys_name_scripts() -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in signed(path_of()).items())
    request = Request("POST", path_of(), f"POST / HTTP/1.1\r\n{lines}".encode(), b"")
    assert request.key == ACCESS_KEY


def messages(knobs: str = "") -> list[Any]:
    made = asked(path_of("invoke-with-response-stream"), BEARER, knobs)
    assert b"content-type: application/vnd.amazon.eventstream\r\n" in made.head
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(made.pieces))
    return list(buffer)


def test_a_stream_is_one_of_botocores() -> None:
    found = messages()
    assert {message.headers[":event-type"] for message in found} == {"chunk"}
    assert len(found) == 14
    assert len(messages("sse=noend")) == 13


def test_a_stream_ends_in_an_exception() -> None:
    *_, last = messages("fail=3")
    assert last.headers[":exception-type"] == "modelStreamErrorException"
    *_, last = messages("fail=0+throw=throttlingException")
    assert (last.headers[":message-type"], last.headers[":exception-type"]) == (
        "exception",
        "throttlingException",
    )


def test_a_bit_is_turned_over() -> None:
    with pytest.raises(ChecksumMismatch):
        messages("sse=garbage")


@pytest.mark.parametrize(
    ("knobs", "status", "exception"),
    [
        pytest.param("status=429", 429, "ThrottlingException", id="throttled"),
        pytest.param("status=418", 418, "UnknownException", id="another status"),
        pytest.param(
            "status=400+throw=ServiceQuotaExceededException",
            400,
            "ServiceQuotaExceededException",
            id="by name",
        ),
    ],
)
def test_statuses(knobs: str, status: int, exception: str) -> None:
    made = asked(path_of(), BEARER, knobs)
    assert answer(made) == (status, {"message": "Replayed status of org-replayaccount."})
    assert f"x-amzn-errortype: {exception}\r\n".encode() in made.head
