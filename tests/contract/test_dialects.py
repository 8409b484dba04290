"""What every dialect must keep, found by discovery: a new one is held to all of it at once."""

import email
import json
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import dialects_reference
from tollgate import dialects
from tollgate.dialects import Call, Dialect, Operation, Route, StopReason, load, names
from tollgate.domain.catalog import PLATFORMS
from tollgate.domain.errors import InvalidRequest, TollgateError
from tollgate.domain.usage import Usage

ROUTES = [pytest.param(d, r, id=f"{r.method} {r.pattern}") for d, r in dialects.routes()]
ALL = [pytest.param(load(name), id=name) for name in names()]
STREAMING = {"generate", "transcribe", "draw"}
STREAMS = [
    pytest.param(d, r, id=r.pattern) for d, r in dialects.routes() if r.operation in STREAMING
]

VALID: dict[str, dict[str, Any]] = {
    "/chat/completions": {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]}],
        "max_tokens": 5, "n": 1, "stream": True, "stream_options": {"include_usage": False},
        "tools": [{"type": "function", "function": {"name": "f"}}], "store": True,
    },
    "/embeddings": {"model": "m", "input": ["a", "b"], "user": "u"},
    "/messages": {
        "model": "m", "max_tokens": 5, "stream": True, "system": [{"type": "text", "text": "S"}],
        "messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "data": "QUJD"}}]}],
        "thinking": {"type": "enabled", "budget_tokens": 2}, "metadata": {"user_id": "u"},
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
    },
    "/messages/count_tokens": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    ":generateContent": {
        "contents": [{"parts": [{"text": "Hi"}, {"inlineData": {"mimeType": "a/b", "data": "Q"}}]}],
        "generationConfig": {"maxOutputTokens": 5, "thinkingConfig": {"thinkingBudget": 1}},
        "tools": [{"googleSearch": {}}], "store": True,
    },
    ":streamGenerateContent": {"contents": [{"parts": [{"text": "Hi"}]}]},
    ":countTokens": {"generateContentRequest": {"contents": [{"parts": []}], "model": "m"}},
    ":embedContent": {"content": {"parts": [{"text": "Hi"}]}},
    ":batchEmbedContents": {"requests": [{"model": "models/m", "content": {}}]},
    "/audio/transcriptions": {
        "model": "m", "file": "RIFF", "language": "en", "prompt": "Tollgate", "stream": "true",
        "response_format": "json", "temperature": "0",
        "timestamp_granularities": ["word", "segment"],
        "include": ["logprobs"], "chunking_strategy": "auto",
    },
    "/images/generations": {
        "model": "m", "prompt": "A gate", "n": 2, "size": "1024x1024", "quality": "high",
        "background": "opaque", "output_format": "png", "partial_images": 1, "stream": True,
        "user": "u", "moderation": "low",
    },
}  # fmt: skip
"""One full call for the end of each route's pattern; a route without one fails its tests."""

FORMS = ("/audio/transcriptions",)
"""Ends of routes whose calls are forms; a field that is a file is named `file`."""

PROBE = {"model": "claude-haiku-4-5", "max_tokens": 1, "thinking": {"type": "disabled"}}
"""What Claude Code first sends to /messages, where its user agent alone is not enough."""

PATH = {"model": "m"}
HEADERS = {"accept": "*/*", "x-session-id": "s"}
FORM_HEADERS = HEADERS | {"content-type": "multipart/form-data; boundary=edge"}


def valid(route: Route) -> dict[str, Any]:
    """The full call of a route."""
    return VALID[max((end for end in VALID if route.pattern.endswith(end)), key=len)]


def read(dialect: Dialect, route: Route, body: bytes) -> Call:
    """A call read from a body."""
    headers = FORM_HEADERS if route.pattern.endswith(FORMS) else HEADERS
    return dialect.read_call(route, PATH, headers, body, "")


