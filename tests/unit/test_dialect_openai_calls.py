"""Chat completions: what is read of a call, what of it is refused, what is changed in it."""

import json
from typing import Any

import pytest

from tollgate.dialects import Call, Media, load
from tollgate.domain.errors import InvalidRequest, MissingParameter

CHAT = load("openai_chat")
MESSAGES = [{"role": "user", "content": "Hi"}]
BASE = {"model": "gpt-4o", "messages": MESSAGES}
PNG = "data:image/png;base64," + "A" * 400


def read(body: object, headers: dict[str, str] | None = None) -> Call:
    """A chat call read from a body."""
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CHAT.read_call(CHAT.routes[0], {}, headers or {}, written)


def sent(body: dict[str, Any], model: str = "gpt-4o") -> bytes:
    """What an upstream gets of a chat call."""
    return CHAT.write_call(read(body), model).body


def content(*parts: dict[str, Any]) -> dict[str, Any]:
    """A call whose only message has these parts."""
    return {**BASE, "messages": [{"role": "user", "content": list(parts)}]}


def test_a_plain_call_has_defaults() -> None:
    call = read(BASE)
    assert (call.operation, call.model, call.stream, call.choices) == (
        "generate",
        "gpt-4o",
        False,
        1,
    )
    assert (call.max_output, call.hidden_output, call.media, call.tools) == (None, None, (), ())
    assert call.text_bytes == len(call.body)
    assert call.wants_usage


@pytest.mark.parametrize(
    ("more", "name", "value"),
    [
        pytest.param({"max_tokens": 5}, "max_output", 5, id="max_tokens"),
        pytest.param({"max_completion_tokens": 9}, "max_output", 9, id="max_completion_tokens"),
        pytest.param(
            {"max_tokens": 5, "max_completion_tokens": 9}, "max_output", 9, id="the larger of both"
        ),
        pytest.param({"max_tokens": None}, "max_output", None, id="max_tokens null"),
        pytest.param({"n": 16}, "choices", 16, id="sixteen choices"),
        pytest.param({"n": None}, "choices", 1, id="choices null"),
        pytest.param({"stream": True}, "stream", True, id="stream"),
        pytest.param({"stream": None}, "stream", False, id="stream null"),
        pytest.param({"stream": True}, "wants_usage", False, id="usage not asked for"),
        pytest.param(
            {"stream": True, "stream_options": {"include_usage": True}},
            "wants_usage",
            True,
            id="usage asked for",
        ),
        pytest.param(
            {"modalities": ["text", "audio"]}, "hidden_output", None, id="speech without limit"
        ),
        pytest.param(
            {"modalities": ["audio"], "max_tokens": 100}, "hidden_output", 100, id="speech"
        ),
        pytest.param({"modalities": ["text"]}, "hidden_output", None, id="no speech"),
        pytest.param(
            {"tools": [{"type": "function"}, {"type": "custom"}, {}]}, "tools", (), id="own tools"
        ),
        pytest.param(
            {"tools": [{"type": "browser_search"}, {"type": "openrouter:advisor"}]},
            "tools",
            ("tool:browser_search", "tool:openrouter:advisor"),
            id="tools the vendor runs",
        ),
        pytest.param({"web_search_options": {}}, "tools", ("tool:web_search",), id="web search"),
        pytest.param({"enable_search": True}, "tools", ("tool:web_search",), id="search, Qwen"),
        pytest.param(
            {"search_parameters": {"mode": "on"}}, "tools", ("tool:live_search",), id="xAI search"
        ),
        pytest.param({"plugins": [{"id": "web"}]}, "tools", ("tool:web",), id="OpenRouter plugin"),
        pytest.param({"prompt_cache_key": "s1", "user": "u"}, "session", "s1", id="cache key"),
        pytest.param({"user": "u1"}, "session", "u1", id="user"),
        pytest.param({"safety_identifier": "i1"}, "session", "i1", id="safety identifier"),
        pytest.param({"service_tier": "auto"}, "model", "gpt-4o", id="tier auto"),
        pytest.param({"service_tier": "flex"}, "model", "gpt-4o", id="a cheaper tier"),
        pytest.param(
            {"background": False, "container": None}, "model", "gpt-4o", id="nothing kept"
        ),
    ],
)
def test_a_field_is_read(more: dict[str, Any], name: str, value: object) -> None:
    assert getattr(read({**BASE, **more}), name) == value


