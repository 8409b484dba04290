"""A publisher and a relay's copy of the catalog over one table in memory."""

from typing import Any

from tests.catalog_samples import (
    ACCOUNT,
    GROUP,
    KEY,
    OTHER_GROUP,
    STATE,
    USER,
    Definitions,
)
from tests.dynamodb_in_memory import InMemoryDynamo
from tollgate.domain.catalog import Price
from tollgate.domain.compilation import Person
from tollgate.domain.definitions import PriceDefinition
from tollgate.services.catalog import Catalog
from tollgate.services.publishing import Publishing
from tollgate.store.dynamodb import OutcomeUnknown
from tollgate.store.publications import Publications
from tollgate.store.snapshots import Snapshots

CHEAP = Price("gpt-4o", 1, prices={"input": "2.5"})


def down(operation: str, request: Any) -> None:
    """What every request finds while DynamoDB is down."""
    raise OutcomeUnknown("DynamoDB is down")


class World:
    """A publisher and a relay over one table in memory, with a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000
        self.dynamo = InMemoryDynamo([STATE])
        self.snapshots = Snapshots(self.dynamo, STATE)
        self.definitions = Definitions(
            prices=[PriceDefinition("gpt-4o", 1, (CHEAP,))],
            groups={"grp_1": GROUP, "grp_2": OTHER_GROUP},
            accounts=[ACCOUNT],
            people={USER.id: Person(1, USER, (KEY,))},
        )
        self.publishing = Publishing(
            self.definitions,
            Publications(self.dynamo, STATE),
            lambda user, version: None,
            lambda: self.now,
            lambda part, error: None,
        )
        self.catalog = Catalog(self.snapshots, lambda: self.now)

    def publish(self, *parts: str) -> None:
        assert self.publishing.publish(frozenset(parts)) == frozenset()

    def reads(self) -> list[str]:
        """The reads since they were last asked for."""
        names = [operation for operation, _ in self.dynamo.sent]
        self.dynamo.sent.clear()
        return names

    def price(self) -> str:
        return self.catalog.global_part().prices["gpt-4o"][-1].prices["input"]
