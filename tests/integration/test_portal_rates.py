"""What users see of multipliers: their own, in groups open to them, beside the groups' own."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.portal_api import STAFF, Browser, Portal, joined, portal_api


@pytest.fixture
def portal(aws_environment: None) -> Iterator[Portal]:
    with portal_api() as found:
        yield found


@pytest.fixture
def ann(portal: Portal) -> Browser:
    return joined(portal, "ann@example.com")


def give(portal: Portal, group: str, multipliers: dict[str, str]) -> None:
    """Let staff replace the multipliers of a group."""
    catalog = portal.stores.catalog
    version = catalog.groups.get(group).stamp.version
    catalog.multipliers.replace(group, version, multipliers, STAFF)


def test_who_has_none_sees_an_empty_list(portal: Portal, ann: Browser) -> None:
    portal.group("main")
    assert ann.call("GET", "/groups/rates").json == {"entries": [], "next_cursor": None}


def test_ones_own_are_told_with_the_group_and_its_multiplier(portal: Portal, ann: Browser) -> None:
    main, spare = portal.group("main"), portal.group("spare", multiplier=Decimal(2))
    portal.group("untouched")
    bob = joined(portal, "bob@example.com")
    give(portal, spare, {ann.user: "0.5", bob.user: "7"})
    give(portal, main, {ann.user: "0"})
    assert ann.call("GET", "/groups/rates").json["entries"] == [
        {"group_id": main, "name": "main", "group_multiplier": "1", "multiplier": "0"},
        {"group_id": spare, "name": "spare", "group_multiplier": "2", "multiplier": "0.5"},
    ]
    assert bob.call("GET", "/groups/rates").json["entries"] == [
        {"group_id": spare, "name": "spare", "group_multiplier": "2", "multiplier": "7"}
    ]


def test_groups_that_are_not_open_to_them_are_not_told(portal: Portal, ann: Browser) -> None:
    closed, off = portal.group("closed", exclusive=True), portal.group("off", status="disabled")
    for group in (closed, off):
        give(portal, group, {ann.user: "0.5"})
    assert ann.call("GET", "/groups/rates").json["entries"] == []
    portal.change_user(ann.user, groups=(closed,))
    told = ann.call("GET", "/groups/rates").json["entries"]
    assert [entry["group_id"] for entry in told] == [closed]


def test_strangers_learn_nothing(portal: Portal) -> None:
    assert portal.browser().call("GET", "/groups/rates").status == 401
