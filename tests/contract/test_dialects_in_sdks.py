"""What we write into streams, errors and lists, as the vendors' own SDKs read it."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as google_errors

from tests.dialect_streams import passed
from tollgate.dialects import Call, Dialect, StopReason, Telling, load
from tollgate.domain.errors import (
    InsufficientBalance,
    ModelNotFound,
    RateLimited,
    TollgateError,
    UpstreamFailed,
)

CHAT, MESSAGES, GEMINI = (load(n) for n in ("openai_chat", "anthropic_messages", "gemini"))
CALL = Call("generate", "m", b"{}", stream=True)
SSE = replace(CALL, query="alt=sse")
RECEIPT = "tollgate.receipt"
FAILED = UpstreamFailed("the upstream broke")

CHAT_BEGIN = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}]}\n\n'
)
MESSAGES_BEGIN = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":'
    b'"message","role":"assistant","model":"m","content":[],"stop_reason":null,'
    b'"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"Hel"}}\n\n'
)
GEMINI_BEGIN = (
    b'data: {"candidates": [{"content": {"parts": [{"text": "Hel"}],"role": "model"},'
    b'"index": 0}],"usageMetadata": {"promptTokenCount": 3}}\r\n\r\n'
)


@dataclass
class Upstream:
    """A server on the loopback that gives one answer to everything."""

    url: str = ""
    status: int = 200
    kind: str = "text/event-stream"
    body: bytes = b""

    def answer(self, status: int, body: bytes) -> None:
        """Give a JSON answer from now on."""
        self.status, self.kind, self.body = status, "application/json", body


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """The server, for one test."""
    state = Upstream()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(state.status)
            self.send_header("content-type", state.kind)
            self.send_header("content-length", str(len(state.body)))
            self.end_headers()
            self.wfile.write(state.body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()


@pytest.fixture
def chat(upstream: Upstream) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="k", base_url=f"{upstream.url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(upstream: Upstream) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="k", base_url=upstream.url, max_retries=0) as client:
        yield client


@pytest.fixture
def gemini(upstream: Upstream) -> Iterator[genai.Client]:
    client = genai.Client(api_key="k", http_options={"base_url": upstream.url})
    yield client
    client.close()


CHAT_END = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n'
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}\n\n'
    b"data: [DONE]\n\n"
)
MESSAGES_END = (
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn",'
    b'"stop_sequence":null},"usage":{"output_tokens":3}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
GEMINI_END = (
    b'data: {"candidates": [{"content": {"parts": [{"text": "lo"}],"role": "model"},'
    b'"finishReason": "STOP","index": 0}],"usageMetadata": {"promptTokenCount": 3,'
    b'"candidatesTokenCount": 2}}\r\n\r\n'
)


def told(dialect: Dialect, stream: bytes) -> bytes:
    """A stream with its cost and its receipt in it."""
    tap = dialect.tap(SSE)
    tap.tell(Telling(lambda: "0.0000057", lambda: {"request_id": "req_1"}))
    return passed(tap, stream)


REASONS = pytest.mark.parametrize("reason", ["time_limit", "balance"])


@REASONS
def test_openai_reads_our_stop_as_an_end_for_length(
    upstream: Upstream, chat: openai.OpenAI, reason: StopReason
) -> None:
    upstream.body = CHAT_BEGIN + b": keep-alive\n\n" + CHAT.write_stop(reason, CALL, "req_1")
    chunks = list(chat.chat.completions.create(model="m", messages=[], stream=True))
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["Hel", None]
    assert chunks[-1].choices[0].finish_reason == "length"


def test_openai_raises_our_error_within_a_stream(upstream: Upstream, chat: openai.OpenAI) -> None:
    upstream.body = CHAT_BEGIN + CHAT.write_stream_error(FAILED, CALL, "req_1")
    stream = chat.chat.completions.create(model="m", messages=[], stream=True)
    with pytest.raises(openai.APIError, match="the upstream broke") as failed:
        list(stream)
    assert failed.value.code == "upstream_error"


@REASONS
def test_anthropic_raises_our_stop(
    upstream: Upstream, claude: anthropic.Anthropic, reason: StopReason
) -> None:
    keep_alive = MESSAGES.keep_alive or b""
    upstream.body = MESSAGES_BEGIN + keep_alive + MESSAGES.write_stop(reason, CALL, "req_1")
    stream = claude.messages.create(model="m", max_tokens=5, messages=[], stream=True)
    with pytest.raises(anthropic.APIStatusError) as stopped:
        list(stream)
    assert "req_1" in str(stopped.value)


def test_anthropics_helper_raises_our_error(
    upstream: Upstream, claude: anthropic.Anthropic
) -> None:
    upstream.body = MESSAGES_BEGIN + MESSAGES.write_stream_error(FAILED, CALL, "req_1")
    with (
        claude.messages.stream(model="m", max_tokens=5, messages=[]) as stream,
        pytest.raises(anthropic.APIStatusError, match="the upstream broke"),
    ):
        stream.until_done()


@REASONS
def test_google_reads_our_stop_as_an_end_for_length(
    upstream: Upstream, gemini: genai.Client, reason: StopReason
) -> None:
    upstream.body = GEMINI_BEGIN + GEMINI.write_stop(reason, SSE, "req_1")
    chunks = list(gemini.models.generate_content_stream(model="m", contents="Hi"))
    assert [chunk.text for chunk in chunks] == ["Hel", ""]
    assert chunks[-1].candidates is not None
    assert str(chunks[-1].candidates[0].finish_reason) == "FinishReason.MAX_TOKENS"


def test_google_raises_our_error_within_a_stream(upstream: Upstream, gemini: genai.Client) -> None:
    upstream.body = GEMINI_BEGIN + GEMINI.write_stream_error(FAILED, SSE, "req_1")
    stream = gemini.models.generate_content_stream(model="m", contents="Hi")
    with pytest.raises(google_errors.ServerError, match="the upstream broke"):
        list(stream)


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        pytest.param(ModelNotFound("no such model"), openai.NotFoundError, 404, id="model"),
        pytest.param(InsufficientBalance("top up"), openai.APIStatusError, 402, id="balance"),
        pytest.param(RateLimited("slow down"), openai.RateLimitError, 429, id="rate"),
    ],
)
def test_openai_raises_our_errors(
    upstream: Upstream, chat: openai.OpenAI, error: TollgateError, kind: type, status: int
) -> None:
    upstream.answer(*CHAT.write_error(error, "req_1"))
    with pytest.raises(kind, match=error.message) as raised:
        chat.chat.completions.create(model="m", messages=[])
    assert isinstance(raised.value, openai.APIStatusError)
    assert (raised.value.status_code, raised.value.code) == (status, error.code)


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        pytest.param(ModelNotFound("no such model"), anthropic.BadRequestError, 400, id="model"),
        pytest.param(InsufficientBalance("top up"), anthropic.APIStatusError, 402, id="balance"),
        pytest.param(RateLimited("slow down"), anthropic.RateLimitError, 429, id="rate"),
    ],
)
def test_anthropic_raises_our_errors(
    upstream: Upstream, claude: anthropic.Anthropic, error: TollgateError, kind: type, status: int
) -> None:
    upstream.answer(*MESSAGES.write_error(error, "req_1"))
    with pytest.raises(kind, match=error.message) as raised:
        claude.messages.create(model="m", max_tokens=5, messages=[])
    assert isinstance(raised.value, anthropic.APIStatusError)
    assert raised.value.status_code == status


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(ModelNotFound("no such model"), "NOT_FOUND", id="model"),
        pytest.param(InsufficientBalance("top up"), "FAILED_PRECONDITION", id="balance"),
        pytest.param(RateLimited("slow down"), "RESOURCE_EXHAUSTED", id="rate"),
    ],
)
def test_google_raises_our_errors(
    upstream: Upstream, gemini: genai.Client, error: TollgateError, status: str
) -> None:
    upstream.answer(*GEMINI.write_error(error, "req_1"))
    with pytest.raises(google_errors.ClientError, match=error.message) as raised:
        gemini.models.generate_content(model="m", contents="Hi")
    assert raised.value.status == status


def test_every_sdk_reads_its_list_of_models(
    upstream: Upstream, chat: openai.OpenAI, claude: anthropic.Anthropic, gemini: genai.Client
) -> None:
    upstream.answer(200, CHAT.write_models(["a", "b"], 5))
    assert [model.id for model in chat.models.list()] == ["a", "b"]
    upstream.answer(200, CHAT.write_model("a", 5))
    assert chat.models.retrieve("a").created == 5
    upstream.answer(200, MESSAGES.write_models(["a", "b"], 5))
    assert [model.id for model in claude.models.list()] == ["a", "b"]
    upstream.answer(200, MESSAGES.write_model("a", 5))
    assert claude.models.retrieve("a").created_at.timestamp() == 5
    upstream.answer(200, GEMINI.write_models(["a", "b"], 5))
    assert [model.name for model in gemini.models.list()] == ["models/a", "models/b"]
    upstream.answer(200, GEMINI.write_model("a", 5))
    assert gemini.models.get(model="a").name == "models/a"


def test_openai_reads_a_stream_that_tells_its_cost_and_its_receipt(
    upstream: Upstream, chat: openai.OpenAI
) -> None:
    upstream.body = told(CHAT, CHAT_BEGIN + CHAT_END)
    chunks = list(chat.chat.completions.create(model="m", messages=[], stream=True))
    assert [c.choices[0].delta.content for c in chunks if c.choices] == ["Hel", None]
    assert [c.to_dict()["receipt"] for c in chunks if c.to_dict()["object"] == RECEIPT] == [
        {"request_id": "req_1"}
    ]
    (used,) = (chunk.usage for chunk in chunks if chunk.usage is not None)
    assert (used.total_tokens, used.to_dict()["cost"]) == (10, 0.0000057)


def test_openais_helper_reads_over_the_receipt(upstream: Upstream, chat: openai.OpenAI) -> None:
    upstream.body = told(CHAT, CHAT_BEGIN + CHAT_END)
    with chat.chat.completions.stream(model="m", messages=[]) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "Hel"
    assert final.usage is not None
    assert (final.usage.total_tokens, final.usage.to_dict()["cost"]) == (10, 0.0000057)


def test_anthropic_reads_a_stream_that_tells_its_cost_and_its_receipt(
    upstream: Upstream, claude: anthropic.Anthropic
) -> None:
    upstream.body = told(MESSAGES, MESSAGES_BEGIN + MESSAGES_END)
    events = list(claude.messages.create(model="m", max_tokens=5, messages=[], stream=True))
    assert [event.type for event in events if str(event.type) != RECEIPT] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    (changed,) = (event for event in events if event.type == "message_delta")
    assert changed.usage.to_dict() == {"output_tokens": 3, "cost": 0.0000057}


def test_anthropics_helper_reads_over_the_receipt(
    upstream: Upstream, claude: anthropic.Anthropic
) -> None:
    upstream.body = told(MESSAGES, MESSAGES_BEGIN + MESSAGES_END)
    with claude.messages.stream(model="m", max_tokens=5, messages=[]) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert (said, final.stop_reason, final.usage.output_tokens) == ("Hel", "end_turn", 3)


def test_google_reads_a_stream_that_tells_its_cost(
    upstream: Upstream, gemini: genai.Client
) -> None:
    upstream.body = told(GEMINI, GEMINI_BEGIN + GEMINI_END)
    assert b'"cost":0.0000057' in upstream.body
    chunks = list(gemini.models.generate_content_stream(model="m", contents="Hi"))
    assert [chunk.text for chunk in chunks] == ["Hel", "lo"]
    assert chunks[-1].usage_metadata is not None
    assert chunks[-1].usage_metadata.candidates_token_count == 2


SPOKEN = b'data: {"type":"transcript.text.delta","delta":"Hel"}\n\n'
SHOWN = (
    b"event: image_generation.partial_image\n"
    b'data: {"type":"image_generation.partial_image","b64_json":"QUJD","partial_image_index":0}\n\n'
)


def asked(chat: openai.OpenAI, name: str) -> Iterator[object]:
    """A stream of a transcript, or of a picture."""
    if name == "openai_images":
        return iter(chat.images.generate(model="m", prompt="A gate", stream=True))
    return iter(chat.audio.transcriptions.create(model="m", file=b"RIFF", stream=True))


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        pytest.param("openai_transcriptions", SPOKEN, id="a transcript"),
        pytest.param("openai_images", SHOWN, id="a picture"),
    ],
)
@pytest.mark.parametrize("reason", ["time_limit", "balance", None])
def test_openai_raises_our_stops_and_errors_of_other_streams(
    upstream: Upstream, chat: openai.OpenAI, name: str, begin: bytes, reason: StopReason | None
) -> None:
    dialect = load(name)
    end = (
        dialect.write_stream_error(FAILED, CALL, "req_1")
        if reason is None
        else dialect.write_stop(reason, CALL, "req_1")
    )
    upstream.body = begin + (dialect.keep_alive or b"") + end
    events = asked(chat, name)
    next(events)
    with pytest.raises(openai.APIError) as raised:
        next(events)
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["request_id"] == "req_1"
    codes = {"time_limit": "upstream_timeout", "balance": "insufficient_user_quota"}
    assert raised.value.code == codes.get(str(reason), "upstream_error")