def encoded(route: Route, value: Any, indent: int | None = None) -> bytes:
    """A call as the route's callers write it: a form, or JSON."""
    if not (route.pattern.endswith(FORMS) and isinstance(value, dict)):
        return json.dumps(value, indent=indent).encode()
    lines = [line for name, held in value.items() for line in field(name, held)]
    return "\r\n".join([*lines, "--edge--", ""]).encode("utf-8", "surrogatepass")


def field(name: str, held: Any) -> list[str]:
    """The lines of one field of a form, or of each entry of a list."""
    if isinstance(held, list):
        return [line for each in held for line in field(f"{name}[]", each)]
    shown = f'; name="{name}"' + ('; filename="a.wav"' if name == "file" else "")
    text = held if isinstance(held, str) else json.dumps(held)
    return ["--edge", f"Content-Disposition: form-data{shown}", "", text]


def decoded(route: Route, body: bytes) -> dict[str, Any]:
    """What another reader than ours finds in a body, by member or by field."""
    if not route.pattern.endswith(FORMS):
        found: dict[str, Any] = json.loads(body)
        return found
    head = f"Content-Type: {FORM_HEADERS['content-type']}\r\n\r\n".encode()
    fields: dict[str, Any] = {}
    for part in email.message_from_bytes(head + body).get_payload():
        assert isinstance(part, Message)
        name = str(part.get_param("name", header="content-disposition"))
        told = part.get_payload()
        if name.endswith("[]"):
            fields.setdefault(name.removesuffix("[]"), []).append(told)
        else:
            fields[name] = told
    return fields


def error_types(kind: type[TollgateError] = TollgateError) -> Iterator[type[TollgateError]]:
    """Every error of the tree; leaves of the management APIs, made differently, never get here."""
    if kind.__init__ is TollgateError.__init__:
        yield kind
    for child in kind.__subclasses__():
        yield from error_types(child)


ERRORS = sorted(set(error_types()), key=lambda kind: kind.__name__)


def test_there_are_dialects_and_their_names_are_their_files() -> None:
    assert {"openai_chat", "openai_embeddings", "anthropic_messages", "gemini"} <= set(names())
    assert [load(name).name for name in names()] == list(names())


@pytest.mark.parametrize("name", ["", "_json", "os", "openai_chat.x", "../gemini"])
def test_data_cannot_import_code(name: str) -> None:
    with pytest.raises(KeyError):
        load(name)


def test_groups_and_accounts_may_have_the_platforms_that_dialects_serve() -> None:
    assert {platform for name in names() for platform in load(name).platforms} == set(PLATFORMS)


def test_no_two_dialects_take_the_same_route() -> None:
    found = [(route.method, route.pattern) for _, route in dialects.routes()]
    assert len(found) == len(set(found))


@pytest.mark.parametrize(("dialect", "route"), ROUTES)
def test_a_route_is_one_the_gateway_knows(dialect: Dialect, route: Route) -> None:
    assert route.method == "POST"
    assert route.pattern.startswith(("/v1/", "/v1beta/"))
    assert route.operation in get_args(Operation)
    assert route.metered == (route.operation != "count_tokens")
    assert dialect.platforms


@pytest.mark.parametrize(("dialect", "route"), ROUTES)
def test_a_valid_call_is_read_and_written_without_loss(dialect: Dialect, route: Route) -> None:
    body = encoded(route, valid(route), indent=1)
    call = read(dialect, route, body)
    assert call.body == body
    assert (call.operation, call.model, call.session) == (route.operation, "m", "s")
    assert 0 < call.text_bytes <= len(body)
    wire = dialect.write_call(call, "m")
    for name, value in decoded(route, wire.body).items():
        assert value == valid(route).get(name) or name in {"store", "stream_options"}
    for edited in ("m", "other"):
        other = decoded(route, dialect.write_call(call, edited).body)
        assert set(decoded(route, wire.body)) == set(other)
    assert wire.path.startswith("/")
    assert "m" in wire.path or decoded(route, wire.body)["model"] == "m"


