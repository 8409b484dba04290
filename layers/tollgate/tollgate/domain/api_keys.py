"""What the secrets people carry look like: whose they are can be read off without any look-up."""

import re
from typing import Final

from tollgate.domain.errors import InvalidKey

USER_DIGITS: Final = 16
SECRET_DIGITS: Final = 52
KEY_PREFIX: Final = "sk-tg-"
ADMIN_PREFIX: Final = "tga-"
DIGITS: Final = "[0-9a-hjkmnp-tv-z]"
API_KEY: Final = re.compile(
    f"{KEY_PREFIX}({DIGITS}{{{USER_DIGITS}}}){DIGITS}{{{SECRET_DIGITS}}}\\Z"
)
ADMIN_TOKEN: Final = re.compile(
    f"{ADMIN_PREFIX}({DIGITS}{{{USER_DIGITS}}}){DIGITS}{{{SECRET_DIGITS}}}\\Z"
)
SESSION: Final = re.compile(f"({DIGITS}{{{USER_DIGITS}}}){DIGITS}{{{SECRET_DIGITS}}}\\Z")


def user_of(secret: str) -> str:
    """The user an API key belongs to, if it exists at all.

    Raises:
        InvalidKey: not of the form `sk-tg-<16><52>`.
    """
    found = API_KEY.match(secret)
    if found is None:
        raise InvalidKey("this API key is not known; check it, or create a new one")
    return f"usr_{found[1]}"


def admin_token_id(secret: str) -> str | None:
    """The id of a management token, or None when the text is none."""
    found = ADMIN_TOKEN.match(secret)
    return f"adm_{found[1]}" if found else None


def session_user(secret: str) -> str | None:
    """The user a session's secret belongs to, or None when the text is none."""
    found = SESSION.match(secret)
    return f"usr_{found[1]}" if found else None
