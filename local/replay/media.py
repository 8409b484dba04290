"""How OpenAI writes transcripts and pictures, whole and streamed."""

import re
import wave
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO

from local.replay.prompt import Json, Prompt
from local.replay.reply import Reply, compose
from local.replay.sse import Event, compact

BYTES_PER_MS = 8  # of a sound that is no WAV: 64 kbit/s
TOKENS_PER_SECOND = 10  # that a sound is heard as
BY_SECOND = ("whisper", "gpt-transcribe")  # beginnings of models that count seconds, not tokens
UNSTREAMED = ("whisper",)
WITHOUT_TOKENS = ("dall-e",)
PIXELS_PER_TOKEN = 250  # of a picture in high quality
SHARES = {"low": 15, "medium": 4}  # what of them other qualities need, as a divisor
PARTIAL_TOKENS = 100
PICTURE_BYTES = 64
USUAL_SIZE = "1024x1024"
SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
USUAL_PIXELS = ("1024", "1024")
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Whole:
    """One answer as a body of its own media type."""

    content_type: str
    body: bytes


def whole(operation: str, prompt: Prompt, now: int) -> Whole:
    """A complete answer."""
    reply = compose(prompt, now)
    if operation == "draw":
        return Whole(JSON, compact(pictures(reply)).encode())
    write = WRITERS.get(str(prompt.asked.get("response_format", "json")), transcript)
    told = write(reply)
    if isinstance(told, str):
        return Whole(TEXT, told.encode())
    return Whole(JSON, compact(told).encode())


def streams(operation: str, prompt: Prompt) -> bool:
    """Whether the model answers in events when it is asked to."""
    return operation == "draw" or not prompt.model.startswith(UNSTREAMED)


def events(operation: str, prompt: Prompt, now: int) -> Iterator[Event]:
    """A streamed answer."""
    reply = compose(prompt, now)
    return _drawn_events(reply) if operation == "draw" else _heard_events(reply)


