"""A publisher over memory, with everything it tells others written down."""

from collections.abc import Iterable
from typing import Any, Final

from tests.catalog_samples import (
    ACCOUNT,
    CHANNEL,
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
from tollgate.domain.definitions import DefaultGroup, PriceDefinition, Setting
from tollgate.services.publishing import Publishing
from tollgate.store.dynamodb import Throttled
from tollgate.store.publications import Publications
from tollgate.store.snapshots import Numbers, Snapshots

NOW: Final = 1_700_000_000_000
PRICE: Final = Price("gpt-4o", 1, prices={"input": "2.5"})
ACCOUNT_IMAGE: Final = {"kind": "account", "id": "acc_1", "groups": ["grp_1"]}
GROUP_IMAGE: Final = {"kind": "group", "id": "grp_1"}
KEY_IMAGE: Final = {"kind": "key", "user": USER.id}
PRICE_IMAGE: Final = {"kind": "price", "model": "gpt-4o"}


class Room:
    """Definitions, a publisher of them, what it published, and whom it told."""

    def __init__(self) -> None:
        self.dynamo = InMemoryDynamo([STATE])
        self.snapshots = Snapshots(self.dynamo, STATE)
        self.definitions = Definitions(
            prices=[PriceDefinition("gpt-4o", 1, (PRICE,))],
            defaults=[DefaultGroup("gpt-4o", "default")],
            settings=[Setting("signup", True)],
            groups={"grp_1": GROUP, "grp_2": OTHER_GROUP},
            channels=[CHANNEL],
            accounts=[ACCOUNT],
            people={USER.id: Person(3, USER, (KEY,))},
        )
        self.wallets: list[tuple[str, int]] = []
        self.reports: list[tuple[str, type[Exception]]] = []
        self.refuse_wallets = False
        self.publishing = self.publisher()

    def publisher(self) -> Publishing:
        return Publishing(
            self.definitions,
            Publications(self.dynamo, STATE),
            self.set_version,
            lambda: NOW,
            lambda part, error: self.reports.append((part, type(error))),
        )

    def set_version(self, user: str, version: int) -> None:
        if self.refuse_wallets:
            raise Throttled("no wallet now")
        self.wallets.append((user, version))

    def numbers(self) -> Numbers:
        return self.snapshots.heads().numbers

    def fail(self, operations: dict[str, Iterable[Exception]]) -> None:
        """Let the next calls of these operations fail."""
        queues = {name: iter(errors) for name, errors in operations.items()}

        def before(operation: str, request: Any) -> None:
            for error in queues.get(operation, ()):
                raise error

        self.dynamo.before = before
