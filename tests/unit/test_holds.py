"""Hold ids: what they say, when they end, and what is no hold id at all."""

import pytest

from tollgate.domain.errors import NotFound
from tollgate.domain.holds import (
    Birth,
    day_of,
    hour_of,
    is_sweepable,
    is_task,
    is_wallet_funded,
    new_hold_id,
    parse_hold_id,
    parse_request_id,
    request_id,
    rid_of,
    shard_of,
    start_of,
)

START = 1_700_049_600
PLAIN = Birth(start=START, random=0, shard=0, attempt=0, key_alias="k001")


@pytest.mark.parametrize(
    ("birth", "text"),
    [
        pytest.param(PLAIN, "1jn9cp000000000000sw-k001", id="a short call paid from the balance"),
        pytest.param(
            Birth(START, 32**8 - 1, 33, 2, "k001", ttl_class="l"),
            "1jn9cp0zzzzzzzz112lw-k001",
            id="a long call, third attempt, on shard 33",
        ),
        pytest.param(
            Birth(START, 0, 0, 0, "k001", key_limited=True),
            "1jn9cp000000000000swkk001",
            id="a call that charged its key's quota",
        ),
        pytest.param(
            Birth(START, 0, 0, 0, "k001", group_alias="g001"),
            "1jn9cp000000000000ss-k001g001",
            id="a call paid from a subscription",
        ),
        pytest.param(
            Birth(START, 0, 0, 0, "k001", ttl_class="t", deadline=START + 7_200),
            "1jn9cp000000000000tw-k0011jn9kq0",
            id="a task, with its deadline",
        ),
        pytest.param(
            Birth(START, 0, 0, 0, "k001", True, "t", "g001", START + 7_200),
            "1jn9cp000000000000tskk001g0011jn9kq0",
            id="a task paid from a subscription by a limited key",
        ),
    ],
)
def test_an_id_says_all_that_is_needed_to_finish_its_call(birth: Birth, text: str) -> None:
    hold = parse_hold_id(new_hold_id(birth))
    assert new_hold_id(birth) == text
    assert (hold.start, hold.shard, hold.attempt) == (birth.start, birth.shard, birth.attempt)
    assert (hold.key_alias, hold.key_limited) == (birth.key_alias, birth.key_limited)
    assert (hold.group_alias, hold.ttl_class) == (birth.group_alias, birth.ttl_class)
    assert hold.funding == ("subscription" if birth.group_alias else "wallet")
    assert is_wallet_funded(text) == (hold.funding == "wallet")
    assert is_task(text) == (hold.ttl_class == "t")
    assert (rid_of(text), start_of(text), shard_of(hold.rid)) == (text[:17], START, birth.shard)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("1jn9cp000000000000sw-k00", id="too short"),
        pytest.param("1jn9cp000000000000sw-k001x", id="too long"),
        pytest.param("1jn9cp000000000000xw-k001", id="unknown class"),
        pytest.param("1jn9cp000000000000sx-k001", id="unknown funding"),
        pytest.param("1jn9cp000000000000sw?k001", id="unknown quota mark"),
        pytest.param("1jn9cpi00000000000sw-k001", id="a letter that looks like another"),
        pytest.param("1JN9CP000000000000SW-K001", id="capitals"),
        pytest.param("1jn9cp000000000000sw-k001g001", id="a group without a subscription"),
        pytest.param("1jn9cp000000000000ss-k001", id="a subscription without a group"),
        pytest.param("1jn9cp000000000000tw-k001", id="a task without a deadline"),
        pytest.param("1jn9cp000000000000sw-k0011jn9kq0", id="a deadline without a task"),
        pytest.param("1jn9cp000000000000sw-k001\n", id="a line break"),
    ],
)
def test_what_is_no_hold_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no hold id"):
        parse_hold_id(text)


@pytest.mark.parametrize(
    ("birth", "life"),
    [
        pytest.param(PLAIN, 1_200, id="short: 20 minutes, more than Lambda's 15"),
        pytest.param(Birth(START, 0, 0, 0, "k001", ttl_class="l"), 3_600, id="long: an hour"),
        pytest.param(
            Birth(START, 0, 0, 0, "k001", ttl_class="t", deadline=START + 9_000),
            9_000 + 3_600,
            id="task: an hour beyond its deadline",
        ),
    ],
)
def test_a_hold_is_swept_five_minutes_after_its_life(birth: Birth, life: int) -> None:
    hold = new_hold_id(birth)
    assert parse_hold_id(hold).expires == START + life
    assert not is_sweepable(hold, START + life + 300)
    assert is_sweepable(hold, START + life + 301)


def test_ids_sort_by_birth() -> None:
    births = [Birth(START + s, 32**8 - 1 - s, 0, 0, "k001") for s in range(100)]
    ids = [new_hold_id(birth) for birth in births]
    assert ids == sorted(ids)


def test_a_request_id_leads_to_the_record_and_back() -> None:
    assert request_id("1jn9cp00000000000", "usr_0123456789abcdef") == (
        "req_1jn9cp000000000000123456789abcdef"
    )
    assert parse_request_id("req_1jn9cp000000000000123456789abcdef") == (
        "usr_0123456789abcdef",
        "1jn9cp00000000000",
    )


@pytest.mark.parametrize("text", ["", "req_", "req_1jn9cp00000000000", "usr_0123456789abcdef", "x"])
def test_what_can_be_no_request_id_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        parse_request_id(text)


def test_days_and_hours_are_utc() -> None:
    assert (day_of(START - 1), hour_of(START - 1)) == ("20231115", "2023111511")
    assert (day_of(START), hour_of(START)) == ("20231115", "2023111512")
