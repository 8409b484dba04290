"""The real code under its deployed role: everything a function writes and reads, its role grants.

Each case runs what a function does to the tables on an in-memory DynamoDB that asks the role of
the template first. A statement that is forgotten, or too narrow by one attribute, fails here.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any, Final

import pytest

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.dynamodb_tables import Index
from tests.iam import AccessDenied, Ask, Role
from tests.object_store import ObjectsInMemory
from tollgate.domain.catalog import GlobalPart, GroupPart, Health, Limits, Profile
from tollgate.domain.definitions import Author
from tollgate.domain.export_order import KIND, Order
from tollgate.domain.holds import hour_of
from tollgate.domain.jobs import Progress
from tollgate.domain.ledger import Correction, corrected
from tollgate.domain.record import UsageRecord, WindowName, Windows
from tollgate.domain.scopes import Scope
from tollgate.domain.wallet import Subscription
from tollgate.domain.windows import SubscriptionTerms
from tollgate.services.closing import Closing
from tollgate.services.exports import Exports
from tollgate.services.housekeeping import Housekeeping
from tollgate.services.jobs import Jobs
from tollgate.services.past_calls import PastCalls
from tollgate.services.reconciliation import Reconciliation
from tollgate.services.recording import Recording, write_message
from tollgate.services.settlement import Settlement
from tollgate.services.sweeping import Sweeping
from tollgate.store.bucket import Bucket
from tollgate.store.jobs import JobStore
from tollgate.store.publications import Publications
from tollgate.store.rollups import Rollups
from tollgate.store.snapshots import Snapshots
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Credit, Hold, HoldRequest, Wallets

USER: Final = "usr_01m3c8k2v9d4q7xz"
START: Final = 1_795_348_800
HOUR: Final = 3_600
TERMS: Final = SubscriptionTerms("sub1", START, START + 24 * HOUR, START, START)
ASK: Final = HoldRequest(
    user=USER,
    key_alias="k7q2",
    amount=1_000,
    limited_key=True,
    scopes=(Scope("user", Limits(rpm=60, concurrency=5)),),
    profile_version=1,
)
FREE: Final = replace(ASK, limited_key=False, key_alias="k8r3")
"""A key without a limit of its own."""


class Deployed:
    """Tables and the code over them; `act_as` decides whose role is asked."""

    def __init__(self) -> None:
        ledger = {"ledger_by_time": Index("ledger_user", "ledger_at", range_type="N")}
        names = ("Catalog", "Usage", "Rollups", "Orders", "State")
        self.dynamo = InMemoryDynamo({"Wallets": ledger, **{name: {} for name in names}})
        self.second = START
        serial = count(1)
        self.wallets = Wallets(self.dynamo, "Wallets", lambda below: next(serial) % below, self.now)
        self.records = UsageRecords(self.dynamo, "Usage")
        self.rollups = Rollups(self.dynamo, "Rollups")
        self.metrics: list[str] = []

    def now(self) -> int:
        """Epoch ms."""
        return self.second * 1_000

    @contextmanager
    def act_as(self, function: str) -> Iterator[None]:
        """Let a function's role decide about every request."""
        self.dynamo.before = Role(function).guard
        try:
            yield
        finally:
            self.dynamo.before = None

    def count(self, name: str, value: int) -> None:
        """What would be a metric."""
        self.metrics += [name] * value

    def settlement(self) -> Settlement:
        """As the billing aggregator wires it."""
        return Settlement(
            self.wallets, self.rollups.mark_active, self.rollups.add, print, self.count
        )

    def housekeeping(self) -> Housekeeping:
        """As the janitor wires it."""
        marks = self.rollups.mark_active, self.rollups.add
        sweeping = Sweeping(self.wallets, self.records, *marks, self.now, self.count)
        late = sweeping.finish_late
        closing = Closing(self.rollups, self.records, self.wallets, late, self.now)
        checks = Reconciliation(self.wallets, self.records, self.rollups, closing, self.now)
        recording = Recording(self.records, print, print)
        jobs = Jobs(JobStore(self.dynamo, "State"), {}, self.now)
        others = (lambda name, value: None, self.count, print, self.now, lambda: 0)
        return Housekeeping(sweeping, closing, checks, recording, jobs, *others)


