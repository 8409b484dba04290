"""Whose limits a call counts against, what a hold id says of them, and when windows run."""

import pytest

from tollgate.domain.catalog import Limits
from tollgate.domain.holds import Birth, new_hold_id, parse_hold_id
from tollgate.domain.scopes import (
    Counted,
    Scope,
    Window,
    calls_name,
    counted,
    earliest,
    flags_of,
    fresh,
    kind_of_window,
    minute_of,
    resets,
    scopes_of,
    tokens_name,
)

START = 1_700_049_600
"""2023-11-15 12:00:00 UTC."""

DAY = 1_700_006_400
EVERY = Limits(1, 2, 3, 4, 5, 6)


def scopes(user: Limits, key: Limits, group: Limits) -> tuple[Scope, ...]:
    return scopes_of(user, ("k001", key), ("g001", group))


NO = Limits()


@pytest.mark.parametrize(
    ("limited", "text", "counts"),
    [
        pytest.param((), "1jn9cp000000000000sw-k001", Counted(), id="no limits: not a byte more"),
        pytest.param(
            scopes(Limits(rpm=5, concurrency=5), Limits(rpm=5), Limits(rpm=5)),
            "1jn9cp000000000000sw-k001",
            Counted(),
            id="calls of a minute are never given back, a user's open calls are the open holds",
        ),
        pytest.param(
            scopes(Limits(tpm=1), NO, NO),
            "1jn9cp000000000000swlk001001",
            Counted(tokens=(("user", ""),)),
            id="a user's tokens",
        ),
        pytest.param(
            scopes(NO, Limits(concurrency=1), NO),
            "1jn9cp000000000000swlk001020",
            Counted(open=("open_key_k001",)),
            id="open calls of a key",
        ),
        pytest.param(
            scopes(NO, NO, Limits(concurrency=1)),
            "1jn9cp000000000000swlk001200g001",
            Counted(open=("open_group_g001",)),
            id="open calls in a group",
        ),
        pytest.param(
            scopes(Limits(spend_5h=1, spend_week=1), Limits(spend_day=1), NO),
            "1jn9cp000000000000swlk00108m",
            Counted(windows=("five_hours_user", "week_user", "day_key_k001")),
            id="spend windows",
        ),
        pytest.param(
            scopes(EVERY, EVERY, EVERY),
            "1jn9cp000000000000swlk001zzxg001",
            Counted(
                tokens=(("user", ""), ("key", "k001"), ("group", "g001")),
                open=("open_key_k001", "open_group_g001"),
                windows=(
                    *("five_hours_user", "day_user", "week_user"),
                    *("five_hours_key_k001", "day_key_k001", "week_key_k001"),
                    *("five_hours_group_g001", "day_group_g001", "week_group_g001"),
                ),
            ),
            id="everything",
        ),
    ],
)
def test_a_hold_id_says_what_the_call_is_counted_in(
    limited: tuple[Scope, ...], text: str, counts: Counted
) -> None:
    birth = Birth(START, 0, 0, 0, "k001", flags=flags_of(limited), counted_group="g001")
    assert new_hold_id(birth) == text
    assert counted(parse_hold_id(text)) == counts


def test_a_task_is_no_open_call() -> None:
    limited = scopes(NO, Limits(concurrency=1, tpm=1), NO)
    assert (flags_of(limited), flags_of(limited, task=True)) == (0b11_00000, 0b01_00000)


def test_who_limits_nothing_is_no_scope() -> None:
    found = scopes(NO, Limits(rpm=1), NO)
    assert [(scope.kind, scope.alias, scope.name) for scope in found] == [
        ("key", "k001", "key_k001")
    ]
    assert scopes(NO, NO, NO) == ()


@pytest.mark.parametrize(
    ("window", "now", "first", "begins", "ends"),
    [
        pytest.param("five_hours", START, START - 17_999, START, START + 18_000, id="five hours"),
        pytest.param("week", START, START - 604_799, START, START + 604_800, id="seven days"),
        pytest.param("day", START, DAY, DAY, DAY + 86_400, id="a calendar day in UTC"),
        pytest.param("day", DAY, DAY, DAY, DAY + 86_400, id="midnight begins a day"),
        pytest.param("day", DAY - 1, DAY - 86_400, DAY - 86_400, DAY, id="the second before"),
    ],
)
def test_windows_begin_and_end(
    window: Window, now: int, first: int, begins: int, ends: int
) -> None:
    assert (earliest(window, now), fresh(window, now)) == (first, begins)
    assert resets(window, begins) == ends


def test_counters_are_named_by_minute_and_scope() -> None:
    key = Scope("key", EVERY, "k001")
    assert calls_name(key, 28_334_160) == "28334160ckk001"
    assert tokens_name("group", "g001", 28_334_160) == "28334160tgg001"
    assert calls_name(Scope("user", EVERY), 28_334_160) == "28334160cu"
    assert minute_of("28334160tgg001") == 28_334_160


@pytest.mark.parametrize("window", ["five_hours", "day", "week"])
def test_a_stored_window_says_which_it_is(window: Window) -> None:
    assert kind_of_window(f"{window}_key_day_") == window
