"""Decides the signature of a request to AWS: Signature Version 4, as a function of the request."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import quote

ALGORITHM: Final = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    """Who signs; `token` comes with temporary credentials."""

    access_key: str
    secret_key: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A request without its signature: `path` as it is sent, no query, and the headers to sign.

    `headers` have lower-case names and must name the `host`.
    """

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


def stamp_of(epoch_seconds: int) -> str:
    """A time as AWS writes it."""
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


def day_key(secret: str, day: str, region: str, service: str) -> bytes:
    """The key that signs one day's requests to one service."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def signature(key: bytes, stamp: str, scope: str, canonical: str) -> str:
    """The signature of a canonical request."""
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    return hmac.digest(key, f"{ALGORITHM}\n{stamp}\n{scope}\n{hashed}".encode(), "sha256").hex()


def signed(
    request: Unsigned, credentials: Credentials, region: str, service: str, epoch_seconds: int
) -> dict[str, str]:
    """The request's headers with those that sign it.

    The canonical path is what is sent, percent-encoded once more: all services but S3 want it so.
    """
    stamp = stamp_of(epoch_seconds)
    headers = {**request.headers, "x-amz-date": stamp}
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
    body = hashlib.sha256(request.body).hexdigest()
    path = quote(request.path, safe="/~")
    canonical = f"{request.method}\n{path}\n\n{lines}\n{names}\n{body}"
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    key = day_key(credentials.secret_key, stamp[:8], region, service)
    headers["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, "
        f"Signature={signature(key, stamp, scope, canonical)}"
    )
    return headers
