"""One stack at a time in one state directory."""

import fcntl
import os
from pathlib import Path
from typing import IO


class DirectoryInUse(Exception):
    """Another stack keeps its state there."""


def claim(directory: Path) -> IO[str]:
    """A lock on the directory that lasts as long as the returned file is open.

    Raises:
        DirectoryInUse: somebody else has it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    lock = (directory / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        owner = lock.read().strip()
        lock.close()
        raise DirectoryInUse(f"{directory} is in use by process {owner}") from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
