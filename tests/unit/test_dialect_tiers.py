"""Service tiers and sizes: which a caller names, and which an answer says it was served by."""

import json
from typing import Any

import pytest

from tollgate.dialects import load
from tollgate.domain.call import Call
from tollgate.domain.errors import InvalidRequest
from tollgate.domain.usage import Usage

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
MESSAGES = {**CHAT, "max_tokens": 10}
CONTENTS = {"contents": [{"parts": [{"text": "hi"}]}]}


def read(name: str, body: dict[str, Any], more: dict[str, Any]) -> Call:
    """A call of a dialect's first route."""
    dialect = load(name)
    path = {"model": "m", "version": "v1beta"}
    route = next(r for r in dialect.routes if r.operation == "generate" and not r.stream)
    return dialect.read_call(route, path, {}, json.dumps({**body, **more}).encode())


@pytest.mark.parametrize(
    ("name", "body", "more", "tier"),
    [
        ("openai_chat", CHAT, {}, ""),
        ("openai_chat", CHAT, {"service_tier": None}, ""),
        ("openai_chat", CHAT, {"service_tier": "auto"}, ""),
        ("openai_chat", CHAT, {"service_tier": "default"}, ""),
        ("openai_chat", CHAT, {"service_tier": "on_demand"}, ""),
        ("openai_chat", CHAT, {"service_tier": "flex"}, "flex"),
        ("openai_chat", CHAT, {"service_tier": "Priority"}, "priority"),
        ("anthropic_messages", MESSAGES, {}, ""),
        ("anthropic_messages", MESSAGES, {"service_tier": "auto"}, ""),
        ("anthropic_messages", MESSAGES, {"speed": "standard"}, ""),
        ("anthropic_messages", MESSAGES, {"speed": "fast"}, "fast"),
        ("gemini", CONTENTS, {}, ""),
        ("gemini", CONTENTS, {"serviceTier": "SERVICE_TIER_UNSPECIFIED"}, ""),
        ("gemini", CONTENTS, {"service_tier": "standard"}, ""),
        ("gemini", CONTENTS, {"serviceTier": "service_tier_flex"}, "flex"),
        ("gemini", CONTENTS, {"service_tier": "PRIORITY"}, "priority"),
    ],
)
def test_the_tier_a_caller_names(
    name: str, body: dict[str, Any], more: dict[str, Any], tier: str
) -> None:
    assert read(name, body, more).tier == tier


@pytest.mark.parametrize(
    ("name", "body", "more", "labels"),
    [
        ("gemini", CONTENTS, {}, ()),
        ("gemini", CONTENTS, {"generationConfig": {"imageConfig": {"imageSize": "4k"}}}, ("4K",)),
        (
            "gemini",
            CONTENTS,
            {"generation_config": {"image_config": {"image_size": "2K"}}},
            ("2K",),
        ),
        ("gemini", CONTENTS, {"generationConfig": {"imageConfig": {"aspectRatio": "1:1"}}}, ()),
    ],
)
def test_the_size_a_caller_names(
    name: str, body: dict[str, Any], more: dict[str, Any], labels: tuple[str, ...]
) -> None:
    assert read(name, body, more).labels == labels


def test_a_size_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="imageSize"):
        read("gemini", CONTENTS, {"generationConfig": {"imageConfig": {"imageSize": 4}}})


OPENAI = {"usage": {"prompt_tokens": 5, "completion_tokens": 2}}
ANTHROPIC = {"input_tokens": 5, "output_tokens": 2}


@pytest.mark.parametrize(
    ("name", "answer", "tier"),
    [
        ("openai_chat", OPENAI, ""),
        ("openai_chat", {**OPENAI, "service_tier": "default"}, "default"),
        ("openai_chat", {**OPENAI, "service_tier": "priority"}, "priority"),
        ("openai_chat", {**OPENAI, "service_tier": 7}, ""),
        ("openai_chat", {**OPENAI, "service_tier": "x" * 33}, ""),
        ("anthropic_messages", {"usage": ANTHROPIC}, ""),
        ("anthropic_messages", {"usage": {**ANTHROPIC, "service_tier": "standard"}}, ""),
        (
            "anthropic_messages",
            {"usage": {**ANTHROPIC, "service_tier": "standard", "speed": "fast"}},
            "fast",
        ),
        (
            "anthropic_messages",
            {"usage": {**ANTHROPIC, "service_tier": "priority", "speed": "standard"}},
            "standard",
        ),
    ],
)
def test_the_tier_an_answer_reports(name: str, answer: dict[str, Any], tier: str) -> None:
    used = load(name).read_usage(Call("generate", "m", b""), json.dumps(answer).encode())
    assert isinstance(used, Usage)
    assert used.tier == tier


def test_a_streams_last_chunk_reports_its_tier() -> None:
    tap = load("openai_chat").tap(Call("generate", "m", b"", stream=True))
    chunk = {"choices": [], "service_tier": "flex", **OPENAI}
    tap.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    assert tap.usage is not None
    assert tap.usage.tier == "flex"


def test_the_speed_of_a_stream_stays_when_its_end_tells_none() -> None:
    """Fast service is charged although every event names the ordinary service tier."""
    tap = load("anthropic_messages").tap(Call("generate", "m", b"", stream=True))
    begin = {**ANTHROPIC, "service_tier": "standard", "speed": "fast"}
    end = {"output_tokens": 9, "service_tier": "standard"}
    for kind, more in (
        ("message_start", {"message": {"id": "msg_1", "usage": begin}}),
        ("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": end}),
    ):
        data = json.dumps({"type": kind, **more})
        tap.feed(f"event: {kind}\ndata: {data}\n\n".encode())
    assert tap.usage is not None
    assert tap.usage.tier == "fast"


def picture(**more: object) -> dict[str, Any]:
    """A part that is an image."""
    return {"inlineData": {"mimeType": "image/png", "data": "aaaa"}, **more}


TOKENS = {
    "promptTokenCount": 5,
    "candidatesTokenCount": 2_600,
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 2_580}],
}


@pytest.mark.parametrize(
    ("parts", "images"),
    [
        pytest.param([{"text": "two"}, picture(), picture()], 2, id="two pictures"),
        pytest.param([picture(thought=True), picture()], 1, id="a draft that was only thought"),
        pytest.param([{"text": "here"}], 1, id="tokens of a picture mean one"),
        pytest.param(
            [{"inlineData": {"mimeType": "audio/wav"}}, {"inlineData": 3}], 1, id="sound is none"
        ),
    ],
)
def test_pictures_of_an_answer_are_counted(parts: list[dict[str, Any]], images: int) -> None:
    answer = {"candidates": [{"content": {"parts": parts}}], "usageMetadata": TOKENS}
    used = load("gemini").read_usage(Call("generate", "m", b""), json.dumps(answer).encode())
    assert isinstance(used, Usage)
    assert dict(used.quantities) == {
        "input": 5,
        "output": 20,
        "output_image": 2_580,
        "images": images,
    }
