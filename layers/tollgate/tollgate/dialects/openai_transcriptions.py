"""OpenAI's transcriptions: calls, answers and streams of `/v1/audio/transcriptions`.

The form goes on as it came, boundary and all; only the bytes of the model's name are replaced.
What was heard is told in seconds, in tokens, or only by the answer's own time marks; an answer that
is nothing but text tells nothing, and the length of the sound itself has to do.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from tollgate.dialects import Dialect, Media, Route, StopReason, Wire
from tollgate.dialects import _multipart as multipart
from tollgate.dialects._claude_code import by_agent
from tollgate.dialects._errors import STOPS
from tollgate.dialects._fields import HELD_UPSTREAM, model_of
from tollgate.dialects._headers import passed, session
from tollgate.dialects._json import exact, shortened
from tollgate.dialects._multipart import Form, Part
from tollgate.dialects._openai import OpenAiFamily
from tollgate.dialects._sound import measure
from tollgate.dialects._sse import Events
from tollgate.dialects._tap import EventTap, Signs
from tollgate.dialects._usage import Tally, inside, note_seconds
from tollgate.dialects._writing import RECEIPT, named_event, spliced
from tollgate.domain.call import Call
from tollgate.domain.errors import InvalidRequest
from tollgate.domain.usage import Usage

JSON_FORMATS: Final = frozenset({"json", "verbose_json", "diarized_json"})
PLAIN_FORMATS: Final = frozenset({"text", "srt", "vtt"})
FLAGS: Final = {"true": True, "false": False}

ELSEWHERE: Final = ("file_id", "file_url", "url")
"""Fields in which a sound is named that lies somewhere else."""

ONCE: Final = ("language", "temperature", "chunking_strategy")
"""Fields that are passed on without being read, and that must not be told twice."""

HINTS: Final = ("keywords", "known_speaker_names")
"""Lists of words that a model reads beside the prompt."""

SPEAKERS: Final = "known_speaker_references"
SPEAKER_MS: Final = 10_000
"""Longest sample of a speaker's voice."""

TOKENS_PER_SECOND: Final = 10
FEWEST_TOKENS: Final = 2_000
"""Most tokens in which a second of speech is written down, and a bound for the shortest sound."""

FIELDS: Final = {
    "input_tokens": "input",
    "prompt_tokens": "input",
    "output_tokens": "output",
    "completion_tokens": "output",
}
DETAILS: Final = {"audio_tokens": "audio", "text_tokens": "text"}
CUE: Final = re.compile(
    rb"-->[ \t]*(?:(\d{1,4}):)?(\d{2}):(\d{2})[.,](\d{3})(?=[ \t]*(?:[\r\n]|\Z|[a-z]))"
)
"""The end of a subtitle's time: hours (which WebVTT leaves out), minutes, seconds, thousandths."""

BEGINNINGS: Final = (b"data:", b"event:", b"id:", b"retry:", b":", b"{", b"\xef\xbb\xbf")
"""How a stream of events, or an answer in JSON, may begin; anything else is a transcript."""

SIGNS: Final = Signs(
    text=re.compile(rb'"delta"\s*:\s*"'),
    telling=re.compile(
        rb'"type"\s*:\s*"transcript\.text\.(?:done|segment)"|"error"\s*:\s*[^n\s]|\[DONE\]'
        rb'|(?:\A|[\r\n])event:\s*error|"type"\s*:\s*"error"'
    ),
    figures=re.compile(rb'"usage"\s*:\s*\{'),
    identity=re.compile(rb"(?!)"),
)
"""These answers have no id."""


