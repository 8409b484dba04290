"""How a log line looks: one JSON object, or Lambda's text form, always with the request id."""

import io
import json
import logging
import sys
import threading
import time
from collections.abc import Mapping, MutableMapping
from types import SimpleNamespace
from typing import Any

from tollgate.runtime.api import Invocation
from tollgate.runtime.fault import fault_of

_TRACE = "_X_AMZN_TRACE_ID"
_TEXT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(request_id)s\t%(message)s"
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "request_id",
    "tenant_id",
}
_LEVELS = {"TRACE": "DEBUG", "FATAL": "CRITICAL"}


class Scope:
    """The call that is being served, for log lines and X-Ray.

    With one loop thread it holds for the whole process, as on Lambda, so that lines of the
    handler's own threads carry the id too. Several loop threads each have their own, and no trace
    id: there is one environment only, and C code may read it at any time.
    """

    def __init__(self, variables: MutableMapping[str, str], threads: int) -> None:
        self._variables = variables if threads == 1 else None
        self._now: Any = SimpleNamespace() if threads == 1 else threading.local()

    def enter(self, call: Invocation) -> None:
        self._now.call = call
        if self._variables is None:
            return
        if trace := call.headers.get("lambda-runtime-trace-id"):
            self._variables[_TRACE] = trace
        else:
            self._variables.pop(_TRACE, None)

    def filter(self, record: logging.LogRecord) -> bool:
        """Marks a record with the call; a logging filter by its shape."""
        call: Invocation | None = getattr(self._now, "call", None)
        record.request_id = call.request_id if call else ""
        record.tenant_id = call.tenant_id if call else None
        return True


class JsonFormatter(logging.Formatter):
    """Lambda's own field names, and whatever was passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        plain = isinstance(record.msg, dict) and not record.args
        line: dict[str, object] = {
            "timestamp": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "message": record.msg if plain else record.getMessage(),
            "logger": record.name,
            "requestId": getattr(record, "request_id", None) or None,
            "tenantId": getattr(record, "tenant_id", None),
        }
        if record.exc_info and record.exc_info[1]:
            fault = fault_of(record.exc_info[1])
            line |= {"errorType": fault.type, "errorMessage": fault.message}
            line["stackTrace"] = fault.trace
        line |= {
            name: value for name, value in vars(record).items() if name not in _OWN | line.keys()
        }
        shown = {name: value for name, value in line.items() if value is not None}
        return json.dumps(shown, ensure_ascii=False, default=str)


def install_logging(variables: Mapping[str, str], scope: Scope) -> None:
    """Sends every logger to stdout. Comes before the handler's import, which may look for it."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # Lambda freezes the process, buffers and all
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    handler = logging.StreamHandler(sys.stdout)
    if variables.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON":
        handler.setFormatter(JsonFormatter())
    else:
        formatter = logging.Formatter(_TEXT, "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
    handler.addFilter(scope)
    root = logging.getLogger()
    root.addHandler(handler)
    level = variables.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = _LEVELS.get(level, level)
    if level in logging.getLevelNamesMapping():
        root.setLevel(level)
