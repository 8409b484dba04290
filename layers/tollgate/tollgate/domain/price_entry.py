"""How a price may be typed, and which stored form that becomes; and the ways to show it again.

Dollars or yuan; per million or per unit; a price per second or per call by name; One Hub's
Rate(K) (1 is two dollars per million tokens) and its extra ratios. What a yuan price is worth is
the exact quotient of the amount and the exchange rate of its entry, so nothing is lost by typing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from tollgate.domain.amounts import PRICE_UNIT, fraction, lowest, shown, text_of
from tollgate.domain.catalog import BillingMode, Currency, Interval, PriceTexts
from tollgate.domain.charge import PER_MILLION, counted
from tollgate.domain.definition_rules import require
from tollgate.domain.definitions import Setting
from tollgate.domain.price_draft import VIRTUAL_TOKENS
from tollgate.domain.price_rules import check_decimal

FX_SETTING: Final = "fx.cny_per_usd"
FX_DEFAULT: Final = "7.0"
FX: Final = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,6})?")
TYPED_DECIMALS: Final = 9
"""What people may type; one place is left for what becomes of it."""

MOST_VIRTUAL_TOKENS: Final = 1_000_000
RATE_PER_MILLION: Final = Fraction(2)
RATE_PER_UNIT: Final = Fraction(2, 1_000)
RATE_PER_TOKEN: Final = Fraction(2, 1_000_000)
"""Rate(K) 1 in dollars: per million tokens, per thousand of them (a call), per single one."""

RATIOS: Final[Mapping[str, tuple[str, str]]] = {
    "cached_tokens": ("cache_read", "input"),
    "cached_read_tokens": ("cache_read", "input"),
    "cached_write_tokens": ("cache_write_5m", "input"),
    "input_text_tokens": ("input", "input"),
    "input_audio_tokens": ("input_audio", "input"),
    "input_image_tokens": ("input_image", "input"),
    "output_text_tokens": ("output", "output"),
    "output_audio_tokens": ("output_audio", "output"),
    "output_image_tokens": ("output_image", "output"),
    "reasoning_tokens": ("reasoning", "output"),
}
"""One Hub's extra ratios: which class each prices, and the price that it is a factor of."""

TEXT_RATIOS: Final[Mapping[str, tuple[str, ...]]] = {
    "input_text_tokens": ("input_audio", "input_image"),
    "output_text_tokens": ("reasoning", "output_audio", "output_image"),
}
"""A ratio for text alone leaves the other media of its side at the whole price."""


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """A price as somebody typed it; amounts are decimal text in `currency`.

    `fx` is yuan per dollar; empty takes the setting. `rate_k` and `rate_k_output` are One Hub's
    rates, always in dollars; `extra_ratios` are factors of the input or output price: None follows
    the official price's classes, an empty mapping switches that off (onehub.md C7). Intervals or
    tiers that are None are not said.
    """

    mode: BillingMode = "tokens"
    prices: PriceTexts = field(default_factory=dict)
    intervals: tuple[Interval, ...] | None = ()
    tiers: Mapping[str, PriceTexts] | None = field(default_factory=dict)
    currency: Currency = "USD"
    fx: str = ""
    rate_k: str | None = None
    rate_k_output: str | None = None
    extra_ratios: Mapping[str, str] | None = None
    price_per_second: str | None = None
    price_per_call: str | None = None
    image_output_price: str | None = None
    virtual_tokens: int = VIRTUAL_TOKENS


@dataclass(frozen=True, slots=True)
class Figures:
    """The stored form of an entry: prices in dollars as domain/catalog.py has them.

    `inherits` tells whether a customer's price follows the official one in classes it lacks.
    """

    mode: BillingMode
    prices: PriceTexts
    intervals: tuple[Interval, ...] | None
    tiers: Mapping[str, PriceTexts] | None
    currency: Currency
    fx: str
    virtual_tokens: int
    inherits: bool


def figures_of(entry: PriceEntry, fx_setting: str = FX_DEFAULT) -> Figures:
    """What is stored of an entry.

    Raises:
        ValidationFailed: naming the field that is no amount, said twice, or at odds with another.
    """
    fx = fx_of(entry, fx_setting)
    most = 1 <= entry.virtual_tokens <= MOST_VIRTUAL_TOKENS
    english, chinese = f"from 1 to {MOST_VIRTUAL_TOKENS}", f"应为 1 到 {MOST_VIRTUAL_TOKENS}"
    require(most, "virtual_tokens", english, chinese)
    flat = typed_prices(entry)
    flat |= rated(entry, flat)
    flat |= by_ratio(entry, flat)
    check_amounts(entry)
    return Figures(
        entry.mode,
        in_dollars(flat, fx),
        None if entry.intervals is None else intervals_in_dollars(entry.intervals, fx),
        None if entry.tiers is None else tiers_in_dollars(entry.tiers, fx),
        entry.currency,
        fx,
        entry.virtual_tokens,
        entry.extra_ratios is None or bool(entry.extra_ratios),
    )


