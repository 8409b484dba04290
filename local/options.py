"""What a person, or a test, may choose about the local stack."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PORT: Final = 8700
EMULATORS: Final = ("ministack", "moto")
"""Those that are started here; a URL names one that runs."""


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that may be chosen."""

    port: int = PORT
    """Where to serve; 0 takes any free port."""
    directory: Path = ROOT / ".local"
    """Where the state is kept: one stack at a time."""
    template: Path = ROOT / "template.yaml"
    emulator: str = "ministack"
    """`ministack`, `moto`, or the URL of something that plays AWS's stores."""
    upstream: str = ""
    """URL of a replay upstream for the demo data; empty starts one."""
    workers: int = 2
    """Processes of each streaming function."""
    threads: int = 160
    """Calls at a time in each of those."""
    seeds: bool = True
    """Whether to put demo data in."""

    @property
    def logs(self) -> Path:
        """Where every process writes its log."""
        return self.directory / "logs"

    @property
    def kept(self) -> Path:
        """What belongs to the state of this emulator: taken for another one's it would do harm."""
        return self.directory / "kept" / re.sub(r"[^a-z0-9.]+", "-", self.emulator.lower())

    @property
    def forgets(self) -> bool:
        """Whether the emulator's state ends with the stack."""
        return self.emulator == "moto"
