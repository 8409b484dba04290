"""One call from bytes to usage record: admit, send, give the answer back, record.

The order of these steps is here and nowhere else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from tollgate.dialects import Dialect, Route, renamed
from tollgate.domain.call import Call
from tollgate.domain.errors import PricingMisconfigured, Rate, TollgateError, UnsupportedEndpoint
from tollgate.domain.holds import request_id
from tollgate.domain.money import usd
from tollgate.domain.record import UsageRecord
from tollgate.services.admission import Admission, Admitted, Presented
from tollgate.services.metering import Outcome, record
from tollgate.services.recording import Recording
from tollgate.services.sending import NotAnswered, Sending, Sent
from tollgate.services.speech import Outgoing
from tollgate.services.streaming import StreamedAnswer
from tollgate.store.wallet import Wallets

FORWARDED: Final = ("content-type", "openai-processing-ms")
STREAM_HEADERS: Final = {"cache-control": "no-cache", "x-accel-buffering": "no"}

FRESH_MS: Final = 5_000
"""How old a profile may be where no hold would tell that it is stale."""

UNCOUNTED: Final = frozenset({"bedrock"})
"""Account types that answer no call of the free list, such as counting tokens."""

RECORDING_MS: Final = 3_000
"""Left of the function's time when waiting for the upstream ends: enough to record."""


@dataclass(frozen=True, slots=True)
class RelayRequest:
    """One HTTP request to a relay route. Header names are lower case; `query` is undecoded."""

    dialect: Dialect
    route: Route
    path: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    secret: str
    query: str = ""
    remaining_ms: int = 900_000
    address: str = ""

    @property
    def endpoint(self) -> str:
        """The path as a key's allow-list names it."""
        return self.route.pattern.format(**self.path)

    @property
    def presented(self) -> Presented:
        """Who calls, as far as the request tells."""
        return Presented(self.secret, self.address, self.endpoint)


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: a complete body, or an iterator of bytes."""

    status: int
    headers: dict[str, str]
    body: bytes | Iterator[bytes]


Note = Callable[[str, Call, Dialect, TollgateError], str | None]
"""Keeps the fact that a secret's call was refused; gives its request id, None where not kept."""


def unnoted(secret: str, call: Call, dialect: Dialect, error: TollgateError) -> str | None:
    """What is kept of a refusal where nobody lists them."""
    return None


def uncounted(name: str, value: int) -> None:
    """What becomes of a metric nobody watches."""


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """A call that was not answered, and of which a record tells that it was free."""

    error: TollgateError
    request_id: str
    body: bytes = b""


