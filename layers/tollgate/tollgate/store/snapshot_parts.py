"""How the catalog's values become the bytes of a snapshot part, and come back without loss.

Empty fields are left out: most prices have neither intervals nor tiers.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

from tollgate.domain.catalog import (
    Account,
    Channel,
    ChannelPart,
    ChannelPricing,
    ChannelRow,
    CustomerPrice,
    GlobalPart,
    GroupPart,
    Interval,
    Key,
    Limits,
    ModelGroup,
    ModelGroupChannel,
    PauseRule,
    Price,
    Profile,
)
from tollgate.domain.charge import write_interval

Row = dict[str, Any]
V = TypeVar("V")
EMPTY: Final[tuple[Any, ...]] = ((), {}, None)
FIRST_LIMITS: Final = ("rpm", "concurrency")
KEY_NAMES: Final = ("models", "endpoints", "allowed_networks", "denied_networks")


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
        if (content := getattr(value, field.name)) not in EMPTY or content != default(field)
    }


def read_limits(row: Mapping[str, Any]) -> Limits:
    """What `written` wrote of limits."""
    return Limits(**known(Limits, row))


def read_every_limits(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Limits]:
    """Limits by what they count for."""
    return {name: read_limits(row) for name, row in rows.items()}


def write_every(values: Mapping[str, Any]) -> Row:
    """Flat values by name."""
    return {name: written(value) for name, value in values.items()}


def read_pause(row: Mapping[str, Any]) -> PauseRule:
    """What `written` wrote of a rule."""
    return PauseRule(**names(known(PauseRule, row), "keywords"))


def read_routing(rows: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """The accounts that are named for each pattern."""
    return {pattern: tuple(accounts) for pattern, accounts in rows.items()}


def limited(row: Row) -> Row:
    """The row with its limits as plain JSON."""
    return row | ({"limits": written(row["limits"])} if "limits" in row else {})


def with_limits(row: Row) -> Row:
    """What `limited` wrote, with the limits as a value."""
    return row | ({"limits": read_limits(row["limits"])} if "limits" in row else {})


def limited_before(row: Row) -> Row:
    """The row with the two limits that users had before there were others."""
    first = {name: row[name] for name in FIRST_LIMITS if name in row}
    return {"limits": first} | row if first else row


def default(field: Field[Any]) -> Any:
    """What a field is when nobody says; MISSING when somebody must."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def known(value: type[Any], row: Mapping[str, Any]) -> Row:
    """The row without fields that this release does not know: a newer one may have written it."""
    return {name: row[name] for name in value.__dataclass_fields__ if name in row}


def names(row: Row, *of: str) -> Row:
    """The row with its lists of names as tuples."""
    return row | {name: tuple(row[name]) for name in of if name in row}


class Lazily(Mapping[str, V], Generic[V]):
    """Values by name; one is built from its row when it is first asked for.

    A relay holds thousands of prices and needs a handful: building them all would cost each cold
    start tens of milliseconds.
    """

    def __init__(self, rows: Mapping[str, Any], build: Callable[[str, Any], V]) -> None:
        self._rows = rows
        self._build = build
        self._built: dict[str, V] = {}

    def __getitem__(self, name: str) -> V:
        built = self._built.get(name)
        if built is None:
            built = self._build(name, self._rows[name])
            self._built[name] = built
        return built

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


# --- prices -----------------------------------------------------------------------------------


def read_intervals(rows: Iterable[list[Any]]) -> tuple[Interval, ...]:
    return tuple(Interval(*row) for row in rows)


def write_price(price: Price | CustomerPrice | ChannelRow) -> Row:
    """A price as plain JSON; read back by `read_price` and its like."""
    row = written(price)
    if row.get("intervals"):
        row["intervals"] = [write_interval(interval) for interval in row["intervals"]]
    return row


def priced(value: type[V], row: Mapping[str, Any]) -> V:
    """What `write_price` wrote of such a value."""
    intervals = row.get("intervals")
    found = {} if intervals is None else {"intervals": read_intervals(intervals)}
    return value(**known(value, {**row, **found}))


def read_price(row: Mapping[str, Any]) -> Price:
    """What `write_price` wrote of an official price."""
    return priced(Price, row)


def read_customer_price(row: Mapping[str, Any]) -> CustomerPrice:
    """What `write_price` wrote of a customer's price."""
    return priced(CustomerPrice, row)


def write_pricing(pricing: ChannelPricing) -> Row:
    """A version of a channel's prices as plain JSON."""
    rows = {
        platform: {pattern: unnamed(write_price(row)) for pattern, row in rows.items()}
        for platform, rows in pricing.rows.items()
    }
    return written(pricing) | {"rows": rows}


def read_pricing(row: Mapping[str, Any]) -> ChannelPricing:
    """What `write_pricing` wrote."""
    return ChannelPricing(
        **known(ChannelPricing, row)
        | {"rows": {name: Lazily(rows, row_of(name)) for name, rows in row["rows"].items()}}
    )


def row_of(platform: str) -> Callable[[str, Any], ChannelRow]:
    """How the rows of a platform are built."""
    return lambda pattern, row: priced(
        ChannelRow, {**row, "platform": platform, "pattern": pattern}
    )


def unnamed(row: Row) -> Row:
    """The row without what its place in the part tells."""
    return {
        n: value for n, value in row.items() if n not in ("model", "code", "platform", "pattern")
    }


USUAL: Final = {
    kind: {field.name: default(field) for field in fields(kind)} for kind in (Price, CustomerPrice)
}
"""What a price says where nobody does."""


