"""Channels over HTTP. Fields are tri-state: what is not sent stays, null and {} clear."""

from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from tollgate.domain.definitions import ChannelDefinition
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

Mapping = Annotated[
    dict[Id, Mapped],
    Field(max_length=20, description="By platform: requested name or prefix* → name on the wire."),
]
Source = Literal["requested", "channel_mapped", "upstream"]
CLEARED: Final = {"groups": (), "model_mapping": {}, "description": ""}


class ChannelView(View):
    id: str
    name: str
    groups: list[str]
    model_mapping: dict[str, dict[str, str]]
    billing_model_source: str
    description: str
    status: str


class ChannelCreate(Body):
    """A new channel; a group is in at most one."""

    name: Name
    groups: Ids = empty(list)
    model_mapping: Mapping = empty(dict)
    billing_model_source: Source = "channel_mapped"
    description: Text = ""
    status: Literal["active", "disabled"] = "active"


class ChannelPatch(Body):
    """What is sent is changed; null and {} clear."""

    name: Name = absent()
    groups: Ids | None = absent()
    model_mapping: Mapping | None = absent()
    billing_model_source: Source = absent()
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

    def list(self, limit: Limit = 50, cursor: After = None) -> Entries[ChannelView]:
        """List channels."""
        return self._desk.listed(self._channels, limit, cursor, ChannelView.of)

    def create(self, body: ChannelCreate, key: Once = None) -> ChannelView:
        """Create a channel."""

        def create(identity: str, resumed: bool) -> ChannelView:
            there = self._channels.find(identity) if resumed else None
            channel = ChannelDefinition(identity, **exact(body.model_dump()))
            view = ChannelView.of(there or self._channels.create(channel, self._desk.author))
            self._desk.trail.note("channel.create", identity, None, view)
            return view

        return self._desk.creations.once(key, body, Creating("chn", create, ChannelView))

    def get(self, channel: str) -> ChannelView:
        """Read a channel."""
        return ChannelView.of(self._channels.get(channel))

    def patch(self, channel: str, body: ChannelPatch, if_match: IfMatch = None) -> ChannelView:
        """Change a channel; relays follow within seconds."""
        changes = exact(body.changes(CLEARED))
        changed = self._desk.changed(
            self._channels, channel, if_match, lambda before: replace(before, **changes)
        )
        self._desk.note_change("channel.change", channel, changed, ChannelView.of)
        return ChannelView.of(changed.after)

    def delete(self, channel: str, if_match: IfMatch = None) -> None:
        """Remove a channel that serves no group any more."""
        before = self._desk.removed(self._channels, channel, if_match)
        self._desk.trail.note("channel.delete", channel, ChannelView.of(before), None)


def exact(sent: dict[str, Any]) -> dict[str, Any]:
    """Fields as the definition has them."""
    return sent | ({"groups": tuple(sent["groups"])} if "groups" in sent else {})
