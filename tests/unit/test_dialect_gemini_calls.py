"""Gemini: what is read of a call in either spelling, what is refused, what an upstream gets."""

import json
from typing import Any

import pytest

from tollgate.dialects import Call, Media, Route, load
from tollgate.domain.errors import InvalidRequest, MissingParameter

GEMINI = load("gemini")
CONTENTS = [{"role": "user", "parts": [{"text": "Hi"}]}]
BASE = {"contents": CONTENTS}


def route(action: str, version: str = "v1beta") -> Route:
    """The route of one action."""
    pattern = f"/{version}/models/{{model}}:{action}"
    return next(route for route in GEMINI.routes if route.pattern == pattern)


def read(
    body: object, action: str = "generateContent", query: str = "", model: str = "gemini-3-flash"
) -> Call:
    """A Gemini call read from a body."""
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    return GEMINI.read_call(route(action), {"model": model}, {}, written, query)


def parts(*found: dict[str, Any]) -> dict[str, Any]:
    """A call whose only content has these parts."""
    return {"contents": [{"role": "user", "parts": list(found)}]}


@pytest.mark.parametrize(
    ("more", "name", "value"),
    [
        pytest.param({}, "model", "gemini-3-flash", id="the model of the path"),
        pytest.param({}, "max_output", None, id="no limit"),
        pytest.param({"generationConfig": {"maxOutputTokens": 9}}, "max_output", 9, id="limit"),
        pytest.param({"generation_config": {"max_output_tokens": 9}}, "max_output", 9, id="snake"),
        pytest.param({"generationConfig": {"candidateCount": 3}}, "choices", 3, id="candidates"),
        pytest.param({"generation_config": {"candidate_count": 3}}, "choices", 3, id="snake cands"),
        pytest.param({"generationConfig": None}, "choices", 1, id="config null"),
        pytest.param(
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": 500}}},
            "hidden_output",
            500,
            id="thinking budget",
        ),
        pytest.param(
            {"generation_config": {"thinking_config": {"thinking_budget": 500}}},
            "hidden_output",
            500,
            id="thinking budget, snake",
        ),
        pytest.param(
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}},
            "hidden_output",
            0,
            id="no thinking",
        ),
        pytest.param(
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}},
            "hidden_output",
            None,
            id="as much thinking as needed",
        ),
        pytest.param(
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "high"}}},
            "hidden_output",
            None,
            id="a thinking level",
        ),
        pytest.param(
            {"generationConfig": {"responseModalities": ["TEXT", "image"]}},
            "hidden_output",
            8_192,
            id="images",
        ),
        pytest.param(
            {"generationConfig": {"response_modalities": ["AUDIO"], "maxOutputTokens": 70}},
            "hidden_output",
            70,
            id="speech with a limit",
        ),
        pytest.param(
            {"generationConfig": {"responseModalities": ["TEXT"]}}, "hidden_output", None, id="text"
        ),
        pytest.param(
            {"tools": [{"functionDeclarations": []}, {"function_declarations": []}]},
            "tools",
            (),
            id="own functions",
        ),
        pytest.param({"tools": [{"computerUse": {}}]}, "tools", (), id="the caller's computer"),
        pytest.param(
            {"tools": [{"googleSearch": {}, "codeExecution": {}}, {"url_context": {}}]},
            "tools",
            ("tool:code_execution", "tool:google_search", "tool:url_context"),
            id="tools Google runs",
        ),
        pytest.param({"serviceTier": "flex"}, "model", "gemini-3-flash", id="a cheaper tier"),
        pytest.param({"model": "models/gemini-3-flash"}, "model", "gemini-3-flash", id="repeated"),
        pytest.param({"cachedContent": ""}, "model", "gemini-3-flash", id="no cache"),
    ],
)
def test_a_field_is_read_in_either_spelling(more: dict[str, Any], name: str, value: object) -> None:
    assert getattr(read({**BASE, **more}), name) == value


@pytest.mark.parametrize(
    ("body", "action", "param"),
    [
        pytest.param({}, "generateContent", "contents", id="generate"),
        pytest.param({"contents": []}, "streamGenerateContent", "contents", id="empty"),
        pytest.param({}, "countTokens", "contents", id="count"),
        pytest.param({}, "embedContent", "content", id="embed"),
        pytest.param({}, "batchEmbedContents", "requests", id="embed many"),
    ],
)
def test_a_missing_field_is_named(body: dict[str, Any], action: str, param: str) -> None:
    with pytest.raises(MissingParameter) as refused:
        read(body, action)
    assert refused.value.param == param


