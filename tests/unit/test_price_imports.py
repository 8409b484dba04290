"""What an import would change, in percent, and what it holds back until somebody confirms it."""

from dataclasses import replace
from typing import Any

import pytest

from tollgate.domain.catalog import Interval, Price
from tollgate.domain.definitions import PriceDefinition
from tollgate.domain.errors import ValidationFailed
from tollgate.domain.price_changes import Change, check_changes, percent
from tollgate.domain.price_imports import difference, imported

NOW = 1_700_000_000_000
OLD = Price(
    "m",
    3,
    prices={"input": "2", "output": "8", "cache_read": "0.5", "tool:web.search": "0.01"},
    intervals=(Interval(200_000, None, {"input": "4"}, {"flex": {"input": "2"}}),),
    tiers={"priority": {"input": "3"}},
    max_output=8_192,
    effective_from=1_600_000_000_000,
)
HEAD = PriceDefinition("m", 3, (OLD,))


def new(**changes: Any) -> Price:
    return replace(OLD, version=0, effective_from=NOW, **changes)


def prices(**changes: str) -> Price:
    return new(prices={**OLD.prices, **changes})


@pytest.mark.parametrize(
    ("price", "changes", "guards"),
    [
        pytest.param(
            prices(input="2.5"), (Change("input", "2", "2.5", "+25.00"),), (), id="dearer"
        ),
        pytest.param(
            prices(output="2.0001"), (Change("output", "8", "2.0001", "-75.00"),), (), id="cheaper"
        ),
        pytest.param(prices(input="2.0000"), (), (), id="written otherwise is the same"),
        pytest.param(
            prices(input="20"), (Change("input", "2", "20", "+900.00"),), (), id="ten times"
        ),
        pytest.param(
            prices(input="20.01"),
            (Change("input", "2", "20.01", "+900.50"),),
            ("input moves by more than 10 times",),
            id="over ten times",
        ),
        pytest.param(
            prices(input="0.2"), (Change("input", "2", "0.2", "-90.00"),), (), id="a tenth"
        ),
        pytest.param(
            prices(input="0.19"),
            (Change("input", "2", "0.19", "-90.50"),),
            ("input moves by more than 10 times",),
            id="under a tenth",
        ),
        pytest.param(
            prices(input="2000000"),
            (Change("input", "2", "2000000", "+99999900.00"),),
            ("input moves by more than 10 times",),
            id="per token where per million was meant",
        ),
        pytest.param(
            prices(cache_read="0"),
            (Change("cache_read", "0.5", "0", "-100.00"),),
            ("cache_read becomes free",),
            id="nothing from something",
        ),
        pytest.param(
            prices(input_audio="40"),
            (Change("input_audio", "2", "40", "+1900.00"),),
            ("input_audio moves by more than 10 times",),
            id="a class of its own, which was ordinary input before",
        ),
        pytest.param(
            new(prices={"input": "2", "output": "8", "tool:web.search": "0.01"}),
            (Change("cache_read", "0.5", "2", "+300.00"),),
            (),
            id="a class that is ordinary input from now on",
        ),
        pytest.param(
            new(prices={"input": "2", "output": "8", "cache_read": "0.5"}),
            (Change("tool:web.search", "0.01", None),),
            (),
            id="a tool without a price",
        ),
        pytest.param(
            prices(images="0.04"), (Change("images", None, "0.04"),), (), id="a price at last"
        ),
        pytest.param(
            new(intervals=()),
            (Change("200000-.input", "4", "2", "-50.00"),),
            (),
            id="no dearer context any more",
        ),
        pytest.param(
            new(tiers={"priority": {"input": "300"}}),
            (Change("priority.input", "3", "300", "+9900.00"),),
            ("priority.input moves by more than 10 times",),
            id="a tier",
        ),
        pytest.param(
            new(intervals=(*OLD.intervals, Interval(0, None, {"input": "0"}, label="4K"))),
            (Change("4K.input", "2", "0", "-100.00"),),
            ("4K.input becomes free",),
            id="a label",
        ),
        pytest.param(
            new(max_output=None, reasoning=True),
            (Change("max_output", "8192", None), Change("reasoning", "false", "true")),
            (),
            id="limits and habits",
        ),
        pytest.param(
            new(mode="seconds"),
            (Change("mode", "tokens", "seconds"),),
            ("billed by seconds instead of tokens",),
            id="another mode",
        ),
    ],
)
def test_a_priced_model(price: Price, changes: tuple[Change, ...], guards: tuple[str, ...]) -> None:
    found = difference(price, HEAD, NOW)
    assert (found.changes, found.guards) == (changes, guards)
    assert found.status == ("changed" if changes else "unchanged")


