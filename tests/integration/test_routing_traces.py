"""Which account got which call, typed out for a farm of six: failing over, sessions, places."""

import httpx
import pytest

from tests.gateway import chat_chunk, sse, streamed
from tests.routing_room import Farm, account, answered, error_code, ranked, refusing
from tollgate.store.dynamodb import OutcomeUnknown

DOWN = httpx.ConnectError("refused")
SILENT = httpx.ReadTimeout("silent")


def test_the_first_that_answers_after_all_kinds_of_failures() -> None:
    farm = Farm(
        ranked(*"abcdef"),
        {"a": [500, 200], "b": [401, 200], "c": [429], "d": [529], "e": [DOWN, 200]},
    )
    assert farm.call().status == 200
    assert farm.trace() == "a b c d e f"
    tried = [(each["account"], each["status"], each.get("error", "")) for each in
             farm.gateway.record().attempts]  # fmt: skip
    assert tried == [
        ("a", 500, "upstream_error"),
        ("b", 401, "upstream_unavailable"),
        ("c", 429, "upstream_rate_limited"),
        ("d", 529, "upstream_rate_limited"),
        ("e", 0, "upstream_unavailable"),
        ("f", 200, ""),
    ]
    farm.scripts["a"] = [500]
    farm.scripts["b"] = [401]
    assert farm.call().status == 200
    assert farm.trace() == "a b e", "c cools and d is overloaded; nobody else is punished yet"


@pytest.mark.parametrize(
    ("status", "asked", "told"),
    [
        pytest.param(401, "a b", 200, id="401"),
        pytest.param(402, "a b", 200, id="402"),
        pytest.param(403, "a b", 200, id="403"),
        pytest.param(408, "a b", 200, id="408"),
        pytest.param(409, "a b", 200, id="409"),
        pytest.param(429, "a b", 200, id="429"),
        pytest.param(500, "a b", 200, id="500"),
        pytest.param(503, "a b", 200, id="503"),
        pytest.param(529, "a b", 200, id="529"),
        pytest.param(302, "a b", 200, id="a redirect"),
        pytest.param(400, "a", 400, id="400 is the caller's"),
        pytest.param(404, "a", 404, id="404 is the caller's"),
        pytest.param(413, "a", 413, id="413 is the caller's"),
        pytest.param(422, "a", 422, id="422 is the caller's"),
    ],
)
def test_which_statuses_go_on(status: int, asked: str, told: int) -> None:
    farm = Farm(ranked("a", "b"), {"a": [status]})
    assert farm.call().status == told
    assert farm.trace() == asked


def test_a_callers_own_fault_is_no_accounts() -> None:
    farm = Farm(ranked("a", "b"), {"a": [400]})
    for _ in range(9):
        farm.call()
    assert (farm.trace(), farm.writes()) == (" ".join("a" * 9), 0)


def test_an_upstream_that_was_silent_may_have_done_the_work() -> None:
    farm = Farm(ranked("a", "b"), {"a": [SILENT]})
    assert farm.call().status == 504
    assert (farm.trace(), farm.facts()) == ("a", {})


@pytest.mark.parametrize(
    ("seconds", "facts"),
    [
        pytest.param(29, {}, id="there was little time"),
        pytest.param(30, {"cooling": 10_000, "cause:cooling": 1, "level": 1}, id="there was time"),
    ],
)
def test_silence_cools_an_account_that_had_time(seconds: int, facts: dict[str, int]) -> None:
    farm = Farm(ranked("a", "b"))

    def silent(request: httpx.Request) -> httpx.Response:
        farm.wait(seconds)
        raise SILENT

    farm.scripts["a"] = [silent]
    assert farm.call().status == 504
    assert farm.facts() == ({"a": facts} if facts else {})


def test_ten_switches_and_no_more() -> None:
    names = [f"a{n:02d}" for n in range(14)]
    farm = Farm(ranked(*names), {name: [500] for name in names})
    assert farm.call().status == 502
    assert farm.trace().split() == names[:11]


