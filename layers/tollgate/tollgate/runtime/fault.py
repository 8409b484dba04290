"""How an exception is told to Lambda: type, message, and a stack trace without our own frames."""

import json
import traceback
from typing import NamedTuple

_OURS = __file__.removesuffix("fault.py")
_MESSAGE_LIMIT = 4096


class StartFailure(Exception):
    """The handler cannot be loaded; `type` is the name the stock client has for the reason."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.type = kind


class Fault(NamedTuple):
    """A failure as the Runtime API takes it."""

    type: str
    message: str
    trace: list[str]

    def as_json(self, request_id: str = "") -> bytes:
        return json.dumps(
            {
                "errorMessage": self.message,
                "errorType": self.type,
                "requestId": request_id,
                "stackTrace": self.trace,
            }
        ).encode()


def fault_of(error: BaseException) -> Fault:
    """The message is cut at 4,096 characters: a whole request body in it would break the report."""
    start = error if isinstance(error, StartFailure) else None
    told = start.__cause__ if start and start.__cause__ else error
    frames = traceback.extract_tb(told.__traceback__)
    while frames and frames[0].filename.startswith(_OURS):
        frames.pop(0)
    kind = start.type if start else type(error).__name__
    return Fault(kind, str(error)[:_MESSAGE_LIMIT], frames.format())
