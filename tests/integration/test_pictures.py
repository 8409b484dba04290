"""Pictures through the whole gateway: what is held and charged in every mode."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.gateway import Chunks, Gateway, Seen, streamed
from tests.media_calls import (
    DRAWN,
    PICTURE,
    draw,
    event,
    form,
    gateway,
    heard,
    settled,
    transcribe,
)
from tests.sounds import wav


def pictures(count: int, **told: Any) -> httpx.Response:
    return httpx.Response(200, json={"created": 1, "data": [PICTURE] * count, **told})


@pytest.mark.parametrize(
    ("model", "asked", "answer", "charge", "held"),
    [
        pytest.param(
            "gpt-image-2",
            {"size": "1024x1024", "quality": "medium"},
            pictures(2, size="1024x1024", quality="medium", usage=DRAWN),
            32_050_000,
            # 2 x 4,000 tokens at 30, and the 94 bytes of the call at 8, the dearest input
            240_752_000,
            id="tokens of the picture",
        ),
        pytest.param("by-picture", {}, pictures(2), 80_000_000, 80_000_000, id="by the picture"),
        pytest.param("by-picture", {}, pictures(1), 40_000_000, 80_000_000, id="one is missing"),
        pytest.param("by-picture", {}, pictures(0), 0, 80_000_000, id="filtered"),
        pytest.param(
            "by-picture", {}, pictures(0, usage=DRAWN), 0, 80_000_000, id="filtered, with tokens"
        ),
        pytest.param(
            "by-size",
            {"size": "1024x1024", "quality": "hd"},
            pictures(2),
            160_000_000,
            160_000_000,
            id="by size and quality, as asked",
        ),
        pytest.param(
            "by-size",
            {"size": "1024x1024"},
            pictures(2),
            80_000_000,
            320_000_000,
            id="a size without a price of its own",
        ),
        pytest.param(
            "by-size",
            {"size": "auto"},
            pictures(2, size="3840x2160", quality="high"),
            320_000_000,
            320_000_000,
            id="the size that the vendor chose",
        ),
        pytest.param(
            "by-size", {}, pictures(2), 120_000_000, 320_000_000, id="a size that nobody tells"
        ),
        pytest.param("by-drawing", {}, pictures(2), 50_000_000, 50_000_000, id="by the call"),
        pytest.param("by-drawing", {}, pictures(0), 0, 50_000_000, id="by the call, filtered"),
        pytest.param("free", {}, pictures(2), 0, 0, id="free"),
    ],
)
def test_a_drawing_costs_what_was_delivered(
    model: str, asked: dict[str, Any], answer: httpx.Response, charge: int, held: int
) -> None:
    opened = gateway(lambda request: answer)
    seen = draw(opened, model, **asked)
    assert (seen.status, seen.body) == (200, answer.content)
    record = settled(opened)
    assert (record.charge, record.held, record.suspect) == (charge, held, False)


def test_pictures_without_figures_are_estimated_where_tokens_are_priced() -> None:
    opened = gateway(lambda request: pictures(1, size="1024x1024", quality="low"))
    draw(opened, "gpt-image-2", n=1, size="1024x1024", quality="low")
    record = settled(opened)
    assert record.usage == {"images": 1, "input": 23, "output_image": 960}
    assert (record.charge, record.usage_source) == (28_915_000, "estimated")


def test_an_answer_of_another_shape_is_estimated_by_what_was_asked_for() -> None:
    opened = gateway(lambda request: httpx.Response(200, json={"images": [PICTURE, PICTURE]}))
    draw(opened, "by-picture")
    record = settled(opened)
    assert (record.charge, record.usage_source) == (80_000_000, "estimated")


def test_more_pictures_than_were_asked_for_are_charged_at_most_what_was_held() -> None:
    opened = gateway(lambda request: pictures(9))
    draw(opened, "by-picture")
    record = settled(opened)
    assert (record.charge, record.suspect) == (80_000_000, True)


LOOK = {"size": "1024x1024", "quality": "medium"}
SHOWN = event({"type": "image_generation.partial_image", "partial_image_index": 0} | PICTURE | LOOK)
FINISHED = event({"type": "image_generation.completed", **PICTURE, **LOOK, "usage": DRAWN})
FAILED = event({"type": "error", "error": {"code": "moderation_blocked", "message": "no"}})


def test_a_streamed_picture_costs_what_its_last_event_tells() -> None:
    opened = gateway(lambda request: streamed(SHOWN, FINISHED))
    seen = draw(opened, "gpt-image-2", n=1, stream=True, partial_images=1, **LOOK)
    told = FINISHED.replace(b'"total_tokens": 1106', b'"total_tokens": 1106,"cost":0.03205')
    assert seen.body == SHOWN + told
    record = settled(opened)
    assert (record.charge, record.usage_source, record.label) == (32_050_000, "upstream", "")


def test_a_picture_that_was_blocked_in_the_end_costs_nothing() -> None:
    opened = gateway(lambda request: streamed(SHOWN, FAILED))
    seen = draw(opened, "by-picture", n=1, stream=True)
    assert seen.body.startswith(SHOWN)
    assert b"moderation_blocked" not in seen.body
    record = settled(opened)
    assert (record.charge, record.usage_source, record.error) == (0, "none", "upstream_error")


def test_a_picture_that_was_seen_half_is_paid_when_the_stream_breaks() -> None:
    def produce() -> Iterator[bytes]:
        yield SHOWN
        raise httpx.ReadError("reset")

    answer = httpx.Response(
        200, headers={"content-type": "text/event-stream"}, stream=Chunks(produce())
    )
    opened = gateway(lambda request: answer)
    draw(opened, "by-picture", n=1, stream=True)
    record = settled(opened)
    assert (record.charge, record.usage_source) == (40_000_000, "estimated")


LARGE = event({"type": "image_generation.completed", "b64_json": "QUJD" * 100_000, **LOOK})


@pytest.mark.parametrize(
    ("rest", "source"),
    [
        pytest.param((FINISHED,), "upstream", id="the end is still read"),
        pytest.param(
            (LARGE[:300_000], LARGE[300_000:]), "estimated", id="the end is too large to wait for"
        ),
    ],
)
def test_who_hangs_up_after_half_a_picture_pays_for_all_of_it(
    rest: tuple[bytes, ...], source: str
) -> None:
    opened = gateway(lambda request: streamed(SHOWN, *rest))
    body = {"model": "by-picture", "prompt": "A gate", "stream": True}
    seen = opened.send(opened.event("/v1/images/generations", body))
    assert next(seen.chunks) == SHOWN
    seen.chunks.close()
    record = settled(opened)
    assert (record.charge, record.usage_source, record.error) == (40_000_000, source, "caller_gone")


@pytest.mark.parametrize("path", ["sound", "picture"])
def test_a_failure_costs_nothing(path: str) -> None:
    opened = gateway(lambda request: httpx.Response(500, json={"error": {"message": "no"}}))
    if path == "sound":
        seen = transcribe(opened, form("whisper-1", wav(1_000)))
    else:
        seen = draw(opened, "by-picture")
    assert (seen.status, seen.json["error"]["type"]) == (502, "server_error")
    record = settled(opened)
    assert (record.charge, record.error) == (0, "upstream_error")


@pytest.mark.parametrize(
    ("send", "needs"),
    [
        pytest.param(
            lambda opened: transcribe(opened, form("gpt-image-2", wav(1_000))),
            "has no price for this kind of call",
            id="a sound at the price of pictures",
        ),
        pytest.param(
            lambda opened: draw(opened, "whisper-1"),
            "has no price for this kind of call",
            id="a picture at the price of seconds",
        ),
    ],
)
def test_what_a_price_cannot_meter_is_refused(send: Callable[[Gateway], Seen], needs: str) -> None:
    opened = gateway(lambda request: heard({}))
    seen = send(opened)
    assert (seen.status, seen.json["error"]["code"]) == (400, "model_price_not_configured")
    assert needs in seen.json["error"]["message"]
    assert opened.upstream.requests == []
