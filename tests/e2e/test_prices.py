"""Every way to price a call, on the running stack, by the official SDKs: typed out to the nano."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google.genai.errors import ClientError

from local.stack import Stack
from tests.e2e.callers import (
    HELLO,
    LIMIT,
    LONG,
    THOUSAND,
    UNSENT,
    anthropic_sdk,
    chat,
    content,
    message,
    openai_sdk,
)
from tests.e2e.evidence import records, unexplained
from tests.e2e.lab import PATIENCE, eventually
from tests.e2e.shop import BILLED_BY, Shop, await_quote, nanos, open_shop
from tests.sounds import wav

pytestmark = [
    pytest.mark.stack,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the SDKs themselves
]


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Shop:
    return open_shop(stack)


# --- where nothing is configured ------------------------------------------------------------------


def test_openais_official_price(shop: Shop) -> None:
    answer = chat(shop, "plain", "gpt-4o-mini", "in=1000+cached=400+out=500")
    # 600 at 0.15, 400 cached at 0.075, 500 at 0.6 USD per million
    receipt = shop.paid("plain", answer.headers, "0.00042")
    assert (receipt["price"]["source"], receipt["price"]["multiplier"]) == ("official", "1")


def test_anthropics_official_price(shop: Shop) -> None:
    counted = "in=600+cached=400+written=100+written_1h=50+out=500"
    answer = message(shop, "plain", "claude-haiku-4-5", counted)
    # 600 at 1, 400 read at 0.1, 100 and 50 written at 1.25 and 2, 500 at 5 USD per million
    shop.paid("plain", answer.headers, "0.003365")


def test_geminis_official_price(shop: Shop) -> None:
    answer = content(shop, "plain", "gemini-2.5-flash", "in=1000+cached=400+out=500")
    # 600 at 0.3, 400 cached at 0.03, 500 at 2.5 USD per million
    shop.paid("plain", answer.sdk_http_response.headers, "0.001442")


# --- customers' prices and model groups -----------------------------------------------------------


def test_a_customers_own_price_in_the_default_group(shop: Shop) -> None:
    answer = chat(shop, "plain", "shop-agreed", "in=1000+cached=400+out=500")
    # 600 at 0.8, 400 cached at half of it as officially, 500 at 3.2 USD per million
    receipt = shop.paid("plain", answer.headers, "0.00224")
    assert (receipt["price"]["source"], receipt["price"]["model_group"]) == ("customer", "default")


def test_a_key_of_a_pricing_group_pays_that_groups_price(shop: Shop) -> None:
    answer = chat(shop, "vip", "shop-agreed")
    receipt = shop.paid("vip", answer.headers, "0.0015")
    assert receipt["price"]["model_group"] == "vip"


REFUSALS = [
    pytest.param("closed", "model_group_not_permitted", id="without permission"),
    pytest.param("bare", "model_group_price_not_configured", id="without a price"),
]


@pytest.mark.parametrize(("key", "code"), REFUSALS)
def test_openai_callers_are_refused_in_their_dialect(shop: Shop, key: str, code: str) -> None:
    with pytest.raises(openai.PermissionDeniedError) as refused:
        chat(shop, key, "shop-agreed", UNSENT)
    assert (refused.value.status_code, refused.value.code, refused.value.param) == (
        403,
        code,
        "model",
    )
    assert refused.value.response.headers["x-tollgate-error-code"] == code


@pytest.mark.parametrize(("key", "code"), REFUSALS)
def test_anthropic_callers_are_refused_in_their_dialect(shop: Shop, key: str, code: str) -> None:
    with pytest.raises(anthropic.PermissionDeniedError) as refused:
        message(shop, key, "shop-agreed", UNSENT)
    body: Any = refused.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "permission_error")
    assert refused.value.response.headers["x-tollgate-error-code"] == code


@pytest.mark.parametrize(("key", "code"), REFUSALS)
def test_gemini_callers_are_refused_in_their_dialect(shop: Shop, key: str, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        content(shop, key, "shop-agreed", UNSENT)
    assert (refused.value.code, refused.value.status) == (403, "PERMISSION_DENIED")
    assert refused.value.response.headers["x-tollgate-error-code"] == code


# --- what a channel charges -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knobs", "usd", "bounds"),
    [
        pytest.param("in=128000+out=8", "0.256064", (0, 128_000), id="128,000 tokens"),
        pytest.param("in=128001+out=8", "0.512132", (128_000, None), id="128,001 tokens"),
        pytest.param(
            "in=128000+cached=28000+out=8", "0.208464", (0, 128_000), id="128,000 with the cache"
        ),
        pytest.param(
            "in=128001+cached=28001+out=8",
            "0.4085283",
            (128_000, None),
            id="128,001 with the cache",
        ),
    ],
)
def test_a_range_ends_with_its_maximum(
    shop: Shop, knobs: str, usd: str, bounds: tuple[int, int | None]
) -> None:
    answer = chat(shop, "range", "shop-range", knobs, messages=LONG)
    price = shop.paid("range", answer.headers, usd)["price"]
    assert (price["interval"]["over"], price["interval"]["up_to"]) == bounds


@pytest.mark.parametrize(
    ("model", "usd", "image_usd"),
    [
        # 10 tokens at 0.3 and 10 at 2.5 USD per million beside 1,290 of the picture
        pytest.param("shop-painter", "0.051628", "0.0516", id="the channel's own price"),
        pytest.param("shop-sketch", "0.000028", "0", id="free where the channel says 0"),
        pytest.param("shop-canvas", "0.038727", "0.0387", id="official where it says nothing"),
    ],
)
def test_pictures_out_of_gemini(shop: Shop, model: str, usd: str, image_usd: str) -> None:
    answer = content(shop, "pictures", model, "in=10+out=1300+painted=1290")
    headers = answer.sdk_http_response.headers
    receipt = shop.paid("pictures", headers, usd)
    assert receipt["usage"] == {"input": 10, "output": 10, "output_image": 1_290, "images": 1}
    staff = shop.lab.get(f"/receipts/{receipt['request_id']}")
    assert staff["image_cost_usd"] == image_usd


@pytest.mark.parametrize(
    ("source", "usd"),
    [
        pytest.param("requested", "0.0015", id="as requested"),
        pytest.param("channel_mapped", "0.003", id="as the channel names it"),
        pytest.param("upstream", "0.0045", id="as it is sent"),
    ],
)
def test_the_channel_says_which_name_is_priced(shop: Shop, source: str, usd: str) -> None:
    receipt = shop.paid(source, chat(shop, source, "shop-asked").headers, usd)
    staff = shop.lab.get(f"/receipts/{receipt['request_id']}")
    names = ["shop-asked", "shop-mapped", "shop-wire"]
    assert (staff["billing_model"], staff["chain"]) == (names[BILLED_BY.index(source)], names)
    assert not {"chain", "billing_model", "upstream_model", "account", "cost_usd"} & {*receipt}


# --- other units ----------------------------------------------------------------------------------


def test_seconds_in_yuan_are_divided_when_they_are_charged(shop: Shop) -> None:
    with openai_sdk(shop, "plain") as client:
        answer = client.audio.transcriptions.with_raw_response.create(
            model="whisper-shop", file=("gate.wav", wav(8_000))
        )
    # 8 × 0.50 yuan at 7.0 yuan a dollar, rounded up once
    receipt = shop.paid("plain", answer.headers, "0.571428572")
    (line,) = receipt["lines"]
    assert (line["quantity"], line["unit_price"]) == ("8", "0.50/7.0")
    assert (receipt["price"]["currency"], receipt["price"]["fx"]) == ("CNY", "7.0")


@pytest.mark.parametrize(
    ("asked", "usd", "label"),
    [
        pytest.param({"size": "1024x1024"}, "0.04", "", id="the flat price"),
        pytest.param({"size": "1024x1024", "quality": "hd"}, "0.06", "hd/1024x1024", id="exact"),
        pytest.param({"size": "1792x1024", "n": 2}, "0.16", "2K", id="two of a class"),
        pytest.param({"size": "3840x2160"}, "0.16", "4K", id="the largest class"),
    ],
)
def test_pictures_cost_what_their_label_says(
    shop: Shop, asked: dict[str, Any], usd: str, label: str
) -> None:
    with openai_sdk(shop, "plain") as client:
        answer = client.images.with_raw_response.generate(
            model="dall-e-shop", prompt="A gate", response_format="url", **asked
        )
    assert shop.paid("plain", answer.headers, usd)["price"]["label"] == label


@pytest.mark.parametrize(
    ("asked", "served", "usd"),
    [
        pytest.param("priority", "priority", "0.006", id="asked for and served"),
        pytest.param("priority", "default", "0.003", id="asked for and not served"),
        pytest.param("auto", "priority", "0.003", id="left to the vendor"),
        pytest.param(None, "priority", "0.003", id="never asked for"),
    ],
)
def test_a_service_tier_is_charged_when_it_is_reported(
    shop: Shop, asked: str | None, served: str, usd: str
) -> None:
    more = {} if asked is None else {"service_tier": asked}
    answer = chat(shop, "plain", "shop-tiers", f"{THOUSAND}+tier={served}", **more)
    shop.paid("plain", answer.headers, usd)


@pytest.mark.parametrize(
    ("key", "usd", "source"),
    [
        pytest.param("rates", "0.0015", "user", id="the user's own"),
        pytest.param("other", "0.009", "group", id="everybody else's"),
    ],
)
def test_a_multiplier_of_ones_own(shop: Shop, key: str, usd: str, source: str) -> None:
    receipt = shop.paid(key, chat(shop, key, "shop-tiers").headers, usd)
    assert receipt["price"]["multiplier_source"] == source


# --- prices that change ---------------------------------------------------------------------------


def test_a_scheduled_price_takes_effect_between_two_calls(shop: Shop) -> None:
    start = time.time_ns() // 1_000_000 + 4_000
    scheduled = {"prices": {"input": "2", "output": "8"}, "effective_from": start}
    shop.write("PUT", "/price", scheduled, model="shop-later")
    before = shop.paid("plain", chat(shop, "plain", "shop-later").headers, "0.003")
    assert (before["price"]["version"], before["started_at"] < start) == (1, True)
    await_quote(shop, ("plain", "shop-later"), "version", 2)
    after = shop.paid("plain", chat(shop, "plain", "shop-later").headers, "0.006")
    assert (after["price"]["version"], after["started_at"] >= start) == (2, True)


def test_a_call_is_charged_by_the_price_at_its_hold(shop: Shop) -> None:
    with ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(chat, shop, "plain", "shop-changing", f"{THOUSAND}+block")
        eventually(shop.lab.received, lambda calls: calls[-1]["waiting"])
        dearer = {"prices": {"input": "10", "output": "40"}}
        shop.write("PUT", "/price", dearer, model="shop-changing")
        await_quote(shop, ("plain", "shop-changing"), "version", 2)
        later = shop.paid("plain", chat(shop, "plain", "shop-changing").headers, "0.03")
        shop.lab.release()
        sooner = shop.paid("plain", running.result(PATIENCE).headers, "0.003")
    assert (sooner["price"]["version"], later["price"]["version"]) == (1, 2)
    assert sooner["ended_at"] > later["ended_at"]


# --- told before, and while it streams ------------------------------------------------------------


def test_a_quote_is_what_the_same_usage_costs(shop: Shop) -> None:
    asked = {"model": "shop-tiers", "messages": HELLO, "max_tokens": LIMIT}
    with openai_sdk(shop, "plain") as client:
        quoted: Any = client.post(
            "/chat/completions",
            body=asked,
            options={"params": {"dry_run": "true"}},
            cast_to=object,
        )
    told = quoted["estimate"]
    answer = chat(shop, "plain", "shop-tiers", f"in={told['input']}+out={told['output']}")
    # 92 bytes at 1 and 1,000 tokens at 4 USD per million
    assert (told["input"], told["output"]) == (92, 1_000)
    assert quoted["maximum_charge_usd"] == quoted["hold_usd"] == "0.004092"
    shop.paid("plain", answer.headers, "0.004092")


def test_openais_stream_tells_what_the_record_says(shop: Shop) -> None:
    shop.lab.script("in=1000+cached=400")
    with openai_sdk(shop, "plain") as client:
        answer = client.chat.completions.with_raw_response.create(
            model="shop-agreed",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
        )
        (usage,) = (chunk.usage for chunk in answer.parse() if chunk.usage is not None)
    # 600 at 0.8, 400 at 0.4 and 8 at 3.2 USD per million
    assert usage.to_dict()["cost"] == 0.0006656
    shop.charged("plain", answer.headers["x-request-id"], "0.0006656")


def test_anthropics_stream_tells_what_the_record_says(shop: Shop) -> None:
    shop.lab.script("in=600+cached=400")
    with anthropic_sdk(shop, "plain") as client:
        answer = client.messages.with_raw_response.create(
            model="shop-agreed", max_tokens=LIMIT, messages=HELLO, stream=True
        )
        (last,) = (event for event in answer.parse() if event.type == "message_delta")
    assert last.usage.to_dict()["cost"] == 0.0006656
    shop.charged("plain", answer.headers["x-request-id"], "0.0006656")


def test_geminis_stream_tells_what_the_record_says(shop: Shop) -> None:
    """Google's SDK drops members it does not know, so the bytes are looked at."""
    shop.lab.script("in=1000+cached=400")
    answer = httpx.post(
        f"{shop.lab.url}/v1beta/models/shop-agreed:streamGenerateContent?alt=sse",
        headers={"x-goog-api-key": shop.keys["plain"]},
        json={"contents": [{"parts": [{"text": "Say hello."}]}]},
        timeout=PATIENCE,
    )
    told = [line for line in answer.text.splitlines() if '"cost":' in line]
    assert len(told) == 1
    assert '"cost":0.0006656' in told[0]
    shop.charged("plain", answer.headers["x-request-id"], "0.0006656")


# --- in the end -----------------------------------------------------------------------------------


def test_what_was_told_is_what_was_paid(shop: Shop) -> None:
    """Runs last: every charge above is in the wallets, to the nano, and nothing else is."""
    for user, charges in shop.charges.items():
        wallet = shop.settled(user)
        assert (nanos(wallet["debits_usd"]), wallet["held_usd"]) == (sum(charges), "0")


def test_every_charge_follows_from_its_record_alone(shop: Shop) -> None:
    """Of every call so far; what comes after is looked at when the stack ends."""
    kept = [record for record in records(shop.lab.stack) if record.user in shop.charges]
    told = sorted(nanos for charges in shop.charges.values() for nanos in charges)
    assert sorted(record.charge for record in kept if record.price) == told
    assert unexplained(shop.lab.stack) == []
