"""Strict JSON: which bytes are a request body, and where its members stand in them.

Two readers may not understand one body differently, since one of them prices it and the other
executes it: duplicate keys, NaN, lone surrogates and foreign encodings are refused. The standard
library's C scanner does the reading; only the top level is walked here, to learn byte offsets.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn

from tollgate.domain.errors import InvalidRequest

DEPTH_LIMIT: Final = 256
MEMBERS_LIMIT: Final = 1_000
"""Most members of an object that is walked: no vendor's call has a tenth of it."""

BLANK: Final = re.compile(r"[ \t\n\r]*")
SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F])|.)", re.DOTALL
)
"""One escape or surrogate pair at a time; the group is filled by a surrogate that stands alone."""

Span = tuple[int, int]


class Refused(ValueError):
    """JSON that a lenient reader would accept."""


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON object: its members, and where each value stands in the text."""

    body: bytes
    text: str
    values: Mapping[str, Any]
    places: Mapping[str, Span]
    start: int

    def span(self, name: str) -> Span:
        """Byte offsets of a member's value."""
        start, end = self.places[name]
        return self.offset(start), self.offset(end)

    def spans_within(self, name: str, inner: str) -> tuple[Span, ...]:
        """Byte offsets of a member within the object, or each object of the array, `name`."""
        inside = [members(self.text, start)[1] for start in self.starts(name)]
        spans = [places[inner] for places in inside if inner in places]
        return tuple((self.offset(start), self.offset(end)) for start, end in spans)

    def starts(self, name: str) -> Iterator[int]:
        """Where the object `name`, or each element of the array `name`, begins."""
        place, end = self.places[name]
        if self.text[place] == "{":
            yield place
            return
        place = after_blank(self.text, place + 1)
        while place < end - 1:
            yield place
            _, place = READER.raw_decode(self.text, place)
            place = after_blank(self.text, after_blank(self.text, place) + 1)

    def offset(self, place: int) -> int:
        """The byte offset of a character."""
        if len(self.text) == len(self.body):
            return place
        if place * 2 < len(self.text):
            return len(self.text[:place].encode())
        return len(self.body) - len(self.text[place:].encode())


def read(body: bytes) -> Document:
    """Read a request body.

    Raises:
        InvalidRequest: anything but one strict JSON object in UTF-8; says what and where.
    """
    text = decoded(body)
    start = after_blank(text, 0)
    if start == len(text):
        raise InvalidRequest("the body is empty; send a JSON object")
    if text[start] != "{":
        raise InvalidRequest("the body must be a JSON object")
    try:
        values, places, end = members(text, start)
        if after_blank(text, end) != len(text):
            raise json.JSONDecodeError("Extra data", text, end)
    except json.JSONDecodeError as error:
        what = (error.msg[:1].lower() + error.msg[1:]).removesuffix(" at")
        raise InvalidRequest(
            f"the body is not valid JSON: {what} at character {error.pos}"
        ) from error
    except RecursionError as error:
        raise too_deep() from error
    except ValueError as error:
        reason = str(error) if isinstance(error, Refused) else "a number has too many digits"
        raise InvalidRequest(f"the body is not valid JSON: {reason}") from error
    refuse_lone_surrogates(text)
    refuse_depth(text, values)
    return Document(body, text, values, places, start)


def decoded(body: bytes) -> str:
    """The text of a body that must be UTF-8 without a byte order mark."""
    if body[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in body[:4]:
        raise InvalidRequest("the body looks like UTF-16 or UTF-32; send JSON as UTF-8")
    if body[:3] == b"\xef\xbb\xbf":
        raise InvalidRequest("the body begins with a byte order mark; send UTF-8 without one")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"the body is not UTF-8: byte {error.start} cannot be decoded"
        ) from error


def members(text: str, place: int) -> tuple[dict[str, Any], dict[str, Span], int]:
    """Walk one object from its opening brace: values, where they stand, where it ends."""
    values: dict[str, Any] = {}
    places: dict[str, Span] = {}
    place = after_blank(text, place + 1)
    while text[place : place + 1] != "}" or values:
        name, place = named(text, place)
        if name in values:
            raise Refused(f"the key {shortened(name)} occurs twice")
        if len(values) == MEMBERS_LIMIT:
            raise InvalidRequest(f"the body has more than {MEMBERS_LIMIT} members")
        start = after_blank(text, place)
        values[name], end = READER.raw_decode(text, start)
        places[name] = (start, end)
        place = after_blank(text, end)
        if text[place : place + 1] != ",":
            break
        place = after_blank(text, place + 1)
    if text[place : place + 1] != "}":
        raise json.JSONDecodeError("Expecting ',' delimiter", text, place)
    return values, places, place + 1


