"""How Amazon Bedrock writes Anthropic's messages: in its event stream, and its own errors."""

from collections.abc import Iterator, Mapping

from local.replay import anthropic, frames
from local.replay.knobs import Knobs
from local.replay.prompt import Json
from local.replay.reply import ID, Reply
from local.replay.sse import Event, compact
from local.replay.vendor import Answer

NEWLINE = "\n"
EVENTS = "application/vnd.amazon.eventstream"
METRICS = "amazon-bedrock-invocationMetrics"
EXCEPTIONS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
BROKEN = "modelStreamErrorException"
ANSWERS: Mapping[str, Answer] = {"generate": anthropic.ANSWERS["generate"]}


def headers() -> dict[str, str]:
    """What this vendor sends beside the content type."""
    return {"x-amzn-requestid": ID}


def refused(status: int, knobs: Knobs) -> dict[str, str]:
    """What it adds to a refusal: the name of the exception."""
    return {"x-amzn-errortype": knobs.throw or EXCEPTIONS.get(status, "UnknownException")}


def events(reply: Reply) -> Iterator[Event]:
    """A streamed message, with AWS's own figures at its end."""
    counted = {"inputTokenCount": reply.input, "outputTokenCount": reply.output}
    for name, content in anthropic.events(reply):
        if name == "message_stop" and isinstance(content, dict):
            yield name, {**content, METRICS: counted}
        else:
            yield name, content


def failure(status: int, message: str) -> Json:
    """The body of an error answer."""
    return {"message": message}


def failure_event(message: str) -> Event:
    """What a stream says when it breaks; `framed` makes an exception of it."""
    return "", message


def framed(told: list[Event], knobs: Knobs) -> list[bytes]:
    """Events as messages of the stream."""
    kept = told[:-1] if knobs.sse == "noend" else told
    pieces = [_piece(event, knobs) for event in kept]
    if knobs.sse == "garbage":
        middle = len(pieces) // 2
        pieces[middle] = frames.flipped(pieces[middle])
    return pieces


def _piece(event: Event, knobs: Knobs) -> bytes:
    _, content = event
    if isinstance(content, str):
        return frames.exception(knobs.throw or BROKEN, content)
    return frames.chunk(compact(content).encode())