@pytest.mark.parametrize(
    ("body", "param"),
    [
        pytest.param({"messages": MESSAGES}, "model", id="no model"),
        pytest.param({**BASE, "model": None}, "model", id="model null"),
        pytest.param({**BASE, "model": " "}, "model", id="model blank"),
        pytest.param({"model": "m"}, "messages", id="no messages"),
        pytest.param({"model": "m", "messages": None}, "messages", id="messages null"),
    ],
)
def test_a_missing_field_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(MissingParameter) as refused:
        read(body)
    assert refused.value.param == param
    assert refused.value.message.startswith(f"{param}: is required")


@pytest.mark.parametrize(
    ("more", "param"),
    [
        pytest.param({"model": 7}, "model", id="model a number"),
        pytest.param({"model": "x" * 257}, "model", id="model too long"),
        pytest.param({"model": "a\nb"}, "model", id="model with a line break"),
        pytest.param({"model": "a\u0000"}, "model", id="model with NUL"),
        pytest.param({"model": " gpt-4o"}, "model", id="model with blanks"),
        pytest.param({"messages": "Hi"}, "messages", id="messages a string"),
        pytest.param({"messages": {"role": "user"}}, "messages", id="messages an object"),
        pytest.param({"messages": ["Hi"]}, "messages[0]", id="a message that is a string"),
        pytest.param({"messages": [*MESSAGES, None]}, "messages[1]", id="a message that is null"),
        pytest.param({"max_tokens": 0}, "max_tokens", id="max_tokens 0"),
        pytest.param({"max_tokens": -1}, "max_tokens", id="max_tokens negative"),
        pytest.param({"max_tokens": 10**8 + 1}, "max_tokens", id="max_tokens huge"),
        pytest.param({"max_tokens": 1.5}, "max_tokens", id="max_tokens a fraction"),
        pytest.param({"max_tokens": "9"}, "max_tokens", id="max_tokens a string"),
        pytest.param({"max_tokens": True}, "max_tokens", id="max_tokens a boolean"),
        pytest.param({"max_completion_tokens": []}, "max_completion_tokens", id="limit an array"),
        pytest.param({"n": 0}, "n", id="no choices"),
        pytest.param({"n": 17}, "n", id="too many choices"),
        pytest.param({"stream": "true"}, "stream", id="stream a string"),
        pytest.param({"stream": 1}, "stream", id="stream a number"),
        pytest.param({"stream_options": []}, "stream_options", id="stream_options an array"),
        pytest.param(
            {"stream_options": {"include_usage": 1}}, "stream_options.include_usage", id="include"
        ),
        pytest.param({"tools": {}}, "tools", id="tools an object"),
        pytest.param({"tools": [1]}, "tools[0]", id="a tool that is a number"),
        pytest.param({"service_tier": "x" * 257}, "service_tier", id="tier too long"),
        pytest.param({"service_tier": 1}, "service_tier", id="tier a number"),
        pytest.param({"models": ["a", "b"]}, "models", id="models to fall back to"),
        pytest.param({"previous_response_id": "r"}, "previous_response_id", id="earlier response"),
        pytest.param({"conversation": {"id": "c"}}, "conversation", id="a kept conversation"),
        pytest.param({"prompt": {"id": "p"}}, "prompt", id="a kept prompt"),
        pytest.param({"container": "c"}, "container", id="a container"),
        pytest.param({"background": True}, "background", id="background"),
        pytest.param({"deferred": True}, "deferred", id="deferred"),
        pytest.param(
            {"messages": [{"role": "assistant", "audio": {"id": "a"}}]},
            "messages[0].audio",
            id="kept speech",
        ),
        pytest.param(
            content({"type": "file", "file": {"file_id": "f"}}),
            "messages[0].content[0].file.file_id",
            id="a kept file",
        ),
        pytest.param(
            content({"type": "text"}, {"type": "input_image", "file_id": "f"}),
            "messages[0].content[1].file_id",
            id="a kept image",
        ),
    ],
)
def test_a_wrong_field_is_named(more: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read({**BASE, **more})
    assert refused.value.param == param
    assert refused.value.message.startswith(f"{param}: ")


@pytest.mark.parametrize(
    ("part", "media"),
    [
        pytest.param(
            {"type": "image_url", "image_url": {"url": PNG}}, Media("image", 400), id="an image"
        ),
        pytest.param(
            {"type": "image_url", "image_url": {"url": "HTTPS://x.y/z.png"}},
            Media("image", 0),
            id="an image by URL",
        ),
        pytest.param(
            {"type": "image_url", "image_url": PNG}, Media("image", 400), id="as Mistral writes it"
        ),
        pytest.param(
            {"type": "input_audio", "input_audio": {"data": "B" * 90, "format": "wav"}},
            Media("audio", 90),
            id="sound",
        ),
        pytest.param(
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD"}},
            Media("file", 4),
            id="a file",
        ),
        pytest.param(
            {"type": "video_url", "video_url": {"url": "https://x.y/v"}},
            Media("file", 0),
            id="film",
        ),
        pytest.param({"type": "image_url"}, Media("image", 0), id="an image without anything"),
    ],
)
def test_media_is_told_from_text(part: dict[str, Any], media: Media) -> None:
    call = read(content({"type": "text", "text": "What?"}, part))
    assert call.media == (media,)
    assert call.text_bytes == len(call.body) - media.size


def test_content_of_strings_and_unknown_parts_is_text() -> None:
    assert read(content({"type": "text", "text": "a"}, {"type": "new"})).media == ()
    assert read({**BASE, "messages": [{"role": "user", "content": ["a"]}]}).media == ()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            b'{"model":"gpt-4o","messages":[]}',
            b'{"model":"gpt-4o","messages":[]}',
            id="nothing to change",
        ),
        pytest.param(
            b' {"model":"gpt-4o","messages":[],"stream":true}\n',
            b' {"stream_options":{"include_usage":true},"model":"gpt-4o","messages":[],'
            b'"stream":true}\n',
            id="usage is asked for",
        ),
        pytest.param(
            b'{"model":"gpt-4o","messages":[],"stream":true,"stream_options":{"include_usage":true}}',
            b'{"model":"gpt-4o","messages":[],"stream":true,"stream_options":{"include_usage":true}}',
            id="it was asked for",
        ),
        pytest.param(
            b'{"model":"gpt-4o","messages":[],"stream":true,"stream_options":{"x": 1}}',
            b'{"model":"gpt-4o","messages":[],"stream":true,'
            b'"stream_options":{"x":1,"include_usage":true}}',
            id="among other options",
        ),
        pytest.param(
            b'{"model":"gpt-4o","messages":[],"stream":true,"stream_options":null}',
            b'{"model":"gpt-4o","messages":[],"stream":true,'
            b'"stream_options":{"include_usage":true}}',
            id="options null",
        ),
        pytest.param(
            b'{"store" : true, "model":"gpt-4o","messages":[]}',
            b'{"store" : false, "model":"gpt-4o","messages":[]}',
            id="nothing is stored",
        ),
        pytest.param(
            b'{"model":"gpt-4o","messages":[],"store":false}',
            b'{"model":"gpt-4o","messages":[],"store":false}',
            id="nothing was stored",
        ),
    ],
)
def test_only_what_a_rule_demands_is_changed(body: bytes, expected: bytes) -> None:
    assert CHAT.write_call(read(body), "gpt-4o").body == expected


def test_another_model_is_written_in_place_of_the_callers() -> None:
    body = '{ "messages":[{"role":"user","content":"é"}], "store":true, "model" : "gpt-4o" }'
    wire = CHAT.write_call(read(body.encode()), 'up"stream')
    expected = body.replace('"gpt-4o"', '"up\\"stream"').replace("true", "false")
    assert wire.body == expected.encode()
    assert (wire.path, wire.query) == ("/chat/completions", "")


def test_a_session_is_told_by_headers_first_and_by_the_conversation_last() -> None:
    spoken = {**BASE, "prompt_cache_key": "k"}
    assert read(spoken, {"session-id": "h"}).session == "h"
    first, longer = read(BASE), read({**BASE, "messages": [*MESSAGES, *MESSAGES]})
    grown = read({**BASE, "messages": [*MESSAGES, *MESSAGES, {"role": "user", "content": "more"}]})
    assert longer.session == grown.session != first.session
    assert first.session is not None
    assert first.session.startswith("prefix:")
