"""The replay upstream's transcripts and pictures before the official SDK."""

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.audio import (
    TranscriptionDiarized,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
)
from openai.types.audio.transcription import UsageDuration, UsageTokens

from local.replay.listener import running
from tests.sounds import wav

SAID = "This answer is replayed — no model was"
SOUND = ("gate.wav", wav(8_040))


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        running() as url,
        openai.OpenAI(api_key="sk", base_url=f"{url}/v1", max_retries=0) as client,
    ):
        yield client


def test_a_transcript_tells_the_seconds_it_heard(client: Any) -> None:
    told = client.audio.transcriptions.create(model="whisper-1", file=SOUND)
    assert (told.text, told.usage) == (SAID, UsageDuration(seconds=8.04, type="duration"))


def test_a_transcript_tells_its_tokens(client: Any) -> None:
    told = client.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=SOUND, prompt="Tollgate"
    )
    assert isinstance(told.usage, UsageTokens)
    details = told.usage.input_token_details
    assert details is not None
    assert (details.audio_tokens, details.text_tokens) == (81, 2)
    assert (told.usage.input_tokens, told.usage.output_tokens) == (83, 8)


def test_a_sound_that_is_no_wav_has_the_length_of_its_bytes(client: Any) -> None:
    told = client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", bytes(16_000)))
    assert told.usage == UsageDuration(seconds=2, type="duration")


def test_transcripts_are_written_in_every_way(client: Any) -> None:
    asked = {"model": "whisper-1", "file": SOUND}
    text = client.audio.transcriptions.create(**asked, response_format="text")
    assert text == SAID + "\n"
    subtitles = client.audio.transcriptions.create(**asked, response_format="srt")
    assert subtitles == f"1\n00:00:00,000 --> 00:00:08,040\n{SAID}\n\n"
    subtitles = client.audio.transcriptions.create(**asked, response_format="vtt")
    assert subtitles == f"WEBVTT\n\n00:00:00.000 --> 00:00:08.040\n{SAID}\n\n"
    verbose = client.audio.transcriptions.create(
        **asked, response_format="verbose_json", timestamp_granularities=["segment"]
    )
    assert (verbose.duration, verbose.segments[0].end) == (8.04, 8.04)
    speakers = client.audio.transcriptions.create(**asked, response_format="diarized_json")
    assert isinstance(speakers, TranscriptionDiarized)
    assert speakers.segments[0].speaker == "A"


def test_a_transcript_is_streamed(client: Any) -> None:
    stream = client.audio.transcriptions.create(
        model="gpt-4o-transcribe+chunks=2", file=SOUND, stream=True
    )
    *deltas, done = stream
    assert all(isinstance(event, TranscriptionTextDeltaEvent) for event in deltas)
    assert "".join(event.delta for event in deltas) == "This answer"
    assert isinstance(done, TranscriptionTextDoneEvent)
    assert done.usage is not None
    assert (done.usage.input_tokens, done.usage.output_tokens) == (81, 2)


def test_pictures_tell_their_tokens(client: Any) -> None:
    drawn = client.images.generate(
        model="gpt-image-2", prompt="A gate", n=2, size="1536x1024", quality="low"
    )
    assert drawn.data is not None
    assert [len(b64decode(one.b64_json or "")) for one in drawn.data] == [64, 64]
    assert drawn.data[0].b64_json != drawn.data[1].b64_json
    assert (drawn.size, drawn.quality, drawn.output_format) == ("1536x1024", "low", "png")
    assert drawn.usage is not None
    assert (drawn.usage.input_tokens, drawn.usage.output_tokens) == (5, 840)


def test_older_pictures_are_only_counted(client: Any) -> None:
    drawn = client.images.generate(model="dall-e-3", prompt="A gate", response_format="url")
    assert drawn.data is not None
    assert [one.url for one in drawn.data] == ["https://pictures.example.com/0.png"]
    assert (drawn.size, drawn.usage) == (None, None)


def test_a_filtered_picture_is_not_there(client: Any) -> None:
    assert client.images.generate(model="gpt-image-2+drawn=0", prompt="A gate").data == []


def test_a_picture_is_streamed_by_halves(client: Any) -> None:
    stream = client.images.generate(
        model="gpt-image-2", prompt="A gate", stream=True, partial_images=2, quality="medium"
    )
    shown, again, done = stream
    assert shown.type == again.type == "image_generation.partial_image"
    assert (shown.partial_image_index, again.partial_image_index) == (0, 1)
    assert done.type == "image_generation.completed"
    assert (done.size, done.usage.output_tokens) == ("1024x1024", 1_249)
