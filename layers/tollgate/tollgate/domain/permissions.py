"""Which role of staff may do what: the one table that every management route is checked against."""

from collections.abc import Mapping
from typing import Final

from tollgate.domain.definitions import Role

READ: Final = frozenset(
    {
        "me.read",
        "users.read",
        "keys.read",
        "groups.read",
        "multipliers.read",
        "accounts.read",
        "channels.read",
        "prices.read",
        "model_groups.read",
        "customer_prices.read",
        "settings.read",
        "health.read",
        "wallets.read",
        "usage.read",
        "receipts.read",
        "rollups.read",
        "statistics.read",
        "jobs.read",
    }
)
"""What everybody on the staff may look at, unless their row below leaves it out."""

CATALOG: Final = frozenset(
    {
        "groups.write",
        "multipliers.write",
        "accounts.write",
        "channels.write",
        "prices.write",
        "model_groups.write",
        "customer_prices.write",
        "settings.write",
    }
)
PEOPLE: Final = frozenset({"users.write", "keys.write"})
MONEY: Final = frozenset({"wallets.credit"})
WORK: Final = frozenset({"jobs.write"})
BULK: Final = frozenset({"usage.export"})
"""Everybody's calls at once: more than looking them up."""

SIMULATE: Final = frozenset({"pricing.simulate"})
RERATE: Final = frozenset({"pricing.rerate"})
"""Moves money of many users at once."""

OVERSIGHT: Final = frozenset({"audit.read"})
STAFF: Final = frozenset({"tokens.read", "tokens.write"})

PERMISSIONS: Final[Mapping[Role, frozenset[str]]] = {
    "owner": (
        READ | CATALOG | PEOPLE | MONEY | WORK | BULK | SIMULATE | RERATE | OVERSIGHT | STAFF
    ),
    "finance": (
        READ
        | MONEY
        | WORK
        | BULK
        | SIMULATE
        | RERATE
        | {"prices.write", "customer_prices.write", "multipliers.write"}
    )
    - {"accounts.read", "health.read"},
    "operator": READ | CATALOG | PEOPLE | WORK | BULK | SIMULATE,
    "support": READ - {"accounts.read", "channels.read", "settings.read"},
    "auditor": READ | OVERSIGHT | {"tokens.read"},
}
