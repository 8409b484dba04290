"""How the template's functions run here: with which settings, in how many processes."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from uuid import uuid4

from local.events.invoke import Event, Invoke
from local.functions.invocation import Invocation, InvocationFailed
from local.functions.pool import Pool, Size
from local.functions.worker import Launch
from local.options import ROOT, Options
from local.template.functions import Function

WRAPPER: Final = ROOT / "layers" / "tollgate" / "tollgate" / "runtime" / "wrapper"
BUFFERED: Final = Size(fewest=1, most=2)
"""Most functions are rarely called; a second worker comes when the first one is busy."""

LAMBDAS_OWN: Final = ("AWS_LAMBDA_EXEC_WRAPPER",)
"""Settings of the template that only mean something inside Lambda's file system."""


class Fleet:
    """The workers of all functions."""

    def __init__(
        self,
        functions: Iterable[Function],
        options: Options,
        shared: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._pools = {
            function.id: Pool(
                _launch(function, options, shared),
                Size(options.workers, options.workers) if function.streams else BUFFERED,
                say,
                lambda: str(uuid4()),
            )
            for function in functions
        }

    async def start(self) -> None:
        """Start the first workers of every function; returns before they are ready."""
        await asyncio.gather(*(pool.start() for pool in self._pools.values()))

    async def settle(self, seconds: float) -> None:
        """Wait until no call is under way, for at most that long."""
        end, pools = self._loop.time() + seconds, self._pools.values()
        while self._loop.time() < end and any(each.busy for each in pools):  # noqa: ASYNC110 - once in a life
            await asyncio.sleep(0.05)

    async def stop(self, seconds: float) -> None:
        """End every worker within that many seconds."""
        await asyncio.gather(*(pool.stop(seconds) for pool in self._pools.values()))

    def submit(self, function: str, event: bytes) -> Invocation:
        """Start a call of a function by its logical id."""
        return self._pools[function].submit(event)

    def caller(self, function: str) -> Invoke:
        """A plain function that calls the function, for threads other than the loop's."""

        def invoke(event: Event) -> Any:
            call = self._call(function, json.dumps(event).encode())
            payload = asyncio.run_coroutine_threadsafe(call, self._loop).result()
            return json.loads(payload) if payload else None

        return invoke

    async def _call(self, function: str, event: bytes) -> bytes:
        try:
            return (await self.submit(function, event).answer()).payload
        except InvocationFailed as failure:
            self._say(f"{function}: {failure.kind}: {failure.message.splitlines()[0]}")
            raise


def _launch(function: Function, options: Options, shared: Mapping[str, str]) -> Launch:
    own = {key: value for key, value in function.environment.items() if key not in LAMBDAS_OWN}
    arn = f"arn:aws:lambda:{shared['AWS_REGION']}:000000000000:function:{function.name}"
    return Launch(
        name=function.short_name,
        command=[str(WRAPPER), sys.executable],
        environment={**own, **shared, **_told_by_lambda(function), **_loop(function, options)},
        folder=function.folder,
        log=options.logs / f"{function.short_name}.log",
        timeout=function.timeout,
        arn=arn,
        threads=_threads(function, options),
    )


def _told_by_lambda(function: Function) -> Mapping[str, str]:
    return {
        "_HANDLER": function.handler,
        "LAMBDA_TASK_ROOT": str(function.folder),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.name,
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "TZ": ":UTC",
        "PYTHONUNBUFFERED": "1",
    }


def _loop(function: Function, options: Options) -> Mapping[str, str]:
    return {
        "TOLLGATE_RESPONSE_MODE": "stream" if function.streams else "buffered",
        "TOLLGATE_LOOP_THREADS": str(_threads(function, options)),
    }


def _threads(function: Function, options: Options) -> int:
    """Only streaming functions are written to be called from several threads at once."""
    return options.threads if function.streams else 1
