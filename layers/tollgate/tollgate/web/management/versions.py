"""What `If-Match` must say: the version a change was made from; nobody overwrites unseen."""

import re
from typing import Final

from tollgate.domain.errors import InvalidRequest, VersionMismatch, VersionRequired

ETAG: Final = re.compile(r'(?:"(?P<quoted>[0-9]{1,16})"|(?P<bare>[0-9]{1,16}))')


def wanted(if_match: str | None) -> int:
    """The version a caller changes.

    Raises:
        VersionRequired: none was sent.
        InvalidRequest: not one version.
    """
    if not if_match:
        raise VersionRequired(
            "send If-Match with the version you read (the ETag)", param="If-Match"
        )
    found = ETAG.fullmatch(if_match.strip())
    if found is None:
        raise InvalidRequest('If-Match must be one version, such as "3"', param="If-Match")
    return int(found["quoted"] or found["bare"])


def check_unseen(if_match: str | None) -> None:
    """Refuse to make anew what the caller read a version of: somebody has removed it since.

    Raises:
        VersionMismatch: If-Match names a version other than 0.
        InvalidRequest: not one version.
    """
    if if_match and wanted(if_match):
        raise VersionMismatch("it is not there any more; read it again, or send no If-Match")


def etag(version: int) -> str:
    """A version as the header that carries it."""
    return f'"{version}"'
