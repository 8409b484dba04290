"""Strict multipart/form-data: which bytes are a form, and where each field's content stands in it.

As with JSON, two readers may not understand one body differently: a boundary that is not alone on
its line, line ends that are not CRLF, text around the parts and headers told twice are refused.
Contents are never decoded here and never copied.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tollgate.domain.errors import InvalidRequest, MissingParameter

PARTS_LIMIT: Final = 100
HEADERS_LIMIT: Final = 4_096
"""Most bytes of one part's headers: a long file name fits ten times."""

MEDIA_TYPE: Final = "multipart/form-data"
PARAMETER: Final = re.compile(
    r'[ \t]*;[ \t]*([!#$%&\'*+\-.^_`|~0-9A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))[ \t]*'
)
BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
"""What RFC 2046 allows: up to 70 characters, of which the last is no blank."""

HEADER: Final = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*)")
NAME: Final = re.compile(r"[0-9A-Za-z_.\-\[\]]{1,128}")
"""A field's name without anything that readers unescape in different ways."""

PLAIN_CODINGS: Final = frozenset({"7bit", "8bit", "binary"})


@dataclass(frozen=True, slots=True)
class Part:
    """One field: its name, its file name (None: a field of text), where its content stands."""

    name: str
    filename: str | None
    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes of its content."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Form:
    """A body and its fields, in the order they were sent."""

    body: bytes
    parts: tuple[Part, ...]

    def one(self, name: str) -> Part | None:
        """The only field of that name, None without one.

        Raises:
            InvalidRequest: it was sent more than once, or as a list.
        """
        found = [part for part in self.parts if part.name.partition("[")[0] == name]
        if len(found) > 1:
            raise InvalidRequest(f"{name}: was sent {len(found)} times; send it once", param=name)
        if found and found[0].name != name:
            raise InvalidRequest(f"{name}: must be one field, not a list", param=name)
        return found[0] if found else None

    def all(self, name: str) -> tuple[Part, ...]:
        """Every field of that name; a list is also sent as `name[]`."""
        return tuple(part for part in self.parts if part.name in {name, f"{name}[]"})

    def content(self, part: Part) -> bytes:
        """What a field holds."""
        return self.body[part.start : part.end]

    def text(self, name: str) -> str | None:
        """A field of text, None without one.

        Raises:
            InvalidRequest: it was sent twice, as a file, or is not UTF-8.
        """
        part = self.one(name)
        if part is None:
            return None
        if part.filename is not None:
            raise InvalidRequest(f"{name}: must be text, not a file", param=name)
        try:
            return self.content(part).decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"{name}: is not UTF-8", param=name) from error


def read(content_type: str, body: bytes) -> Form:
    """Read a request body.

    Raises:
        InvalidRequest: anything but one well-formed form; says what and where.
    """
    boundary = boundary_of(content_type)
    if not body:
        raise InvalidRequest("the body is empty; send multipart/form-data")
    return Form(body, tuple(parts(body, b"--" + boundary.encode())))


def boundary_of(content_type: str) -> str:
    """What separates the parts.

    Raises:
        InvalidRequest: another media type, or no single valid boundary.
    """
    kind, semicolon, _ = content_type.partition(";")
    if kind.strip().lower() != MEDIA_TYPE:
        raise InvalidRequest(f"content-type: must be {MEDIA_TYPE} with a boundary")
    found = parameters(content_type[len(kind) :]) if semicolon else {}
    boundary = (found or {}).get("boundary", "")
    if not BOUNDARY.fullmatch(boundary):
        raise InvalidRequest(f"content-type: has no valid boundary for {MEDIA_TYPE}")
    return boundary


def parameters(text: str) -> dict[str, str] | None:
    """The parameters of a header by lower-case name; None when they cannot be read for sure."""
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = PARAMETER.match(text, place)
        if match is None or match[1].lower() in found:
            return None
        found[match[1].lower()] = match[3] if match[2] is None else match[2]
        place = match.end()
    return found


def parts(body: bytes, mark: bytes) -> Iterator[Part]:
    """The parts of a body, each between two lines that hold the mark and nothing else."""
    if not body.startswith(mark):
        raise malformed("it does not begin with its boundary", 0)
    count, place = 0, len(mark)
    while not closes(body, place):
        count += 1
        if count > PARTS_LIMIT:
            raise InvalidRequest(f"the body has more than {PARTS_LIMIT} parts")
        name, filename, start = headed(body, place + 2)
        found = body.find(mark, start)
        if found < 0:
            raise malformed("it ends before its last boundary", len(body))
        if body[found - 2 : found] != b"\r\n" or found - 2 < start:
            raise malformed("a boundary does not begin its line", found)
        yield Part(name, filename, start, found - 2)
        place = found + len(mark)


def closes(body: bytes, place: int) -> bool:
    """Whether a boundary was the last one; what stands behind it must be nothing or a part."""
    behind = body[place : place + 4]
    if behind in {b"--", b"--\r\n"} and len(body) == place + len(behind):
        return True
    if behind[:2] == b"--":
        raise malformed("something follows its last boundary", place)
    if behind[:2] != b"\r\n":
        raise malformed("a boundary does not end its line", place)
    return False


def headed(body: bytes, place: int) -> tuple[str, str | None, int]:
    """A part's name and file name, and where its content begins."""
    end = body.find(b"\r\n\r\n", place, place + HEADERS_LIMIT)
    if end < 0:
        raise malformed("a part's headers do not end", place)
    try:
        lines = body[place:end].decode().split("\r\n")
    except UnicodeDecodeError as error:
        raise malformed("a part's headers are not UTF-8", place) from error
    headers: dict[str, str] = {}
    for line in lines:
        match = HEADER.fullmatch(line)
        if match is None or match[1].lower() in headers:
            raise malformed("a part's headers cannot be read", place)
        headers[match[1].lower()] = match[2].strip()
    if headers.get("content-transfer-encoding", "binary").lower() not in PLAIN_CODINGS:
        raise malformed("a part is encoded; send it as it is", place)
    return *named(headers.get("content-disposition", ""), place), end + 4


def named(disposition: str, place: int) -> tuple[str, str | None]:
    """The name and the file name that a part's disposition tells."""
    kind, _, _ = disposition.partition(";")
    found = parameters(disposition[len(kind) :])
    name = (found or {}).get("name", "")
    if kind.strip().lower() != "form-data" or found is None or not NAME.fullmatch(name):
        raise malformed("a part has no content-disposition with a plain name", place)
    return name, found.get("filename", found.get("filename*"))


def malformed(what: str, place: int) -> InvalidRequest:
    """The refusal of a body that is no form."""
    return InvalidRequest(f"the body is not valid {MEDIA_TYPE}: {what}, at byte {place}")


def required(form: Form, name: str, wanted: str) -> Part:
    """A field that must be there, once.

    Raises:
        MissingParameter: it is not, or it is empty.
    """
    part = form.one(name)
    if part is None or not part.size:
        raise MissingParameter(f"{name}: is required ({wanted})", param=name)
    return part
