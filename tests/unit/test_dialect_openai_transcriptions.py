"""OpenAI's transcriptions: what is read of a form, of answers in every shape, and of streams."""

import json
from typing import Any

import pytest

from tests.sounds import mp3, wav
from tollgate.dialects import Call, Media, Telling, load
from tollgate.domain.errors import InvalidRequest, MissingParameter
from tollgate.domain.usage import Usage

DIALECT = load("openai_transcriptions")
(ROUTE,) = DIALECT.routes
TYPE = 'multipart/form-data; boundary="----edge"'
CALL = Call("transcribe", "whisper-1", b"", sound_ms=9_000, likely_sound_ms=8_040)
PLAIN = Call("transcribe", "whisper-1", b"", plain=True)


def part(name: str, content: bytes, filename: str = "") -> bytes:
    shown = f'; filename="{filename}"' if filename else ""
    head = f'------edge\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def form(*more: bytes, sound: bytes | None = None, model: bytes = b"whisper-1") -> bytes:
    file = part("file", wav(8_040) if sound is None else sound, "gate.wav")
    return part("model", model) + file + b"".join(more) + b"------edge--\r\n"


def read(body: bytes, **headers: str) -> Call:
    return DIALECT.read_call(ROUTE, {}, {"content-type": TYPE, **headers}, body)


def test_a_call_is_read_and_only_the_models_name_is_written_anew() -> None:
    body = form(part("prompt", "Tollgate and größe".encode()), part("language", b"en"))
    call = read(body)
    assert (call.operation, call.model, call.stream, call.plain) == (
        "transcribe",
        "whisper-1",
        False,
        False,
    )
    assert (call.text_bytes, call.media) == (20, (Media("audio", 128_684),))
    assert (call.sound_ms, call.likely_sound_ms) == (9_000, 8_040)
    assert (call.max_output, call.hidden_output, call.choices) == (2_000, 0, 1)
    wire = DIALECT.write_call(call, "whisper-large-größer")
    assert wire.path == "/audio/transcriptions"
    assert wire.body == body.replace(b"whisper-1", "whisper-large-größer".encode())
    assert DIALECT.write_call(call, "whisper-1").body == body


def test_the_boundary_goes_with_the_body() -> None:
    sent = {"content-type": TYPE, "accept": "text/plain", "authorization": "Bearer tg"}
    assert DIALECT.upstream_headers(sent, "sk") == {
        "content-type": TYPE,
        "accept": "text/plain",
        "authorization": "Bearer sk",
    }


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param(b"", (False, False), id="nothing said"),
        pytest.param(part("stream", b"true"), (True, False), id="a stream"),
        pytest.param(part("stream", b"False"), (False, False), id="no stream, in Python's words"),
        pytest.param(part("response_format", b"json"), (False, False), id="json"),
        pytest.param(part("response_format", b"verbose_json"), (False, False), id="verbose"),
        pytest.param(part("response_format", b"diarized_json"), (False, False), id="diarized"),
        pytest.param(part("response_format", b"text"), (False, True), id="text"),
        pytest.param(part("response_format", b"srt"), (False, True), id="srt"),
        pytest.param(part("response_format", b"vtt"), (False, True), id="vtt"),
    ],
)
def test_the_shape_of_the_answer_is_known(more: bytes, expected: tuple[bool, bool]) -> None:
    call = read(form(more))
    assert (call.stream, call.plain) == expected


def test_what_a_model_reads_or_hears_besides_is_counted() -> None:
    sample = b"data:audio/wav;base64,QUJD"
    call = read(
        form(
            part("keywords[]", b"Tollgate"),
            part("known_speaker_names[]", b"ann"),
            part("known_speaker_references[]", sample),
            part("known_speaker_references[]", sample),
            part("timestamp_granularities[]", b"word"),
        )
    )
    assert call.text_bytes == 11
    assert [one.size for one in call.media] == [128_684, 26, 26]
    assert call.sound_ms == 29_000


def test_output_is_bounded_by_the_sound() -> None:
    call = read(form(sound=bytes(4_000_000)))
    assert (call.sound_ms, call.likely_sound_ms, call.max_output) == (4_000_000, 500_000, 40_000)
    call = read(form(sound=mp3(1_000)))
    assert (call.sound_ms, call.likely_sound_ms) == (27_000, 26_123)


