"""Imports of official prices over HTTP: a list is proposed, looked at, and applied model by model.

`POST /api/admin/prices/imports` reads the bundled list or one at an address,
`POST /api/admin/prices/imports/upload` the very bytes of LiteLLM's cost map as its body.
"""

from collections import Counter
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field, StringConstraints

from tollgate.domain.definition_rules import require
from tollgate.domain.errors import InvalidRequest
from tollgate.domain.price_imports import Difference
from tollgate.ids import RANDOM_DIGITS, new_id
from tollgate.services.price_imports import Listed, Outcome, PriceImports, Wish
from tollgate.store.catalog.official import BUNDLED, Namespace, Reading, read_map
from tollgate.store.price_proposals import Proposal, Proposals
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.admin.price_bodies import fx_now
from tollgate.web.admin.prices import price_view
from tollgate.web.management.calls import current
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    PRINTABLE,
    After,
    Body,
    Entries,
    Limit,
    Name,
    Names,
    Once,
    empty,
)
from tollgate.web.requests import BODY_LIMIT

UPLOAD: Final = "upload"
FIRST_PAGE: Final = 50
Providers = Annotated[
    list[Name], Field(max_length=50, description="litellm_provider of the rows meant; none: all.")
]
Prefixes = Annotated[
    list[Name],
    Field(max_length=20, description='Left out in front of names, such as "openai/".'),
]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=PRINTABLE)]
Several = Annotated[
    str | None, Query(max_length=2_000, pattern=PRINTABLE, description="Comma-separated.")
]
StatusFilter = Annotated[
    Literal["added", "changed", "unchanged", "removed", "locked", "refused"] | None, Query()
]


class ImportCreate(Body):
    """Which list is to be read, and which of its rows."""

    source: Literal["bundled", "url"]
    url: Url | None = None
    providers: Providers = empty(list)
    prefixes: Prefixes = empty(list)


class ImportApply(Body):
    """Which models are to be priced as proposed."""

    models: Annotated[Names | None, Field(description="Null with `all`.")] = None
    all: Annotated[
        bool, Field(description="Every model that can be; repeat until none is left.")
    ] = False
    confirm: Annotated[
        Names, Field(description="Models whose guarded changes are meant, such as a tenfold price.")
    ] = empty(list)


class ChangeView(BaseModel):
    """One figure before and after."""

    figure: str
    old: str | None
    new: str | None
    percent: Annotated[str, Field(description="Such as +12.50; empty where there is none.")]


class DifferenceView(BaseModel):
    """What the proposal means for one model now."""

    model: str
    status: str
    changes: list[ChangeView]
    guards: Annotated[list[str], Field(description="Why it takes a confirmation.")]
    reason: str


class ImportView(BaseModel):
    """A proposal: how many models it would add, change, and so on; and the first of them."""

    id: str
    source: str
    created_at: int
    expires_at: int
    created_by: str
    counts: dict[str, int]
    entries: list[DifferenceView]


class OutcomeView(BaseModel):
    """What became of one model."""

    model: str
    result: str
    reason: str


class ImportApplied(BaseModel):
    """What became of the models; those that cost as proposed already are only counted."""

    counts: dict[str, int]
    left: Annotated[int, Field(description="Apply again for these.")]
    outcomes: list[OutcomeView]


@cache
def bundled_map() -> str:
    """The list that comes with Tollgate."""
    return files("tollgate.store").joinpath(BUNDLED).read_text(encoding="utf-8")


