"""Sets of users' own multipliers: replaced whole from the group's side, or a user's at once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.catalog_samples import AUTHOR
from tests.catalog_tables import OPINIONS
from tests.multiplier_sets import ANN, BOB, CAT, LATER, NEW, OLD, blocks, furnish
from tollgate.domain.definitions import GroupDefinition
from tollgate.domain.errors import NotFound, ValidationFailed, VersionMismatch
from tollgate.domain.multipliers import place
from tollgate.store.catalog.table import CatalogTable

on_both = pytest.mark.parametrize("catalog", OPINIONS, indirect=True)
"""Marks what moto is asked about too."""


@pytest.fixture
def catalog(request: pytest.FixtureRequest) -> Iterator[CatalogTable]:
    with OPINIONS[getattr(request, "param", "memory")]() as table:
        furnish(table)
        yield table


# --- from the group's side --------------------------------------------------------------------


@on_both
def test_a_group_begins_without_any(catalog: CatalogTable) -> None:
    found = catalog.multipliers.of_group("grp_1")
    assert (found.group.multipliers, found.rows) == (0, {})


@on_both
def test_a_set_replaces_the_one_before_and_moves_the_groups_version(catalog: CatalogTable) -> None:
    assert catalog.multipliers.replace("grp_1", 1, OLD, AUTHOR).stamp.version == 2
    assert catalog.own_multipliers("grp_1") == {ANN: "1.5", BOB: "0.8"}
    after = catalog.multipliers.replace("grp_1", 2, NEW, LATER)
    assert (after.multipliers, after.stamp.version, after.stamp.updated_by) == (
        2,
        3,
        "adm_fedcba9876543210",
    )
    assert catalog.own_multipliers("grp_1") == {ANN: "0", CAT: "2"}
    assert blocks() == ["00000002", "00000002"]


@on_both
def test_an_empty_set_clears(catalog: CatalogTable) -> None:
    catalog.multipliers.replace("grp_1", 1, OLD, AUTHOR)
    assert catalog.multipliers.replace("grp_1", 2, {}, AUTHOR).multipliers == 0
    assert catalog.own_multipliers("grp_1") == {}
    assert blocks() == []


def test_groups_do_not_touch_each_other(catalog: CatalogTable) -> None:
    catalog.multipliers.replace("grp_1", 1, OLD, AUTHOR)
    catalog.multipliers.replace("grp_2", 1, NEW, AUTHOR)
    catalog.multipliers.replace("grp_2", 2, {}, AUTHOR)
    assert catalog.own_multipliers("grp_1") == OLD


def test_another_change_of_the_group_leaves_its_set(catalog: CatalogTable) -> None:
    catalog.multipliers.replace("grp_1", 1, OLD, AUTHOR)
    catalog.groups.change("grp_1", 2, lambda g: replace(g, multiplier=Decimal(2)), AUTHOR)
    assert catalog.own_multipliers("grp_1") == OLD


@on_both
@pytest.mark.parametrize(
    ("group", "version", "refusal"),
    [
        pytest.param("grp_1", 2, VersionMismatch, id="a version that is not there"),
        pytest.param("grp_missing", 1, NotFound, id="no such group"),
    ],
)
def test_a_refused_set_is_not_stored(
    catalog: CatalogTable, group: str, version: int, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        catalog.multipliers.replace(group, version, NEW, AUTHOR)
    assert (blocks(), catalog.groups.get("grp_1").multipliers) == ([], 0)


def test_a_group_that_was_never_there_is_not_found(catalog: CatalogTable) -> None:
    with pytest.raises(NotFound):
        catalog.multipliers.of_group("grp_missing")


# --- from the user's side ---------------------------------------------------------------------


@on_both
def test_a_user_gets_several_multipliers_at_once(catalog: CatalogTable) -> None:
    catalog.multipliers.replace("grp_1", 1, OLD, AUTHOR)
    own = catalog.multipliers.of_user(ANN)
    assert own.rows == {"grp_1": "1.5"}
    after = catalog.multipliers.change_user(own, {"grp_1": "1.25", "grp_2": "0.5"}, LATER)
    assert after.rows == {"grp_1": "1.25", "grp_2": "0.5"}
    assert catalog.multipliers.of_user(ANN).rows == {"grp_1": "1.25", "grp_2": "0.5"}
    assert catalog.own_multipliers("grp_1") == {ANN: "1.25", BOB: "0.8"}
    assert catalog.own_multipliers("grp_2") == {ANN: "0.5"}
    versions = {name: catalog.groups.get(name).stamp.version for name in ("grp_1", "grp_2")}
    assert versions == {"grp_1": 3, "grp_2": 2}
    assert {name: group.stamp.version for name, group in after.groups.items()} == versions


def test_what_a_user_is_not_given_is_taken_away(catalog: CatalogTable) -> None:
    catalog.multipliers.replace("grp_1", 1, OLD, AUTHOR)
    catalog.multipliers.replace("grp_2", 1, NEW, AUTHOR)
    own = catalog.multipliers.of_user(ANN)
    catalog.multipliers.change_user(own, {"grp_2": "0"}, LATER)
    assert catalog.multipliers.of_user(ANN).rows == {"grp_2": "0"}
    assert catalog.own_multipliers("grp_1") == {BOB: "0.8"}
    assert catalog.groups.get("grp_2").stamp.version == 2  # nothing changed there


def in_the_same_block(user: str) -> str:
    """Another user's id whose multiplier lies beside this one's."""
    others = (f"usr_{number:016x}" for number in range(256, 1_024))
    return next(other for other in others if place(other, 64) == place(user, 64))


def test_users_of_one_block_keep_each_others_multipliers(catalog: CatalogTable) -> None:
    other = in_the_same_block(ANN)
    catalog.multipliers.replace("grp_1", 1, {ANN: "1.5", other: "3"}, AUTHOR)
    assert blocks() == ["00000001"]
    catalog.multipliers.change_user(catalog.multipliers.of_user(ANN), {}, LATER)
    assert catalog.own_multipliers("grp_1") == {other: "3"}


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        pytest.param(
            lambda c: c.multipliers.replace("grp_1", 2, NEW, LATER),
            VersionMismatch,
            id="the set was replaced meanwhile",
        ),
        pytest.param(
            lambda c: c.groups.change("grp_1", 2, lambda g: replace(g, name="new"), LATER),
            VersionMismatch,
            id="the group was changed meanwhile",
        ),
        pytest.param(
            lambda c: c.users.change(ANN, None, lambda u: replace(u, status="deleted"), LATER),
            ValidationFailed,
            id="the user was deleted meanwhile",
        ),
    ],
)
def test_a_user_is_not_changed_onto_what_nobody_saw(
    catalog: CatalogTable, change: Callable[[CatalogTable], Any], refusal: type[Exception]
) -> None:
    catalog.multipliers.replace("grp_1", 1, OLD, AUTHOR)
    own = catalog.multipliers.of_user(ANN)
    change(catalog)
    before = catalog.own_multipliers("grp_1")
    with pytest.raises(refusal):
        catalog.multipliers.change_user(own, {"grp_1": "9", "grp_2": "9"}, LATER)
    assert catalog.own_multipliers("grp_1") == before
    assert catalog.own_multipliers("grp_2") == {}


def many_groups(catalog: CatalogTable, count: int) -> list[str]:
    """So many groups more."""
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    made = [
        GroupDefinition(
            f"grp_many_{number}",
            f"m0{alphabet[number // 32]}{alphabet[number % 32]}",
            "one of many",
            "openai",
        )
        for number in range(count)
    ]
    return [catalog.groups.create(group, AUTHOR).id for group in made]


def test_forty_groups_change_at_once_and_no_more(catalog: CatalogTable) -> None:
    groups = many_groups(catalog, 41)
    own = catalog.multipliers.of_user(ANN)
    with pytest.raises(ValidationFailed) as refused:
        catalog.multipliers.change_user(own, dict.fromkeys(groups, "0.5"), LATER)
    assert refused.value.message == "entries: this changes 41 groups, 40 is the most at once"
    catalog.multipliers.change_user(own, dict.fromkeys(groups[:40], "0.5"), LATER)
    own = catalog.multipliers.of_user(ANN)
    assert own.rows == dict.fromkeys(groups[:40], "0.5")
    wanted = dict(own.rows) | {groups[40]: "2"}
    assert catalog.multipliers.change_user(own, wanted, LATER).rows == wanted


def test_a_multiplier_by_the_user_is_one_by_the_group(catalog: CatalogTable) -> None:
    own = catalog.multipliers.of_user(ANN)
    catalog.multipliers.change_user(own, {"grp_1": "0.5"}, LATER)
    found = catalog.multipliers.of_group("grp_1")
    catalog.multipliers.replace("grp_1", found.group.stamp.version, OLD, LATER)
    assert catalog.multipliers.of_user(ANN).rows == {"grp_1": "1.5"}
    assert len(blocks()) == 2
