"""The cookie that a session's secret travels in, and how it is read back.

`__Host-` binds it to this very host over https, `SameSite=Strict` to our own pages. Browsers take
such a cookie from plain http only on a loopback address, which is all that local runs need.
"""

from typing import Final

NAME: Final = "__Host-tollgate"
ATTRIBUTES: Final = "Path=/; Secure; HttpOnly; SameSite=Strict"


def set_cookie(secret: str, seconds: int) -> str:
    """The header that gives a browser its session for so long."""
    return f"{NAME}={secret}; Max-Age={seconds}; {ATTRIBUTES}"


def clear_cookie() -> str:
    """The header that takes it away."""
    return set_cookie("", 0)


def secret_in(header: str) -> str | None:
    """The session's secret in a Cookie header; None when there is none, or more than one."""
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    found = {value for name, _, value in pairs if name == NAME}
    return found.pop() if len(found) == 1 else None
