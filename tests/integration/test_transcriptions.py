"""Transcriptions through the whole gateway: what is held and charged in every mode."""

from dataclasses import replace

import httpx
import pytest

from tests.gateway import GROUP, USER, Gateway, streamed
from tests.media_calls import (
    EVERYWHERE,
    TOKENS,
    TYPE,
    event,
    form,
    gateway,
    heard,
    settled,
    transcribe,
)
from tests.sounds import mp3, wav


def plain(text: str) -> httpx.Response:
    return httpx.Response(200, text=text)


SRT = "1\n00:00:00,000 --> 00:00:08,040\nHello, world\n\n"


@pytest.mark.parametrize(
    ("model", "fields", "answer", "charge", "source"),
    [
        pytest.param(
            "whisper-1",
            {},
            heard({"usage": {"type": "duration", "seconds": 9}}),
            900_000,
            "upstream",
            id="seconds as reported",
        ),
        pytest.param(
            "whisper-1",
            {"response_format": "verbose_json"},
            heard({"duration": 8.039999961853027}),
            804_000,
            "upstream",
            id="the sound's length as reported",
        ),
        pytest.param(
            "whisper-1",
            {"response_format": "srt"},
            plain(SRT),
            804_000,
            "upstream",
            id="the end of the subtitles",
        ),
        pytest.param(
            "whisper-1",
            {"response_format": "text"},
            plain("Hello, world\n"),
            804_000,
            "estimated",
            id="nothing reported: the sound's own length",
        ),
        pytest.param(
            "whisper-1",
            {},
            heard({"usage": TOKENS}),
            804_000,
            "estimated",
            id="tokens reported where seconds are priced",
        ),
        pytest.param(
            "by-token", {"prompt": "Tollgate"}, heard({"usage": TOKENS}), 613_500, "upstream",
            id="tokens",
        ),
        pytest.param(
            "by-token",
            {"response_format": "text"},
            plain("Hello, world\n"),
            526_000,
            "estimated",
            id="nothing reported where tokens are priced",
        ),
        pytest.param(
            "by-token",
            {},
            heard({"usage": {"type": "duration", "seconds": 8.04}}),
            # 81 tokens of sound at 6, and 66 bytes of answer as 17 tokens of text at 10
            656_000,
            "estimated",
            id="seconds reported where tokens are priced",
        ),
        pytest.param(
            "by-call", {}, heard({"usage": TOKENS}), 6_000_000, "upstream", id="by the call"
        ),
        pytest.param(
            "by-call", {}, heard({}), 6_000_000, "estimated", id="by the call, nothing reported"
        ),
    ],
)  # fmt: skip
def test_a_transcription_costs_what_was_heard(
    model: str, fields: dict[str, str], answer: httpx.Response, charge: int, source: str
) -> None:
    opened = gateway(lambda request: answer)
    body = form(model, wav(8_040), **fields)
    seen = transcribe(opened, body)
    assert (seen.status, seen.body) == (200, answer.content)
    assert seen.headers["content-type"] == answer.headers["content-type"]
    (request,) = opened.upstream.requests
    assert request.url.path == "/audio/transcriptions"
    assert (request.content, request.headers["content-type"]) == (body, TYPE)
    record = settled(opened)
    assert (record.charge, record.usage_source, record.suspect) == (charge, source, False)
    assert record.charge <= record.held
    assert seen.headers["x-tollgate-charge"] == f"{charge / 1_000_000_000:.9f}".rstrip("0")


@pytest.mark.parametrize(
    ("model", "ms", "charge"),
    [
        pytest.param("yuan", 8_000, 571_428_572, id="0.50 yuan a second, 8 s"),
        pytest.param("dear", 8_040, 1_378_285_715, id="1.20 yuan a second, 8.04 s"),
    ],
)
def test_a_price_in_yuan_is_exact_to_the_nano(model: str, ms: int, charge: int) -> None:
    answer = heard({"usage": {"type": "duration", "seconds": ms / 1_000}})
    opened = gateway(lambda request: answer, funds=2_000_000_000)
    assert transcribe(opened, form(model, wav(ms))).status == 200
    assert settled(opened).charge == charge


