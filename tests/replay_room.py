"""Where replays are tried: calls and wallets in memory, and a janitor that may die."""

from dataclasses import dataclass, field
from typing import Any, Final

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.dynamodb_tables import Index
from tollgate.domain.base32 import base32
from tollgate.domain.catalog import Price
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.definitions import Author
from tollgate.domain.holds import hour_of
from tollgate.domain.jobs import Job
from tollgate.domain.ledger import Credit, LedgerLine
from tollgate.domain.record import UsageRecord
from tollgate.domain.repricing import Draft
from tollgate.services.jobs import Jobs
from tollgate.services.past_calls import PastCalls
from tollgate.services.replays import Bounds, Replays
from tollgate.store.jobs import JobStore, read_job
from tollgate.store.price_sets import write_draft
from tollgate.store.rollups import Rollups
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets
from tollgate.store.wallet_ledger import TIME_INDEX

NOON: Final = 1_795_348_800
HOUR: Final = 3_600
LEASE: Final = 16 * 60_000
ANN, BOB, EVE = (f"usr_{name:0>16}" for name in ("ann", "bob", "eve"))
SNAPSHOT: Final = PriceSnapshot("official", "m", 3, "m", prices={"input": "2"})
HALVED: Final = Draft(prices={"m": Price("m", 0, prices={"input": "1"})})
DOUBLED: Final = Draft(prices={"m": Price("m", 0, prices={"input": "4"})})
BALANCE: Final = 100_000_000


STEPS: Final = Bounds(pages=2)


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Room:
    """Three users' calls, their wallets, and a janitor that may die."""

    size: int = 2
    bounds: Bounds = STEPS
    now: int = (NOON + 9 * HOUR) * 1_000
    told: list[Exception] = field(default_factory=list)
    serial: int = 0

    def __post_init__(self) -> None:
        by_time = {TIME_INDEX: Index("ledger_user", "ledger_at", range_type="N")}
        self.dynamo = InMemoryDynamo({"State": {}, "Usage": {}, "Rollups": {}, "Wallets": by_time})
        self.records = UsageRecords(self.dynamo, "Usage")
        self.rollups = Rollups(self.dynamo, "Rollups")
        self.wallets = Wallets(self.dynamo, "Wallets", lambda below: 0, lambda: self.now)
        for user in (ANN, BOB):
            self.wallets.create(user, profile_version=1)
            self.wallets.credit(Credit(user, BALANCE, "topup", "test", "opening", "test"))
        calls = PastCalls(self.rollups, self.records, self.wallets, self.size)
        replays = Replays(calls, self.wallets, self.bounds)
        self.store = JobStore(self.dynamo, "State")
        steps = {"simulation": replays.simulate, "rerate": replays.rerate}
        self.jobs = Jobs(self.store, steps, lambda: self.now, lambda _, e: self.told.append(e))

    def call(self, user: str = ANN, at: int = NOON, **facts: Any) -> str:
        """Record a call of 1,000 tokens at 2 USD per million: 2,000,000 nanos; gives its rid."""
        self.serial += 1
        hold = f"{base32(at, 7)}{base32(self.serial, 8)}001s{facts.pop('funding', 'w')}-k001"
        plain: dict[str, Any] = {
            "held": 5_000_000,
            "charge": 2_000_000,
            "cost": 700,
            "model": "m",
            "billing_model": "m",
            "usage": {"input": 1_000},
            "usage_source": "upstream",
            "price": SNAPSHOT.to_json(),
            "hold": hold + facts.pop("group_alias", ""),
        }
        self.records.put(UsageRecord(user, **plain | facts))
        self.rollups.mark_active(hour_of(at), [user])
        return hold[:17]

    def record(self, rid: str, user: str = ANN) -> UsageRecord:
        """A call as it is stored."""
        found = self.records.get(user, rid)
        assert found is not None
        return found

    def fill(self) -> list[str]:
        """A dozen calls within three hours."""
        return [
            self.call(user, NOON + hour * HOUR + number)
            for hour in range(3)
            for user in (ANN, BOB)
            for number in range(2)
        ]

    def order(
        self, kind: str = "rerate", draft: Draft = HALVED, name: str = "job_1", **only: Any
    ) -> None:
        """Ask for the calls from noon until three o'clock."""
        params = {
            "from": NOON * 1_000,
            "to": (NOON + 3 * HOUR) * 1_000,
            "draft": write_draft(draft),
            "reason": "wrong list",
            **only,
        }
        self.jobs.start(name, kind, params, Author("adm_1", self.now))

    def run(self) -> int:
        """One run of the janitor."""
        return self.jobs.run(self.now + 50_000)

    def rerated(self, draft: Draft = HALVED, name: str = "job_1") -> dict[str, Any]:
        """What a re-rating that ran to its end has come to."""
        self.order(draft=draft, name=name)
        self.run()
        return self.tally(name)

    def job(self, name: str = "job_1") -> Job:
        return read_job(self.dynamo.item("State", "jobs", name) or {})

    def tally(self, name: str = "job_1") -> dict[str, Any]:
        """The sums of a job that is done."""
        job = self.job(name)
        assert job.status == "done", (job, self.told)
        tally: dict[str, Any] = job.result["tally"]
        return tally

    def lines(self, user: str = ANN) -> list[LedgerLine]:
        """The corrections of a user, oldest call first."""
        found = self.wallets.corrections_between(user, "0", "z")
        return [line for lines in found.values() for line in lines]

    def money(self, user: str = ANN) -> tuple[int, int]:
        wallet = self.wallets.shard(user, 0)
        return wallet.available, wallet.credits
