"""Channels with their prices: one versioned set of rows each, written together with the channel.

A channel carries the versions that live, so a group's part is compiled from one query; every
version ever written stays readable beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pynamodb.connection import Connection

from tollgate.domain.catalog import ChannelPricing
from tollgate.domain.channel_rows import SentRow, check_rows, rows_by_name
from tollgate.domain.definition_rules import require
from tollgate.domain.definitions import Author, ChannelDefinition, ChannelPricingVersion
from tollgate.domain.errors import Conflict, ValidationFailed
from tollgate.store.catalog.access import Definitions
from tollgate.store.catalog.items import AccountItem, ChannelItem, Item
from tollgate.store.catalog.kinds import CHANNEL, CHANNEL_PRICING_VERSION
from tollgate.store.catalog.model_groups import Bindings
from tollgate.store.catalog.versioned import Line, Versioned
from tollgate.store.catalog.writing import Writing

MOST_BYTES: Final = 90_000
"""Of all rows that live, as stored; as people see them they may be four times as long, and an item
that remembers such an answer holds 400 kB."""

CHANNEL_LINE: Final[Line[ChannelDefinition, ChannelPricing, ChannelPricingVersion]] = Line(
    word="channel pricing",
    kind=CHANNEL_PRICING_VERSION,
    place=lambda channel: f"channel_pricing#{channel.id}",
    number=lambda channel: channel.pricing_number,
    live=lambda channel: channel.pricing,
    moved=lambda channel, number, live: replace(channel, pricing_number=number, pricing=live),
    content=lambda record: record.pricing,
    filed=lambda record, pricing: replace(record, pricing=pricing),
)


@dataclass(frozen=True, slots=True)
class Pricing:
    """Rows as they were sent, when they are in force (epoch ms), and where they are from."""

    rows: Sequence[SentRow]
    effective_from: int | None = None
    effective_to: int | None = None
    source: str = ""

    def record(self, now_ms: int) -> ChannelPricingVersion:
        """The version they become; the store numbers it.

        Raises:
            ValidationFailed: naming the row and the field that is wrong.
        """
        check_rows(self.rows)
        start = now_ms if self.effective_from is None else self.effective_from
        rows = rows_by_name(self.rows)
        return ChannelPricingVersion(ChannelPricing(0, rows, start, self.effective_to), self.source)


class Channels(Definitions[ChannelDefinition]):
    """Routes as sold."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(CHANNEL, "channels", connection)
        self.pricing = Versioned(CHANNEL_LINE, self, connection)

    def open(
        self, channel: ChannelDefinition, pricing: Pricing, author: Author
    ) -> ChannelDefinition:
        """Create a channel together with its prices; without rows it has none.

        Raises:
            ValidationFailed, Conflict: as `create`, or a row is wrong.
        """
        writing = Writing(self._connection)
        created = self._priced(writing, None, channel, pricing, author)
        writing.commit()
        return created

    def revise(
        self,
        before: ChannelDefinition,
        after: ChannelDefinition,
        pricing: Pricing,
        author: Author,
    ) -> ChannelDefinition:
        """Replace a channel that was read, and all its rows by a new version.

        Raises:
            VersionMismatch: it has been written since.
            ValidationFailed, Conflict: as `change`, or a row is wrong.
        """
        writing = Writing(self._connection)
        changed = self._priced(writing, before, after, pricing, author)
        writing.commit()
        return changed

    def stage(
        self,
        writing: Writing,
        before: ChannelDefinition | None,
        after: ChannelDefinition,
        author: Author,
    ) -> ChannelDefinition:
        """As every definition is; the rows that live must fit.

        Raises:
            ValidationFailed, Conflict: `after` is not allowed.
        """
        size = len(ChannelItem.pricing.serialize(after.pricing).encode())
        require(
            size <= MOST_BYTES,
            "pricing",
            f"the rows of all versions that live take {size} bytes, {MOST_BYTES} is the most; "
            "use prefixes, or cancel what is scheduled",
            f"所有有效版本共占 {size} 字节，最多 {MOST_BYTES} 字节；请使用前缀或取消计划中的版本",
        )
        return super().stage(writing, before, after, author)

    def remove(self, name: str, version: int | None) -> None:
        """As every definition is; not as long as model groups are bound to the channel.

        One that is bound at this very moment leads nowhere: its calls are refused, not misrouted.
        """
        bound = next(Bindings(self._connection).of_channel(name), None)
        if bound is not None:
            raise Conflict(
                f"model group {bound.code!r} of {bound.model!r} is bound to channel {name}; "
                "unbind it first, or disable the channel"
            )
        super().remove(name, version)

    def _priced(
        self,
        writing: Writing,
        before: ChannelDefinition | None,
        after: ChannelDefinition,
        pricing: Pricing,
        author: Author,
    ) -> ChannelDefinition:
        if not pricing.rows and not after.pricing_number:
            return self.stage(writing, before, after, author)
        record = pricing.record(author.at)
        return self.pricing.stage(writing, before, after, record, author)

    def _also(
        self,
        writing: Writing,
        before: ChannelDefinition | None,
        after: ChannelDefinition | None,
    ) -> None:
        """Accounts that are newly named are there; one removed later serves nobody any more."""
        known = frozenset(before.accounts if before else ())
        for account in after.accounts if after else ():
            if account not in known:
                gone = ValidationFailed(f"there is no account {account!r}", param="accounts")
                writing.check(AccountItem("accounts", account), Item.pk.exists(), gone)
