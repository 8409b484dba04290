"""What `make build` makes: bytecode for every module, Arm binaries, an executable wrapper."""

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

from scripts.build import precompile
from scripts.lambda_python import NoInterpreter, lambda_python
from tests import template

pytestmark = pytest.mark.sam

ROOT: Final = template.ROOT
PLACE: Final = ROOT / ".aws-sam/test"
FUNCTIONS: Final = ("Relay", "Admin", "Portal", "BillingAggregator", "Janitor")
LAYERS: Final = ("RuntimeLayer", "ApiLayer", "TollgateLayer")
WRAPPER: Final = "python/tollgate/runtime/wrapper"
UNPACKED_LIMIT: Final = 250 * 1024 * 1024
UNCHECKED_HASH: Final = 1
AARCH64: Final = 183


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter that builds for Lambda."""
    try:
        return lambda_python(ROOT / ".venv/bin/uv", Path.home() / ".pyenv")
    except NoInterpreter:
        pytest.skip("needs Python 3.13 on this machine")


@pytest.fixture(scope="module")
def built(python: Path, testrun_uid: str) -> Path:
    """The built tree; one build serves all processes of a test run."""
    template.transformed()  # skips without the SAM environment
    PLACE.mkdir(parents=True, exist_ok=True)
    run = PLACE / "run"
    with (PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not run.exists() or run.read_text("utf-8") != testrun_uid:
            build("--build-dir", str(PLACE / "build"), "--cache-dir", str(PLACE / "cache"))
            run.write_text(testrun_uid, "utf-8")
    return PLACE / "build"


def build(*options: str) -> None:
    """Build, and show what was said if that failed."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.build", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def files(folder: Path, pattern: str) -> list[Path]:
    """Every file below a folder that fits."""
    return sorted(path for path in folder.rglob(pattern) if path.is_file())


def test_every_function_and_layer_is_there(built: Path) -> None:
    assert {path.name for path in built.iterdir() if path.is_dir()} == {*FUNCTIONS, *LAYERS}


@pytest.mark.parametrize("artifact", [*FUNCTIONS, *LAYERS])
def test_every_module_ships_its_bytecode(built: Path, artifact: str) -> None:
    sources = files(built / artifact, "*.py")
    compiled = files(built / artifact, "*.pyc")
    assert sources
    assert compiled == sorted(
        path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc" for path in sources
    )
    for path in compiled:
        assert int.from_bytes(path.read_bytes()[4:8], "little") == UNCHECKED_HASH


def test_tracebacks_name_the_place_on_lambda(built: Path) -> None:
    layer = built / "TollgateLayer/python/tollgate/__pycache__/ids.cpython-313.pyc"
    function = built / "Relay/__pycache__/app.cpython-313.pyc"
    assert b"/opt/python/tollgate/ids.py" in layer.read_bytes()
    assert b"/var/task/app.py" in function.read_bytes()


def test_the_same_source_gives_the_same_bytecode(built: Path, python: Path, tmp_path: Path) -> None:
    shutil.copytree(built / "TollgateLayer", tmp_path / "TollgateLayer")
    for path in files(tmp_path, "*.pyc"):
        path.unlink()
    assert precompile(python, tmp_path, {"PYTHONHASHSEED": "0"}) == 0
    again = {path.name: path.read_bytes() for path in files(tmp_path, "*.pyc")}
    assert again == {p.name: p.read_bytes() for p in files(built / "TollgateLayer", "*.pyc")}


def test_the_wrapper_stays_executable(built: Path) -> None:
    mode = (built / "TollgateLayer" / WRAPPER).stat().st_mode
    assert stat.S_IMODE(mode) == 0o755


def test_the_wrapper_stays_executable_in_the_archive_sam_uploads(
    built: Path, tmp_path: Path
) -> None:
    pack = (
        "import sys; from samcli.lib.package.utils import make_zip_with_lambda_permissions;"
        "make_zip_with_lambda_permissions(sys.argv[1], sys.argv[2])"
    )
    archive, layer = str(tmp_path / "layer"), str(built / "TollgateLayer")
    subprocess.run([str(template.SAM_PYTHON), "-c", pack, archive, layer], check=True)
    with zipfile.ZipFile(f"{archive}.zip") as packed:
        assert stat.S_IMODE(packed.getinfo(WRAPPER).external_attr >> 16) == 0o755


def test_every_binary_is_for_arm(built: Path) -> None:
    binaries = files(built, "*.so")
    machines = {path.name: int.from_bytes(path.read_bytes()[18:20], "little") for path in binaries}
    assert {"_rust.abi3.so", "_ffi.abi3.so"} <= set(machines)
    assert set(machines.values()) == {AARCH64}


def packages(layer: Path) -> set[str]:
    """What is installed in a layer."""
    found = (layer / "python").glob("*.dist-info")
    return {path.name.split("-")[0].replace("_", "-").lower() for path in found}


def test_the_hot_path_carries_no_aws_sdk_and_no_models(built: Path) -> None:
    runtime, api = packages(built / "RuntimeLayer"), packages(built / "ApiLayer")
    assert {"httpx", "cryptography", "aws-lambda-powertools"} <= runtime
    assert {"boto3", "pynamodb", "pydantic", "argon2-cffi"} <= api
    assert runtime & {"boto3", "botocore", "pynamodb", "pydantic"} == set()


def test_a_layer_holds_what_its_lock_says_and_nothing_of_this_machine(built: Path) -> None:
    for name, layer in (("runtime", "RuntimeLayer"), ("api", "ApiLayer")):
        lock = (ROOT / f"layers/{name}/requirements.txt").read_text("utf-8")
        locked = {line.split("==")[0] for line in lock.splitlines() if "==" in line}
        assert packages(built / layer) <= locked
        assert not (built / layer / "python/bin").exists()


def test_everything_fits_into_lambda(built: Path) -> None:
    sizes = {name: sum(p.stat().st_size for p in files(built / name, "*")) for name in LAYERS}
    assert sum(sizes.values()) < UNPACKED_LIMIT
    assert sizes["RuntimeLayer"] + sizes["TollgateLayer"] < 40 * 1024 * 1024


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_one_file(built: Path, function: str) -> None:
    assert [path.name for path in files(built / function, "*.py")] == ["app.py"]


def test_the_build_says_loudly_when_the_interpreter_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.build"],
        cwd=ROOT,
        env={"PATH": os.defpath, "HOME": str(tmp_path), "UV_PYTHON_DOWNLOADS": "never"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        pytest.skip("this machine's own Python is 3.13")
    assert done.returncode == 1
    assert "needs Python 3.13, and none was found" in done.stderr
    assert "uv python install 3.13" in done.stderr


def test_sam_local_comes_as_far_as_the_container(tmp_path: Path) -> None:
    template.transformed()  # skips without the SAM environment
    docker = shutil.which("docker")
    if docker and not subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        pytest.skip("Docker is here: make sam-local EVENT=events/relay/models.json runs it")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "scripts.sam_local",
            "http://127.0.0.1:4566",
            "events/relay/models.json",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "requires a container runtime" in done.stderr
