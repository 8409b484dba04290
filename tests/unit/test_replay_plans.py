"""The replay upstream's answers: bodies, events, counts and their ways of going wrong."""

import gzip
import json
import zlib
from typing import Any

import pytest

from local.replay.plan import Plan, Plans, make
from local.replay.routes import Target, find
from local.replay.wire import Request

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
GENERATE = "/v1beta/models/gem{}:streamGenerateContent?alt=sse"
OPENAI_END = b"data: [DONE]\n\n"


def plan(target: str, body: dict[str, Any] | None = None, header: str = "") -> Plan:
    head = f"POST {target} HTTP/1.1\r\n{header}".encode()
    raw = json.dumps(body).encode() if body is not None else b""
    return make(Request("POST", target, head, raw), "", lambda: 1_800_000_000)


def chat(knobs: str = "", **more: Any) -> Plan:
    asked = {"role": "user", "content": "Say hello."}
    return plan(CHAT, {"model": f"gpt{knobs}", "messages": [asked], **more})


def messages(knobs: str = "", **more: Any) -> Plan:
    asked = {"role": "user", "content": [{"type": "text", "text": "Say hello."}]}
    return plan(MESSAGES, {"model": f"claude{knobs}", "messages": [asked], **more})


def gemini(knobs: str = "", **more: Any) -> Plan:
    asked = {"role": "user", "parts": [{"text": "Say hello."}]}
    return plan(GENERATE.format(knobs), {"contents": [asked], **more})


def body(made: Plan) -> Any:
    return json.loads(b"".join(made.pieces))


def events(made: Plan) -> list[Any]:
    lines = b"".join(made.pieces).decode().split("\n")
    return [json.loads(x[6:]) for x in lines if x.startswith("data: {")]


def streamed(knobs: str = "") -> Plan:
    return chat(knobs, stream=True, stream_options={"include_usage": True})


def test_a_chat_answer_counts_its_prompt_and_its_words() -> None:
    answer = body(chat())
    assert answer["choices"][0]["message"]["content"] == "This answer is replayed — no model was"
    assert answer["usage"]["prompt_tokens"] == 6  # 3 + ten letters at four a token
    assert (answer["usage"]["completion_tokens"], answer["usage"]["total_tokens"]) == (8, 14)
    assert answer["created"] == 1_800_000_000


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_tokens", 3), ("max_completion_tokens", 3)],
    ids=["old name", "new name"],
)
def test_a_chat_answer_stays_within_the_callers_limit(field: str, value: int) -> None:
    limit: Any = {field: value}
    answer = body(chat(**limit))
    assert answer["choices"][0]["message"]["content"] == "This answer is"
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 3


def test_several_choices_are_each_said_and_paid() -> None:
    answer = body(chat(n=3))
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert answer["usage"]["completion_tokens"] == 24


def test_a_chat_stream_says_what_the_whole_answer_says() -> None:
    said = [e["choices"][0]["delta"].get("content") for e in events(chat(stream=True))]
    assert "".join(filter(None, said)) == "This answer is replayed — no model was"


def test_a_chat_stream_tells_usage_only_to_those_who_ask() -> None:
    assert all("usage" not in e for e in events(chat(stream=True)))
    *others, last = events(streamed())
    assert all(e["usage"] is None for e in others)
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 14)
    assert streamed().pieces[-1] == OPENAI_END


def test_a_message_tells_its_input_first_and_its_output_last() -> None:
    told = {e["type"]: e for e in events(messages("+cached=5+written=6+written_1h=7", stream=True))}
    start, delta = told["message_start"]["message"]["usage"], told["message_delta"]["usage"]
    assert (start["input_tokens"], start["output_tokens"]) == (6, 1)
    assert start["cache_creation_input_tokens"] == 13
    assert start["cache_creation"] == {
        "ephemeral_5m_input_tokens": 6,
        "ephemeral_1h_input_tokens": 7,
    }
    assert (delta["cache_read_input_tokens"], delta["output_tokens"]) == (5, 8)


