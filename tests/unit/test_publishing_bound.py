"""Channels that model groups are bound to: when they have a part, what is in it, who reads it."""

from dataclasses import replace
from typing import Any, Final

import pytest

from tests.catalog_samples import ACCOUNT, CHANNEL, record
from tests.publishing_room import ACCOUNT_IMAGE, NOW, Room
from tollgate.domain.catalog import ChannelPricing, ChannelRow, ModelGroup, ModelGroupChannel
from tollgate.domain.definitions import ModelGroupChannelDefinition, ModelGroupDefinition
from tollgate.domain.errors import CatalogUnavailable
from tollgate.services.catalog import LOOK_EVERY_MS, Catalog
from tollgate.store.dynamodb import Throttled

VIP: Final = ModelGroupDefinition("gpt-4o", "vip", "tokens")
BINDING: Final = ModelGroupChannelDefinition("gpt-4o", "vip", "chn_1", weight=3, priority=5)
BINDING_IMAGE: Final = {"kind": "model_group_channel", "channel": "chn_1"}
CHANNEL_IMAGE: Final = {"kind": "channel", "id": "chn_1", "groups": ["grp_1"]}
SPARE: Final = replace(ACCOUNT, id="acc_2", name="two", groups=("grp_2",))
LONELY: Final = replace(ACCOUNT, id="acc_3", name="three", groups=())
OFF: Final = replace(ACCOUNT, id="acc_4", name="four", status="disabled")


