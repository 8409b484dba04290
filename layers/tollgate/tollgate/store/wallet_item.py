"""How a wallet shard is written as an item: keys, attributes, and the item of a new wallet."""

from collections.abc import Mapping
from typing import Any, Final

from tollgate.domain.record import WINDOWS, Windows
from tollgate.domain.scopes import WINDOWS as SPEND_WINDOWS
from tollgate.domain.scopes import Spent
from tollgate.domain.wallet import Subscription, Wallet
from tollgate.store.dynamodb import Item

SORT_KEY: Final = "wallet"

_NUMBERS: Final = (
    "version",
    "profile_version",
    "shards",
    "available",
    "held",
    "debits",
    "credits",
    "transfers",
    "subscription_debits",
    "closed",
    "late",
    "updated_at",
)
_MAPS: Final = ("holds", "task_holds", "keys", "revoked", "subscriptions", "minutes", "days")

_ALWAYS: Final = frozenset({"pk", "sk", "status", *_NUMBERS, *_MAPS})
_SPENT: Final = tuple(f"{window}_" for window in SPEND_WINDOWS)

Value = dict[str, Any]


def n(number: int) -> Value:
    """A number as DynamoDB's JSON has it."""
    return {"N": str(number)}


def wallet_key(user: str, shard: int) -> Item:
    """Where a wallet shard lies: each shard is a partition of its own."""
    return {"pk": {"S": f"{user}#{shard}"}, "sk": {"S": SORT_KEY}}


def new_wallet(wallet: Wallet) -> Item:
    """The item of an empty shard: every map is there, since a path needs its parent."""
    return {
        **wallet_key(wallet.user, wallet.shard),
        "status": {"S": wallet.status},
        **{name: n(0) for name in _NUMBERS},
        "profile_version": n(wallet.profile_version),
        "shards": n(wallet.shards),
        **{name: {"M": {}} for name in _MAPS},
        "revoked": {"M": {alias: n(at) for alias, at in wallet.revoked.items()}},
    }


def read_wallet(item: Mapping[str, Value]) -> Wallet:
    """The value of an image of a wallet item."""
    user, shard = item["pk"]["S"].split("#")
    counters = [name for name in item if name not in _ALWAYS]
    return Wallet(
        user=user,
        shard=int(shard),
        status=item["status"]["S"],
        holds=_numbers(item["holds"]),
        task_holds=_numbers(item["task_holds"]),
        keys={alias: int(key["M"]["remaining"]["N"]) for alias, key in item["keys"]["M"].items()},
        revoked=_numbers(item["revoked"]),
        subscriptions={
            alias: read_subscription(stored["M"])
            for alias, stored in item["subscriptions"]["M"].items()
        },
        minutes=_numbers(item["minutes"]),
        open_calls={name: int(item[name]["N"]) for name in counters if name.startswith("open_")},
        spent={name: read_spent(item[name]["M"]) for name in counters if name.startswith(_SPENT)},
        days=_numbers(item["days"]),
        **{name: int(item[name]["N"]) for name in _NUMBERS},
    )


def _numbers(value: Value) -> dict[str, int]:
    return {name: int(amount["N"]) for name, amount in value["M"].items()}


def read_spent(stored: Mapping[str, Value]) -> Spent:
    """One spend window as the wallet keeps it."""
    return Spent(began=int(stored["began"]["N"]), used=int(stored["used"]["N"]))


def write_spent(spent: Spent) -> Value:
    """The value `read_spent` reads."""
    return {"M": {"began": n(spent.began), "used": n(spent.used)}}


def read_subscription(stored: Mapping[str, Value]) -> Subscription:
    """One subscription as the wallet keeps it."""
    return Subscription(
        windows=Windows(
            day=int(stored["day"]["N"]),
            week=int(stored["week"]["N"]),
            month=int(stored["month"]["N"]),
        ),
        left={name: int(stored[f"{name}_left"]["N"]) for name in WINDOWS},
        limit={name: int(stored[f"{name}_limit"]["N"]) for name in WINDOWS},
        expires=int(stored["expires"]["N"]),
    )


def write_subscription(subscription: Subscription) -> Value:
    """The value `read_subscription` reads."""
    return {
        "M": {
            **{name: n(subscription.windows[name]) for name in WINDOWS},
            **{f"{name}_left": n(subscription.left[name]) for name in WINDOWS},
            **{f"{name}_limit": n(subscription.limit[name]) for name in WINDOWS},
            "expires": n(subscription.expires),
        }
    }
