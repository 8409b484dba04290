"""Snapshot parts: what is written reads back without loss, and only named numbers count."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest

from tests.catalog_samples import STATE
from tests.dynamodb_in_memory import InMemoryDynamo
from tollgate.domain.catalog import (
    Account,
    Channel,
    GlobalPart,
    GroupPart,
    Health,
    Interval,
    Key,
    Limits,
    Price,
    Profile,
)
from tollgate.store.dynamodb import OutcomeUnknown, Throttled
from tollgate.store.publications import Claim, Overtaken, PartTooLarge, Publications
from tollgate.store.snapshot_parts import (
    pack,
    read_global,
    read_group,
    read_price,
    read_profile,
    unpack,
    write_global,
    write_group,
    write_price,
)
from tollgate.store.snapshots import Heads, Numbers, PartUnusable, Snapshots

PRICE = Price(
    "gemini-2.5-pro",
    3,
    "tokens",
    {"input": "1.25", "output": "10"},
    (
        Interval(0, 200_000, {"input": "1.25"}),
        Interval(200_000, None, {"input": "2.5"}, {"flex": {"input": "1.25"}}),
    ),
    {"flex": {"input": "0.625"}},
    65_536,
    True,
    1_700_000_000_000,
)
EVERYWHERE = GlobalPart(
    1,
    {"gemini-2.5-pro": (PRICE,), "o3": (Price("o3", 1), Price("o3", 2, effective_from=9))},
    {"gemini-2.5-pro": "default"},
    {"signup": True, "rpm": 60, "fx.cny_per_usd": "7.0"},
)
ACCOUNT = Account(
    "acc_1",
    "one",
    "openai",
    "apikey",
    "https://api.example.com/v1",
    {},
    priority=-1,
    weight=0,
    model_mapping={"gpt-4o": "gpt-4o-2024"},
    models=("gpt-*",),
    cost_multiplier=Decimal("0.300000"),
)
CHANNEL = Channel("chn_1", "retail", {"openai": {"fast": "gpt-4o"}}, "upstream")
GROUP = GroupPart(
    "grp_1", 1, "g001", "main", "openai", "active", Decimal("1.25"), True, CHANNEL, (ACCOUNT,)
)
KEY = Key(
    "key_1", "k001", "hash", 1, "grp_1", "revoked", "hq", "default", True, 99, ("a*",), ("/",)
)
PROFILE = Profile("usr_1", 7, "disabled", {"hash": KEY}, 2, ("grp_9",))


@pytest.fixture
def dynamo() -> InMemoryDynamo:
    return InMemoryDynamo([STATE])


@pytest.fixture
def snapshots(dynamo: InMemoryDynamo) -> Snapshots:
    return Snapshots(dynamo, STATE)


@pytest.fixture
def publications(dynamo: InMemoryDynamo) -> Publications:
    return Publications(dynamo, STATE)


def published(publications: Publications, *groups: GroupPart) -> int:
    """Publish the global part and these groups, as one publisher without rivals."""
    claim = publications.claim()
    publications.put_everywhere(replace(EVERYWHERE, version=claim.number))
    for group in groups:
        publications.put_group(replace(group, version=claim.number))
    publications.publish(claim, claim.number, {group.id: claim.number for group in groups})
    return claim.number


def test_every_part_reads_back_without_loss(
    snapshots: Snapshots, publications: Publications
) -> None:
    published(publications, GROUP)
    publications.put_profile(PROFILE)
    everywhere = snapshots.everywhere(1)
    assert replace(everywhere, prices=dict(everywhere.prices)) == EVERYWHERE
    assert snapshots.group("grp_1", 1) == GROUP
    assert snapshots.profile("usr_1") == PROFILE


@pytest.mark.parametrize(
    "price",
    [
        pytest.param(PRICE, id="with everything"),
        pytest.param(Price("o3", 1), id="with nothing"),
        pytest.param(Price("v", 1, "seconds", {"seconds": "0.1"}), id="by seconds"),
    ],
)
def test_a_price_reads_back_without_loss(price: Price) -> None:
    assert read_price(write_price(price)) == price


def test_a_group_without_channel_or_accounts_reads_back() -> None:
    bare = GroupPart("grp_1", 4, "g001", "main", "openai", "disabled", Decimal(0))
    assert read_group(4, write_group(bare)) == bare


def test_what_a_newer_release_adds_is_passed_over() -> None:
    row = unpack(write_group(GROUP)) | {"mood": "sunny"}
    row["accounts"][0]["colour"] = "red"
    row["channel"]["taste"] = "sweet"
    assert read_group(1, pack(row)) == GROUP
    prices = {"prices": {"o3": [{"version": 1, "flavour": "salt"}]}, "default_groups": {}}
    assert read_global(1, pack(prices | {"settings": {}})).prices["o3"] == (Price("o3", 1),)


def test_a_users_limits_of_before_there_were_others_still_hold() -> None:
    before = {
        "status": "active",
        "groups": [],
        "keys": [],
        "rpm": 60,
        "concurrency": 5,
        "shards": 2,
    }
    assert read_profile("usr_1", 3, pack(before)) == Profile(
        "usr_1", 3, "active", {}, limits=Limits(rpm=60, concurrency=5), shards=2
    )
    unlimited = read_profile("usr_1", 3, pack(before | {"rpm": 0, "concurrency": 0}))
    assert unlimited.limits == Limits()


def test_a_price_is_built_once_and_only_when_asked_for() -> None:
    prices = read_global(1, write_global(EVERYWHERE)).prices
    assert sorted(prices) == ["gemini-2.5-pro", "o3"]
    assert len(prices) == 2
    assert "o3" in prices
    assert "o4" not in prices
    assert prices["o3"] is prices["o3"]
    with pytest.raises(KeyError):
        prices["o4"]


def test_nothing_counts_before_the_first_publication(
    snapshots: Snapshots, publications: Publications
) -> None:
    assert snapshots.heads() == Heads(Numbers(), Health())
    publications.put_everywhere(replace(EVERYWHERE, version=publications.claim().number))
    assert snapshots.heads().numbers == Numbers()


def test_the_version_item_names_the_parts_that_count(
    snapshots: Snapshots, publications: Publications
) -> None:
    published(publications, GROUP)
    published(publications, GROUP)
    claim = publications.claim()
    assert claim == Claim(3, Numbers(2, 2, {"grp_1": 2}))
    publications.publish(claim, 2, {})
    assert snapshots.heads().numbers == Numbers(3, 2, {})


def test_of_two_publishers_the_second_must_build_again(
    snapshots: Snapshots, publications: Publications
) -> None:
    slow, quick = publications.claim(), publications.claim()
    publications.publish(quick, quick.number, {})
    with pytest.raises(Overtaken):
        publications.publish(slow, slow.number, {})
    assert snapshots.heads().numbers == Numbers(2, 2, {})


def test_both_items_a_relay_looks_at_come_in_one_read(
    dynamo: InMemoryDynamo, snapshots: Snapshots, publications: Publications
) -> None:
    published(publications)
    assert snapshots.write_health(Health(0, {"acc_1": {"cooling_until": 99}}))
    dynamo.sent.clear()
    assert snapshots.heads() == Heads(
        Numbers(1, 1, {}), Health(1, {"acc_1": {"cooling_until": 99}})
    )
    assert [operation for operation, _ in dynamo.sent] == ["BatchGetItem"]


def test_health_is_written_only_onto_the_version_read(snapshots: Snapshots) -> None:
    assert snapshots.write_health(Health(0, {"acc_1": {"failures": 1}}))
    assert not snapshots.write_health(Health(0, {"acc_2": {"failures": 1}}))
    assert snapshots.write_health(Health(1, {"acc_1": {"failures": 2}}))
    assert snapshots.heads().health == Health(2, {"acc_1": {"failures": 2}})


@pytest.mark.parametrize(
    ("there", "written", "kept"),
    [
        pytest.param(7, 8, 8, id="a newer one replaces"),
        pytest.param(7, 7, 7, id="the same again replaces"),
        pytest.param(7, 6, 7, id="an older one does not"),
    ],
)
def test_a_profile_never_goes_back(
    snapshots: Snapshots, publications: Publications, there: int, written: int, kept: int
) -> None:
    publications.put_profile(replace(PROFILE, version=there, shards=1))
    publications.put_profile(replace(PROFILE, version=written, shards=2))
    profile = snapshots.profile("usr_1")
    assert profile is not None
    assert (profile.version, profile.shards) == (kept, 1 if written < there else 2)


def test_a_part_that_does_not_fit_is_refused_loudly(
    dynamo: InMemoryDynamo, publications: Publications
) -> None:
    hashes = (sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(9_000))
    keys = {digest: replace(KEY, secret_hash=digest) for digest in hashes}
    with pytest.raises(PartTooLarge, match=r"profile usr_1 has \d{6} bytes .* 358400 is the most"):
        publications.put_profile(replace(PROFILE, keys=keys))
    assert dynamo.items(STATE) == []


def test_older_numbers_of_a_part_expire_and_newer_ones_stay(
    dynamo: InMemoryDynamo, publications: Publications
) -> None:
    for _ in range(3):
        published(publications, GROUP)
    publications.put_group(replace(GROUP, version=5))
    publications.retire("grp_1", 3, 1_700_003_600)
    publications.retire("grp_1", 3, 1_900_000_000)
    expiries = {
        item["sk"]["S"]: item.get("expires", {}).get("N")
        for item in dynamo.items(STATE)
        if item["pk"]["S"] == "snapshot#grp_1"
    }
    assert expiries == {
        "000000000001": "1700003600",
        "000000000002": "1700003600",
        "000000000003": None,
        "000000000005": None,
    }


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda item: None, id="not there"),
        pytest.param(lambda item: {**item, "body": {"B": b"not compressed"}}, id="no zlib"),
        pytest.param(lambda item: {**item, "body": {"B": pack({"a": 1})}}, id="another shape"),
    ],
)
def test_a_part_that_is_none_of_ours_is_unusable(
    dynamo: InMemoryDynamo,
    snapshots: Snapshots,
    publications: Publications,
    spoil: Callable[[Any], Any],
) -> None:
    published(publications, GROUP)
    item = dynamo.item(STATE, "snapshot#grp_1", "000000000001")
    spoiled = spoil(item)
    key = {"pk": {"S": "snapshot#grp_1"}, "sk": {"S": "000000000001"}}
    dynamo.call("DeleteItem", {"TableName": STATE, "Key": key})
    if spoiled is not None:
        dynamo.call("PutItem", {"TableName": STATE, "Item": spoiled})
    with pytest.raises(PartUnusable):
        snapshots.group("grp_1", 1)


def test_a_read_that_lost_its_answer_is_made_again(
    dynamo: InMemoryDynamo, snapshots: Snapshots, publications: Publications
) -> None:
    published(publications)
    failures = iter([OutcomeUnknown("no answer")])

    def fail(operation: str, request: Any) -> None:
        for failure in failures:
            raise failure

    dynamo.before = fail
    assert snapshots.heads().numbers.version == 1


class Hasty:
    """A DynamoDB that answers a batch only in part."""

    def call(self, operation: str, request: Any, *, attempts: int = 1) -> dict[str, Any]:
        return {"Responses": {}, "UnprocessedKeys": {STATE: {"Keys": [{}]}}}


def test_a_look_that_was_answered_only_in_part_counts_as_none() -> None:
    with pytest.raises(Throttled):
        Snapshots(Hasty(), STATE).heads()