@pytest.fixture
def deployed() -> Deployed:
    """A user with two wallet shards, money, a limited key and a subscription."""
    made = Deployed()
    with made.act_as("Admin"):
        made.wallets.create(USER, shards=2, profile_version=1)
        made.wallets.credit(Credit(USER, 100_000, "topup", "admin", "first", "adm_1"))
        made.wallets.set_key_quota(USER, "k7q2", 50_000)
        windows = Windows(START, START, START)
        limits: dict[WindowName, int] = {"day": 9_000, "week": 9_000, "month": 9_000}
        terms = Subscription(windows, limits, limits, START + 30 * 24 * HOUR)
        made.wallets.set_subscription(USER, "sub1", terms)
    return made


def record(hold: Hold, charge: int) -> UsageRecord:
    """What a call on a hold came to."""
    return UsageRecord(
        USER,
        hold.id,
        hold.amount,
        charge,
        funding=hold.funding,
        windows=hold.windows,
        stale_minutes=hold.stale_minutes,
        key="key_1",
        group="grp_1",
        account="acc_1",
        model="m",
        started=hold.started,
    )


def hold_and_record(deployed: Deployed, request: HoldRequest) -> UsageRecord:
    """The relay's part of one call."""
    with deployed.act_as("Relay"):
        hold = deployed.wallets.hold(request)
        hold = deployed.wallets.extend(hold, hold.amount * 2)
        fact = record(hold, 1_500)
        deployed.records.draft(fact)
        deployed.records.put(fact)
    return fact


def settle(deployed: Deployed) -> list[str]:
    """The billing aggregator's part of everything on the stream."""
    with deployed.act_as("BillingAggregator"):
        return deployed.settlement().apply(deployed.dynamo.stream("Usage"))


# --- calls ------------------------------------------------------------------------------------


def test_a_call_paid_from_the_wallet_with_a_limited_key(deployed: Deployed) -> None:
    hold_and_record(deployed, ASK)
    assert settle(deployed) == []
    assert deployed.wallets.read(USER).debits == 1_500


def test_a_call_paid_from_a_subscription(deployed: Deployed) -> None:
    hold_and_record(deployed, replace(FREE, subscription=TERMS))
    assert settle(deployed) == []
    assert deployed.wallets.read(USER).subscription_debits == 1_500


def test_a_call_that_needs_the_money_of_a_sibling_shard(deployed: Deployed) -> None:
    with deployed.act_as("Admin"):
        assert deployed.wallets.transfer(USER, 0, 1, 90_000)
    with deployed.act_as("Relay"):
        assert deployed.wallets.hold(replace(FREE, amount=30_000)).amount == 30_000


def test_a_record_that_comes_after_its_tombstone(deployed: Deployed) -> None:
    with deployed.act_as("Relay"):
        hold = deployed.wallets.hold(ASK)
    with deployed.act_as("Janitor"):
        deployed.records.abandon(USER, hold.id, hold.amount)
    assert settle(deployed) == []
    with deployed.act_as("Relay"):
        assert deployed.records.put(record(hold, 900)) == "abandoned"
    assert settle(deployed) == []
    assert deployed.wallets.read(USER).debits == 900


def test_receipts_are_read_where_they_lie(deployed: Deployed) -> None:
    fact = hold_and_record(deployed, ASK)
    rid = fact.hold[:17]
    for function in ("Relay", "Admin", "Portal"):
        with deployed.act_as(function):
            assert deployed.records.get(USER, rid) == fact
    for function in ("Admin", "Portal"):
        with deployed.act_as(function):
            page = deployed.records.list(USER, START * 1_000, (START + HOUR) * 1_000)
            assert len(page.records) == 1
            assert len(deployed.wallets.ledger(USER).lines) == 1


# --- people -----------------------------------------------------------------------------------

