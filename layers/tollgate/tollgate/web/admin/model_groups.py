"""Model groups over HTTP: the tiers of a model, and which one serves callers who ask for none."""

from dataclasses import replace
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Query

from tollgate.domain.definitions import ModelGroupDefinition
from tollgate.domain.patterns import normal
from tollgate.store.catalog.kinds import group_name
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    After,
    Body,
    Entries,
    IfMatch,
    Limit,
    ModelName,
    Name,
    Once,
    Text,
    View,
    absent,
)
from tollgate.web.management.versions import wanted

Code = Annotated[str, Query(min_length=1, max_length=32)]


class DefaultGroupView(View):
    model: str
    code: str


class ModelGroupView(View):
    model: str
    code: str
    billing_type: str
    display_name: str
    enabled: bool


class DefaultGroupSet(Body):
    """The model group that serves callers who ask for none; it must be enabled."""

    code: Name


class ModelGroupCreate(Body):
    """A further tier of a model."""

    model: Name
    code: Name
    billing_type: Literal["tokens", "times", "seconds"] = "tokens"
    display_name: Text = ""
    enabled: bool = True


class ModelGroupPatch(Body):
    """What is sent is changed; null clears `display_name`."""

    billing_type: Literal["tokens", "times", "seconds"] = absent()
    display_name: Text | None = absent()
    enabled: bool = absent()


class ModelGroupResource:
    """/model_groups?model= and /default_groups"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._catalog = desk.stores.catalog
        self._defaults = self._catalog.prices.defaults

    def endpoints(self) -> tuple[Endpoint, ...]:
        groups, group = f"{ROOT}/model_groups", f"{ROOT}/model_group"
        return (
            Endpoint("GET", groups, "model_groups.read", self.list),
            Endpoint("POST", groups, "model_groups.write", self.create, 201),
            Endpoint("GET", group, "model_groups.read", self.get),
            Endpoint("PATCH", group, "model_groups.write", self.patch),
            Endpoint("DELETE", group, "model_groups.write", self.delete, 204),
            Endpoint("GET", f"{ROOT}/default_groups", "model_groups.read", self.defaults),
            Endpoint("GET", f"{ROOT}/default_group", "model_groups.read", self.default),
            Endpoint("PUT", f"{ROOT}/default_group", "model_groups.write", self.choose),
        )

    def list(
        self, model: ModelName, limit: Limit = 50, cursor: After = None
    ) -> Entries[ModelGroupView]:
        """List the model groups of a model."""
        return self._desk.listed(
            self._catalog.model_groups, limit, cursor, ModelGroupView.of
        )

    def create(self, body: ModelGroupCreate, key: Once = None) -> ModelGroupView:
        """Create a model group of a model that has a price."""
        self._catalog.prices.get(body.model)

        def create(_: str, resumed: bool) -> ModelGroupView:
            groups = self._catalog.model_groups
            there = groups.find(group_name(body.model, body.code)) if resumed else None
            group = ModelGroupDefinition(**body.model_dump() | {"model": normal(body.model)})
            view = ModelGroupView.of(there or groups.create(group, self._desk.author))
            self._desk.trail.note("model_group.create", f"{view.model}/{view.code}", None, view)
            return view

        return self._desk.creations.once(key, body, Creating("mdg", create, ModelGroupView))

    def get(self, model: ModelName, code: Code) -> ModelGroupView:
        """Read a model group."""
        return ModelGroupView.of(self._catalog.model_groups.one(model, code))

    def patch(
        self, model: ModelName, code: Code, body: ModelGroupPatch, if_match: IfMatch = None
    ) -> ModelGroupView:
        """Change a model group; a model's default cannot be disabled."""
        changes = body.changes({"display_name": ""})
        changed = self._desk.changed(
            self._catalog.model_groups,
            group_name(model, code),
            if_match,
            lambda before: replace(before, **changes),
        )
        name = f"{normal(model)}/{code}"
        self._desk.note_change("model_group.change", name, changed, ModelGroupView.of)
        return ModelGroupView.of(changed.after)

    def delete(self, model: ModelName, code: Code, if_match: IfMatch = None) -> None:
        """Remove a model group; a model's default cannot be removed."""
        before = self._desk.removed(self._catalog.model_groups, group_name(model, code), if_match)
        name = f"{normal(model)}/{code}"
        self._desk.trail.note("model_group.delete", name, ModelGroupView.of(before), None)

    def defaults(self, limit: Limit = 50, cursor: After = None) -> Entries[DefaultGroupView]:
        """List the default model group of every model that was ever priced."""
        return self._desk.listed(self._defaults, limit, cursor, DefaultGroupView.of)

    def default(self, model: ModelName) -> DefaultGroupView:
        """Read which model group is a model's default."""
        return DefaultGroupView.of(self._defaults.get(normal(model)))

    def choose(
        self, model: ModelName, body: DefaultGroupSet, if_match: IfMatch = None
    ) -> DefaultGroupView:
        """Choose a model's default model group."""
        version = wanted(if_match)
        before = DefaultGroupView.of(self._defaults.get(normal(model)))
        chosen = self._defaults.choose(model, body.code, version, None, self._desk.author)
        after = DefaultGroupView.of(chosen)
        self._desk.trail.note("default_group.change", after.model, before, after)
        return after
