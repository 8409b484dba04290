"""How the catalog's values become the bytes of a snapshot part, and come back without loss.

Empty fields are left out: most prices have neither intervals nor tiers.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from decimal import Decimal
from typing import Any, Final

from tollgate.domain.catalog import (
    Account,
    Channel,
    GlobalPart,
    GroupPart,
    Interval,
    Key,
    Price,
    Profile,
)

Row = dict[str, Any]
EMPTY: Final[tuple[Any, ...]] = ((), {}, None)


def pack(row: Row) -> bytes:
    """The bytes that are stored."""
    text = json.dumps(row, separators=(",", ":"), ensure_ascii=False, default=write_exact)
    return zlib.compress(text.encode(), 9)


def unpack(body: bytes) -> Row:
    """What `pack` wrote."""
    row: Row = json.loads(zlib.decompress(body))
    return row


def write_exact(value: Any) -> str:
    """Decimals travel as text.

    Raises:
        TypeError: anything else that JSON does not know.
    """
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no place in a snapshot")


def written(value: Any) -> Row:
    """The fields of a flat value, without those that are empty by default."""
    return {
        field.name: content
        for field in fields(value)
        if (content := getattr(value, field.name)) not in EMPTY or required(field)
    }


def required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def known(value: type[Any], row: Row) -> Row:
    """The row without fields that this release does not know: a newer one may have written it."""
    return {name: row[name] for name in value.__dataclass_fields__ if name in row}


def names(row: Row, *of: str) -> Row:
    """The row with its lists of names as tuples."""
    return row | {name: tuple(row[name]) for name in of if name in row}


def write_interval(interval: Interval) -> list[Any]:
    row = [interval.minimum, interval.maximum, interval.prices]
    return [*row, interval.tiers] if interval.tiers else row


def write_price(price: Price) -> Row:
    """A price version as plain JSON; read back by `read_price`."""
    return written(price) | (
        {"intervals": [write_interval(interval) for interval in price.intervals]}
        if price.intervals
        else {}
    )


def read_price(row: Mapping[str, Any]) -> Price:
    """What `write_price` wrote."""
    intervals = tuple(Interval(*interval) for interval in row.get("intervals", ()))
    return Price(**known(Price, {**row, "intervals": intervals}))


class Prices(Mapping[str, tuple[Price, ...]]):
    """Price versions by model; one is built when it is first asked for.

    A relay holds thousands of prices and needs a handful: building them all would cost each cold
    start tens of milliseconds.
    """

    def __init__(self, rows: Mapping[str, list[Row]]) -> None:
        self._rows = rows
        self._built: dict[str, tuple[Price, ...]] = {}

    def __getitem__(self, model: str) -> tuple[Price, ...]:
        built = self._built.get(model)
        if built is None:
            built = tuple(read_price({"model": model, **row}) for row in self._rows[model])
            self._built[model] = built
        return built

    def __contains__(self, model: object) -> bool:
        return model in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def write_global(part: GlobalPart) -> bytes:
    """The global part as it is stored; the version is the item's own."""
    prices = {
        model: [unnamed(write_price(price)) for price in versions]
        for model, versions in part.prices.items()
    }
    return pack(
        {
            "prices": prices,
            "default_groups": dict(part.default_groups),
            "settings": dict(part.settings),
        }
    )


def unnamed(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "model"}


def read_global(version: int, body: bytes) -> GlobalPart:
    """What `write_global` wrote."""
    row = unpack(body)
    return GlobalPart(version, Prices(row["prices"]), row["default_groups"], row["settings"])


def write_group(part: GroupPart) -> bytes:
    """A group's part as it is stored; the version is the item's own."""
    row = written(part)
    row["accounts"] = [written(account) for account in part.accounts]
    row["channel"] = part.channel and written(part.channel)
    return pack({name: value for name, value in row.items() if name != "version"})


def read_account(row: Row) -> Account:
    cost = Decimal(row["cost_multiplier"])
    return Account(**names(known(Account, row), "models") | {"cost_multiplier": cost})


def read_group(version: int, body: bytes) -> GroupPart:
    """What `write_group` wrote."""
    row = unpack(body)
    channel = row["channel"] and Channel(**known(Channel, row["channel"]))
    accounts = tuple(read_account(account) for account in row["accounts"])
    exact = {"multiplier": Decimal(row["multiplier"]), "channel": channel, "accounts": accounts}
    return GroupPart(version=version, **known(GroupPart, row | exact))


def write_profile(profile: Profile) -> bytes:
    """A user's profile as it is stored; user and version are the item's own."""
    row = written(profile)
    row["keys"] = [written(key) for key in profile.keys.values()]
    return pack({name: value for name, value in row.items() if name not in ("user", "version")})


def read_profile(user: str, version: int, body: bytes) -> Profile:
    """What `write_profile` wrote."""
    row = names(unpack(body), "groups")
    keys = (Key(**names(known(Key, key), "models", "endpoints")) for key in row["keys"])
    by_hash = {key.secret_hash: key for key in keys}
    return Profile(user=user, version=version, **known(Profile, row | {"keys": by_hash}))
