"""Embeddings of OpenAI and of those who speak alike: calls, answers, and that nothing streams."""

import json
from typing import Any

import pytest

from tollgate.dialects import Call, load
from tollgate.domain.errors import InvalidRequest, MissingParameter

EMBEDDINGS = load("openai_embeddings")


def read(body: dict[str, Any]) -> Call:
    """An embeddings call read from a body."""
    return EMBEDDINGS.read_call(EMBEDDINGS.routes[0], {}, {}, json.dumps(body).encode())


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("text", id="a text"),
        pytest.param(["a", "b"], id="texts"),
        pytest.param([1, 2, 3], id="tokens"),
        pytest.param(list(range(5_000)), id="many tokens of one text"),
        pytest.param([[1, 2], [3]], id="tokens of texts"),
        pytest.param(["x"] * 2_048, id="as many texts as possible"),
    ],
)
def test_what_can_be_embedded_is_read(value: object) -> None:
    call = read({"model": "text-embedding-3-small", "input": value, "user": "u"})
    assert (call.operation, call.model, call.session) == ("embed", "text-embedding-3-small", "u")
    assert (call.text_bytes, call.stream) == (len(call.body), False)


@pytest.mark.parametrize(
    ("body", "kind", "param"),
    [
        pytest.param({"model": "m"}, MissingParameter, "input", id="no input"),
        pytest.param({"model": "m", "input": []}, MissingParameter, "input", id="empty input"),
        pytest.param({"input": "x"}, MissingParameter, "model", id="no model"),
        pytest.param({"model": "m", "input": 5}, InvalidRequest, "input", id="a number"),
        pytest.param({"model": "m", "input": {}}, InvalidRequest, "input", id="an object"),
        pytest.param({"model": "m", "input": ["x"] * 2_049}, InvalidRequest, "input", id="many"),
    ],
)
def test_what_cannot_be_embedded_is_refused(
    body: dict[str, Any], kind: type[InvalidRequest], param: str
) -> None:
    with pytest.raises(kind) as refused:
        read(body)
    assert refused.value.param == param


def test_the_model_is_replaced_and_nothing_else() -> None:
    call = EMBEDDINGS.read_call(
        EMBEDDINGS.routes[0], {}, {}, b'{"input": ["a" ],"model":"m", "dimensions":3}'
    )
    wire = EMBEDDINGS.write_call(call, "other")
    assert wire.body == b'{"input": ["a" ],"model":"other", "dimensions":3}'
    assert wire.path == "/embeddings"


@pytest.mark.parametrize(
    ("answer", "tokens"),
    [
        pytest.param(b'{"data":[],"usage":{"prompt_tokens":7,"total_tokens":7}}', 7, id="OpenAI"),
        pytest.param(b'{"data":[],"usage":{"total_tokens":9}}', 9, id="only a total"),
        pytest.param(b'{"usage":{"prompt_tokens":7},"data":[{"embedding":[0.1]}]}', 7, id="first"),
    ],
)
def test_usage_is_the_input(answer: bytes, tokens: int) -> None:
    used = EMBEDDINGS.read_usage(read({"model": "m", "input": "x"}), answer)
    assert used is not None
    assert (dict(used.quantities), used.suspect) == ({"input": tokens}, False)


@pytest.mark.parametrize("answer", [b"", b'{"data":[]}', b'{"usage":null}', b'{"usage":"x"}'])
def test_an_answer_without_usage_has_none(answer: bytes) -> None:
    assert EMBEDDINGS.read_usage(read({"model": "m", "input": "x"}), answer) is None


def test_odd_usage_is_suspect() -> None:
    used = EMBEDDINGS.read_usage(
        read({"model": "m", "input": "x"}), b'{"usage":{"prompt_tokens":"7"}}'
    )
    assert used is not None
    assert (dict(used.quantities), used.suspect) == ({"input": 7}, True)
