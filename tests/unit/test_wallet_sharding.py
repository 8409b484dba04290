"""Which shard a call goes to, and what part of a limit counts there (ruling R15)."""

from collections import Counter

import pytest

from tollgate.domain.limits import HoldRequest
from tollgate.domain.sharding import chosen, home, share, spread
from tollgate.domain.windows import SubscriptionTerms

TERMS = SubscriptionTerms("g001", 0, 86_400, 0, 0)


@pytest.mark.parametrize(
    ("shards", "limits", "subscription", "expected"),
    [
        pytest.param(1, (5, 5), False, 1, id="one shard"),
        pytest.param(8, (0, 0), False, 8, id="no limits: all shards"),
        pytest.param(8, (800, 0), False, 8, id="a limit of 100 a shard may be split"),
        pytest.param(8, (799, 0), False, 1, id="a tighter one forces one shard"),
        pytest.param(8, (0, 10), False, 1, id="so does tight concurrency"),
        pytest.param(8, (0, 0), True, 1, id="so does a subscription"),
    ],
)
def test_what_must_be_exact_forces_one_shard(
    shards: int, limits: tuple[int, int], subscription: bool, expected: int
) -> None:
    assert spread(shards, limits, subscription=subscription) == expected


@pytest.mark.parametrize(
    ("request_", "open_limit", "rpm_limit"),
    [
        pytest.param(HoldRequest("u", "k001", 1, False, 60, 5, 1), 5, 60, id="own limits"),
        pytest.param(
            HoldRequest("u", "k001", 1, False, 0, 0, 1), 256, 0, id="none: the platform's"
        ),
        pytest.param(
            HoldRequest("u", "k001", 1, False, 0, 5_000, 1),
            256,
            0,
            id="never beyond the platform's",
        ),
        pytest.param(
            HoldRequest("u", "k001", 1, False, 1_001, 500, 1, shards=4),
            125,
            250,
            id="split by four",
        ),
        pytest.param(
            HoldRequest("u", "k001", 1, False, 60, 5, 1, shards=4), 5, 60, id="tight: not split"
        ),
        pytest.param(HoldRequest("u", "k001", 1, False, 0, 0, 1, ttl_class="t"), 50, 0, id="tasks"),
        pytest.param(
            HoldRequest("u", "k001", 1, False, 1_000, 500, 1, shards=4, subscription=TERMS),
            256,
            1_000,
            id="a subscription's calls all count on one shard",
        ),
    ],
)
def test_a_request_says_what_counts_on_its_shard(
    request_: HoldRequest, open_limit: int, rpm_limit: int
) -> None:
    assert (request_.open_limit, request_.rpm_limit) == (open_limit, rpm_limit)


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
