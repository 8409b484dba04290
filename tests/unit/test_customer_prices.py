"""Which customers' prices are refused, where a refusal points, and which rows are published."""

from typing import Any

import pytest

from tollgate.domain.catalog import CustomerPrice, Interval, ModelGroup, Price
from tollgate.domain.compilation import Everywhere, compile_global
from tollgate.domain.customer_prices import check_customer_price, within
from tollgate.domain.definitions import DefaultGroup, ModelGroupDefinition, PriceDefinition
from tollgate.domain.errors import (
    BillingTypeMismatch,
    Conflict,
    NotFound,
    TollgateError,
    ValidationFailed,
)
from tollgate.domain.price_rules import check_confirmed, check_terms

ZERO = {"input": "0", "output": "0.000"}


def price(**more: Any) -> CustomerPrice:
    return CustomerPrice("gpt-4o", "vip", 1, **{"prices": {"input": "1"}, **more})


@pytest.mark.parametrize(
    ("given", "param"),
    [
        pytest.param(price(prices={}), "prices", id="nothing in it"),
        pytest.param(price(mode="seconds"), "prices", id="nothing that is charged by seconds"),
        pytest.param(price(prices={"input": "-1"}), "prices.input", id="negative"),
        pytest.param(price(prices={"input": "NaN"}), "prices.input", id="no number"),
        pytest.param(price(prices={"input": "1e400"}), "prices.input", id="an exponent"),
        pytest.param(price(prices={"input": "1000001"}), "prices.input", id="too dear"),
        pytest.param(price(prices={"input": "0.00000000001"}), "prices.input", id="too fine"),
        pytest.param(price(prices={"input": "1/0"}), "prices.input", id="over nothing"),
        pytest.param(price(prices={"inputs": "1"}), "prices.inputs", id="no such class"),
        pytest.param(
            price(tiers={"flex": {"input": "x"}}), "tiers.flex.input", id="in a service tier"
        ),
        pytest.param(
            price(intervals=(Interval(0, 10, {"input": "1"}), Interval(5, None, {"input": "2"}))),
            "intervals[2].minimum",
            id="ranges that overlap",
        ),
        pytest.param(
            price(intervals=(Interval(0, None, {"input": "1"}), Interval(5, 9, {"input": "2"}))),
            "intervals[1].maximum",
            id="an open range that is not the last",
        ),
        pytest.param(price(intervals=(Interval(0, 10, {}),)), "intervals[1].prices", id="no price"),
        pytest.param(
            price(intervals=(Interval(0, None, {"input": "1"}, label="4K"),)),
            "intervals[1].label",
            id="a label for tokens",
        ),
    ],
)
def test_figures_that_could_not_be_charged_by_are_refused(given: CustomerPrice, param: str) -> None:
    for check in (check_terms, check_customer_price):
        with pytest.raises(ValidationFailed) as refused:
            check(given)
        assert refused.value.param == param


def test_a_model_may_have_a_star_at_its_end_only() -> None:
    check_customer_price(price())
    with pytest.raises(ValidationFailed) as refused:
        check_customer_price(CustomerPrice("gpt-*-x", "vip", 1, prices={"input": "1"}))
    assert refused.value.param == "model"


@pytest.mark.parametrize(
    ("given", "zero"),
    [
        pytest.param(price(prices=ZERO), True, id="all zero"),
        pytest.param(price(prices=ZERO, tiers={}, intervals=()), True, id="nothing else"),
        pytest.param(price(prices=ZERO, tiers={"flex": {"input": "1"}}), False, id="a tier costs"),
        pytest.param(
            price(prices=ZERO, intervals=(Interval(0, 9, {"input": "1"}),)), False, id="a range"
        ),
        pytest.param(
            price(
                prices=ZERO,
                intervals=(Interval(0, 9, {"input": "0"}, {"flex": {"input": "2"}}),),
            ),
            False,
            id="a tier within a range",
        ),
        pytest.param(price(prices={**ZERO, "output": "0.0000000001"}), False, id="hardly anything"),
        pytest.param(price(prices={"input": "0/7"}), True, id="nothing in yuan"),
    ],
)
def test_a_price_of_zero_is_confirmed_or_refused(given: CustomerPrice, zero: bool) -> None:
    check_confirmed(given, free=True)
    if zero:
        with pytest.raises(ValidationFailed, match="free") as refused:
            check_confirmed(given, free=False)
        assert refused.value.translations == {"zh": "free：请确认价格为零"}
    else:
        check_confirmed(given, free=False)


