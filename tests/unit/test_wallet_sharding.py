"""Which shard a call goes to, and what part of a limit counts there (ruling R15)."""

from collections import Counter
from typing import Any

import pytest

from tollgate.domain.catalog import Limits
from tollgate.domain.limits import Ask, Assumed, HoldRequest
from tollgate.domain.scopes import Scope
from tollgate.domain.sharding import chosen, home, reach, share
from tollgate.domain.windows import SubscriptionTerms

TERMS = SubscriptionTerms("g001", 0, 86_400, 0, 0)


@pytest.mark.parametrize(
    ("shards", "limits", "expected"),
    [
        pytest.param(1, [Limits(5, 5, 5)], 1, id="one shard"),
        pytest.param(8, [], 8, id="no limits: all shards"),
        pytest.param(8, [Limits(rpm=800)], 8, id="a limit of 100 a shard may be split"),
        pytest.param(8, [Limits(rpm=799)], 1, id="a tighter one forces one shard"),
        pytest.param(8, [Limits(), Limits(concurrency=10)], 1, id="so does tight concurrency"),
        pytest.param(8, [Limits(tpm=10**9)], 1, id="tokens are never split"),
        pytest.param(8, [Limits(spend_5h=10**15)], 1, id="nor are five hours"),
        pytest.param(8, [Limits(spend_day=10**15)], 1, id="nor is a day"),
        pytest.param(8, [Limits(spend_week=10**15)], 1, id="nor is a week"),
    ],
)
def test_what_must_be_exact_forces_one_shard(
    shards: int, limits: list[Limits], expected: int
) -> None:
    assert reach(shards, limits) == expected


def asked(*scopes: Scope, **changes: Any) -> HoldRequest:
    return HoldRequest("u", "k001", 1, False, 1, scopes, **changes)


def user(**limits: int) -> Scope:
    return Scope("user", Limits(**limits))


@pytest.mark.parametrize(
    ("request_", "spread", "open_limit", "rpm_limits"),
    [
        pytest.param(asked(user(rpm=60, concurrency=5)), 1, 5, [60], id="own limits"),
        pytest.param(asked(), 1, 256, [], id="none: the platform's"),
        pytest.param(asked(user(concurrency=5_000)), 1, 256, [0], id="never beyond the platform's"),
        pytest.param(
            asked(user(rpm=1_001, concurrency=500), shards=4), 4, 125, [250], id="split by four"
        ),
        pytest.param(
            asked(user(rpm=60, concurrency=5), shards=4), 1, 5, [60], id="tight: not split"
        ),
        pytest.param(asked(ttl_class="t"), 1, 50, [], id="tasks"),
        pytest.param(
            asked(user(rpm=1_000, concurrency=500), shards=4, subscription=TERMS),
            *(1, 256, [1_000]),
            id="a subscription's calls all count on one shard",
        ),
        pytest.param(
            asked(Scope("key", Limits(rpm=7), "k001"), shards=4),
            *(4, 256, [7]),
            id="a key's limit is whole on the one shard where its calls are",
        ),
        pytest.param(
            asked(Scope("group", Limits(rpm=7), "g001"), shards=4),
            *(4, 256, [7]),
            id="a tight limit in a group is whole on the one shard where its calls are",
        ),
        pytest.param(
            asked(user(rpm=1_000), Scope("group", Limits(rpm=7), "g001"), shards=4),
            *(4, 256, [250, 7]),
            id="and the user's own is split as for calls in any other group",
        ),
        pytest.param(
            asked(Scope("group", Limits(rpm=1_000), "g001"), shards=4),
            *(4, 256, [250]),
            id="a large limit in a group is split",
        ),
    ],
)
def test_a_request_says_what_counts_on_its_shard(
    request_: HoldRequest, spread: int, open_limit: int, rpm_limits: list[int]
) -> None:
    claim = Ask(request_, 1, 0, Assumed(limited=False)).claim
    assert (request_.spread, request_.open_limit) == (spread, open_limit)
    assert [limits.rpm for _, limits in claim.limited()] == rpm_limits


@pytest.mark.parametrize(
    ("limits", "choice"),
    [
        pytest.param(Limits(rpm=1_000), 4, id="large: everywhere"),
        pytest.param(Limits(rpm=7), 1, id="tight: in one place"),
        pytest.param(Limits(spend_day=10**15), 1, id="spending: in one place"),
    ],
)
def test_calls_in_a_limited_group_have_less_choice(limits: Limits, choice: int) -> None:
    assert asked(Scope("group", limits, "g001"), shards=4).choice == choice


def test_a_limit_is_shared_rounded_down() -> None:
    assert share(1_001, 4) == 250


def test_a_limited_key_always_goes_to_its_home() -> None:
    homes = {chosen("k001", limited=True, spread=8, random=lambda n: n - 1) for _ in range(5)}
    assert homes == {home("k001", 8)} == {1}


def test_other_calls_go_anywhere() -> None:
    assert [chosen("k001", limited=False, spread=8, random=lambda n: n - 1)] == [7]


def test_homes_are_spread_evenly() -> None:
    found = Counter(home(f"k{number:03d}", 4) for number in range(1_000))
    assert set(found) == {0, 1, 2, 3}
    assert max(found.values()) <= 300
