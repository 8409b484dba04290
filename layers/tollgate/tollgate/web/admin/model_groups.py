"""Model groups over HTTP: the tiers of every model, and which serves callers who ask for none."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Annotated

from pydantic import BaseModel, Field

from tollgate.domain.catalog import BillingMode
from tollgate.domain.definitions import ModelGroupDefinition, PriceDefinition
from tollgate.domain.patterns import normal
from tollgate.domain.versions import in_force
from tollgate.store.catalog.kinds import group_name
from tollgate.web.admin.aliases import with_aliases
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    After,
    Body,
    Code,
    Entries,
    IfMatch,
    Limit,
    ModelName,
    Name,
    OneModel,
    Text,
    View,
    absent,
)
from tollgate.web.management.versions import check_unseen, wanted

READ, WRITE = "model_groups.read", "model_groups.write"
UNBOUND = "bound to no channel: its calls go where those of the default group go"
UNSOLD = "the model has no official price: only users with a price of their own can call it"


class DefaultGroupView(View):
    model: str
    code: str


class ModelGroupView(View):
    model: str
    code: str
    billing_type: str
    display_name: str
    description: str
    enabled: bool
    is_default: bool
    warnings: list[str]


class ModelView(BaseModel):
    """A model with its default and its other groups; `billing_type` is its official price's."""

    model: str
    default: Annotated[str | None, Field(description="The default group's code.")]
    billing_type: Annotated[str | None, Field(description="Null: it has no official price.")]
    groups: list[ModelGroupView]


class DefaultGroupSet(Body):
    """The model group that serves callers who ask for none; it must be enabled."""

    code: Name


class ModelGroupSet(Body):
    """A tier of a model. On one that is there, what is not sent stays."""

    model: Name
    code: Name
    billing_type: BillingMode = absent()
    display_name: Text = absent()
    description: Text = absent()
    enabled: bool = absent()


