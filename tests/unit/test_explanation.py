"""The rows of the decision table, one by one, and that no combination of facts is told wrongly."""

import itertools
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Literal

import pytest

from tollgate.domain import errors
from tollgate.domain.call import Call
from tollgate.domain.catalog import (
    Channel,
    ChannelPricing,
    ChannelRow,
    CustomerPrice,
    GlobalPart,
    GroupPart,
    Key,
    ModelGroup,
    Price,
    Profile,
)
from tollgate.domain.explanation import Explanation, Records, explain
from tollgate.domain.question import Caller, Question

NOW: Final = 1_000_000
GROUP: Final = GroupPart("grp_1", 1, "g001", "main", "openai", "active", Decimal("1.5"))
KEY: Final = Key("key_1", "k001", "hash", 1, "grp_1")
OFFICIAL: Final = Price("m", 4, prices={"input": "2", "output": "6", "cache_read": "0.2"})
OWN: Final = CustomerPrice("m", "x", 3, prices={"input": "1"})

Standing = Literal["none", "off", "on"]
STANDINGS: Final[tuple[Standing, ...]] = ("none", "off", "on")


@dataclass(frozen=True)
class Facts:
    """What the table is asked with; `default` is the default's code, `group` whether the asked
    group is there and enabled, `main` whether the default one is enabled.
    """

    asked: str = ""
    default: str = ""
    group: bool | None = None
    main: bool = True
    permission: Standing = "none"
    price: Standing = "none"
    official: bool = True
    fallback: Literal["refuse", "default"] = "refuse"


def at_code(facts: Facts) -> str:
    """The model group the price and the permission are for."""
    return facts.asked or facts.default


def asked(facts: Facts) -> tuple[Question, Records]:
    """The facts as definitions are compiled to them, and the records that exist at all."""
    code = at_code(facts)
    groups: dict[str, ModelGroup] = {}
    if facts.group is not None:
        groups[facts.asked] = ModelGroup("tokens", facts.group)
    if facts.default:
        groups[facts.default] = ModelGroup("tokens", facts.main)
    start = NOW if facts.price == "on" else NOW + 1
    prices = {} if facts.price == "none" else {"m": {code: (replace(OWN, effective_from=start),)}}
    profile = Profile(
        "usr_1",
        1,
        "active",
        {},
        prices=prices,
        permissions={"m": frozenset({code})} if facts.permission == "on" else {},
    )
    everywhere = GlobalPart(
        1,
        {"m": (OFFICIAL,)} if facts.official else {},
        {"m": facts.default} if facts.default else {},
        {},
        {"m": groups} if groups else {},
    )
    key = replace(KEY, pricing_group=facts.asked, pricing_group_fallback=facts.fallback)
    question = Question(
        Caller(profile, key), Call("generate", "m", b""), ("openai",), everywhere, GROUP, NOW
    )
    records = Records(
        {"m": frozenset({code})} if facts.price != "none" else {},
        {"m": frozenset({code})} if facts.permission != "none" else {},
    )
    return question, records


def told(facts: Facts) -> Explanation:
    return explain(*asked(facts))


VIP: Final = Facts(asked="vip", default="std", group=True)


@pytest.mark.parametrize(
    ("facts", "rows", "outcome"),
    [
        pytest.param(Facts(), (2,), "official", id="no groups, an official price"),
        pytest.param(
            Facts(official=False), (3,), "model_price_not_configured", id="no groups, no price"
        ),
        pytest.param(Facts(asked="default"), (4, 2), "official", id="default of no groups"),
        pytest.param(
            Facts(asked="default", official=False),
            (4, 3),
            "model_price_not_configured",
            id="default of no groups, no price",
        ),
        pytest.param(
            Facts(default="std", main=False), (5,), "model_group_disabled", id="the default is off"
        ),
        pytest.param(Facts(default="std", price="on"), (6,), "customer", id="a price of one's own"),
        pytest.param(
            Facts(default="std", price="on", official=False), (6,), "customer", id="and no official"
        ),
        pytest.param(Facts(default="std"), (7,), "official", id="the default, no own price"),
        pytest.param(Facts(default="std", price="off"), (8,), "official", id="an own price off"),
        pytest.param(
            Facts(default="std", official=False),
            (9,),
            "model_price_not_configured",
            id="the default, no price at all",
        ),
        pytest.param(
            Facts(asked="vip", default="std"), (10,), "model_group_not_found", id="no such group"
        ),
        pytest.param(
            Facts(asked="vip", default="std", fallback="default"),
            (11, 7),
            "official",
            id="no such group, falling back",
        ),
        pytest.param(
            replace(VIP, group=False), (12,), "model_group_disabled", id="the group is off"
        ),
        pytest.param(
            Facts(asked="std", default="std", main=False),
            (12,),
            "model_group_disabled",
            id="the default by name, off",
        ),
        pytest.param(
            Facts(asked="std", default="std", price="on"), (13, 6), "customer", id="it by name"
        ),
        pytest.param(VIP, (14,), "model_group_not_permitted", id="nothing agreed"),
        pytest.param(
            replace(VIP, price="on"), (15,), "model_group_not_permitted", id="a price only"
        ),
        pytest.param(
            replace(VIP, price="off"), (16,), "model_group_not_permitted", id="a price off only"
        ),
        pytest.param(
            replace(VIP, permission="off", price="on"),
            (17,),
            "model_group_not_permitted",
            id="a permission taken back",
        ),
        pytest.param(
            replace(VIP, permission="on"),
            (18,),
            "model_group_price_not_configured",
            id="a permission only",
        ),
        pytest.param(
            replace(VIP, permission="on", price="off"),
            (19,),
            "model_group_price_not_configured",
            id="a permission and a price off",
        ),
        pytest.param(
            replace(VIP, permission="on", price="on", official=False),
            (20,),
            "customer",
            id="both, and no official price",
        ),
    ],
)
def test_a_row_of_the_table(facts: Facts, rows: tuple[int, ...], outcome: str) -> None:
    found = told(facts)
    assert found.rows == rows
    if found.rule is not None:
        assert (found.rule.source, found.refusal) == (outcome, None)
    else:
        assert found.refusal is not None
        assert found.refusal.code == outcome


