"""How a function speaks to its operators: one logger, one set of metrics, no bodies, no secrets."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

NAMESPACE: Final = "Tollgate"
"""Of the metrics, unless POWERTOOLS_METRICS_NAMESPACE is set: the template sets one per stack."""


class Observer:
    """Logs facts by id and counts what alarms watch.

    The library is loaded with the first fact: a call that goes well has none to tell, and a cold
    start need not wait for it.
    """

    def __init__(self, service: str) -> None:
        self._service = service

    @cached_property
    def logger(self) -> "Logger":
        """Where facts are written."""
        from aws_lambda_powertools import Logger  # noqa: PLC0415 - 35 ms, see above

        return Logger(service=self._service)

    def count(self, name: str, value: int = 1) -> None:
        """Add to a metric, and flush it at once: a stream may end long after its handler."""
        from aws_lambda_powertools.metrics import (  # noqa: PLC0415 - see the class
            EphemeralMetrics,
            MetricUnit,
        )

        metrics = EphemeralMetrics(service=self._service)  # the other kind is shared by threads
        metrics.namespace = metrics.namespace or NAMESPACE
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
        metrics.flush_metrics()

    def violation(self, user: str, image: str) -> None:
        """A wallet image broke its identity: money is wrong somewhere, page somebody."""
        self.count("InvariantViolation")
        self.logger.critical("wallet identity violated", user=user, image=image)

    def broken(self, part: str, error: Exception) -> None:
        """A part of the catalog could not be published; the stream will bring it again."""
        self.count("PublicationFailures")
        self.logger.error("not published", part=part, error=repr(error))

    def unusable(self, account: str, error: Exception) -> None:
        """An upstream account's credentials cannot be opened; calls go to the others."""
        self.count("AccountsUnusable")
        self.logger.error("account unusable", account=account, error=repr(error))

    def revived(self, account: str) -> None:
        """An upstream account that was refused, or failed too often, answers again."""
        self.logger.info("account revived", account=account)

    def faulty(self, account: str, cause: str) -> None:
        """A vendor refused an account's credentials or balance again and again; others serve."""
        self.count("AccountsFaulty")
        self.logger.error("account faulty", account=account, cause=cause)

    def unclosed(self, hour: str, error: Exception) -> None:
        """An hour's sums cannot be made exact; the next close tries again."""
        self.count("HoursNotClosed")
        self.logger.error("hour not closed", hour=hour, error=repr(error))

    def stumbled(self, job: str, error: Exception) -> None:
        """A job's step failed as nobody expected; it is tried again, five times in all."""
        self.count("JobFailures")
        self.logger.error("job failed", job=job, error=repr(error))

    def finding(self, finding: object) -> None:
        """Something the reconciliation found: money that does not explain itself."""
        self.logger.critical("reconciliation finding", finding=str(finding))

    def last_resort(self, line: str) -> None:
        """A usage record that neither its table nor the queue took: operators must replay it."""
        self.count("RecordsOnlyLogged")
        self.logger.critical("usage record only logged", record=line)

    def unaudited(self, entry: Mapping[str, Any]) -> None:
        """A change was made and the audit log did not take its entry: keep it here instead."""
        self.count("AuditEntriesOnlyLogged")
        self.logger.critical("audit entry only logged", entry=dict(entry))