def fx_of(entry: PriceEntry, fx_setting: str) -> str:
    """The exchange rate an entry is worth by; empty for dollars, in which Rate(K) always is."""
    fx = exchange_rate(entry.currency, entry.fx, fx_setting)
    rates = entry.rate_k is not None or entry.rate_k_output is not None
    english = "Rate(K) is in dollars; leave USD or type an amount"
    require(not (fx and rates), "currency", english, "Rate(K) 以美元计，请使用 USD 或直接填写价格")
    return fx


def exchange_rate(currency: Currency, fx: str, fx_setting: str, field: str = "fx") -> str:
    """The exchange rate that figures are worth by, their own or the setting's; empty for dollars.

    Raises:
        ValidationFailed: naming the field.
    """
    if currency == "USD":
        english, chinese = "only figures in CNY have an exchange rate", "只有人民币价格才有汇率"
        require(not fx, field, english, chinese)
        return ""
    chosen = fx or fx_setting
    check_fx(chosen, field)
    return chosen


def check_fx(text: str, field: str) -> None:
    """Refuse what is no exchange rate: a decimal above 0, at most five digits and six places.

    Raises:
        ValidationFailed: naming the field.
    """
    good = FX.fullmatch(text) is not None and Fraction(text) > 0
    english, chinese = 'yuan per dollar as text, such as "7.0"', "一美元兑人民币的汇率，例如 7.0"
    require(good, field, english, chinese)


def check_fx_setting(setting: Setting) -> None:
    """Refuse an exchange rate among the settings that is none.

    Raises:
        ValidationFailed: naming `value`.
    """
    if setting.name == FX_SETTING:
        check_fx(str(setting.value), "value")


def check_typed(text: str, field: str) -> None:
    """Refuse what is no amount that people may type.

    Raises:
        ValidationFailed: naming the field.
    """
    check_decimal(text, field)
    fine = len(text.partition(".")[2]) <= TYPED_DECIMALS
    require(fine, field, f"at most {TYPED_DECIMALS} decimals", f"最多 {TYPED_DECIMALS} 位小数")


def check_list(prices: PriceTexts, where: str) -> None:
    """Refuse a list of typed amounts of which one is none."""
    for name, text in prices.items():
        check_typed(text, f"{where}.{name}")


def check_amounts(entry: PriceEntry) -> None:
    """Refuse intervals and tiers with an amount that is none."""
    for row, interval in enumerate(entry.intervals or (), start=1):
        check_list(interval.prices, f"intervals[{row}].prices")
        for tier, prices in interval.tiers.items():
            check_list(prices, f"intervals[{row}].tiers.{tier}")
    for tier, prices in (entry.tiers or {}).items():
        check_list(prices, f"tiers.{tier}")


def typed_prices(entry: PriceEntry) -> dict[str, str]:
    """Prices typed by class, and those typed under a name of their own."""
    check_list(entry.prices, "prices")
    given = {
        "price_per_second": ("seconds", entry.price_per_second),
        "price_per_call": ("calls", entry.price_per_call),
        "image_output_price": ("output_image", entry.image_output_price),
    }
    found = dict(entry.prices)
    for field_name, (name, text) in given.items():
        if text is None:
            continue
        check_typed(text, field_name)
        check_once(name, entry.prices, field_name)
        charged = counted(entry.mode, name)
        english = f"is never charged in mode {entry.mode}"
        require(charged, field_name, english, f"按 {entry.mode} 方式计费时不会被计费")
        found[name] = text
    return found


def check_once(name: str, prices: PriceTexts, where: str) -> None:
    """Refuse a second way to say the price of a class."""
    require(name not in prices, where, f"is said in prices.{name}, too", f"与 prices.{name} 重复")


def rated(entry: PriceEntry, typed: PriceTexts) -> dict[str, str]:
    """What One Hub's rates come to, by the mode of the price."""
    if entry.rate_k is None:
        alone = entry.rate_k_output is None
        require(alone, "rate_k", "is missing beside rate_k_output", "填写 rate_k_output 时必须填写")
        return {}
    for where, text in (("rate_k", entry.rate_k), ("rate_k_output", entry.rate_k_output)):
        if text is not None:
            check_typed(text, where)
    if entry.mode == "tokens":
        found = {
            name: written(worth(text) * RATE_PER_MILLION)
            for name, text in (("input", entry.rate_k), ("output", entry.rate_k_output))
            if text is not None
        }
    else:
        found = single_rate(entry, worth(entry.rate_k))
    for name in found:
        english, chinese = "is said by rate_k, too", "与 rate_k 重复"
        require(name not in typed, f"prices.{name}", english, chinese)
    return found


