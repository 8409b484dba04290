"""Which channels the calls of a model group go to, over HTTP."""

from dataclasses import replace
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from tollgate.domain.definition_rules import PRIORITY_LIMIT, WEIGHT_LIMIT
from tollgate.domain.definitions import ModelGroupChannelDefinition
from tollgate.domain.patterns import normal
from tollgate.store.catalog.kinds import group_name
from tollgate.web.admin.aliases import with_aliases
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    After,
    Body,
    Code,
    Entries,
    Id,
    IfMatch,
    Limit,
    ModelName,
    Name,
    OneModel,
    View,
    absent,
)
from tollgate.web.management.versions import check_unseen

READ, WRITE = "model_groups.read", "model_groups.write"
OneCode = Annotated[str | None, Query(alias="code", min_length=1, max_length=32)]
Channel = Annotated[str, Query(min_length=1, max_length=64)]
Weight = Annotated[int, Field(ge=0, le=WEIGHT_LIMIT, description="0 drains.")]
Priority = Annotated[int, Field(ge=0, le=PRIORITY_LIMIT, description="The higher goes first.")]


class BindingView(View):
    model: str
    code: str
    channel: str
    weight: int
    priority: int
    enabled: bool


class BindingSet(Body):
    """A channel for a model group. On one that is there, what is not sent stays."""

    model: Name
    code: Name
    channel: Id
    weight: Weight = absent()
    priority: Priority = absent()
    enabled: bool = absent()


class BindingResource:
    """/model_group_channels"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._bindings = desk.stores.catalog.bindings

    def endpoints(self) -> tuple[Endpoint, ...]:
        path = f"{ROOT}/model_group_channels"
        return with_aliases(
            (
                Endpoint("GET", path, READ, self.list),
                Endpoint("POST", path, WRITE, self.put),
                Endpoint("DELETE", path, WRITE, self.delete, 204),
            )
        )

    def list(
        self, model: OneModel = None, code: OneCode = None, limit: Limit = 50, cursor: After = None
    ) -> Entries[BindingView]:
        """List the channels of every model group, of one model's, or of one group."""
        if model is None:
            return self._desk.listed(self._bindings, limit, cursor, BindingView.of)
        found = self._bindings.of_model(model)
        chosen = [each for each in found if code is None or each.code == normal(code)]
        return Entries(entries=[BindingView.of(each) for each in chosen], next_cursor=None)

    def put(self, body: BindingSet, if_match: IfMatch = None) -> BindingView:
        """Bind a model group to a channel, or change the binding from the version that was read."""
        sent = body.changes() | {"model": normal(body.model), "code": normal(body.code)}
        name = name_of(body.model, body.code, body.channel)
        if self._bindings.find(name) is None:
            check_unseen(if_match)
            made = self._bindings.create(ModelGroupChannelDefinition(**sent), self._desk.author)
            view = BindingView.of(made)
            self._desk.trail.note("model_group_channel.create", name, None, view)
            return view
        changed = self._desk.changed(
            self._bindings, name, if_match, lambda before: replace(before, **sent)
        )
        self._desk.note_change("model_group_channel.change", name, changed, BindingView.of)
        return BindingView.of(changed.after)

    def delete(
        self, model: ModelName, code: Code, channel: Channel, if_match: IfMatch = None
    ) -> None:
        """Unbind a model group from a channel; without any it routes as its group does."""
        name = name_of(model, code, channel)
        before = self._desk.removed(self._bindings, name, if_match)
        self._desk.trail.note("model_group_channel.delete", name, BindingView.of(before), None)


def name_of(model: str, code: str, channel: str) -> str:
    """What a binding is called in its partition."""
    return f"{group_name(model, code)}#{channel}"