def test_sounds_are_told_apart_and_a_session_is_the_callers() -> None:
    one, same, other = (read(form(sound=wav(ms))) for ms in (1_000, 1_000, 1_001))
    assert one.session == same.session != other.session
    assert read(form(), **{"x-session-id": "s"}).session == "s"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        pytest.param(form(part("model", b"dearer")), "model", id="two models"),
        pytest.param(form(part("file", b"x", "b.wav")), "file", id="two files"),
        pytest.param(form(part("stream", b"true"), part("stream", b"false")), "stream", id="both"),
        pytest.param(form(part("prompt", b"a"), part("prompt", b"b")), "prompt", id="two prompts"),
        pytest.param(
            form(part("language", b"en"), part("language", b"de")), "language", id="two languages"
        ),
        pytest.param(form(part("model[]", b"dearer")), "model", id="a list of models"),
        pytest.param(form(model=b"\xff"), "model", id="no UTF-8"),
        pytest.param(form(model=b" whisper-1"), "model", id="a blank before the name"),
        pytest.param(form(model=b"   "), "model", id="a name of blanks"),
        pytest.param(
            part("model", b"m", "m.txt") + part("file", b"x", "a") + b"------edge--",
            "model",
            id="a file for a name",
        ),
        pytest.param(
            part("model", b"m") + part("file", b"x") + b"------edge--", "file", id="no file name"
        ),
        pytest.param(form(part("stream", b"1")), "stream", id="a stream in other words"),
        pytest.param(form(part("stream", b"")), "stream", id="an empty flag"),
        pytest.param(form(part("response_format", b"docx")), "response_format", id="no such shape"),
        pytest.param(form(part("file_id", b"file-1")), "file_id", id="a file of the vendor's"),
        pytest.param(form(part("url", b"https://a.example")), "url", id="a sound elsewhere"),
    ],
)
def test_what_is_ambiguous_or_elsewhere_is_refused_by_name(body: bytes, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(body)
    assert refused.value.param == param
    assert refused.value.message.startswith(f"{param}: ")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        pytest.param(part("model", b"m") + b"------edge--", "file", id="no file"),
        pytest.param(part("file", b"x", "a.wav") + b"------edge--", "model", id="no model"),
        pytest.param(form(model=b""), "model", id="an empty model"),
        pytest.param(form(sound=b""), "file", id="an empty file"),
    ],
)
def test_what_is_missing_is_named(body: bytes, param: str) -> None:
    with pytest.raises(MissingParameter) as refused:
        read(body)
    assert refused.value.param == param


def test_a_name_that_would_break_the_form_is_not_written() -> None:
    with pytest.raises(InvalidRequest, match="cannot be written into a form"):
        DIALECT.write_call(read(form()), "m\r\n------edge")


TOKENS = {
    "type": "tokens",
    "input_tokens": 84,
    "input_token_details": {"audio_tokens": 81, "text_tokens": 3},
    "output_tokens": 12,
    "total_tokens": 96,
}


@pytest.mark.parametrize(
    ("answer", "quantities"),
    [
        pytest.param(
            {"usage": {"type": "duration", "seconds": 9}}, {"seconds": 9_000}, id="whole seconds"
        ),
        pytest.param({"usage": {"seconds": 8.04}}, {"seconds": 8_040}, id="fractions of a second"),
        pytest.param({"duration": 8.470000267028809}, {"seconds": 8_470}, id="noise of a fraction"),
        pytest.param({"duration": 0.0005}, {"seconds": 1}, id="half a thousandth"),
        pytest.param(
            {"duration": 8.04, "usage": {"type": "duration", "seconds": 9}},
            {"seconds": 9_000},
            id="usage before the sound's length",
        ),
        pytest.param({"usage": TOKENS}, {"input": 3, "input_audio": 81, "output": 12}, id="tokens"),
        pytest.param(
            {"duration": 8.04, "usage": TOKENS},
            {"input": 3, "input_audio": 81, "output": 12, "seconds": 8_040},
            id="tokens beside the sound's length",
        ),
        pytest.param(
            {"usage": {"input_tokens": 84, "output_tokens": 12}},
            {"input_audio": 84, "output": 12},
            id="tokens of nothing in particular",
        ),
        pytest.param(
            {"usage": {"input_tokens": 84, "input_token_details": {"audio_tokens": 81}}},
            {"input": 3, "input_audio": 81},
            id="only the sound told apart",
        ),
        pytest.param(
            {"usage": {"input_tokens": 4, "input_token_details": {"audio_tokens": 81}}},
            {"input_audio": 4},
            id="more sound than input",
        ),
        pytest.param(
            {"usage": {"input_tokens": 4, "input_token_details": {"text_tokens": 81}}},
            {"input": 4},
            id="more text than input",
        ),
        pytest.param(
            {"usage": {"prompt_audio_seconds": 203, "prompt_tokens": 4, "completion_tokens": 635}},
            {"input_audio": 4, "output": 635, "seconds": 203_000},
            id="in another vendor's words",
        ),
    ],
)
def test_what_was_heard_is_read(answer: dict[str, Any], quantities: dict[str, int]) -> None:
    body = json.dumps({"text": "Hello", **answer}).encode()
    assert DIALECT.read_usage(CALL, body) == Usage(quantities)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({}, id="no usage"),
        pytest.param({"usage": None, "duration": None}, id="null"),
        pytest.param({"usage": {"type": "duration", "seconds": 0}}, id="zero"),
        pytest.param({"usage": {"seconds": -1}}, id="negative"),
        pytest.param({"usage": {"seconds": True}}, id="a boolean"),
        pytest.param({"duration": 1e300}, id="longer than anything"),
        pytest.param({"duration": float("nan")}, id="NaN"),
    ],
)
def test_an_answer_that_tells_nothing_has_no_usage(answer: dict[str, Any]) -> None:
    assert DIALECT.read_usage(CALL, json.dumps({"text": "", **answer}).encode()) is None


