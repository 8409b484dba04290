"""How the local stack's pump keeps a stream mapping going, over errors and restarts."""

import threading
from pathlib import Path
from typing import Any

from botocore.exceptions import EndpointConnectionError

from local.events import checkpoint
from local.events.checkpoint import Checkpoint
from local.events.delivery import Delivery, Discard
from local.events.invoke import Event
from local.events.mapping import StreamMapping
from local.events.pump import Pace, Pump
from local.events.record import Record
from local.events.stream_reader import StreamReader
from local.functions.invocation import InvocationFailed

QUICK = Pace(window=0.0, busy=0.001, idle=0.001, retry=0.001, longest_retry=0.001)
WITHIN = 10.0
STREAM = "arn:stream/1"


def record(name: str, event: str = "INSERT") -> Record:
    facts = {"SequenceNumber": name, "ApproximateCreationDateTime": 0.0}
    return {"eventName": event, "dynamodb": facts}


class ListReader(StreamReader):
    """A stream that is a list; its position is the last name read."""

    def __init__(self, records: list[Record], failures: int = 0) -> None:
        super().__init__(self, STREAM, "TRIM_HORIZON", {})  # type: ignore[arg-type]
        self.records = records
        self.failures = failures

    def read(self, limit: int) -> list[Record]:
        if self.failures:
            self.failures -= 1
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
        page, self.records = self.records[:limit], self.records[limit:]
        if page:
            self.positions["s"] = page[-1]["dynamodb"]["SequenceNumber"]
        return page


class Function:
    """Notes what it gets; may be away."""

    def __init__(self, expected: int = 0) -> None:
        self.got: list[str] = []
        self.calls: list[int] = []
        self.away = False
        self._expected = expected
        self.done = threading.Event()

    def __call__(self, event: Event) -> Any:
        if self.away:
            raise InvocationFailed("Function.Error", "away")
        self.got += [each["dynamodb"]["SequenceNumber"] for each in event["Records"]]
        self.calls.append(len(event["Records"]))
        if len(self.got) >= self._expected:
            self.done.set()
        return None


def pump(path: Path, reader: StreamReader, function: Function, **rules: Any) -> Pump:
    mapping = StreamMapping(id="F.E", function="F", stream=STREAM, **rules)
    delivery = Delivery(mapping, function, _never, lambda: 0.0)
    made = Pump(mapping, reader, delivery, QUICK)
    made.resume(path)
    return made


def _never(discard: Discard) -> None:
    raise AssertionError(discard)


def test_records_are_filtered_batched_and_remembered(tmp_path: Path) -> None:
    function = Function(expected=3)
    records = [record("a"), record("b", "REMOVE"), record("c"), record("d"), record("e", "REMOVE")]
    running = pump(
        tmp_path / "p",
        ListReader(records),
        function,
        batch_size=2,
        patterns=({"eventName": ["INSERT"]},),
    )

    running.start()
    assert function.done.wait(WITHIN)
    running.stop(WITHIN)

    assert (function.got, function.calls) == (["a", "c", "d"], [2, 1])
    assert checkpoint.load(tmp_path / "p", STREAM) == Checkpoint(STREAM, {"s": "e"}, [])


def test_stopping_drains_the_stream_first(tmp_path: Path) -> None:
    function = Function()
    running = pump(tmp_path / "p", ListReader([record(f"{n:03}") for n in range(450)]), function)

    running.start()
    running.stop(WITHIN)

    assert len(function.got) == 450
    assert not running.is_alive()


def test_what_cannot_be_delivered_is_kept_and_comes_first_after_a_restart(tmp_path: Path) -> None:
    function = Function(expected=3)
    function.away = True
    running = pump(tmp_path / "p", ListReader([record("a"), record("b")]), function)
    running.start()
    running.stop(0.05)
    assert function.got == []

    function.away = False
    running = pump(tmp_path / "p", ListReader([record("c")]), function)
    running.start()
    assert function.done.wait(WITHIN)
    running.stop(WITHIN)

    assert function.got == ["a", "b", "c"]


def test_an_absent_emulator_is_waited_for(tmp_path: Path) -> None:
    function = Function(expected=1)
    running = pump(tmp_path / "p", ListReader([record("a")], failures=5), function)

    running.start()
    assert function.done.wait(WITHIN)
    running.stop(WITHIN)

    assert function.got == ["a"]


def test_a_table_made_anew_is_read_from_its_beginning_but_keeps_the_backlog(tmp_path: Path) -> None:
    path = tmp_path / "p"
    checkpoint.save(path, Checkpoint("arn:stream/0", {"s": "z"}, [record("old")]))

    assert checkpoint.load(path, STREAM) == Checkpoint(STREAM, {}, [record("old")])
    assert checkpoint.load(path, "arn:stream/0").positions == {"s": "z"}


def test_without_a_checkpoint_everything_is_new(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "none", STREAM) == Checkpoint(STREAM, {}, [])
