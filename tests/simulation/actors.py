"""Who acts in a schedule: relay, aggregator, janitor, operator; each runs the real code."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

from tests.simulation.fibers import RUNTIME_LIMIT_MS, Crash, Fiber
from tests.simulation.scenario import KEY, USER, Plan
from tests.simulation.world import Call, Port, World
from tollgate.domain.catalog import UNLIMITED
from tollgate.domain.errors import InsufficientBalance, TollgateError
from tollgate.domain.ledger import Credit
from tollgate.domain.limits import Hold
from tollgate.domain.record import UsageRecord
from tollgate.domain.scopes import KINDS
from tollgate.domain.sharding import home
from tollgate.services.recording import MESSAGE_TYPE, Recording
from tollgate.services.settlement import Settlement
from tollgate.services.sweeping import Sweeping, SweepRequests
from tollgate.store.dynamodb import OutcomeUnknown, StoreError, Throttled
from tollgate.store.usage import UsageRecords
from tollgate.store.wallet import Wallets

Act = Callable[[World, Fiber], None]


def wallets(world: World, port: Port, on_expired: Callable[[str], None] | None = None) -> Wallets:
    """The real wallets over one fiber's port; a violation seen by them is one of the audit's."""
    return Wallets(
        port,
        "Wallets",
        world.random,
        port.clock,
        on_violation=lambda user, image: world.audit.say(f"seen: {image}"),
        on_expired=on_expired or (lambda user: None),
    )


# --- relay ----------------------------------------------------------------------------------


def relay(plan: Plan) -> Act:
    """One call: hold, grow, record."""

    def act(world: World, fiber: Fiber) -> None:
        port = Port(world, fiber)
        mine = wallets(world, port, SweepRequests(world.queue.append, port.clock))
        request = world.scenario.request(plan, port.clock() // 1_000)
        try:
            hold = mine.hold(request)
        except InsufficientBalance as refused:
            check_refusal(world, refused, plan.amount)
            return
        except TollgateError:
            return
        call = Call(hold.id, plan.charge)
        world.calls.append(call)
        world.audit.running[hold.id] = fiber.began + RUNTIME_LIMIT_MS
        try:
            hold = grown(mine, hold, plan, fiber)
            record_call(world, port, call, hold, plan)
        except Crash:
            world.audit.running.pop(hold.id, None)
            raise

    return act


def check_refusal(world: World, refused: InsufficientBalance, amount: int) -> None:
    """A balance refused must have been too small at that moment; nothing has run since."""
    total = sum(wallet.available for wallet in world.audit.wallets.values())
    if world.audit.wallets and total >= amount:
        world.audit.say(f"refused {amount} although {total} was available: {refused.message}")


def grown(mine: Wallets, hold: Hold, plan: Plan, fiber: Fiber) -> Hold:
    """The hold after the answer was streamed; it ends early where it cannot grow."""
    for amount in plan.raises:
        fiber.pause()
        try:
            hold = mine.extend(hold, amount)
        except TollgateError:
            break
    fiber.pause()
    return hold


def record_call(world: World, port: Port, call: Call, hold: Hold, plan: Plan) -> None:
    """Draft, then record what the call cost."""
    whole = hold.amount == (plan.raises or (plan.amount,))[-1]
    call.charge = plan.charge if whole else min(plan.charge, hold.amount)
    records = UsageRecords(port, "Usage")
    fact = UsageRecord(
        user=USER,
        hold=hold.id,
        held=hold.amount,
        charge=call.charge,
        funding=hold.funding,
        key=plan.key,
        model="m",
        windows=hold.windows,
        entered=hold.entered,
        stale_minutes=hold.stale_minutes,
        usage={"output": plan.output} if plan.output else {},
        started=hold.started,
        ended=port.clock(),
    )
    if plan.drafts:
        draft(records, fact, call)
    world.audit.running.pop(hold.id, None)
    port.refuses_records = world.scenario.outage
    call.recorded = fact
    lost: list[str] = []
    Recording(records, lambda message: enqueue(world, message), lost.append).record(fact)
    call.kept = not lost


def draft(records: UsageRecords, fact: UsageRecord, call: Call) -> None:
    """Note half of the charge while the call still runs."""
    call.drafted = fact.charge // 2
    try:
        records.draft(
            UsageRecord(
                user=fact.user,
                hold=fact.hold,
                held=fact.held,
                charge=call.drafted,
                windows=fact.windows,
                entered=fact.entered,
                funding=fact.funding,
            )
        )
    except StoreError:
        return


def enqueue(world: World, message: dict[str, Any]) -> None:
    """Send to the queue, which may fail and may deliver twice."""
    if world.chance(world.scenario.fault_rate):
        raise Throttled
    world.queue.append(message)
    if world.chance(world.scenario.duplicate_rate):
        world.queue.append(message)


# --- aggregator and janitor -----------------------------------------------------------------


def mark(world: World, port: Port) -> Callable[[str, Collection[str]], None]:
    """Marks who was active, over a store that may fail."""

    def active(hour: str, users: Collection[str]) -> None:
        port.fiber.pause()
        unknown = world.chance(world.scenario.fault_rate)
        if not unknown or world.rng.random() < 0.5:
            world.audit.marked |= {(hour, user) for user in users}
        if unknown:
            raise OutcomeUnknown

    return active


def add_up(world: World, port: Port) -> Callable[[Sequence[UsageRecord]], None]:
    """Adds to rollups, over a store that may fail."""

    def add(records: Sequence[UsageRecord]) -> None:
        if records:
            port.fiber.pause()
        if world.chance(world.scenario.fault_rate):
            raise Throttled
        world.added += [record.hold for record in records]

    return add


def settlement(world: World, port: Port) -> Settlement:
    """The real aggregator over one fiber's port."""
    return Settlement(
        wallets(world, port, lambda user: world.queue.append({"type": "sweep", "user": user})),
        mark(world, port),
        add_up(world, port),
        world.poisoned.append,
        lambda name, value: None,
    )