PERMITS: Final[list[Any]] = [
    pytest.param(lambda wallets: wallets.create("usr_2"), id="open a wallet"),
    pytest.param(lambda wallets: wallets.revoke_key(USER, "k7q2", 2), id="revoke a key"),
    pytest.param(lambda wallets: wallets.set_key_quota(USER, "k7q2", 9), id="limit a key"),
    pytest.param(lambda wallets: wallets.add_key_quota(USER, "k7q2", 9), id="raise a limit"),
    pytest.param(lambda wallets: wallets.drop_key_quota(USER, "k7q2"), id="drop a limit"),
    pytest.param(lambda wallets: wallets.read(USER), id="read a wallet"),
]
STAFF: Final[list[Any]] = [
    pytest.param(lambda wallets: wallets.set_status(USER, "suspended"), id="suspend a user"),
    pytest.param(lambda wallets: wallets.add_shards(USER, 3), id="add a shard"),
    pytest.param(lambda wallets: wallets.consolidate(USER, 1), id="use fewer shards"),
]


@pytest.mark.parametrize("act", [*PERMITS, *STAFF])
def test_an_admin_may(deployed: Deployed, act: Callable[[Wallets], object]) -> None:
    with deployed.act_as("Admin"):
        act(deployed.wallets)


@pytest.mark.parametrize("act", PERMITS)
def test_a_user_may_in_the_portal(deployed: Deployed, act: Callable[[Wallets], object]) -> None:
    with deployed.act_as("Portal"):
        act(deployed.wallets)


@pytest.mark.parametrize("function", ["Relay", "Portal", "BillingAggregator", "Janitor"])
def test_nobody_else_credits(deployed: Deployed, function: str) -> None:
    credit = Credit(USER, 1, "topup", "x", "y", "z")
    with deployed.act_as(function), pytest.raises(AccessDenied):
        deployed.wallets.credit(credit)


@pytest.mark.parametrize("request_", [FREE, replace(FREE, subscription=TERMS)])
def test_the_janitor_corrects_calls_and_everybody_reads_it(
    deployed: Deployed, request_: HoldRequest
) -> None:
    fact = hold_and_record(deployed, request_)
    assert settle(deployed) == []
    rid = fact.hold[:17]
    with deployed.act_as("Janitor"):
        assert deployed.wallets.corrections_between(USER, rid, rid) == {}
        deployed.wallets.correct(Correction(fact, 500, 0, "job_1", "wrong list"))
        deployed.wallets.correct(Correction(fact, -900, 1, "job_2", "wrong again"))
    for function in ("Relay", "Admin", "Portal"):
        with deployed.act_as(function):
            assert corrected(deployed.wallets.corrections(USER, rid)) == -400
    for function in ("Admin", "Portal"):
        with deployed.act_as(function):
            assert len(deployed.wallets.corrections_between(USER, rid, rid)[rid]) == 2


@pytest.mark.parametrize("function", ["Relay", "Portal", "BillingAggregator"])
def test_nobody_else_corrects(deployed: Deployed, function: str) -> None:
    fact = hold_and_record(deployed, FREE)
    with deployed.act_as(function), pytest.raises(AccessDenied):
        deployed.wallets.correct(Correction(fact, 1, 0, "job_1", "x"))


@pytest.mark.parametrize("function", ["Relay", "Admin", "Portal"])
def test_nobody_else_settles(deployed: Deployed, function: str) -> None:
    fact = hold_and_record(deployed, ASK)
    settlement = Settlement(deployed.wallets, lambda *_: None, lambda _: None, print, print)
    with deployed.act_as(function), pytest.raises(AccessDenied):
        settlement.apply(deployed.dynamo.stream("Usage"))
    assert deployed.wallets.read(USER).open == {fact.hold: 2_000}


# --- background -------------------------------------------------------------------------------


@pytest.mark.parametrize("job", ["sweep", "sweep_all", "close_hours", "reconcile", "jobs"])
def test_the_janitor_does_its_jobs(deployed: Deployed, job: str) -> None:
    hold_and_record(deployed, ASK)
    with deployed.act_as("Relay"):
        deployed.wallets.hold(ASK)
    deployed.second += 26 * HOUR
    with deployed.act_as("Janitor"):
        for each in ("sweep_all", job):
            deployed.housekeeping().run({"job": each})
    assert deployed.wallets.read(USER).open == {}
    assert deployed.metrics == []