class PriceImportResource:
    """/prices/imports"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._catalog = desk.stores.catalog
        self._imports = PriceImports(desk.stores.catalog.prices, Proposals())

    def endpoints(self) -> tuple[Endpoint, ...]:
        imports = f"{ROOT}/prices/imports"
        proposal = f"{imports}/<proposal>"
        return (
            Endpoint("POST", imports, "prices.write", self.create, 201),
            Endpoint(
                *("POST", f"{imports}/{UPLOAD}", "prices.write", self.upload, 201),
                body_limit=BODY_LIMIT,
                file=True,
            ),
            Endpoint("GET", proposal, "prices.read", self.get),
            Endpoint("POST", f"{proposal}/apply", "prices.write", self.apply),
        )

    def create(self, body: ImportCreate, key: Once = None) -> ImportView:
        """Propose prices by the bundled list, or by one at an https address."""
        require((body.source == "url") == (body.url is not None), "url", "goes with source url")
        namespace = Namespace(tuple(body.providers), tuple(body.prefixes))

        def create(identity: str, _: bool) -> ImportView:
            text = bundled_map() if body.url is None else self._fetched(body.url)
            listed = Listed(body.url or body.source, namespace.providers)
            return self._propose(identity, read_map(text, namespace), listed)

        return self._desk.creations.once(key, body, Creating("imp", create, ImportView))

    def upload(self, providers: Several = None, prefixes: Several = None) -> ImportView:
        """Propose prices by the cost map that is this request's body, up to 4 MB."""
        namespace = Namespace(separated(providers), separated(prefixes))
        reading = read_map(text_of(current().body), namespace)
        below = self._desk.random(32**RANDOM_DIGITS)
        identity = new_id("imp", self._desk.clock(), below)
        return self._propose(identity, reading, Listed(UPLOAD, namespace.providers))

    def get(
        self,
        proposal: str,
        status: StatusFilter = None,
        limit: Limit = 50,
        cursor: After = None,
    ) -> Entries[DifferenceView]:
        """List what a proposal would change now, model by model."""
        now = self._desk.clock()
        found = self._imports.differences(self._imports.get(proposal, now), now)
        after = self._desk.position(cursor) or ""
        rows = [each for each in found if status in (None, each.status) and place(each) > after]
        more = place(rows[limit - 1]) if len(rows) > limit else None
        return Entries(
            entries=[row_of(each) for each in rows[:limit]], next_cursor=self._desk.cursor(more)
        )

    def apply(self, proposal: str, body: ImportApply) -> ImportApplied:
        """Price models as proposed, at most 100 a call; what was done before stays done."""
        require(body.all is (body.models is None), "models", "name models, or say all")
        models = None if body.models is None else tuple(body.models)
        wish = Wish(models, frozenset(body.confirm))
        found = self._imports.get(proposal, self._desk.clock())
        counts: Counter[str] = Counter()
        told: list[OutcomeView] = []
        for outcome in self._imports.apply(found, wish, self._desk.author):
            counts[outcome.result] += 1
            if outcome.result == "applied":
                self._note(outcome)
            if outcome.result not in ("already", "left"):
                told.append(
                    OutcomeView(**{n: getattr(outcome, n) for n in OutcomeView.model_fields})
                )
        return ImportApplied(counts=dict(counts), left=counts["left"], outcomes=told)

    # --- parts of the above -------------------------------------------------------------------

    def _fetched(self, url: str) -> str:
        from tollgate.upstream.fetching import fetch  # noqa: PLC0415 - httpx takes 60 ms

        return text_of(fetch(url, BODY_LIMIT, loopback=self._desk.loopback))

    def _propose(self, identity: str, reading: Reading, listed: Listed) -> ImportView:
        proposal = self._imports.propose(identity, reading, listed, self._desk.author)
        view = self._view(proposal)
        self._desk.trail.note("price_import.propose", identity, None, Proposed.of(view))
        return view

    def _view(self, proposal: Proposal) -> ImportView:
        found = self._imports.differences(proposal, self._desk.clock())
        return ImportView(
            id=proposal.id,
            source=proposal.source,
            created_at=proposal.created_at,
            expires_at=proposal.expires_at,
            created_by=proposal.by,
            counts=dict(Counter(each.status for each in found)),
            entries=[row_of(each) for each in found[:FIRST_PAGE]],
        )

    def _note(self, outcome: Outcome) -> None:
        """Enter a written price into the audit log."""
        fx, now = fx_now(self._catalog), self._desk.clock()
        before, after = (
            None if head is None else price_view(head, fx, now)
            for head in (outcome.before, outcome.after)
        )
        self._desk.trail.note("price.import", outcome.model, before, after)


class Proposed(BaseModel):
    """What the audit log keeps of a proposal."""

    source: str
    counts: dict[str, int]

    @classmethod
    def of(cls, view: ImportView) -> "Proposed":
        return cls(source=view.source, counts=view.counts)


def separated(names: str | None) -> tuple[str, ...]:
    """Names of a comma-separated list."""
    return tuple(name.strip() for name in (names or "").split(",") if name.strip())


def text_of(body: bytes) -> str:
    """A list's bytes as text.

    Raises:
        InvalidRequest: they are not UTF-8.
    """
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest("the price list is not UTF-8") from error


def place(difference: Difference) -> str:
    """Where a difference stands in the list."""
    return f"{difference.model}\n{difference.status}"


def row_of(difference: Difference) -> DifferenceView:
    """A difference as people see it."""
    return DifferenceView(**asdict(difference))
