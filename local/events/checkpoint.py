"""Where a stream mapping goes on after a restart: one small file per mapping."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from local.events.record import Record


@dataclass(slots=True)
class Checkpoint:
    """How far a mapping has come."""

    stream: str = ""
    """ARN the positions belong to; a table made anew has another one."""
    positions: dict[str, str] = field(default_factory=dict)
    """Shard → sequence number of the last record taken from it."""
    backlog: list[Record] = field(default_factory=list)
    """Records taken but not yet delivered: the emulator forgets its streams when it stops."""


def load(path: Path, stream: str) -> Checkpoint:
    """The checkpoint in that file; positions of another stream do not count, its backlog does."""
    try:
        saved = Checkpoint(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return Checkpoint(stream)
    return saved if saved.stream == stream else Checkpoint(stream, {}, saved.backlog)


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file so that a crash leaves the old or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(checkpoint)), "utf-8")
    draft.replace(path)
