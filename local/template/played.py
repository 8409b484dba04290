"""What of a template is played on this machine; everything else ends the start with one line."""

from collections.abc import Iterable
from typing import Final

EVENTS: Final = frozenset({"Api", "DynamoDB", "SQS", "ScheduleV2"})


class NotPlayed(Exception):
    """The template asks for something that would silently be missing here."""


def check(what: str, asked: Iterable[str], played: frozenset[str]) -> None:
    """Refuse what is not played.

    Raises:
        NotPlayed: `asked` has more than `played`.
    """
    if unknown := sorted(set(asked) - played):
        raise NotPlayed(f"the local stack does not play {what} {', '.join(unknown)}")
