"""What must be true when a schedule has ended: wallets, records, ledger and quotas agree."""

from collections import Counter
from collections.abc import Iterable

from tests.simulation.scenario import GROUP, KEY, QUOTA
from tests.simulation.world import Call, World
from tollgate.domain.holds import day_of, parse_hold_id, rid_of
from tollgate.domain.ledger import LedgerLine
from tollgate.domain.record import WINDOWS, UsageRecord, WindowName
from tollgate.domain.scopes import counted
from tollgate.domain.wallet import Wallet
from tollgate.store.marshal import values_of
from tollgate.store.usage_item import read_record
from tollgate.store.wallet_item import read_wallet
from tollgate.store.wallet_ledger import read_line


def check(world: World) -> list[str]:
    """Everything the audit saw, and every sum that does not agree."""
    items = world.dynamo.items("Wallets")
    wallets = [read_wallet(item) for item in items if item["sk"]["S"] == "wallet"]
    lines = [read_line(item) for item in items if item["sk"]["S"] != "wallet"]
    records = [
        read_record(values_of(item))
        for item in world.dynamo.items("Usage")
        if item["state"]["S"] not in {"draft", "refused"}
    ]
    check_holds(world, wallets)
    check_debits(world, wallets, records)
    check_calls(world, {rid_of(record.hold): record for record in records})
    check_ledger(world, wallets, lines, records)
    check_counters(world, wallets, records)
    if world.scenario.limited:
        check_quota(world, wallets, records)
    if world.scenario.subscribed:
        check_windows(world, wallets[0], records)
    return world.audit.wrong


def total(record: UsageRecord) -> int:
    """What a record charges in all."""
    return record.charge + record.late_charge


def check_holds(world: World, wallets: Iterable[Wallet]) -> None:
    """Every hold that was opened was settled once, and added up at most once."""
    for wallet in wallets:
        if wallet.open:
            world.audit.say(f"still open: {wallet.open}")
    if twice := [hold for hold, times in Counter(world.added).items() if times > 1]:
        world.audit.say(f"added to rollups twice: {twice}")
    if world.audit.opened != world.audit.settled:
        world.audit.say(f"opened {world.audit.opened}, settled {world.audit.settled}")


def check_debits(world: World, wallets: list[Wallet], records: list[UsageRecord]) -> None:
    """Debits are what the records charge, for each funding apart."""
    for funding, debits in (
        ("wallet", sum(wallet.debits for wallet in wallets)),
        ("subscription", sum(wallet.subscription_debits for wallet in wallets)),
    ):
        charged = sum(total(r) for r in records if parse_hold_id(r.hold).funding == funding)
        if charged != debits:
            world.audit.say(f"{funding}: records charge {charged}, wallets have paid {debits}")
    if sum(wallet.transfers for wallet in wallets):
        world.audit.say("transfers do not cancel out")
    days: Counter[tuple[int, str]] = Counter()
    for record in records:
        hold = parse_hold_id(record.hold)
        days[hold.shard, f"{day_of(hold.start)}c"] += record.charge
        days[hold.shard, f"{day_of(hold.start)}n"] += 1
    counted = {(w.shard, day): amount for w in wallets for day, amount in w.days.items()}
    if counted != days:
        world.audit.say(f"wallets count {counted}, records {dict(days)}")


def check_calls(world: World, records: dict[str, UsageRecord]) -> None:
    """Every call that was let through has one record, charging what it cost."""
    if any(message["type"] == "record" for message in world.queue):
        world.audit.say(f"still queued: {world.queue}")
    for call in world.calls:
        record = records.get(rid_of(call.hold))
        if record is None or total(record) not in expected(call, record):
            world.audit.say(f"{call} was charged by {record}")
    for rid, charge in world.told.items():
        if rid not in records or total(records[rid]) != charge:
            world.audit.say(f"{rid} was told to cost {charge}: {records.get(rid)}")


