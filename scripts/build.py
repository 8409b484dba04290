"""Turns the source tree into what Lambda runs: `sam build`, then bytecode for every module.

Task and layer folders are read-only on Lambda, so a module without bytecode is compiled again at
each cold start. The bytecode never looks at its source's time (`unchecked-hash`), because SAM's zip
sets every time to 1980.

    python -m scripts.build [further options of `sam build`]
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from scripts.lambda_python import NoInterpreter, lambda_python

ROOT: Final = Path(__file__).resolve().parent.parent
SAM: Final = ROOT / ".venv-sam/bin/sam"


def main(options: list[str]) -> int:
    """Build into `.aws-sam/build`, or into the folder after `--build-dir`."""
    environment = {
        "AWS_DEFAULT_REGION": "us-east-1",
        **os.environ,  # noqa: TID251 - a build inherits its shell
        "SAM_CLI_TELEMETRY": "0",
        "PYTHONHASHSEED": "0",  # the same source gives the same bytecode, so no layer changes idly
    }
    pyenv_root = Path(environment.get("PYENV_ROOT", Path.home() / ".pyenv"))
    try:
        python = lambda_python(ROOT / ".venv/bin/uv", pyenv_root)
    except NoInterpreter as error:
        print(error, file=sys.stderr)
        return 1
    environment["PATH"] = os.pathsep.join(
        [str(python.parent), environment["PATH"], str(ROOT / ".venv/bin")]
    )
    built = subprocess.run([SAM, "build", *options], cwd=ROOT, env=environment, check=False)
    return built.returncode or precompile(python, _build_folder(options), environment)


def precompile(python: Path, folder: Path, environment: dict[str, str]) -> int:
    """Compile each artifact as if it lay where Lambda unpacks it; returns the worst exit status."""
    return max(_compile(python, each, environment) for each in folder.iterdir() if each.is_dir())


def _compile(python: Path, artifact: Path, environment: dict[str, str]) -> int:
    place = "/opt" if (artifact / "python").is_dir() else "/var/task"
    command = [
        *(str(python), "-m", "compileall", "-q", "-f", "-j0"),
        *("--invalidation-mode", "unchecked-hash"),
        *("-s", str(artifact), "-p", place, str(artifact)),
    ]
    return subprocess.run(command, env=environment, check=False).returncode


def _build_folder(options: list[str]) -> Path:
    if "--build-dir" in options:
        return Path(options[options.index("--build-dir") + 1])
    return ROOT / ".aws-sam/build"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
