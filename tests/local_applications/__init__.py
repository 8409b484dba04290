"""Two small applications for the local stack's tests; each test works on a copy of its own."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent


def copy(name: str, folder: Path) -> Path:
    """Put the application `calls` or `sources` there; the path of its template."""
    shutil.copytree(HERE / name, folder, dirs_exist_ok=True)
    return folder / "template.yaml"


def set_outage(folder: Path, *, away: bool) -> None:
    """Make every call of the consumer in `sources` fail, or no longer."""
    mark = folder / "functions" / "consumer" / "outage"
    mark.touch() if away else mark.unlink()


def notes(folder: Path) -> list[dict[str, Any]]:
    """What the consumer has finished, in its order."""
    path = folder / "functions" / "consumer" / "notes.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]