CONFIG = "generationConfig"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        pytest.param({"contents": "Hi"}, "contents", id="contents a string"),
        pytest.param({"contents": {"parts": []}}, "contents", id="contents an object"),
        pytest.param({"contents": [1]}, "contents[0]", id="a content that is a number"),
        pytest.param({CONFIG: []}, CONFIG, id="config an array"),
        pytest.param({CONFIG: {"maxOutputTokens": 0}}, f"{CONFIG}.maxOutputTokens", id="limit 0"),
        pytest.param({CONFIG: {"maxOutputTokens": "9"}}, f"{CONFIG}.maxOutputTokens", id="text"),
        pytest.param({CONFIG: {"maxOutputTokens": 1e9}}, f"{CONFIG}.maxOutputTokens", id="huge"),
        pytest.param({CONFIG: {"candidateCount": 17}}, f"{CONFIG}.candidateCount", id="too many"),
        pytest.param({CONFIG: {"candidateCount": -1}}, f"{CONFIG}.candidateCount", id="too few"),
        pytest.param(
            {CONFIG: {"maxOutputTokens": 9, "max_output_tokens": 99999}},
            f"{CONFIG}.maxOutputTokens",
            id="a limit in both spellings",
        ),
        pytest.param({CONFIG: {}, "generation_config": {}}, CONFIG, id="config in both spellings"),
        pytest.param({CONFIG: {"thinkingConfig": 5}}, f"{CONFIG}.thinkingConfig", id="thinking"),
        pytest.param(
            {CONFIG: {"thinkingConfig": {"thinkingBudget": -2}}},
            f"{CONFIG}.thinkingConfig.thinkingBudget",
            id="budget negative",
        ),
        pytest.param({"tools": {}}, "tools", id="tools an object"),
        pytest.param({"cachedContent": "cachedContents/x"}, "cachedContent", id="a kept cache"),
        pytest.param({"cached_content": "cachedContents/x"}, "cachedContent", id="snake cache"),
        pytest.param({"continuationToken": "t"}, "continuationToken", id="a kept answer"),
        pytest.param({"tools": [{"fileSearch": {}}]}, "tools[0].fileSearch", id="a kept store"),
        pytest.param(
            {"tools": [{}, {"file_search": {}}]}, "tools[1].fileSearch", id="a kept store, snake"
        ),
        pytest.param({"tools": [{"retrieval": {}}]}, "tools[0].retrieval", id="a kept corpus"),
        pytest.param({"serviceTier": ["priority"]}, "serviceTier", id="a tier that is a list"),
        pytest.param({"service_tier": 1}, "serviceTier", id="a tier that is a number, snake"),
        pytest.param({"model": "models/other"}, "model", id="another model than the path's"),
        pytest.param({"model": 5}, "model", id="model a number"),
        pytest.param(
            parts({"fileData": {"fileUri": "gs://bucket/x"}}),
            "contents[0].parts[0].fileData.fileUri",
            id="the operator's bucket",
        ),
        pytest.param(
            parts({"file_data": {"file_uri": "files/abc"}}),
            "contents[0].parts[0].fileData.fileUri",
            id="a kept file",
        ),
        pytest.param(
            parts({"fileData": {"fileUri": "HTTPS://GenerativeLanguage.googleapis.com/v1beta/f"}}),
            "contents[0].parts[0].fileData.fileUri",
            id="a kept file by its address",
        ),
        pytest.param(
            parts({"fileData": {}}), "contents[0].parts[0].fileData.fileUri", id="a file without"
        ),
        pytest.param(
            parts({"inlineData": {}, "inline_data": {}}),
            "contents[0].parts[0].inlineData",
            id="media in both spellings",
        ),
    ],
)
def test_a_wrong_field_is_named(more: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read({**BASE, **more})
    assert refused.value.param == param
    assert refused.value.message.startswith(f"{param}: ")


@pytest.mark.parametrize("nested", ["generateContentRequest", "generate_content_request"])
def test_a_request_within_a_token_count_is_looked_at_too(nested: str) -> None:
    inner = {**BASE, "model": "models/gemini-3-flash"}
    assert read({nested: inner}, "countTokens").model == "gemini-3-flash"
    for more in ({"cachedContent": "c"}, {"model": "models/other"}):
        with pytest.raises(InvalidRequest):
            read({nested: {**inner, **more}}, "countTokens")


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "a b", "a?b", "a#b", "é", "x" * 300, "-x", "a:b", "%2e"]
)
def test_a_model_that_cannot_stand_in_a_path_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(BASE, model=name)
    assert refused.value.param == "model"
    with pytest.raises(InvalidRequest):
        GEMINI.write_call(read(BASE), name)


PNG = {"mimeType": "image/png", "data": "A" * 80}


