"""Which accounts come first for a model where a group's routing names some."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.resolution_samples import ACCOUNT, GROUP, question
from tollgate.domain.catalog import Account, Channel
from tollgate.domain.question import Question
from tollgate.domain.resolution import resolve
from tollgate.domain.scheduling import Standing

ONE, TWO, THREE = (replace(ACCOUNT, id=f"acc_{name}") for name in ("1", "2", "3"))
BEST = replace(ONE, priority=9)


def routed(
    routing: Mapping[str, tuple[str, ...]], *accounts: Account, model: str = "gpt-4o"
) -> Question:
    group = replace(GROUP, accounts=accounts or (BEST, TWO, THREE), model_routing=routing)
    return question(model, group=group)


def tried(asked: Question) -> list[tuple[int, str]]:
    """The accounts with their tiers, those of one tier by id."""
    return sorted((each.tier, each.account.id) for each in resolve(asked))


@pytest.mark.parametrize(
    ("routing", "first"),
    [
        pytest.param({}, [], id="no routing"),
        pytest.param({"gpt-4o": ("acc_3",)}, ["acc_3"], id="the exact name"),
        pytest.param({"gpt-*": ("acc_3",)}, ["acc_3"], id="a prefix"),
        pytest.param({"*": ("acc_3",)}, ["acc_3"], id="every name"),
        pytest.param(
            {"*": ("acc_1",), "gpt-*": ("acc_2",), "gpt-4*": ("acc_3",)},
            ["acc_3"],
            id="the longest prefix",
        ),
        pytest.param(
            {"gpt-4o*": ("acc_2",), "gpt-4o": ("acc_3",)}, ["acc_3"], id="exact before a prefix"
        ),
        pytest.param({"gpt-4o": ("acc_3", "acc_2")}, ["acc_2", "acc_3"], id="several"),
        pytest.param({"claude-*": ("acc_3",)}, [], id="another model's"),
        pytest.param({"gpt-4o": ("acc_9",)}, [], id="an account that left the group"),
        pytest.param({"gpt-4o": ("acc_9", "acc_3")}, ["acc_3"], id="one of two left the group"),
    ],
)
def test_named_accounts_come_first_and_the_others_stay_behind(
    routing: Mapping[str, tuple[str, ...]], first: list[str]
) -> None:
    found = [each.account.id for each in resolve(routed(routing))]
    assert sorted(found) == ["acc_1", "acc_2", "acc_3"]
    assert sorted(found[: len(first)]) == first


def test_without_routing_the_highest_priority_comes_first() -> None:
    assert resolve(routed({}))[0].account.id == "acc_1"


def test_named_accounts_are_a_tier_of_their_own() -> None:
    assert tried(routed({"gpt-4o": ("acc_2", "acc_3")})) == [
        (0, "acc_2"),
        (0, "acc_3"),
        (1, "acc_1"),
    ]


def test_priority_counts_among_the_named_ones() -> None:
    asked = routed({"gpt-4o": ("acc_2", "acc_3")}, ONE, TWO, replace(THREE, priority=5))
    assert [each.account.id for each in resolve(asked)] == ["acc_3", "acc_2", "acc_1"]


@pytest.mark.parametrize(
    "unable",
    [
        pytest.param({"models": ("other",)}, id="does not offer the model"),
        pytest.param({"platform": "gemini"}, id="speaks another dialect"),
        pytest.param({"weight": 0}, id="is drained"),
        pytest.param({"expires_at": 1}, id="has expired"),
    ],
)
def test_where_no_named_account_can_serve_the_others_do(unable: dict[str, object]) -> None:
    three = replace(THREE, **unable)  # type: ignore[arg-type]
    found = resolve(routed({"gpt-4o": ("acc_3",)}, BEST, TWO, three))
    assert [each.account.id for each in found] == ["acc_1", "acc_2"]


def test_where_the_named_account_rests_the_others_serve() -> None:
    asked = routed({"gpt-4o": ("acc_3",)})
    rests = Standing(known={"acc_3": {"cooling": asked.now_ms + 1_000}})
    found = resolve(replace(asked, standing=rests))
    assert [each.account.id for each in found] == ["acc_1", "acc_2"]


def test_patterns_are_of_the_name_that_was_asked_for() -> None:
    sold = Channel("chn_1", "sold", {"openai": {"public": "gpt-4o"}})
    by_public = routed({"public": ("acc_3",)}, model="public")
    by_public = replace(by_public, group=replace(by_public.group, channel=sold))
    assert resolve(by_public)[0].account.id == "acc_3"
    by_mapped = replace(
        by_public, group=replace(by_public.group, model_routing={"gpt-4o": ("acc_3",)})
    )
    assert resolve(by_mapped)[0].account.id == "acc_1"


def test_a_session_keeps_to_one_of_the_named_accounts() -> None:
    asked = routed({"gpt-4o": ("acc_2", "acc_3")}, ONE, TWO, THREE)
    firsts = {
        resolve(replace(asked, call=replace(asked.call, session=f"s{number}")))[0].account.id
        for number in range(50)
    }
    assert firsts == {"acc_2", "acc_3"}
    again = [resolve(asked)[0].account.id for _ in range(5)]
    assert len(set(again)) == 1
