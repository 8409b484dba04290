"""How a function speaks to its operators: one logger, one set of metrics, no bodies, no secrets."""

from collections.abc import Mapping
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE: Final = "Tollgate"
"""Of the metrics, unless POWERTOOLS_METRICS_NAMESPACE is set: the template sets one per stack."""


class Observer:
    """Logs facts by id and counts what alarms watch."""

    def __init__(self, service: str) -> None:
        self.logger = Logger(service=service)
        self._service = service

    def count(self, name: str, value: int = 1) -> None:
        """Add to a metric, and flush it at once: a stream may end long after its handler."""
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
