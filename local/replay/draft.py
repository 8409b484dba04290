"""An answer before its framing: which vendor's status, headers and pieces a request deserves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from local.replay import antigravity, aws, bedrock, media, sse, tokens
from local.replay.knobs import Knobs
from local.replay.prompt import Json, Prompt, read
from local.replay.prompt import named as named_model
from local.replay.reply import ID, compose
from local.replay.routes import VENDORS, Target, find
from local.replay.vendor import Vendor
from local.replay.wire import Request

OK = 200
OPENING = 3  # events an endless stream does not repeat
RETRY_DATE = "Fri, 31 Dec 2049 23:59:59 GMT"
MEDIA = ("transcribe", "draw")  # what OpenAI answers with other things than texts and vectors
ACCOUNTS = ("token", "balance", "models")  # what is asked about an account, and no model
ACCOUNT = "org-replayaccount"  # an upstream's own words, which must not reach a caller


@dataclass(slots=True)
class Draft:
    """An answer in the making. `repeat` follows the pieces for ever.

    `raw` replaces the head when it is no HTTP at all, `length` is a content-length that is not
    the true one, `closes` says the connection's end is the answer's end.
    """

    knobs: Knobs
    vendor: Vendor
    status: int = OK
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    repeat: list[bytes] = field(default_factory=list)
    streamed: bool = False
    chunked: bool = False
    closes: bool = False
    length: int | None = None
    raw: bytes | None = None

    def say(self, content_type: str, *pieces: bytes) -> None:
        """Answer with these pieces instead, as one body of known length."""
        self.pieces, self.repeat, self.streamed, self.chunked = [*pieces], [], False, False
        self.headers["content-type"] = content_type


def draft(request: Request, extra: str, clock: Callable[[], int]) -> Draft:
    """The answer to a request; `extra` are knobs that come after those of the model's name."""
    headers = request.headers
    target = find(request.method, request.path, headers)
    if target is None:
        return _refusal(VENDORS["openai"], 404, f"Unknown path {request.path}.")
    if target.vendor == "bedrock" and (why := aws.stranger(request)):
        return _refusal(bedrock, 403, f"No account of {ACCOUNT}.", Knobs(throw=why))
    added = "+".join(filter(None, (headers.get("x-replay"), extra)))
    try:
        name = tokens.owner if target.operation in ACCOUNTS else named_model
        prompt = read(request, target.model, added, name)
    except (ValueError, TypeError, AttributeError) as error:
        return _refusal(VENDORS[target.vendor], 400, str(error))
    streamed = target.operation == "stream" or (prompt.stream and _streams(target, prompt))
    return _drafted(target, replace(prompt, stream=streamed), clock(), "alt=sse" in request.target)


def _streams(target: Target, prompt: Prompt) -> bool:
    if target.operation in MEDIA:
        return media.streams(target.operation, prompt)
    return target.operation == "generate"


def _drafted(target: Target, prompt: Prompt, now: int, sse_asked: bool) -> Draft:
    vendor, knobs = VENDORS[target.vendor], prompt.knobs
    if knobs.status != OK:
        return _refusal(vendor, knobs.status, f"Replayed status of {ACCOUNT}.", knobs)
    if (refused := _refused(target, prompt)) is not None:
        made = _whole(vendor, knobs, sse.compact(refused[1]))
        made.status = refused[0]
        return made
    if not prompt.stream:
        return _complete(target, prompt, now)
    if target.operation in MEDIA:
        return _events(vendor, knobs, media.events(target.operation, prompt, now))
    if target.vendor == "gemini" and not sse_asked:
        return _array(vendor, prompt, now)
    return _events(vendor, knobs, vendor.events(compose(prompt, now)))


def _refused(target: Target, prompt: Prompt) -> tuple[int, Json] | None:
    if target.vendor == "tokens":
        return tokens.refusal(prompt)
    asked = target.vendor == "antigravity" and target.operation in {"generate", "stream"}
    return antigravity.refusal(prompt) if asked else None


def _complete(target: Target, prompt: Prompt, now: int) -> Draft:
    vendor, knobs = VENDORS[target.vendor], prompt.knobs
    if target.operation in MEDIA:
        answer = media.whole(target.operation, prompt, now)
        made = Draft(knobs, vendor, headers=vendor.headers())
        made.say(answer.content_type, answer.body)
        return made
    operation = "generate" if target.operation == "stream" else target.operation
    return _whole(vendor, knobs, sse.compact(vendor.ANSWERS[operation](prompt, now)))


def _refusal(vendor: Vendor, status: int, message: str, knobs: Knobs | None = None) -> Draft:
    made = _whole(vendor, knobs or Knobs(), sse.compact(vendor.failure(status, message)))
    made.status = status
    if vendor is bedrock:
        made.headers |= bedrock.refused(status, made.knobs)
    if made.knobs.retry_after:
        wait = made.knobs.retry_after
        made.headers["retry-after"] = RETRY_DATE if wait == "date" else wait
    return made


def _whole(vendor: Vendor, knobs: Knobs, body: str) -> Draft:
    made = Draft(knobs, vendor, headers=vendor.headers())
    made.say("application/json", body.encode())
    return made


def _events(vendor: Vendor, knobs: Knobs, told: Iterator[sse.Event]) -> Draft:
    events = _broken([*told], vendor, knobs)
    made = Draft(knobs, vendor, headers=vendor.headers(), streamed=True, chunked=True)
    if vendor is bedrock:
        made.headers["content-type"] = bedrock.EVENTS
        made.pieces = bedrock.framed(events, knobs)
    else:
        made.headers["content-type"] = "text/event-stream; charset=utf-8"
        made.pieces = sse.written(events, knobs.sse, vendor.NEWLINE)
    if knobs.sse == "endless":
        made.repeat = made.pieces[OPENING : OPENING + 1]
        made.pieces = made.pieces[:OPENING]
    return made


def _broken(events: list[sse.Event], vendor: Vendor, knobs: Knobs) -> list[sse.Event]:
    if knobs.fail is None:
        return events
    return [*events[: knobs.fail], vendor.failure_event(f"Replayed failure of {ACCOUNT}.")]


def _array(vendor: Vendor, prompt: Prompt, now: int) -> Draft:
    made = Draft(prompt.knobs, vendor, headers=vendor.headers(), streamed=True, chunked=True)
    made.headers["content-type"] = "application/json; charset=UTF-8"
    events = _broken([*vendor.events(compose(prompt, now))], vendor, prompt.knobs)
    texts = [sse.compact(content) for _, content in events]
    marks = ["[", *[",\r\n"] * (len(texts) - 1)]
    made.pieces = [(m + t).encode() for m, t in zip(marks, texts, strict=True)]
    made.pieces.append(b"]")
    return made


def named(content: bytes, ident: bytes) -> bytes:
    """The bytes with the answer's own id in place; every id is equally long."""
    return content.replace(ID.encode(), ident)
