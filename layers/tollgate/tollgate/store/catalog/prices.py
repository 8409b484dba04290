"""Official prices and default model groups: written together, so a priced model is always sold.

The first price of a model also makes its default model group (onehub.md §11.3). How versions
follow each other is store/catalog/versioned.py's business.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pynamodb.connection import Connection

from tollgate.domain.catalog import BillingMode, Price
from tollgate.domain.definitions import (
    Author,
    DefaultGroup,
    ModelGroupDefinition,
    PriceDefinition,
    PriceVersion,
)
from tollgate.domain.model_groups import DEFAULT_CODE
from tollgate.domain.patterns import normal
from tollgate.domain.price_draft import PriceDraft, check_price, price_of
from tollgate.domain.versions import in_force
from tollgate.store.catalog.access import Definitions
from tollgate.store.catalog.kinds import PRICE, PRICE_VERSION, group_name
from tollgate.store.catalog.model_groups import DefaultGroups, ModelGroups
from tollgate.store.catalog.versioned import Line, Versioned
from tollgate.store.catalog.writing import Writing


def moved(head: PriceDefinition, number: int, live: tuple[Price, ...]) -> PriceDefinition:
    """The head at another version; with none that lives it is withdrawn."""
    return replace(head, number=number, live=live, status="active" if live else "withdrawn")


LINE: Final[Line[PriceDefinition, Price, PriceVersion]] = Line(
    word="price",
    kind=PRICE_VERSION,
    place=lambda head: f"prices#{head.model}",
    number=lambda head: head.number,
    live=lambda head: head.live,
    moved=moved,
    content=lambda record: record.price,
    filed=lambda record, price: replace(record, price=price),
)


def record_of(draft: PriceDraft, author: Author) -> PriceVersion:
    """A draft as a version that has no number yet.

    Raises:
        ValidationFailed: it could not be charged by.
    """
    check_price(draft)
    return PriceVersion(price_of(draft, 0, author.at), draft.source)


class Prices(Versioned[PriceDefinition, Price, PriceVersion]):
    """The official price of every model, by its normal name."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(LINE, Definitions(PRICE, "prices", connection), connection)
        self.defaults = DefaultGroups(connection)

    def add(self, draft: PriceDraft, author: Author) -> PriceDefinition:
        """Price a model that has no price.

        Raises:
            ValidationFailed: the draft cannot be charged by.
            Conflict: the model has a price.
        """
        blank = PriceDefinition(normal(draft.model), 0, ())
        return self.create(blank, record_of(draft, author), author)

    def reprice(self, draft: PriceDraft, seen: int | None, author: Author) -> PriceDefinition:
        """Give a priced model another price, from now or from the draft's start.

        Raises:
            ValidationFailed: the draft cannot be charged by, or would never be in force.
            NotFound: the model has no price.
            VersionMismatch: the price has changed since.
        """
        return self.change(draft.model, seen, record_of(draft, author), author)

    def lock(self, model: str, seen: int | None, locked: bool, author: Author) -> PriceDefinition:
        """Keep imports from changing a price, or let them again.

        Raises:
            NotFound: the model has no price.
            VersionMismatch: the price has changed since.
        """
        name = self.get(model).model
        return self.heads.change(name, seen, lambda head: replace(head, locked=locked), author)

    def add_missing(self, drafts: Iterable[PriceDraft], author: Author) -> list[str]:
        """Price those models that never had a price; their names are given back."""
        known = {head.model for head in self.heads.everything()}
        missing = [draft for draft in drafts if normal(draft.model) not in known]
        return [self.add(draft, author).model for draft in missing]

    def stage(
        self,
        writing: Writing,
        before: PriceDefinition | None,
        head: PriceDefinition,
        record: PriceVersion,
        author: Author,
    ) -> PriceDefinition:
        """As `Versioned.stage`; the head tells where its newest version is from."""
        return super().stage(writing, before, replace(head, source=record.source), record, author)

    def _also(
        self, writing: Writing, head: PriceDefinition, content: Price, author: Author
    ) -> None:
        now = in_force(head.live, author.at) or content
        self._sell(writing, head.model, now.mode, author)

    def _sell(self, writing: Writing, model: str, mode: BillingMode, author: Author) -> None:
        """See to it that the model has a default group that is billed as its price is (C6)."""
        default = self.defaults.find(model)
        groups = ModelGroups(self._connection)
        code = default.code if default else DEFAULT_CODE
        group = groups.find(group_name(model, code))
        if default is None:
            self.defaults.stage(writing, None, DefaultGroup(model, code), author)
        wanted = replace(
            group or ModelGroupDefinition(model, code, mode), billing_type=mode, enabled=True
        )
        if wanted != group:
            groups.stage(writing, group, wanted, author)