def expected(call: Call, record: UsageRecord) -> set[int]:
    """What a call may have been charged in all; a tombstone may name another of its attempts."""
    if record.state == "abandoned" and not call.kept:
        return {0, call.drafted} if record.hold == call.hold else {0}
    own = record.hold == call.hold or record.state == "late"
    return {call.charge} if call.recorded and own else set()


def check_ledger(
    world: World, wallets: list[Wallet], lines: list[LedgerLine], records: list[UsageRecord]
) -> None:
    """Credits are what the lines say; each late charge has one line; no notice counted twice."""
    credited = sum(line.amount for line in lines if line.kind != "late")
    if credited != sum(wallet.credits for wallet in wallets):
        world.audit.say(f"lines credit {credited}, wallets {[w.credits for w in wallets]}")
    late = {line.reference: line.amount for line in lines if line.kind == "late"}
    owed = {rid_of(r.hold): -r.late_charge for r in records if r.late_charge}
    if late != owed:
        world.audit.say(f"late lines {late}, late charges {owed}")
    for reference, amount in world.credited.items():
        if [line.amount for line in lines if line.reference == reference] != [amount]:
            world.audit.say(f"{reference} was acknowledged with {amount}: {lines}")


def check_quota(world: World, wallets: list[Wallet], records: list[UsageRecord]) -> None:
    """A key's quota went down by exactly what its calls were charged."""
    holds = [(parse_hold_id(record.hold), record) for record in records]
    spent = sum(total(record) for hold, record in holds if hold.key_limited)
    left = sum(wallet.keys.get(KEY, 0) for wallet in wallets)
    if left != QUOTA + world.quota_added - spent:
        world.audit.say(f"quota {QUOTA} + {world.quota_added}, spent {spent}, left {left}")


def check_counters(world: World, wallets: list[Wallet], records: list[UsageRecord]) -> None:
    """No call counts as open; a spend window counts what was charged to it, and nothing else.

    Of what an extension took from a window that began after its hold, a part may stay taken.
    """
    for wallet in wallets:
        if any(wallet.open_calls.values()):
            world.audit.say(f"still counted as open: {wallet.open_calls}")
        for name, spent in wallet.spent.items():
            mine = [r for r in records if is_charged_to(name, spent.began, wallet.shard, r)]
            charged, unsure = sum(map(total, mine)), world.audit.entered[name, spent.began]
            if spent.used < charged or (spent.used > charged and not unsure):
                world.audit.say(f"{name}: {charged} was charged to {spent}, {unsure} perhaps")


def is_charged_to(name: str, began: int, shard: int, record: UsageRecord) -> bool:
    """Whether all of a record's charge is part of the window that began then."""
    hold = parse_hold_id(record.hold)
    return hold.shard == shard and hold.start >= began and name in counted(hold).windows


def check_windows(world: World, wallet: Wallet, records: list[UsageRecord]) -> None:
    """A window went down by what was charged to it, exactly where no call spans two of them."""
    stored = wallet.subscriptions[GROUP]
    for name in WINDOWS:
        used = stored.limit[name] - stored.left[name]
        began = stored.windows[name]
        least = sum(charged_to(name, began, record) for record in records)
        if used < least:
            world.audit.say(f"{name}: {least} was charged to it, {used} was taken")
        if used != least and not any(is_uncertain(world, record) for record in records):
            world.audit.say(f"{name}: {least} was charged to it, but {used} was taken")


def charged_to(name: WindowName, began: int, record: UsageRecord) -> int:
    """What a record certainly charged to the window that began then."""
    if record.windows is None or record.windows[name] != began:
        return 0
    if name not in record.windows.entered:
        return record.charge
    before = record.held - record.windows.entered[name]
    return record.charge - before if record.charge > before else 0


def is_uncertain(world: World, record: UsageRecord) -> bool:
    """Whether a record does not tell which window it was charged to, or to several.

    Nor does it tell of an extension whose answer was lost.
    """
    windows, grown = record.windows, world.audit.largest.get(record.hold, 0) > record.held
    return windows is None or bool(windows.entered) or record.state != "final" or grown