def test_the_models_name_alone_is_written_anew() -> None:
    account = replace(GROUP.accounts[0], model_mapping={"whisper-1": "whisper-large-v3"})
    opened = Gateway(
        lambda request: heard({"usage": {"seconds": 1}}),
        everywhere=EVERYWHERE,
        group=replace(GROUP, accounts=(account,)),
    )
    body = form("whisper-1", wav(1_000), prompt="whisper-1")
    assert transcribe(opened, body).status == 200
    (request,) = opened.upstream.requests
    assert request.content == body.replace(b"whisper-1", b"whisper-large-v3", 1)


def test_what_is_held_covers_the_longest_the_sound_can_be() -> None:
    def look(request: httpx.Request) -> httpx.Response:
        opened.settle()
        held.append(opened.wallets.read(USER).held)
        return heard({"usage": {"type": "duration", "seconds": 1}})

    held: list[int] = []
    opened = gateway(look)
    transcribe(opened, form("whisper-1", wav(8_040)))
    transcribe(opened, form("whisper-1", mp3(100)))  # 2.613 s in counted frames
    transcribe(opened, form("whisper-1", bytes(60_000)))  # a minute at 8 kbit/s
    transcribe(opened, form("by-call", wav(8_040)))
    assert held == [900_000, 300_000, 6_000_000, 6_000_000]


def test_more_than_the_sound_can_be_is_charged_at_most_what_was_held() -> None:
    opened = gateway(lambda request: heard({"usage": {"type": "duration", "seconds": 3_600}}))
    transcribe(opened, form("whisper-1", wav(8_040)))
    record = settled(opened)
    assert (record.charge, record.held, record.suspect) == (900_000, 900_000, True)


def test_a_transcription_is_quoted_by_what_it_would_hold() -> None:
    opened = gateway(lambda request: heard({}))
    seen = transcribe(opened, form("whisper-1", wav(8_040)), dry_run="true")
    assert (seen.status, seen.json["hold_usd"]) == (200, "0.0009")
    assert seen.json["maximum_charge_usd"] == "0.0009"
    assert (opened.upstream.requests, opened.all_records()) == ([], ())


def test_a_form_that_is_none_is_refused_before_anything_is_held() -> None:
    opened = gateway(lambda request: heard({}))
    seen = transcribe(opened, b"--edge\r\nnothing")
    assert (seen.status, seen.json["error"]["type"]) == (400, "invalid_request_error")
    assert "multipart/form-data" in seen.json["error"]["message"]
    assert opened.upstream.requests == []


DELTA = event({"type": "transcript.text.delta", "delta": "Hello"})
DONE = event({"type": "transcript.text.done", "text": "Hello", "usage": TOKENS})


def test_a_streamed_transcript_costs_what_its_last_event_tells() -> None:
    opened = gateway(lambda request: streamed(DELTA, DONE))
    seen = transcribe(opened, form("by-token", wav(8_040), stream="true"))
    told = DONE.replace(b'"total_tokens": 96', b'"total_tokens": 96,"cost":0.0006135')
    assert seen.body == DELTA + told
    record = settled(opened)
    assert (record.charge, record.usage_source, record.error) == (613_500, "upstream", "")


def test_a_model_that_does_not_stream_is_charged_by_its_whole_answer() -> None:
    whole = heard({"usage": {"type": "duration", "seconds": 8.04}})
    opened = gateway(lambda request: httpx.Response(200, json=whole.json()))
    seen = transcribe(opened, form("whisper-1", wav(8_040), stream="true"))
    assert seen.json == whole.json()
    assert settled(opened).charge == 804_000
