"""What a failed attempt says of an account: the rules case by case, with typed-out rests."""

from dataclasses import replace

import pytest

from tests.resolution_samples import ACCOUNT
from tollgate.domain.catalog import PauseRule
from tollgate.domain.health import FOR_EVER, Facts
from tollgate.domain.verdicts import Course, Failing, closed, half_open, judged, news

NOW = 1_800_000_000_000
SECOND, MINUTE = 1_000, 60_000
HTML = {"content-type": "text/html; charset=utf-8"}
POOL = replace(ACCOUNT, pool_retries=3)
LISTED = replace(ACCOUNT, error_codes=(429, 500))
KEYS = replace(ACCOUNT, keys=3)
RULES = replace(
    ACCOUNT,
    pauses=(
        PauseRule(429, 30, ("Daily Quota", "jour")),
        PauseRule(418, 5),
        PauseRule(503, 2, ("maintenance",)),
    ),
)


def failing(status: int, **fields: object) -> Failing:
    base = Failing(ACCOUNT, "wire", status, NOW)
    return replace(base, **fields)  # type: ignore[arg-type]


def after(*failures: Failing, facts: Facts | None = None) -> dict[str, int]:
    """What the last of several failures brings."""
    course, seen = Course(), dict(facts or {})
    changes: dict[str, int] = {}
    for each in failures:
        changes = judged(each, seen, course)
        seen |= changes
    return changes


@pytest.mark.parametrize(
    ("failure", "changes"),
    [
        pytest.param(failing(500), {}, id="one 500"),
        pytest.param(failing(0), {}, id="no answer once"),
        pytest.param(failing(401), {}, id="one 401"),
        pytest.param(failing(402), {}, id="one 402"),
        pytest.param(failing(403), {}, id="one 403"),
        pytest.param(failing(409), {}, id="a conflict"),
        pytest.param(
            failing(429),
            {"cooling": NOW + 5 * SECOND, "cause:cooling": 2, "level": 1, "trying": 0},
            id="429 without a time",
        ),
        pytest.param(
            failing(429, headers={"retry-after": "17"}),
            {"cooling": NOW + 17 * SECOND, "cause:cooling": 3, "trying": 0},
            id="429 with a time",
        ),
        pytest.param(
            failing(429, body=b"limit reached for wire in organization x"),
            {"model:wire": NOW + 30 * SECOND, "cause:model:wire": 2},
            id="429 of the model",
        ),
        pytest.param(
            failing(
                429, body=b"exhausted your capacity on this model", headers={"retry-after": "9"}
            ),
            {"model:wire": NOW + 9 * SECOND, "cause:model:wire": 3},
            id="429 of the model with a time",
        ),
        pytest.param(
            failing(
                429,
                body=b"wire",
                headers={
                    "anthropic-ratelimit-unified-status": "rejected",
                    "anthropic-ratelimit-unified-reset": "1800000060",
                },
            ),
            {"cooling": NOW + MINUTE, "cause:cooling": 3, "trying": 0},
            id="429 of a window that holds for every model",
        ),
        pytest.param(
            failing(529),
            {"overloaded": NOW + 10 * MINUTE, "cause:overloaded": 4},
            id="529",
        ),
        pytest.param(
            failing(503, headers={"retry-after": "40"}),
            {"cooling": NOW + 40 * SECOND, "cause:cooling": 3, "trying": 0},
            id="503 that says when",
        ),
        pytest.param(
            failing(503, headers={"retry-after": "7200"}),
            {"cooling": NOW + 10 * MINUTE, "cause:cooling": 3, "trying": 0},
            id="503 for longer than is believed",
        ),
        pytest.param(failing(400, ours=True), {}, id="400 about our balance, once"),
    ],
)
def test_one_failure(failure: Failing, changes: dict[str, int]) -> None:
    assert after(failure) == changes


@pytest.mark.parametrize(
    ("failures", "changes"),
    [
        pytest.param(
            [failing(401)] * 3, {"faulty": FOR_EVER, "cause:faulty": 6}, id="three times 401"
        ),
        pytest.param(
            [failing(402)] * 3, {"faulty": FOR_EVER, "cause:faulty": 7}, id="three times 402"
        ),
        pytest.param(
            [failing(401), failing(403), failing(403)],
            {"faulty": FOR_EVER, "cause:faulty": 8},
            id="the last one's cause",
        ),
        pytest.param(
            [failing(400, ours=True)] * 3,
            {"faulty": FOR_EVER, "cause:faulty": 7},
            id="three complaints about our balance",
        ),
        pytest.param(
            [failing(403, headers=HTML)] * 9, {}, id="403 as a page is a proxy's, not the vendor's"
        ),
        pytest.param([failing(403, body=b" <!doctype html>")] * 9, {}, id="a page by its text"),
        pytest.param(
            [failing(401), failing(401), failing(401, at=NOW + 10 * MINUTE)],
            {},
            id="not within ten minutes",
        ),
        pytest.param(
            [failing(500)] * 3,
            {"cooling": NOW + 10 * SECOND, "cause:cooling": 1, "level": 1, "trying": 0},
            id="three failures of three",
        ),
        pytest.param(
            [failing(500), failing(0), failing(408)],
            {"cooling": NOW + 10 * SECOND, "cause:cooling": 1, "level": 1, "trying": 0},
            id="of different kinds",
        ),
        pytest.param(
            [failing(500), failing(500), failing(500, at=NOW + 61 * SECOND)],
            {},
            id="not within a minute",
        ),
        pytest.param([failing(409)] * 9, {}, id="conflicts never count"),
        pytest.param(
            [failing(429), failing(429, at=NOW + 1)], {}, id="429 again while it cools for that"
        ),
    ],
)
def test_failures_in_a_row(failures: list[Failing], changes: dict[str, int]) -> None:
    assert after(*failures) == changes


