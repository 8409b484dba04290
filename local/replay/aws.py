"""Whether a request was made by somebody AWS knows: a signature that fits it, or an API key."""

import hashlib
import hmac
import re
from urllib.parse import quote

from local.replay.wire import Request

ACCESS_KEY = "AKIAREPLAYREPLAY0001"
SECRET_KEY = "replay/secret+key0000000000000000000000"  # noqa: S105 - nobody's
API_KEY = "ABSKreplayreplayreplay"
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([\w-]+)/([\w-]+)/aws4_request, "
    r"SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})"
)
NEEDED = {"host", "x-amz-date"}


def stranger(request: Request) -> str | None:
    """The name of the exception with which a request is refused; None for who is known."""
    shown = request.headers.get("authorization", "")
    if shown == f"Bearer {API_KEY}":
        return None
    found = SIGNED.fullmatch(shown)
    if found is None:
        return "MissingAuthenticationTokenException"
    if found[1] != ACCESS_KEY:
        return "UnrecognizedClientException"
    fits = hmac.compare_digest(found[6], signature(request, found))
    return None if fits and set(found[5].split(";")) >= NEEDED else "InvalidSignatureException"


def signature(request: Request, told: re.Match[str]) -> str:
    """The signature the request should have, for what it says of itself."""
    day, region, service = told[2], told[3], told[4]
    headers, names = request.headers, told[5].split(";")
    path, _, query = request.target.partition("?")
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in names]
    digest = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join(
        (request.method, quote(path, safe="/~"), query, "".join(lines), told[5], digest)
    )
    stamp, scope = headers.get("x-amz-date", ""), f"{day}/{region}/{service}/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{SECRET_KEY}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}"
    return hmac.digest(key, text.encode(), "sha256").hex()