def test_what_was_free_is_not_charged_by_accident() -> None:
    free = replace(HEAD, live=(replace(OLD, prices={**OLD.prices, "cache_read": "0"}),))
    found = difference(prices(), free, NOW)
    assert found.changes == (Change("cache_read", "0", "0.5"),)
    assert found.guards == ("cache_read was free",)


@pytest.mark.parametrize(
    ("head", "status", "guards"),
    [
        pytest.param(None, "added", (), id="a model without a price"),
        pytest.param(replace(HEAD, locked=True), "locked", (), id="a locked price"),
        pytest.param(
            replace(HEAD, status="withdrawn", live=()),
            "added",
            ("the price was withdrawn",),
            id="a price that staff took away",
        ),
        pytest.param(
            replace(HEAD, live=(replace(OLD, effective_from=NOW + 1),)),
            "changed",
            (),
            id="a price that is only scheduled",
        ),
    ],
)
def test_what_stands_in_the_catalog(
    head: PriceDefinition | None, status: str, guards: tuple[str, ...]
) -> None:
    found = difference(prices(input="2.5"), head, NOW)
    assert (found.status, found.guards) == (status, guards)
    assert found.changes


def test_a_locked_price_that_agrees_is_just_unchanged() -> None:
    assert difference(prices(), replace(HEAD, locked=True), NOW).status == "unchanged"


def test_the_version_in_force_is_what_is_compared() -> None:
    ended = replace(OLD, version=4, prices={"input": "9"}, effective_from=NOW - 9, effective_to=NOW)
    coming = replace(OLD, version=5, prices={"input": "1"}, effective_from=NOW + 1)
    head = replace(HEAD, number=5, live=(OLD, ended, coming))
    assert difference(prices(), head, NOW).status == "unchanged"


def test_an_imported_price_begins_now_and_is_shown_as_before() -> None:
    price = replace(prices(), effective_from=5, effective_to=9)
    shown = replace(HEAD, live=(replace(OLD, virtual_tokens=24),))
    found = imported(price, shown, NOW)
    assert (found.effective_from, found.effective_to, found.virtual_tokens) == (NOW, None, 24)
    assert imported(price, None, NOW).virtual_tokens == 1_000


@pytest.mark.parametrize(
    ("old", "new_price", "text"),
    [
        pytest.param("3", "4", "+33.33", id="a third"),
        pytest.param("3", "2", "-33.33", id="a third less"),
        pytest.param("3", "3.00001", "+0.00", id="almost nothing"),
        pytest.param("1/3", "2/3", "+100.00", id="quotients"),
        pytest.param("0", "1", "", id="from nothing"),
    ],
)
def test_how_much_a_price_rises(old: str, new_price: str, text: str) -> None:
    assert percent(old, new_price) == text


@pytest.mark.parametrize(
    ("price", "field"),
    [
        pytest.param(prices(input="20", output="0.8"), None, id="ten times"),
        pytest.param(prices(input="20.01"), "prices.input", id="over ten times"),
        pytest.param(prices(cache_read="0"), "prices.cache_read", id="nothing from something"),
        pytest.param(
            new(tiers={"priority": {"input": "31"}}), "tiers.priority.input", id="in a tier"
        ),
        pytest.param(
            new(intervals=(Interval(0, 9, {"input": "2"}), Interval(9, None, {"input": "21"}))),
            "intervals[2].prices.input",
            id="in the second row",
        ),
        pytest.param(
            new(intervals=(replace(OLD.intervals[0], tiers={"flex": {"input": "0"}}),)),
            "intervals[1].tiers.flex.input",
            id="in a tier of a row",
        ),
        pytest.param(
            new(prices={"input": "2", "output": "8", "tool:web.search": "0.01"}, mode="seconds"),
            None,
            id="another mode is meant",
        ),
    ],
)
def test_what_nobody_types_by_accident_is_refused_by_its_field(
    price: Price, field: str | None
) -> None:
    found = None
    try:
        check_changes(OLD, price)
    except ValidationFailed as refused:
        found = refused.param
    assert found == field


def test_a_price_that_comes_back_to_costing_what_it_inherits_names_the_list() -> None:
    free = replace(OLD, prices={**OLD.prices, "cache_read": "0"})
    with pytest.raises(ValidationFailed) as refused:
        check_changes(free, new(prices={"input": "2", "output": "8", "tool:web.search": "0.01"}))
    assert refused.value.message == "prices: was free; confirm it"
    assert refused.value.translations == {"zh": "prices：原为免费，请确认"}


def test_a_first_price_has_nothing_to_confirm() -> None:
    check_changes(None, prices(cache_read="0"))
