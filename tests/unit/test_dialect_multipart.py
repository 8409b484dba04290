"""Forms: which bytes are one, where its fields stand, and what is refused for being ambiguous."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.dialects import _multipart as multipart
from tollgate.domain.errors import InvalidRequest, MissingParameter

TYPE = "multipart/form-data; boundary=edge"
PART = b'--edge\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
END = b"--edge--\r\n"
HEAD = b'--edge\r\nContent-Disposition: form-data; name="a"'


def read(body: bytes, content_type: str = TYPE) -> multipart.Form:
    return multipart.read(content_type, body)


def test_fields_are_found_where_they_stand() -> None:
    file = (
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n\x00\xff\r\n--edg\r\n"
    )
    body = PART % (b"model", b"whisper-1") + file + PART % (b"prompt", b"") + END
    model, sound, prompt = read(body).parts
    assert (model.name, model.filename, body[model.start : model.end]) == (
        "model",
        None,
        b"whisper-1",
    )
    assert (sound.name, sound.filename, sound.size) == ("file", "a.wav", 9)
    assert body[sound.start : sound.end] == b"\x00\xff\r\n--edg"
    assert (prompt.name, prompt.size) == ("prompt", 0)


@pytest.mark.parametrize(
    ("content_type", "mark"),
    [
        pytest.param("multipart/form-data; boundary=edge", b"edge", id="as it is"),
        pytest.param('multipart/form-data; boundary="edge"', b"edge", id="in quotes"),
        pytest.param("Multipart/Form-Data ;\tBOUNDARY=edge", b"edge", id="in capitals"),
        pytest.param("multipart/form-data; charset=utf-8; boundary=e", b"e", id="behind another"),
        pytest.param('multipart/form-data; boundary="a b:c=d"', b"a b:c=d", id="odd letters"),
        pytest.param("multipart/form-data; boundary=" + "x" * 70, b"x" * 70, id="longest"),
    ],
)
def test_a_boundary_is_read_as_it_may_be_written(content_type: str, mark: bytes) -> None:
    body = b'--%b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--%b--' % (mark, mark)
    assert read(body, content_type).text("a") == "1"


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("", id="none"),
        pytest.param("application/json", id="another type"),
        pytest.param("multipart/mixed; boundary=edge", id="another multipart"),
        pytest.param("multipart/form-data", id="no boundary"),
        pytest.param("multipart/form-data; boundary=", id="an empty one"),
        pytest.param('multipart/form-data; boundary="edge', id="an open quote"),
        pytest.param("multipart/form-data; boundary=edge; boundary=other", id="two"),
        pytest.param("multipart/form-data; boundary=" + "x" * 71, id="too long"),
        pytest.param('multipart/form-data; boundary="edge "', id="a blank at its end"),
        pytest.param('multipart/form-data; boundary="ed\\"ge"', id="an escape"),
    ],
)
def test_a_content_type_without_one_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidRequest, match=r"\Acontent-type: "):
        read(PART % (b"a", b"1") + END, content_type)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"hello\r\n" + PART % (b"a", b"1") + END, "begin", id="text before"),
        pytest.param(b"\r\n" + PART % (b"a", b"1") + END, "begin", id="a line before"),
        pytest.param(PART % (b"a", b"1"), "last boundary", id="no end"),
        pytest.param(PART % (b"a", b"1") + END + b"x", "follows", id="text behind"),
        pytest.param(PART % (b"a", b"1") + b"--edge--\n", "follows", id="another end of line"),
        pytest.param(PART % (b"a", b"1") + b"--edge", "does not end its line", id="half an end"),
        pytest.param(PART % (b"a", b"1") + b"--edge \r\n", "does not end", id="a blank behind it"),
        pytest.param(
            PART % (b"a", b"x--edge--y") + END, "does not begin its line", id="within a line"
        ),
        pytest.param(
            PART % (b"a", b"x\n--edge--") + END, "does not begin its line", id="behind a bare LF"
        ),
        pytest.param(
            PART % (b"a", b"x\r\n--edgework") + END, "does not end its line", id="a longer line"
        ),
        pytest.param(HEAD + b"\r\n\r\n--edge--", "not begin its line", id="no line of its own"),
        pytest.param(HEAD.replace(b"\r", b"") + b"\n\n1\n--edge--", "end its line", id="only LF"),
        pytest.param(HEAD + b"\r\n--edge--", "headers do not end", id="no blank line"),
        pytest.param(HEAD + b"; x=" + b"y" * 5_000 + b"\r\n\r\n1\r\n" + END, "headers do not end",
                     id="headers too long"),
        pytest.param(HEAD + b'; filename="\xff"\r\n\r\n1\r\n' + END, "UTF-8", id="not UTF-8"),
        pytest.param(HEAD + b"\r\n folded\r\n\r\n1\r\n" + END, "read", id="a folded header"),
        pytest.param(HEAD + b"\r\nno header\r\n\r\n1\r\n" + END, "read", id="no header"),
        pytest.param(
            HEAD + b"\r\ncontent-disposition: form-data; name=b\r\n\r\n1\r\n" + END,
            "read", id="a header twice",
        ),
        pytest.param(HEAD + b"\r\nX: \x00\r\n\r\n1\r\n" + END, "read", id="NUL in a header"),
        pytest.param(
            HEAD + b"\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ==\r\n" + END,
            "encoded", id="base64",
        ),
        pytest.param(b"--edge\r\nX: y\r\n\r\n1\r\n" + END, "plain name", id="no disposition"),
        pytest.param(
            b"--edge\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n" + END,
            "plain name", id="an attachment",
        ),
        pytest.param(
            b"--edge\r\nContent-Disposition: form-data\r\n\r\n1\r\n" + END,
            "plain name", id="unnamed",
        ),
        pytest.param(PART % (b"", b"1") + END, "plain name", id="an empty name"),
        pytest.param(PART % (rb"mo\del", b"1") + END, "plain name", id="an escape in the name"),
        pytest.param(
            b"--edge\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n1\r\n" + END,
            "plain name", id="two names",
        ),
        pytest.param(PART % (b"a", b"1") * 101 + END, "more than 100 parts", id="too many"),
    ],
)  # fmt: skip
def test_what_two_readers_could_understand_differently_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        read(body)


def test_a_coding_that_changes_nothing_may_be_named() -> None:
    body = HEAD + b"\r\nContent-Transfer-Encoding: 8BIT\r\n\r\n1\r\n" + END
    assert read(body).text("a") == "1"


def test_a_form_without_fields_is_one() -> None:
    assert read(b"--edge--").parts == ()


def test_one_field_is_one_field() -> None:
    form = read(PART % (b"a", b"1") + PART % (b"a", b"2") + PART % (b"b[]", b"3") + END)
    with pytest.raises(InvalidRequest, match="a: was sent 2 times; send it once"):
        form.one("a")
    with pytest.raises(InvalidRequest, match="b: must be one field, not a list"):
        form.one("b")
    assert form.one("c") is None
    assert [form.content(part) for part in form.all("b")] == [b"3"]


def test_text_is_text() -> None:
    file = b'--edge\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n1\r\n'
    form = read(file + PART % (b"bad", b"\xff") + PART % (b"empty", b"") + END)
    with pytest.raises(InvalidRequest, match="f: must be text, not a file"):
        form.text("f")
    with pytest.raises(InvalidRequest, match="bad: is not UTF-8"):
        form.text("bad")
    assert (form.text("absent"), form.text("empty")) == (None, "")
    for name in ("absent", "empty"):
        with pytest.raises(MissingParameter, match=f"{name}: is required"):
            multipart.required(form, name, "it")
    assert multipart.required(form, "f", "it").filename == "x"


@given(st.binary(max_size=300), st.integers(0, 400))
def test_no_bytes_raise_anything_but_a_refusal(content: bytes, cut: int) -> None:
    body = (PART % (b"a", content) + END)[:cut]
    try:
        (part,) = read(body).parts
    except InvalidRequest:
        return
    assert body[part.start : part.end] == content
