"""The OpenAI SDK transcribes and draws against the running stack: every byte, paid exactly."""

import base64
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from local.stack import Stack
from tests.e2e.lab import Lab, account_of, eventually, models_of, open_lab
from tests.sounds import wav

pytestmark = [
    pytest.mark.stack,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the SDK itself
]

TEXT = "This answer is replayed — no model was"
SOUND = wav(8_040)
MODELS = ["whisper-1", "gpt-4o-transcribe", "gpt-image-2", "dall-e-3"]


@pytest.fixture(scope="module")
def lab(stack: Stack) -> Lab:
    """A tenant whose account also transcribes and draws; the demo data prices those models."""
    lab = open_lab(stack)
    upstream = stack.environment["TOLLGATE_UPSTREAM_URL"]
    account = account_of("openai", upstream, lab.credentials, lab.group) | {"models": MODELS}
    lab.admin.post("/accounts", json=account | {"name": "media"}).raise_for_status()
    eventually(lambda: models_of(lab), lambda models: len(models) == 8)
    return lab


@pytest.fixture
def sdk(lab: Lab) -> Iterator[Any]:
    with openai.OpenAI(base_url=f"{lab.url}/v1", api_key=lab.secret, max_retries=0) as client:
        yield client


def test_a_transcript_in_json_costs_its_seconds(sdk: Any, lab: Lab) -> None:
    answer = sdk.audio.transcriptions.with_raw_response.create(
        model="whisper-1", file=("gate.wav", SOUND), prompt="größe"
    )
    told = answer.parse()
    assert (told.text, told.usage.seconds) == (TEXT, 8.04)
    assert answer.headers["x-tollgate-charge"] == "0.000804"
    sent = base64.b64decode(lab.received()[-1]["body_base64"])
    assert SOUND in sent
    assert "größe".encode() in sent
    assert b'name="model"\r\n\r\nwhisper-1\r\n' in sent


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        pytest.param("text", TEXT + "\n", id="text"),
        pytest.param("srt", f"1\n00:00:00,000 --> 00:00:08,040\n{TEXT}\n\n", id="srt"),
        pytest.param("vtt", f"WEBVTT\n\n00:00:00.000 --> 00:00:08.040\n{TEXT}\n\n", id="vtt"),
    ],
)
def test_a_transcript_in_plain_text_costs_the_same(sdk: Any, shape: str, expected: str) -> None:
    answer = sdk.audio.transcriptions.with_raw_response.create(
        model="whisper-1", file=("gate.wav", SOUND), response_format=shape
    )
    assert (answer.parse(), answer.content) == (expected, expected.encode())
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-tollgate-charge"] == "0.000804"


def test_a_transcript_with_times_tells_the_length(sdk: Any) -> None:
    told = sdk.audio.transcriptions.create(
        model="whisper-1",
        file=("gate.wav", SOUND),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert (told.duration, told.segments[0].text) == (8.04, TEXT)


def test_a_transcript_is_streamed_chunk_by_chunk(sdk: Any, lab: Lab) -> None:
    lab.script("step+chunks=3")
    stream = sdk.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=("gate.wav", SOUND), stream=True
    )
    seen: list[str] = []
    for event in stream:
        if event.type == "transcript.text.delta":
            seen.append(event.delta)
        lab.release()  # the upstream sends the next piece only now
    assert "".join(seen) == "This answer is"
    assert (event.type, event.text) == ("transcript.text.done", "This answer is")
    # 81 tokens of sound at 2.5 USD and 3 of text at 10 USD per million
    assert event.usage.cost == 0.0002325


def test_pictures_cost_their_tokens(sdk: Any) -> None:
    answer = sdk.images.with_raw_response.generate(
        model="gpt-image-2", prompt="A gate", n=2, size="1024x1024", quality="low"
    )
    drawn = answer.parse()
    assert [len(base64.b64decode(one.b64_json)) for one in drawn.data] == [64, 64]
    assert (drawn.usage.input_tokens, drawn.usage.output_tokens) == (5, 560)
    # 5 tokens of text at 5 USD and 560 of pictures at 30 USD per million
    assert answer.headers["x-tollgate-charge"] == "0.016825"


@pytest.mark.parametrize(
    ("asked", "charge"),
    [
        pytest.param({"size": "1024x1024"}, "0.04", id="the usual price"),
        pytest.param({"size": "1024x1024", "quality": "hd"}, "0.08", id="by size and quality"),
        pytest.param({"size": "1792x1024"}, "0.08", id="by the class of its size"),
    ],
)
def test_pictures_cost_what_their_size_costs(sdk: Any, asked: dict[str, str], charge: str) -> None:
    answer = sdk.images.with_raw_response.generate(
        model="dall-e-3", prompt="A gate", response_format="url", **asked
    )
    assert [one.url for one in answer.parse().data] == ["https://pictures.example.com/0.png"]
    assert answer.headers["x-tollgate-charge"] == charge


def test_a_filtered_picture_costs_nothing(sdk: Any, lab: Lab) -> None:
    lab.script("drawn=0")
    answer = sdk.images.with_raw_response.generate(model="dall-e-3", prompt="A gate")
    assert (answer.parse().data, answer.headers["x-tollgate-charge"]) == ([], "0")


def test_a_picture_is_streamed(sdk: Any) -> None:
    stream = sdk.images.generate(
        model="gpt-image-2", prompt="A gate", stream=True, partial_images=1, quality="low"
    )
    shown, drawn = stream
    assert (shown.type, shown.partial_image_index) == ("image_generation.partial_image", 0)
    assert (drawn.type, len(base64.b64decode(drawn.b64_json))) == (
        "image_generation.completed",
        64,
    )
    # 5 tokens of text at 5 USD, 280 of the picture and 100 of its first half at 30 USD
    assert drawn.usage.cost == 0.011425


def test_a_sound_larger_than_what_is_taken_is_refused_by_its_size(sdk: Any) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", bytes(4_300_000)))
    assert refused.value.status_code == 413


def test_what_was_used_is_what_was_paid(lab: Lab) -> None:
    """Runs last: everything above is in the sums, to the nano."""
    wallet = lab.settled()
    spent = sum(nanos(receipt["charge_usd"]) for receipt in lab.usage())
    assert (nanos(wallet["debits_usd"]), wallet["held_usd"]) == (spent, "0")
    assert nanos(wallet["available_usd"]) == 1_000_000_000 - spent


def nanos(usd: str) -> int:
    """Dollars as the API writes them, in nanos."""
    whole, _, part = usd.partition(".")
    return int(whole) * 10**9 + int(part.ljust(9, "0"))
