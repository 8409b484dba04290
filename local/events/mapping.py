"""What an event source mapping promises: batches, retries, filters and where failures go."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.events import filters
from local.template.functions import Event, Function

REPORTS: Final = "ReportBatchItemFailures"
FOREVER: Final = -1


@dataclass(frozen=True, slots=True)
class StreamMapping:
    """One DynamoDB stream feeding one function."""

    id: str
    """Function and event, such as `BillingAggregator.Settle`."""
    function: str
    """Logical id."""
    stream: str
    """ARN."""
    start: str = "TRIM_HORIZON"
    batch_size: int = 100
    window: float = 0.0
    """Seconds to wait for a batch to fill."""
    patterns: tuple[Mapping[str, Any], ...] = ()
    reports_failures: bool = False
    bisects: bool = False
    retries: int = FOREVER
    longest_age: int = FOREVER
    """Seconds after which a failing record is given up."""
    destination: str | None = None
    """ARN of the bucket or queue that gets what is given up."""


@dataclass(frozen=True, slots=True)
class QueueMapping:
    """One SQS queue feeding one function."""

    id: str
    function: str
    queue: str
    """ARN."""
    batch_size: int = 10
    reports_failures: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """One EventBridge schedule calling one function."""

    id: str
    function: str
    expression: str
    input: str | None = None
    """JSON the function gets."""


def streams(functions: Iterable[Function]) -> Iterator[StreamMapping]:
    """The `DynamoDB` events of the template."""
    for identity, function, event in _events(functions, "DynamoDB"):
        given = event.properties
        destination = given.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        yield StreamMapping(
            id=identity,
            function=function.id,
            stream=given["Stream"],
            start=given.get("StartingPosition", "TRIM_HORIZON"),
            batch_size=int(given.get("BatchSize", 100)),
            window=float(given.get("MaximumBatchingWindowInSeconds", 0)),
            patterns=filters.read(given.get("FilterCriteria")),
            reports_failures=REPORTS in given.get("FunctionResponseTypes", ()),
            bisects=bool(given.get("BisectBatchOnFunctionError", False)),
            retries=int(given.get("MaximumRetryAttempts", FOREVER)),
            longest_age=int(given.get("MaximumRecordAgeInSeconds", FOREVER)),
            destination=destination,
        )


def queues(functions: Iterable[Function]) -> Iterator[QueueMapping]:
    """The `SQS` events of the template."""
    for identity, function, event in _events(functions, "SQS"):
        given = event.properties
        yield QueueMapping(
            id=identity,
            function=function.id,
            queue=given["Queue"],
            batch_size=int(given.get("BatchSize", 10)),
            reports_failures=REPORTS in given.get("FunctionResponseTypes", ()),
        )


def schedules(functions: Iterable[Function]) -> Iterator[Schedule]:
    """The `ScheduleV2` events of the template that are switched on."""
    for identity, function, event in _events(functions, "ScheduleV2"):
        given = event.properties
        if given.get("State", "ENABLED") == "ENABLED":
            expression, content = given["ScheduleExpression"], given.get("Input")
            yield Schedule(identity, function.id, expression, content)


def _events(functions: Iterable[Function], kind: str) -> Iterator[tuple[str, Function, Event]]:
    for function in functions:
        for event in function.events:
            if event.type == kind:
                yield f"{function.id}.{event.id}", function, event
