"""Jobs in the State table: each an item of its own, and beside it a mark while it is not over.

Every write names the version it was made from, so of two janitors only one takes a step.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from tollgate.domain.errors import NotFound
from tollgate.domain.jobs import Job
from tollgate.store.dynamodb import (
    ConditionFailed,
    Dynamo,
    Item,
    StoreError,
    TransactionRefused,
)
from tollgate.store.marshal import item_of, values_of

JOBS: Final = "jobs"
OPEN: Final = "jobs_open"
"""Partition of the marks: a job that is over has none, so finding the others costs little."""

LIFE: Final = 30 * 86_400
"""Seconds a job is kept after its end."""

ATTEMPTS: Final = 3
NAMES: Final = tuple(field.name for field in fields(Job) if field.name != "id")


class JobChanged(StoreError):
    """Somebody else has written the job meanwhile: what was to be written counts for nothing."""


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs, newest first; `after` asks for the next older ones, None ends."""

    jobs: tuple[Job, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class JobStore:
    """The jobs of the State table. Every method may raise StoreError, as the port says."""

    dynamo: Dynamo
    table: str

    def create(self, job: Job) -> None:
        """Keep a new job and its mark.

        Raises:
            JobChanged: a job of this id is there.
        """
        absent = {
            "ConditionExpression": "attribute_not_exists(#pk)",
            "ExpressionAttributeNames": {"#pk": "pk"},
        }
        mark = {"TableName": self.table, "Item": key_of(job.id, OPEN)}
        self._together({"Put": {**self._put(job), **absent}}, {"Put": mark})

    def replace(self, job: Job) -> None:
        """Write a job over the version before its own; the mark goes when the job is over.

        Tried once: repeated without an answer, it would meet itself.

        Raises:
            JobChanged: it is not in that version any more.
        """
        put = {
            **self._put(job),
            "ConditionExpression": "#version = :version",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":version": {"N": str(job.version - 1)}},
        }
        if job.is_over:
            mark = {"TableName": self.table, "Key": key_of(job.id, OPEN)}
            self._together({"Put": put}, {"Delete": mark})
            return
        try:
            self.dynamo.call("PutItem", put)
        except ConditionFailed as failed:
            raise JobChanged(job.id) from failed

    def find(self, identity: str) -> Job | None:
        """A job, read consistently."""
        request = {"TableName": self.table, "Key": key_of(identity), "ConsistentRead": True}
        item = self.dynamo.call("GetItem", request, attempts=ATTEMPTS).get("Item")
        return None if item is None else read_job(item)

    def get(self, identity: str) -> Job:
        """A job that must be there.

        Raises:
            NotFound: it is not.
        """
        job = self.find(identity)
        if job is None:
            raise NotFound(f"there is no job {identity!r}")
        return job

    def open(self) -> list[str]:
        """The ids of the jobs that are not over, oldest first; of very many only the oldest."""
        items = self._query(OPEN)["Items"]
        return [item["sk"]["S"] for item in items]

    def page(self, limit: int, after: str | None = None) -> JobPage:
        """At most `limit` jobs that are older than `after`."""
        begin = {} if after is None else {"ExclusiveStartKey": key_of(after)}
        answer = self._query(JOBS, ScanIndexForward=False, Limit=limit, **begin)
        jobs = tuple(read_job(item) for item in answer["Items"])
        return JobPage(jobs, jobs[-1].id if "LastEvaluatedKey" in answer else None)

    def _query(self, partition: str, **more: Any) -> dict[str, Any]:
        request = {
            "TableName": self.table,
            "KeyConditionExpression": "#pk = :pk",
            "ExpressionAttributeNames": {"#pk": "pk"},
            "ExpressionAttributeValues": {":pk": {"S": partition}},
            "ConsistentRead": True,
            **more,
        }
        return self.dynamo.call("Query", request, attempts=ATTEMPTS)

    def _put(self, job: Job) -> dict[str, Any]:
        return {"TableName": self.table, "Item": write_job(job)}

    def _together(self, *actions: Mapping[str, Any]) -> None:
        try:
            self.dynamo.call("TransactWriteItems", {"TransactItems": list(actions)})
        except TransactionRefused as refused:
            raise JobChanged(str(refused)) from refused


def key_of(identity: str, partition: str = JOBS) -> Item:
    """Where a job lies, or its mark."""
    return {"pk": {"S": partition}, "sk": {"S": identity}}


def write_job(job: Job) -> Item:
    """The item of a job; one that is over may be dropped a month later."""
    values = {name: getattr(job, name) for name in NAMES}
    expires = {"expires": job.updated_at // 1_000 + LIFE} if job.is_over else {}
    return key_of(job.id) | item_of({**values, "params": dict(job.params), **expires})


def read_job(item: Item) -> Job:
    """The job of an item."""
    values = values_of(item)
    return Job(id=values["sk"], **{name: values[name] for name in NAMES})
