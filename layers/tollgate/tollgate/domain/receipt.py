"""How a charge is explained to people: lines that add up to it, and the way from hold to debit.

Everything is recomputed from the one stored record. A user sees what they asked for and what it
cost; mapping chain, channel, account, upstream model and cost are for staff (ruling R12).
"""

from collections.abc import Sequence
from typing import Any

from tollgate.domain.charge import Charge, PriceSnapshot, apportion, charge
from tollgate.domain.holds import parse_hold_id, request_id
from tollgate.domain.ledger import LedgerLine, corrected
from tollgate.domain.money import CHARGE_LIMIT, quota, usd
from tollgate.domain.price_view import bounds, origin, quantities, quantity, unit_price
from tollgate.domain.record import UsageRecord
from tollgate.domain.usage import Usage


def bill(record: UsageRecord) -> Charge:
    """The charge of a record by the rule stored on it, before any cap."""
    if not record.price:
        return Charge(0, ())
    labels = (record.label,) if record.label else ()
    usage = Usage(record.usage, tier=record.tier, labels=labels)
    return charge(usage, PriceSnapshot.from_json(record.price))


def paid(record: UsageRecord) -> int:
    """What the user paid for a call, in nanos: what settled its hold, and what came late."""
    return record.charge + record.late_charge


def explained(record: UsageRecord) -> bool:
    """Whether what was paid follows from the stored record alone.

    It is what the rule says of the usage; of an estimate, and of figures that cannot be true, at
    most what was held.
    """
    full, amount = bill(record).nanos, paid(record)
    doubtful = record.suspect or record.usage_source == "estimated" or full > CHARGE_LIMIT
    capped = doubtful and amount < full
    # A late record has the hold of its tombstone, so what it was capped at is not known any more.
    return amount == full or (capped and (amount == record.held or record.state == "late"))


def lines(full: Charge, amount: int) -> list[dict[str, Any]]:
    """What was charged, class by class; the amounts add up to what was paid to the last nano."""
    shares = apportion(amount, [line.nanos for line in full.lines])
    return [
        {
            "class": line.name,
            "quantity": quantity(line.name, line.quantity),
            **unit_price(line.name, line.unit_price),
            "amount_usd": usd(share),
        }
        for line, share in zip(full.lines, shares, strict=True)
    ]


def price(record: UsageRecord, full: Charge, *, staff: bool) -> dict[str, Any] | None:
    """The rule that was frozen at the hold, and what of it applied; its id is for staff."""
    if not record.price:
        return None
    snapshot = PriceSnapshot.from_json(record.price)
    chosen = None if full.interval is None else snapshot.intervals[full.interval]
    return {
        **({"id": snapshot.price_id} if staff else {}),
        **origin(snapshot),
        "tier": full.tier,
        "label": full.label,
        "interval": None if chosen is None else bounds(chosen),
    }


def receipt(
    record: UsageRecord, *, settled: bool, staff: bool, corrections: Sequence[LedgerLine] = ()
) -> dict[str, Any]:
    """The explanation of one call.

    Args:
        record: as stored.
        settled: whether the hold is gone from the wallet.
        staff: also tell what only staff may see.
        corrections: what re-ratings have booked of it, oldest first.
    """
    full, amount = bill(record), paid(record)
    facts: dict[str, Any] = {
        "request_id": request_id(parse_hold_id(record.hold).rid, record.user),
        "key": record.key,
        "requested_group": record.requested_group,
        "model": record.model,
        "state": record.state,
        "status": record.status,
        "error": record.error,
        "stream": record.stream,
        "started_at": record.started,
        "ended_at": record.ended,
        "usage": quantities(record.usage),
        "usage_source": record.usage_source,
        "price": price(record, full, staff=staff),
        "lines": lines(full, amount),
        "charge_usd": usd(amount),
        "quota": quota(amount),
        "corrections": [correction(line) for line in corrections],
        "corrected_charge_usd": usd(amount - corrected(corrections)),
        "trail": trail(record, settled=settled),
        "capped_at_hold": full.nanos > amount,
    }
    return {**facts, **staff_facts(record)} if staff else facts


def correction(line: LedgerLine) -> dict[str, Any]:
    """What a re-rating booked: a positive amount was given back, a negative one taken."""
    return {"amount_usd": usd(line.amount), "reason": line.note, "at": line.at}


def trail(record: UsageRecord, *, settled: bool) -> dict[str, Any]:
    """The way of the money, from the hold to what was debited and what was given back."""
    return {
        "held_usd": usd(record.held),
        "charged_usd": usd(record.charge),
        "returned_usd": usd(record.held - record.charge),
        "late_usd": usd(record.late_charge),
        "funding": record.funding,
        "settled": settled,
    }


def staff_facts(record: UsageRecord) -> dict[str, Any]:
    """What only staff may see of a call."""
    return {
        "user": record.user,
        "group": record.group,
        "channel": record.channel,
        "account": record.account,
        "billing_model": record.billing_model,
        "upstream_model": record.upstream_model,
        "chain": steps(record),
        "image_cost_usd": usd(record.image_cost),
        "cost_usd": usd(record.cost),
        "margin_usd": usd(paid(record) - record.cost),
        "upstream_id": record.upstream_id,
        "dialect": record.dialect,
        "finish": record.finish,
        "first_byte_at": record.first_byte,
        "suspect": record.suspect,
        "attempts": attempts_of(record),
    }


def attempts_of(record: UsageRecord) -> list[dict[str, Any]]:
    """What was tried, each attempt with what the upstream took for it.

    An attempt that failed has its own cost, if any; the rest of the call's is the answer's. `key`
    is which of the account's API keys was used, from 1 as wherever staff name one.
    """
    failed = sum(int(attempt.get("cost", 0)) for attempt in record.attempts)
    told = []
    for attempt in record.attempts:
        answered = not attempt.get("error") and 200 <= int(attempt["status"]) < 300
        cost = record.cost - failed if answered else int(attempt.get("cost", 0))
        facts = {name: fact for name, fact in attempt.items() if name != "cost"}
        key = int(attempt.get("key", 0)) + 1
        told.append({"error": "", **facts, "key": key, "cost_usd": usd(cost)})
    return told


def steps(record: UsageRecord) -> list[str]:
    """The names of the model on its way: as recorded, else what was requested and what was sent."""
    if record.chain:
        return list(record.chain)
    sent = record.upstream_model if record.account else ""
    return [name for name in dict.fromkeys((record.model, sent)) if name]
