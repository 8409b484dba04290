"""In which order and how often the local stack delivers stream records."""

from collections.abc import Callable
from typing import Any

import pytest

from local.events.delivery import Delivery, Discard
from local.events.invoke import Event
from local.events.mapping import StreamMapping
from local.events.record import Record
from local.functions.invocation import InvocationFailed

NOW = 1_000_000.0


def mapping(**rules: Any) -> StreamMapping:
    plain: dict[str, Any] = {"retries": 2, "reports_failures": True, "bisects": True}
    return StreamMapping(id="F.E", function="F", stream="arn:s", **{**plain, **rules})


def records(names: str, created: float = NOW) -> list[Record]:
    return [
        {"dynamodb": {"SequenceNumber": name, "ApproximateCreationDateTime": created}}
        for name in names
    ]


class Scenario:
    """A function that fails as told, and what became of every record."""

    def __init__(self, rules: StreamMapping, answer: Callable[[str], Any]) -> None:
        self.calls: list[str] = []
        self.given_up: list[tuple[str, int, str]] = []
        self._answer = answer
        self.delivery = Delivery(rules, self._invoke, self._discard, lambda: NOW)

    def _invoke(self, event: Event) -> Any:
        names = "".join(record["dynamodb"]["SequenceNumber"] for record in event["Records"])
        self.calls.append(names)
        return self._answer(names)

    def _discard(self, discard: Discard) -> None:
        names = "".join(record["dynamodb"]["SequenceNumber"] for record in discard.records)
        self.given_up.append((names, discard.attempts, discard.condition))

    def run(self, names: str, created: float = NOW) -> None:
        self.delivery.add(records(names, created))
        while self.delivery.pending:
            self.delivery.step()


def failing(*bad: str) -> Callable[[str], Any]:
    """Reports the bad ones among what it gets."""
    return lambda names: {
        "batchItemFailures": [{"itemIdentifier": name} for name in names if name in bad]
    }


def away(_: str) -> Any:
    raise InvocationFailed("Function.Error", "away")


def test_records_leave_in_order_in_batches_of_the_right_size() -> None:
    scenario = Scenario(mapping(batch_size=3), failing())

    scenario.run("abcdefg")

    assert scenario.calls == ["abc", "def", "g"]


def test_what_comes_before_the_lowest_failure_is_done() -> None:
    scenario = Scenario(mapping(bisects=False, retries=-1), lambda names: None)
    answers = iter(
        [{"batchItemFailures": [{"itemIdentifier": "d"}, {"itemIdentifier": "c"}]}, None]
    )
    scenario._answer = lambda _: next(answers)

    scenario.run("abcde")

    assert scenario.calls == ["abcde", "cde"]


def test_bisecting_isolates_poison_and_delivers_everything_else() -> None:
    scenario = Scenario(mapping(), failing("c"))

    scenario.run("abcde")

    assert scenario.calls == ["abcde", "c", "c", "c", "de"]
    assert scenario.given_up == [("c", 3, "RetryAttemptsExhausted")]


def test_without_bisecting_poison_takes_what_is_behind_it_along() -> None:
    scenario = Scenario(mapping(bisects=False), failing("c"))

    scenario.run("abcde")

    assert scenario.calls == ["abcde", "cde", "cde"]
    assert scenario.given_up == [("cde", 3, "RetryAttemptsExhausted")]


def test_a_failing_call_fails_its_whole_batch_which_is_halved() -> None:
    scenario = Scenario(mapping(retries=1), lambda names: away(names) if "b" in names else None)

    scenario.run("abcd")

    assert scenario.calls == ["abcd", "ab", "a", "b", "b", "cd"]
    assert scenario.given_up == [("b", 2, "RetryAttemptsExhausted")]


def test_a_record_that_recovers_is_not_given_up() -> None:
    answers = iter([{"batchItemFailures": [{"itemIdentifier": "a"}]}, {}])
    scenario = Scenario(mapping(), lambda _: next(answers))

    scenario.run("a")

    assert (scenario.calls, scenario.given_up) == (["a", "a"], [])


def test_records_that_are_too_old_are_given_up_and_younger_ones_are_not() -> None:
    scenario = Scenario(mapping(longest_age=60, retries=0), failing("a", "b"))
    scenario.delivery.add([*records("a", NOW - 61), *records("bc")])

    while scenario.delivery.pending:
        scenario.delivery.step()

    assert scenario.given_up == [
        ("a", 1, "RecordAgeExceeded"),
        ("b", 1, "RetryAttemptsExhausted"),
    ]
    assert scenario.calls == ["abc", "b", "c"]


def test_without_failure_reports_only_errors_count() -> None:
    scenario = Scenario(mapping(reports_failures=False), failing("a"))

    scenario.run("ab")

    assert scenario.calls == ["ab"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            {"batchItemFailures": [{"itemIdentifier": "z"}]}, id="an id that was never sent"
        ),
        pytest.param({"batchItemFailures": [{"id": "a"}]}, id="no id"),
        pytest.param({"batchItemFailures": "a"}, id="no list"),
        pytest.param("done", id="no object"),
    ],
)
def test_an_answer_that_makes_no_sense_fails_the_whole_batch(answer: Any) -> None:
    scenario = Scenario(mapping(bisects=False, retries=0), lambda _: answer)

    scenario.run("ab")

    assert scenario.given_up == [("ab", 1, "RetryAttemptsExhausted")]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="null"),
        pytest.param({}, id="an empty object"),
        pytest.param({"batchItemFailures": []}, id="an empty list"),
        pytest.param({"batchItemFailures": None}, id="a null list"),
    ],
)
def test_these_answers_mean_that_all_is_well(answer: Any) -> None:
    scenario = Scenario(mapping(), lambda _: answer)

    scenario.run("ab")

    assert (scenario.calls, scenario.given_up) == (["ab"], [])


def test_failures_are_counted_for_the_batch_that_is_next() -> None:
    scenario = Scenario(mapping(retries=-1), away)
    scenario.delivery.add(records("a"))
    assert scenario.delivery.failures == 0

    scenario.delivery.step()
    scenario.delivery.step()

    assert scenario.delivery.failures == 2
    assert len(scenario.delivery.pending) == 1


def test_records_that_cannot_be_put_aside_stay_where_they_are() -> None:
    scenario = Scenario(mapping(retries=0), failing("a"))

    def no_bucket(discard: Discard) -> None:
        raise ConnectionError

    delivery = Delivery(mapping(retries=0), scenario._invoke, no_bucket, lambda: NOW)
    delivery.add(records("a"))

    with pytest.raises(ConnectionError):
        delivery.step()

    assert len(delivery.pending) == 1
