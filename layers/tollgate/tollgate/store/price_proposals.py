"""Proposed imports of official prices: what a list said, kept for a day until somebody applies it.

A proposal never changes. What became of it is seen in the prices themselves, so applying one can
be broken off anywhere and begun again.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from tollgate.domain.definitions import PriceVersion
from tollgate.domain.errors import NotFound, RequestTooLarge
from tollgate.store.catalog.attributes import IntegerAttribute
from tollgate.store.catalog.cost_map import LISTED
from tollgate.store.catalog.writing import foreign_errors
from tollgate.store.snapshot_parts import read_price, write_price
from tollgate.store.state import StateItem

LIFE_MS: Final = 86_400_000
PREFIX: Final = "price_import#"
NAME: Final = "proposal"
LARGEST: Final = 350_000
"""Bytes, compressed; an item takes 400 KB. LiteLLM's whole map has a third of it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The prices of a list, by normal model name and not yet numbered; and what was left out, why.

    `seen` is the version of each model's price when the proposal was made; a model that had none
    is not in it. `providers` are whose rows are meant (none: everybody's). Times are epoch
    milliseconds.
    """

    id: str
    source: str
    by: str
    created_at: int
    prices: Mapping[str, PriceVersion]
    refused: Mapping[str, str]
    seen: Mapping[str, int]
    providers: tuple[str, ...] = ()

    def speaks_of(self, source: str) -> bool:
        """Whether a price from there should be in the list: it came from one like it."""
        listed, _, provider = source.partition(":")
        return listed == LISTED and (not self.providers or provider in self.providers)

    @property
    def expires_at(self) -> int:
        """When it is forgotten."""
        return self.created_at + LIFE_MS


class ProposalItem(StateItem):
    source = UnicodeAttribute()
    by = UnicodeAttribute()
    created_at = IntegerAttribute()
    content = BinaryAttribute(legacy_encoding=False)
    expires = IntegerAttribute()


class Proposals:
    """Proposals in the State table."""

    def put(self, proposal: Proposal) -> None:
        """Keep a proposal.

        Raises:
            RequestTooLarge: it has more prices than can be kept; choose vendors.
            StoreError: as the port says.
        """
        content = packed(proposal)
        if len(content) > LARGEST:
            raise RequestTooLarge(
                f"{len(proposal.prices)} prices are too many at once; name the providers you sell"
            )
        item = ProposalItem(
            PREFIX + proposal.id,
            NAME,
            source=proposal.source,
            by=proposal.by,
            created_at=proposal.created_at,
            content=content,
            expires=proposal.expires_at // 1_000,
        )
        with foreign_errors():
            item.save()

    def get(self, identity: str, now_ms: int) -> Proposal:
        """A proposal.

        Raises:
            NotFound: there is none, or its day is over.
        """
        with foreign_errors():
            try:
                item = ProposalItem.get(PREFIX + identity, NAME, consistent_read=True)
            except DoesNotExist:
                item = None
        if item is None or item.created_at + LIFE_MS <= now_ms:
            raise NotFound(f"there is no proposal {identity!r}, or its day is over; propose again")
        return unpacked(identity, item)


def packed(proposal: Proposal) -> bytes:
    """What a proposal says, compressed."""
    rows = {
        model: [version.source, write_price(version.price)]
        for model, version in proposal.prices.items()
    }
    facts = [rows, dict(proposal.refused), dict(proposal.seen), proposal.providers]
    text = json.dumps(facts, separators=(",", ":"))
    return zlib.compress(text.encode(), 9)


def unpacked(identity: str, item: ProposalItem) -> Proposal:
    """What `packed` wrote."""
    rows, refused, seen, providers = json.loads(zlib.decompress(item.content))
    return Proposal(
        identity,
        item.source,
        item.by,
        item.created_at,
        {model: PriceVersion(read_price(row), source) for model, (source, row) in rows.items()},
        refused,
        seen,
        tuple(providers),
    )
