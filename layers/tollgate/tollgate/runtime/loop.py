"""What happens to one call: whether the handler sees it, and how its answer or failure leaves."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from tollgate.runtime.answer import Answer, buffered, opening, read_answer
from tollgate.runtime.api import Invocation, RuntimeApi
from tollgate.runtime.context import Context, context_of
from tollgate.runtime.delivery import Undelivered
from tollgate.runtime.environment import Environment
from tollgate.runtime.fault import fault_of
from tollgate.runtime.logs import Scope
from tollgate.runtime.watch import Watched, Watcher

Handler = Callable[[Any, Context], object]
WATCHER = Watcher(time.monotonic)
_logger = logging.getLogger(__name__)


class Loop:
    """Serves calls one after another until the Runtime API or `stop` ends it."""

    def __init__(
        self, api: RuntimeApi, handler: Handler, environment: Environment, scope: Scope
    ) -> None:
        self._api = api
        self._handler = handler
        self._environment = environment
        self._scope = scope

    def run(self) -> None:
        try:
            while (call := self._api.next()) is not None:
                self._scope.enter(call)
                self._serve(call)
        finally:
            self._api.close()

    def stop(self) -> None:
        self._api.stop()

    def _serve(self, call: Invocation) -> None:
        try:
            self._try(call)
        except Undelivered as error:
            _logger.warning("The answer was not delivered: %s", error)

    def _try(self, call: Invocation) -> None:
        try:
            event = json.loads(call.event)
            if self._environment.streams and _is_stray(event):
                self._api.respond(call, b"{}")
                return
            context = context_of(call, self._environment.variables, time.time)
            self._answer(call, self._handler(event, context), context)
        except Undelivered:
            raise
        except Exception as error:
            _logger.exception("The call failed")
            self._api.fail(call, fault_of(error))

    def _answer(self, call: Invocation, result: object, context: Context) -> None:
        try:
            if self._environment.buffers:
                self._api.respond(call, buffered(result))
            else:
                self._stream(call, result, context)
        except Exception:
            _close(result.get("body") if isinstance(result, Mapping) else None)
            raise

    def _stream(self, call: Invocation, result: object, context: Context) -> None:
        answer = read_answer(result)
        if not hasattr(answer.body, "interrupt"):
            self._deliver(call, answer, None)
            return
        remaining = context.get_remaining_time_in_millis() / 1_000
        with WATCHER.watching(answer.body, remaining) as watched:
            self._deliver(call, answer, watched)

    def _deliver(self, call: Invocation, answer: Answer, watched: Watched | None) -> None:
        head = opening(answer)
        # A body that fails before its first chunk is still an error the caller can be told.
        stream = self._api.stream(call, head, next(answer.body, b""))
        try:
            if watched is None:
                for chunk in answer.body:
                    stream.write(chunk)
            else:
                watched.begin(stream, time.monotonic())
                for chunk in answer.body:
                    watched.write(chunk, time.monotonic())
        except Undelivered:
            raise
        except Exception as error:
            _logger.exception("The answer broke off")
            _close(answer.body)
            stream.break_off(fault_of(error), call.request_id)
        else:
            stream.finish()


def _is_stray(event: object) -> bool:
    """API Gateway is reported to send an event of its own after a streamed call."""
    return not isinstance(event, dict) or not event.keys() & {"httpMethod", "requestContext"}


def _close(body: object) -> None:
    """Tells a handler's unfinished body that nobody reads on: it drains and books in `close`."""
    try:
        if close := getattr(body, "close", None):
            close()
    except Exception:
        _logger.exception("The body failed while it was closed")