def test_gemini_counts_in_every_event_and_hidden_output_apart() -> None:
    told = [e["usageMetadata"] for e in events(gemini("+thinking=1+chunks=2+reasoning=40"))]
    assert [t["candidatesTokenCount"] for t in told] == [0, 1, 2]
    assert told[-1]["thoughtsTokenCount"] == 40
    assert told[-1]["totalTokenCount"] == 6 + 2 + 40


def test_gemini_counts_pictures_inside_its_output() -> None:
    told = events(gemini("+out=1300+painted=1290"))[-1]["usageMetadata"]
    assert told["candidatesTokenCount"] == 1_300
    assert told["candidatesTokensDetails"] == [
        {"modality": "TEXT", "tokenCount": 10},
        {"modality": "IMAGE", "tokenCount": 1_290},
    ]


def test_gemini_writes_an_array_unless_events_are_asked_for() -> None:
    made = plan("/v1beta/models/g:streamGenerateContent", {"contents": []})
    assert b"application/json" in made.head
    assert [c["candidates"][0]["content"]["role"] for c in body(made)] == ["model"] * 8


@pytest.mark.parametrize(
    ("knob", "wanted"),
    [
        pytest.param("negative", -8, id="below nothing"),
        pytest.param("huge", 10**18, id="more than there is"),
        pytest.param("string", "8", id="a word"),
        pytest.param("float", 8.5, id="a fraction"),
    ],
)
def test_counts_can_be_bent_for_every_vendor(knob: str, wanted: object) -> None:
    assert body(chat(f"+usage={knob}"))["usage"]["completion_tokens"] == wanted
    assert body(messages(f"+usage={knob}"))["usage"]["output_tokens"] == wanted
    last = events(gemini(f"+usage={knob}"))[-1]
    assert last["usageMetadata"]["candidatesTokenCount"] == wanted


@pytest.mark.parametrize("made", [chat, streamed, messages, gemini], ids=lambda f: f.__name__)
def test_usage_can_be_missing(made: Any) -> None:
    text = b"".join(made("+usage=missing").pieces)
    assert b'_tokens":' not in text
    assert b"TokenCount" not in text


def test_usage_can_be_null() -> None:
    assert body(chat("+usage=null"))["usage"] is None
    assert body(messages("+usage=null"))["usage"] is None
    assert events(streamed("+usage=null"))[-1]["usage"] is None


def test_usage_can_come_twice_and_the_last_is_right() -> None:
    told = [e["usage"]["completion_tokens"] for e in events(streamed("+usage=twice")) if e["usage"]]
    assert told == [4, 8]
    late = [
        e for e in events(messages("+usage=twice", stream=True)) if e["type"] == "message_delta"
    ]
    assert [e["usage"]["output_tokens"] for e in late] == [4, 8]


def test_usage_can_come_before_the_content() -> None:
    told = [bool(e.get("usage")) for e in events(streamed("+usage=early"))]
    assert told == [True] + [False] * 10
    first, *_, delta, _stop = events(messages("+usage=early", stream=True))
    assert first["message"]["usage"]["output_tokens"] == 8
    assert "usage" not in delta


def test_more_can_be_cached_than_was_sent() -> None:
    told = body(chat("+usage=over+in=10"))["usage"]
    assert (told["prompt_tokens"], told["prompt_tokens_details"]["cached_tokens"]) == (10, 110)