@pytest.mark.parametrize(
    ("level", "seconds"),
    [
        pytest.param(0, 5, id="first"),
        pytest.param(1, 10, id="second"),
        pytest.param(2, 20, id="third"),
        pytest.param(5, 160, id="sixth"),
        pytest.param(6, 300, id="no longer than five minutes"),
        pytest.param(60, 300, id="however often"),
    ],
)
def test_limits_without_a_time_grow(level: int, seconds: int) -> None:
    facts = {"cooling": NOW - 1, "level": level}
    changes = after(failing(429), facts=facts)
    assert changes["cooling"] == NOW + seconds * SECOND
    assert changes["level"] == level + 1


@pytest.mark.parametrize(
    ("level", "seconds"),
    [
        pytest.param(1, 20, id="second"),
        pytest.param(3, 80, id="fourth"),
        pytest.param(6, 600, id="no longer than ten minutes"),
    ],
)
def test_a_failed_trial_cools_longer_at_once(level: int, seconds: int) -> None:
    facts = {"cooling": NOW - 1, "level": level, "trying": NOW + 9}
    assert after(failing(502), facts=facts) == {
        "cooling": NOW + seconds * SECOND,
        "cause:cooling": 1,
        "level": level + 1,
        "trying": 0,
    }


def test_who_cools_does_not_cool_again_for_calls_that_were_under_way() -> None:
    facts = {"cooling": NOW + 5 * SECOND, "level": 1}
    assert after(*[failing(500)] * 9, facts=facts) == {}


def test_a_vendors_time_may_prolong_a_rest_and_never_shorten_it() -> None:
    longer = failing(429, headers={"retry-after": "60"})
    assert after(longer, facts={"cooling": NOW + 5 * SECOND})["cooling"] == NOW + MINUTE
    assert after(longer, facts={"cooling": NOW + 2 * MINUTE}) == {}


def test_successes_speak_for_an_account() -> None:
    course = Course()
    for _ in range(4):
        course.succeeded(NOW)
    assert [course.fails_too_often(NOW) for _ in range(4)] == [False, False, False, True]


def test_silence_counts_for_three_failures() -> None:
    alone, busy = Course(), Course()
    for _ in range(4):
        busy.succeeded(NOW)
    silence = failing(0, silent=True)
    assert judged(silence, {}, busy) == {}
    assert judged(silence, {}, alone) == {
        "cooling": NOW + 10 * SECOND,
        "cause:cooling": 1,
        "level": 1,
        "trying": 0,
    }


def test_a_success_forgives_refused_credentials_and_limits() -> None:
    course = Course()
    assert [judged(failing(401), {}, course) for _ in range(2)] == [{}, {}]
    limit = failing(429, body=b"for this model")
    assert judged(limit, {}, course)["model:wire"] == NOW + 30 * SECOND
    assert judged(limit, {}, course)["model:wire"] == NOW + MINUTE
    course.succeeded(NOW)
    assert judged(failing(401), {}, course) == {}
    assert judged(limit, {}, course)["model:wire"] == NOW + 30 * SECOND


@pytest.mark.parametrize(
    ("failure", "changes"),
    [
        pytest.param(
            failing(429, body="quota PAR JOUR épuisé".encode(), account=RULES),
            {"paused": NOW + 30 * MINUTE, "cause:paused": 5},
            id="a word in another case",
        ),
        pytest.param(
            failing(418, account=RULES),
            {"paused": NOW + 5 * MINUTE, "cause:paused": 5},
            id="a rule without words",
        ),
        pytest.param(
            failing(503, body=b"\xff maintenance", account=replace(RULES, pool_retries=1)),
            {"paused": NOW + 2 * MINUTE, "cause:paused": 5},
            id="a pool has rules, too",
        ),
        pytest.param(failing(503, body=b"oops", account=RULES), {}, id="none of the words"),
        pytest.param(
            failing(529, account=RULES),
            {"overloaded": NOW + 10 * MINUTE, "cause:overloaded": 4},
            id="another status",
        ),
    ],
)
def test_an_accounts_own_rules(failure: Failing, changes: dict[str, int]) -> None:
    assert after(failure) == changes


