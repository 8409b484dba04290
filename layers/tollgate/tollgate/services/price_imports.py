"""Importing official prices: a proposal first, then each model by its own versioned write.

Nothing is deleted and no locked price is touched. A model whose price was written after the
proposal was made is left alone, unless it costs what the proposal says already; so an import that
was broken off is simply applied again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tollgate.domain.catalog import Price
from tollgate.domain.definition_rules import require
from tollgate.domain.definitions import Author, PriceDefinition, PriceVersion
from tollgate.domain.errors import Conflict, ValidationFailed, VersionMismatch
from tollgate.domain.price_draft import PriceDraft, price_of
from tollgate.domain.price_imports import Difference, difference, imported
from tollgate.store.catalog.official import Reading
from tollgate.store.catalog.prices import Prices
from tollgate.store.price_proposals import Proposal, Proposals

MOST_WRITES: Final = 100
"""Prices that one call writes; a function has half a minute."""

Result = Literal[
    "applied", "already", "unconfirmed", "locked", "refused", "changed_since", "unknown", "left"
]
STANDING: Final[Mapping[str, Result]] = {"unchanged": "already", "locked": "locked"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one model; the price before and after where it was written."""

    model: str
    result: Result
    reason: str = ""
    before: PriceDefinition | None = None
    after: PriceDefinition | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """Where a list is from, and whose rows of it are meant (none: everybody's)."""

    source: str
    providers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """Which models are to be applied (None: all that can be), and which of them were confirmed."""

    models: tuple[str, ...] | None
    confirmed: frozenset[str] = frozenset()


class PriceImports:
    """Proposals over the prices there are; `most` prices are written at once."""

    def __init__(self, prices: Prices, proposals: Proposals, most: int = MOST_WRITES) -> None:
        self._prices = prices
        self._proposals = proposals
        self._most = most

    def propose(self, identity: str, reading: Reading, listed: Listed, author: Author) -> Proposal:
        """Keep what a list says, beside the versions of the prices as they are now.

        Raises:
            RequestTooLarge: the list has more prices than can be kept.
        """
        heads = self._heads()
        proposal = Proposal(
            identity,
            listed.source,
            author.by,
            author.at,
            {model: version_of(draft, author.at) for model, draft in reading.drafts.items()},
            reading.refused,
            {m: heads[m].stamp.version for m in reading.drafts if m in heads},
            listed.providers,
        )
        self._proposals.put(proposal)
        return proposal

    def get(self, identity: str, now_ms: int) -> Proposal:
        """A proposal.

        Raises:
            NotFound: there is none, or its day is over.
        """
        return self._proposals.get(identity, now_ms)

    def differences(self, proposal: Proposal, now_ms: int) -> list[Difference]:
        """What the proposal would change now, by model; priced models it lacks, rows left out."""
        heads = self._heads()
        found = [
            difference(version.price, heads.get(model), now_ms)
            for model, version in proposal.prices.items()
        ]
        found += [
            Difference(model, "removed", reason="the list has no such model; its price stays")
            for model in heads.keys() - proposal.prices.keys()
            if heads[model].status == "active" and proposal.speaks_of(heads[model].source)
        ]
        found += [Difference(m, "refused", reason=why) for m, why in proposal.refused.items()]
        return sorted(found, key=lambda each: (each.model, each.status))

    def apply(self, proposal: Proposal, wish: Wish, author: Author) -> Iterator[Outcome]:
        """Write what is wished for, model by model; at most so many, the rest is `left`.

        Raises:
            ValidationFailed: a model that was named takes a confirmation; nothing is written.
            StoreError: writing broke off; what was given back before is done.
        """
        heads = self._heads()
        for row, model in enumerate(wish.models or (), start=1):
            refusal = self._refusal(proposal, model, heads.get(model), wish, author.at)
            unconfirmed = refusal is not None and refusal.result == "unconfirmed"
            why = refusal.reason if refusal else ""
            require(not unconfirmed, f"models[{row}]", f"{model}: {why}; confirm it")
        models = sorted(proposal.prices) if wish.models is None else wish.models
        written = 0
        for model in models:
            head = heads.get(model)
            refusal = self._refusal(proposal, model, head, wish, author.at)
            if refusal is not None:
                yield refusal
            elif written == self._most:
                yield Outcome(model, "left", "apply again for the rest")
            else:
                outcome = self._write(proposal.prices[model], head, author)
                written += outcome.result == "applied"
                yield outcome

    # --- parts of the above -------------------------------------------------------------------

    def _heads(self) -> dict[str, PriceDefinition]:
        return {head.model: head for head in self._prices.heads.everything()}

    def _refusal(
        self, proposal: Proposal, model: str, head: PriceDefinition | None, wish: Wish, now_ms: int
    ) -> Outcome | None:
        """Why a model is not written; None when it is to be."""
        version = proposal.prices.get(model)
        if version is None:
            why = proposal.refused.get(model)
            return Outcome(model, "refused" if why else "unknown", why or "not in the list")
        found = difference(version.price, head, now_ms)
        standing = STANDING.get(found.status)
        if standing is not None:
            return Outcome(model, standing)
        if proposal.seen.get(model) != (head and head.stamp.version):
            return Outcome(model, "changed_since", "written after the proposal; propose again")
        if found.guards and model not in wish.confirmed:
            return Outcome(model, "unconfirmed", "; ".join(found.guards))
        return None

    def _write(
        self, version: PriceVersion, head: PriceDefinition | None, author: Author
    ) -> Outcome:
        price = imported(version.price, head, author.at)
        record = PriceVersion(price, version.source)
        try:
            after = self._written(price, head, record, author)
        except VersionMismatch:
            return Outcome(price.model, "changed_since", "written at this very moment")
        except (Conflict, ValidationFailed) as error:
            return Outcome(price.model, "refused", error.message)
        return Outcome(price.model, "applied", "", head, after)

    def _written(
        self, price: Price, head: PriceDefinition | None, record: PriceVersion, author: Author
    ) -> PriceDefinition:
        if head is None or head.status == "withdrawn":
            return self._prices.create(PriceDefinition(price.model, 0, ()), record, author)
        return self._prices.change(price.model, head.stamp.version, record, author)


def version_of(draft: PriceDraft, now_ms: int) -> PriceVersion:
    """A draft as a version that has no number yet."""
    return PriceVersion(price_of(draft, 0, now_ms), draft.source)