def test_when_all_were_briefly_down_they_are_asked_once_more() -> None:
    farm = Farm(ranked("a", "b"), {"a": [503, 503], "b": [503, 200]})
    assert farm.call().status == 200
    assert [*farm.asked] == [("a", 0), ("b", 0), ("a", 2_000), ("b", 2_000)]


def test_there_is_no_time_for_a_second_round() -> None:
    farm = Farm(ranked("a"), {"a": [503, 200]})
    event = farm.gateway.event("/v1/chat/completions", farm.body("s"))

    class Hurry:
        def get_remaining_time_in_millis(self) -> int:
            return 5_000

    assert farm.gateway.api(event, Hurry())["status"] == 502
    assert farm.trace() == "a"


# --- pools and keys -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_pool_is_asked_again_every_half_second_and_then_left_for_a_minute(status: int) -> None:
    farm = Farm(ranked("p", "b", pool_retries=3), {"p": [status]})
    assert farm.call().status == 200
    assert farm.asked == [("p", 0), ("p", 500), ("p", 1_000), ("p", 1_500), ("b", 1_500)]
    assert farm.facts() == {"p": {"paused": 60_000, "cause:paused": 9}}
    farm.trace()
    farm.call()
    assert farm.trace() == "b"
    farm.wait(60)
    farm.scripts["p"] = [200]
    farm.call()
    assert farm.trace() == "p"


def test_a_pool_that_recovers_keeps_the_call() -> None:
    farm = Farm(ranked("p", "b", pool_retries=3), {"p": [429, 401, 200]})
    assert farm.call().status == 200
    assert (farm.trace(), farm.writes()) == ("p p p", 0)


def test_a_pool_without_retries_and_a_failure_no_retry_mends() -> None:
    farm = Farm([*ranked("p", "q", "b", pool_retries=0)], {"p": [429], "q": [500]})
    assert farm.call().status == 200
    assert farm.trace() == "p q b"
    assert farm.facts() == {"p": {"paused": 60_000, "cause:paused": 9}}


def keys_of(farm: Farm) -> str:
    """Which keys were used since the last look, by their last characters."""
    found = "".join(request.headers["authorization"][-1] for request in farm.sent)
    farm.sent.clear()
    return found


def test_another_key_of_the_same_account_first() -> None:
    answers = {"0": 200, "1": 200, "2": 200}

    def by_key(request: httpx.Request) -> httpx.Response:
        return answered(answers[request.headers["authorization"][-1]])

    farm = Farm(ranked("a", "b", keys=3), {"a": [by_key]}, keys="sk-0\nsk-1\nsk-2")
    farm.call()
    own = keys_of(farm)
    second, third = (str((int(own) + step) % 3) for step in (1, 2))
    answers |= {own: 401, second: 429}
    farm.wait(1)
    assert farm.call().status == 200
    assert keys_of(farm) == own + second + third
    assert [attempt.get("key", 0) for attempt in farm.newest().attempts] == [
        int(own),
        int(second),
        int(third),
    ]
    assert farm.facts()["a"] == {
        f"key:{own}": 600_000,
        f"cause:key:{own}": 6,
        f"key:{second}": 5_000,
        f"cause:key:{second}": 2,
    }
    farm.call()
    assert keys_of(farm) == third
    answers[third] = 403
    farm.trace()
    farm.call()
    assert farm.trace() == "a b", "all keys of a rest now"
    farm.call()
    assert farm.trace() == "b"
    farm.wait(600)
    answers |= dict.fromkeys(answers, 200)
    keys_of(farm)
    farm.call()
    assert keys_of(farm) == own, "no key is banned for ever"


# --- everybody rests ------------------------------------------------------------------------------


def test_where_all_rest_nothing_is_held_and_the_caller_told_when() -> None:
    farm = Farm(ranked("a", "b"), {"a": [refusing(429, retry_after="20")],
                                   "b": [refusing(429, retry_after="12")]})  # fmt: skip
    assert farm.call().status == 429
    requests(farm)
    farm.wait(3.5)
    seen = farm.call()
    assert (seen.status, error_code(seen)) == (503, "no_available_channel")
    assert seen.headers["retry-after"] == "9"
    assert farm.trace() == "a b"
    assert "UpdateItem" not in requests(farm)


