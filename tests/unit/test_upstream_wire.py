"""Where an upstream's answer begins and ends, at every way its bytes can be cut."""

import pytest

from tollgate.upstream.wire import (
    CHUNK_LIMIT,
    HEAD_LIMIT,
    LINE_LIMIT,
    Chunked,
    Framing,
    Malformed,
    Sized,
    UntilClose,
    framing_of,
    read_head,
    take_head,
)

CHUNKED = b'5\r\nhello\r\n0001;name=value;other="quoted"\r\n,\r\nA \r\n\r\nwor\nld\r\n\r\n0\r\n\r\n'
SAID = b"hello,\r\nwor\nld\r\n"


def fed(framing: Framing, *pieces: bytes) -> bytes:
    return b"".join(framing.feed(piece) for piece in pieces)


@pytest.mark.parametrize("place", range(len(CHUNKED) + 1))
def test_chunks_are_read_wherever_two_reads_meet(place: int) -> None:
    framing = Chunked()
    assert fed(framing, CHUNKED[:place], CHUNKED[place:]) == SAID
    assert (framing.complete, framing.surplus) == (True, b"")


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_chunks_are_read_in_pieces_of_any_size(size: int) -> None:
    framing = Chunked()
    pieces = [CHUNKED[place : place + size] for place in range(0, len(CHUNKED), size)]
    assert fed(framing, *pieces) == SAID
    assert framing.complete


@pytest.mark.parametrize("place", range(1, len(CHUNKED)))
def test_a_chunked_body_that_breaks_off_is_never_taken_for_complete(place: int) -> None:
    framing = Chunked()
    framing.feed(CHUNKED[:place])
    assert not framing.complete
    with pytest.raises(Malformed, match="ended within"):
        framing.end()


def test_bytes_of_an_unfinished_chunk_are_given_on_at_once() -> None:
    framing = Chunked()
    assert framing.feed(b"100\r\nab") == b"ab"
    assert framing.feed(b"c") == b"c"


def test_many_chunks_of_one_read_are_given_on_together() -> None:
    assert Chunked().feed(b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n") == b"abc"


@pytest.mark.parametrize(
    ("trailer", "surplus"),
    [
        pytest.param(b"\r\n", b"", id="none"),
        pytest.param(b"x-checksum: 1\r\n\r\n", b"", id="one field"),
        pytest.param(b"a: 1\r\nb: 2\r\n\r\n", b"", id="two fields"),
        pytest.param(b"\r\nHTTP/1.1 200", b"HTTP/1.1 200", id="bytes behind the end"),
        pytest.param(b"a: 1\r\n\r\n\r\n", b"\r\n", id="a line break behind the end"),
    ],
)
def test_trailers_are_passed_over_and_what_follows_is_noticed(
    trailer: bytes, surplus: bytes
) -> None:
    whole = b"1\r\nx\r\n0\r\n" + trailer
    together = Chunked()
    assert together.feed(whole) == b"x"
    assert (together.complete, together.surplus) == (True, surplus)
    singly = Chunked()
    end = len(whole) - len(surplus)
    assert fed(singly, *(whole[n : n + 1] for n in range(end))) == b"x"
    assert singly.complete


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"x\r\n", id="no number"),
        pytest.param(b"-1\r\n", id="negative"),
        pytest.param(b"+1\r\n", id="with a sign"),
        pytest.param(b"0x1\r\n", id="with a prefix"),
        pytest.param(b"1_0\r\n", id="with an underscore"),
        pytest.param(b" 1\r\n", id="after a blank"),
        pytest.param(b"\r\n", id="empty"),
        pytest.param(b"1\n", id="a bare line feed"),
        pytest.param(b"1;a\rb\r\n", id="a carriage return within an extension"),
        pytest.param(b"1\r\nab\r\n", id="longer than it says"),
        pytest.param(b"3\r\nab\r\n1\r\n", id="shorter than it says"),
        pytest.param(b"1\r\nx1\r\ny", id="no line end behind a chunk"),
        pytest.param(b"11111111111111111\r\n", id="seventeen digits"),
        pytest.param(b"%x\r\n" % (CHUNK_LIMIT + 1), id="larger than any answer"),
        pytest.param(b"1;" + b"a" * (LINE_LIMIT + 1), id="an endless extension"),
        pytest.param(b"0\r\n" + b"a: 1\r\n" * HEAD_LIMIT, id="an endless trailer"),
    ],
)
def test_what_is_no_chunk_is_refused(text: bytes) -> None:
    framing = Chunked()
    with pytest.raises(Malformed):
        framing.feed(text)


def test_an_announced_length_ends_the_body() -> None:
    framing = Sized(5)
    assert fed(framing, b"he", b"", b"l") == b"hel"
    assert not framing.complete
    with pytest.raises(Malformed, match="2 bytes before"):
        framing.end()
    assert framing.feed(b"loHTTP") == b"lo"
    assert (framing.complete, framing.surplus) == (True, b"HTTP")
    framing.end()


def test_a_body_of_no_bytes_is_complete_at_once() -> None:
    assert Sized(0).complete


