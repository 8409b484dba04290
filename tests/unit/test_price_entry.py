"""What people may type for a price becomes one exact stored form, and is shown as they know it."""

from collections.abc import Mapping
from typing import Any

import pytest

from tollgate.domain.catalog import Interval
from tollgate.domain.charge import PriceSnapshot, charge
from tollgate.domain.definitions import Setting
from tollgate.domain.errors import ValidationFailed
from tollgate.domain.money import quota
from tollgate.domain.price_entry import (
    Figure,
    PriceEntry,
    Showing,
    check_fx,
    check_fx_setting,
    figure,
    figures_of,
)
from tollgate.domain.usage import Usage


@pytest.mark.parametrize(
    ("entry", "prices"),
    [
        pytest.param(
            PriceEntry(prices={"input": "2.50", "output": "10"}),
            {"input": "2.50", "output": "10"},
            id="dollars stay as they were typed",
        ),
        pytest.param(
            PriceEntry("seconds", {"seconds": "0.5"}, currency="CNY"),
            {"seconds": "0.5/7.0"},
            id="yuan are divided by the setting",
        ),
        pytest.param(
            PriceEntry("seconds", price_per_second="0.5", currency="CNY", fx="7.3"),
            {"seconds": "0.5/7.3"},
            id="yuan are divided by the rate that was given",
        ),
        pytest.param(
            PriceEntry(prices={"input": "0.00", "output": "1"}, currency="CNY"),
            {"input": "0", "output": "1/7.0"},
            id="nothing is free in yuan, too",
        ),
        pytest.param(
            PriceEntry(rate_k="1.25", rate_k_output="5"),
            {"input": "2.5", "output": "10"},
            id="rate 1 is two dollars per million tokens",
        ),
        pytest.param(
            PriceEntry("times", rate_k="5"), {"calls": "0.01"}, id="rate 5 is a cent per call"
        ),
        pytest.param(
            PriceEntry("seconds", rate_k="50", rate_k_output="50.0"),
            {"seconds": "0.1"},
            id="rate 50 is ten cents per second",
        ),
        pytest.param(
            PriceEntry("seconds", rate_k="50", virtual_tokens=24),
            {"seconds": "0.0024"},
            id="a second of 24 virtual tokens",
        ),
        pytest.param(
            PriceEntry("seconds", rate_k="0.000001", virtual_tokens=1),
            {"seconds": "0.0000000001/50"},
            id="a rate too small for ten places",
        ),
        pytest.param(
            PriceEntry("times", price_per_call="0.04"), {"calls": "0.04"}, id="a price per call"
        ),
        pytest.param(
            PriceEntry(prices={"input": "1", "output": "2"}, image_output_price="30"),
            {"input": "1", "output": "2", "output_image": "30"},
            id="image output by its name",
        ),
        pytest.param(
            PriceEntry(
                rate_k="1",
                rate_k_output="4",
                extra_ratios={
                    "cached_tokens": "0.5",
                    "cached_write_tokens": "1.25",
                    "input_audio_tokens": "40",
                    "output_audio_tokens": "20",
                    "reasoning_tokens": "1.5",
                    "input_image_tokens": "2",
                    "output_image_tokens": "3",
                },
            ),
            {
                "input": "2",
                "output": "8",
                "cache_read": "1",
                "cache_write_5m": "2.5",
                "input_audio": "80",
                "output_audio": "160",
                "reasoning": "12",
                "input_image": "4",
                "output_image": "24",
            },
            id="each ratio is of its own side",
        ),
        pytest.param(
            PriceEntry(rate_k="5", rate_k_output="20", extra_ratios={"input_text_tokens": "0.5"}),
            {"input": "5", "output": "40", "input_audio": "10", "input_image": "10"},
            id="cheaper text leaves images and sound at the whole price",
        ),
        pytest.param(
            PriceEntry(
                prices={"input": "10", "output": "20"},
                extra_ratios={"output_text_tokens": "0.5", "output_image_tokens": "2"},
            ),
            {
                "input": "10",
                "output": "10",
                "reasoning": "20",
                "output_audio": "20",
                "output_image": "40",
            },
            id="a ratio of its own goes before the whole price",
        ),
        pytest.param(
            PriceEntry(
                prices={"input": "0.5", "output": "1"},
                extra_ratios={"cached_read_tokens": "0.1", "cached_tokens": "0.10"},
                currency="CNY",
            ),
            {"input": "0.5/7.0", "output": "1/7.0", "cache_read": "0.05/7.0"},
            id="ratios of yuan",
        ),
        pytest.param(
            PriceEntry(
                prices={"input": "0.000000001", "output": "1"},
                extra_ratios={"cached_tokens": "0.01"},
            ),
            {"input": "0.000000001", "output": "1", "cache_read": "0.0000000001/10"},
            id="a product too fine for ten places",
        ),
        pytest.param(
            PriceEntry(
                prices={"input": "0.000000001", "output": "1"},
                extra_ratios={"cached_tokens": "0.01"},
                currency="CNY",
                fx="7",
            ),
            {"input": "0.000000001/7", "output": "1/7", "cache_read": "0.0000000001/70"},
            id="a fine product of yuan",
        ),
    ],
)
def test_an_entry_becomes_prices(entry: PriceEntry, prices: Mapping[str, str]) -> None:
    assert figures_of(entry).prices == prices


