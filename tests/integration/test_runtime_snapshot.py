"""SnapStart: what the process does before its snapshot and after each restoration."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.running_runtime import GET, HELLO, started
from tests.scripted_runtime_api import ScriptedRuntimeApi


@pytest.fixture
def api() -> Iterator[ScriptedRuntimeApi]:
    with ScriptedRuntimeApi() as scripted:
        yield scripted


REGISTRY = """
before, after = [], []
def get_before_snapshot(): return before
def get_after_restore(): return after
"""
HOOKED = """
import snapshot_restore_py as hooks
said = []
def note(*words, fail=False):
    said.append(" ".join(words))
    if fail: raise RuntimeError("the hook failed")
hooks.before.append((note, ("before", "1"), {}))
hooks.before.append((note, ("before", "2"), {BEFORE}))
hooks.after.append((note, ("after", "1"), {}))
hooks.after.append((note, ("after", "2"), {AFTER}))
def handler(event, context):
    return {"statusCode": 200, "body": ", ".join(said)}
"""


def _hooked(folder: Path, before: str = "{}", after: str = "{}") -> tuple[str, Mapping[str, str]]:
    """Puts a hook registry where Lambda has its own packages; returns source and variables."""
    packages = folder / "var_runtime"
    packages.mkdir()
    (packages / "snapshot_restore_py.py").write_text(REGISTRY)
    return HOOKED.replace("{BEFORE}", before).replace("{AFTER}", after), {
        "LAMBDA_RUNTIME_DIR": str(packages),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
    }


def test_hooks_run_before_the_snapshot_in_reverse_and_after_it_in_order(
    api: ScriptedRuntimeApi, tmp_path: Path
) -> None:
    with started(api.address, tmp_path, *_hooked(tmp_path)):
        api.await_request()
        call = api.give(GET)
        assert api.requests == ["GET /2018-06-01/runtime/restore/next"]
        api.restore.set()
        assert call.outcome().content == b"before 2, before 1, after 1, after 2"
    assert len(api.connections) == 2


FAILING = '{"fail": True}'


@pytest.mark.parametrize(
    ("hooks", "exit_status", "told"),
    [
        pytest.param(
            {"before": FAILING},
            64,
            ("init", "Runtime.BeforeSnapshotError"),
            id="before the snapshot",
        ),
        pytest.param(
            {"after": FAILING},
            65,
            ("restore", "Runtime.AfterRestoreError"),
            id="after the restoration",
        ),
    ],
)
def test_a_failing_hook_is_reported_and_ends_the_process(
    api: ScriptedRuntimeApi,
    tmp_path: Path,
    hooks: dict[str, str],
    exit_status: int,
    told: tuple[str, str],
) -> None:
    api.restore.set()
    with started(api.address, tmp_path, *_hooked(tmp_path, **hooks)) as runtime_process:
        report = api.report()
        assert runtime_process.end()[0] == exit_status
    path, kind = told
    assert report.path == f"/2018-06-01/runtime/{path}/error"
    assert report.headers["lambda-runtime-function-error-type"] == kind
    assert report.json["errorMessage"] == "the hook failed"


def test_without_a_hook_registry_the_snapshot_is_passed_all_the_same(
    api: ScriptedRuntimeApi, tmp_path: Path
) -> None:
    api.restore.set()
    with started(api.address, tmp_path, HELLO, {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}):
        assert api.give(GET).outcome().content == b"hello"