@pytest.mark.parametrize(
    ("refusal", "kind", "param", "message"),
    [
        pytest.param(
            ValidationFailed("prices.input: no", param="prices.input"),
            ValidationFailed,
            "operations[2].prices.input",
            "operations[2].prices.input: no",
            id="a field",
        ),
        pytest.param(
            BillingTypeMismatch("mode: other", param="mode"),
            BillingTypeMismatch,
            "operations[2].mode",
            "operations[2].mode: other",
            id="a field with a code of its own",
        ),
        pytest.param(
            NotFound("gone", param="group_code"),
            ValidationFailed,
            "operations[2].group_code",
            "operations[2].group_code: gone",
            id="what is not there",
        ),
        pytest.param(
            ValidationFailed("no"), ValidationFailed, "operations[2]", "operations[2]: no", id="all"
        ),
    ],
)
def test_a_refusal_within_a_list_names_the_row(
    refusal: TollgateError, kind: type[TollgateError], param: str, message: str
) -> None:
    with pytest.raises(kind) as refused, within("operations[2]"):
        raise refusal
    assert type(refused.value) is kind
    assert (refused.value.param, refused.value.message) == (param, message)


def test_what_is_no_fault_of_a_row_passes_through() -> None:
    with pytest.raises(Conflict), within("operations[2]"):
        raise Conflict("taken")


def test_both_languages_name_the_row() -> None:
    refusal = ValidationFailed("a: no", param="a", translations={"zh": "a：不"})
    with pytest.raises(ValidationFailed) as refused, within("operations[1]"):
        raise refusal
    assert refused.value.translations == {"zh": "operations[1].a：不"}


# --- which model groups are published -----------------------------------------------------------


def everywhere(*groups: ModelGroupDefinition, modes: Any = ("tokens",)) -> Everywhere:
    """Two names with a default group each, one of them a prefix, and these groups."""
    live = tuple(Price("m", n, mode) for n, mode in enumerate(modes, start=1))
    return Everywhere(
        (PriceDefinition("m", len(live), live),),
        (DefaultGroup("m", "std"), DefaultGroup("x*", "std")),
        (),
        groups,
    )


def group(code: str, mode: Any = "tokens", *, model: str = "m", on: bool = True) -> Any:
    return ModelGroupDefinition(model, code, mode, enabled=on)


@pytest.mark.parametrize(
    ("given", "published"),
    [
        pytest.param(everywhere(group("std")), {}, id="a plain default"),
        pytest.param(
            everywhere(group("vip")), {"m": {"vip": ModelGroup("tokens")}}, id="another group"
        ),
        pytest.param(
            everywhere(group("std", on=False)),
            {"m": {"std": ModelGroup("tokens", enabled=False)}},
            id="a default that is off",
        ),
        pytest.param(
            everywhere(group("std", "times")),
            {"m": {"std": ModelGroup("times")}},
            id="a default billed otherwise than the price",
        ),
        pytest.param(
            everywhere(group("std"), modes=()),
            {"m": {"std": ModelGroup("tokens")}},
            id="a default without a price",
        ),
        pytest.param(
            everywhere(group("std"), modes=("tokens", "times")),
            {"m": {"std": ModelGroup("tokens")}},
            id="a default whose price will change its type",
        ),
        pytest.param(
            everywhere(group("std"), group("vip", model="x*")),
            {"x*": {"vip": ModelGroup("tokens")}},
            id="a plain default beside a prefix that it does not fit",
        ),
        pytest.param(
            everywhere(group("std"), group("std", model="m*", on=False)),
            {
                "m": {"std": ModelGroup("tokens")},
                "m*": {"std": ModelGroup("tokens", enabled=False)},
            },
            id="a plain default that a prefix's group would stand in for",
        ),
    ],
)
def test_only_groups_that_say_something_are_published(given: Everywhere, published: Any) -> None:
    assert compile_global(1, given).model_groups == published