@pytest.mark.parametrize(
    ("part", "media"),
    [
        pytest.param({"inlineData": PNG}, (Media("image", 80),), id="an image"),
        pytest.param(
            {"inline_data": {"mime_type": "AUDIO/wav", "data": "B" * 9}},
            (Media("audio", 9),),
            id="sound, snake",
        ),
        pytest.param(
            {"inlineData": {"mimeType": "application/pdf", "data": "C"}},
            (Media("file", 1),),
            id="a file",
        ),
        pytest.param({"inlineData": {"data": "C"}}, (Media("file", 1),), id="of no type"),
        pytest.param(
            {"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/mp4"}},
            (Media("file", 0),),
            id="a film by URL",
        ),
        pytest.param(
            {"functionResponse": {"name": "f", "parts": [{"inlineData": PNG}]}},
            (Media("image", 80),),
            id="an image from a function",
        ),
        pytest.param({"text": "words"}, (), id="words"),
    ],
)
def test_media_is_told_from_text(part: dict[str, Any], media: tuple[Media, ...]) -> None:
    call = read(parts({"text": "What?"}, part))
    assert call.media == media
    assert call.text_bytes == len(call.body) - sum(one.size for one in media)


def test_odd_parts_are_text_and_the_system_prompt_may_hold_media() -> None:
    odd = {"contents": [{"parts": "Hi"}, {"parts": ["Hi"]}], "systemInstruction": {"parts": PNG}}
    assert read(odd).media == ()
    assert read({**BASE, "system_instruction": {"parts": {"inlineData": PNG}}}).media == (
        Media("image", 80),
    )


@pytest.mark.parametrize(
    ("action", "query", "stream", "forwarded"),
    [
        pytest.param("streamGenerateContent", "alt=sse", True, "alt=sse", id="events"),
        pytest.param("streamGenerateContent", "key=x&alt=sse&fields=y", True, "alt=sse", id="more"),
        pytest.param("streamGenerateContent", "", True, "", id="an array"),
        pytest.param("streamGenerateContent", "alt=json", True, "", id="an array, said"),
        pytest.param("generateContent", "alt=json&fields=candidates", False, "", id="no stream"),
    ],
)
def test_the_query_tells_how_a_stream_is_framed(
    action: str, query: str, stream: bool, forwarded: str
) -> None:
    call = read(BASE, action, query)
    assert call.stream == stream
    wire = GEMINI.write_call(call, "gemini-3-flash")
    assert (wire.path, wire.query) == (f"/v1beta/models/gemini-3-flash:{action}", forwarded)


@pytest.mark.parametrize(
    ("action", "query"),
    [
        ("generateContent", "alt=sse"),
        ("streamGenerateContent", "alt=proto"),
        ("streamGenerateContent", "alt=json&alt=sse"),
    ],
)
def test_a_framing_we_do_not_speak_is_refused(action: str, query: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(BASE, action, query)
    assert refused.value.param == "alt"


def test_the_callers_version_of_the_api_is_kept() -> None:
    call = GEMINI.read_call(
        route("countTokens", "v1"), {"model": "m"}, {}, json.dumps(BASE).encode()
    )
    assert GEMINI.write_call(call, "m").path == "/v1/models/m:countTokens"
    assert not route("countTokens").metered


@pytest.mark.parametrize(
    ("body", "action", "expected"),
    [
        pytest.param(
            b'{"contents" : [{}], "x":1.0}',
            "generateContent",
            b'{"contents" : [{}], "x":1.0}',
            id="nothing to change",
        ),
        pytest.param(
            b'{"model":"models/a","contents":[{}]}',
            "generateContent",
            b'{"model":"models/b","contents":[{}]}',
            id="repeated in the body",
        ),
        pytest.param(
            b'{"requests":[{"model":"models/a","content":{}}, {"content":{},"model" : "a"}]}',
            "batchEmbedContents",
            b'{"requests":[{"model":"models/b","content":{}}, {"content":{},'
            b'"model" : "models/b"}]}',
            id="repeated in every request",
        ),
        pytest.param(
            b'{"generateContentRequest":{"contents":[{}],"model":"models/a"}}',
            "countTokens",
            b'{"generateContentRequest":{"contents":[{}],"model":"models/b"}}',
            id="repeated in the counted request",
        ),
        pytest.param(
            b'{"contents":[{}],"store": true}',
            "generateContent",
            b'{"contents":[{}],"store": false}',
            id="nothing is stored",
        ),
        pytest.param(
            b'{"content":{"parts":[{"text":"x"}]}}',
            "embedContent",
            b'{"content":{"parts":[{"text":"x"}]}}',
            id="one embedding",
        ),
    ],
)
def test_the_upstreams_name_is_written_wherever_the_callers_stood(
    body: bytes, action: str, expected: bytes
) -> None:
    assert GEMINI.write_call(read(body, action, model="a"), "b").body == expected


def test_a_batch_may_not_name_another_model() -> None:
    body = {"requests": [{"model": "models/a", "content": {}}, {"model": "models/dear"}]}
    with pytest.raises(InvalidRequest) as refused:
        read(body, "batchEmbedContents", model="a")
    assert refused.value.param == "requests[1].model"


def test_the_beginning_of_the_conversation_is_the_session() -> None:
    one, grown = read(BASE), read({"contents": [*CONTENTS, *CONTENTS]})
    assert one.session == grown.session
    assert read({**BASE, "system_instruction": {"parts": [{"text": "x"}]}}).session != one.session
