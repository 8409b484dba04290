"""How much is held before a call: bounds typed out, growth by doubling, refusals by name."""

from dataclasses import replace

import pytest

from tollgate.domain.call import Call, Media
from tollgate.domain.catalog import Interval, Price
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.errors import InvalidRequest, ModelPriceNotConfigured, PricingMisconfigured
from tollgate.domain.estimate import (
    Demand,
    demand,
    estimated_usage,
    hold_amount,
    produced_tokens,
)

PLAIN = Price("m", 1, prices={"input": "1", "output": "10"}, max_output=4_096)
UNLIMITED = Price("m", 1, prices={"input": "1", "output": "10"})
REASONING = Price("m", 1, prices={"input": "1", "output": "10"}, max_output=100_000, reasoning=True)


def call(**changes: object) -> Call:
    """A chat call of 1,001 bytes."""
    fields: dict[str, object] = {
        "operation": "generate",
        "model": "m",
        "body": b"",
        "text_bytes": 1_001,
    }
    return Call(**{**fields, **changes})  # type: ignore[arg-type]


def wanted(asked: Call, price: Price, *, strict: bool) -> Demand:
    """What to hold for a call that the official price itself prices."""
    snapshot = rule(dict(price.prices), mode=price.mode, intervals=price.intervals)
    return demand(asked, snapshot, price, strict=strict)


def rule(prices: dict[str, str], **changes: object) -> PriceSnapshot:
    """A snapshot of these prices."""
    return PriceSnapshot("official", "m", 1, "m", prices=prices, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "price", "strict", "expected"),
    [
        pytest.param(
            call(),
            PLAIN,
            True,
            Demand(1_001, 0, 4_096, 4_096),
            id="strict: a byte a token, the model's limit",
        ),
        pytest.param(
            call(max_output=50),
            PLAIN,
            True,
            Demand(1_001, 0, 50, 50),
            id="strict: the caller's limit",
        ),
        pytest.param(
            call(),
            PLAIN,
            False,
            Demand(501, 0, 1_024, 4_096),
            id="stream: half the bytes, 1,024 visible",
        ),
        pytest.param(
            call(max_output=50),
            PLAIN,
            False,
            Demand(501, 0, 50, 50),
            id="stream: a small limit is held whole",
        ),
        pytest.param(
            call(), UNLIMITED, False, Demand(501, 0, 1_024, None), id="stream without any limit"
        ),
        pytest.param(
            call(max_output=30_000),
            REASONING,
            False,
            Demand(501, 30_000, 0, 30_000),
            id="hidden output is held up to the caller's limit",
        ),
        pytest.param(
            call(),
            REASONING,
            False,
            Demand(501, 100_000, 0, 100_000),
            id="hidden output is held up to the model's limit",
        ),
        pytest.param(
            call(max_output=64_000, hidden_output=8_000),
            PLAIN,
            False,
            Demand(501, 8_000, 1_024, 64_000),
            id="a thinking budget is held beside the visible start",
        ),
        pytest.param(
            call(max_output=2_000, hidden_output=8_000),
            PLAIN,
            False,
            Demand(501, 2_000, 0, 2_000),
            id="a thinking budget beyond the limit ends at it",
        ),
        pytest.param(
            call(choices=3, max_output=100),
            PLAIN,
            True,
            Demand(1_001, 0, 300, 300, 3),
            id="three choices",
        ),
        pytest.param(
            call(operation="embed"), PLAIN, True, Demand(1_001), id="an embedding has no output"
        ),
        pytest.param(
            call(media=(Media("image", 900_000),)),
            PLAIN,
            True,
            Demand(51_001, 0, 4_096, 4_096),
            id="an image is held by table, not by bytes",
        ),
        pytest.param(
            call(media=(Media("file", 4_001), Media("audio", 60_000))),
            PLAIN,
            True,
            Demand(6_701, 0, 4_096, 4_096),
            id="files and sound by size",
        ),
    ],
)
def test_demand(asked: Call, price: Price, strict: bool, expected: Demand) -> None:
    assert wanted(asked, price, strict=strict) == expected


def test_output_without_any_bound_is_refused_with_what_to_send() -> None:
    with pytest.raises(InvalidRequest, match="send max_tokens"):
        wanted(call(), UNLIMITED, strict=True)


