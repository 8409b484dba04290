"""In which order accounts are tried: stickiness, priority, load, waiting, weights, cost, rests."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.resolution_samples import ACCOUNT, EVERYWHERE, GROUP, NOW, question
from tollgate.domain.catalog import Account, GroupPart, Price
from tollgate.domain.errors import ModelNotFound, NoHealthyAccount
from tollgate.domain.health import FOR_EVER, Facts
from tollgate.domain.resolution import resolve
from tollgate.domain.routing import Wanted, pools_of
from tollgate.domain.scheduling import (
    Asked,
    Pool,
    Standing,
    Tier,
    selected,
    soonest,
)

SESSIONS = [f"session {number}" for number in range(600)]


def account(name: str, **fields: object) -> Account:
    return replace(ACCOUNT, id=name, **fields)  # type: ignore[arg-type]


def accounts(count: int, **fields: object) -> list[Account]:
    return [account(f"acc_{n:03d}", **fields) for n in range(count)]


def pool(*members: Account) -> Pool:
    return Pool([(each, "wire") for each in members], "chn", "mapped")


def asked(session: str = "s", **fields: object) -> Asked:
    return Asked(session, NOW)._replace(**fields)  # type: ignore[arg-type]


def order(members: Pool, call: Asked) -> list[str]:
    ranks = (0,) * len(members.kinds)
    return [account.id for _, account in selected([members], [ranks], call)]


def known(facts: Mapping[str, Facts]) -> Standing:
    return Standing(facts)


# --- a session's own account ----------------------------------------------------------------------


def test_a_session_stays_and_only_who_has_to_moves() -> None:
    before, after = pool(*accounts(8)), pool(*accounts(8)[:-1])
    firsts = {session: order(before, asked(session))[0] for session in SESSIONS}
    moved = {
        session for session, first in firsts.items() if order(after, asked(session))[0] != first
    }
    assert moved == {session for session, first in firsts.items() if first == "acc_007"}


def test_an_account_that_comes_back_has_its_sessions_again() -> None:
    members, rests = pool(*accounts(8)), known({"acc_003": {"cooling": NOW + 5_000}})
    firsts = [order(members, asked(session))[0] for session in SESSIONS]
    meanwhile = [order(members, asked(session, standing=rests))[0] for session in SESSIONS]
    assert ("acc_003" in firsts, "acc_003" in meanwhile) == (True, False)
    assert [order(members, asked(session))[0] for session in SESSIONS] == firsts


@pytest.mark.parametrize("count", [2, 6, 12])
def test_sessions_spread_evenly(count: int) -> None:
    members = pool(*accounts(count))
    firsts = Counter(order(members, asked(session))[0] for session in SESSIONS)
    expected = len(SESSIONS) / count
    assert len(firsts) == count
    assert all(expected * 0.5 < found < expected * 1.6 for found in firsts.values())


def test_accounts_that_share_a_place_share_sessions() -> None:
    """Some of 60 accounts have the same of 512 places, yet none of them takes all."""
    members = pool(*accounts(60))
    firsts = Counter(order(members, asked(session))[0] for session in SESSIONS)
    assert len(firsts) == 60


def test_shares_of_sessions_follow_the_weights_and_weight_0_drains() -> None:
    members = pool(account("heavy", weight=3), account("light"), account("drained", weight=0))
    firsts = Counter(order(members, asked(session))[0] for session in SESSIONS)
    assert set(firsts) == {"heavy", "light"}
    assert 400 < firsts["heavy"] < 500


def test_a_session_may_be_any_text() -> None:
    members = pool(*accounts(3))
    assert sorted(order(members, asked("\ud800 ü"))) == ["acc_000", "acc_001", "acc_002"]


def test_many_sessions_are_remembered_and_not_all() -> None:
    tier = Tier(accounts(3))
    firsts = [tier.first(f"{number}") for number in range(1_100)]
    assert [tier.first(f"{number}") for number in range(1_100)] == firsts


# --- the others -----------------------------------------------------------------------------------

FIVE = [
    account("low", priority=1),
    account("b", priority=2, concurrency=4),
    account("c", priority=2, concurrency=4),
    account("d", priority=2, load_factor=2),
    account("e", priority=2),
]


@pytest.mark.parametrize(
    ("in_use", "last_used", "others"),
    [
        pytest.param(
            {}, {"b": 3, "c": 1, "d": 4, "e": 2}, ["c", "b", "d"], id="who waited longest"
        ),
        pytest.param({}, {"b": 3, "d": 4, "e": 2}, ["c", "b", "d"], id="never used goes first"),
        pytest.param({"c": 1, "b": 2}, {"d": 9}, ["d", "c", "b"], id="the least loaded"),
        pytest.param({"d": 1, "c": 2}, {"b": 9}, ["b", "c", "d"], id="equally loaded: by waiting"),
    ],
)
def test_priority_then_load_then_waiting(
    in_use: dict[str, int], last_used: dict[str, int], others: list[str]
) -> None:
    standing = Standing({}, in_use, {"c": 5, "d": 6, **last_used})
    if "c" not in last_used:
        standing.last_used.pop("c")  # type: ignore[attr-defined]
    session = next(each for each in SESSIONS if order(pool(*FIVE), asked(each))[0] == "e")
    assert order(pool(*FIVE), asked(session, standing=standing)) == ["e", *others, "low"]


def test_a_sessions_own_account_that_is_full_goes_behind() -> None:
    members = pool(account("full", concurrency=2), account("free", concurrency=2))
    session = next(each for each in SESSIONS if order(members, asked(each))[0] == "full")
    busy = Standing({}, {"full": 2, "free": 1})
    assert order(members, asked(session, standing=busy)) == ["free", "full"]


def test_no_call_looks_at_more_than_sixteen() -> None:
    found = order(pool(*accounts(500)), asked())
    assert (len(found), len(set(found))) == (16, 16)


def test_sixteen_are_filled_from_lower_priorities() -> None:
    members = pool(*accounts(10, priority=2), *(account(f"low_{n:02d}") for n in range(10)))
    found = order(members, asked())
    assert [name[:3] for name in found] == ["acc"] * 10 + ["low"] * 6


# --- strategies -----------------------------------------------------------------------------------


def test_weighted_deals_calls_without_a_session_anew() -> None:
    members = pool(account("heavy", weight=3), account("light"))
    firsts = Counter(
        order(members, asked(strategy="weighted", own=False, standing=Standing(turn=turn)))[0]
        for turn in range(600)
    )
    assert 400 < firsts["heavy"] < 500


def test_weighted_keeps_a_session_that_its_client_named() -> None:
    members = pool(*accounts(6))
    found = {
        tuple(order(members, asked(strategy="weighted", standing=Standing(turn=turn))))
        for turn in range(50)
    }
    assert len(found) == 1


def test_weighted_stays_within_a_priority() -> None:
    members = pool(account("high", priority=1), account("heavy", weight=99))
    call = asked(strategy="weighted", own=False)
    assert order(members, call) == ["high", "heavy"]


def cheapest(*members: Account) -> list[str]:
    group = replace(GROUP, accounts=members, strategy="cheapest")
    prices = {
        "gpt-4o": (Price("gpt-4o", 1, prices={"input": "2", "output": "8"}),),
        "dear": (Price("dear", 1, prices={"input": "3", "output": "12"}),),
    }
    everywhere = replace(EVERYWHERE, prices=prices)
    return [each.account.id for each in resolve(question(group=group, everywhere=everywhere))]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param(
            [
                account("full", cost_multiplier=Decimal(1)),
                account("half", cost_multiplier=Decimal("0.5")),
            ],
            ["half", "full"],
            id="by the account's own factor",
        ),
        pytest.param(
            [account("dear", model_mapping={"gpt-4o": "dear"}), account("plain")],
            ["plain", "dear"],
            id="by the price of what is sent",
        ),
        pytest.param(
            [
                account("dear", model_mapping={"gpt-4o": "dear"}, cost_multiplier=Decimal("0.6")),
                account("plain"),
            ],
            ["dear", "plain"],
            id="by both together",
        ),
        pytest.param(
            [account("first", priority=9, cost_multiplier=Decimal(2)), account("plain")],
            ["plain", "first"],
            id="before priority",
        ),
        pytest.param(
            [account("low"), account("high", priority=1)], ["high", "low"], id="then by priority"
        ),
        pytest.param(
            [
                account("tenth", cost_multiplier=Decimal("0.100001")),
                account("less", cost_multiplier=Decimal("0.1")),
            ],
            ["less", "tenth"],
            id="to the millionth",
        ),
    ],
)
def test_cheapest(members: list[Account], expected: list[str]) -> None:
    assert cheapest(*members) == expected


# --- who may be used ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "able"),
    [
        pytest.param({}, True, id="nothing known"),
        pytest.param({"cooling": NOW + 1}, False, id="it cools"),
        pytest.param({"cooling": NOW}, True, id="it has cooled"),
        pytest.param({"cooling": NOW, "trying": NOW + 1}, False, id="somebody tries it"),
        pytest.param({"overloaded": NOW + 1}, False, id="overloaded"),
        pytest.param({"paused": NOW + 1}, False, id="paused by a rule"),
        pytest.param({"faulty": FOR_EVER}, False, id="faulty"),
        pytest.param({"quota": NOW + 1}, False, id="its quota is used up"),
        pytest.param({"model:wire": NOW + 1}, False, id="this model is limited"),
        pytest.param({"model:other": NOW + 1}, True, id="another model is limited"),
        pytest.param({"key:0": FOR_EVER}, True, id="keys of an account that has one"),
        pytest.param({"credits": NOW + 1}, True, id="credits it does not spend"),
        pytest.param({"level": 9, "cause:cooling": 2}, True, id="what is no time"),
    ],
)
def test_which_facts_keep_an_account_back(facts: Facts, able: bool) -> None:
    call = asked(standing=known({"a": facts}))
    assert order(pool(account("a")), call) == (["a"] if able else [])


@pytest.mark.parametrize(
    ("fields", "facts", "able"),
    [
        pytest.param({"keys": 2}, {"key:0": NOW + 9}, True, id="one of two keys rests"),
        pytest.param({"keys": 2}, {"key:0": NOW + 9, "key:1": NOW + 5}, False, id="both rest"),
        pytest.param({"overages": True}, {"model:wire": NOW + 9}, True, id="credits pay for it"),
        pytest.param(
            {"overages": True}, {"model:wire": NOW + 9, "credits": NOW + 9}, False, id="no credits"
        ),
        pytest.param({"expires_at": NOW}, {}, False, id="expired just now"),
        pytest.param({"expires_at": NOW + 1}, {}, True, id="expires soon"),
    ],
)
def test_what_accounts_can_do_instead(fields: dict[str, object], facts: Facts, able: bool) -> None:
    call = asked(standing=known({"a": facts}))
    assert order(pool(account("a", **fields)), call) == (["a"] if able else [])


def test_a_rest_ends_by_itself_and_so_does_an_account() -> None:
    members = pool(account("a"), account("b", expires_at=NOW + 20))
    standing = known({"a": {"cooling": NOW + 10}})
    seen = [
        sorted(order(members, asked(now_ms=now, standing=standing)))
        for now in (NOW, NOW + 9, NOW + 10, NOW + 19, NOW + 20, NOW)
    ]
    assert seen == [["b"], ["b"], ["a", "b"], ["a", "b"], ["a"], ["b"]]


def test_what_follows_is_kept_as_long_as_nothing_is_learnt() -> None:
    members, standing = pool(*accounts(3)), known({"acc_001": {"cooling": NOW + 10}})
    ready = members.ready(asked(standing=standing))
    assert members.ready(asked("other", standing=standing, now_ms=NOW + 9)) is ready
    assert members.ready(asked(standing=standing, now_ms=NOW + 10)) is not ready
    assert members.ready(asked(standing=known({}))) is not ready


def test_very_many_orders_of_kinds_are_not_all_remembered() -> None:
    members = pool(*(account(f"a{n}", cost_multiplier=Decimal(n)) for n in range(8)))

    for number in range(150):
        ranks = tuple(number >> bit & 1 for bit in range(8))
        found = selected([members], [ranks], asked())
        dear = [ranks[int(account.id[1:])] for _, account in found]
        assert dear == sorted(dear)


@pytest.mark.parametrize(
    ("ranks", "names"),
    [
        pytest.param((7, 7), ["a", "b"], id="both alike"),
        pytest.param((7, None), ["a"], id="one is not sold"),
        pytest.param((None, 0), ["b"], id="the other is not"),
        pytest.param((None, None), [], id="neither is"),
        pytest.param((9, 2), ["b", "a"], id="the lower first"),
    ],
)
def test_what_is_not_sold_is_not_tried(ranks: tuple[int | None, ...], names: list[str]) -> None:
    members = Pool([(account("a", priority=1), "wire"), (account("b"), "other")], "chn", "mapped")
    assert [account.id for _, account in selected([members], [ranks], asked())] == names


def test_a_pool_of_one_kind_that_is_not_sold() -> None:
    assert selected([pool(account("a"))], [(None,)], asked()) == []


def test_an_account_of_two_pools_is_tried_once() -> None:
    pools = [pool(account("a")), pool(account("a"), account("b"))]
    places = selected(pools, [(0,), (0,)], asked())
    assert [(number, account.id) for number, account in places] == [(0, "a"), (1, "b")]


@pytest.mark.parametrize(
    ("rests", "wait"),
    [
        pytest.param([NOW + 1], 1, id="a millisecond is a second"),
        pytest.param([NOW + 12_000, NOW + 7_500], 8, id="the first one that comes back"),
        pytest.param([NOW + 3_600_000], 30, id="at most thirty seconds"),
        pytest.param([FOR_EVER], 30, id="nobody comes back by itself"),
    ],
)
def test_where_all_rest_the_call_is_told_when_to_come_again(rests: list[int], wait: int) -> None:
    members = accounts(len(rests))
    facts = {a.id: {"cooling": at} for a, at in zip(members, rests, strict=True)}
    group = replace(GROUP, accounts=tuple(members))
    with pytest.raises(NoHealthyAccount, match="rests now") as refused:
        resolve(question(group=group, standing=known(facts)))
    assert (refused.value.retry_after, refused.value.status) == (wait, 503)


def test_no_pools_no_rest() -> None:
    assert soonest([], asked()) == FOR_EVER


# --- platforms ------------------------------------------------------------------------------------

PLATFORMS = {"gemini": ("gemini", "antigravity"), "openai": ("openai",)}


@pytest.mark.parametrize(
    ("platform", "mixed", "group", "dialect", "serves"),
    [
        pytest.param("antigravity", False, "antigravity", "gemini", True, id="at home"),
        pytest.param("antigravity", False, "gemini", "gemini", False, id="elsewhere"),
        pytest.param("antigravity", True, "gemini", "gemini", True, id="mixed in a gemini group"),
        pytest.param("antigravity", True, "anthropic", "gemini", True, id="an anthropic group"),
        pytest.param("antigravity", True, "openai", "openai", False, id="a format it cannot read"),
        pytest.param("antigravity", False, "antigravity", "openai", False, id="at home neither"),
        pytest.param("gemini", False, "gemini", "gemini", True, id="the vendor itself"),
        pytest.param("gemini", False, "gemini", "openai", False, id="another format"),
    ],
)
def test_whom_an_account_serves(
    platform: str, mixed: bool, group: str, dialect: str, serves: bool
) -> None:
    members = (account("a", platform=platform, mixed=mixed),)
    part: GroupPart = replace(GROUP, platform=group, accounts=members)
    found = pools_of(part, Wanted("m", group, PLATFORMS[dialect], "s"), "m")
    assert bool(found) is serves


def test_a_model_nobody_offers_is_not_there() -> None:
    group = replace(GROUP, accounts=(account("a", models=("other",)),))
    with pytest.raises(ModelNotFound):
        resolve(question(group=group))