def test_tool_calls_have_whole_arguments_when_put_together() -> None:
    choice = body(chat("+tools=2"))["choices"][0]
    calls = choice["message"]["tool_calls"]
    assert [c["function"]["arguments"] for c in calls] == ['{"city":"Paris"}', '{"city":"Zürich"}']
    assert choice["finish_reason"] == "tool_calls"
    assert body(messages("+tools=1"))["content"][0]["input"] == {"city": "Paris"}
    parts = events(gemini("+tools=1"))[-1]["candidates"][0]["content"]["parts"]
    assert parts == [{"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}}]


def test_an_embedding_has_the_length_asked_for_and_the_length_one() -> None:
    answer = body(plan("/v1/embeddings", {"model": "e", "input": ["a", "b"], "dimensions": 64}))
    vectors = [row["embedding"] for row in answer["data"]]
    assert [len(v) for v in vectors] == [64, 64]
    assert sum(x * x for x in vectors[1]) == pytest.approx(1)
    assert answer["usage"] == {"prompt_tokens": 4, "total_tokens": 4}


@pytest.mark.parametrize(
    ("target", "where", "kind"),
    [
        pytest.param(CHAT, ("error", "code"), "rate_limit_exceeded", id="openai"),
        pytest.param(MESSAGES, ("error", "type"), "rate_limit_error", id="anthropic"),
        pytest.param(
            "/v1/models/g:generateContent", ("error", "status"), "RESOURCE_EXHAUSTED", id="gemini"
        ),
    ],
)
def test_an_error_status_has_the_vendors_shape(
    target: str, where: tuple[str, str], kind: str
) -> None:
    made = plan(target, {"model": "m"}, "x-replay: status=429+retry_after=2\r\n")
    assert made.head.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert b"\r\nretry-after: 2\r\n" in made.head
    assert body(made)[where[0]][where[1]] == kind


@pytest.mark.parametrize(
    ("target", "sent", "reason"),
    [
        pytest.param(CHAT, {"model": "m+nope"}, "There is no knob 'nope'", id="unknown knob"),
        pytest.param("/v2/x", {}, "Unknown path /v2/x", id="unknown path"),
    ],
)
def test_what_nobody_knows_is_refused_in_words(
    target: str, sent: dict[str, Any], reason: str
) -> None:
    assert reason in body(plan(target, sent))["error"]["message"]


STYLES = [
    pytest.param("nospace", b"data:{", id="no space after the colon"),
    pytest.param("crlf", b"}\r\n\r\n", id="carriage return and line feed"),
    pytest.param("cr", b"}\r\rdata: ", id="carriage return alone"),
    pytest.param("multiline", b'data: {\ndata:  "id"', id="data over several lines"),
    pytest.param("comments", b": keep-alive\n" * 20 + b"\ndata: ", id="a flood of comments"),
    pytest.param("bom", b"\xef\xbb\xbfdata: ", id="a byte order mark"),
    pytest.param("garbage", b'data: {"choices": [{"delta"\n\n', id="broken JSON"),
    pytest.param("trailing", OPENAI_END + b'data: {"after":"the end"}\n\n', id="after the end"),
]


@pytest.mark.parametrize(("style", "wanted"), STYLES)
def test_a_stream_can_be_written_badly(style: str, wanted: bytes) -> None:
    assert wanted in b"".join(streamed(f"+sse={style}").pieces)


def test_a_stream_can_lack_its_end() -> None:
    assert OPENAI_END not in b"".join(streamed("+sse=noend").pieces)
    assert streamed("+sse=unended").pieces[-1] == b"data: [DONE]"


def test_a_stream_can_go_on_for_ever() -> None:
    made = streamed("+sse=endless")
    assert len(made.pieces) == 3
    assert b'"content":' in made.repeat[0]


def test_a_stream_can_break_with_the_vendors_error() -> None:
    assert "error" in events(chat("+fail=2", stream=True))[-1]
    assert len(chat("+fail=2", stream=True).pieces) == 3
    assert messages("+fail=2", stream=True).pieces[-1].startswith(b"event: error\n")


@pytest.mark.parametrize(
    ("knobs", "pieces", "ending"),
    [
        pytest.param("+cut=2", 2, "reset", id="reset after two"),
        pytest.param("+cut=2+how=close", 2, "close", id="closed after two"),
        pytest.param("+cut=2+how=end", 2, "keep", id="ended well after two"),
        pytest.param("+hang=2", 2, "hang", id="silent after two"),
        pytest.param("+hang=accept", 0, "hang", id="silent from the start"),
        pytest.param("+drop", 0, "reset", id="no answer at all"),
        pytest.param("+odd=garbage", 0, "close", id="no HTTP"),
        pytest.param("", 11, "keep", id="as it should be"),
    ],
)
def test_a_stream_can_end_in_every_way(knobs: str, pieces: int, ending: str) -> None:
    made = chat(knobs, stream=True)
    assert (len(made.pieces), made.ending) == (pieces, ending)


def test_half_a_head_can_be_all_there_is() -> None:
    whole, half = chat(), chat("+hang=head")
    assert whole.head.startswith(half.head)
    assert b"\r\n\r\n" not in half.head


@pytest.mark.parametrize(
    ("odd", "head", "start"),
    [
        pytest.param("html", b"content-type: text/html", b"<html>", id="a page"),
        pytest.param("json", b"HTTP/1.1 200 OK", b'{"error":', id="an error that says 200"),
        pytest.param("redirect", b"location: http://169.254.169.254", b"", id="elsewhere"),
        pytest.param("empty", b"content-length: 0", b"", id="nothing"),
        pytest.param("cookie", b"set-cookie: session=", b"data: ", id="a cookie"),
        pytest.param("header", b"x-padding: " + b"x" * 2**20, b"data: ", id="a huge header"),
        pytest.param("close", b"connection: close", b"data: ", id="no length at all"),
    ],
)
def test_an_answer_can_be_odd(odd: str, head: bytes, start: bytes) -> None:
    made = chat(f"+odd={odd}", stream=True)
    assert head in made.head
    assert b"".join(made.pieces).startswith(start)


@pytest.mark.parametrize(("odd", "difference"), [("short", 100), ("long", -10)])
def test_a_length_can_be_wrong(odd: str, difference: int) -> None:
    made = chat(f"+odd={odd}")
    announced = len(b"".join(made.pieces)) + difference
    assert b"\r\ncontent-length: %d\r\n" % announced in made.head
    assert made.ending == "close"


def test_a_body_can_be_packed() -> None:
    made = chat("+odd=gzip")
    assert b"\r\ncontent-encoding: gzip\r\n" in made.head
    assert json.loads(gzip.decompress(b"".join(made.pieces)))["object"] == "chat.completion"


def test_a_small_body_can_unpack_to_a_huge_one() -> None:
    made = chat("+odd=bomb")
    assert sum(map(len, made.pieces)) < 2 * 2**20
    unpacker, unpacked = zlib.decompressobj(wbits=31), 0
    for piece in made.pieces[:9]:
        unpacked += len(unpacker.decompress(piece))
    assert (unpacked, len(made.pieces)) == (8 * 16 * 2**20, 65)


def test_equal_requests_share_a_plan_until_a_script_says_otherwise() -> None:
    plans = Plans(lambda: 1)
    request = Request("POST", CHAT, b"POST x\r\n", b'{"model":"m"}')
    assert plans.find(request, "") is plans.find(request, "")
    assert plans.find(request, "status=500").head.startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize(
    ("method", "path", "headers", "wanted"),
    [
        pytest.param("POST", CHAT, {}, Target("openai", "generate"), id="chat"),
        pytest.param("POST", "/a/v1/messages", {}, Target("anthropic", "generate"), id="prefix"),
        pytest.param("GET", "/v1/models", {}, Target("openai", "models"), id="openai's list"),
        pytest.param(
            "GET",
            "/v1/models",
            {"anthropic-version": "2023-06-01"},
            Target("anthropic", "models"),
            id="anthropic's list",
        ),
        pytest.param(
            "GET",
            "/v1/models",
            {"x-goog-api-key": "k"},
            Target("gemini", "models"),
            id="gemini's list under v1",
        ),
        pytest.param("GET", "/v1beta/models", {}, Target("gemini", "models"), id="gemini's list"),
        pytest.param("GET", "/v1/models/x", {}, Target("openai", "model", "x"), id="one model"),
        pytest.param(
            "POST",
            "/v1/models/g:countTokens",
            {},
            Target("gemini", "count", "g"),
            id="gemini under v1",
        ),
        pytest.param("POST", "/v1/models/g:fly", {}, None, id="unknown action"),
        pytest.param("GET", CHAT, {}, None, id="wrong method"),
    ],
)
def test_a_path_means_a_vendor_and_an_operation(
    method: str, path: str, headers: dict[str, str], wanted: Target | None
) -> None:
    assert find(method, path, headers) == wanted
