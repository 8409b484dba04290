"""From stream records to published parts: what is rebuilt, in which order, whatever goes wrong."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any

import pytest

from tests.catalog_samples import (
    ACCOUNT,
    CHANNEL,
    GROUP,
    KEY,
    OTHER_GROUP,
    STATE,
    USER,
    Definitions,
    record,
)
from tests.dynamodb_in_memory import InMemoryDynamo
from tollgate.domain.catalog import Price
from tollgate.domain.compilation import Person, Pools, compile_profile
from tollgate.domain.definitions import DefaultGroup, PriceDefinition, Setting, Stamp
from tollgate.services.publishing import CONCERNS, Publishing
from tollgate.store.catalog.items import Item
from tollgate.store.dynamodb import OutcomeUnknown, Throttled
from tollgate.store.publications import Overtaken, PartTooLarge, Publications
from tollgate.store.snapshots import Numbers, Snapshots
from tollgate.store.stream import Unreadable

NOW = 1_700_000_000_000
PRICE = Price("gpt-4o", 1, prices={"input": "2.5"})
ACCOUNT_IMAGE = {"kind": "account", "groups": ["grp_1"]}
GROUP_IMAGE = {"kind": "group", "id": "grp_1"}
KEY_IMAGE = {"kind": "key", "user": USER.id}
PRICE_IMAGE = {"kind": "price", "model": "gpt-4o"}


class Room:
    """A publisher over memory, with everything it tells others written down."""

    def __init__(self) -> None:
        self.dynamo = InMemoryDynamo([STATE])
        self.snapshots = Snapshots(self.dynamo, STATE)
        self.definitions = Definitions(
            prices=[PriceDefinition("gpt-4o", 1, (PRICE,))],
            defaults=[DefaultGroup("gpt-4o", "default")],
            settings=[Setting("signup", True)],
            groups={"grp_1": GROUP, "grp_2": OTHER_GROUP},
            channels=[CHANNEL],
            accounts=[ACCOUNT],
            people={USER.id: Person(3, USER, (KEY,))},
        )
        self.wallets: list[tuple[str, int]] = []
        self.reports: list[tuple[str, type[Exception]]] = []
        self.refuse_wallets = False
        self.publishing = self.publisher()

    def publisher(self) -> Publishing:
        return Publishing(
            self.definitions,
            Publications(self.dynamo, STATE),
            self.set_version,
            lambda: NOW,
            lambda part, error: self.reports.append((part, type(error))),
        )

    def set_version(self, user: str, version: int) -> None:
        if self.refuse_wallets:
            raise Throttled("no wallet now")
        self.wallets.append((user, version))

    def numbers(self) -> Numbers:
        return self.snapshots.heads().numbers

    def fail(self, operations: dict[str, Iterable[Exception]]) -> None:
        """Let the next calls of these operations fail."""
        queues = {name: iter(errors) for name, errors in operations.items()}

        def before(operation: str, request: Any) -> None:
            for error in queues.get(operation, ()):
                raise error

        self.dynamo.before = before


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
        pytest.param(ACCOUNT_IMAGE, None, {"grp_1"}, id="a removed account"),
        pytest.param(
            ACCOUNT_IMAGE,
            {"kind": "account", "groups": ["grp_2"]},
            {"grp_1", "grp_2"},
            id="an account that moved",
        ),
        pytest.param(
            {"kind": "channel", "groups": ["grp_1", "grp_2"]},
            {"kind": "channel", "groups": ["grp_1"]},
            {"grp_1", "grp_2"},
            id="a channel that let go of a group",
        ),
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
    beside = {"price_version", "model_group"}
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
            record({"kind": "channel", "groups": ["grp_1"]}, {"kind": "channel", "groups": []}),
            record(
                {"kind": "channel", "groups": ["grp_2"]},
                {"kind": "channel", "groups": ["grp_1", "grp_2"]},
            ),
        ]
    )
    assert room.numbers().groups == {"grp_1": 2, "grp_2": 2}
    channels = [room.snapshots.group(group, 2).channel for group in ("grp_1", "grp_2")]
    assert [channel and channel.id for channel in channels] == ["chn_2", "chn_2"]


def test_a_profile_is_published_before_its_wallet_hears_of_it(room: Room) -> None:
    room.refuse_wallets = True
    records = [record(None, KEY_IMAGE)]
    failed = room.publishing.apply(records)
    assert failed == [records[0]["dynamodb"]["SequenceNumber"]]
    profile = room.snapshots.profile(USER.id)
    assert profile is not None
    assert (profile.version, room.wallets) == (3, [])
    room.refuse_wallets = False
    assert room.publishing.apply(records) == []
    assert room.wallets == [(USER.id, 3)]


def test_a_user_of_nobody_needs_no_profile(room: Room) -> None:
    assert room.publishing.apply([record(None, {"kind": "key", "user": "usr_9"})]) == []
    assert (room.wallets, room.snapshots.profile("usr_9")) == ([], None)


def test_a_crash_before_the_version_moves_leaves_the_old_one_valid(room: Room) -> None:
    room.publishing.publish(frozenset({"grp_1"}))
    claim = Publications(room.dynamo, STATE).claim()
    room.fail({"UpdateItem": []})
    Publications(room.dynamo, STATE).put_group(replace(room.snapshots.group("grp_1", 1), version=2))
    assert claim.number == 2
    assert room.numbers() == Numbers(1, 1, {"grp_1": 1})
    room.publishing.publish(frozenset({"grp_1"}))
    assert room.numbers() == Numbers(3, 1, {"grp_1": 3})
    waste = room.dynamo.item(STATE, "snapshot#grp_1", "000000000002")
    assert waste is not None
    assert waste["expires"] == {"N": "1700003600"}


def test_a_lost_answer_to_the_last_write_is_delivered_again_and_does_no_harm(room: Room) -> None:
    published: list[str] = []

    def after(operation: str, request: Any, answer: Any) -> None:
        if ":groups" in str(request) and not published:
            published.append(operation)
            raise OutcomeUnknown("the answer got lost")

    room.dynamo.after = after
    records = [record(None, GROUP_IMAGE)]
    assert room.publishing.apply(records) == [records[0]["dynamodb"]["SequenceNumber"]]
    assert room.publishing.apply(records) == []
    assert room.numbers() == Numbers(2, 1, {"grp_1": 2})


def test_two_publishers_at_once_end_with_one_version_that_has_both_changes(room: Room) -> None:
    both = Barrier(2)
    room.publishing.publish(frozenset({"grp_1", "grp_2"}))

    class Slowed(Definitions):
        """Definitions whose first reading waits until both publishers read."""

        waited = 0

        def pools(self) -> Pools:
            if Slowed.waited < 2:
                Slowed.waited += 1
                both.wait(timeout=10)
            return super().pools()

    room.definitions = Slowed(
        groups={
            "grp_1": replace(GROUP, name="new one"),
            "grp_2": replace(OTHER_GROUP, name="new two"),
        }
    )
    threads = [
        Thread(target=room.publisher().publish, args=(frozenset({group}),))
        for group in ("grp_1", "grp_2")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    numbers = room.numbers()
    assert (numbers.version, numbers.everywhere) == (4, 1)
    assert sorted(numbers.groups.values()) in ([2, 4], [3, 4])
    names = [
        room.snapshots.group(group, numbers.groups[group]).name for group in ("grp_1", "grp_2")
    ]
    assert names == ["new one", "new two"]
    assert room.reports == []


def test_a_publisher_that_is_always_overtaken_leaves_it_to_the_next_delivery(room: Room) -> None:
    rival = Publications(room.dynamo, STATE)

    class Overtaking(Definitions):
        def pools(self) -> Pools:
            claim = rival.claim()
            rival.publish(claim, 0, {})
            return super().pools()

    room.definitions = Overtaking(groups={"grp_1": GROUP})
    records = [record(None, GROUP_IMAGE), record(None, {"kind": "uses"})]
    assert room.publisher().apply(records) == [records[0]["dynamodb"]["SequenceNumber"]]
    assert room.reports == [("snapshot", Overtaken)]


POISON: list[Any] = [
    pytest.param({"SequenceNumber": "7"}, id="no image"),
    pytest.param({"SequenceNumber": "7", "NewImage": {"pk": {"S": "x"}}}, id="no kind"),
    pytest.param({"SequenceNumber": "7", "NewImage": {"kind": {"S": "account"}}}, id="no groups"),
    pytest.param({"SequenceNumber": "7", "NewImage": {"kind": {"X": "account"}}}, id="no type"),
    pytest.param({"SequenceNumber": "7", "NewImage": {"kind": "account"}}, id="no attribute"),
    pytest.param(
        {"SequenceNumber": "7", "NewImage": {"kind": {"S": "group"}, "id": {"N": "1"}}},
        id="no text",
    ),
    pytest.param(
        {"SequenceNumber": "7", "NewImage": {"kind": {"S": "group"}, "id": {"B": "!"}}},
        id="no base64",
    ),
]


@pytest.mark.parametrize("poison", POISON)
def test_a_poisoned_record_is_named_and_stops_no_other(room: Room, poison: Any) -> None:
    batch = [record(None, GROUP_IMAGE), {"dynamodb": poison}, record(None, KEY_IMAGE)]
    assert room.publishing.apply(batch) == ["7"]
    assert room.numbers().groups == {"grp_1": 1}
    assert room.wallets == [(USER.id, 3)]
    assert room.reports == [("7", Unreadable)]


def test_a_record_without_a_number_fails_the_batch(room: Room) -> None:
    with pytest.raises(Unreadable):
        room.publishing.apply([{"dynamodb": {}}])


def test_a_part_that_cannot_be_built_keeps_its_old_number_and_stops_no_other(room: Room) -> None:
    room.publishing.publish(frozenset({"grp_1", "grp_2"}))
    noise = {f"m{n}": f"{n * 7**120}" for n in range(9_000)}
    room.definitions.accounts = [replace(ACCOUNT, model_mapping=noise)]
    records = [record(None, ACCOUNT_IMAGE), record(None, {"kind": "group", "id": "grp_2"})]
    assert room.publishing.apply(records) == [records[0]["dynamodb"]["SequenceNumber"]]
    assert room.numbers().groups == {"grp_1": 1, "grp_2": 2}
    assert room.reports == [("grp_1", PartTooLarge)]


def test_nothing_is_counted_when_nothing_could_be_built(room: Room) -> None:
    room.publishing.publish(frozenset({"grp_1"}))
    room.definitions.accounts = [replace(ACCOUNT, groups=("grp_1",), weight=object())]  # type: ignore[arg-type]
    assert room.publishing.publish(frozenset({"grp_1"})) == {"grp_1"}
    assert room.numbers() == Numbers(1, 1, {"grp_1": 1})
    assert room.reports == [("grp_1", TypeError)]


def test_a_broken_user_stops_no_other(room: Room) -> None:
    class Broken(Definitions):
        def person(self, user: str) -> Person | None:
            if user == "usr_2":
                raise ValueError("an item nobody can read")
            return super().person(user)

    room.definitions = Broken(people={USER.id: Person(3, USER, (KEY,))})
    records = [record(None, KEY_IMAGE), record(None, {"kind": "user", "id": "usr_2"})]
    assert room.publisher().apply(records) == [records[1]["dynamodb"]["SequenceNumber"]]
    assert room.wallets == [(USER.id, 3)]
    assert room.reports == [("usr_2", ValueError)]


def test_records_of_one_part_cost_one_publication(room: Room) -> None:
    room.publishing.apply([record(None, PRICE_IMAGE) for _ in range(100)])
    assert room.numbers() == Numbers(1, 1, {})


def test_a_failing_clean_up_costs_nothing_but_space(room: Room) -> None:
    room.fail({"Query": [Throttled("later"), Throttled("later")]})
    assert room.publishing.apply([record(None, PRICE_IMAGE)]) == []
    assert room.reports == [("global", Throttled)]
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
