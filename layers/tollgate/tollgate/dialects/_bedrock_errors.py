"""What Bedrock's failures mean, in the statuses and words of Anthropic's own API.

AWS tells by the name of an exception what Anthropic tells by a status, and its texts name accounts
and resources of the operator.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from tollgate.dialects._errors import ANTHROPIC_TYPES
from tollgate.dialects._json import lenient
from tollgate.dialects._usage import inside
from tollgate.dialects._writing import compact
from tollgate.domain.errors import (
    TollgateError,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamUnavailable,
)

ERROR_TYPE: Final = "x-amzn-errortype"

LACKING: Final = 404
"""Internally: the account has no such model. Its refusal is told with 403, as any of its own."""

STATUSES: Final[Mapping[str, int]] = {
    "accessdeniedexception": 403,
    "expiredtokenexception": 403,
    "incompletesignatureexception": 403,
    "invalidclienttokenidexception": 403,
    "invalidsignatureexception": 403,
    "missingauthenticationtokenexception": 403,
    "unrecognizedclientexception": 403,
    "resourcenotfoundexception": LACKING,
    "servicequotaexceededexception": 429,
    "throttlingexception": 429,
    "modelnotreadyexception": 503,
    "serviceunavailableexception": 503,
    "modelerrorexception": 502,
    "modelstreamerrorexception": 502,
    "internalserverexception": 500,
    "modeltimeoutexception": 504,
    "validationexception": 400,
}
"""What an exception means, whatever its status says: a quota of the operator's comes with 400."""

WITHOUT_MODEL: Final = re.compile(
    r"model identifier is invalid|on-demand throughput|access to the model|end of its life",
    re.IGNORECASE,
)
NOT_ALLOWED: Final = re.compile(r"not authorized|operation not allowed", re.IGNORECASE)
"""Complaints that blame the request for what this account lacks: a model, or a right."""

NO_MODEL: Final = b'"type":"not_found_error"'
"""In the body of a refusal: only the model is missing, and the account serves others."""

OF_THE_MODEL: Final = " (a limit of this model: AWS limits each by itself)"

OWN_NAMES: Final = re.compile(
    r"arn:aws[\w-]*:[\w./:*-]+|\b(?:AKIA|ASIA|AIDA|AROA)[A-Z0-9]{8,}|(?<!\d)\d{12}(?!\d)",
    re.ASCII,
)
"""What names the operator's resources, keys and account."""


class Complaint(NamedTuple):
    """A failure in Anthropic's words: its status, and the body."""

    status: int
    body: bytes


def complaint(
    status: int, headers: Mapping[str, str], body: bytes, names: Mapping[str, str]
) -> Complaint:
    """What Anthropic would have answered in place of a refusal.

    Args:
        status: as it came.
        headers: by lower-case name.
        body: as it came.
        names: what is called otherwise to the caller: the model.
    """
    told = inside(lenient(body))
    kind = headers.get(ERROR_TYPE) or text(told, "__type") or text(told, "code")
    message = text(told, "message") or text(told, "Message")
    return worded(STATUSES.get(plain(kind), status), message, names)


def worded(status: int, message: str, names: Mapping[str, str]) -> Complaint:
    """A failure in Anthropic's words."""
    status = meant(status, message)
    if status == 429:
        message += OF_THE_MODEL
    for own, shown in names.items():
        message = message.replace(own, shown)
    usual = "api_error" if status >= 500 else ANTHROPIC_TYPES[400]
    error = {
        "type": ANTHROPIC_TYPES.get(status, usual),
        "message": OWN_NAMES.sub("***", message) or f"the upstream answered with status {status}",
    }
    return Complaint(
        403 if status == LACKING else status, compact({"type": "error", "error": error})
    )


def meant(status: int, message: str) -> int:
    """A status that the words of a complaint may correct."""
    if status in {400, 403} and WITHOUT_MODEL.search(message):
        return LACKING
    return 403 if status == 400 and NOT_ALLOWED.search(message) else status


def thrown(kind: str, message: str, names: Mapping[str, str]) -> TollgateError:
    """What an exception within a stream means."""
    status, body = worded(STATUSES.get(plain(kind), 500), message, names)
    if status == 400:
        refused = UpstreamRefused("the upstream refused this request within its stream")
        refused.body = body
        return refused
    if status == 403:
        return UpstreamUnavailable("the upstream refused the gateway's own account")
    if status == 429:
        return UpstreamRateLimited("the upstream is rate limiting")
    return UpstreamFailed("the upstream reported a failure within its stream")


def plain(kind: str) -> str:
    """The name of an exception, without the namespace before it and the address behind it."""
    return kind.partition(":")[0].rpartition("#")[2].strip().casefold()


def text(told: Mapping[str, object], name: str) -> str:
    """A text within an answer; empty without one."""
    value = told.get(name)
    return value if isinstance(value, str) else ""