class Relay:
    """Relays calls."""

    def __init__(
        self,
        admission: Admission,
        sending: Sending,
        wallets: Wallets,
        recording: Recording,
        clock: Callable[[], int],
        note: Note = unnoted,
        count: Callable[[str, int], None] = uncounted,
    ) -> None:
        self._note = note
        self._count = count
        self._admission = admission
        self._sending = sending
        self._wallets = wallets
        self._recording = recording
        self._clock = clock

    def relay(self, request: RelayRequest) -> Reply:
        """Answer one metered call.

        Raises:
            TollgateError: refused before anything was held.
            Refused: the same, where a record tells of it; or held, then not answered.
        """
        dialect = request.dialect
        call = dialect.read_call(
            request.route, request.path, request.headers, request.body, request.query
        )
        admitted = self._admit(request, call)
        public_id = request_id(admitted.hold.rid, admitted.hold.user)
        try:
            sent = self._sending.send(self._outgoing(request, call), admitted.candidates)
        except NotAnswered as failed:
            self._record_failure(admitted, failed)
            raise Refused(failed.error, public_id, failed.body) from failed
        except TollgateError as failed:
            self._record_failure(admitted, NotAnswered(failed, []))
            raise Refused(failed, public_id) from failed
        if call.stream:
            return self._stream(admitted, sent, public_id)
        return self._complete(admitted, sent, public_id)

    def _outgoing(self, request: RelayRequest, call: Call) -> Outgoing:
        """What is sent, and until when its answer is waited for."""
        until = self._clock() + request.remaining_ms - RECORDING_MS
        settings = self._admission.questions.settings()
        return Outgoing(request.dialect, call, request.headers, until, settings)

    def _admit(self, request: RelayRequest, call: Call) -> Admitted:
        secret, dialect = request.secret, request.dialect
        try:
            return self._admission.admit(request.presented, call, dialect)
        except TollgateError as refused:
            if isinstance(refused, PricingMisconfigured):
                self._count("PricesMisconfigured", 1)
            public_id = self._note(secret, call, dialect, refused)
            if public_id is None:
                raise
            raise Refused(refused, public_id) from refused

    def forward(self, request: RelayRequest) -> Reply:
        """Answer one call of the free list, such as counting tokens: nothing is held or recorded.

        Raises:
            TollgateError: refused, or not answered.
        """
        dialect = request.dialect
        caller = self._admission.authenticate(request.presented, FRESH_MS)
        call = dialect.read_call(
            request.route, request.path, request.headers, request.body, request.query
        )
        _, candidates = self._admission.questions.resolve(caller, call, dialect)
        able = tuple(each for each in candidates if each.account.type not in UNCOUNTED)
        if not able:
            raise UnsupportedEndpoint(f"no account here can do this for model {call.model!r}")
        try:
            sent = self._sending.send(self._outgoing(request, call), able)
        except NotAnswered as failed:
            raise failed.error from failed
        return Reply(sent.answer.status, forwarded(sent), sent.first)

    def _complete(self, admitted: Admitted, sent: Sent, public_id: str) -> Reply:
        now = self._clock()
        done = self._finish(
            admitted,
            sent,
            Outcome(
                hold=admitted.hold,
                ended=now,
                status=sent.answer.status,
                usage=admitted.dialect.read_usage(admitted.call, sent.first),
                delivered=True,
                visible_bytes=len(sent.first),
                first_byte=now,
                upstream_id=sent.answer.identity or admitted.dialect.read_id(sent.first),
                attempts=sent.attempts,
            ),
        )
        headers = {**forwarded(sent), "x-request-id": public_id, "request-id": public_id}
        headers |= rate_headers(admitted.hold.rates)
        headers["x-tollgate-charge"] = usd(done.charge)
        return Reply(sent.answer.status, headers, named_as_asked(admitted, sent))

    def _stream(self, admitted: Admitted, sent: Sent, public_id: str) -> Reply:
        body = StreamedAnswer(
            admitted=admitted,
            sent=sent,
            tap=admitted.dialect.tap(admitted.call),
            request_id=public_id,
            wallets=self._wallets,
            clock=self._clock,
            finish=self._finish,
            draft=self._draft,
        )
        headers = {**forwarded(sent), **STREAM_HEADERS, **rate_headers(admitted.hold.rates)}
        headers["x-request-id"] = public_id
        return Reply(sent.answer.status, {**headers, "request-id": public_id}, body)

    def _draft(self, admitted: Admitted, sent: Sent, outcome: Outcome) -> None:
        """Keep what a running call has come to: what the sweeper charges if this process dies."""
        with suppress(PricingMisconfigured):
            self._recording.draft(record(admitted, sent.candidate, outcome))

    def _finish(self, admitted: Admitted, sent: Sent, outcome: Outcome) -> UsageRecord:
        """Record how the call ended, even where its price cannot be computed any more."""
        try:
            fact = record(admitted, sent.candidate, outcome)
        except PricingMisconfigured as broken:
            free = record(admitted, None, replace(outcome, error=broken.code))
            fact = replace(free, account=sent.candidate.account.id, suspect=True)
        if fact.suspect:
            self._count("SuspectCalls", 1)
        self._recording.record(fact)
        return fact

    def _record_failure(self, admitted: Admitted, failed: NotAnswered) -> None:
        """Give the hold back: a record that charges nothing settles it."""
        now = self._clock()
        outcome = Outcome(
            hold=admitted.hold,
            ended=now,
            status=failed.error.status,
            error=failed.error.code,
            attempts=failed.attempts,
        )
        self._recording.record(record(admitted, None, outcome))


def rate_headers(rates: Iterable[Rate]) -> dict[str, str]:
    """How limits of a minute stand, by the names that OpenAI's clients know."""
    return {
        f"x-ratelimit-{fact}-{rate.what}": text
        for rate in rates
        for fact, text in (
            ("limit", str(rate.limit)),
            ("remaining", str(rate.remaining)),
            ("reset", f"{rate.wait}s"),
        )
    }


def named_as_asked(admitted: Admitted, sent: Sent) -> bytes:
    """A whole answer; where the model was mapped, under the name that the caller knows."""
    asked = admitted.call.model
    if sent.candidate.upstream_model == asked:
        return sent.first
    return renamed(sent.first, admitted.dialect.model_member, asked)


def forwarded(sent: Sent) -> dict[str, str]:
    """The upstream's headers a caller may see."""
    found = sent.answer.headers
    return {name: found[name] for name in FORWARDED if name in found}
