"""Where the parts of a JSON text stand, as deep as somebody needs to change one of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tollgate.dialects._json import READER, after_blank, members

Cut = tuple[int, int]
"""A part of the text, in characters: from the first offset to before the second."""

Change = tuple[int, int, str]
"""A part of the text, and what becomes of it."""


Unwanted = Callable[[str, Any], bool]
"""Whether a member goes, by its name and value."""


class Members(NamedTuple):
    """The members of an object: their values, and where those stand."""

    values: Mapping[str, Any]
    places: Mapping[str, Cut]


class Element(NamedTuple):
    """An element of an array: its value, and where that begins."""

    value: Any
    start: int


def changed(text: str, changes: Iterable[Change]) -> str:
    """The text with its changes, which do not overlap."""
    parts: list[str] = []
    done = 0
    for start, end, written in sorted(changes):
        parts += (text[done:start], written)
        done = end
    return "".join((*parts, text[done:]))


def elements(text: str, start: int) -> Iterator[Element]:
    """The elements of the array that begins there."""
    place = after_blank(text, start + 1)
    while text[place] != "]":
        value, end = READER.raw_decode(text, place)
        yield Element(value, place)
        place = after_blank(text, end)
        place = after_blank(text, place + 1) if text[place] == "," else place


def member(text: str, start: int, name: str) -> Cut:
    """Where the value of an object's member stands."""
    return members(text, start)[1][name]


def without(text: str, start: int, unwanted: Unwanted) -> Iterator[Cut]:
    """What is cut of the object that begins there to be rid of members, with their commas."""
    values, places, _ = members(text, start)
    return cuts(text, after_blank(text, start + 1), Members(values, places), unwanted)


def cuts(text: str, begin: int, found: Members, unwanted: Unwanted) -> Iterator[Cut]:
    """What is cut of an object whose first member begins there."""
    kept = 0  # where the last member ends that stays, or what was cut after it; 0 before the first
    for name, (_, end) in found.places.items():
        after = after_blank(text, end)
        follows = after_blank(text, after + 1) if text[after] == "," else end
        if not unwanted(name, found.values[name]):
            kept = end
        elif kept:
            yield kept, end
            kept = end
        else:
            yield begin, follows
        begin = follows