def test_a_yuan_price_keeps_what_was_typed_in_every_list() -> None:
    entry = PriceEntry(
        prices={"input": "7"},
        intervals=(
            Interval(128_000, None, {"input": "14"}, {"flex": {"input": "3.5"}}),
            Interval(0, None, {"images": "0.35"}, label="4K"),
        ),
        tiers={"priority": {"input": "21"}},
        currency="CNY",
    )
    stored = figures_of(entry, "7.2")
    assert (stored.currency, stored.fx, stored.mode) == ("CNY", "7.2", "tokens")
    assert stored.intervals == (
        Interval(128_000, None, {"input": "14/7.2"}, {"flex": {"input": "3.5/7.2"}}),
        Interval(0, None, {"images": "0.35/7.2"}, label="4K"),
    )
    assert stored.tiers == {"priority": {"input": "21/7.2"}}


@pytest.mark.parametrize(
    ("ratios", "inherits"),
    [
        pytest.param(None, True, id="not said: the official classes are followed"),
        pytest.param({}, False, id="empty: they are not"),
        pytest.param({"cached_tokens": "0.5"}, True, id="those not named are followed"),
    ],
)
def test_whether_missing_classes_are_inherited(
    ratios: Mapping[str, str] | None, inherits: bool
) -> None:
    entry = PriceEntry(prices={"input": "1", "output": "2"}, extra_ratios=ratios)
    assert figures_of(entry).inherits is inherits


