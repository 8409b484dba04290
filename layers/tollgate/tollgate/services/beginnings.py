"""How an upstream's answer begins: well enough to give it to the caller, or how it failed.

Nothing of an upstream's complaint reaches a caller that names the operator's own account.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from tollgate.dialects._json import lenient
from tollgate.dialects._writing import compact
from tollgate.domain.errors import (
    TollgateError,
    UpstreamFailed,
    UpstreamNotFound,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTooLarge,
    UpstreamUnavailable,
    UpstreamUnprocessable,
)
from tollgate.domain.resolution import Candidate
from tollgate.domain.usage import Usage
from tollgate.services.speech import Outgoing
from tollgate.upstream.client import ERROR_BYTES, Answer, refusal

RETRY_AFTER_LIMIT: Final = 30
EXCERPT_SECONDS: Final = 2.0
"""How long the text of a failure is waited for, while others could be asked."""

OWN_NAMES: Final = re.compile(
    rb"(?:sk-[\w-]{8,}|AIza[\w-]{8,}|ya29\.[\w.-]{8,}|org-\w{6,}|proj_\w{6,}"
    rb"|projects/[\w.:-]*\w|[\w.-]{1,64}@[\w.-]{1,100}\.gserviceaccount\.com)",
    re.ASCII,
)
"""What names the operator's own account inside an upstream's error text."""

OUR_FAULT: Final = re.compile(
    rb"credit balance|insufficient_quota|exceeded your current quota|billing[_ ](?:hard|not|limit)|"
    rb"api[_ ]key[_ ](?:not|invalid|expired|is)|(?:invalid|incorrect) (?:x-)?api[- _]key|"
    rb"(?:organization|account|project) (?:has been|is) (?:disabled|deactivated|suspended)",
    re.IGNORECASE,
)
"""Complaints about *our* account that vendors send with a status which blames the request."""

WAIT_DIGITS: Final = 9
"""A longer number of seconds is not even read."""

OPENING: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:|\s*[\[{]")
"""How a stream begins: with a field of an event, a comment, or JSON."""

LONGEST_OPENING: Final = len("event:")

REFUSALS: Final[Mapping[int, type[UpstreamRefused]]] = {
    404: UpstreamNotFound,
    413: UpstreamTooLarge,
    422: UpstreamUnprocessable,
}


WITHIN: Final[Mapping[type[TollgateError], int]] = {
    UpstreamRateLimited: 429,
    UpstreamUnavailable: 403,
}
"""What a failure told within an answer of success would have had for a status."""


class AttemptFailed(Exception):
    """One attempt that failed before anything of it reached the caller.

    `error` is what the caller is told if nobody does better. `status` is 0 where there was no
    answer; `body` is the beginning of what it said, `usage` what it reported to have taken, `ours`
    whether it complains about the operator's own account. An `echo` seems to, in words that are the
    caller's: it is told as little as such a complaint, and says nothing of the account.
    """

    def __init__(
        self, error: TollgateError, answer: Answer | None = None, usage: Usage | None = None
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.status = answer.status if answer else 0
        self.headers: Mapping[str, str] = answer.headers if answer else {}
        self.body = b""
        self.usage = usage
        self.ours = False
        self.echo = False


def begun(answer: Answer, outgoing: Outgoing) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes worth giving to the caller, and those to come; all of it without a stream.

    Raises:
        AttemptFailed: there are none; the answer is closed.
    """
    try:
        if answer.status >= 300:
            raise unsuccessful(answer, outgoing)
        if outgoing.call.stream:
            return head(answer, outgoing)
        return whole(answer, plain=outgoing.call.plain), iter(())
    except TollgateError as error:
        answer.close()
        failed = AttemptFailed(error, answer)
        failed.status = WITHIN.get(type(error), answer.status)
        raise failed from error
    except AttemptFailed:
        answer.close()
        raise


def unsuccessful(answer: Answer, outgoing: Outgoing) -> AttemptFailed:
    """What a status of failure and its text mean."""
    body = excerpt(answer)
    wait = retry_after(answer.headers.get("retry-after", ""))
    error = refusal(answer.status, wait)
    complaints = {found[0].lower() for found in OUR_FAULT.finditer(body)}
    own = said(outgoing) if complaints else b""
    failed = AttemptFailed(error or refused(answer.status, body), answer)
    failed.body, failed.ours = body, any(words not in own for words in complaints)
    failed.echo = error is None and bool(complaints) and not failed.ours
    return failed


