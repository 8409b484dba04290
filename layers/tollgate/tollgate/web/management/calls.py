"""Who is making the management call that is being answered, and from where."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the id that goes into the audit log, a role for people, and what they may do.

    `session` is the portal's: what signed them in. Empty for staff tokens.
    """

    actor: str
    role: str
    permissions: frozenset[str]
    session: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: caller, origin, request id, method and path; `body` only where it is a file."""

    caller: Caller
    ip: str
    request_id: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    @property
    def place(self) -> str:
        """What a cursor is good for: this list and this reader."""
        return f"{self.method} {self.path} {self.caller.actor}"


CURRENT: Final[ContextVar[Call]] = ContextVar("CURRENT")


def current() -> Call:
    """The call being answered in this context."""
    return CURRENT.get()
