"""Looks after streamed answers while their handler waits: shows life, and ends them in time.

A body that is watched has three members more than an iterator. `keep_alive` is what may be sent
right now to show that the answer lives (None where nothing may: before its first event, or within
one). `finished` tells that its source has said everything: then it is waited for only a moment,
though it has not hung up. `interrupt()` ends a read the body waits in, so that it can close the
answer legally.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tollgate.runtime.delivery import Stream, Undelivered

SILENCE_SECONDS = 15.0
"""API Gateway and clients give up on a silent answer; this is far below any of their limits."""

MARGIN_SECONDS = 3.0
"""Left of the call's time when its answer is ended: enough to write the last event and a record."""

LOOK_SECONDS = 1.0
_logger = logging.getLogger(__name__)


class Watched:
    """One streamed answer under way. Its loop and the watcher take turns at the lock."""

    def __init__(self, body: Any, deadline: float, now: float) -> None:
        self._body = body
        self._deadline = deadline
        self._stream: Stream | None = None
        self._lock = threading.Lock()
        self._filler: bytes | None = None
        self._spoke = now
        self._ended = False
        self._lingers = False

    def begin(self, stream: Stream, now: float) -> None:
        """The answer's first bytes have left."""
        self._stream = stream
        self._sent(now)

    def write(self, data: bytes, now: float) -> None:
        """Send a chunk of the body."""
        with self._lock:
            if self._stream is not None:
                self._stream.write(data)
            self._sent(now)

    def look(self, now: float) -> None:
        """What the watcher does once a second."""
        if (now >= self._deadline or self._lingers) and not self._ended:
            self._ended = True
            self._body.interrupt()
        self._lingers = self._body.finished
        if self._filler is not None and now - self._spoke >= SILENCE_SECONDS:
            self._show_life(now)

    def _show_life(self, now: float) -> None:
        with self._lock:
            # The loop may have spoken while this thread waited for the lock.
            if self._stream is None or not self._filler or now - self._spoke < SILENCE_SECONDS:
                return
            try:
                self._stream.write(self._filler)
                self._spoke = now
            except Undelivered:
                self._filler = None
                self._body.interrupt()  # nobody listens: let the loop find out and clean up

    def _sent(self, now: float) -> None:
        self._filler = self._body.keep_alive
        self._spoke = now


class Watcher:
    """One thread for all answers of a process, started with the first of them.

    Args:
        clock: seconds that never go back; deadlines are told in it.
    """

    def __init__(self, clock: Any, pause: float = LOOK_SECONDS) -> None:
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()
        self._answers: set[Watched] = set()
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, body: Any, remaining: float) -> Iterator[Watched]:
        """Look after a body with so many seconds left."""
        now = self._clock()
        answer = Watched(body, now + remaining - MARGIN_SECONDS, now)
        with self._lock:
            self._answers.add(answer)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
        self._awake.set()
        try:
            yield answer
        finally:
            with self._lock:
                self._answers.discard(answer)

    def _run(self) -> None:
        while True:
            self._awake.wait()  # costs nothing while no answer is under way
            threading.Event().wait(self._pause)
            with self._lock:
                answers = list(self._answers)
                if not answers:
                    self._awake.clear()
            for answer in answers:
                self._look(answer)

    def _look(self, answer: Watched) -> None:
        try:
            answer.look(self._clock())
        except Exception:
            _logger.exception("An answer could not be looked after")