def heard_ms(reply: Reply) -> int:
    """How long the sound is: as a WAV says, else by its bytes."""
    if reply.knobs.heard is not None:
        return reply.knobs.heard
    sound: bytes = reply.prompt.asked.get("file", b"")
    try:
        with wave.open(BytesIO(sound), "rb") as opened:
            frames, sampling = opened.getnframes(), opened.getframerate()
    except (wave.Error, EOFError):
        return len(sound) // BYTES_PER_MS
    return -(-frames * 1_000 // sampling)


def transcript(reply: Reply) -> Json:
    """`json`: the text and what was heard."""
    return {"text": "".join(reply.texts), **_usage(reply, heard(reply))}


def heard(reply: Reply) -> Json:
    """What was heard, in seconds or in tokens."""
    ms = heard_ms(reply)
    if reply.prompt.model.startswith(BY_SECOND):
        return {"type": "duration", "seconds": seconds(ms)}
    sound = -(-ms * TOKENS_PER_SECOND // 1_000) if reply.knobs.input is None else reply.knobs.input
    text = -(-len(str(reply.prompt.asked.get("prompt", ""))) // 4)
    return {
        "type": "tokens",
        "input_tokens": sound + text,
        "input_token_details": {"text_tokens": text, "audio_tokens": sound},
        "output_tokens": reply.output,
        "total_tokens": sound + text + reply.output,
    }


def seconds(ms: int) -> float | int:
    """Seconds as vendors write them."""
    return ms // 1_000 if ms % 1_000 == 0 else ms / 1_000


def pictures(reply: Reply) -> Json:
    """Every picture that was asked for, unless a knob says otherwise."""
    count = reply.prompt.choices if reply.knobs.drawn is None else reply.knobs.drawn
    answer: Json = {
        "created": reply.created,
        "data": [_picture(reply, index) for index in range(count)],
    }
    if reply.prompt.model.startswith(WITHOUT_TOKENS):
        return answer
    return {**answer, **_look(reply), **_usage(reply, drawn(reply, count))}


def drawn(reply: Reply, count: int) -> Json:
    """What so many pictures took in tokens."""
    width, height = pixels.groups() if (pixels := SIZE.fullmatch(_size(reply))) else USUAL_PIXELS
    most = -(-int(width) * int(height) // PIXELS_PER_TOKEN)
    each = -(-most // SHARES.get(str(reply.prompt.asked.get("quality")), 1))
    each += PARTIAL_TOKENS * int(reply.prompt.asked.get("partial_images") or 0)
    made = each * count if reply.knobs.output is None else reply.knobs.output
    return {
        "input_tokens": reply.input,
        "input_tokens_details": {
            "text_tokens": reply.input - reply.knobs.images,
            "image_tokens": reply.knobs.images,
        },
        "output_tokens": made,
        "total_tokens": reply.input + made,
    }


def _verbose(reply: Reply) -> Json:
    cue = {"id": 0, "start": 0, "end": seconds(heard_ms(reply)), "text": "".join(reply.texts)}
    return {
        "task": "transcribe",
        "language": "english",
        "duration": seconds(heard_ms(reply)),
        **transcript(reply),
        "segments": [cue],
    }


def _diarized(reply: Reply) -> Json:
    cue = {
        "type": "transcript.text.segment",
        "id": "seg_0",
        "speaker": "A",
        "start": 0,
        "end": seconds(heard_ms(reply)),
        "text": "".join(reply.texts),
    }
    said = transcript(reply)
    return {"task": "transcribe", "duration": cue["end"], "segments": [cue], **said}


def _subrip(reply: Reply) -> str:
    return f"1\n{_mark(0, ',')} --> {_mark(heard_ms(reply), ',')}\n{''.join(reply.texts)}\n\n"


def _webvtt(reply: Reply) -> str:
    times = f"{_mark(0, '.')} --> {_mark(heard_ms(reply), '.')}"
    return f"WEBVTT\n\n{times}\n{''.join(reply.texts)}\n\n"


def _mark(ms: int, point: str) -> str:
    rest, thousandths = divmod(ms, 1_000)
    minutes, second = divmod(rest, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}{point}{thousandths:03d}"


WRITERS: Mapping[str, Callable[[Reply], Json | str]] = {
    "text": lambda reply: "".join(reply.texts) + "\n",
    "srt": _subrip,
    "vtt": _webvtt,
    "verbose_json": _verbose,
    "diarized_json": _diarized,
}


def _heard_events(reply: Reply) -> Iterator[Event]:
    for text in reply.texts:
        yield "", {"type": "transcript.text.delta", "delta": text}
    yield "", {"type": "transcript.text.done", **transcript(reply)}


def _drawn_events(reply: Reply) -> Iterator[Event]:
    for index in range(reply.prompt.choices):
        for part in range(int(reply.prompt.asked.get("partial_images") or 0)):
            yield _named(reply, "partial_image", index, partial_image_index=part)
        yield _named(reply, "completed", index, **_usage(reply, drawn(reply, 1)))


def _named(reply: Reply, name: str, index: int, **members: object) -> Event:
    kind = f"image_generation.{name}"
    shown = {**_picture(reply, index), "created_at": reply.created, **_look(reply), **members}
    return kind, {"type": kind, **shown}


def _usage(reply: Reply, honest: Json) -> Json:
    """The usage member, after the `usage` knob has bent it or left it out."""
    kind = reply.knobs.usage
    if kind == "missing":
        return {}
    return {"usage": None if kind == "null" else reply.counts(honest)}


def _look(reply: Reply) -> Json:
    asked = reply.prompt.asked
    return {
        "background": "opaque",
        "output_format": asked.get("output_format") or "png",
        "quality": _chosen(asked.get("quality"), "high"),
        "size": _size(reply),
    }


def _size(reply: Reply) -> str:
    return _chosen(reply.prompt.asked.get("size"), USUAL_SIZE)


def _chosen(asked: object, usual: str) -> str:
    return usual if asked in (None, "", "auto") else str(asked)


def _picture(reply: Reply, index: int) -> Json:
    if reply.prompt.asked.get("response_format") == "url":
        return {"url": f"https://pictures.example.com/{index}.png"}
    seed = blake2b(f"{reply.prompt.asked.get('prompt')}:{index}".encode()).digest()
    size = reply.knobs.size or PICTURE_BYTES
    return {"b64_json": b64encode((seed * (size // len(seed) + 1))[:size]).decode()}
