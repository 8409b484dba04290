"""What relays learn when a group or its channel changes, and how soon."""

from dataclasses import replace
from typing import Any

import pytest

from tests.catalog_samples import ACCOUNT, CHANNEL, GROUP, record
from tests.publishing_room import GROUP_IMAGE, Room
from tollgate.domain.catalog import ChannelPricing, ChannelRow, GroupPart, Limits
from tollgate.domain.definitions import ChannelDefinition, GroupDefinition
from tollgate.services.catalog import Catalog
from tollgate.store.dynamodb import OutcomeUnknown

ROWS = {"openai": {"gpt-4o": ChannelRow("openai", "gpt-4o", prices={"input": "9"})}}
FULL = replace(
    CHANNEL,
    billing_model_source="upstream",
    restrict_models=True,
    pricing=(ChannelPricing(1, ROWS),),
)


class Relayed(Room):
    """A publisher, and a relay that follows it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000
        self.relay = Catalog(self.snapshots, lambda: self.now)
        self.definitions.channels = [FULL]
        self.publishing.publish(frozenset({"grp_1", "grp_2"}))
        self.relay.group("grp_1")

    def write(self, *images: tuple[Any, Any]) -> None:
        """Publish writes, and let the relay's next look be due."""
        assert self.publishing.apply([record(old, new) for old, new in images]) == []
        self.now += 5_000

    def group(self, changes: dict[str, Any]) -> GroupPart:
        """What the relay knows after the group was changed."""
        groups = self.definitions.groups
        groups["grp_1"] = replace(groups["grp_1"], **changes)
        self.write((GROUP_IMAGE, GROUP_IMAGE))
        return self.relay.group("grp_1")

    def channel(self, *after: ChannelDefinition) -> GroupPart:
        """What the relay knows after its channel became another, or none."""
        self.definitions.channels = list(after)
        self.write((image(FULL), image(after[0]) if after else None))
        return self.relay.group("grp_1")


def image(channel: ChannelDefinition) -> dict[str, Any]:
    return {"kind": "channel", "id": channel.id, "groups": list(channel.groups)}


@pytest.fixture
def room() -> Relayed:
    return Relayed()


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        pytest.param({"platform": "antigravity"}, {"platform": "antigravity"}, id="platform"),
        pytest.param({"status": "disabled"}, {"status": "disabled"}, id="status"),
        pytest.param({"exclusive": True}, {"exclusive": True}, id="exclusive"),
        pytest.param(
            {"claude_code_only": True, "fallback_group": "grp_2"},
            {"claude_code_only": True, "fallback_group": "grp_2"},
            id="for Claude Code, and where others go",
        ),
        pytest.param(
            {"invalid_request_group": "grp_2"},
            {"invalid_request_group": "grp_2"},
            id="where long calls go",
        ),
        pytest.param(
            {"model_routing": {"GPT-4o*": ("acc_1",)}},
            {"model_routing": {"gpt-4o*": ("acc_1",)}},
            id="routing, by normal names",
        ),
        pytest.param({"strategy": "weighted"}, {"strategy": "weighted"}, id="strategy"),
        pytest.param(
            {"limits": Limits(rpm=5, spend_day=7)},
            {"limits": Limits(rpm=5, spend_day=7)},
            id="limits",
        ),
    ],
)
def test_a_changed_group_is_known_five_seconds_after_its_publication(
    room: Relayed, changes: dict[str, Any], fields: dict[str, Any]
) -> None:
    part = room.group(changes)
    assert {name: getattr(part, name) for name in fields} == fields
    assert {name: getattr(room.relay.group("grp_2"), name) for name in fields} != fields


def test_what_only_staff_look_at_is_not_published(room: Relayed) -> None:
    staff = {"sort_order", "subscription_type", "day_limit", "validity_days", "description"}
    assert not staff & set(GroupPart.__dataclass_fields__)
    assert staff <= set(GroupDefinition.__dataclass_fields__)


def test_a_channel_that_is_switched_off_and_on_again_keeps_all_it_had(room: Relayed) -> None:
    before = room.relay.group("grp_1").channel
    assert before is not None
    off = replace(FULL, status="disabled")
    assert room.channel(off).channel is None
    back = room.channel(FULL).channel
    assert back == before
    assert (back.billing_model_source, back.restrict_models) == ("upstream", True)
    assert back.model_mapping == {"openai": {"fast": "gpt-4o-mini", "claude-*": "gpt-4o"}}
    assert back.pricing[0].rows["openai"]["gpt-4o"].prices == {"input": "9"}


def test_a_removed_channel_is_its_groups_no_more(room: Relayed) -> None:
    assert room.channel().channel is None


def test_only_the_groups_of_either_image_are_rebuilt(room: Relayed) -> None:
    room.definitions.groups["grp_3"] = replace(GROUP, id="grp_3", alias="g003")
    room.publishing.publish(frozenset({"grp_3"}))
    before = room.numbers().groups
    moved = replace(FULL, groups=("grp_2",))
    room.definitions.channels = [moved]
    room.write((image(FULL), image(moved)))
    after = room.numbers().groups
    changed = {group for group, number in after.items() if before[group] != number}
    assert changed == {"grp_1", "grp_2"}
    found = [room.relay.group(group).channel for group in ("grp_1", "grp_2", "grp_3")]
    assert [each and each.id for each in found] == [None, "chn_1", None]


def test_an_account_that_leaves_a_group_is_routed_to_no_more(room: Relayed) -> None:
    room.group({"model_routing": {"gpt-4o": ("acc_1",)}})
    room.definitions.accounts = [replace(ACCOUNT, groups=())]
    room.write(
        (
            {"kind": "account", "id": "acc_1", "groups": ["grp_1"]},
            {"kind": "account", "id": "acc_1", "groups": []},
        )
    )
    part = room.relay.group("grp_1")
    assert (part.accounts, part.model_routing) == ((), {"gpt-4o": ("acc_1",)})


def test_a_relay_that_cannot_read_the_new_part_keeps_the_old_and_tries_again(
    room: Relayed,
) -> None:
    failing = ["snapshot#grp_1"]

    def before(operation: str, request: Any) -> None:
        if any(part in repr(request) for part in failing):
            raise OutcomeUnknown("no answer")

    room.definitions.groups["grp_1"] = replace(GROUP, claude_code_only=True)
    room.publishing.apply([record(GROUP_IMAGE, GROUP_IMAGE)])
    room.dynamo.before = before
    room.now += 5_000
    assert not room.relay.group("grp_1").claude_code_only
    failing.clear()
    room.now += 4_999
    assert not room.relay.group("grp_1").claude_code_only
    room.now += 1
    assert room.relay.group("grp_1").claude_code_only