def sweeping(world: World, port: Port) -> Sweeping:
    """The real sweeper over one fiber's port."""
    return Sweeping(
        wallets(world, port),
        UsageRecords(port, "Usage"),
        mark(world, port),
        add_up(world, port),
        port.clock,
        lambda name, value: None,
    )


def aggregator(batch: list[dict[str, Any]]) -> Act:
    """Settle one batch; what failed comes again or gets lost."""

    def act(world: World, fiber: Fiber) -> None:
        port = Port(world, fiber)
        for _ in range(2):
            failed = settlement(world, port).apply(batch)
            if not failed:
                return
            batch[:] = [raw for raw in batch if raw["dynamodb"]["SequenceNumber"] >= failed[0]]

    return act


def janitor(world: World, fiber: Fiber) -> None:
    """Take what the queue has; what was not worked on to the end stays there."""
    port = Port(world, fiber)
    messages = list(world.queue)
    world.rng.shuffle(messages)
    for message in messages:
        with suppress(StoreError):
            handle(world, port, message)
            if message in world.queue:
                world.queue.remove(message)


def handle(world: World, port: Port, message: dict[str, Any]) -> None:
    """One message of the queue."""
    if message["type"] == MESSAGE_TYPE:
        Recording(
            UsageRecords(port, "Usage"), lambda sent: enqueue(world, sent), lambda line: None
        ).receive(message)
    else:
        sweeping(world, port).sweep(message["user"])


def sweeper(world: World, fiber: Fiber) -> None:
    """Sweep everything."""
    try:
        sweeping(world, Port(world, fiber)).sweep_all()
    except StoreError:
        return


# --- operator -------------------------------------------------------------------------------


def topup(reference: str, amount: int) -> Act:
    """Credit money; the same notice may come several times at once."""

    def act(world: World, fiber: Fiber) -> None:
        mine = wallets(world, Port(world, fiber))
        try:
            line = mine.credit(Credit(USER, amount, "topup", "pay", reference, "simulator"))
        except (StoreError, TollgateError):
            return
        world.credited[reference] = line.amount

    return act


def refund(world: World, fiber: Fiber) -> None:
    """Take money out again, if it is there."""
    mine = wallets(world, Port(world, fiber))
    try:
        mine.credit(Credit(USER, -12, "refund", "pay", "refund", "simulator"))
    except (StoreError, TollgateError):
        return


def revoke(world: World, fiber: Fiber) -> None:
    """Revoke a key, publish the profile without it, and let the wallet forget."""
    mine = wallets(world, Port(world, fiber))
    try:
        mine.revoke_key(USER, KEY, world.scenario.profile_version + 1)
        fiber.pause()
        mine.set_profile_version(USER, world.scenario.profile_version + 1)
    except (StoreError, TollgateError):
        return


def suspend(world: World, fiber: Fiber) -> None:
    """Suspend the user for a while."""
    mine = wallets(world, Port(world, fiber))
    try:
        mine.set_status(USER, "suspended")
        fiber.pause()
        mine.set_status(USER, "active")
    except (StoreError, TollgateError):
        return


def raise_quota(world: World, fiber: Fiber) -> None:
    """Add to the limited key's quota, where there is one."""
    port = Port(world, fiber)
    fiber.pause()
    if world.scenario.limited:
        plain = Wallets(world.dynamo, "Wallets", world.random, port.clock)
        plain.add_key_quota(USER, KEY, 10, home(KEY, world.scenario.spread))
        world.quota_added += 10


def relimit(world: World, fiber: Fiber) -> None:
    """Give calls from now on other limits; those of a key alone where shards depend on the rest."""
    fiber.pause()
    scenario = world.scenario
    kinds = KINDS if scenario.shards == 1 else ("key",)
    scenario.limits, scenario.once = (
        {**ours, **{kind: theirs.get(kind, UNLIMITED) for kind in kinds}}
        for ours, theirs in ((scenario.limits, scenario.once), (scenario.once, scenario.limits))
    )


def reshard(world: World, fiber: Fiber) -> None:
    """Add a shard and bring everything to where it belongs."""
    mine = wallets(world, Port(world, fiber))
    try:
        mine.add_shards(USER, world.scenario.shards + 1)
        mine.consolidate(USER, world.scenario.spread)
    except (StoreError, TollgateError):
        return


OPERATIONS: tuple[Act, ...] = (
    topup("pi_1", 30),
    topup("pi_1", 30),
    topup("pi_1", 31),
    refund,
    revoke,
    suspend,
    raise_quota,
    reshard,
    relimit,
    relimit,
)
