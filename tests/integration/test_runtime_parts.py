"""What the runtime is made of: the standard library, wherever its layer is mounted."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running_runtime import GET, PATIENCE, RUNTIME, started
from tests.scripted_runtime_api import ScriptedRuntimeApi


@pytest.fixture
def api() -> Iterator[ScriptedRuntimeApi]:
    with ScriptedRuntimeApi() as scripted:
        yield scripted


def test_a_layer_in_another_place_works_with_a_preset_python_path(
    api: ScriptedRuntimeApi, tmp_path: Path
) -> None:
    layer, extra, task = tmp_path / "opt" / "python", tmp_path / "extra", tmp_path / "task"
    for folder in (layer / "tollgate", extra, task):
        folder.mkdir(parents=True)
    (layer / "tollgate" / "__init__.py").write_text("")
    shutil.copytree(RUNTIME, layer / "tollgate" / "runtime")
    (extra / "more.py").write_text("words = 'from the extra path'")
    source = """
import more, tollgate.runtime
def handler(event, context):
    return {"statusCode": 200, "headers": {"x": tollgate.runtime.__file__}, "body": more.words}
"""
    moved = layer / "tollgate" / "runtime" / "wrapper"
    with started(api.address, task, source, {"PYTHONPATH": str(extra)}, wrapper=moved):
        post = api.give(GET).outcome()
    assert post.content == b"from the extra path"
    assert post.metadata["headers"]["x"].startswith(str(layer))


def _imports(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield node.module or ""


@pytest.mark.parametrize("module", [pytest.param(p, id=p.stem) for p in RUNTIME.glob("*.py")])
def test_the_runtime_imports_itself_and_the_standard_library_only(module: Path) -> None:
    foreign = [
        name
        for name in _imports(module)
        if not name.startswith("tollgate.runtime.")
        and name.partition(".")[0] not in sys.stdlib_module_names
    ]
    assert foreign == []


def test_starting_it_loads_nothing_slow() -> None:
    code = "import sys, tollgate.runtime.start; print(*sys.modules)"
    done = subprocess.run(
        ["env", f"PYTHONPATH={RUNTIME.parent.parent}", sys.executable, "-P", "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint({"http.client", "asyncio", "ssl", "email", "urllib.request"})
    ours: set[Any] = {name for name in loaded if name.startswith("tollgate.")}
    assert {name for name in ours if not name.startswith("tollgate.runtime")} == set()