def named(text: str, place: int) -> tuple[str, int]:
    """A member's name, and where its colon ends."""
    if text[place : place + 1] != '"':
        raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, place)
    name, place = READER.raw_decode(text, place)
    place = after_blank(text, place)
    if text[place : place + 1] != ":":
        raise json.JSONDecodeError("Expecting ':' delimiter", text, place)
    return name, place + 1


def after_blank(text: str, place: int) -> int:
    """The next place that is not white space."""
    found = BLANK.match(text, place)
    return found.end() if found else place


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys must be different."""
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise Refused(f"the key {shortened(counts.most_common(1)[0][0])} occurs twice")
    return found


def finite(digits: str) -> float:
    """A number with a fraction or an exponent, which must not overflow."""
    number = float(digits)
    if number - number != 0:
        raise Refused(f"the number {shortened(digits)} is too large")
    return number


def no_constant(name: str) -> NoReturn:
    """NaN and the infinities are no JSON."""
    raise Refused(f"{name} is not a JSON value")


READER: Final = json.JSONDecoder(
    object_pairs_hook=unique, parse_float=finite, parse_constant=no_constant
)


LENIENT: Final = json.JSONDecoder()


def refuse_lone_surrogates(text: str) -> None:
    """Half of a surrogate pair is no character, and cannot be written as UTF-8 again."""
    if "\\u" not in text or SURROGATE.search(text) is None:
        return
    for escape in ESCAPE.finditer(text):
        if escape[1]:
            raise InvalidRequest(
                f"the body holds half of a surrogate pair at character {escape.start()}"
            )


def refuse_depth(text: str, root: Mapping[str, Any]) -> None:
    """Containers within containers, at most DEPTH_LIMIT levels."""
    if text.count("{") + text.count("[") <= DEPTH_LIMIT:
        return
    level: list[Any] = [root]
    for _ in range(DEPTH_LIMIT):
        level = [
            value
            for container in level
            for value in (container.values() if type(container) is dict else container)
            if type(value) is dict or type(value) is list
        ]
        if not level:
            return
    raise too_deep()


def too_deep() -> InvalidRequest:
    """The refusal of a body nested too deeply."""
    return InvalidRequest(f"the body is nested more than {DEPTH_LIMIT} levels deep")


def shortened(text: str, limit: int = 40) -> str:
    """Text of a caller as it may stand in a message."""
    return ascii(text if len(text) <= limit else f"{text[:limit]}…")


def lenient(data: bytes | str) -> Any:
    """Any JSON of an upstream; None when it is none. Its oddities are not our caller's fault."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def exact(data: bytes | str) -> Any:
    """As `lenient`, with fractions as the decimals that were written."""
    try:
        return json.loads(data, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


def top_text(body: bytes, name: str, limit: int) -> str:
    """A text at the top of an upstream's answer, as far as it can be stored; empty without one.

    Where it comes first, as ids do, the answer is not parsed once more for it.
    """
    if first := re.match(rb'\s*\{\s*"%b"\s*:\s*"([ !#-\[\]-~]*)"' % name.encode(), body):
        return first[1][:limit].decode()
    answer = lenient(body)
    found = answer.get(name) if isinstance(answer, dict) else None
    return found[:limit].encode(errors="replace").decode() if isinstance(found, str) else ""


def last_object(body: bytes, name: str) -> Any:
    """The last value of that name in an answer too large to be worth parsing; None without one.

    Only for answers without free text, such as vectors.
    """
    found = re.compile(f'"{name}"\\s*:\\s*'.encode()).match(
        body, max(0, body.rfind(name.encode()) - 1)
    )
    if found is None:
        return None
    try:
        return LENIENT.raw_decode(body[found.end() :].decode())[0]
    except (ValueError, RecursionError):
        return None
