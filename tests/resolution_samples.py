"""A small catalog and the calls that are asked of it, for tests of resolution."""

from dataclasses import replace
from decimal import Decimal

from tollgate.domain.call import Call
from tollgate.domain.catalog import (
    Account,
    Channel,
    ChannelPricing,
    ChannelRow,
    GlobalPart,
    GroupPart,
    Key,
    Price,
    Profile,
)
from tollgate.domain.question import Caller, Question
from tollgate.domain.resolution import Candidate, resolve

NOW = 1_000_000
ACCOUNT = Account("acc_1", "one", "openai", "apikey", "https://api.example.com/v1", {})
KEY = Key("key_1", "k001", "hash", 1, "grp_1")
PROFILE = Profile("usr_1", 1, "active", {"hash": KEY})
PRICES = {
    "gpt-4o": (Price("gpt-4o", 1, prices={"input": "2.5", "output": "10", "cache_read": "1.25"}),),
    "mapped": (Price("mapped", 2, prices={"input": "8", "output": "9"}),),
    "wire": (Price("wire", 3, prices={"input": "7", "output": "6"}),),
}
GROUP = GroupPart(
    "grp_1", 1, "g001", "main", "openai", "active", Decimal("1.5"), accounts=(ACCOUNT,)
)
EVERYWHERE = GlobalPart(1, PRICES, {"gpt-4o": "default"}, {})


def row(pattern: str, platform: str = "openai", **prices: str) -> ChannelRow:
    """Flat prices of a channel."""
    return ChannelRow(platform, pattern, prices=prices)


def channel(*rows: ChannelRow, **fields: object) -> Channel:
    """A channel with these rows, in force since ever."""
    by_platform: dict[str, dict[str, ChannelRow]] = {}
    for each in rows:
        by_platform.setdefault(each.platform, {})[each.pattern] = each
    pricing = (ChannelPricing(4, by_platform),) if rows else ()
    return Channel("chn_1", "sold", pricing=pricing, **fields)  # type: ignore[arg-type]


def question(model: str = "gpt-4o", **changes: object) -> Question:
    """One call of the only user; a channel goes into the group."""
    sold = changes.pop("channel", None)
    group = replace(GROUP, channel=sold) if isinstance(sold, Channel) else GROUP
    asked = Question(
        Caller(PROFILE, KEY), Call("generate", model, b""), ("openai",), EVERYWHERE, group, NOW
    )
    return replace(asked, **changes)  # type: ignore[arg-type]


def only(asked: Question) -> Candidate:
    """The one candidate of a call."""
    (found,) = resolve(asked)
    return found