@pytest.mark.parametrize(("dialect", "route"), ROUTES)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b'{"model":' * 10_000, id="deep"),
        pytest.param(b'{"model":"m","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", id="deep, whole"),
        pytest.param(b'{"model":NaN}', id="NaN"),
        pytest.param(b'{"model":1e400}', id="1e400"),
        pytest.param(b'{"model":"m","model":"n"}', id="duplicate keys"),
        pytest.param(b'{"model":"\\ud800"}', id="a lone surrogate"),
        pytest.param('{"model":"m"}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"model":"\x00"}', id="NUL"),
        pytest.param(b'{"model":"m"}\x00', id="NUL behind"),
        pytest.param(b"{" + b",".join(b'"k%d":0' % i for i in range(100_000)) + b"}", id="keys"),
        pytest.param(
            b'{"model":"m","messages":7,"contents":7,"input":7,"content":7}', id="numbers"
        ),
    ],
)
def test_a_bad_body_is_the_callers_fault_and_says_why(
    dialect: Dialect, route: Route, body: bytes
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(dialect, route, body)
    assert 400 <= refused.value.status < 500
    assert 10 < len(refused.value.message) < 300
    status, written = dialect.write_error(refused.value, "req_1")
    assert status == 400
    assert refused.value.message in json.loads(written)["error"]["message"]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ODD = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=8), SCALARS)


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """A valid body in which one place, somewhere, holds something odd."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: draw(mutated(value[name]))}
    if isinstance(value, list) and value and draw(st.booleans()):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], draw(mutated(value[place])), *value[place + 1 :]]
    return draw(ODD)


@pytest.mark.parametrize(("dialect", "route"), ROUTES)
@settings(max_examples=40)
@given(chosen=st.data())
def test_no_body_raises_anything_but_a_refusal(
    dialect: Dialect, route: Route, chosen: st.DataObject
) -> None:
    value = chosen.draw(mutated(valid(route)))
    body = encoded(route, value)
    cut = chosen.draw(st.integers(0, len(body) * 2))
    try:
        call = read(dialect, route, body[:cut])
        dialect.write_call(call, "other")
    except TollgateError as refused:
        assert 400 <= refused.status < 500, refused  # noqa: PT017 - the call may also succeed


NAMES = st.sampled_from([
    "usage", "usageMetadata", "choices", "candidates", "message", "type", "delta", "iterations",
    "prompt_tokens", "input_tokens", "promptTokenCount", "server_tool_use", "finish_reason",
])  # fmt: skip
FLAT = st.dictionaries(NAMES, ODD, max_size=4)
ANSWER = ODD | FLAT | st.dictionaries(NAMES, FLAT | st.lists(FLAT, max_size=2), max_size=4)


@pytest.mark.parametrize("dialect", ALL)
@settings(max_examples=60)
@given(answer=ANSWER)
def test_no_answer_raises_anything(dialect: Dialect, answer: object) -> None:
    body = json.dumps(answer).encode()
    call = Call("generate", "m", b"{}", stream=True)
    for used in (dialect.read_usage(call, body), dialect.read_usage(call, body[:-1])):
        assert used is None or all(type(n) is int and n > 0 for n in used.quantities.values())
    tap = dialect.tap(call)
    stream = b"event: error\ndata: " + body + b"\n\ndata: " + body + b"\r\n\r\n" + body
    passed = tap.feed(stream) + tap.flush()
    assert passed in (stream, stream.replace(b"data: " + body + b"\r\n\r\n", b""))
    assert tap.usage is None or isinstance(tap.usage, Usage)


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_is_valid_json_with_a_true_status(
    dialect: Dialect, kind: type[TollgateError]
) -> None:
    error = kind("what happened", param="x", retry_after=3, detail={"left": 5})
    status, body = dialect.write_error(error, "req_1")
    assert status == error.status or (status == 400 and error.status == 404)
    told = json.loads(body)
    assert told["error"]["message"] == "what happened"
    assert "req_1" in json.dumps(told)
    assert error.code.lower() in json.dumps(told).lower()
    bare = json.loads(dialect.write_error(kind("x\u2028y\ud800"), "req_2")[1])
    assert bare["error"]["message"] == "x\u2028y\ud800"


@pytest.mark.parametrize(("dialect", "route"), STREAMS)
@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_within_a_stream_is_read_by_its_own_tap_as_a_failure(
    dialect: Dialect, route: Route, kind: type[TollgateError]
) -> None:
    call = read(dialect, route, encoded(route, valid(route)))
    tap = dialect.tap(call)
    event = dialect.write_stream_error(kind("a\n\nb"), call, "req_1")
    tap.feed(b"[{}" if event.startswith(b",") else b"")
    assert tap.feed(event) + tap.flush() == event
    assert (tap.failed, tap.finished) == (True, False)


@pytest.mark.parametrize(("dialect", "route"), STREAMS)
@pytest.mark.parametrize("reason", get_args(StopReason))
def test_every_stop_ends_a_stream_as_its_own_tap_understands(
    dialect: Dialect, route: Route, reason: StopReason
) -> None:
    call = read(dialect, route, encoded(route, valid(route)))
    tap = dialect.tap(call)
    ending = dialect.write_stop(reason, call, "req_1")
    tap.feed(b"[{}" if ending.startswith(b",") else b"")
    tap.feed(ending)
    tap.flush()
    assert tap.finished or tap.failed


@pytest.mark.parametrize("dialect", ALL)
def test_a_keep_alive_is_an_event_that_tells_nothing(dialect: Dialect) -> None:
    if dialect.keep_alive is None:
        return
    tap = dialect.tap(Call("generate", "m", b"{}", stream=True))
    assert tap.feed(dialect.keep_alive) == dialect.keep_alive
    assert (tap.usage, tap.finished, tap.failed, tap.visible_bytes) == (None, False, False, 0)


@pytest.mark.parametrize("dialect", ALL)
def test_lists_are_json(dialect: Dialect) -> None:
    for models in ([], ["a"], ["a", "b"]):
        assert json.loads(dialect.write_models(models, 5))
    assert "a" in json.dumps(json.loads(dialect.write_model("a", 5)))


@pytest.mark.parametrize(("dialect", "route"), ROUTES)
@pytest.mark.parametrize(
    ("agent", "claude_code"),
    [
        pytest.param("claude-cli/2.0.14 (external, cli)", True, id="Claude Code"),
        pytest.param("python-httpx/0.28.1", False, id="another client"),
    ],
)
def test_claude_code_is_known_on_every_route(
    dialect: Dialect, route: Route, agent: str, claude_code: bool
) -> None:
    body = valid(route) | (PROBE if route.pattern.endswith("/messages") else {})
    headers = FORM_HEADERS if route.pattern.endswith(FORMS) else HEADERS
    sent = {**headers, "user-agent": agent}
    call = dialect.read_call(route, PATH, sent, encoded(route, body), "")
    assert call.claude_code is claude_code


@pytest.mark.parametrize("dialect", ALL)
def test_no_upstream_sees_the_callers_secrets(dialect: Dialect) -> None:
    private = ("authorization", "x-api-key", "x-goog-api-key", "cookie", "host", "x-forwarded-for")
    sent = dict.fromkeys(private, "tg-callers-own")
    assert "tg-callers-own" not in dialect.upstream_headers(sent, "sk").values()


def test_a_tap_has_what_the_interface_promises() -> None:
    promised = {"finished", "failed", "visible_bytes", "upstream_id", "finish_reason", "usage"}
    for name in names():
        tap = load(name).tap(Call("generate", "m", b"{}", stream=True))
        assert all(hasattr(tap, attribute) for attribute in promised)
        assert tap.at_boundary


def test_the_reference_says_what_the_dialects_do() -> None:
    page = Path(__file__).parents[2] / dialects_reference.PATH
    stale = "is stale; run: python -m scripts.dialects_reference"
    assert page.read_text("utf-8") == dialects_reference.document(), stale
