"""Official prices and default model groups: written together, so a priced model is always sold.

A price is never edited in place. Every write adds an immutable version and moves the head; the
head carries the versions that live, so that compiling all prices is one query. The first price
of a model also makes its default model group (onehub.md §11.3).
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pynamodb.connection import Connection

from tollgate.domain.catalog import BillingMode
from tollgate.domain.definitions import (
    Author,
    DefaultGroup,
    ModelGroupDefinition,
    PriceDefinition,
    PriceVersion,
)
from tollgate.domain.errors import Conflict, NotFound
from tollgate.domain.patterns import normal
from tollgate.domain.price_draft import PriceDraft, check_price, living, price_of
from tollgate.store.catalog.access import Definitions, Page
from tollgate.store.catalog.kinds import PRICE, PRICE_VERSION, group_name, version_name
from tollgate.store.catalog.model_groups import DefaultGroups, ModelGroups
from tollgate.store.catalog.writing import Writing

DEFAULT_CODE: Final = "default"


class Prices:
    """The official price of every model."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.heads: Definitions[PriceDefinition] = Definitions(PRICE, "prices", connection)
        self.defaults = DefaultGroups(connection)

    def get(self, model: str) -> PriceDefinition:
        """A model's price.

        Raises:
            NotFound: it never had one, or it was withdrawn.
        """
        head = self.heads.find(normal(model))
        if head is None or head.status == "withdrawn":
            raise NotFound(f"model {model!r} has no price")
        return head

    def versions(
        self, model: str, limit: int = 100, after: str | None = None
    ) -> Page[PriceVersion]:
        """Every version there ever was, oldest first."""
        return self._versions(model).page(limit, after)

    def version(self, model: str, number: int) -> PriceVersion:
        """One version.

        Raises:
            NotFound: there is none of that number.
        """
        return self._versions(model).get(version_name(number))

    def create(self, draft: PriceDraft, author: Author) -> PriceDefinition:
        """Price a model that has no price.

        Raises:
            ValidationFailed: the draft cannot be charged by.
            Conflict: the model has a price.
        """
        before = self.heads.find(normal(draft.model))
        if before is not None and before.status == "active":
            raise Conflict(f"model {draft.model!r} has a price; change it instead", param="model")
        return self._set(before, draft, author)

    def change(self, draft: PriceDraft, version: int | None, author: Author) -> PriceDefinition:
        """Give a priced model another price, from now or from the draft's start.

        Raises:
            ValidationFailed: the draft cannot be charged by.
            NotFound: the model has no price.
            VersionMismatch: the price has changed since.
        """
        model = self.get(draft.model).model
        return self._set(self.heads.seen(model, version), draft, author)

    def withdraw(self, model: str, version: int | None, author: Author) -> PriceDefinition:
        """Leave a model without a price: calls are refused until it has one again.

        Raises:
            NotFound: the model has no price.
            VersionMismatch: the price has changed since.
        """
        name = self.get(model).model
        return self.heads.change(
            name, version, lambda head: replace(head, status="withdrawn", live=()), author
        )

    def add_missing(self, drafts: Iterable[PriceDraft], author: Author) -> list[str]:
        """Price those models that never had a price; their names are given back."""
        known = {head.model for head in self.heads.everything()}
        missing = [draft for draft in drafts if normal(draft.model) not in known]
        return [self.create(draft, author).model for draft in missing]

    def _versions(self, model: str) -> Definitions[PriceVersion]:
        partition = f"prices#{normal(model)}"
        return Definitions(PRICE_VERSION, partition, self._connection)

    def _set(
        self, before: PriceDefinition | None, draft: PriceDraft, author: Author
    ) -> PriceDefinition:
        check_price(draft)
        number = before.number + 1 if before else 1
        price = price_of(draft, number, author.at)
        live = living((*(before.live if before else ()), price), author.at)
        writing = Writing(self._connection)
        self._versions(price.model).stage(writing, None, PriceVersion(price, draft.source), author)
        head = self.heads.stage(writing, before, PriceDefinition(price.model, number, live), author)
        self._sell(writing, price.model, price.mode, author)
        writing.commit()
        return head

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
