"""Definitions in the table: unique where they must be, written only onto the version read."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any

import pytest

from tests.catalog_samples import (
    ACCOUNT,
    AUTHOR,
    CHANNEL,
    GROUP,
    KEY,
    USER,
)
from tests.catalog_tables import CATALOG, OPINIONS, catalog_in_memory, furnish
from tests.locked_moto import REGION, service
from tollgate.domain.catalog import Limits
from tollgate.domain.definitions import AdminToken, Author, Password, Setting, Stamp
from tollgate.domain.errors import (
    Conflict,
    NotFound,
    ValidationFailed,
    VersionMismatch,
)
from tollgate.store.catalog.items import Endpoint
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.dynamodb import RequestRejected

on_both = pytest.mark.parametrize("catalog", OPINIONS, indirect=True)
"""Marks what moto is asked about too."""

LATER = Author("adm_fedcba9876543210", 1_700_000_060_000)
TOKEN = AdminToken("adm_1", "laptop", "owner", "b" * 64, 1, "wxyz")


@pytest.fixture
def catalog(request: pytest.FixtureRequest) -> Iterator[CatalogTable]:
    with OPINIONS[getattr(request, "param", "memory")]() as table:
        yield table


@pytest.fixture
def furnished(catalog: CatalogTable) -> CatalogTable:
    furnish(catalog)
    return catalog


@on_both
def test_every_definition_reads_back_as_it_was_written(furnished: CatalogTable) -> None:
    stamp = Stamp(1, 1_700_000_000_000, 1_700_000_000_000, "adm_0123456789abcdef")
    assert furnished.users.get(USER.id) == replace(USER, stamp=stamp)
    assert furnished.keys(USER.id).get("key_1") == replace(KEY, stamp=stamp)
    assert furnished.groups.get("grp_1") == replace(GROUP, stamp=stamp)
    assert furnished.accounts.get("acc_1") == replace(ACCOUNT, stamp=stamp)
    assert furnished.channels.get("chn_1") == replace(CHANNEL, stamp=stamp)


def test_exact_values_are_stored_as_text_and_whole_numbers(furnished: CatalogTable) -> None:
    furnished.groups.change(
        "grp_1", 1, lambda group: replace(group, multiplier=Decimal("0.100000")), LATER
    )
    key = {"pk": {"S": "groups"}, "sk": {"S": "grp_1"}}
    item = service("dynamodb").get_item(TableName=CATALOG, Key=key)["Item"]
    assert item["multiplier"] == {"S": "0.100000"}
    assert item["version"] == {"N": "2"}
    assert item["kind"] == {"S": "group"}
    assert furnished.groups.get("grp_1").multiplier == Decimal("0.1")


def test_a_change_keeps_when_it_was_made_and_says_who_changed_it(furnished: CatalogTable) -> None:
    changed = furnished.users.change(USER.id, 1, lambda user: replace(user, name="Ann"), LATER)
    assert changed.name == "Ann"
    assert changed.stamp == Stamp(2, 1_700_000_000_000, 1_700_000_060_000, "adm_fedcba9876543210")
    assert furnished.users.get(USER.id) == changed


def test_a_users_limits_of_before_there_were_others_still_hold(furnished: CatalogTable) -> None:
    service("dynamodb").update_item(
        TableName=CATALOG,
        Key={"pk": {"S": "users"}, "sk": {"S": USER.id}},
        UpdateExpression="SET rpm = :rpm, concurrency = :open REMOVE limits, group_limits",
        ExpressionAttributeValues={":rpm": {"N": "60"}, ":open": {"N": "5"}},
    )
    assert furnished.users.get(USER.id).limits == Limits(rpm=60, concurrency=5)
    furnished.users.change(USER.id, 1, lambda user: replace(user, limits=Limits(rpm=10)), LATER)
    assert furnished.users.get(USER.id).limits == Limits(rpm=10)


@on_both
def test_only_the_version_that_was_read_can_be_changed(furnished: CatalogTable) -> None:
    furnished.users.change(USER.id, 1, lambda user: replace(user, limits=Limits(rpm=10)), LATER)
    with pytest.raises(VersionMismatch):
        furnished.users.change(USER.id, 1, lambda user: replace(user, limits=Limits(rpm=20)), LATER)
    assert furnished.users.get(USER.id).limits.rpm == 10


@on_both
def test_of_two_changes_at_once_one_is_refused(furnished: CatalogTable) -> None:
    together = Barrier(2)
    outcomes: list[int | str] = []

    def change(rpm: int) -> None:
        def edit(user: Any) -> Any:
            together.wait(timeout=10)
            return replace(user, limits=Limits(rpm=rpm))

        try:
            outcomes.append(furnished.users.change(USER.id, None, edit, LATER).limits.rpm)
        except VersionMismatch:
            outcomes.append("refused")

    threads = [Thread(target=change, args=(rpm,)) for rpm in (10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert outcomes.count("refused") == 1
    assert furnished.users.get(USER.id).limits.rpm in outcomes


def test_a_released_address_can_be_taken_again(furnished: CatalogTable) -> None:
    furnished.users.change(USER.id, 1, lambda user: replace(user, email="b@example.com"), LATER)
    furnished.users.create(replace(USER, id="usr_2"), AUTHOR)
    assert furnished.users.by_email("ANN@example.com") == furnished.users.get("usr_2")
    assert furnished.users.by_email("b@example.com") == furnished.users.get(USER.id)
    assert furnished.users.by_email("c@example.com") is None


@on_both
def test_a_deleted_user_lets_go_of_the_address_and_never_returns(furnished: CatalogTable) -> None:
    furnished.users.change(USER.id, 1, lambda user: replace(user, status="deleted"), LATER)
    assert furnished.users.by_email("ann@example.com") is None
    with pytest.raises(Conflict):
        furnished.users.change(USER.id, 2, lambda user: replace(user, status="active"), LATER)
    with pytest.raises(ValidationFailed):
        furnished.keys(USER.id).create(replace(KEY, id="key_2", alias="k002"), AUTHOR)


@on_both
def test_a_revoked_key_keeps_its_alias_and_lets_go_of_its_group(furnished: CatalogTable) -> None:
    keys = furnished.keys(USER.id)
    keys.change("key_1", 1, lambda key: replace(key, status="revoked"), LATER)
    with pytest.raises(Conflict, match="alias"):
        keys.create(replace(KEY, id="key_2"), AUTHOR)
    with pytest.raises(Conflict, match="revoked cannot become active"):
        keys.change("key_1", 2, lambda key: replace(key, status="active"), LATER)
    furnished.channels.change("chn_1", 1, lambda channel: replace(channel, groups=()), LATER)
    furnished.accounts.change("acc_1", 1, lambda account: replace(account, groups=()), LATER)
    furnished.groups.remove("grp_1", 1)
    with pytest.raises(NotFound):
        furnished.groups.get("grp_1")


def test_a_removed_group_leaves_nothing_behind(catalog: CatalogTable) -> None:
    catalog.groups.create(GROUP, AUTHOR)
    catalog.groups.remove("grp_1", 1)
    assert service("dynamodb").scan(TableName=CATALOG)["Items"] == []


def test_what_is_taken_out_of_its_groups_can_be_removed(furnished: CatalogTable) -> None:
    furnished.channels.change("chn_1", 1, lambda channel: replace(channel, groups=()), LATER)
    furnished.channels.remove("chn_1", 2)
    furnished.channels.create(replace(CHANNEL, id="chn_2"), AUTHOR)
    furnished.accounts.change("acc_1", 1, lambda account: replace(account, groups=()), LATER)
    furnished.accounts.remove("acc_1", None)
    assert [account.id for account in furnished.accounts.everything()] == []


def test_a_group_moves_between_channels_only_when_the_first_lets_go(
    furnished: CatalogTable,
) -> None:
    furnished.channels.create(replace(CHANNEL, id="chn_2", name="b", groups=("grp_2",)), AUTHOR)
    with pytest.raises(Conflict):
        furnished.channels.change(
            "chn_2", 1, lambda channel: replace(channel, groups=("grp_1", "grp_2")), LATER
        )
    furnished.channels.change("chn_1", 1, lambda channel: replace(channel, groups=()), LATER)
    moved = furnished.channels.change(
        "chn_2", 1, lambda channel: replace(channel, groups=("grp_1", "grp_2")), LATER
    )
    assert moved.groups == ("grp_1", "grp_2")


def test_every_write_to_a_user_or_a_key_counts_up_the_profile(furnished: CatalogTable) -> None:
    assert furnished.profile_revision(USER.id) == 2
    furnished.users.change(USER.id, 1, lambda user: replace(user, limits=Limits(rpm=1)), LATER)
    assert furnished.profile_revision(USER.id) == 3
    furnished.keys(USER.id).change("key_1", 1, lambda key: replace(key, name="x"), LATER)
    assert furnished.profile_revision(USER.id) == 4
    with pytest.raises(VersionMismatch):
        furnished.keys(USER.id).change("key_1", 1, lambda key: replace(key, name="y"), LATER)
    assert furnished.profile_revision(USER.id) == 4
    assert furnished.profile_revision("usr_9") == 0


@on_both
def test_pages_follow_each_other_and_leave_guards_out(furnished: CatalogTable) -> None:
    keys = furnished.keys(USER.id)
    for number in range(2, 6):
        keys.create(replace(KEY, id=f"key_{number}", alias=f"k00{number}"), AUTHOR)
    first = keys.page(2)
    second = keys.page(2, first.after)
    third = keys.page(2, second.after)
    assert [key.id for key in first.entries] == ["key_1", "key_2"]
    assert [key.id for key in second.entries] == ["key_3", "key_4"]
    assert [key.id for key in third.entries] == ["key_5"]
    assert third.after is None
    assert keys.page(5).after is None


@pytest.mark.parametrize("name", ["", "alias#k001", "revision", "key_9"])
def test_guards_and_counters_are_no_definitions(furnished: CatalogTable, name: str) -> None:
    assert furnished.keys(USER.id).find(name) is None
    with pytest.raises(NotFound):
        furnished.keys(USER.id).get(name)


def test_settings_and_tokens_are_definitions_too(catalog: CatalogTable) -> None:
    for setting in (Setting("signup", True), Setting("fx.cny_per_usd", "7.0"), Setting("rpm", 60)):
        catalog.settings.create(setting, AUTHOR)
    values = {setting.name: setting.value for setting in catalog.settings.everything()}
    assert values == {"fx.cny_per_usd": "7.0", "rpm": 60, "signup": True}
    catalog.settings.remove("rpm", 1)
    assert catalog.settings.find("rpm") is None
    catalog.admin_tokens.create(TOKEN, AUTHOR)
    revoked = catalog.admin_tokens.change(
        "adm_1", 1, lambda token: replace(token, status="revoked"), LATER
    )
    assert (revoked.role, revoked.status) == ("owner", "revoked")


def test_a_password_is_replaced_as_often_as_its_user_likes(catalog: CatalogTable) -> None:
    passwords = catalog.passwords("usr_1")
    assert passwords.find("password") is None
    passwords.create(Password("$argon2id$one"), AUTHOR)
    passwords.change("password", 1, lambda _: Password("$argon2id$two", epoch=1), LATER)
    found = passwords.get("password")
    assert (found.hash, found.epoch) == ("$argon2id$two", 1)


def test_a_change_of_too_many_items_is_refused_before_it_is_sent(catalog: CatalogTable) -> None:
    groups = tuple(f"grp_{number}" for number in range(41))
    with pytest.raises(ValidationFailed, match="at most 40"):
        catalog.accounts.create(replace(ACCOUNT, groups=groups), AUTHOR)


def test_a_missing_table_is_said_to_be_missing() -> None:
    with catalog_in_memory():
        elsewhere = CatalogTable(Endpoint("tollgate-nowhere", REGION))
        with pytest.raises(RequestRejected, match="ResourceNotFound"):
            elsewhere.users.get(USER.id)
        with pytest.raises(RequestRejected, match="ResourceNotFound"):
            elsewhere.users.create(USER, AUTHOR)
