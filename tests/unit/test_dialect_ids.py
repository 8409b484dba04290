"""The upstream's id of a whole answer, read by each dialect: what a vendor's support asks for."""

import json

import httpx
import pytest

from tests.gateway import CHAT, USAGE, Gateway, chat_answer
from tollgate.dialects import load, names


@pytest.mark.parametrize(
    ("dialect", "answer", "expected"),
    [
        pytest.param("openai_chat", {"id": "chatcmpl-7", "choices": []}, "chatcmpl-7", id="chat"),
        pytest.param(
            "openai_chat",
            {"choices": [{"message": {"tool_calls": [{"id": "call_1"}]}}], "id": "chatcmpl-7"},
            "chatcmpl-7",
            id="a chat's tool calls have ids of their own",
        ),
        pytest.param(
            "openai_embeddings", {"object": "list", "data": [], "id": "x"}, "", id="embeddings"
        ),
        pytest.param(
            "anthropic_messages",
            {"content": [{"type": "tool_use", "id": "toolu_1"}], "id": "msg_01XF"},
            "msg_01XF",
            id="messages",
        ),
        pytest.param("gemini", {"candidates": [], "responseId": "r-1"}, "r-1", id="gemini"),
        pytest.param("gemini", {"embedding": {"values": [0.1]}}, "", id="gemini's vectors"),
        pytest.param("openai_chat", {"choices": []}, "", id="none"),
        pytest.param("openai_chat", {"id": 7}, "", id="a number"),
        pytest.param("anthropic_messages", {"id": "m" * 200}, "m" * 128, id="a long one"),
        pytest.param("gemini", ["responseId"], "", id="not an object"),
    ],
)
def test_the_id_of_an_answer(dialect: str, answer: object, expected: str) -> None:
    assert load(dialect).read_id(json.dumps(answer).encode()) == expected


@pytest.mark.parametrize("dialect", names())
@pytest.mark.parametrize("body", [b"", b"\xff", b'{"id":"x', b"[" * 100_000])
def test_an_answer_that_cannot_be_read_has_none(dialect: str, body: bytes) -> None:
    assert load(dialect).read_id(body) == ""


def test_half_a_surrogate_pair_cannot_be_stored_and_keeps_no_call_from_being_recorded() -> None:
    answer = chat_answer(USAGE).json() | {"id": "chat-\ud800"}
    gateway = Gateway(lambda request: httpx.Response(200, content=json.dumps(answer).encode()))
    gateway.post("/v1/chat/completions", CHAT)
    assert gateway.record().upstream_id == "chat-?"


def test_a_whole_answers_record_names_it_as_a_streams_does() -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE))
    gateway.post("/v1/chat/completions", CHAT)
    assert gateway.record().upstream_id == "chatcmpl-1"
