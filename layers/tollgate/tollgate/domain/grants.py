"""How access tokens are asked for at Google: where, in which words, and what the answers mean.

Tokens are asked for at Google's own addresses and nowhere else, whatever credentials name; only
on one's own machine may an account's stand-in give its own.
"""

import base64
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from tollgate.domain.credentials import GOOGLE_TOKENS, RefreshToken, ServiceAccount
from tollgate.domain.errors import UpstreamUnavailable

GOOGLES: Final = frozenset(
    {
        GOOGLE_TOKENS,
        "https://www.googleapis.com/oauth2/v4/token",
        "https://accounts.google.com/o/oauth2/token",
    }
)
SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_SECONDS: Final = 3_600
SKEW_SECONDS: Final = 30
"""How far our clock may be ahead of Google's, which refuses what is signed in its future."""

TOKEN: Final = re.compile(r"[\x21-\x7e]{1,8192}")

HOPELESS: Final = frozenset({"invalid_grant", "invalid_client", "unauthorized_client"})
"""Refusals that do not end until staff replace the credentials."""

SHORTEST_SECONDS: Final = 60
LONGEST_SECONDS: Final = 86_400
USUAL_SECONDS: Final = 3_600

Asking = ServiceAccount | RefreshToken


class GrantRefused(UpstreamUnavailable):
    """The credentials themselves are refused: expired, revoked, or nobody's."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An access token, how many seconds it is good for, and the refresh token that replaces the
    one it was asked for with; "" where that stays good.
    """

    access: str = field(repr=False)
    seconds: int
    refresh: str = field(default="", repr=False)


def token_address(asking: Asking, base_url: str, *, local: bool) -> str:
    """Where an account's access tokens are asked for.

    Args:
        asking: the credentials; a service account's name their own place.
        base_url: the account's; on one's own machine its stand-in gives tokens, too.
        local: whether loopback may be asked at all.

    Raises:
        UpstreamUnavailable: the credentials name a place that is not Google's.
    """
    if isinstance(asking, RefreshToken):
        if local and on_loopback(base_url):
            parts = urlsplit(base_url)
            return f"{parts.scheme}://{parts.netloc}/token"
        return GOOGLE_TOKENS
    if not gives_tokens(asking.token_uri, local=local):
        raise UpstreamUnavailable("the account's credentials name a place that gives no tokens")
    return asking.token_uri


def gives_tokens(address: str, *, local: bool) -> bool:
    """Whether tokens may be asked for at an address; `local`: on one's own machine, too."""
    return address in GOOGLES or (local and on_loopback(address))


def on_loopback(url: str) -> bool:
    """Whether a URL names one's own machine by its address."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def unsigned(asking: ServiceAccount, audience: str, now: int) -> bytes:
    """What a service account signs (RS256) to ask for a token; `now` in epoch seconds."""
    claims = {
        "iss": asking.client_email,
        "scope": SCOPE,
        "aud": audience,
        "iat": now - SKEW_SECONDS,
        "exp": now - SKEW_SECONDS + ASSERTION_SECONDS,
    }
    return encoded(compact({"alg": "RS256", "typ": "JWT"})) + b"." + encoded(compact(claims))


def assertion_form(text: bytes, signature: bytes) -> bytes:
    """The request with what a service account signed."""
    assertion = text + b"." + encoded(signature)
    return urlencode({"grant_type": JWT_BEARER, "assertion": assertion.decode()}).encode()


def refresh_form(asking: RefreshToken, refresh: str) -> bytes:
    """The request with a refresh token: the account's own, or one that has replaced it."""
    fields = {
        "grant_type": "refresh_token",
        "client_id": asking.client_id,
        "client_secret": asking.client_secret,
        "refresh_token": refresh,
    }
    return urlencode({name: value for name, value in fields.items() if value}).encode()


def read_grant(status: int, body: bytes) -> Grant:
    """What was granted.

    Raises:
        GrantRefused: the credentials are no good any more.
        UpstreamUnavailable: there is no token now; nothing of the answer is told.
    """
    told = read_object(body)
    if status != 200:
        if str(told.get("error")) in HOPELESS:
            raise GrantRefused("the gateway's own account is refused an access token")
        raise UpstreamUnavailable("the gateway's own account got no access token")
    access, refresh = told.get("access_token"), str(told.get("refresh_token") or "")
    if not isinstance(access, str) or not TOKEN.fullmatch(access + refresh):
        raise UpstreamUnavailable("the gateway's own account got an access token that is none")
    return Grant(access, seconds_of(told.get("expires_in")), refresh)


def seconds_of(told: object) -> int:
    """How long a token is good for, as far as that is believed."""
    if not isinstance(told, int | float) or isinstance(told, bool):
        return USUAL_SECONDS
    return int(max(SHORTEST_SECONDS, min(told, LONGEST_SECONDS)))


def read_object(body: bytes) -> Mapping[str, Any]:
    """A JSON object; an empty one where it is none."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def encoded(content: bytes) -> bytes:
    """Base64 as in a JWT."""
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def compact(value: object) -> bytes:
    """JSON without blanks."""
    return json.dumps(value, separators=(",", ":")).encode()
