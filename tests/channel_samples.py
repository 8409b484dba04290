"""A call through a channel: rows as staff send them, one group, one account, a few prices."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from tollgate.domain.call import Call
from tollgate.domain.catalog import (
    Account,
    Channel,
    ChannelPricing,
    GlobalPart,
    GroupPart,
    Key,
    Price,
    Profile,
)
from tollgate.domain.channel_rows import SentRow, check_rows, rows_by_name
from tollgate.domain.question import Caller, Question
from tollgate.domain.resolution import Candidate, resolve

NOW: Final = 1_000_000
SONNET: Final = "claude-sonnet-4"
KEY: Final = Key("key_1", "k001", "hash", 1, "grp_1")
CALLER: Final = Caller(Profile("usr_1", 1, "active", {"hash": KEY}), KEY)
BASE: Final = Price(
    SONNET,
    1,
    prices={"input": "3", "output": "15", "cache_write_5m": "3.75", "cache_read": "0.3"},
    tiers={"priority": {"input": "6", "output": "30"}},
)
PICTURE: Final = Price("picture", 1, "times", {"images": "0.04"})
MODEL_PRICES: Final = {SONNET: (BASE,), "picture": (PICTURE,)}


def sold(*rows: SentRow, **fields: object) -> Channel:
    """A channel with these rows, in force since ever."""
    check_rows(rows)
    pricing = (ChannelPricing(4, rows_by_name(rows)),) if rows else ()
    return Channel("chn_1", "sold", pricing=pricing, **fields)  # type: ignore[arg-type]


def asked(
    model: str,
    channel: Channel | None = None,
    platform: str = "anthropic",
    prices: Mapping[str, tuple[Price, ...]] = MODEL_PRICES,
    **account: object,
) -> Question:
    """One call of the only user through a group of a platform, with one account."""
    pool = Account("acc_1", "one", platform, "apikey", "https://api.example.com", {})
    pool = replace(pool, **account)  # type: ignore[arg-type]
    group = GroupPart(
        "grp_1", 1, "g001", "main", platform, "active", Decimal(1), False, channel, (pool,)
    )
    everywhere = GlobalPart(1, prices, {}, {})
    return Question(CALLER, Call("generate", model, b""), (platform,), everywhere, group, NOW)


def only(question: Question) -> Candidate:
    """The one candidate of a call."""
    (found,) = resolve(question)
    return found
