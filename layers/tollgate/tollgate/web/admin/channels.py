"""Channels over HTTP. Fields are tri-state: what is not sent stays; null, [] and {} clear."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from tollgate.domain.catalog import Status
from tollgate.domain.definitions import ChannelDefinition
from tollgate.domain.patterns import normal
from tollgate.services.changes import Changed
from tollgate.store.catalog.access import in_order
from tollgate.web.admin.channel_pricing import ChannelRowView, Rows, pricing_of, rows_now
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    After,
    Body,
    Entries,
    Id,
    Ids,
    IfMatch,
    Limit,
    Mapped,
    Name,
    Once,
    Text,
    View,
    absent,
    empty,
)
from tollgate.web.management.versions import wanted

Mapping = Annotated[
    dict[Id, Mapped],
    Field(max_length=20, description="By platform: requested name or prefix* → name on the wire."),
]
Source = Literal["requested", "channel_mapped", "upstream"]
CLEARED: Final = {
    "groups": (),
    "accounts": (),
    "model_mapping": {},
    "pricing": [],
    "description": "",
}
Searched = Annotated[
    str | None,
    Query(alias="name", min_length=1, max_length=100, description="Part of the name."),
]
StatusWanted = Annotated[Status | None, Query(alias="status")]
GroupWanted = Annotated[
    str | None, Query(alias="group", max_length=64, description="A group's id.")
]
Sort = Annotated[
    Literal["created_at", "updated_at", "name", "status"],
    Query(alias="sort", description="What the list is ordered by."),
]
Order = Annotated[Literal["asc", "desc"], Query(alias="order")]


PLACES: Final[dict[str, Callable[[ChannelDefinition], str]]] = {
    "created_at": lambda channel: f"{channel.stamp.created_at:016d}#{channel.id}",
    "updated_at": lambda channel: f"{channel.stamp.updated_at:016d}#{channel.id}",
    "name": lambda channel: f"{normal(channel.name)}\0{channel.id}",
    "status": lambda channel: f"{channel.status}#{channel.id}",
}
"""Where a channel is in a list that is ordered by something: another text for each."""


class ChannelListed(View):
    """A channel in a list; its prices are at /channels/<channel>/pricing."""

    id: str
    name: str
    groups: list[str]
    accounts: list[str]
    model_mapping: dict[str, dict[str, str]]
    billing_model_source: str
    restrict_models: bool
    pricing_number: Annotated[int, Field(description="The newest version of its prices.")]
    description: str
    status: str


class ChannelView(ChannelListed):
    """A channel with the price rows that are in force."""

    pricing: list[ChannelRowView]


class ChannelCreate(Body):
    """A new channel; a group is in at most one."""

    name: Name
    groups: Ids = empty(list)
    accounts: Annotated[Ids, Field(description="Its own, for model groups bound to it.")] = empty(
        list
    )
    model_mapping: Mapping = empty(dict)
    billing_model_source: Source = "channel_mapped"
    restrict_models: Annotated[bool, Field(description="Sell only what it prices.")] = False
    pricing: Rows = empty(list)
    description: Text = ""
    status: Literal["active", "disabled"] = "active"


class ChannelPatch(Body):
    """What is sent is changed; null, [] and {} clear. `pricing` is a new version from now."""

    name: Name = absent()
    groups: Ids | None = absent()
    accounts: Ids | None = absent()
    model_mapping: Mapping | None = absent()
    billing_model_source: Source = absent()
    restrict_models: bool = absent()
    pricing: Rows | None = absent()
    description: Text | None = absent()
    status: Literal["active", "disabled"] = absent()


class ChannelResource:
    """/channels"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._channels = desk.stores.catalog.channels

    def endpoints(self) -> tuple[Endpoint, ...]:
        channels, channel = f"{ROOT}/channels", f"{ROOT}/channels/<channel>"
        return (
            Endpoint("GET", channels, "channels.read", self.list),
            Endpoint("POST", channels, "channels.write", self.create, 201),
            Endpoint("GET", channel, "channels.read", self.get),
            Endpoint("PATCH", channel, "channels.write", self.patch),
            Endpoint("DELETE", channel, "channels.write", self.delete, 204),
        )

    def list(
        self,
        limit: Limit = 50,
        cursor: After = None,
        name: Searched = None,
        status: StatusWanted = None,
        group: GroupWanted = None,
        sort: Sort = "created_at",
        order: Order = "asc",
    ) -> Entries[ChannelListed]:
        """List channels, by part of their name, status or group."""

        def wanted_one(channel: ChannelDefinition) -> bool:
            return (
                (name is None or normal(name) in normal(channel.name))
                and (status is None or channel.status == status)
                and (group is None or group in channel.groups)
            )

        page = in_order(
            filter(wanted_one, self._channels.everything()),
            PLACES[sort],
            limit,
            self._desk.position(cursor),
            descending=order == "desc",
        )
        return Entries(
            entries=[ChannelListed.of(channel) for channel in page.entries],
            next_cursor=self._desk.cursor(page.after),
        )

    def create(self, body: ChannelCreate, key: Once = None) -> ChannelView:
        """Create a channel."""

        def create(identity: str, resumed: bool) -> ChannelView:
            there = self._channels.find(identity) if resumed else None
            channel = ChannelDefinition(identity, **exact(body.model_dump(exclude={"pricing"})))
            pricing = pricing_of(body.pricing, self._desk.stores.catalog)
            made = there or self._channels.open(channel, pricing, self._desk.author)
            self._desk.trail.note("channel.create", identity, None, ChannelListed.of(made))
            return self._view(made)

        return self._desk.creations.once(key, body, Creating("chn", create, ChannelView))

    def get(self, channel: str) -> ChannelView:
        """Read a channel."""
        return self._view(self._channels.get(channel))

    def patch(self, channel: str, body: ChannelPatch, if_match: IfMatch = None) -> ChannelView:
        """Change a channel; relays follow within seconds."""
        changes = exact(body.changes(CLEARED))
        rows = changes.pop("pricing", None)
        if rows is None:
            changed = self._desk.changed(
                self._channels, channel, if_match, lambda before: replace(before, **changes)
            )
        else:
            before = self._channels.seen(channel, wanted(if_match))
            pricing = pricing_of(rows, self._desk.stores.catalog)
            author = self._desk.author
            after = self._channels.revise(before, replace(before, **changes), pricing, author)
            changed = Changed(before, after)
        self._desk.note_change("channel.change", channel, changed, ChannelListed.of)
        return self._view(changed.after)

    def delete(self, channel: str, if_match: IfMatch = None) -> None:
        """Remove a channel that serves no group any more."""
        before = self._desk.removed(self._channels, channel, if_match)
        self._desk.trail.note("channel.delete", channel, ChannelListed.of(before), None)

    def _view(self, channel: ChannelDefinition) -> ChannelView:
        return ChannelView.of(channel, pricing=rows_now(channel, self._desk.clock()))


def exact(sent: dict[str, Any]) -> dict[str, Any]:
    """Fields as the definition has them."""
    exact: dict[str, Any] = {}
    for name in ("groups", "accounts"):
        if name in sent:
            exact[name] = tuple(sent[name])
    if "model_mapping" in sent:
        exact["model_mapping"] = {
            name: rows for name, rows in sent["model_mapping"].items() if rows
        }
    return sent | exact
