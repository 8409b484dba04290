"""Transcriptions and pictures before the whole gateway: prices of every mode, calls, answers."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx

from tests.gateway import SECRET, USER, Gateway, Seen
from tollgate.domain.catalog import GlobalPart, Interval, Price
from tollgate.domain.record import UsageRecord

TYPE = "multipart/form-data; boundary=edge"
SIZES = (
    Interval(0, None, {"images": "0.08"}, label="hd/1024x1024"),
    Interval(0, None, {"images": "0.06"}, label="2K"),
    Interval(0, None, {"images": "0.16"}, label="4K"),
)
PRICES = {
    price.model: (price,)
    for price in (
        Price("whisper-1", 1, "seconds", {"seconds": "0.0001"}),
        Price("yuan", 1, "seconds", {"seconds": "0.5/7.0"}, currency="CNY", fx="7.0"),
        Price("dear", 1, "seconds", {"seconds": "1.2/7.0"}, currency="CNY", fx="7.0"),
        Price("by-token", 1, "tokens", {"input": "2.5", "input_audio": "6", "output": "10"}),
        Price("by-call", 1, "times", {"calls": "0.006"}),
        Price("gpt-image-2", 1, "tokens", {"input": "5", "input_image": "8", "output_image": "30"}),
        Price("by-picture", 1, "times", {"images": "0.04"}),
        Price("by-size", 1, "times", {"images": "0.04"}, SIZES),
        Price("by-drawing", 1, "times", {"calls": "0.05"}),
        Price("free", 1, "times", {"images": "0"}),
    )
}
EVERYWHERE = GlobalPart(1, PRICES, dict.fromkeys(PRICES, "default"), {})
TOKENS = {
    "type": "tokens",
    "input_tokens": 84,
    "input_token_details": {"audio_tokens": 81, "text_tokens": 3},
    "output_tokens": 12,
    "total_tokens": 96,
}
DRAWN = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 1_056,
    "total_tokens": 1_106,
}
PICTURE = {"b64_json": "QUJD"}


def gateway(
    serve: Callable[[httpx.Request], httpx.Response], funds: int = 1_000_000_000
) -> Gateway:
    return Gateway(serve, everywhere=EVERYWHERE, funds=funds)


def form(model: str, sound: bytes, **fields: str) -> bytes:
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in {"model": model, **fields}.items()
    ]
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    return b"".join([*parts, head, sound, b"\r\n--edge--\r\n"])


def transcribe(opened: Gateway, body: bytes, **query: str) -> Seen:
    """Send a form as API Gateway hands binary bodies over."""
    return opened.post(
        "/v1/audio/transcriptions",
        base64.b64encode(body).decode(),
        {"authorization": f"Bearer {SECRET}", "content-type": TYPE},
        isBase64Encoded=True,
        multiValueQueryStringParameters={name: [text] for name, text in query.items()},
    )


def draw(opened: Gateway, model: str, **members: Any) -> Seen:
    return opened.post(
        "/v1/images/generations", {"model": model, "prompt": "A gate", "n": 2, **members}
    )


def settled(opened: Gateway) -> UsageRecord:
    """The one record, after it was settled; its charge is all that is gone, nothing is held."""
    opened.settle()
    record = opened.record()
    view = opened.wallets.read(USER)
    assert (view.available, view.held, view.debits) == (
        opened.funds - record.charge,
        0,
        record.charge,
    )
    return record


def heard(told: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"text": "Hello, world"} | told)


def event(value: dict[str, Any]) -> bytes:
    return f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode()
