"""Which settings of the process the loop obeys, and what they mean."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """What Lambda, or the local stack, has decided about this process."""

    variables: Mapping[str, str]
    streams: bool  # the function's routes stream, so only HTTP events are for its handler
    buffers: bool  # answers leave in one piece
    snap_start: bool
    threads: int


def read_environment(variables: Mapping[str, str]) -> Environment:
    """Raises ValueError for settings that have no meaning."""
    mode = variables.get("TOLLGATE_RESPONSE_MODE", "stream")
    if mode not in {"stream", "buffered"}:
        raise ValueError(f"TOLLGATE_RESPONSE_MODE is {mode!r}; it may be stream or buffered")
    threads = int(variables.get("TOLLGATE_LOOP_THREADS", "1"))
    if threads < 1:
        raise ValueError(f"TOLLGATE_LOOP_THREADS is {threads}; at least one thread is needed")
    return Environment(
        variables,
        streams=mode == "stream",
        buffers=mode == "buffered" or bool(variables.get("AWS_SAM_LOCAL")),
        snap_start=variables.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start",
        threads=threads,
    )
