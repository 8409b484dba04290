"""Which tests may be skipped, and why; any other skip fails a run of CI (ruling R36)."""

from typing import Final

ALLOWED: Final = {
    "the recordings are not at hand": "they lie beside the repository, not in it",
    "needs Python 3.13 on this machine": "building for Lambda needs its interpreter; it says so",
    "this machine's own Python is 3.13": "there is no other interpreter to tell apart",
    "Docker is here": "the test proves what happens without it",
}
"""The beginning of a skip's reason, and why it may be."""


def is_allowed(reason: str) -> bool:
    """Whether the list names this skip."""
    return any(reason.removeprefix("Skipped: ").startswith(known) for known in ALLOWED)
