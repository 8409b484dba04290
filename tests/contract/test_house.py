"""The house keeps its own rules: sizes, module sentences, words, and where floats may not be."""

import ast
import statistics
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = [ROOT / "layers/tollgate/tollgate", ROOT / "functions", ROOT / "local", ROOT / "bench"]
EVERYTHING = [*PRODUCT, ROOT / "tests", ROOT / "scripts"]

FILE_LINES, FILE_MEDIAN = 400, 120
FUNCTION_LINES, FUNCTION_MEDIAN = 40, 8
PARAMETERS = 5
APP_LINES = 40
BANNED_WORDS = {"manager", "helper", "helpers", "util", "utils", "data", "info", "process"}
MONEY = (
    "domain/charge.py",
    "domain/estimate.py",
    "domain/money.py",
    "domain/wallet.py",
    "domain/holds.py",
    "store/wallet*.py",
    "services/metering.py",
    "services/settlement.py",
    "services/sweeping.py",
)

type_of_function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*folders: Path) -> list[Path]:
    """Every Python file below the folders."""
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def lines(path: Path) -> int:
    """How long a file is."""
    return len(path.read_text(encoding="utf-8").splitlines())


@cache
def tree(path: Path) -> ast.Module:
    """A file, read once for all tests."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def functions(path: Path) -> tuple[type_of_function, ...]:
    """Every function of a file, methods and inner ones included."""
    return tuple(node for node in ast.walk(tree(path)) if isinstance(node, type_of_function))


def length(function: type_of_function) -> int:
    """Lines of a function without its docstring."""
    body = function.body
    docstring = ast.get_docstring(function, clean=False) is not None and len(body) > 1
    start = body[1].lineno if docstring else body[0].lineno
    return (function.end_lineno or start) - start + 1


def name(path: Path) -> str:
    """A file's path as people say it."""
    return str(path.relative_to(ROOT))


def test_no_file_is_longer_than_the_house_allows() -> None:
    assert {name(p): lines(p) for p in sources(*EVERYTHING) if lines(p) > FILE_LINES} == {}


def test_half_of_the_files_are_short() -> None:
    assert statistics.median(lines(p) for p in sources(*PRODUCT)) <= FILE_MEDIAN


def test_no_function_is_longer_than_the_house_allows() -> None:
    long = {
        f"{name(path)}:{function.name}": length(function)
        for path in sources(*EVERYTHING)
        for function in functions(path)
        if length(function) > FUNCTION_LINES
    }
    assert long == {}


def test_half_of_the_functions_are_short() -> None:
    lengths = [length(function) for path in sources(*PRODUCT) for function in functions(path)]
    assert statistics.median(lengths) <= FUNCTION_MEDIAN


def parameters(function: type_of_function) -> int:
    """How many arguments a caller has to think of; `self`, `cls` and defaults do not count."""
    spec = function.args
    required = len(spec.posonlyargs) + len(spec.args) - len(spec.defaults)
    required += sum(default is None for default in spec.kw_defaults)
    first = (spec.posonlyargs + spec.args)[:1]
    return required - (bool(first) and first[0].arg in {"self", "cls"})


def test_no_function_wants_more_than_five_arguments() -> None:
    greedy = {
        f"{name(path)}:{function.name}": parameters(function)
        for path in sources(*PRODUCT)
        for function in functions(path)
        if parameters(function) > PARAMETERS
    }
    assert greedy == {}


def test_an_app_is_wiring() -> None:
    apps = sorted((ROOT / "functions").glob("*/app.py"))
    assert apps
    assert {name(p): lines(p) for p in apps if lines(p) > APP_LINES} == {}


def test_every_module_opens_with_the_sentence_that_says_what_it_decides() -> None:
    silent = [name(path) for path in sources(*EVERYTHING) if not ast.get_docstring(tree(path))]
    assert silent == []


def test_no_file_is_named_after_nothing() -> None:
    assert [name(p) for p in sources(*PRODUCT) if BANNED_WORDS & set(p.stem.split("_"))] == []


def money_files() -> list[Path]:
    """The files in which amounts are computed."""
    room = ROOT / "layers/tollgate/tollgate"
    return sorted(path for pattern in MONEY for path in room.glob(pattern))


@pytest.mark.parametrize("path", money_files(), ids=name)
def test_money_is_never_a_float_nor_divided_nor_clamped(path: Path) -> None:
    """`/`, `float`, and `max(0, …)`/`min(0, …)` have no place near amounts."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            found.append(f"line {node.lineno}: /")
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append(f"line {node.lineno}: {node.value}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            zero = any(isinstance(a, ast.Constant) and a.value == 0 for a in node.args)
            if node.func.id == "float" or (node.func.id in {"max", "min"} and zero):
                found.append(f"line {node.lineno}: {node.func.id}")
    assert found == []


def test_all_money_files_are_looked_at() -> None:
    assert len(money_files()) >= len(MONEY)