class ModelGroupResource:
    """/model_groups, /model_group?model=&code= and /default_group"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._catalog = desk.stores.catalog
        self._groups = self._catalog.model_groups
        self._defaults = self._catalog.prices.defaults

    def endpoints(self) -> tuple[Endpoint, ...]:
        groups, group = f"{ROOT}/model_groups", f"{ROOT}/model_group"
        return with_aliases(
            (
                Endpoint("GET", groups, READ, self.overview),
                Endpoint("GET", group, READ, self.get),
                Endpoint("POST", group, WRITE, self.put),
                Endpoint("DELETE", group, WRITE, self.delete, 204),
                Endpoint("GET", f"{group}/<model>/<code>", READ, self.get_at),
                Endpoint("DELETE", f"{group}/<model>/<code>", WRITE, self.delete_at, 204),
                Endpoint("GET", f"{ROOT}/default_groups", READ, self.defaults),
                Endpoint("GET", f"{ROOT}/default_group", READ, self.default),
                Endpoint("PUT", f"{ROOT}/default_group", WRITE, self.choose),
            )
        )

    def overview(
        self, model: OneModel = None, limit: Limit = 50, cursor: After = None
    ) -> Entries[ModelView]:
        """List every model, or one, with its default and other groups and billing types."""
        if model is not None:
            return Entries(entries=[self._model(normal(model))], next_cursor=None)
        return self._models(limit, self._desk.position(cursor) or "")

    def get(self, model: ModelName, code: Code) -> ModelGroupView:
        """Read a model group."""
        return self._view(self._groups.one(model, code))

    def get_at(self, model: str, code: str) -> ModelGroupView:
        """Read a model group of a model without a slash in its name."""
        return self.get(model, code)

    def put(self, body: ModelGroupSet, if_match: IfMatch = None) -> ModelGroupView:
        """Create a model group, or change it from the version that was read."""
        name = group_name(body.model, body.code)
        before = self._groups.find(name)
        sent = body.changes() | {"model": normal(body.model), "code": normal(body.code)}
        if before is None:
            check_unseen(if_match)
            blank = ModelGroupDefinition(sent["model"], sent["code"], self._mode(sent["model"]))
            made = self._groups.create(replace(blank, **sent), self._desk.author)
            view = self._view(made)
            self._desk.trail.note("model_group.create", view.model + "/" + view.code, None, view)
            return view
        changed = self._desk.changed(
            self._groups, name, if_match, lambda group: replace(group, **sent)
        )
        self._desk.note_change(
            "model_group.change", f"{before.model}/{before.code}", changed, self._view
        )
        return self._view(changed.after)

    def delete(self, model: ModelName, code: Code, if_match: IfMatch = None) -> None:
        """Remove a model group that nothing uses; a model's default cannot be removed."""
        view = self._view(self._groups.one(model, code))
        self._desk.removed(self._groups, group_name(model, code), if_match)
        self._desk.trail.note("model_group.delete", f"{view.model}/{view.code}", view, None)

    def delete_at(self, model: str, code: str, if_match: IfMatch = None) -> None:
        """Remove a model group of a model without a slash in its name."""
        self.delete(model, code, if_match)

    def defaults(self, limit: Limit = 50, cursor: After = None) -> Entries[DefaultGroupView]:
        """List the default model group of every model that was ever priced."""
        return self._desk.listed(self._defaults, limit, cursor, DefaultGroupView.of)

    def default(self, model: ModelName) -> DefaultGroupView:
        """Read which model group is a model's default."""
        return DefaultGroupView.of(self._defaults.get(normal(model)))

    def choose(
        self, model: ModelName, body: DefaultGroupSet, if_match: IfMatch = None
    ) -> DefaultGroupView:
        """Choose a model's default model group; it is billed as the model is priced."""
        version = wanted(if_match)
        before = DefaultGroupView.of(self._defaults.get(normal(model)))
        mode = self._official_mode(normal(model))
        code = normal(body.code)
        chosen = self._defaults.choose(model, code, version, mode, self._desk.author)
        after = DefaultGroupView.of(chosen)
        self._desk.trail.note("default_group.change", after.model, before, after)
        return after

    # --- parts of the above -------------------------------------------------------------------

    def _models(self, limit: int, after: str) -> Entries[ModelView]:
        """One page of the models that have a group."""
        groups: dict[str, list[ModelGroupDefinition]] = {}
        for group in self._groups.everything():
            groups.setdefault(group.model, []).append(group)
        page = list(islice((each for each in sorted(groups) if each > after), limit + 1))
        entries = [self._model(model, groups[model]) for model in page[:limit]]
        more = page[limit - 1] if len(page) > limit else None
        return Entries(entries=entries, next_cursor=self._desk.cursor(more))

    def _model(self, model: str, known: Iterable[ModelGroupDefinition] | None = None) -> ModelView:
        pointer, mode = self._defaults.find(model), self._official_mode(model)
        bound = {each.code for each in self._catalog.bindings.of_model(model)}
        default = pointer.code if pointer else None
        groups = self._groups.of(model) if known is None else known
        views = [shown(group, default, mode, bound=group.code in bound) for group in groups]
        return ModelView(model=model, default=default, billing_type=mode, groups=views)

    def _view(self, group: ModelGroupDefinition) -> ModelGroupView:
        """A model group as people see it."""
        pointer = self._defaults.find(group.model)
        bound = bool(self._catalog.bindings.of(group.model, group.code))
        mode = self._official_mode(group.model)
        return shown(group, pointer.code if pointer else None, mode, bound=bound)

    def _official_mode(self, model: str) -> BillingMode | None:
        """The mode of a model's own official price; None when it has none."""
        head = self._catalog.prices.heads.find(model)
        return None if head is None else mode_of(head, self._desk.clock())

    def _mode(self, model: str) -> BillingMode:
        """What a new group is billed by when nobody says."""
        return self._official_mode(model) or "tokens"


def mode_of(head: PriceDefinition, now_ms: int) -> BillingMode | None:
    """The mode of a price in force, or of the next one."""
    price = in_force(head.live, now_ms) or next(iter(head.live), None)
    return None if price is None else price.mode


def shown(
    group: ModelGroupDefinition, default: str | None, mode: str | None, *, bound: bool
) -> ModelGroupView:
    """A model group as people see it, with what they should know."""
    is_default = group.code == default
    warnings = [UNBOUND] if not (bound or is_default) else []
    warnings += [UNSOLD] if mode is None else []
    return ModelGroupView.of(group, is_default=is_default, warnings=warnings)
