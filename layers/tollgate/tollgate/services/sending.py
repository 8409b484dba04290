"""Sends an admitted call: account after account of its frozen list until one answers.

Failing over happens only before the first byte reached the caller, at most ten times.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tollgate.domain.errors import (
    InvalidRequest,
    NoHealthyAccount,
    TollgateError,
    UpstreamFailed,
    UpstreamNotFound,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamTooLarge,
    UpstreamUnavailable,
    UpstreamUnprocessable,
)
from tollgate.domain.resolution import Candidate
from tollgate.services.speech import Outgoing, Speech, heard
from tollgate.upstream.client import ERROR_BYTES, Answer, Upstream, refusal

SWITCHES: Final = 10
RETRY_AFTER_LIMIT: Final = 30
OWN_NAMES: Final = re.compile(
    rb"(?:sk-[\w-]{8,}|AIza[\w-]{8,}|org-\w{6,}|proj_\w{6,}|projects/[\w-]+)", re.ASCII
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

REFUSALS: Final[Mapping[int, type[UpstreamRefused]]] = {
    404: UpstreamNotFound,
    413: UpstreamTooLarge,
    422: UpstreamUnprocessable,
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one account, as the record tells it; status 0 when there was no answer."""

    account: str
    status: int
    ms: int


@dataclass(frozen=True, slots=True)
class Sent:
    """The attempt that answered: its first bytes, the bytes still to come, what was tried before.

    For a call that does not stream, `first` is the whole body.
    """

    candidate: Candidate
    answer: Answer
    first: bytes
    rest: Iterator[bytes]
    attempts: list[Attempt] = field(default_factory=list)


class NotAnswered(Exception):
    """No account answered.

    `error` is what the caller is told, `attempts` what was tried, `body` the upstream's own words
    (cleaned) when it found the request itself wrong.
    """

    def __init__(self, error: TollgateError, attempts: list[Attempt], body: bytes = b"") -> None:
        super().__init__(error.message)
        self.error = error
        self.attempts = attempts
        self.body = body


class Sending:
    """Tries candidates in order."""

    def __init__(self, upstream: Upstream, speech: Speech, clock: Callable[[], int]) -> None:
        self._upstream = upstream
        self._speech = speech
        self._clock = clock

    def send(self, outgoing: Outgoing, candidates: tuple[Candidate, ...]) -> Sent:
        """The first answer worth giving to the caller.

        Raises:
            NotAnswered: nobody answered, or the request itself was refused.
        """
        attempts: list[Attempt] = []
        error: TollgateError = NoHealthyAccount("no account can take this call now", retry_after=5)
        for candidate in candidates[: SWITCHES + 1]:
            started = self._clock()
            status = 0
            try:
                answer = self._open(outgoing, candidate)
                status = answer.status
                first, rest = self._start(outgoing, answer)
            except TollgateError as failed:
                attempts.append(Attempt(candidate.account.id, status, self._clock() - started))
                error = failed
                if isinstance(failed, UpstreamTimeout | UpstreamRefused | InvalidRequest):
                    break
                continue
            attempts.append(Attempt(candidate.account.id, status, self._clock() - started))
            return Sent(candidate, answer, first, rest, attempts)
        raise NotAnswered(error, attempts, told(error, outgoing.call.model, candidates))

    def _open(self, outgoing: Outgoing, candidate: Candidate) -> Answer:
        spoken = self._speech.said(outgoing, candidate)
        patience = (outgoing.until - self._clock()) / 1_000
        return heard(self._upstream.send(spoken.target, patience), spoken)

    def _start(self, outgoing: Outgoing, answer: Answer) -> tuple[bytes, Iterator[bytes]]:
        """Read so far that the answer is known to be one; close it when it is none."""
        try:
            failed = refusal(answer.status, retry_after(answer.headers.get("retry-after", "")))
            if failed is not None:
                raise failed
            if answer.status >= 400:
                raise refused(answer)
            if not outgoing.call.stream:
                return whole(answer, plain=outgoing.call.plain), iter(())
            return head(answer, outgoing)
        except TollgateError:
            answer.close()
            raise


def head(answer: Answer, outgoing: Outgoing) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes of a stream, and the rest.

    Raises:
        UpstreamFailed: no stream, or one that ended or failed before it began.
    """
    kind = answer.headers.get("content-type", "")
    if "html" in kind:
        raise UpstreamFailed(f"the upstream answered with {kind} instead of a stream")
    chunks = answer.chunks()
    first = next(chunks, b"")
    if not first:
        raise UpstreamFailed("the upstream's stream ended before it began")
    if b"error" in first and (complains(first) or fails(first, outgoing)):
        raise UpstreamFailed("the upstream's stream began with an error")
    return first, chunks


def fails(first: bytes, outgoing: Outgoing) -> bool:
    """Whether a stream's first bytes tell of a failure and of nothing else."""
    tap = outgoing.dialect.tap(outgoing.call)
    tap.feed(first)
    return tap.failed and not tap.visible_bytes


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
    if not plain and body.lstrip()[:1] not in {b"{", b"["}:
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


def refused(answer: Answer) -> TollgateError:
    """The upstream's complaint about the request, without what names the operator's account."""
    body = answer.read(ERROR_BYTES)
    if OUR_FAULT.search(body):
        return UpstreamUnavailable("the upstream refused the gateway's own account")
    kind = REFUSALS.get(answer.status, UpstreamRefused)
    readable = body.lstrip()[:1] == b"{"
    error = kind(f"the upstream refused this request with status {answer.status}")
    error.body = OWN_NAMES.sub(b"***", body) if readable else b""
    return error


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
