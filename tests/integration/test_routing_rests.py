"""When an account rests and when it comes back: cooling, trials, limits of one model, faults."""

import httpx

from tests.gateway import START_MS, chat_chunk, sse, streamed
from tests.routing_room import Farm, answered, ranked, refusing
from tollgate.domain.catalog import PauseRule


def test_three_failures_cool_an_account_and_one_call_tries_it_again() -> None:
    farm = Farm(ranked("a", "b"), {"a": [500, 500, 500, 200]})
    for _ in range(4):
        assert farm.call().status == 200
    assert farm.trace() == "a b a b a b b"
    assert farm.facts() == {"a": {"cooling": 10_000, "cause:cooling": 1, "level": 1}}
    farm.wait(9.999)
    farm.call()
    assert farm.trace() == "b"
    farm.wait(0.001)
    farm.call()
    assert farm.trace() == "a"
    assert farm.facts() == {}


def test_a_failed_trial_cools_twice_as_long_each_time() -> None:
    farm = Farm(ranked("a", "b"), {"a": [500]})
    for _ in range(3):
        farm.call()
    for seconds in (10, 20, 40, 80, 160, 320, 600, 600):
        assert farm.facts()["a"]["cooling"] == seconds * 1_000
        farm.wait(seconds)
        farm.trace()
        farm.call()
        farm.call()
        assert farm.trace() == "a b b", "one call tries it, the next does not"


def test_while_one_call_tries_an_account_no_other_does() -> None:
    farm = Farm(ranked("a", "b"), {"a": [500]})
    for _ in range(3):
        farm.call()
    farm.wait(10)
    farm.trace()

    def slowly(request: httpx.Request) -> httpx.Response:
        assert farm.facts()["a"]["trying"] == 60_000
        farm.call("meanwhile")
        return answered(200)

    farm.scripts["a"] = [slowly, 200]
    farm.call()
    assert farm.trace() == "a b"
    farm.call()
    assert (farm.trace(), farm.facts()) == ("a", {})


def test_a_worker_that_died_in_a_trial_keeps_others_away_for_a_minute_only() -> None:
    farm = Farm(ranked("a", "b"))
    health = farm.gateway.roster.health
    health.change("a", {"cooling": START_MS - 1, "trying": START_MS + 60_000})
    farm.call()
    assert farm.trace() == "b"
    farm.wait(60)
    farm.call()
    assert farm.trace() == "a"


def test_rate_limits_with_and_without_a_time() -> None:
    farm = Farm(ranked("a", "b"), {"a": [refusing(429, retry_after="45"), 429, 429, 200]})
    farm.call()
    assert farm.facts() == {"a": {"cooling": 45_000, "cause:cooling": 3}}
    farm.wait(45)
    farm.call()
    assert farm.facts() == {"a": {"cooling": 5_000, "cause:cooling": 2, "level": 1}}
    farm.wait(5)
    farm.call()
    assert farm.facts() == {"a": {"cooling": 10_000, "cause:cooling": 2, "level": 2}}
    farm.wait(10)
    farm.call()
    assert (farm.trace(), farm.facts()) == ("a b a b a b a", {})


def test_a_limit_of_one_model_leaves_the_others_alone() -> None:
    farm = Farm(ranked("a", "b"), {"a": [refusing(429, "rate limit reached for gpt-4o"), 200]})
    farm.call()
    farm.call()
    farm.call(model="text-embedding-3-small", max_tokens=9)
    assert farm.trace().split()[:3] == ["a", "b", "b"]
    assert farm.facts() == {"a": {"model:gpt-4o": 30_000, "cause:model:gpt-4o": 2}}


def test_an_overloaded_account_is_left_alone_for_as_long_as_staff_say() -> None:
    farm = Farm(ranked("a", "b"), {"a": [529, 200]})
    farm.call()
    assert farm.facts() == {"a": {"overloaded": 600_000, "cause:overloaded": 4}}
    farm.wait(599.999)
    farm.call()
    farm.wait(0.001)
    farm.call()
    assert farm.trace() == "a b b a"


def test_refused_credentials_end_an_account_after_three_times_and_no_sooner() -> None:
    farm = Farm(ranked("a", "b"), {"a": [401, 401, 200, 401, 401, 401]})
    for _ in range(7):
        farm.call()
    assert farm.trace() == "a b a b a a b a b a b b"
    assert farm.facts()["a"]["cause:faulty"] == 6
    assert farm.gateway.counted == [("a faulty: unauthorized", 1)]
    farm.wait(86_400 * 300)
    farm.call()
    assert farm.trace() == "b", "only a probe ends it"


def test_a_proxys_page_condemns_nobody() -> None:
    page = refusing(403, "<html>blocked</html>", content_type="text/html")
    farm = Farm(ranked("a", "b"), {"a": [page]})
    for _ in range(5):
        farm.call()
    assert (farm.trace(), farm.facts()) == ("a b a b a b a b a b", {})


def test_an_accounts_own_rule_pauses_it() -> None:
    rule = PauseRule(400, 15, ("upgrade your plan",))
    farm = Farm(ranked("a", "b", pauses=(rule,)), {"a": [refusing(403, "No. Upgrade your PLAN!")]})
    farm.call()
    assert farm.facts() == {}
    other = ranked("a", "b", pauses=(PauseRule(403, 15, ("upgrade your plan",)),))
    farm = Farm(other, {"a": [refusing(403, "No. Upgrade your PLAN!")]})
    farm.call()
    assert farm.facts() == {"a": {"paused": 900_000, "cause:paused": 5}}


def test_streams_that_break_cool_their_account() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        return streamed(sse(chat_chunk("x"), done=False))

    farm = Farm(ranked("a", "b"), {"a": [broken]})
    for _ in range(3):
        assert b"error" in farm.stream().read().body
    assert farm.facts()["a"]["cause:cooling"] == 1
    farm.trace()
    farm.call()
    assert farm.trace() == "b"
