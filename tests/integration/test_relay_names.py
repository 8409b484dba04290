"""What a model was mapped to is for staff: an answer names the one that was asked for (R12)."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.gateway import ACCOUNTS, GROUP, Gateway, sse, streamed
from tollgate.domain.catalog import Channel, GroupPart

HI = [{"role": "user", "content": "hi"}]
WIRE = "wire-2026"
VENDORS = f"{WIRE}-0811"
"""What the vendor calls its model in answers: not even the name that was sent."""

CALLS: dict[str, tuple[int, str, str, dict[str, Any], dict[str, Any]]] = {
    "chat": (
        0,
        "gpt-4o",
        "/v1/chat/completions",
        {"model": "gpt-4o", "max_tokens": 9, "messages": HI},
        {"model": VENDORS, "choices": [{"message": {"content": VENDORS}}]},
    ),
    "embeddings": (
        0,
        "text-embedding-3-small",
        "/v1/embeddings",
        {"model": "text-embedding-3-small", "input": "hi"},
        {"data": [], "model": VENDORS, "usage": {"prompt_tokens": 1, "total_tokens": 1}},
    ),
    "messages": (
        1,
        "claude-sonnet-4",
        "/v1/messages",
        {"model": "claude-sonnet-4", "max_tokens": 9, "messages": HI},
        {"model": VENDORS, "content": [{"type": "tool_use", "input": {"model": VENDORS}}]},
    ),
    "gemini": (
        2,
        "gemini-2.5-flash",
        "/v1beta/models/gemini-2.5-flash:generateContent",
        {"contents": [{"parts": [{"text": "hi"}]}]},
        {"candidates": [], "modelVersion": VENDORS},
    ),
}
STREAMS: dict[str, tuple[str, dict[str, Any], list[Any]]] = {
    "chat": (
        "/v1/chat/completions",
        {"stream": True},
        [{"id": "c", "model": VENDORS, "choices": [{"delta": {"content": t}}]} for t in ("a", "b")],
    ),
    "messages": (
        "/v1/messages",
        {"stream": True},
        [{"type": "message_start", "message": {"model": VENDORS, "usage": {"input_tokens": 1}}}],
    ),
    "gemini": (
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
        {},
        [{"candidates": [], "modelVersion": VENDORS}, {"candidates": [], "modelVersion": VENDORS}],
    ),
}


def mapped(kind: str) -> GroupPart:
    """A group whose account sends the model of that call under another name."""
    index, model, *_ = CALLS[kind]
    account = replace(ACCOUNTS[index], model_mapping={model: WIRE})
    return replace(GROUP, platform=account.platform, accounts=(account,))


@pytest.mark.parametrize("kind", CALLS)
def test_a_whole_answer_names_what_was_asked_for(kind: str) -> None:
    _, model, path, body, answer = CALLS[kind]
    gateway = Gateway(lambda request: httpx.Response(200, json=answer), group=mapped(kind))
    seen = gateway.post(path, body)
    member = "modelVersion" if kind == "gemini" else "model"
    assert (seen.status, seen.json) == (200, answer | {member: model})
    gateway.settle()
    record = gateway.record()
    assert (record.model, record.upstream_model) == (model, WIRE)


@pytest.mark.parametrize("kind", STREAMS)
def test_every_event_names_what_was_asked_for(kind: str) -> None:
    path, more, events = STREAMS[kind]
    _, model, _, body, _ = CALLS[kind]
    sent = sse(*events, done=kind == "chat")
    gateway = Gateway(lambda request: streamed(sent), group=mapped(kind))
    query: dict[str, Any] = {"multiValueQueryStringParameters": {"alt": ["sse"]}}
    seen = gateway.post(path, body | more, **query if kind == "gemini" else {})
    assert seen.body.startswith(sent.replace(VENDORS.encode(), model.encode()))
    assert seen.body.count(f'"{model}"'.encode()) == len(events)


def test_a_channels_mapping_is_no_less_secret() -> None:
    _, model, path, body, answer = CALLS["messages"]
    channel = Channel("chn_1", "main", {"anthropic": {model: WIRE}}, "requested")
    account = ACCOUNTS[1]
    group = replace(GROUP, platform="anthropic", channel=channel, accounts=(account,))
    gateway = Gateway(lambda request: httpx.Response(200, json=answer), group=group)
    assert gateway.post(path, body).json["model"] == model


def test_an_answer_to_what_was_not_mapped_keeps_every_byte() -> None:
    _, _, path, body, _ = CALLS["chat"]
    raw = b'{ "model" : "gpt-4o-2024-08-06" , "choices" : [] }'
    gateway = Gateway(lambda request: httpx.Response(200, content=raw))
    assert gateway.post(path, body).body == raw