def test_figures_that_cannot_be_true_are_suspect() -> None:
    for odd in ('{"usage":{"seconds":"9"}}', '{"usage":{"seconds":10000000000}}'):
        used = DIALECT.read_usage(CALL, odd.encode())
        assert used is not None
        assert used.suspect


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        pytest.param(
            "1\n00:00:00,000 --> 00:00:01,500\nHi\n\n2\n00:00:01,500 --> 00:01:08,040\nall\n\n",
            68_040,
            id="srt",
        ),
        pytest.param(
            "WEBVTT\r\n\r\n00:00.000 --> 01:00:08.040 align:start\r\nHi\r\n", 3_608_040, id="vtt"
        ),
        pytest.param("WEBVTT\n\n00:00.000 --> 00:08.040", 8_040, id="vtt cut off"),
    ],
)
def test_subtitles_end_when_the_sound_does(text: str, ms: int) -> None:
    assert DIALECT.read_usage(PLAIN, text.encode()) == Usage({"seconds": ms})


@pytest.mark.parametrize(
    ("call", "text"),
    [
        pytest.param(PLAIN, b"Hello\n", id="a transcript"),
        pytest.param(PLAIN, b"", id="silence"),
        pytest.param(PLAIN, b"a --> b", id="an arrow that is no time"),
        pytest.param(CALL, b"1\n00:00:00,000 --> 00:00:01,500\nHi\n", id="asked for as JSON"),
    ],
)
def test_plain_text_tells_nothing(call: Call, text: bytes) -> None:
    assert DIALECT.read_usage(call, text) is None


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


HELLO = event({"type": "transcript.text.delta", "delta": "Hel"})
WORLD = event({"type": "transcript.text.delta", "delta": "lo, world"})
DONE = event({"type": "transcript.text.done", "text": "Hello, world", "usage": TOKENS})


def test_a_stream_is_read_as_it_passes() -> None:
    tap = DIALECT.tap(CALL)
    assert (tap.feed(HELLO), tap.feed(WORLD)) == (HELLO, WORLD)
    assert (tap.visible_bytes, tap.finished, tap.usage) == (12, False, None)
    assert tap.feed(DONE) == DONE
    assert (tap.visible_bytes, tap.finished, tap.failed, tap.flush()) == (12, True, False, b"")
    assert tap.usage == Usage({"input": 3, "input_audio": 81, "output": 12})


def test_a_stream_may_end_in_openais_usual_way() -> None:
    tap = DIALECT.tap(CALL)
    tap.feed(HELLO + b"data: [DONE]\n\n")
    assert (tap.finished, tap.usage) == (True, None)


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(event({"error": {"message": "no"}}), id="an error"),
        pytest.param(event({"type": "error", "message": "no"}), id="an event of errors"),
        pytest.param(b"event: error\ndata: {}\n\n", id="by its name"),
    ],
)
def test_a_failure_is_seen(failure: bytes) -> None:
    tap = DIALECT.tap(CALL)
    assert tap.feed(HELLO + failure) == HELLO + failure
    assert (tap.failed, tap.finished) == (True, False)


def test_speakers_are_told_beside_the_text() -> None:
    segment = event({"type": "transcript.text.segment", "id": "seg_1", "text": "Hel", "end": 1.5})
    tap = DIALECT.tap(CALL)
    assert tap.feed(HELLO + segment + DONE) == HELLO + segment + DONE
    assert (tap.visible_bytes, tap.finished, tap.upstream_id) == (3, True, None)


def test_a_model_that_does_not_stream_answers_whole() -> None:
    tap = DIALECT.tap(CALL)
    body = b'{"text":"Hello","usage":{"type":"duration","seconds":8.04}}'
    assert tap.feed(body[:20]) + tap.feed(body[20:]) + tap.flush() == body
    assert (tap.finished, tap.usage) == (True, Usage({"seconds": 8_040}))
    assert tap.visible_bytes == len(body)


def test_a_model_that_does_not_stream_may_answer_in_plain_text() -> None:
    tap = DIALECT.tap(CALL)
    assert tap.feed(b"\n") == b""
    assert tap.feed(b"Hello\n\nworld\n") + tap.flush() == b"\nHello\n\nworld\n"
    assert (tap.visible_bytes, tap.usage, tap.at_boundary) == (13, None, False)


def test_the_charge_is_told_in_the_last_event() -> None:
    tap = DIALECT.tap(CALL)
    tap.tell(Telling(lambda: "0.000042", lambda: {"charge_usd": "0.000042"}))
    assert tap.feed(HELLO) == HELLO
    receipt = (
        b"event: tollgate.receipt\n"
        b'data: {"type":"tollgate.receipt","receipt":{"charge_usd":"0.000042"}}\n\n'
    )
    told = DONE.replace(b'"total_tokens": 96', b'"total_tokens": 96,"cost":0.000042')
    assert tap.feed(DONE) + tap.flush() == receipt + told