OUTCOMES: Final = {
    **dict.fromkeys((2, 7, 8), "official"),
    **dict.fromkeys((6, 20), "customer"),
    **dict.fromkeys((3, 9), "model_price_not_configured"),
    **dict.fromkeys((5, 12), "model_group_disabled"),
    10: "model_group_not_found",
    **dict.fromkeys((14, 15, 16, 17), "model_group_not_permitted"),
    **dict.fromkeys((18, 19), "model_group_price_not_configured"),
}


def test_in_every_combination_the_row_is_of_what_really_happens() -> None:
    count = 0
    for values in itertools.product(
        ("", "default", "vip", "std"), ("", "default", "std"), (None, False, True), (True, False),
        STANDINGS, STANDINGS, (True, False), ("refuse", "default"),
    ):  # fmt: skip
        facts = Facts(*values)  # type: ignore[arg-type]
        if facts.group is not None and facts.asked in {"", facts.default}:
            continue
        found = told(facts)
        happened = found.rule.source if found.rule else found.refusal and found.refusal.code
        assert OUTCOMES[found.rows[-1]] == happened, facts
        count += 1
    assert count == 1_872


# --- whose each figure is -------------------------------------------------------------------------


def test_classes_a_customers_price_leaves_out_are_told_apart() -> None:
    found = told(Facts(default="std", price="on"))
    assert found.rule is not None
    assert dict(found.rule.terms.prices) == {"input": "1", "output": "6", "cache_read": "0.1"}
    assert found.sources == {"input": "customer", "output": "official", "cache_read": "inherited"}
    assert (found.multiplier, found.multiplier_source) == ("1.5", "group")


def test_a_customers_price_without_an_official_one_is_all_their_own() -> None:
    found = told(Facts(default="std", price="on", official=False))
    assert found.sources == {"input": "customer"}


def sold(restrict: bool, *rows: ChannelRow) -> Question:
    """A question through a channel with these rows."""
    pricing = ChannelPricing(7, {"openai": {row.pattern: row for row in rows}})
    channel = Channel("chn_1", "retail", restrict_models=restrict, pricing=(pricing,))
    question, _ = asked(Facts(default="std"))
    return replace(question, group=replace(GROUP, channel=channel))


def test_a_channels_figures_are_told_from_the_official_ones() -> None:
    found = explain(sold(False, ChannelRow("openai", "m", None, {"output": "5"})))
    assert found.rule is not None
    assert (found.rule.source, found.rule.version) == ("channel", 7)
    assert found.sources == {"input": "official", "output": "channel", "cache_read": "official"}


def test_what_a_channel_does_not_sell_has_no_price() -> None:
    found = explain(sold(True, ChannelRow("openai", "other", None, {"output": "5"})))
    assert found.refusal is not None
    assert (found.rows, found.refusal.code) == ((9,), "model_price_not_configured")


@pytest.mark.parametrize(
    ("model", "key", "error", "rows"),
    [
        pytest.param(" ", KEY, errors.MissingParameter, (0,), id="no model"),
        pytest.param(
            "m", replace(KEY, status="revoked"), errors.KeyRevoked, (), id="the key is revoked"
        ),
        pytest.param(
            "m", replace(KEY, models=("x",)), errors.ModelNotAllowed, (), id="not for this key"
        ),
    ],
)
def test_what_is_refused_before_any_row(
    model: str, key: Key, error: type[errors.TollgateError], rows: tuple[int, ...]
) -> None:
    question, _ = asked(Facts())
    caller = replace(question.caller, key=key)
    found = explain(replace(question, caller=caller, call=replace(question.call, model=model)))
    assert isinstance(found.refusal, error)
    assert found.rows == rows
