"""From stream records to published parts: which are rebuilt, and what they then hold."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.catalog_samples import (
    ACCOUNT,
    CHANNEL,
    KEY,
    STATE,
    USER,
    record,
)
from tests.publishing_room import (
    ACCOUNT_IMAGE,
    GROUP_IMAGE,
    KEY_IMAGE,
    NOW,
    PRICE,
    PRICE_IMAGE,
    Room,
)
from tollgate.domain.compilation import Person, compile_profile
from tollgate.domain.definitions import Stamp
from tollgate.services.publishing import CONCERNS, Publishing
from tollgate.store.catalog.items import Item
from tollgate.store.publications import Publications
from tollgate.store.snapshots import Numbers


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        pytest.param(None, PRICE_IMAGE, {"global"}, id="a new price"),
        pytest.param({"kind": "setting"}, None, {"global"}, id="a removed setting"),
        pytest.param(None, {"kind": "default_group"}, {"global"}, id="a default group"),
        pytest.param(GROUP_IMAGE, GROUP_IMAGE, {"grp_1"}, id="a changed group"),
        pytest.param(None, KEY_IMAGE, {USER.id}, id="a new key"),
        pytest.param(None, {"kind": "user", "id": "usr_2"}, {"usr_2"}, id="a new user"),
        pytest.param(ACCOUNT_IMAGE, None, {"acc_1", "grp_1"}, id="a removed account"),
        pytest.param(
            ACCOUNT_IMAGE,
            {"kind": "account", "id": "acc_1", "groups": ["grp_2"]},
            {"acc_1", "grp_1", "grp_2"},
            id="an account that moved",
        ),
        pytest.param(
            {"kind": "channel", "id": "chn_1", "groups": ["grp_1", "grp_2"]},
            {"kind": "channel", "id": "chn_1", "groups": ["grp_1"]},
            {"chn_1", "grp_1", "grp_2"},
            id="a channel that let go of a group",
        ),
        pytest.param(None, {"kind": "model_group"}, {"global"}, id="a model group"),
        pytest.param(
            None,
            {"kind": "model_group_channel", "channel": "chn_1"},
            {"global", "chn_1"},
            id="a model group bound to a channel",
        ),
        pytest.param(
            {"kind": "customer_price", "user": USER.id}, None, {USER.id}, id="a customer's price"
        ),
        pytest.param(None, {"kind": "permission", "user": USER.id}, {USER.id}, id="a permission"),
        pytest.param(None, {"kind": "password"}, set(), id="a password"),
        pytest.param(None, {"kind": "uses"}, set(), id="a counter"),
    ],
)
def test_what_one_write_makes_the_publisher_rebuild(
    room: Room, old: Any, new: Any, parts: set[str]
) -> None:
    published: list[frozenset[str]] = []

    class Listening(Publishing):
        def publish(self, parts: frozenset[str]) -> frozenset[str]:
            published.append(parts)
            return frozenset()

    listening = Listening(
        room.definitions, Publications(room.dynamo, STATE), print, lambda: NOW, print
    )
    assert listening.apply([record(old, new)]) == []
    assert published == [frozenset(parts)]


def test_every_kind_of_item_is_published_or_known_not_to_be() -> None:
    kinds = {kind for kind in Item.kind._discriminator_map if isinstance(kind, str)}
    private = {"admin_token", "alias", "data_key", "email", "guard", "password", "revision", "uses"}
    private |= {"model_group_uses", "use"}
    beside = {"price_version", "customer_price_version", "channel_pricing_version", "multiplier"}
    assert kinds == CONCERNS.keys() | private | beside


def test_the_first_publication_brings_the_global_part_with_it(room: Room) -> None:
    assert room.publishing.apply([record(None, GROUP_IMAGE)]) == []
    assert room.numbers() == Numbers(1, 1, {"grp_1": 1})
    everywhere = room.snapshots.everywhere(1)
    assert dict(everywhere.prices) == {"gpt-4o": (PRICE,)}
    assert everywhere.default_groups == {"gpt-4o": "default"}
    assert everywhere.settings == {"signup": True}
    part = room.snapshots.group("grp_1", 1)
    assert part.channel is not None
    assert (part.channel.id, [account.id for account in part.accounts]) == ("chn_1", ["acc_1"])
    assert part.multiplier == Decimal("1.25")


def test_only_what_changed_gets_a_new_number_and_the_old_part_expires(room: Room) -> None:
    room.publishing.apply(
        [record(None, GROUP_IMAGE), record(None, {"kind": "group", "id": "grp_2"})]
    )
    room.publishing.apply([record(GROUP_IMAGE, GROUP_IMAGE)])
    assert room.numbers() == Numbers(2, 1, {"grp_1": 2, "grp_2": 1})
    old = room.dynamo.item(STATE, "snapshot#grp_1", "000000000001")
    kept = room.dynamo.item(STATE, "snapshot#grp_2", "000000000001")
    assert old is not None
    assert kept is not None
    assert old["expires"] == {"N": "1700003600"}
    assert "expires" not in kept


@pytest.mark.parametrize(
    "off",
    [
        pytest.param("account", id="a disabled account is not in the part"),
        pytest.param("channel", id="a disabled channel is as if it were not there"),
    ],
)
def test_what_is_switched_off_is_not_published(room: Room, off: str) -> None:
    if off == "account":
        room.definitions.accounts = [replace(ACCOUNT, status="disabled")]
    else:
        room.definitions.channels = [replace(CHANNEL, status="disabled")]
    room.publishing.publish(frozenset({"grp_1"}))
    part = room.snapshots.group("grp_1", 1)
    assert (len(part.accounts), part.channel is None) == (
        (0, False) if off == "account" else (1, True)
    )


def test_a_removed_group_no_longer_counts(room: Room) -> None:
    room.publishing.publish(frozenset({"grp_1", "grp_2"}))
    del room.definitions.groups["grp_2"]
    assert room.publishing.apply([record({"kind": "group", "id": "grp_2"}, None)]) == []
    assert room.numbers() == Numbers(2, 1, {"grp_1": 1})
    gone = room.dynamo.item(STATE, "snapshot#grp_2", "000000000001")
    assert gone is not None
    assert gone["expires"] == {"N": "1700003600"}


def channel_image(channel: str, *groups: str) -> dict[str, Any]:
    return {"kind": "channel", "id": channel, "groups": list(groups)}


def test_a_group_that_moves_between_channels_is_rebuilt_with_both(room: Room) -> None:
    other = replace(CHANNEL, id="chn_2", name="wholesale", groups=("grp_2",))
    room.definitions.channels = [CHANNEL, other]
    room.publishing.publish(frozenset({"grp_1", "grp_2"}))
    room.definitions.channels = [
        replace(CHANNEL, groups=()),
        replace(other, groups=("grp_1", "grp_2")),
    ]
    room.publishing.apply(
        [
            record(channel_image("chn_1", "grp_1"), channel_image("chn_1")),
            record(channel_image("chn_2", "grp_2"), channel_image("chn_2", "grp_1", "grp_2")),
        ]
    )
    assert room.numbers().groups == {"grp_1": 2, "grp_2": 2}
    channels = [room.snapshots.group(group, 2).channel for group in ("grp_1", "grp_2")]
    assert [channel and channel.id for channel in channels] == ["chn_2", "chn_2"]


def test_a_user_of_nobody_needs_no_profile(room: Room) -> None:
    assert room.publishing.apply([record(None, {"kind": "key", "user": "usr_9"})]) == []
    assert (room.wallets, room.snapshots.profile("usr_9")) == ([], None)


def test_records_of_one_part_cost_one_publication(room: Room) -> None:
    room.publishing.apply([record(None, PRICE_IMAGE) for _ in range(100)])
    assert room.numbers() == Numbers(1, 1, {})


@pytest.mark.parametrize(
    ("status", "sees", "keys"),
    [
        pytest.param("active", "active", 1, id="an active user"),
        pytest.param("disabled", "disabled", 1, id="a disabled user"),
        pytest.param("deleted", "disabled", 0, id="a deleted user has no keys"),
    ],
)
def test_what_a_relay_sees_of_a_user(status: Any, sees: str, keys: int) -> None:
    profile = compile_profile(Person(9, replace(USER, status=status), (KEY,)))
    assert (profile.version, profile.status, len(profile.keys)) == (9, sees, keys)


def test_a_limited_key_is_marked_and_a_revoked_one_is_kept_for_a_while() -> None:
    def key(number: int, **changes: Any) -> Any:
        made = replace(KEY, id=f"key_{number}", secret_hash=f"hash{number}")
        return replace(made, stamp=Stamp(1, updated_at=number), **changes)

    keys = (key(0, quota=10**9), *(key(n, status="revoked") for n in range(1, 61)))
    profile = compile_profile(Person(1, USER, keys))
    assert profile.keys["hash0"].limited
    revoked = [digest for digest, one in profile.keys.items() if one.status == "revoked"]
    assert (len(revoked), revoked[0], revoked[-1]) == (50, "hash11", "hash60")