def test_hidden_output_without_any_bound_is_refused_even_for_streams() -> None:
    with pytest.raises(InvalidRequest, match="send max_tokens"):
        wanted(call(), replace(UNLIMITED, reasoning=True), strict=False)


@pytest.mark.parametrize(
    ("operation", "price"),
    [
        pytest.param("generate", Price("m", 1), id="no price at all"),
        pytest.param("generate", Price("m", 1, prices={"input": "1"}), id="output without a price"),
        pytest.param("generate", Price("m", 1, prices={"output": "1"}), id="input without a price"),
        pytest.param("embed", Price("m", 1, prices={"output": "1"}), id="embedding without input"),
        pytest.param(
            "generate", Price("m", 1, mode="seconds", prices={"seconds": "1"}), id="by the second"
        ),
        pytest.param(
            "embed", Price("m", 1, mode="times", prices={"images": "1"}), id="by the image"
        ),
        pytest.param(
            "count_tokens", Price("m", 1, prices={"input": "1", "output": "1"}), id="not metered"
        ),
        pytest.param("draw", Price("m", 1, prices={"input": "1"}), id="pictures without a price"),
        pytest.param(
            "draw",
            Price("m", 1, "times", intervals=(Interval(0, None, {"images": "1"}, label="1K"),)),
            id="pictures of one size only",
        ),
        pytest.param(
            "transcribe", Price("m", 1, "times", prices={"images": "1"}), id="a sound by the image"
        ),
    ],
)
def test_what_would_be_answered_for_nothing_by_mistake_is_refused(
    operation: str, price: Price
) -> None:
    with pytest.raises(ModelPriceNotConfigured, match="no price for this kind of call"):
        wanted(call(operation=operation, max_output=10), price, strict=True)


@pytest.mark.parametrize(
    ("operation", "price"),
    [
        pytest.param("embed", Price("m", 1, prices={"input": "1"}), id="embedding"),
        pytest.param("embed", Price("m", 1, mode="times", prices={"calls": "1"}), id="by the call"),
        pytest.param(
            "generate",
            Price("m", 1, intervals=(Interval(0, None, {"input": "1", "output": "2"}),)),
            id="priced by intervals only",
        ),
        pytest.param(
            "generate", Price("m", 1, prices={"input": "0", "output": "0"}), id="free on purpose"
        ),
    ],
)
def test_what_has_the_prices_its_kind_of_call_needs_is_taken(operation: str, price: Price) -> None:
    assert wanted(call(operation=operation, max_output=10), price, strict=True).input == 1_001


def test_sound_and_files_named_by_a_url_are_taken_for_large() -> None:
    asked = call(max_output=10, media=(Media("audio", 0), Media("file", 2_001), Media("image", 9)))
    # 20 MB of sound: 334 units of 1,200; a file of 2,001 bytes: 2 of 1,500; an image: 50,000
    assert wanted(asked, PLAIN, strict=True).input == 1_001 + 334 * 1_200 + 2 * 1_500 + 50_000


SPOKEN = call(
    operation="transcribe", text_bytes=20, sound_ms=8_040, max_output=2_000, hidden_output=0,
    media=(Media("audio", 128_684),),
)  # fmt: skip
DRAWING = call(operation="draw", text_bytes=30, images=2, max_output=16_000, hidden_output=16_000)
EVERY_SIZE = tuple(
    Interval(0, None, {"images": "0.04"}, label=label) for label in ("1k", "2K", "4K")
)
SPEECH = rule({"seconds": "0.006"}, mode="seconds")
SPEECH_TOKENS = rule({"input": "2.5", "input_audio": "6", "output": "10"})
PICTURES = rule({"input": "5", "output_image": "40"})
BY_PICTURE = rule({"images": "0.04"}, mode="times")