def test_staff_start_and_cancel_jobs_and_the_janitor_works_on_them(deployed: Deployed) -> None:
    store = JobStore(deployed.dynamo, "State")
    jobs = Jobs(store, {"once": lambda job: Progress(1, 1, 1, {})}, deployed.now)
    author = Author("adm_1", deployed.now())
    with deployed.act_as("Admin"):
        jobs.start("job_1", "once", {}, author)
        jobs.start("job_2", "once", {}, author)
        jobs.cancel("job_2")
    with deployed.act_as("Janitor"):
        assert jobs.run(deployed.now() + 1) == 1
    with deployed.act_as("Admin"):
        assert [job.status for job in store.page(9).jobs] == ["cancelled", "done"]


def test_the_janitor_reads_what_an_export_needs(deployed: Deployed) -> None:
    hold_and_record(deployed, ASK)
    objects = ObjectsInMemory()
    with deployed.act_as("BillingAggregator"):
        deployed.rollups.mark_active(hour_of(START), [USER])
    calls = PastCalls(deployed.rollups, deployed.records, deployed.wallets)
    step = Exports(calls, Bucket(objects, "bucket")).step
    jobs = Jobs(JobStore(deployed.dynamo, "State"), {KIND: step}, deployed.now)
    order = Order(START * 1_000, (START + HOUR) * 1_000, "csv", {})
    with deployed.act_as("Admin"):
        jobs.start("job_1", KIND, order.params(), Author("adm_1", deployed.now()))
    with deployed.act_as("Janitor"):
        jobs.run(deployed.now() + 1)
    (done,) = JobStore(deployed.dynamo, "State").page(9).jobs
    assert (done.status, done.result["rows"]) == ("done", 1)
    role = Role("Janitor")
    for operation, key in objects.sent:
        action = "s3:GetObject" if operation == "GetObject" else "s3:PutObject"
        assert role.allows(Ask(action, f"Bucket/{key}"))


def test_the_janitor_takes_messages(deployed: Deployed) -> None:
    with deployed.act_as("Relay"):
        fact = record(deployed.wallets.hold(ASK), 700)
    bodies = [write_message(fact), {"type": "sweep", "user": USER}]
    records = [{"messageId": str(n), "body": json.dumps(body)} for n, body in enumerate(bodies)]
    deployed.second += HOUR
    with deployed.act_as("Janitor"):
        assert deployed.housekeeping().run({"Records": records}) == {"batchItemFailures": []}
    assert deployed.wallets.read(USER).debits == 700


def test_the_aggregator_publishes_and_relays_read(deployed: Deployed) -> None:
    publications = Publications(deployed.dynamo, "State")
    everything = GlobalPart(1, {}, {}, {})
    profile = Profile(USER, 2, "active", {})
    with deployed.act_as("BillingAggregator"):
        claim = publications.claim()
        publications.put_everywhere(everything)
        publications.put_group(GroupPart("grp_1", 1, "g", "g", "openai", "active", Decimal(1)))
        publications.publish(claim, 1, {"grp_1": 1})
        publications.retire("grp_1", 1, START)
        publications.put_profile(profile)
        deployed.wallets.set_profile_version(USER, 2)
    snapshots = Snapshots(deployed.dynamo, "State")
    with deployed.act_as("Relay"):
        assert snapshots.heads()
        assert snapshots.everywhere(1) == everything
        assert snapshots.profile(USER) == profile
        assert snapshots.write_health(Health(0, {"acc_1": {"failures": 1}}))


@pytest.mark.parametrize("function", ["Relay", "Admin", "Portal", "Janitor"])
def test_nobody_else_publishes(deployed: Deployed, function: str) -> None:
    with deployed.act_as(function), pytest.raises(AccessDenied):
        Publications(deployed.dynamo, "State").claim()
