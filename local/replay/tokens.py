"""Where Google gives access tokens: for refresh tokens and for what service accounts have signed.

What stands behind `+` in a refresh token, or in the name of a service account, are knobs; the
access token inherits them, so that they also say what its owner's balance is.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping

from local.replay.prompt import Json, Prompt
from local.replay.reply import ID, Reply
from local.replay.sse import Event
from local.replay.vendor import Answer

NEWLINE = "\n"
ACCESS = re.compile(r"ya29\.[^.+]+\.(.*)")
REFRESH = re.compile(r"1//(.+?)(?:\.(\d+))?")
EXPIRES = 3_599


def headers() -> dict[str, str]:
    """What this vendor sends beside the content type."""
    return {"cache-control": "no-store", "x-replay-id": ID}


def events(reply: Reply) -> Iterator[Event]:
    """Nothing is streamed here."""
    yield from ()


def failure(status: int, message: str) -> Json:
    """The body of an error answer."""
    return {"error": "invalid_request", "error_description": message}


def failure_event(message: str) -> Event:
    """Nothing is streamed here."""
    return "", failure(500, message)


def owner(asked: Json, key: str) -> str:
    """Whose account a request is about, with knobs: by its refresh token, signature or token."""
    if "assertion" in asked:
        return _issuer(str(asked["assertion"]))
    if "refresh_token" in asked:
        return str(asked["refresh_token"])
    found = ACCESS.fullmatch(key)
    return found[1] if found else ""


def refusal(prompt: Prompt) -> tuple[int, Json] | None:
    """What a request for a token is refused with."""
    if prompt.knobs.invalid_grant or not prompt.model:
        told = "Token has been expired or revoked."
        return 400, {"error": "invalid_grant", "error_description": told}
    return None


def grant(prompt: Prompt, now: int) -> Json:
    """A new access token; a new refresh token, too, where the knob `rotate` asks for one."""
    known = REFRESH.fullmatch(prompt.model)
    name, number = (known[1], int(known[2] or 0)) if known else (prompt.model, 0)
    knobs = "".join(f"+{knob}" for knob in owner(prompt.asked, "").split("+")[1:])
    answer: Json = {
        "access_token": f"ya29.{ID}.{name}{knobs}",
        "expires_in": prompt.knobs.expires or EXPIRES,
        "token_type": "Bearer",
    }
    if prompt.knobs.rotate:
        answer["refresh_token"] = f"1//{name}.{number + 1}{knobs}"
    return answer


def rotating(refresh: str) -> bool:
    """Whether a refresh token is good for once."""
    return "rotate" in refresh.split("+")[1:]


def _issuer(assertion: str) -> str:
    """The name before the @ of who signed; "" for what is no signed text."""
    parts = assertion.split(".")
    if len(parts) != 3 or not all(parts):
        return ""
    claims = json.loads(urlsafe_b64decode(parts[1] + "=="))
    return str(claims.get("iss", "")).partition("@")[0]


ANSWERS: Mapping[str, Answer] = {"token": grant}