@pytest.mark.parametrize(
    ("asked", "snapshot", "price", "expected"),
    [
        pytest.param(
            call(operation="transcribe", text_bytes=0, sound_ms=8_040),
            SPEECH,
            None,
            Demand(322, sound_ms=8_040),
            id="sound by the second",
        ),
        pytest.param(
            SPOKEN,
            SPEECH_TOKENS,
            None,
            Demand(20 + 322, 0, 2_000, 2_000, sound_ms=8_040),
            id="sound by token: 40 a second are heard",
        ),
        pytest.param(
            SPOKEN,
            SPEECH_TOKENS,
            Price("m", 1, max_output=500, reasoning=True),
            Demand(20 + 322, 0, 2_000, 2_000, sound_ms=8_040),
            id="sound by token: what can be said in it, whatever the model's limit",
        ),
        pytest.param(
            DRAWING,
            PICTURES,
            Price("m", 1, max_output=500),
            Demand(30, 16_000, 0, 16_000, images=2, named=False),
            id="pictures by token",
        ),
        pytest.param(
            DRAWING,
            rule({"input": "5", "images": "0.04"}),
            None,
            Demand(30, 16_000, 0, 16_000, images=2, named=False),
            id="pictures by the piece and their words by token",
        ),
        pytest.param(
            DRAWING,
            rule({}, mode="times", intervals=EVERY_SIZE),
            None,
            Demand(30, images=2, named=False),
            id="pictures of every size",
        ),
        pytest.param(
            call(operation="draw", text_bytes=30, images=2, labels=("1K",)),
            BY_PICTURE,
            None,
            Demand(30, images=2, labels=("1K",), named=False),
            id="pictures by the piece",
        ),
        pytest.param(
            call(), BY_PICTURE, PLAIN, Demand(1_001, images=1), id="a chat that answers a picture"
        ),
        pytest.param(
            call(choices=3),
            BY_PICTURE,
            PLAIN,
            Demand(1_001, calls=3, images=3),
            id="a chat that answers a picture in each of three choices",
        ),
        pytest.param(
            call(operation="draw", text_bytes=30, images=2, labels=("hd/1024x1024", "1K")),
            BY_PICTURE,
            None,
            Demand(30, images=2, labels=("hd/1024x1024", "1K")),
            id="pictures whose size and quality are named",
        ),
        pytest.param(
            call(max_output=100, tier="flex"),
            rule({"input": "1", "output": "10"}),
            None,
            Demand(1_001, 100, 0, 100, tier="flex"),
            id="a model that nobody describes may reason; flex needs no price",
        ),
        pytest.param(
            call(max_output=100, tier="priority"),
            rule({"input": "1", "output": "10"}, tiers={"priority": {"input": "2"}}),
            PLAIN,
            Demand(1_001, 0, 100, 100, tier="priority"),
            id="a priced tier",
        ),
    ],
)
def test_demand_of_other_calls(
    asked: Call, snapshot: PriceSnapshot, price: Price | None, expected: Demand
) -> None:
    assert demand(asked, snapshot, price, strict=True) == expected


def test_a_tier_without_prices_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="'priority'") as caught:
        wanted(call(tier="priority"), PLAIN, strict=False)
    assert caught.value.param == "service_tier"


def test_a_price_agreed_with_a_customer_that_cannot_meter_the_call_is_the_operators_mistake() -> (
    None
):
    agreed = replace(SPEECH, source="customer")
    with pytest.raises(PricingMisconfigured):
        demand(call(), agreed, PLAIN, strict=False)
    with pytest.raises(ModelPriceNotConfigured):
        demand(call(), SPEECH, PLAIN, strict=False)


def test_an_unpriced_server_tool_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="web_search"):
        wanted(call(tools=("tool:web_search",)), PLAIN, strict=False)


def test_seen_text_is_counted_cautiously_and_estimated_plainly() -> None:
    assert produced_tokens(2_001) == 1_001
    usage = estimated_usage(call(), 403)
    assert (usage["input"], usage["output"], usage.source) == (251, 101, "estimated")


def test_sound_and_pictures_are_estimated_by_what_was_asked_for() -> None:
    asked = call(operation="transcribe", text_bytes=0, sound_ms=16_000, likely_sound_ms=8_040)
    heard = estimated_usage(asked, 40)
    assert heard.quantities == {"input_audio": 81, "output": 10, "seconds": 8_040}
    drawn = estimated_usage(replace(DRAWING, labels=("1K",)), 9_999)
    assert drawn.quantities == {"input": 8, "output_image": 16_000, "images": 2}
    assert drawn.labels == ("1K",)


def test_a_priced_server_tool_is_held_for_ten_uses() -> None:
    priced = replace(PLAIN, prices={**PLAIN.prices, "tool:web_search": "0.01"})
    asked = wanted(call(tools=("tool:web_search",), max_output=10), priced, strict=True)
    assert asked.tools == ("tool:web_search",)
    # 1,001 × 1 + 10 × 10 micro-dollars, and ten searches at a cent
    assert hold_amount(rule(dict(priced.prices)), asked, 10) == 1_001_000 + 100_000 + 100_000_000
