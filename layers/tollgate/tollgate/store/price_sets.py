"""How a draft of prices is kept in the parameters of a job, and comes back without loss."""

from collections.abc import Mapping
from typing import Any

from tollgate.domain.repricing import Draft
from tollgate.store.snapshot_parts import (
    Row,
    read_customer_price,
    read_price,
    row_of,
    unnamed,
    write_price,
)


def write_draft(draft: Draft) -> Row:
    """A draft as plain JSON."""
    return {
        "prices": [write_price(price) for price in draft.prices.values()],
        "bases": [write_price(price) for price in draft.bases.values()],
        "customers": [
            {"user": user, **write_price(price)}
            for user, models in draft.customers.items()
            for codes in models.values()
            for price in codes.values()
        ],
        "channels": {
            channel: {
                platform: {pattern: unnamed(write_price(row)) for pattern, row in rows.items()}
                for platform, rows in platforms.items()
            }
            for channel, platforms in draft.channels.items()
        },
        "pools": {group: list(pool) for group, pool in draft.pools.items()},
        "group_multipliers": dict(draft.group_multipliers),
        "user_multipliers": {group: dict(own) for group, own in draft.user_multipliers.items()},
    }


def read_draft(row: Mapping[str, Any]) -> Draft:
    """What `write_draft` wrote."""
    customers: dict[str, dict[str, dict[str, Any]]] = {}
    for each in row["customers"]:
        price = read_customer_price(each)
        customers.setdefault(each["user"], {}).setdefault(price.model, {})[price.code] = price
    return Draft(
        prices={each["model"]: read_price(each) for each in row["prices"]},
        bases={each["model"]: read_price(each) for each in row["bases"]},
        customers=customers,
        channels={
            channel: {
                platform: {
                    pattern: row_of(platform)(pattern, each) for pattern, each in rows.items()
                }
                for platform, rows in platforms.items()
            }
            for channel, platforms in row["channels"].items()
        },
        pools={group: (pool[0], pool[1]) for group, pool in row["pools"].items()},
        group_multipliers=row["group_multipliers"],
        user_multipliers=row["user_multipliers"],
    )
