"""Fetches a file that staff named by its address: over https, from a public host, in one piece."""

from typing import Final

from tollgate.domain.egress import read_origin
from tollgate.domain.errors import TollgateError, ValidationFailed
from tollgate.upstream.client import Target, Upstream

OK: Final = 200
PATIENCE_SECONDS: Final = 20.0


def fetch(url: str, limit: int, *, loopback: bool = False) -> bytes:
    """The file at an address, at most `limit` bytes; redirects are not followed.

    `loopback` also allows one's own machine over http; only in local mode.

    Raises:
        ValidationFailed: the address may not be asked, or gave no such file.
    """
    address = read_origin(url, loopback=loopback, field="url").url
    upstream = Upstream(loopback=loopback, connections=0)
    try:
        answer = upstream.send(Target(address, {}, b"", "GET"), PATIENCE_SECONDS)
        try:
            if answer.status != OK:
                raise ValidationFailed(f"url: answered with status {answer.status}", param="url")
            return answer.read(limit)
        finally:
            answer.close()
    except ValidationFailed:
        raise
    except TollgateError as error:
        raise ValidationFailed(f"url: {error.message}", param="url") from error
    finally:
        upstream.close()