def test_what_is_not_said_stays_unsaid() -> None:
    stored = figures_of(PriceEntry(intervals=None, tiers=None))
    assert (stored.mode, stored.prices) == ("tokens", {})
    assert (stored.intervals, stored.tiers) == (None, None)


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        pytest.param(PriceEntry(prices={"input": "-1"}), "prices.input", id="negative"),
        pytest.param(PriceEntry(prices={"input": "NaN"}), "prices.input", id="not a number"),
        pytest.param(PriceEntry(prices={"input": "1e400"}), "prices.input", id="an exponent"),
        pytest.param(PriceEntry(prices={"input": "1/3"}), "prices.input", id="a typed quotient"),
        pytest.param(PriceEntry(prices={"input": "0.0000000001"}), "prices.input", id="too fine"),
        pytest.param(
            PriceEntry(tiers={"flex": {"input": "x"}}), "tiers.flex.input", id="in a tier"
        ),
        pytest.param(
            PriceEntry(
                intervals=(Interval(0, 9, {"input": "1"}), Interval(9, None, {"output": ""}))
            ),
            "intervals[2].prices.output",
            id="in an interval",
        ),
        pytest.param(
            PriceEntry(intervals=(Interval(0, 9, {}, {"flex": {"input": "-0"}}),)),
            "intervals[1].tiers.flex.input",
            id="in a tier of an interval",
        ),
        pytest.param(PriceEntry(fx="7.0"), "fx", id="dollars with an exchange rate"),
        pytest.param(PriceEntry(currency="CNY", fx="0"), "fx", id="an exchange rate of zero"),
        pytest.param(PriceEntry(currency="CNY", fx="-7"), "fx", id="a negative exchange rate"),
        pytest.param(PriceEntry(currency="CNY", rate_k="1"), "currency", id="a rate in yuan"),
        pytest.param(PriceEntry(rate_k_output="1"), "rate_k", id="a rate for output alone"),
        pytest.param(PriceEntry(rate_k="-1"), "rate_k", id="a negative rate"),
        pytest.param(PriceEntry(rate_k="1", rate_k_output="inf"), "rate_k_output", id="no rate"),
        pytest.param(
            PriceEntry("seconds", rate_k="1", rate_k_output="2"),
            "rate_k_output",
            id="two rates for seconds",
        ),
        pytest.param(
            PriceEntry(prices={"input": "1"}, rate_k="1"), "prices.input", id="said by a rate, too"
        ),
        pytest.param(
            PriceEntry("seconds", price_per_second="1", rate_k="1"),
            "prices.seconds",
            id="a rate and a price per second",
        ),
        pytest.param(
            PriceEntry("times", {"calls": "1"}, price_per_call="1"),
            "price_per_call",
            id="a price per call twice",
        ),
        pytest.param(PriceEntry(price_per_call="1"), "price_per_call", id="a call for tokens"),
        pytest.param(
            PriceEntry("times", image_output_price="1"),
            "image_output_price",
            id="image tokens for calls",
        ),
        pytest.param(
            PriceEntry("seconds", price_per_second="1e3"), "price_per_second", id="no price"
        ),
        pytest.param(
            PriceEntry("times", price_per_call="1", extra_ratios={"cached_tokens": "1"}),
            "extra_ratios",
            id="ratios of a call",
        ),
        pytest.param(
            PriceEntry(rate_k="1", extra_ratios={"cache": "1"}),
            "extra_ratios.cache",
            id="an unknown ratio",
        ),
        pytest.param(
            PriceEntry(rate_k="1", extra_ratios={"cached_tokens": "-1"}),
            "extra_ratios.cached_tokens",
            id="a negative ratio",
        ),
        pytest.param(
            PriceEntry(rate_k="1", extra_ratios={"reasoning_tokens": "1"}),
            "extra_ratios.reasoning_tokens",
            id="a ratio of nothing",
        ),
        pytest.param(
            PriceEntry(
                prices={"input": "1", "cache_read": "1"}, extra_ratios={"cached_tokens": "1"}
            ),
            "extra_ratios.cached_tokens",
            id="a ratio of a class that has a price",
        ),
        pytest.param(
            PriceEntry(
                rate_k="1", extra_ratios={"cached_tokens": "1", "cached_read_tokens": "0.1"}
            ),
            "extra_ratios.cached_read_tokens",
            id="two ratios of one class",
        ),
        pytest.param(PriceEntry(virtual_tokens=0), "virtual_tokens", id="no virtual tokens"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_field(entry: PriceEntry, field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        figures_of(entry)
    assert refused.value.param == field


@pytest.mark.parametrize(
    ("amount", "milliseconds", "fx", "multiplier", "nanos", "quotas"),
    [
        pytest.param("0.70", 10_000, "7.0", "1", 1_000_000_000, 500_000, id="ten seconds"),
        pytest.param("0.50", 8_000, "7.0", "1", 571_428_572, 285_715, id="no end to the rate"),
        pytest.param("0.50", 8_000, "7.3", "1", 547_945_206, 273_973, id="another exchange rate"),
        pytest.param("0.70", 10_000, "7.0", "0.8", 800_000_000, 400_000, id="a multiplier"),
        pytest.param("1.20", 8_040, "7.0", "1", 1_378_285_715, 689_143, id="8.04 seconds"),
    ],
)
def test_the_worked_examples_of_yuan_per_second_hold_to_the_nano(
    amount: str, milliseconds: int, fx: str, multiplier: str, nanos: int, quotas: int
) -> None:
    """onehub.md §11.7, as ruling R9 settles them."""
    stored = figures_of(PriceEntry("seconds", price_per_second=amount, currency="CNY", fx=fx))
    assert stored.mode == "seconds"
    snapshot = PriceSnapshot(
        "official", "m", 1, "m", stored.mode, stored.prices, multiplier=multiplier,
        currency=stored.currency, fx=stored.fx,
    )  # fmt: skip
    kept = PriceSnapshot.from_json(snapshot.to_json())
    found = charge(Usage({"seconds": milliseconds}), kept)
    assert (found.nanos, quota(found.nanos)) == (nanos, quotas)
    assert (kept.currency, kept.fx) == ("CNY", fx)


def test_a_rate_charges_as_its_virtual_tokens_would() -> None:
    stored = figures_of(PriceEntry("seconds", rate_k="50", rate_k_output="50"))
    snapshot = PriceSnapshot("official", "m", 1, "m", "seconds", stored.prices, multiplier="0.8")
    assert charge(Usage({"seconds": 10_000}), snapshot).nanos == 800_000_000


@pytest.mark.parametrize(
    ("name", "text", "showing", "expected"),
    [
        pytest.param(
            "input",
            "2.50",
            Showing(),
            Figure(typed="2.5", usd="2.5", exact="", cny="17.5", rate_k="1.25"),
            id="dollars per million tokens",
        ),
        pytest.param(
            "seconds",
            "0.5/7.0",
            Showing("CNY", "7.0", fx_now="8"),
            Figure("0.5", "0.071428571429", "0.5/7.0", "0.5", "35.714285714286"),
            id="yuan per second keep the rate of their entry",
        ),
        pytest.param(
            "seconds",
            "0.0024",
            Showing(virtual_tokens=24),
            Figure("0.0024", "0.0024", "", "0.0168", "50"),
            id="seconds of 24 virtual tokens",
        ),
        pytest.param(
            "calls",
            "0.01",
            Showing(fx_now="7.3"),
            Figure("0.01", "0.01", "", "0.073", "5"),
            id="a call in today's yuan",
        ),
        pytest.param(
            "images", "0", Showing("CNY", "7.0"), Figure("0", "0", "", "0", "0"), id="free"
        ),
    ],
)
def test_a_price_in_every_form(name: str, text: str, showing: Showing, expected: Figure) -> None:
    assert figure(name, text, showing) == expected


@pytest.mark.parametrize("text", ["7", "7.0", "7.123456", "99999"])
def test_an_exchange_rate(text: str) -> None:
    check_fx(text, "fx")


@pytest.mark.parametrize("text", ["", "0", "0.0", "-7", "7,0", "1e1", "7.1234567", "100000", "NaN"])
def test_no_exchange_rate(text: str) -> None:
    arguments: dict[str, Any] = {"text": text, "field": "value"}
    with pytest.raises(ValidationFailed, match=r"^value: "):
        check_fx(**arguments)


def test_only_the_exchange_rate_among_the_settings_must_be_one() -> None:
    check_fx_setting(Setting("signup", True))
    check_fx_setting(Setting("fx.cny_per_usd", 7))
    with pytest.raises(ValidationFailed, match=r"^value: "):
        check_fx_setting(Setting("fx.cny_per_usd", True))