@pytest.mark.parametrize(
    ("failures", "rests"),
    [
        pytest.param([failing(429, account=POOL)] * 9, [], id="a pool is not limited"),
        pytest.param([failing(401, account=POOL)] * 9, [], id="nor faulty"),
        pytest.param([failing(529, account=POOL)] * 9, [], id="nor overloaded"),
        pytest.param([failing(500, account=POOL)] * 9, [], id="nor blamed for failures"),
        pytest.param([failing(0, account=POOL)] * 3, ["cooling"], id="a pool nobody reaches"),
        pytest.param(
            [failing(429, account=replace(POOL, error_codes=(429,)))],
            ["cooling"],
            id="a pool whose statuses are listed",
        ),
        pytest.param([failing(401, account=LISTED)] * 9, [], id="a status that is not listed"),
        pytest.param([failing(500, account=LISTED)] * 3, ["cooling"], id="one that is"),
        pytest.param([failing(0, account=LISTED)] * 3, ["cooling"], id="no answer has no status"),
    ],
)
def test_which_statuses_count(failures: list[Failing], rests: list[str]) -> None:
    facts = {"cooling", "overloaded", "paused", "faulty"}
    assert sorted(facts & after(*failures).keys()) == rests


@pytest.mark.parametrize(
    ("failure", "changes"),
    [
        pytest.param(
            failing(401, account=KEYS, key=1),
            {"key:1": NOW + 10 * MINUTE, "cause:key:1": 6},
            id="401",
        ),
        pytest.param(
            failing(429, account=KEYS, key=2),
            {"key:2": NOW + 5 * SECOND, "cause:key:2": 2},
            id="429",
        ),
        pytest.param(
            failing(429, account=KEYS, key=0, headers={"retry-after": "8"}),
            {"key:0": NOW + 8 * SECOND, "cause:key:0": 3},
            id="429 with a time",
        ),
        pytest.param(failing(500, account=KEYS, key=1), {}, id="a failure is the account's"),
        pytest.param(failing(403, account=KEYS, headers=HTML), {}, id="a page of a proxy"),
    ],
)
def test_one_of_several_keys(failure: Failing, changes: dict[str, int]) -> None:
    assert after(failure) == changes


def test_a_key_that_is_limited_again_rests_longer() -> None:
    changes = after(*[failing(429, account=KEYS, key=2)] * 3)
    assert changes["key:2"] == NOW + 20 * SECOND


def test_staff_say_how_long_an_overloaded_account_is_left_alone() -> None:
    assert judged(failing(529), {}, Course(), 3)["overloaded"] == NOW + 3 * MINUTE


@pytest.mark.parametrize(
    ("facts", "ends"),
    [
        pytest.param({}, {}, id="a healthy account: nothing to write"),
        pytest.param({"cooling": NOW + 1}, {}, id="a call from before it cooled"),
        pytest.param(
            {"cooling": NOW, "level": 2}, {"cooling": 0, "level": 0, "trying": 0}, id="its trial"
        ),
        pytest.param({"faulty": FOR_EVER, "model:x": NOW + 9}, {}, id="other facts stay"),
    ],
)
def test_what_a_success_ends(facts: dict[str, int], ends: dict[str, int]) -> None:
    assert closed(facts, NOW) == ends
    assert half_open(facts, NOW) is bool(ends)


@pytest.mark.parametrize(
    ("known", "told"),
    [
        pytest.param({}, {"paused": NOW + MINUTE, "cause:paused": 5}, id="nothing was known"),
        pytest.param({"paused": NOW + 55 * SECOND}, {}, id="a rest begun just now"),
        pytest.param(
            {"paused": NOW + 40 * SECOND},
            {"paused": NOW + MINUTE, "cause:paused": 5},
            id="a much shorter one",
        ),
        pytest.param(
            {"paused": NOW}, {"paused": NOW + MINUTE, "cause:paused": 5}, id="one that is over"
        ),
        pytest.param({"paused": NOW + 2 * MINUTE}, {}, id="a longer one"),
    ],
)
def test_what_is_news(known: dict[str, int], told: dict[str, int]) -> None:
    assert news({"paused": NOW + MINUTE, "cause:paused": 5}, known, NOW) == told


def test_an_end_is_always_news() -> None:
    assert news({"trying": 0, "cooling": 0}, {"cooling": NOW - 5}, NOW) == {
        "trying": 0,
        "cooling": 0,
    }


def test_of_very_many_names_none_is_remembered_for_ever() -> None:
    course = Course()
    assert [course.grown(f"model:{n}", (10, 80)) for n in range(128)] == [10] * 128
    assert [course.grown("model:127", (10, 80)) for _ in range(4)] == [20, 40, 80, 80]
    assert course.grown("model:126", (10, 80)) == 10
