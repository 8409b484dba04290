"""How rows become an XLSX file: on disk and in constant memory, every text a text."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tollgate.domain.export import HEADINGS, KINDS, Cell, Kind

SHEET: Final = "Usage"
LONGEST_TEXT: Final = 32_767
"""Characters of one cell; Excel opens no file with more."""

OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


def workbook(rows: Iterable[Sequence[Cell]], piece: int) -> Iterator[bytes]:
    """The bytes of a workbook with these rows below the headings, at most `piece` at a time.

    Raises:
        OSError: the disk is full.
    """
    from xlsxwriter import Workbook  # noqa: PLC0415 - 0.1 s, and only for this

    with TemporaryDirectory() as folder:
        path = Path(folder) / "export.xlsx"
        with Workbook(str(path), {**OPTIONS, "tmpdir": folder}) as book:
            sheet = book.add_worksheet(SHEET)
            sheet.freeze_panes(1, 0)
            for column, heading in enumerate(HEADINGS):
                sheet.write_string(0, column, heading)
            for number, row in enumerate(rows, 1):
                write_row(sheet, number, row)
        with path.open("rb") as file:
            while body := file.read(piece):
                yield body


def write_row(sheet: Any, number: int, row: Sequence[Cell]) -> None:
    """Write the cells that are not empty."""
    for column, (cell, kind) in enumerate(zip(row, KINDS, strict=True)):
        if cell not in {None, ""}:
            write_cell(sheet, (number, column), cell, kind)


def write_cell(sheet: Any, place: tuple[int, int], cell: Cell, kind: Kind) -> None:
    """Counts and decimals are numbers; money stays text, for a cell's number is a float."""
    if kind in {"count", "decimal"}:
        sheet.write_number(*place, float(str(cell)))
    else:
        sheet.write_string(*place, str(cell)[:LONGEST_TEXT])
