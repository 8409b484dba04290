"""Which accounts a list shows, and in which order, as rows."""

from dataclasses import replace
from typing import Final

import pytest

from tests.catalog_samples import ACCOUNT
from tollgate.domain.account_search import AccountSearch, Order, page
from tollgate.domain.errors import InvalidRequest

NOW: Final = 1_000
ONE: Final = replace(ACCOUNT, id="acc_1", name="beta", priority=5, groups=("grp_1",))
TWO: Final = replace(
    ACCOUNT,
    id="acc_2",
    name="Alpha",
    platform="anthropic",
    type="bedrock",
    base_url="https://bedrock.example:443/v1",
    groups=(),
)
THREE: Final = replace(ACCOUNT, id="acc_3", name="gamma", priority=5, status="disabled", notes="EU")
ALL: Final = (THREE, ONE, TWO)
KNOWN: Final = {
    "acc_1": {"cooling": 1_001},
    "acc_2": {"cooling": 1_000, "model:x": 5_000, "level": 9_999},
    "acc_3": {"faulty": 2**53 - 1},
}


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        pytest.param(AccountSearch(), ["acc_1", "acc_2", "acc_3"], id="anything"),
        pytest.param(AccountSearch(text="ALPHA "), ["acc_2"], id="a name in other letters"),
        pytest.param(AccountSearch(text="acc_3"), ["acc_3"], id="an id"),
        pytest.param(AccountSearch(text="bedrock.ex"), ["acc_2"], id="an address"),
        pytest.param(
            AccountSearch(text="https://bedrock.example/v1"), ["acc_2"], id="an address as typed"
        ),
        pytest.param(AccountSearch(text="example:443/v1"), ["acc_2"], id="an address as shown"),
        pytest.param(AccountSearch(text="eu"), ["acc_3"], id="notes"),
        pytest.param(AccountSearch(text="nowhere"), [], id="what nobody says"),
        pytest.param(AccountSearch(platform="openai"), ["acc_1", "acc_3"], id="a platform"),
        pytest.param(AccountSearch(type="bedrock"), ["acc_2"], id="a type"),
        pytest.param(AccountSearch(group="grp_1"), ["acc_1", "acc_3"], id="a group"),
        pytest.param(AccountSearch(status="disabled"), ["acc_3"], id="switched off"),
        pytest.param(AccountSearch(healthy=True), ["acc_2"], id="only a model of it rests"),
        pytest.param(AccountSearch(healthy=False), ["acc_1", "acc_3"], id="something rests"),
        pytest.param(AccountSearch(group="grp_1", healthy=True), [], id="both at once"),
    ],
)
def test_a_search(search: AccountSearch, ids: list[str]) -> None:
    found = [each.id for each in ALL if search.finds(each, KNOWN[each.id], NOW)]
    assert sorted(found) == ids


@pytest.mark.parametrize(
    ("facts", "healthy"),
    [
        pytest.param({"key:0": 1_001}, True, id="another key is there"),
        pytest.param({"key:0": 1_001, "key:1": 1_000}, True, id="a key rests no more"),
        pytest.param({"key:0": 1_001, "key:1": 1_001}, False, id="all keys rest"),
    ],
)
def test_an_account_of_two_keys(facts: dict[str, int], healthy: bool) -> None:
    search = AccountSearch(healthy=True)
    assert search.finds(replace(ACCOUNT, keys=2), facts, NOW) is healthy


@pytest.mark.parametrize(
    ("order", "pages"),
    [
        pytest.param("created", [["acc_1", "acc_2"], ["acc_3"]], id="the oldest first"),
        pytest.param("name", [["acc_2", "acc_1"], ["acc_3"]], id="by name, whatever its letters"),
        pytest.param("priority", [["acc_1", "acc_3"], ["acc_2"]], id="the highest priority first"),
    ],
)
def test_an_order_goes_on_where_its_page_ended(order: Order, pages: list[list[str]]) -> None:
    first = page(ALL, order, 2, None)
    second = page(ALL, order, 2, first.after)
    assert [[each.id for each in found.entries] for found in (first, second)] == pages
    assert second.after is None


def test_a_page_goes_on_though_its_last_account_is_gone() -> None:
    first = page(ALL, "name", 2, None)
    assert [each.id for each in page((THREE, TWO), "name", 2, first.after).entries] == ["acc_3"]


def test_nothing_found_is_a_page() -> None:
    assert page((), "name", 2, None).entries == ()


def test_a_cursor_is_good_for_its_order_only() -> None:
    with pytest.raises(InvalidRequest, match="this cursor is for another order of the list"):
        page(ALL, "created", 2, page(ALL, "name", 2, None).after)
