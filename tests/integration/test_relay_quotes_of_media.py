"""Dry runs of transcriptions and pictures, in every billing mode: told as the calls then hold."""

import base64
from typing import Any

import httpx
import pytest

from tests.gateway import SECRET, Gateway
from tests.media_calls import DRAWN, PICTURE, TYPE, draw, form, gateway, heard, transcribe
from tests.sounds import wav
from tollgate.domain.money import usd

DRY = {"multiValueQueryStringParameters": {"dry_run": ["true"]}}
PICTURES = httpx.Response(200, json={"created": 1, "data": [PICTURE, PICTURE], "usage": DRAWN})


def quote_of_sound(opened: Gateway, body: bytes) -> Any:
    return opened.post(
        "/v1/audio/transcriptions",
        base64.b64encode(body).decode(),
        {"authorization": f"Bearer {SECRET}", "content-type": TYPE},
        isBase64Encoded=True,
        **DRY,
    ).json


@pytest.mark.parametrize(
    ("model", "unit", "held", "quota"),
    [
        pytest.param(
            "whisper-1",
            {"seconds": {"unit_price_usd": "0.0001", "unit_price": "0.0001", "per": 1}},
            "0.0009",
            450,
            id="by the second",
        ),
        pytest.param(
            "yuan",
            {"seconds": {"unit_price_usd": "0.071428571429", "unit_price": "0.5/7.0", "per": 1}},
            "0.642857143",
            321_429,
            id="by the second, in yuan",
        ),
        pytest.param(
            "by-call",
            {"calls": {"unit_price_usd": "0.006", "unit_price": "0.006", "per": 1}},
            "0.006",
            3_000,
            id="by the call",
        ),
    ],
)
def test_a_transcription_is_quoted_by_its_sound(
    model: str, unit: dict[str, Any], held: str, quota: int
) -> None:
    opened = gateway(lambda request: heard({}))
    body = form(model, wav(8_040))
    told = quote_of_sound(opened, body)
    assert told["price"]["prices"] == unit
    assert told["operation"] == "transcribe"
    assert (told["hold_usd"], told["hold_quota"]) == (held, quota)
    assert (told["maximum_charge_usd"], told["maximum_charge_quota"]) == (held, quota)
    assert told["estimate"]["seconds"] == "9"  # vendors bill whole seconds
    assert opened.all_records() == ()
    transcribe(opened, body)
    assert usd(opened.record().held) == held


@pytest.mark.parametrize(
    ("model", "members", "held"),
    [
        pytest.param("by-picture", {}, "0.08", id="by the picture"),
        pytest.param(
            "by-size", {"size": "1024x1024", "quality": "hd"}, "0.16", id="by size and quality"
        ),
        pytest.param("by-size", {}, "0.32", id="at any size: the dearest"),
        pytest.param("free", {}, "0", id="free"),
    ],
)
def test_pictures_are_quoted_by_number_and_size(
    model: str, members: dict[str, Any], held: str
) -> None:
    opened = gateway(lambda request: PICTURES)
    asked = {"model": model, "prompt": "A gate", "n": 2, **members}
    told = opened.post("/v1/images/generations", asked, None, **DRY).json
    assert (told["hold_usd"], told["maximum_charge_usd"]) == (held, held)
    assert told["estimate"]["images"] == 2
    assert told["operation"] == "draw"
    assert opened.upstream.requests == []
    draw(opened, model, **members)
    assert usd(opened.record().held) == held


def test_labelled_prices_are_quoted_by_their_labels() -> None:
    opened = gateway(lambda request: PICTURES)
    asked = {"model": "by-size", "prompt": "A gate"}
    told = opened.post("/v1/images/generations", asked, None, **DRY).json
    assert [
        (each["label"], each["prices"]["images"]["unit_price"])
        for each in told["price"]["intervals"]
    ] == [("hd/1024x1024", "0.08"), ("2K", "0.06"), ("4K", "0.16")]
