"""The template for tests: as it is written, and as CloudFormation sees it after the transform."""

import json
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from local.template import yaml_file

ROOT: Final = Path(__file__).resolve().parents[1]
SAM_PYTHON: Final = ROOT / ".venv-sam/bin/python"
FUNCTION: Final = "AWS::Serverless::Function"


@cache
def written() -> dict[str, Any]:
    """The template with short tags in their long form, nothing resolved."""
    return yaml_file.read(ROOT / "template.yaml")


def properties(logical_id: str) -> dict[str, Any]:
    """The properties of one resource as written."""
    found: dict[str, Any] = written()["Resources"][logical_id]["Properties"]
    return found


def of_type(kind: str, template: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Logical id → properties of every resource of one type."""
    resources = (template or written())["Resources"].items()
    return {name: body["Properties"] for name, body in resources if body["Type"] == kind}


def folder(function: str) -> str:
    """The folder below `functions/` a function is built from."""
    return str(properties(function)["CodeUri"]).removeprefix("functions/")


def events_of(kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Function, event name and properties of every event of one type."""
    for function, declared in of_type(FUNCTION).items():
        for name, event in declared.get("Events", {}).items():
            if event["Type"] == kind:
                yield function, name, event["Properties"]


def sam_shell() -> dict[str, str]:
    """What `sam` needs around it: a region, and no wish to phone home."""
    ours = {"AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}
    return {**os.environ, **ours}  # noqa: TID251 - a child inherits its shell


@cache
def transformed() -> dict[str, Any]:
    """The template after the SAM transform; skips where the SAM environment is missing."""
    if not SAM_PYTHON.exists():
        pytest.skip("needs the SAM environment: make setup-sam")
    run = subprocess.run(
        [SAM_PYTHON, "-m", "scripts.transform", "template.yaml"],
        cwd=ROOT,
        env=sam_shell(),
        capture_output=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(run.stdout)
    return result
