"""Messages of an AWS event stream: taken apart as botocore does, and never when damaged."""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from tests.event_streams import START, chunk, message, pieces, stream, text_headers
from tollgate.dialects._bedrock_frames import Frame, Frames
from tollgate.domain.errors import UpstreamFailed


def frames_of(parts: list[bytes]) -> Iterator[Frame]:
    frames = Frames()
    for part in parts:
        yield from frames.feed(part)
    frames.end()


def named(name: bytes, kind: int, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name + struct.pack(">B", kind) + value


def sized(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).map(str.encode)
VALUES = st.one_of(
    st.sampled_from([(0, b""), (1, b"")]),
    st.integers(-(2**7), 2**7 - 1).map(lambda n: (2, struct.pack(">b", n))),
    st.integers(-(2**15), 2**15 - 1).map(lambda n: (3, struct.pack(">h", n))),
    st.integers(-(2**31), 2**31 - 1).map(lambda n: (4, struct.pack(">i", n))),
    st.integers(-(2**63), 2**63 - 1).map(lambda n: (5, struct.pack(">q", n))),
    st.binary(max_size=20).map(lambda raw: (6, sized(raw))),
    st.text(max_size=20).map(lambda text: (7, sized(text.encode()))),
    st.integers(-(2**63), 2**63 - 1).map(lambda n: (8, struct.pack(">q", n))),
    st.binary(min_size=16, max_size=16).map(lambda raw: (9, raw)),
)
MESSAGES = st.builds(
    lambda headers, payload: message(
        b"".join(named(name, *value) for name, value in headers.items()), payload
    ),
    st.dictionaries(NAMES, VALUES, max_size=5),
    st.binary(max_size=60),
)


@given(messages=st.lists(MESSAGES, max_size=4), size=st.integers(1, 100))
def test_messages_are_botocores(messages: list[bytes], size: int) -> None:
    parts = pieces(b"".join(messages), size)
    theirs: Any = EventStreamBuffer()
    for part in parts:
        theirs.add_data(part)
    expected = [Frame(each.headers, each.payload) for each in theirs]
    assert list(frames_of(parts)) == expected
    assert len(expected) == len(messages)


@pytest.mark.parametrize("size", [1, 7, 4_096])
def test_messages_arrive_in_any_pieces(size: int) -> None:
    found = list(frames_of(pieces(stream(), size)))
    assert [frame.text(":event-type") for frame in found] == ["chunk"] * 6


def test_a_flipped_bit_is_noticed_wherever_it_is() -> None:
    whole = chunk(START)
    for place in range(len(whole)):
        for bit in (1, 128):
            broken = bytearray(whole)
            broken[place] ^= bit
            with pytest.raises(UpstreamFailed):
                list(frames_of([bytes(broken)]))


@pytest.mark.parametrize("left", [1, 11, 15, 16, 100])
def test_a_stream_may_not_end_within_a_message(left: int) -> None:
    with pytest.raises(UpstreamFailed, match="ended within a message"):
        list(frames_of([chunk(START)[:left]]))


def test_a_message_has_a_bound() -> None:
    frames = Frames(limit=100)
    assert len(list(frames.feed(message(b"", b"x" * 84)))) == 1
    with pytest.raises(UpstreamFailed, match="a message of 101 bytes"):
        list(frames.feed(message(b"", b"x" * 85)[:16]))


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(named(b"a", 7, sized(b"x")) * 2, id="one header twice"),
        pytest.param(named(b"a", 10, b""), id="a type nobody knows"),
        pytest.param(named(b"a", 7, sized(b"xyz")[:3]), id="a value that is too short"),
        pytest.param(named(b"a", 5, b"1234"), id="a number that is too short"),
        pytest.param(named(b"a", 7, b"\0"), id="half a length"),
        pytest.param(b"\x05ab", id="a name that is too short"),
        pytest.param(b"\x01a", id="no type"),
        pytest.param(named(b"a", 7, sized(b"\xff")), id="a text that is none"),
        pytest.param(named(b"\xff", 0, b""), id="a name that is none"),
    ],
)
def test_headers_that_are_none(broken: bytes) -> None:
    with pytest.raises(UpstreamFailed, match="damaged"):
        list(frames_of([message(broken, b"")]))


def test_lengths_that_cannot_be() -> None:
    start = struct.pack(">II", 20, 8)
    start += struct.pack(">I", zlib.crc32(start))
    with pytest.raises(UpstreamFailed, match="damaged"):
        list(frames_of([start + bytes(8)]))


def test_what_comes_before_damage_is_given() -> None:
    found = frames_of([chunk(START) + b"\0" * 40])
    assert next(found).text(":event-type") == "chunk"
    with pytest.raises(UpstreamFailed):
        next(found)


def test_only_texts_are_texts() -> None:
    (frame,) = frames_of([message(named(b"flag", 0, b"") + text_headers({"a": "b"}), b"")])
    assert (frame.text("a"), frame.text("flag"), frame.text("none")) == ("b", "", "")
