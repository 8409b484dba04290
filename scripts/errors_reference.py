"""Writes docs/reference/errors.md from domain/errors.py; a test says when it is stale.

python -m scripts.errors_reference
"""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tollgate.domain import errors
from tollgate.domain.errors import TollgateError

PATH: Final = Path("docs/reference/errors.md")
SECTION: Final = "# --- "
INTRODUCTION: Final = """\
# Errors

Generated from `domain/errors.py` by `python -m scripts.errors_reference`; do not edit.

Relay calls are refused in the caller's own dialect, management calls as `application/problem+json`.
Both carry the same stable `code`. Where the last column says yes, the same request can work later.
"""


def kinds() -> list[type[TollgateError]]:
    """Every leaf and branch of the tree, in the order of the file."""
    found = [
        kind
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, TollgateError)
    ]
    return sorted(found, key=lambda kind: inspect.getsourcelines(kind)[1])


def sections(source: str) -> Iterator[tuple[int, str]]:
    """Where each section of the file begins, and its title."""
    for number, line in enumerate(source.splitlines(), start=1):
        if line.startswith(SECTION):
            yield number, line.removeprefix(SECTION).rstrip("- ")


def meaning(kind: type[TollgateError]) -> str:
    """What its docstring says first, else its name in words."""
    node = ast.parse(inspect.getsource(kind)).body[0]
    own = ast.get_docstring(node) if isinstance(node, ast.ClassDef) else None
    if own and kind is not TollgateError:
        return own.partition("\n")[0]
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in kind.__name__)
    return words.strip()


def row(kind: type[TollgateError]) -> str:
    """One line of a table."""
    again = "yes" if kind.retryable else ""
    return f"| {int(kind.status)} | `{kind.code}` | {meaning(kind)} | {again} |"


def document() -> str:
    """The page."""
    starts = [(0, "in general"), *sections(inspect.getsource(errors))]
    lines = [INTRODUCTION]
    for (start, title), (end, _) in zip(starts, [*starts[1:], (10**9, "")], strict=True):
        rows = [row(k) for k in kinds() if start < inspect.getsourcelines(k)[1] < end]
        lines += [f"## {title[:1].upper()}{title[1:]}", ""]
        lines += ["| status | code | meaning | retryable |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    PATH.write_text(document(), encoding="utf-8")