# --- stickiness -----------------------------------------------------------------------------------


def test_a_session_stays_moves_and_comes_back() -> None:
    farm = Farm([account(name) for name in "abcdef"])
    for _ in range(3):
        farm.call("one conversation")
    (own,) = set(farm.trace().split())
    farm.scripts[own] = [refusing(429, retry_after="30"), 200]
    farm.call("one conversation")
    farm.call("one conversation")
    first, second, third = farm.trace().split()
    assert first == own
    assert own not in {second, third}
    farm.wait(30)
    farm.call("one conversation")
    farm.call("one conversation")
    assert farm.trace() == f"{own} {own}"


def test_sessions_share_six_accounts() -> None:
    farm = Farm([account(name) for name in "abcdef"])
    for number in range(60):
        farm.call(f"conversation {number}")
    asked = farm.trace().split()
    assert {name: asked.count(name) for name in "abcdef"}.keys() == set("abcdef")
    assert max(map(asked.count, "abcdef")) <= 20


# --- places ---------------------------------------------------------------------------------------


def test_an_account_with_one_place_takes_one_call_at_a_time() -> None:
    farm = Farm(ranked("a", "b", concurrency=1))

    def meanwhile(request: httpx.Request) -> httpx.Response:
        assert farm.call("other").status == 200
        return answered(200)

    farm.scripts["a"] = [meanwhile, 200]
    farm.call()
    farm.call()
    assert farm.trace() == "a b a"


def test_a_stream_keeps_its_place_until_it_ends() -> None:
    farm = Farm(ranked("a", "b", concurrency=1), {
        "a": [lambda request: streamed(sse(chat_chunk("x", "stop"))), 200],
    })  # fmt: skip
    stream = farm.stream()
    next(stream.chunks)
    farm.call()
    stream.chunks.close()
    farm.call()
    assert farm.trace() == "a b a"


def test_a_full_account_is_waited_for_and_not_for_ever() -> None:
    farm = Farm(ranked("a", concurrency=1))

    def meanwhile(request: httpx.Request) -> httpx.Response:
        begun = farm.gateway.now
        seen = farm.call("other")
        assert (seen.status, error_code(seen)) == (503, "no_available_channel")
        assert farm.gateway.now - begun == 10_000
        return answered(200)

    farm.scripts["a"] = [meanwhile, 200]
    assert farm.call().status == 200
    assert farm.call().status == 200
    assert farm.trace() == "a a"


# --- what it costs --------------------------------------------------------------------------------


def requests(farm: Farm) -> list[str]:
    """The operations sent to the tables since the last look."""
    found = [operation for operation, _ in farm.gateway.dynamo.sent]
    farm.gateway.dynamo.sent.clear()
    return found


def test_a_warm_call_that_succeeds_reads_and_writes_no_health() -> None:
    farm = Farm(ranked("a", "b"), {"a": [200, 200, 429, 200]})
    farm.call()
    requests(farm)
    farm.call()
    assert requests(farm) == ["UpdateItem", "PutItem"], "the hold and the record"
    farm.call()
    assert requests(farm) == ["UpdateItem", "PutItem", "PutItem"], "and what was learnt of a"
    farm.call()
    assert requests(farm) == ["UpdateItem", "PutItem"], "b answers while a cools"


def test_calls_go_on_while_nothing_can_be_learnt() -> None:
    farm = Farm(ranked("a", "b"), {"a": [429, 200]})

    def cut(operation: str, request: object) -> None:
        if operation == "PutItem" and '"health"' in str(request).replace("'", '"'):
            raise OutcomeUnknown("cut off")

    farm.gateway.dynamo.before = cut
    assert [farm.call().status for _ in range(3)] == [200, 200, 200]
    assert farm.trace() == "a b b b", "this environment knows all the same"
    assert farm.facts() == {}
    farm.wait(5)
    assert farm.call().status == 200
    assert farm.trace() == "a"