def test_the_end_of_the_connection_ends_a_body_without_length() -> None:
    framing = UntilClose()
    assert framing.feed(b"all") == b"all"
    assert not framing.complete
    framing.end()


# --- the head -------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Empty:\r\nSet-Cookie: a \r\n\r\n"


@pytest.mark.parametrize("place", range(len(HEAD)))
def test_a_head_is_waited_for_to_its_end(place: int) -> None:
    found, rest = take_head(HEAD[:place])
    assert (found, rest) == (None, HEAD[:place])


def test_a_head_tells_status_and_headers_and_leaves_the_rest() -> None:
    head, rest = take_head(HEAD + b"body")
    assert head is not None
    assert (head.status, head.lasts, rest) == (200, True, b"body")
    assert head.headers == [
        (b"content-type", b"text/event-stream"),
        (b"x-empty", b""),
        (b"set-cookie", b"a"),
    ]


def test_bare_line_feeds_end_lines_as_well() -> None:
    head, rest = take_head(b"HTTP/1.0 404 Not Found\nA: b\n\nbody")
    assert head is not None
    assert (head.status, head.headers, head.lasts, rest) == (404, [(b"a", b"b")], False, b"body")


def test_interim_answers_are_passed_over() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert take_head(interim)[0] is None
    head, rest = take_head(interim + b"HTTP/1.1 204\r\n\r\n")
    assert (head and head.status, rest) == (204, b"")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"HTTP/2 200 OK", id="another version"),
        pytest.param(b"HTTP/1.1 20 OK", id="two digits"),
        pytest.param(b"HTTP/1.1 2000 OK", id="four digits"),
        pytest.param(b"SSH-2.0-OpenSSH_9.7", id="another protocol"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nno colon", id="a header without colon"),
        pytest.param(b"HTTP/1.1 200 OK\r\na b: c", id="a blank in a name"),
        pytest.param(b"HTTP/1.1 200 OK\r\na : c", id="a blank behind a name"),
        pytest.param(b"HTTP/1.1 200 OK\r\na: b\r\n folded", id="a folded line"),
        pytest.param(b"HTTP/1.1 200 OK\r\na: b\0c", id="a null byte"),
        pytest.param(b"HTTP/1.1 200 OK\r\na: b\rc", id="a carriage return in a value"),
        pytest.param(b"HTTP/1.1 101 Switching\r\nUpgrade: x", id="another protocol from here on"),
        pytest.param(b"a" * (HEAD_LIMIT + 1), id="a head without end"),
    ],
)
def test_what_is_no_head_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        take_head(text + (b"\r\n\r\n" if len(text) < HEAD_LIMIT else b""))


def kind(lines: bytes, status: int = 200, version: str = "1.1") -> tuple[str, bool]:
    text = f"HTTP/{version} {status} x\r\n".encode() + lines
    framing, lasts = framing_of(read_head(text.removesuffix(b"\r\n")))
    return type(framing).__name__, lasts


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(b"Content-Length: 5", ("Sized", True), id="a length"),
        pytest.param(b"Content-Length: 5\r\nContent-Length: 5", ("Sized", True), id="twice"),
        pytest.param(b"Content-Length: 5, 5", ("Sized", True), id="twice in one line"),
        pytest.param(b"Content-Length: 5\r\nConnection: Close", ("Sized", False), id="the last"),
        pytest.param(b"Content-Length: 5\r\nConnection: x, close", ("Sized", False), id="a list"),
        pytest.param(b"Transfer-Encoding: chunked", ("Chunked", True), id="chunks"),
        pytest.param(b"Transfer-Encoding: Chunked", ("Chunked", True), id="in capitals"),
        pytest.param(
            b"Transfer-Encoding: chunked\r\nContent-Length: 5",
            ("Chunked", False),
            id="chunks and a length: nothing may follow",
        ),
        pytest.param(b"", ("UntilClose", False), id="neither"),
    ],
)
def test_headers_tell_how_a_body_ends(lines: bytes, expected: tuple[str, bool]) -> None:
    assert kind(lines) == expected


def test_an_older_server_closes_after_its_answer() -> None:
    assert kind(b"Content-Length: 5", version="1.0") == ("Sized", False)


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body(status: int) -> None:
    framing, _ = framing_of(read_head(b"HTTP/1.1 %d x\r\nContent-Length: 5" % status))
    assert framing.complete


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(b"Content-Length: 5\r\nContent-Length: 6", id="two lengths"),
        pytest.param(b"Content-Length: -5", id="negative"),
        pytest.param(b"Content-Length: +5", id="with a sign"),
        pytest.param(b"Content-Length: 5x", id="no number"),
        pytest.param(b"Content-Length: 1000000000000000", id="larger than any answer"),
        pytest.param(b"Transfer-Encoding: gzip, chunked", id="two codings"),
        pytest.param(b"Transfer-Encoding: identity", id="another coding"),
        pytest.param(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", id="twice"),
    ],
)
def test_a_body_whose_end_is_doubtful_is_refused(lines: bytes) -> None:
    with pytest.raises(Malformed):
        kind(lines)
