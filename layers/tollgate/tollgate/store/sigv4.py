"""Decides the signature of a JSON request to AWS (Signature Version 4, POST to `/`)."""

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from tollgate.domain import sigv4
from tollgate.domain.sigv4 import ALGORITHM, Credentials, day_key, signature

stamp_of: Final = lru_cache(maxsize=2)(sigv4.stamp_of)
"""A call signs two or three requests, most often within one second."""


def credentials_in(environment: Mapping[str, str]) -> Callable[[], Credentials]:
    """Reads the standard AWS variables each time, so that renewed ones are noticed."""

    def read() -> Credentials:
        return Credentials(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment.get("AWS_SESSION_TOKEN", ""),
        )

    return read


class Signer:
    """Signs for one service at one host; the key of the day is derived once per day and secret."""

    def __init__(self, service: str, region: str, host: str, content_type: str) -> None:
        self._scope = f"{region}/{service}/aws4_request"
        self._region, self._service = region, service
        self._host = host
        self._content_type = content_type
        self._day_key: tuple[str, str, bytes] = ("", "", b"")

    def headers(self, credentials: Credentials, target: str, body: bytes, now: float) -> str:
        """The lines of all signed headers and the signature, each ended by CRLF.

        Args:
            credentials: who signs.
            target: the `X-Amz-Target`.
            body: what is sent.
            now: epoch seconds.
        """
        stamp = stamp_of(int(now))
        token = credentials.token
        told = f"x-amz-security-token:{token}\n" if token else ""
        signed = (
            f"content-type;host;x-amz-date;{'x-amz-security-token;' if token else ''}x-amz-target"
        )
        canonical = (
            f"POST\n/\n\ncontent-type:{self._content_type}\nhost:{self._host}\n"
            f"x-amz-date:{stamp}\n{told}x-amz-target:{target}\n\n"
            f"{signed}\n{hashlib.sha256(body).hexdigest()}"
        )
        scope = f"{stamp[:8]}/{self._scope}"
        key = self._key(credentials.secret_key, stamp[:8])
        shown = f"X-Amz-Security-Token: {token}\r\n" if token else ""
        return (
            f"Host: {self._host}\r\nContent-Type: {self._content_type}\r\n"
            f"X-Amz-Date: {stamp}\r\n{shown}X-Amz-Target: {target}\r\n"
            f"Authorization: {ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={signed}, Signature={signature(key, stamp, scope, canonical)}\r\n"
        )

    def _key(self, secret: str, day: str) -> bytes:
        known_secret, known_day, key = self._day_key
        if known_day == day and known_secret == secret:
            return key
        key = day_key(secret, day, self._region, self._service)
        self._day_key = (secret, day, key)
        return key