class Relayed(Room):
    """A room with a relay that looks at what is published, five seconds apart."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.relay = Catalog(self.snapshots, lambda: self.now)
        self.definitions.accounts = [LONELY, OFF, SPARE, ACCOUNT]
        self.definitions.model_groups = [VIP]
        self.definitions.bindings = [BINDING]

    def changed(self, *images: Any) -> None:
        records = [record(image, image) for image in images]
        assert (self.publishing.apply(records), self.reports) == ([], [])
        self.now += LOOK_EVERY_MS

    def accounts(self) -> list[str] | None:
        part = self.relay.channel("chn_1")
        return None if part is None else [account.id for account in part.accounts]


@pytest.fixture
def room() -> Relayed:
    made = Relayed()
    made.changed(BINDING_IMAGE)
    return made


def test_a_binding_publishes_the_group_and_the_channels_part_at_once(room: Relayed) -> None:
    bound = ModelGroupChannel("chn_1", priority=5, weight=3)
    assert room.relay.global_part().model_groups["gpt-4o"] == {
        "vip": ModelGroup("tokens", True, (bound,))
    }
    assert room.numbers().channels == {"chn_1": 1}
    part = room.relay.channel("chn_1")
    assert part is not None
    assert part.channel.model_mapping["openai"] == {"fast": "gpt-4o-mini", "claude-*": "gpt-4o"}
    assert room.accounts() == ["acc_1"]


@pytest.mark.parametrize(
    ("own", "groups", "accounts"),
    [
        pytest.param((), ("grp_1",), ["acc_1"], id="those of its group"),
        pytest.param((), ("grp_1", "grp_2"), ["acc_1", "acc_2"], id="those of all its groups"),
        pytest.param(("acc_3", "acc_4"), ("grp_1",), ["acc_3"], id="its own, if they are on"),
        pytest.param(("acc_9",), ("grp_1",), [], id="its own, though there is none"),
        pytest.param((), (), [], id="no groups and none of its own"),
    ],
)
def test_which_accounts_a_bound_channel_may_use(
    room: Relayed, own: tuple[str, ...], groups: tuple[str, ...], accounts: list[str]
) -> None:
    room.definitions.channels = [replace(CHANNEL, accounts=own, groups=groups)]
    room.changed(CHANNEL_IMAGE)
    assert room.accounts() == accounts


@pytest.mark.parametrize(
    ("own", "before", "after", "accounts"),
    [
        pytest.param(
            (), ["grp_1"], replace(ACCOUNT, status="disabled"), [], id="of its group, switched off"
        ),
        pytest.param((), ["grp_1"], replace(ACCOUNT, groups=()), [], id="that left its group"),
        pytest.param(
            ("acc_1",), ["grp_1"], replace(ACCOUNT, status="disabled"), [], id="of its own"
        ),
        pytest.param(
            ("acc_1",), ["grp_1"], replace(ACCOUNT, groups=()), ["acc_1"], id="of its own, moved"
        ),
    ],
)
def test_an_account_that_changes_reaches_the_channels_that_may_use_it(
    room: Relayed, own: tuple[str, ...], before: list[str], after: Any, accounts: list[str]
) -> None:
    room.definitions.channels = [replace(CHANNEL, accounts=own)]
    room.changed(CHANNEL_IMAGE)
    assert room.accounts() == ["acc_1"]
    room.definitions.accounts = [after]
    room.changed(ACCOUNT_IMAGE | {"groups": before})
    assert room.accounts() == accounts


def test_a_bound_channel_comes_without_its_prices(room: Relayed) -> None:
    row = ChannelRow("openai", "gpt-4o", None, {"input": "1"})
    priced = replace(CHANNEL, pricing=(ChannelPricing(1, {"openai": {"gpt-4o": row}}),))
    room.definitions.channels = [priced]
    room.changed(CHANNEL_IMAGE)
    part = room.relay.channel("chn_1")
    assert part is not None
    assert (part.channel.name, part.channel.pricing) == ("retail", ())


def test_an_account_of_no_bound_channel_publishes_its_group_only(room: Relayed) -> None:
    room.changed({"kind": "account", "id": "acc_2", "groups": ["grp_2"]})
    assert (room.numbers().groups, room.numbers().channels) == ({"grp_2": 2}, {"chn_1": 1})


def unbind(room: Relayed) -> None:
    room.definitions.bindings = []


def switch_off(room: Relayed) -> None:
    room.definitions.channels = [replace(CHANNEL, status="disabled")]


def take_away(room: Relayed) -> None:
    room.definitions.channels = []


@pytest.mark.parametrize(
    ("end", "image"),
    [
        pytest.param(unbind, BINDING_IMAGE, id="bound no more"),
        pytest.param(switch_off, CHANNEL_IMAGE, id="switched off"),
        pytest.param(take_away, CHANNEL_IMAGE, id="not there any more"),
    ],
)
def test_a_channels_part_ends(room: Relayed, end: Any, image: Any) -> None:
    assert room.accounts() == ["acc_1"]
    end(room)
    room.changed(image)
    assert (room.accounts(), room.numbers().channels) == (None, {})


def test_a_binding_that_is_off_is_drained_and_still_binds(room: Relayed) -> None:
    room.definitions.bindings = [replace(BINDING, enabled=False)]
    room.changed(BINDING_IMAGE)
    groups = room.relay.global_part().model_groups["gpt-4o"]
    assert groups["vip"].channels == (ModelGroupChannel("chn_1", priority=5, weight=0),)


def test_an_account_whose_channel_could_not_be_published_comes_again(room: Relayed) -> None:
    room.definitions.channels = [replace(CHANNEL, groups=(), accounts=("acc_1",))]
    again = iter([Throttled("busy")] * 3)

    def before(operation: str, request: Any) -> None:
        if operation == "PutItem" and "chn_1" in request["Item"]["pk"]["S"]:
            for error in again:
                raise error

    room.dynamo.before = before
    changed = record(ACCOUNT_IMAGE, ACCOUNT_IMAGE)
    assert len(room.publishing.apply([changed])) == 1
    assert room.reports == [("acc_1", Throttled)]
    assert room.numbers().groups == {"grp_1": 2}
    assert room.publishing.apply([changed]) == []
    assert room.numbers().channels == {"chn_1": 3}


def test_a_channel_that_cannot_be_read_is_no_free_choice_of_route(room: Relayed) -> None:
    cold = Catalog(room.snapshots, lambda: room.now)
    cold.global_part()
    room.fail({"GetItem": [Throttled("busy")] * 4})
    with pytest.raises(CatalogUnavailable):
        cold.channel("chn_1")