class OpenAiTranscriptions(OpenAiFamily):
    """Sound to text."""

    name = "openai_transcriptions"
    routes: tuple[Route, ...] = (Route("POST", "/v1/audio/transcriptions", "transcribe"),)
    keep_alive: bytes | None = b": keep-alive\n\n"

    def read_call(
        self,
        route: Route,
        path: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        query: str = "",
    ) -> Call:
        """Read a caller's request."""
        form = multipart.read(headers.get("content-type", ""), body)
        refuse_elsewhere(form)
        file = file_of(form)
        named = multipart.required(form, "model", "the model to call")
        for name in ONCE:
            form.one(name)
        references = form.all(SPEAKERS)
        sound = measure(form.content(file))
        longest = in_seconds(sound.longest_ms) + SPEAKER_MS * len(references)
        text = [part for name in HINTS for part in form.all(name)]
        text += [part for part in (form.one("prompt"),) if part is not None]
        return Call(
            operation=route.operation,
            model=model_of(form.text("model")),
            body=body,
            stream=flag(form, "stream"),
            plain=answers_plainly(form),
            max_output=max(FEWEST_TOKENS, -(-longest * TOKENS_PER_SECOND // 1_000)),
            hidden_output=0,
            text_bytes=sum(part.size for part in text),
            media=tuple(Media("audio", part.size) for part in (file, *references)),
            sound_ms=longest,
            likely_sound_ms=sound.likely_ms,
            session=session(headers, (), (likeness(form, file),)),
            claude_code=by_agent(headers),
            model_spans=((named.start, named.end),),
        )

    def write_call(self, call: Call, model: str) -> Wire:
        """The caller's bytes with the model in place."""
        if not model.isprintable():
            raise InvalidRequest("model: cannot be written into a form", param="model")
        edits = [(*span, model.encode()) for span in call.model_spans]
        return Wire("/audio/transcriptions", spliced(call.body, edits))

    def upstream_headers(self, headers: Mapping[str, str], secret: str) -> dict[str, str]:
        """The caller's `accept` and, since the boundary is the caller's, `content-type`."""
        return {
            **passed(headers, ("accept", "content-type")),
            "authorization": f"Bearer {secret}",
        }

    def read_usage(self, call: Call, body: bytes) -> Usage | None:
        """Seconds or tokens, as far as the answer tells; of subtitles where the last one ends."""
        tally = Tally()
        if body.lstrip()[:1] == b"{":
            note(tally, exact(body))
        elif call.plain:
            tally.note("seconds", last_cue(body))
        return heard(tally)

    def tap(self, call: Call) -> "TranscriptTap":
        """A fresh tap."""
        return TranscriptTap()

    def write_stop(self, reason: StopReason, call: Call, request_id: str) -> bytes:
        """An error event: an end would have to repeat the whole text."""
        return self.write_stream_error(STOPS[reason], call, request_id)


class TranscriptTap(EventTap):
    """Reads a stream of text; a model that does not stream answers whole, maybe without JSON."""

    signs = SIGNS

    def __init__(self) -> None:
        super().__init__(Events())
        self._begun = False

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they came; plain text has no events, so nothing may be put between."""
        if not self._begun and (head := chunk.lstrip()):
            self._begun = True
            self.at_boundary = any(mark.startswith(head[: len(mark)]) for mark in BEGINNINGS)
        if self.at_boundary:
            return super().feed(chunk)
        self.visible_bytes += len(chunk)
        return self._splitter.flush() + chunk

    def normal(self) -> Usage | None:
        """The tally in the normal form."""
        return heard(self.tally)

    def learn(self, name: bytes, data: bytes, value: Any) -> bool:
        """Take in an event; the last one repeats the text and has the figures."""
        event = inside(value)
        kind = event.get("type")
        if name == b"error" or event.get("error") or kind == "error":
            self.failed = True
        elif kind == "transcript.text.done" or data.strip() == b"[DONE]":
            self.finished = True
        elif kind is None and isinstance(event.get("text"), str):
            self.visible_bytes += len(data)
            self.finished = True
        note(self.tally, exact(data))
        return True

    def figures_in(self, value: Any) -> str:
        """The usage of the event that ends the text."""
        return "usage" if self.finished and inside(inside(value).get("usage")) else ""

    def write_receipt(self, receipt: Mapping[str, Any]) -> bytes:
        """An event of a name that readers of transcripts do not know."""
        return named_event(RECEIPT, {"receipt": receipt})


def refuse_elsewhere(form: Form) -> None:
    """Refuse a sound that the vendor keeps or would fetch: its length has no bound here."""
    for name in ELSEWHERE:
        if form.all(name):
            raise InvalidRequest(f"{name}: {HELD_UPSTREAM}", param=name)


def file_of(form: Form) -> Part:
    """The sound, which must be sent as a file so that every reader takes it for one."""
    part = multipart.required(form, "file", "the sound to transcribe")
    if part.filename is None:
        raise InvalidRequest("file: must be sent as a file, with a file name", param="file")
    return part


def in_seconds(ms: int) -> int:
    """Milliseconds up to a whole second: some vendors count only those."""
    return -(-ms // 1_000) * 1_000


def flag(form: Form, name: str) -> bool:
    """A boolean as forms write it; absent is False."""
    text = form.text(name)
    if text is None:
        return False
    if text.lower() not in FLAGS:
        raise InvalidRequest(f"{name}: must be true or false, not {shortened(text)}", param=name)
    return FLAGS[text.lower()]


def answers_plainly(form: Form) -> bool:
    """Whether a whole answer will be text: a transcript alone, or subtitles."""
    text = form.text("response_format") or "json"
    if text in JSON_FORMATS or text in PLAIN_FORMATS:
        return text in PLAIN_FORMATS
    offered = ", ".join(sorted(JSON_FORMATS | PLAIN_FORMATS))
    raise InvalidRequest(
        f"response_format: must be one of {offered}, not {shortened(text)}",
        param="response_format",
    )


def likeness(form: Form, file: Part) -> str:
    """What tells one sound from another, so that not all calls stick to one account."""
    return f"{file.filename}:{file.size}:{form.body[file.start : file.start + 64].hex()}"


def note(tally: Tally, answer: Any) -> None:
    """Take in what an answer says of what was heard: usage, else the length of the sound."""
    found = inside(answer)
    usage = inside(found.get("usage"))
    tally.take(usage, FIELDS)
    for name in ("input_token_details", "prompt_tokens_details"):
        tally.take(inside(usage.get(name)), DETAILS)
    for told in (found.get("duration"), usage.get("prompt_audio_seconds"), usage.get("seconds")):
        note_seconds(tally, told)


def last_cue(body: bytes) -> int:
    """Thousandths of a second at which the last subtitle ends; 0 without one."""
    ends = CUE.findall(body)
    if not ends:
        return 0
    hours, minutes, seconds, rest = (int(digits or b"0") for digits in ends[-1])
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000 + rest


def heard(tally: Tally) -> Usage | None:
    """The normal form: tokens of the sound apart from those of the prompt."""
    whole, audio = tally["input"], tally["audio"]
    text = min(tally["text"], whole)
    if "text" not in tally.counts and audio:
        text = max(0, whole - audio)
    quantities = {
        "input": text,
        "input_audio": whole - text,
        "output": tally["output"],
        "seconds": tally["seconds"],
    }
    return tally.usage(quantities)


DIALECT: Final[Dialect] = OpenAiTranscriptions()
