"""One streamed answer on its way to the caller: bytes through, usage read off, money kept covered.

However it ends (done, upstream broken, caller gone, time or balance out), the record is written
once. What the caller is told of the charge before is what that record will say. The runtime loop
iterates it, closes it when the caller has gone, sends `keep_alive` when it has been silent, and
calls `interrupt` before the time limit.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tollgate.dialects import Dialect, Renaming, StopReason, Tap, Telling
from tollgate.domain.catalog import Key
from tollgate.domain.errors import (
    BillingUnavailable,
    PricingMisconfigured,
    TollgateError,
    UpstreamFailed,
)
from tollgate.domain.estimate import enough_until, grown, produced_tokens
from tollgate.domain.money import usd
from tollgate.domain.receipt import receipt
from tollgate.domain.record import UsageRecord
from tollgate.services.admission import Admitted
from tollgate.services.metering import Outcome, record
from tollgate.services.sending import Sent
from tollgate.store.dynamodb import StoreError
from tollgate.store.wallet import Hold, Wallets

DRAIN_BYTES: Final = 256 * 1024
DRAIN_SECONDS: Final = 10.0

DRAFT_MS: Final = 30_000
"""How much of a long stream is lost at most when its relay is killed."""

Finish = Callable[[Admitted, Sent, Outcome], object]
"""Records how the call ended."""


@dataclass(slots=True)
class StreamedAnswer:
    """An iterator of bytes that knows how to end well."""

    admitted: Admitted
    sent: Sent
    tap: Tap
    request_id: str
    wallets: Wallets
    clock: Callable[[], int]
    finish: Finish
    draft: Finish
    hold: Hold = field(init=False)
    visible: int = field(init=False)
    enough: int = field(init=False)
    stop: StopReason | None = field(init=False, default=None)
    error: str = field(init=False, default="")
    first_byte: int = field(init=False, default=0)
    ended: int = field(init=False, default=0)
    begun: bool = field(init=False, default=False)
    noted: int = field(init=False)
    produced: Generator[bytes, None, None] = field(init=False)
    renaming: Renaming | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.hold = self.admitted.hold
        self.noted = self.hold.started
        self.visible = self.admitted.demand.visible
        self.enough = enough_until(self.visible)
        self.produced = self._produce()
        wanted = self._telling(self.admitted.caller.key)
        if wanted != Telling():
            self.tap.tell(wanted)
        asked = self.admitted.call.model
        if self.sent.candidate.upstream_model != asked:
            self.renaming = Renaming(self.dialect.model_member, asked)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.begun = True
        return next(self.produced)

    @property
    def dialect(self) -> Dialect:
        """The format both sides speak."""
        return self.admitted.dialect

    @property
    def keep_alive(self) -> bytes | None:
        """What may be sent now to show life: None before the first event or within one."""
        return self.dialect.keep_alive if self.first_byte and self.tap.at_boundary else None

    def interrupt(self) -> None:
        """End the stream because time runs out; called from another thread."""
        self.stop = "time_limit"
        self.sent.answer.interrupt()

    @property
    def finished(self) -> bool:
        """Whether the answer is complete, so that nothing more need be waited for."""
        return self.tap.finished

    def close(self) -> None:
        """The caller has gone: learn the usage within bounds, record, let go."""
        begun, self.begun = self.begun, True
        self.produced.close()
        if not begun:  # a generator that never began has ended without recording
            try:
                self._abandon()
            finally:
                self._end()

    def _produce(self) -> Generator[bytes, None, None]:
        try:
            yield from self._forward()
        except GeneratorExit:
            self._leave()
            raise
        except TollgateError as failed:
            if not self.tap.finished:
                yield self._ending(failed)
        finally:
            self._end()

    def _forward(self) -> Iterator[bytes]:
        """Bytes of the answer; ends early only by raising, or after the legal end of a stop."""
        chunk: bytes | None = self.sent.first
        while chunk:
            out = self._passed(self.tap.feed(chunk))
            if out:
                yield out
            if not self.tap.finished and not self._covered():
                self.stop = "balance"
                self.sent.answer.interrupt()
                yield self.dialect.write_stop("balance", self.admitted.call, self.request_id)
                return
            self._note()
            chunk = next(self.sent.rest, None)
        if self.stop is not None and not self.tap.finished:
            self.error = self.stop
            yield self.dialect.write_stop(self.stop, self.admitted.call, self.request_id)
            return
        yield self._passed(self.tap.end())
        if not self.tap.finished and self.admitted.call.operation != "draw":
            raise UpstreamFailed("the upstream ended its stream without an end")

    def _passed(self, out: bytes) -> bytes:
        """What the caller gets of the upstream's events; its own words of failure stay here."""
        if self.tap.failed and not self.tap.finished:
            raise UpstreamFailed("the upstream reported a failure within its stream")
        if out:
            self.first_byte = self.first_byte or self.clock()
        return out if self.renaming is None else self.renaming.passed(out)

    def _ending(self, failed: TollgateError) -> bytes:
        """The last bytes after a failure: our own stop, or the dialect's error event."""
        if self.stop is not None:
            self.error = self.stop
            return self.dialect.write_stop(self.stop, self.admitted.call, self.request_id)
        self.error = failed.code
        self.sent.broke()
        return self.dialect.write_stream_error(failed, self.admitted.call, self.request_id)

    def _covered(self) -> bool:
        """Keep the hold ahead of what is produced; False when the user cannot pay for more.

        Once the charge was told nothing more is produced, and the hold that may cap it stays.
        """
        if self.tap.visible_bytes <= self.enough or self.ended:
            return True
        produced = produced_tokens(self.tap.visible_bytes)
        wanted = grown(self.admitted.demand, self.visible, produced)
        if wanted == self.visible:
            return True
        try:
            self.hold = self.wallets.extend(self.hold, self.admitted.amount(wanted))
        except TollgateError as refused:
            self.error = refused.code
            return False
        except StoreError:
            self.error = BillingUnavailable.code
            return False
        self.visible = wanted
        self.enough = enough_until(wanted)
        return True

    def _abandon(self) -> None:
        """The caller has gone before anything was sent."""
        try:
            self.tap.feed(self.sent.first)
        except TollgateError:
            return  # what cannot be read tells nothing
        finally:
            self.error = "caller_gone"
        self._drain()

    def _leave(self) -> None:
        """The caller has gone; who has the whole answer has only hung up."""
        if not self.tap.finished:
            self.error = "caller_gone"
            self._drain()

    def _drain(self) -> None:
        """Read on for the usage at the end, at most so long and so much."""
        if self.tap.finished:
            return
        alarm = threading.Timer(DRAIN_SECONDS, self.sent.answer.interrupt)
        alarm.daemon = True
        alarm.start()
        size = 0
        try:
            for chunk in self.sent.rest:
                self.tap.feed(chunk)
                size += len(chunk)
                if size > DRAIN_BYTES or self.tap.finished:
                    return
        except TollgateError:
            return  # cut off: what was seen so far is what is billed
        finally:
            alarm.cancel()

    def _end(self) -> None:
        """Record, whatever closing the connection may bring."""
        try:
            self._record()
        finally:
            self.sent.close()

    def _record(self) -> None:
        self.finish(self.admitted, self.sent, self._outcome())

    # --- what the caller is told of money ---------------------------------------------------

    def _telling(self, key: Key) -> Telling:
        """What the key wants to be told."""
        return Telling(
            self._told_cost if key.cost_in_stream else None,
            self._told_receipt if key.receipt_in_stream else None,
        )

    def _told_cost(self) -> str | None:
        fact = self._fact()
        return None if fact is None else usd(fact.charge)

    def _told_receipt(self) -> Mapping[str, Any] | None:
        fact = self._fact()
        return None if fact is None else receipt(fact, settled=False, staff=False)

    def _fact(self) -> UsageRecord | None:
        """What will be recorded, the time of its end included; None where nothing prices it."""
        now = self.clock()
        self.first_byte = self.first_byte or now
        self.ended = self.ended or now
        try:
            return record(self.admitted, self.sent.candidate, self._outcome())
        except PricingMisconfigured:
            return None

    def _note(self) -> None:
        """Now and then, keep how far the call has come, in case this process is killed."""
        now = self.clock()
        if now - self.noted < DRAFT_MS:
            return
        self.noted = now
        self.draft(self.admitted, self.sent, self._outcome())

    def _outcome(self) -> Outcome:
        return Outcome(
            hold=self.hold,
            ended=self.ended or self.clock(),
            status=self.sent.answer.status,
            usage=self.tap.usage,
            delivered=self.tap.visible_bytes > 0,
            visible_bytes=self.tap.visible_bytes,
            first_byte=self.first_byte,
            finish=self.tap.finish_reason or "",
            error=self.error,
            upstream_id=self.sent.answer.identity or self.tap.upstream_id or "",
            attempts=self.sent.attempts,
            cut=not self.tap.complete,
        )
