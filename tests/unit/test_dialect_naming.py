"""A mapped model is called in answers what its caller called it; nothing else of them changes."""

import pytest

from tollgate.dialects import Renaming, load, names, renamed


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(
            b'{"id":"c", "model" : "wire" ,"choices":[]}',
            b'{"id":"c", "model" : "asked" ,"choices":[]}',
            id="only the value is new",
        ),
        pytest.param(
            '{"content":[{"input":{"model":"wire"},"text":"é"}],"model":"wire"}'.encode(),
            '{"content":[{"input":{"model":"wire"},"text":"é"}],"model":"asked"}'.encode(),
            id="what the model wrote stays",
        ),
        pytest.param(b'{"id":"c"}', b'{"id":"c"}', id="no name"),
        pytest.param(b'{"model":null}', b'{"model":null}', id="no text"),
        pytest.param(b'{"model":"wire"', b'{"model":"wire"', id="no JSON"),
        pytest.param(b"1\n00:00 --> 00:01\nhi", b"1\n00:00 --> 00:01\nhi", id="subtitles"),
    ],
)
def test_a_whole_answer(body: bytes, told: bytes) -> None:
    assert renamed(body, "model", "asked") == told


def test_names_are_written_as_json() -> None:
    assert renamed(b'{"model":"wire"}', "model", 'a "b" é') == b'{"model":"a \\"b\\" \\u00e9"}'


@pytest.mark.parametrize(
    ("events", "told"),
    [
        pytest.param(
            [b'data: {"model":"wire-1","x":1}\n\n', b'data: {"model":"wire-1","x":2}\n\n'],
            [b'data: {"model":"asked","x":1}\n\n', b'data: {"model":"asked","x":2}\n\n'],
            id="every event",
        ),
        pytest.param(
            [b'data: {"model": "wire"}\n\ndata: {"model": "wire"}\n\n'],
            [b'data: {"model": "asked"}\n\ndata: {"model": "asked"}\n\n'],
            id="two at once, spaces kept",
        ),
        pytest.param(
            [b'data: {"model":""}\n\n', b'data: {"model":"wire"}\n\n'],
            [b'data: {"model":""}\n\n', b'data: {"model":"asked"}\n\n'],
            id="Azure's first event has an empty name",
        ),
        pytest.param(
            [b'data: {"model":null}\n\n', b": ping\n\n", b'data: {"model":"wire"}\n\n'],
            [b'data: {"model":null}\n\n', b": ping\n\n", b'data: {"model":"asked"}\n\n'],
            id="events without a name",
        ),
        pytest.param(
            [b'data: {"model":"wire","text":"{\\"model\\":\\"wire\\"}","args":{"model":"T"}}\n\n'],
            [b'data: {"model":"asked","text":"{\\"model\\":\\"wire\\"}","args":{"model":"T"}}\n\n'],
            id="what the model wrote stays",
        ),
    ],
)
def test_a_stream(events: list[bytes], told: list[bytes]) -> None:
    renaming = Renaming("model", "asked")
    assert [renaming.passed(event) for event in events] == told


def test_every_dialect_says_how_its_answers_name_their_model() -> None:
    assert {name: load(name).model_member for name in names()} == {
        "anthropic_messages": "model",
        "gemini": "modelVersion",
        "openai_chat": "model",
        "openai_embeddings": "model",
        "openai_images": "model",
        "openai_transcriptions": "model",
    }
