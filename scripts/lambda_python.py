"""Which interpreter builds for Lambda: one of exactly its minor version, or a clear no."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

VERSION: Final = "3.13"
MISSING: Final = f"""
Building for Lambda needs Python {VERSION}, and none was found on the PATH, among
pyenv's versions or uv's. Any one of these brings it:

    pyenv install {VERSION}
    uv python install {VERSION}
    apt-get install python{VERSION}

`make run` and `make test` work without it.
"""
_PROBE: Final = "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.executable)"


class NoInterpreter(Exception):
    """The machine has no interpreter that Lambda's packages could be built with."""


def lambda_python(uv: Path, pyenv_root: Path) -> Path:
    """The first candidate that really runs and is of the right version.

    Raises:
        NoInterpreter: with advice.
    """
    for candidate in _candidates(uv, pyenv_root):
        if (found := _probe(candidate)) is not None:
            return found
    raise NoInterpreter(MISSING)


def _candidates(uv: Path, pyenv_root: Path) -> Iterator[str]:
    yield f"python{VERSION}"
    yield from map(str, sorted(pyenv_root.glob(f"versions/{VERSION}*/bin/python")))
    if finder := shutil.which(uv) or shutil.which("uv"):
        yield _answer([finder, "python", "find", "--no-project", VERSION])


def _probe(candidate: str) -> Path | None:
    """A pyenv shim exists for versions that are not selected, so only running it tells."""
    version, _, executable = _answer([candidate, "-c", _PROBE]).partition("\n")
    return Path(executable) if version == VERSION else None


def _answer(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