def shortest(price: Price | CustomerPrice) -> Row:
    """A price of a part, without what its place tells or is usual.

    A relay reads all of a user's prices for the first call: 10,000 take half the time so.
    """
    usual = USUAL[type(price)]
    row = unnamed(write_price(price))
    return {name: value for name, value in row.items() if value != usual[name]}


# --- the global part --------------------------------------------------------------------------


def write_global(part: GlobalPart) -> bytes:
    """The global part as it is stored; the version is the item's own."""
    prices = {
        model: [shortest(price) for price in versions] for model, versions in part.prices.items()
    }
    groups = {
        model: {code: write_model_group(group) for code, group in rows.items()}
        for model, rows in part.model_groups.items()
    }
    return pack(
        {
            "prices": prices,
            "default_groups": dict(part.default_groups),
            "model_groups": groups,
            "settings": dict(part.settings),
        }
    )


def read_global(version: int, body: bytes) -> GlobalPart:
    """What `write_global` wrote."""
    row = unpack(body)
    return GlobalPart(
        version,
        Lazily(row["prices"], read_official),
        row["default_groups"],
        row["settings"],
        Lazily(row.get("model_groups", {}), read_model_groups),
    )


def read_official(model: str, rows: Iterable[Row]) -> tuple[Price, ...]:
    return tuple(read_price({**row, "model": model}) for row in rows)


def write_model_group(group: ModelGroup) -> Row:
    bound = [[each.channel, each.priority, each.weight] for each in group.channels]
    return written(group) | ({"channels": bound} if bound else {})


def read_model_groups(_: str, rows: Mapping[str, Row]) -> dict[str, ModelGroup]:
    return {code: read_model_group(row) for code, row in rows.items()}


def read_model_group(row: Row) -> ModelGroup:
    bound = tuple(ModelGroupChannel(*each) for each in row.get("channels", ()))
    return ModelGroup(**known(ModelGroup, row) | {"channels": bound})


# --- groups, channels, multipliers ------------------------------------------------------------


def write_group(part: GroupPart) -> bytes:
    """A group's part as it is stored; the version is the item's own."""
    row = limited(written(part))
    row["accounts"] = [write_account(account) for account in part.accounts]
    row["channel"] = part.channel and write_channel(part.channel)
    return pack({name: value for name, value in row.items() if name != "version"})


def write_channel(channel: Channel) -> Row:
    pricing = [write_pricing(version) for version in channel.pricing]
    return written(channel) | ({"pricing": pricing} if pricing else {})


def read_channel(row: Row) -> Channel:
    pricing = tuple(map(read_pricing, row.get("pricing", ())))
    return Channel(**known(Channel, row) | {"pricing": pricing})


def write_account(account: Account) -> Row:
    pauses = [written(rule) for rule in account.pauses]
    return written(account) | ({"pauses": pauses} if pauses else {})


def read_account(row: Row) -> Account:
    typed = {
        "cost_multiplier": Decimal(row["cost_multiplier"]),
        "pauses": tuple(map(read_pause, row.get("pauses", ()))),
    }
    return Account(**names(known(Account, row), "models", "error_codes") | typed)


def read_group(version: int, body: bytes) -> GroupPart:
    """What `write_group` wrote."""
    row = unpack(body)
    channel = row["channel"] and read_channel(row["channel"])
    accounts = tuple(read_account(account) for account in row["accounts"])
    exact = {
        "multiplier": Decimal(row["multiplier"]),
        "channel": channel,
        "accounts": accounts,
        "model_routing": read_routing(row.get("model_routing", {})),
    }
    return GroupPart(version=version, **known(GroupPart, with_limits(row) | exact))


def write_channel_part(part: ChannelPart) -> bytes:
    """A bound channel's part as it is stored; the version is the item's own."""
    accounts = [write_account(account) for account in part.accounts]
    return pack({"channel": write_channel(part.channel), "accounts": accounts})


def read_channel_part(version: int, body: bytes) -> ChannelPart:
    """What `write_channel_part` wrote."""
    row = unpack(body)
    accounts = tuple(read_account(account) for account in row["accounts"])
    return ChannelPart(version, read_channel(row["channel"]), accounts)


# --- users ------------------------------------------------------------------------------------


def write_profile(profile: Profile) -> bytes:
    """A user's profile as it is stored; user and version are the item's own."""
    row = limited(written(profile))
    row["keys"] = [limited(written(key)) for key in profile.keys.values()]
    if profile.group_limits:
        row["group_limits"] = write_every(profile.group_limits)
    if profile.prices:
        row["prices"] = {
            model: {code: [shortest(price) for price in live] for code, live in by_code.items()}
            for model, by_code in profile.prices.items()
        }
    if profile.permissions:
        row["permissions"] = {model: sorted(codes) for model, codes in profile.permissions.items()}
    return pack({name: value for name, value in row.items() if name not in ("user", "version")})


def read_profile(user: str, version: int, body: bytes) -> Profile:
    """What `write_profile` wrote."""
    row = with_limits(limited_before(names(unpack(body), "groups")))
    keys = (Key(**names(known(Key, with_limits(key)), *KEY_NAMES)) for key in row["keys"])
    built = {
        "group_limits": read_every_limits(row.get("group_limits", {})),
        "keys": {key.secret_hash: key for key in keys},
        "prices": Lazily(row.get("prices", {}), read_customer_prices),
        "permissions": {m: frozenset(codes) for m, codes in row.get("permissions", {}).items()},
    }
    return Profile(user=user, version=version, **known(Profile, row | built))


def read_customer_prices(
    model: str, rows: Mapping[str, Iterable[Row]]
) -> dict[str, tuple[CustomerPrice, ...]]:
    return {
        code: tuple(read_customer_price({**row, "model": model, "code": code}) for row in live)
        for code, live in rows.items()
    }
