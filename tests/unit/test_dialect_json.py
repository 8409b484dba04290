"""Which bytes are a request body: strict JSON, refused with the place, and where members stand."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollgate.dialects._json import DEPTH_LIMIT, last_object, lenient, read
from tollgate.dialects._writing import compact, spliced
from tollgate.domain.errors import InvalidRequest


def nested(levels: int) -> bytes:
    """An object with so many levels of containers within each other."""
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "the body is empty", id="empty"),
        pytest.param(b" \r\n\t ", "the body is empty", id="blank"),
        pytest.param(b"[1]", "must be a JSON object", id="an array"),
        pytest.param(b'"text"', "must be a JSON object", id="a string"),
        pytest.param(b"null", "must be a JSON object", id="null"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', "byte order mark", id="byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), "UTF-16", id="UTF-16 with its mark"),
        pytest.param('{"a":1}'.encode("utf-16-le"), "UTF-16", id="UTF-16, little end first"),
        pytest.param('{"a":1}'.encode("utf-16-be"), "UTF-16", id="UTF-16, big end first"),
        pytest.param('{"a":1}'.encode("utf-32-be"), "UTF-32", id="UTF-32"),
        pytest.param(b"\x00", "UTF-16", id="a single NUL"),
        pytest.param(b'{"a":"\xff"}', "byte 6 cannot be decoded", id="not UTF-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', "byte 6", id="a surrogate written as UTF-8"),
        pytest.param(b'{"a":"\xc3', "byte 6", id="cut within a character"),
        pytest.param(b'{"a":"x\x00y"}', "control character at character 7", id="NUL in a string"),
        pytest.param(b'{"a":"x\ny"}', "control character at character 7", id="bare line break"),
        pytest.param(b'{"a":NaN}', "NaN is not a JSON value", id="NaN"),
        pytest.param(b'{"a":[1,Infinity]}', "Infinity is not", id="Infinity within"),
        pytest.param(b'{"a":-Infinity}', "-Infinity is not", id="minus Infinity"),
        pytest.param(b'{"a":1e400}', "'1e400' is too large", id="a number beyond floats"),
        pytest.param(b'{"a":{"b":-1e999}}', "'-1e999' is too large", id="beyond floats, within"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", "too many digits", id="5,000 digits"),
        pytest.param(b'{"a":1,"a":2}', "the key 'a' occurs twice", id="duplicate key"),
        pytest.param(b'{"a":1,"\\u0061":2}', "'a' occurs twice", id="duplicate key, escaped"),
        pytest.param(b'{"x":[{"b":1,"c":2,"b":3}]}', "'b' occurs twice", id="duplicate, within"),
        pytest.param(b'{"a":"\\ud800"}', "surrogate pair at character 6", id="high surrogate"),
        pytest.param(b'{"a":"\\udc00x"}', "surrogate pair at character 6", id="low surrogate"),
        pytest.param(b'{"a":"\\ud800\\ud800"}', "surrogate pair", id="two high surrogates"),
        pytest.param(b'{"\\uDFFF":1}', "surrogate pair at character 2", id="surrogate in a key"),
        pytest.param(b'{"a":1', "expecting ',' delimiter at character 6", id="cut"),
        pytest.param(b'{"a" 1}', "expecting ':' delimiter at character 5", id="no colon"),
        pytest.param(b'{"a":}', "expecting value at character 5", id="no value"),
        pytest.param(b'{"a":1,}', "double quotes at character 7", id="trailing comma"),
        pytest.param(b"{a:1}", "double quotes at character 1", id="bare key"),
        pytest.param(b"{", "double quotes at character 1", id="only a brace"),
        pytest.param(b'{"a', "unterminated string", id="cut within a key"),
        pytest.param(b'{"a":1} x', "extra data at character 7", id="something behind"),
        pytest.param(b'{"a":1}{}', "extra data at character 7", id="two objects"),
        pytest.param(b'{"a":01}', "expecting ',' delimiter", id="leading zero"),
        pytest.param(b"{'a':1}", "double quotes", id="single quotes"),
        pytest.param(nested(DEPTH_LIMIT + 1), "nested more than 256 levels", id="one too deep"),
        pytest.param(nested(10_000), "nested more than 256 levels", id="10,000 deep"),
        pytest.param(b'{"a":' * 10_000, "nested more than 256", id="10,000 deep and cut"),
    ],
)
def test_a_body_that_two_readers_could_understand_differently_is_refused(
    body: bytes, message: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(body)
    assert message in refused.value.message
    assert len(refused.value.message) < 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{}", id="empty object"),
        pytest.param(b' {"a" : 1 , "b":[ ] }\n', id="blanks everywhere"),
        pytest.param(nested(DEPTH_LIMIT), id="as deep as allowed"),
        pytest.param(b'{"a":[' + b"[]," * 500 + b"[]]}", id="many containers, not deep"),
        pytest.param(b'{"a":"\\ud83d\\ude00 \\uD83D\\uDE00"}', id="surrogate pairs"),
        pytest.param(b'{"a":"\\\\ud800"}', id="a backslash before what looks like an escape"),
        pytest.param('{"a":"\U0001f600 é 你"}'.encode(), id="characters as themselves"),
        pytest.param(b'{"a":1e308,"b":-0.0,"c":1E-400,"d":123456789012345678901234567890}', id="n"),
        pytest.param(b'{"a":"\\u0000"}', id="an escaped NUL"),
        pytest.param(b'{"a":{"a":{"a":1}}}', id="one key on many levels"),
    ],
)
def test_strict_json_is_read_as_the_standard_library_reads_it(body: bytes) -> None:
    assert read(body).values == json.loads(body)


def test_a_hundred_thousand_keys_are_read_within_but_not_at_the_top() -> None:
    keys = {f"key{i}": i for i in range(100_000)}
    assert len(read(json.dumps({"a": keys}).encode()).values["a"]) == 100_000
    with pytest.raises(InvalidRequest, match="more than 1000 members"):
        read(json.dumps(keys).encode())
    assert len(read(json.dumps(dict.fromkeys(map(str, range(1_000)))).encode()).values) == 1_000


def test_a_duplicate_among_a_hundred_thousand_keys_is_named() -> None:
    pairs = ",".join(f'"key{i}":1' for i in range(100_000))
    with pytest.raises(InvalidRequest, match="'key99999' occurs twice"):
        read(f'{{"a":{{{pairs},"key99999":1}}}}'.encode())


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param(b'{"model":"m"}', b'"m"', id="alone"),
        pytest.param(b' { "a":1, "model" :  "m" , "b":2}', b'"m"', id="with blanks"),
        pytest.param('{"model":"m","é":"你好"}'.encode(), b'"m"', id="before wide characters"),
        pytest.param('{"é":"你好\U0001f600","model":"m"}'.encode(), b'"m"', id="behind them"),
        pytest.param('{"é":"你","model":"模型"}'.encode(), '"模型"'.encode(), id="wide itself"),
        pytest.param(b'{"x":{"model":"no"},"model":{"a":[1]}}', b'{"a":[1]}', id="top level only"),
    ],
)
def test_a_member_is_found_byte_for_byte(body: bytes, found: bytes) -> None:
    start, end = read(body).span("model")
    assert body[start:end] == found


TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
LEAF = st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | TEXT
VALUE = LEAF | st.lists(LEAF, max_size=3) | st.dictionaries(TEXT, LEAF, max_size=3)


@settings(max_examples=50)
@given(st.dictionaries(TEXT, VALUE, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_every_member_of_any_object_stands_where_it_is_said_to(
    values: dict[str, object], escaped: bool, indent: int | None
) -> None:
    body = json.dumps(values, ensure_ascii=escaped, indent=indent).encode()
    document = read(body)
    assert document.values == values
    for name, value in values.items():
        start, end = document.span(name)
        assert json.loads(body[start:end]) == value


@given(st.binary())
def test_no_bytes_raise_anything_but_a_refusal(body: bytes) -> None:
    with suppress(InvalidRequest):
        assert isinstance(read(body).values, dict)


def test_members_within_an_array_of_objects_are_found() -> None:
    body = '{"é":1,"r":[ {"model":"a","x":[1,{"model":"no"}]} , {"y":2}, {"model" : "b"}]}'.encode()
    spans = read(body).spans_within("r", "model")
    assert [body[start:end] for start, end in spans] == [b'"a"', b'"b"']


def test_members_within_an_object_are_found() -> None:
    body = b'{"r":{"x":1,"model":"a"}}'
    assert [body[start:end] for start, end in read(body).spans_within("r", "model")] == [b'"a"']


def test_an_empty_array_has_no_members() -> None:
    assert read(b'{"r":[ ]}').spans_within("r", "model") == ()


def test_edits_are_applied_in_the_order_of_their_places() -> None:
    assert spliced(b"0123456789", [(8, 9, b"X"), (0, 0, b"<"), (2, 4, b"")]) == b"<014567X9"
    assert spliced(b"same", ()) == b"same"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(b'{"a":1}', {"a": 1}, id="an object"),
        pytest.param(b"{", None, id="cut"),
        pytest.param(b"\xff", None, id="not UTF-8"),
        pytest.param(b"[" * 100_000, None, id="too deep for the reader"),
        pytest.param(b'{"a":1,"a":2}', {"a": 2}, id="duplicate keys are the upstream's business"),
    ],
)
def test_an_upstreams_json_is_read_or_is_nothing(body: bytes, value: object) -> None:
    assert lenient(body) == value


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(b'{"data":[1],"usage":{"a":1}}', {"a": 1}, id="at the end"),
        pytest.param(b'{"usage" : {"a":1}, "z":2}', {"a": 1}, id="before others"),
        pytest.param(b'{"x":{"usage":{"a":9}},"usage":null}', None, id="null"),
        pytest.param(b'{"data":[1]}', None, id="absent"),
        pytest.param(b'{"usage":{"a":', None, id="cut"),
        pytest.param(b'{"s":"usage"}', None, id="only a string"),
        pytest.param(b'{"usage":{"a":"\xff"}}', None, id="not UTF-8"),
        pytest.param(b"usage", None, id="no JSON at all"),
    ],
)
def test_the_last_object_of_a_name_is_read_without_the_rest(body: bytes, value: object) -> None:
    assert last_object(body, "usage") == value


def test_what_we_write_is_ascii_without_line_breaks() -> None:
    assert compact({"a": "é\n\U0001f600"}) == b'{"a":"\\u00e9\\n\\ud83d\\ude00"}'
