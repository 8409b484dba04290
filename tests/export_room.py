"""Where exports are tried: calls in tables in memory, a bucket, and a janitor that may die."""

import csv
import io
import re
import zipfile
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree import ElementTree as ET

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.object_store import ObjectsInMemory
from tollgate.domain.base32 import base32
from tollgate.domain.definitions import Author
from tollgate.domain.export_order import KIND, Order
from tollgate.domain.holds import hour_of
from tollgate.domain.jobs import Job
from tollgate.domain.record import UsageRecord
from tollgate.services.exports import Bounds, Exports
from tollgate.services.jobs import Jobs
from tollgate.services.past_calls import PastCalls
from tollgate.store.bucket import Bucket
from tollgate.store.jobs import JobStore, read_job
from tollgate.store.rollups import Rollups
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets

NOON: Final = 1_795_348_800
"""2026-11-22 12:00:00 UTC."""

HOUR: Final = 3_600
LEASE: Final = 16 * 60_000
ANN, BOB, EVE = (f"usr_{name:0>16}" for name in ("ann", "bob", "eve"))
FILE: Final = "exports/job_1/usage_20261122T120000Z_to_20261122T150000Z"
XML: Final = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


SMALL: Final = Bounds(pages=3)


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Room:
    """Three users' calls, the tables they lie in, a bucket, and who works on exports."""

    size: int = 2
    bounds: Bounds = SMALL
    now: int = (NOON + 9 * HOUR) * 1_000
    told: list[Exception] = field(default_factory=list)
    serial: int = 0

    def __post_init__(self) -> None:
        self.dynamo = InMemoryDynamo(["State", "Usage", "Rollups", "Wallets"])
        self.records = UsageRecords(self.dynamo, "Usage")
        self.rollups = Rollups(self.dynamo, "Rollups")
        self.wallets = Wallets(self.dynamo, "Wallets", lambda below: 0, lambda: self.now)
        for user in (ANN, BOB):
            self.wallets.create(user, profile_version=1)
        self.objects = ObjectsInMemory()
        calls = PastCalls(self.rollups, self.records, self.wallets, self.size)
        self.step = Exports(calls, Bucket(self.objects, "bucket"), self.bounds).step
        self.store = JobStore(self.dynamo, "State")
        self.jobs = Jobs(self.store, {KIND: self.step}, lambda: self.now, self._tell)

    def _tell(self, _: str, error: Exception) -> None:
        self.told.append(error)

    def call(self, user: str, at: int, **facts: Any) -> str:
        """Record a call begun at a second; gives its upstream id, which names it."""
        self.serial += 1
        hold = f"{base32(at, 7)}{base32(self.serial, 8)}001sw-k001"
        name = f"call-{self.serial}"
        plain: dict[str, Any] = {"started": at * 1_000, "upstream_id": name, "model": "m"}
        self.records.put(UsageRecord(user, hold, 9, 5, **plain | facts))
        self.rollups.mark_active(hour_of(at), [user])
        return name

    def fill(self) -> list[str]:
        """A dozen calls within three hours."""
        return [
            self.call(user, NOON + hour * HOUR + number)
            for hour in range(3)
            for user in (ANN, BOB)
            for number in range(2)
        ]

    def order(self, form: Any = "csv", start: int = 0, **only: str) -> None:
        """Ask for the hours from so many after noon until three o'clock."""
        order = Order((NOON + start * HOUR) * 1_000, (NOON + 3 * HOUR) * 1_000, form, only)
        self.jobs.start("job_1", KIND, order.params(), Author("adm_1", self.now))

    def run(self) -> int:
        """One run of the janitor."""
        return self.jobs.run(self.now + 50_000)

    @property
    def job(self) -> Job:
        """The export as it is stored."""
        return read_job(self.dynamo.item("State", "jobs", "job_1") or {})

    def rows(self, file: str = f"{FILE}.csv") -> list[dict[str, str]]:
        """The finished CSV, read."""
        text = self.objects.objects[file].decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def exported(self) -> list[str]:
        """Which calls are in the finished CSV, in order."""
        return [row["upstream_id"] for row in self.rows()]


def sheet(file: bytes) -> list[list[tuple[str, str]]]:
    """The cells of a workbook's only sheet: what they are (text or number) and hold."""
    with zipfile.ZipFile(io.BytesIO(file)) as book:
        (name,) = re.findall(r'<sheet name="([^"]+)"', book.read("xl/workbook.xml").decode())
        assert name == "Usage"
        tree = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - ours
    return [
        [(cell.get("t") or "n", "".join(cell.itertext())) for cell in row.iterfind("m:c", XML)]
        for row in tree.iterfind(".//m:row", XML)
    ]
