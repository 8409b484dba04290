"""Where events and elements end, however the bytes arrive, and what an event's lines say."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollgate.dialects._array import Elements
from tollgate.dialects._sse import Events, Splitter, events_of, fields
from tollgate.domain.errors import UpstreamFailed


def fed(splitter: Splitter, stream: bytes, size: int) -> list[bytes]:
    """What a splitter gives for a stream in pieces of one size."""
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    return [event for piece in pieces for event in splitter.feed(piece)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
@pytest.mark.parametrize(
    ("stream", "events", "rest"),
    [
        pytest.param(b"data: a\n\ndata: b\n\n", [b"data: a\n\n", b"data: b\n\n"], b"", id="LF"),
        pytest.param(
            b"data: a\r\n\r\ndata: b\r\n\r\n",
            [b"data: a\r\n\r\n", b"data: b\r\n\r\n"],
            b"",
            id="CRLF",
        ),
        pytest.param(b"data: a\n\ndata: b", [b"data: a\n\n"], b"data: b", id="cut"),
        pytest.param(b"data: a\ndata: b\n\n", [b"data: a\ndata: b\n\n"], b"", id="two lines"),
        pytest.param(b": ping\n\n", [b": ping\n\n"], b"", id="a comment"),
        pytest.param("data: 你\n\n".encode(), ["data: 你\n\n".encode()], b"", id="wide characters"),
        pytest.param(b"", [], b"", id="nothing"),
        pytest.param(b"data: a\n", [], b"data: a\n", id="one line end is none"),
        pytest.param(b"data: a\r\n", [], b"data: a\r\n", id="CRLF is one line end"),
    ],
)
def test_events_end_at_empty_lines(
    stream: bytes, events: list[bytes], rest: bytes, size: int
) -> None:
    splitter = Events()
    assert fed(splitter, stream, size) == events
    assert splitter.flush() == rest
    assert splitter.flush() == b""


@pytest.mark.parametrize(
    ("block", "events"),
    [
        pytest.param(b"a\r\rb\r\r", [b"a\r\r", b"b\r\r"], id="CR"),
        pytest.param(b"a\n\rb\n\r\n", [b"a\n\r", b"b\n\r\n"], id="LF and CR"),
        pytest.param(b"a\r\n\nb\n\n", [b"a\r\n\n", b"b\n\n"], id="CRLF and LF"),
        pytest.param(b"a\r\n\rb\n\n", [b"a\r\n\r", b"b\n\n"], id="CRLF and CR"),
        pytest.param(b"a\r\nb\n\n", [b"a\r\nb\n\n"], id="CRLF within"),
        pytest.param(b"a\n\n\n\nb\n\n", [b"a\n\n", b"\n\n", b"b\n\n"], id="more empty lines"),
    ],
)
def test_line_ends_may_be_mixed(block: bytes, events: list[bytes]) -> None:
    assert events_of(block) == events
    assert fed(Events(), block, 4096) == events


PIECES = st.sampled_from([b"a", b"data: x", b"\r", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\xe4"])


@given(st.lists(PIECES, max_size=30), st.integers(1, 9))
def test_what_comes_out_of_the_splitter_is_what_came_in(pieces: list[bytes], size: int) -> None:
    splitter = Events()
    stream = b"".join(pieces)
    events = fed(splitter, stream, size)
    assert b"".join(events) + splitter.flush() == stream
    assert all(event.endswith((b"\n", b"\r")) for event in events)


@pytest.mark.parametrize(
    ("event", "name", "said"),
    [
        pytest.param(b"data: a\n\n", b"", b"a", id="data"),
        pytest.param(b"data:a\n\n", b"", b"a", id="without a blank"),
        pytest.param(b"data:  a\n\n", b"", b" a", id="only one blank is taken"),
        pytest.param(b"event: x\r\ndata: a\r\n\r\n", b"x", b"a", id="named"),
        pytest.param(b"data: a\rdata: b\r\r", b"", b"a\nb", id="two lines of data"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", b"", b"a", id="byte order mark"),
        pytest.param(b": c\nid: 1\nretry: 5\ndata\n\n", b"", b"", id="fields we do not need"),
    ],
)
def test_an_event_has_a_name_and_data(event: bytes, name: bytes, said: bytes) -> None:
    assert fields(event) == (name, said)


@pytest.mark.parametrize("splitter", [Events, Elements])
def test_an_endless_event_is_cut_off(splitter: type[Events | Elements]) -> None:
    endless = splitter(limit=1_000)
    for _ in range(100):
        assert endless.feed(b"data: abcd") == []
    with pytest.raises(UpstreamFailed, match="more than 1000 bytes"):
        endless.feed(b"e")


@pytest.mark.parametrize("size", [1, 2, 5, 4096])
@pytest.mark.parametrize(
    ("stream", "elements", "rest"),
    [
        pytest.param(b'[{"a":1}]', [b'[{"a":1}'], b"]", id="one"),
        pytest.param(b'[{"a":1},{"b":2}]\n', [b'[{"a":1}', b',{"b":2}'], b"]\n", id="two"),
        pytest.param(
            b'[{\n "a": [{}]\n}\n,\r\n{"b": {"c": {}}}\n]',
            [b'[{\n "a": [{}]\n}', b'\n,\r\n{"b": {"c": {}}}'],
            b"\n]",
            id="as Google writes it",
        ),
        pytest.param(b'[{"a":"}]{[\\"}"},{}]', [b'[{"a":"}]{[\\"}"}', b",{}"], b"]", id="strings"),
        pytest.param(b'[{"a":"\\\\"},{}]', [b'[{"a":"\\\\"}', b",{}"], b"]", id="backslashes"),
        pytest.param(b"[]", [], b"[]", id="empty"),
        pytest.param(b'[{"a":1},{"b', [b'[{"a":1}'], b',{"b', id="cut"),
        pytest.param(b'{"error":{"code":1}}', [], b'{"error":{"code":1}}', id="no array"),
    ],
)
def test_elements_of_an_array_are_found(
    stream: bytes, elements: list[bytes], rest: bytes, size: int
) -> None:
    splitter = Elements()
    assert fed(splitter, stream, size) == elements
    assert splitter.flush() == rest


OBJECTS = st.lists(
    st.dictionaries(
        st.text(max_size=4), st.text('"\\{}[]a,', max_size=6) | st.lists(st.integers(), max_size=3)
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=50)
@given(OBJECTS, st.integers(1, 9), st.sampled_from([None, 2]))
def test_any_array_of_objects_is_taken_apart_and_stays_the_same(
    objects: list[dict[str, object]], size: int, indent: int | None
) -> None:
    stream = json.dumps(objects, indent=indent).encode()
    splitter = Elements()
    elements = fed(splitter, stream, size)
    assert [json.loads(element.strip(b"[, \n")) for element in elements] == objects
    assert b"".join(elements) + splitter.flush() == stream