def single_rate(entry: PriceEntry, rate: Fraction) -> dict[str, str]:
    """A rate for calls or seconds; there is only one (onehub.md C5)."""
    output = entry.rate_k_output
    same = output is None or worth(output) == rate
    english = f"must equal rate_k in mode {entry.mode}"
    require(same, "rate_k_output", english, f"按 {entry.mode} 方式计费时必须等于 rate_k")
    if entry.mode == "times":
        return {"calls": written(rate * RATE_PER_UNIT)}
    return {"seconds": written(rate * RATE_PER_TOKEN * entry.virtual_tokens)}


def by_ratio(entry: PriceEntry, flat: Mapping[str, str]) -> dict[str, str]:
    """The classes that extra ratios price, each the exact product of ratio and base."""
    ratios = entry.extra_ratios or {}
    fits = not ratios or entry.mode == "tokens"
    require(fits, "extra_ratios", "only tokens have ratios", "只有按 token 计费才有倍率")
    found: dict[str, str] = {}
    for key, text in ratios.items():
        where = f"extra_ratios.{key}"
        require(key in RATIOS, where, "there is no such ratio", "没有这种倍率")
        check_typed(text, where)
        name, base = RATIOS[key]
        require(base in flat, where, f"needs the price of {base}", f"需要 {base} 的价格")
        if name != base:
            check_once(name, flat, where)
        price = written(worth(flat[base]) * worth(text))
        same = found.get(name, price) == price
        english, chinese = f"another ratio prices {name} otherwise", f"与 {name} 的另一倍率不一致"
        require(same, where, english, chinese)
        found[name] = price
    for key, others in TEXT_RATIOS.items():
        if key in ratios:
            whole = flat[RATIOS[key][1]]
            found = {name: whole for name in others if name not in flat} | found
    return found


def worth(text: str) -> Fraction:
    """What a price is worth, exactly."""
    above, below = fraction(text)
    return Fraction(above, below * PRICE_UNIT)


def written(value: Fraction) -> str:
    """A worth as a price: a decimal where ten places are enough, else a quotient."""
    above, below = lowest(value.numerator * PRICE_UNIT, value.denominator)
    return text_of(above, below)


# --- yuan into dollars ------------------------------------------------------------------------


def in_dollars(prices: PriceTexts, fx: str) -> dict[str, str]:
    """Amounts as they are stored: dollars as typed, yuan over the exchange rate."""
    return {name: dollars(text, fx) for name, text in prices.items()}


def dollars(text: str, fx: str) -> str:
    """An amount in dollars; a typed one stays readable as what was typed over the rate."""
    if not fx:
        return text
    typed = "/" not in text and worth(text)
    return f"{text}/{fx}" if typed else written(worth(text) / worth(fx))


def tiers_in_dollars(tiers: Mapping[str, PriceTexts], fx: str) -> dict[str, dict[str, str]]:
    """Service tiers as they are stored."""
    return {tier: in_dollars(prices, fx) for tier, prices in tiers.items()}


def intervals_in_dollars(intervals: Iterable[Interval], fx: str) -> tuple[Interval, ...]:
    """Intervals as they are stored."""
    return tuple(
        replace(each, prices=in_dollars(each.prices, fx), tiers=tiers_in_dollars(each.tiers, fx))
        for each in intervals
    )


# --- as people see it -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figure:
    """One price in every form people know it by, as decimal text.

    `typed` is the amount in the currency of its entry; `usd` and the other forms are rounded to
    twelve places where they have no end, and then `exact` is the quotient that is charged by.
    """

    typed: str
    usd: str
    exact: str
    cny: str
    rate_k: str


@dataclass(frozen=True, slots=True)
class Showing:
    """What a list of prices is shown by: how it was typed, and today's exchange rate."""

    currency: Currency = "USD"
    fx: str = ""
    virtual_tokens: int = VIRTUAL_TOKENS
    fx_now: str = FX_DEFAULT


def figure(name: str, text: str, showing: Showing) -> Figure:
    """A stored price of a class in every form."""
    value = worth(text)
    cny = value * worth(showing.fx or showing.fx_now)
    return Figure(
        typed=shown(written(cny)) if showing.currency == "CNY" else shown(text),
        usd=shown(text),
        exact=text if "/" in text else "",
        cny=shown(written(cny)),
        rate_k=shown(written(value / rate_unit(name, showing.virtual_tokens))),
    )


def rate_unit(name: str, virtual_tokens: int) -> Fraction:
    """What Rate(K) 1 is in dollars for a class: per million, per second, or per call."""
    if name in PER_MILLION:
        return RATE_PER_MILLION
    return RATE_PER_TOKEN * virtual_tokens if name == "seconds" else RATE_PER_UNIT