def said(outgoing: Outgoing) -> bytes:
    """All that a vendor may repeat of what the caller said, in small letters."""
    call = outgoing.call
    told = lenient(call.body)
    body = call.body if told is None else compact(told)
    others = "\n".join((call.model, *outgoing.headers.values()))
    return (body + b"\n" + others.encode(errors="replace")).lower()


def excerpt(answer: Answer) -> bytes:
    """The beginning of a failure's text; nothing where it cannot be read."""
    try:
        return answer.read(ERROR_BYTES, EXCERPT_SECONDS)
    except TollgateError:
        return b""


def refused(status: int, body: bytes) -> TollgateError:
    """The upstream's complaint about the request, without what names the operator's account."""
    if OUR_FAULT.search(body):
        return UpstreamUnavailable("the upstream refused the gateway's own account")
    kind = REFUSALS.get(status, UpstreamRefused)
    readable = body.lstrip()[:1] == b"{"
    error = kind(f"the upstream refused this request with status {status}")
    error.body = OWN_NAMES.sub(b"***", body) if readable else b""
    return error


def head(answer: Answer, outgoing: Outgoing) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes of a stream, and the rest.

    Raises:
        UpstreamFailed: no stream, or one that ended before it began.
        AttemptFailed: it failed before it began.
    """
    kind = answer.headers.get("content-type", "")
    if "html" in kind:
        raise UpstreamFailed(f"the upstream answered with {kind} instead of a stream")
    chunks = answer.chunks()
    first = opening(chunks)
    if not OPENING.match(first):
        raise UpstreamFailed("what the upstream's stream began with is no event")
    if b"error" in first:
        tap = outgoing.dialect.tap(outgoing.call)
        tap.feed(first)
        if complains(first) or (tap.failed and not tap.visible_bytes):
            error = UpstreamFailed("the upstream's stream began with an error")
            raise AttemptFailed(error, answer, tap.usage)
    return first, chunks


def opening(chunks: Iterator[bytes]) -> bytes:
    """As many of a stream's first bytes as tell that it is one."""
    first = next(chunks, b"")
    while len(first.lstrip()) < LONGEST_OPENING and len(first) < ERROR_BYTES:
        more = next(chunks, b"")
        if not more:
            break
        first += more
    return first


def whole(answer: Answer, *, plain: bool) -> bytes:
    """A complete answer: JSON, unless the caller asked for plain text.

    Raises:
        UpstreamFailed: it is no JSON object or array, or an error whatever its status says.
    """
    body = answer.read()
    answer.close()
    kind = answer.headers.get("content-type", "")
    if plain and "html" in kind:
        raise UpstreamFailed(f"the upstream answered with {kind} instead of text")
    text = body.strip()
    if not plain and text[:1] + text[-1:] not in {b"{}", b"[]"}:
        raise UpstreamFailed("the upstream's answer is not JSON")
    if complains(body):
        raise UpstreamFailed("the upstream answered with an error and a status of success")
    return body


def complains(body: bytes) -> bool:
    """Whether a body of success is nothing but an error."""
    if b'"error"' not in body or len(body) > ERROR_BYTES:
        return False
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    value = value[0] if isinstance(value, list) and value else value
    return isinstance(value, dict) and bool(value.get("error"))


def told(error: TollgateError, model: str, candidates: tuple[Candidate, ...]) -> bytes:
    """What a caller may read of an upstream's complaint: their own name of the model in it."""
    if not isinstance(error, UpstreamRefused):
        return b""
    body, own = error.body, json.dumps(model)[1:-1].encode()
    for name in {candidate.upstream_model for candidate in candidates} - {model}:
        body = body.replace(name.encode(), own)
    return body


def retry_after(text: str) -> int | None:
    """Seconds of a Retry-After header, at most what a caller should wait; dates are ignored."""
    if not text.isascii() or not text.isdigit():
        return None
    return RETRY_AFTER_LIMIT if len(text) > WAIT_DIGITS else min(int(text), RETRY_AFTER_LIMIT)
