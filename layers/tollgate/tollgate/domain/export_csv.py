"""How rows become CSV: RFC 4180, and nothing in it that a spreadsheet would take for a formula."""

from collections.abc import Iterable
from typing import Final

from tollgate.domain.export import HEADINGS, KINDS, Cell, Kind

BOM: Final = b"\xef\xbb\xbf"
"""Without it Excel takes UTF-8 for the code page of its country."""

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What the text of a cell must not begin with; Excel in East Asia takes the wide ones alike."""

SPECIAL: Final = frozenset('",\r\n')


def heading() -> bytes:
    """What a file begins with."""
    return BOM + line(HEADINGS).encode()


def lines(rows: Iterable[list[Cell]]) -> bytes:
    """Rows, each with its line end."""
    return "".join(
        line(field(cell, kind) for cell, kind in zip(row, KINDS, strict=True)) for row in rows
    ).encode()


def field(cell: Cell, kind: Kind) -> str:
    """A cell's text; one that would be a formula begins with an apostrophe, numbers never do."""
    written = "" if cell is None else str(cell)
    return f"'{written}" if kind == "text" and written.startswith(FORMULA) else written


def line(fields: Iterable[str]) -> str:
    """One line; fields are quoted where they have to be."""
    return ",".join(map(quoted, fields)) + "\r\n"


def quoted(text: str) -> str:
    """A field as it stands between commas."""
    return text if SPECIAL.isdisjoint(text) else '"' + text.replace('"', '""') + '"'
