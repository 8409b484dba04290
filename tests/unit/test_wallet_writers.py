"""Money is written in one place: nothing but store/wallet*.py changes a wallet item."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tollgate.store import wallet_item

ROOM: Final = Path(wallet_item.__file__).parents[1]
WRITES: Final = {
    "UpdateItem",
    "PutItem",
    "DeleteItem",
    "TransactWriteItems",
    "BatchWriteItem",
}
MONEY: Final = {"available", "held", "debits", "credits", "transfers", "holds", "task_holds"}
"""Attributes only a wallet has; a usage record has `held`, too."""


def modules() -> list[Path]:
    """Every module that is not the wallets' own."""
    return sorted(
        path
        for path in ROOM.rglob("*.py")
        if not (path.parent.name == "store" and path.stem.startswith("wallet"))
    )


def words(path: Path) -> Iterator[str]:
    """Every string a module says, docstrings aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and id(node) not in docstrings:
            yield text


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOM)))
def test_no_other_module_writes_wallets(path: Path) -> None:
    said = set(words(path))
    if said & WRITES:
        assert not said & (MONEY - {"held"})


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOM)))
def test_no_other_module_composes_wallet_changes(path: Path) -> None:
    composing = {"tollgate.store.wallet_change", "tollgate.store.wallet_moves"}
    imported = {
        node.module
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    assert not imported & composing
