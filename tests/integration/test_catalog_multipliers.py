"""Sets of users' own multipliers: replaced whole, at any size, and never visible by half."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.catalog_samples import AUTHOR, GROUP, OTHER_GROUP, USER
from tests.catalog_tables import CATALOG, OPINIONS
from tests.dynamodb_behind_boto3 import playing
from tests.dynamodb_in_memory import InMemoryDynamo
from tests.item_size import item_size
from tests.locked_moto import REGION, service
from tollgate.domain.definitions import Author, GroupDefinition
from tollgate.domain.errors import NotFound, ValidationFailed, VersionMismatch
from tollgate.domain.multipliers import place
from tollgate.store.catalog.items import Endpoint
from tollgate.store.catalog.multipliers import ROUNDS
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.dynamodb import RequestRejected, Throttled

on_both = pytest.mark.parametrize("catalog", OPINIONS, indirect=True)
"""Marks what moto is asked about too."""

LATER = Author("adm_fedcba9876543210", 1_700_000_060_000)
ANN, BOB, CAT = USER.id, "usr_0000000000000002", "usr_0000000000000003"
OLD = {ANN: "1.5", BOB: "0.8"}
NEW = {ANN: "0", CAT: "2"}


class Crash(BaseException):
    """The process is gone."""


@pytest.fixture
def catalog(request: pytest.FixtureRequest) -> Iterator[CatalogTable]:
    with OPINIONS[getattr(request, "param", "memory")]() as table:
        furnish(table)
        yield table


@pytest.fixture
def dynamo() -> Iterator[InMemoryDynamo]:
    with playing(InMemoryDynamo([CATALOG])) as memory:
        yield memory


@pytest.fixture
def watched(dynamo: InMemoryDynamo) -> CatalogTable:
    """The catalog over `dynamo`, with the old set in its first group."""
    table = CatalogTable(Endpoint(CATALOG, REGION))
    furnish(table)
    table.multipliers.replace("grp_1", 1, OLD, AUTHOR)
    return table


def furnish(table: CatalogTable) -> None:
    """Three users and two groups."""
    table.groups.create(GROUP, AUTHOR)
    table.groups.create(OTHER_GROUP, AUTHOR)
    for user in (ANN, BOB, CAT):
        table.users.create(replace(USER, id=user, email=f"{user}@example.com"), AUTHOR)


def blocks(group: str = "grp_1") -> list[str]:
    """The sets whose blocks are stored, one number for each block."""
    found = service("dynamodb").scan(TableName=CATALOG)["Items"]
    names = [row["sk"]["S"] for row in found if row["pk"]["S"] == f"multipliers#{group}"]
    return sorted(name.partition("#")[0] for name in names)


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


def test_twenty_thousand_users_are_a_few_writes(
    dynamo: InMemoryDynamo, watched: CatalogTable
) -> None:
    large = {f"usr_{number:016x}": f"0.{number:06d}" for number in range(20_000)}
    before = len(dynamo.sent)
    watched.multipliers.replace("grp_1", 2, large, AUTHOR)
    sent = [operation for operation, _ in dynamo.sent[before:]]
    assert sent.count("PutItem") == 64
    assert len(sent) < 80
    found = [row for row in dynamo.items(CATALOG) if row["pk"]["S"] == "multipliers#grp_1"]
    assert {row["sk"]["S"][:8] for row in found} == {"00000002"}
    assert max(map(item_size, found)) < 20 * 1024
    assert watched.own_multipliers("grp_1") == large


# --- races and crashes ------------------------------------------------------------------------


def meanwhile(dynamo: InMemoryDynamo, operation: str, act: Callable[[], Any]) -> None:
    """Do something else once, just before the next request of a kind."""

    def before(found: str, request: Any) -> None:
        if found == operation:
            dynamo.before = None
            act()

    dynamo.before = before


def test_a_lost_race_leaves_the_winners_set_alone(
    dynamo: InMemoryDynamo, watched: CatalogTable
) -> None:
    meanwhile(
        dynamo,
        "TransactWriteItems",
        lambda: watched.multipliers.replace("grp_1", 2, {BOB: "3"}, LATER),
    )
    with pytest.raises(VersionMismatch):
        watched.multipliers.replace("grp_1", 2, NEW, AUTHOR)
    assert watched.own_multipliers("grp_1") == {BOB: "3"}
    assert blocks() == ["00000003"]


def test_an_edit_of_one_user_makes_a_replacement_lose(
    dynamo: InMemoryDynamo, watched: CatalogTable
) -> None:
    own = watched.multipliers.of_user(BOB)
    meanwhile(
        dynamo,
        "TransactWriteItems",
        lambda: watched.multipliers.change_user(own, {"grp_1": "0.7"}, LATER),
    )
    with pytest.raises(VersionMismatch):
        watched.multipliers.replace("grp_1", 2, NEW, AUTHOR)
    assert watched.own_multipliers("grp_1") == {ANN: "1.5", BOB: "0.7"}


def crash_at(dynamo: InMemoryDynamo, operation: str, number: int) -> None:
    """Let the process die before its so many-th request of a kind from now on."""
    left = number

    def before(found: str, request: Any) -> None:
        nonlocal left
        left -= found == operation
        if found == operation and not left:
            dynamo.before = None
            raise Crash

    dynamo.before = before


@pytest.mark.parametrize(
    ("operation", "number", "rows", "leftovers"),
    [
        pytest.param("UpdateItem", 1, OLD, [1, 1], id="before it has a number"),
        pytest.param("PutItem", 1, OLD, [1, 1], id="before the first block"),
        pytest.param("PutItem", 2, OLD, [1, 1, 2], id="between two blocks"),
        pytest.param("TransactWriteItems", 1, OLD, [1, 1, 2, 2], id="before the switch"),
        pytest.param("DeleteItem", 1, NEW, [1, 1, 2, 2], id="before the old set is deleted"),
        pytest.param("DeleteItem", 2, NEW, [1, 2, 2], id="while the old set is deleted"),
    ],
)
def test_a_crash_leaves_one_whole_set_and_the_next_replacement_cleans_up(
    dynamo: InMemoryDynamo,
    watched: CatalogTable,
    operation: str,
    number: int,
    rows: dict[str, str],
    leftovers: list[int],
) -> None:
    crash_at(dynamo, operation, number)
    with pytest.raises(Crash):
        watched.multipliers.replace("grp_1", 2, NEW, AUTHOR)
    assert watched.own_multipliers("grp_1") == rows
    assert [int(name) for name in blocks()] == leftovers
    version = watched.groups.get("grp_1").stamp.version
    chosen = watched.multipliers.replace("grp_1", version, {CAT: "4"}, AUTHOR).multipliers
    assert watched.own_multipliers("grp_1") == {CAT: "4"}
    assert [int(name) for name in blocks()] == [chosen]


def test_failing_to_clean_up_is_no_failure(dynamo: InMemoryDynamo, watched: CatalogTable) -> None:
    def before(operation: str, request: Any) -> None:
        if operation == "DeleteItem":
            raise RequestRejected("ValidationException", "not now")

    dynamo.before = before
    watched.multipliers.replace("grp_1", 2, NEW, AUTHOR)
    assert watched.own_multipliers("grp_1") == NEW


def test_a_reader_at_any_moment_sees_the_old_set_or_the_new_one(
    dynamo: InMemoryDynamo, watched: CatalogTable
) -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    def before(operation: str, request: Any) -> None:
        dynamo.before = None
        seen.append((operation, dict(watched.own_multipliers("grp_1"))))
        dynamo.before = before

    dynamo.before = before
    watched.multipliers.replace("grp_1", 2, NEW, AUTHOR)
    dynamo.before = None
    states = [rows for _, rows in seen]
    switch = [operation for operation, _ in seen].index("TransactWriteItems")
    assert states[: switch + 1] == [{ANN: "1.5", BOB: "0.8"}] * (switch + 1)
    assert states[switch + 1 :] == [{ANN: "0", CAT: "2"}] * (len(seen) - switch - 1)
    assert len(seen) > switch + 1


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_replacement_while_somebody_reads_shows_them_one_whole_set(
    dynamo: InMemoryDynamo, watched: CatalogTable, number: int
) -> None:
    left = number

    def before(operation: str, request: Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            dynamo.before = None
            watched.multipliers.replace("grp_1", 2, NEW, LATER)

    dynamo.before = before
    assert watched.own_multipliers("grp_1") == {ANN: "0", CAT: "2"}


def replaced_at_every_look(dynamo: InMemoryDynamo, catalog: CatalogTable) -> list[int]:
    """Let another set count before every read of blocks; says how often that was."""
    times: list[int] = []

    def before(operation: str, request: Any) -> None:
        if operation in {"Query", "BatchGetItem"} and "multipliers#" in repr(request):
            dynamo.before = None
            group = catalog.groups.get("grp_1")
            catalog.multipliers.replace("grp_1", group.stamp.version, OLD, LATER)
            times.append(1)
            dynamo.before = before

    dynamo.before = before
    return times


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda c: c.multipliers.of_group("grp_1"), id="a group's"),
        pytest.param(lambda c: c.multipliers.of_user(ANN), id="a user's"),
    ],
)
def test_who_never_gets_to_read_a_whole_set_is_told_to_try_again(
    dynamo: InMemoryDynamo, watched: CatalogTable, read: Callable[[CatalogTable], Any]
) -> None:
    times = replaced_at_every_look(dynamo, watched)
    with pytest.raises(Throttled):
        read(watched)
    assert len(times) == ROUNDS == 5


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


# --- a table that fails -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failing", "act"),
    [
        pytest.param("Query", lambda c: c.multipliers.of_group("grp_1"), id="listing"),
        pytest.param("BatchGetItem", lambda c: c.multipliers.of_user(ANN), id="listing a user's"),
        pytest.param(
            "UpdateItem", lambda c: c.multipliers.replace("grp_1", 2, NEW, AUTHOR), id="beginning"
        ),
        pytest.param(
            "PutItem", lambda c: c.multipliers.replace("grp_1", 2, NEW, AUTHOR), id="writing"
        ),
        pytest.param(
            "TransactWriteItems",
            lambda c: c.multipliers.replace("grp_1", 2, {}, AUTHOR),
            id="clearing",
        ),
    ],
)
def test_a_failing_table_is_told_and_is_no_empty_set(
    dynamo: InMemoryDynamo,
    watched: CatalogTable,
    failing: str,
    act: Callable[[CatalogTable], Any],
) -> None:
    def before(operation: str, request: Any) -> None:
        if operation == failing:
            raise RequestRejected("ValidationException", "broken")

    dynamo.before = before
    with pytest.raises(RequestRejected):
        act(watched)
    dynamo.before = None
    assert watched.own_multipliers("grp_1") == {ANN: "1.5", BOB: "0.8"}


def test_a_group_that_goes_before_its_set_has_a_number_takes_none(
    dynamo: InMemoryDynamo, watched: CatalogTable
) -> None:
    meanwhile(dynamo, "UpdateItem", lambda: watched.groups.remove("grp_2", 1))
    with pytest.raises(NotFound):
        watched.multipliers.replace("grp_2", 1, NEW, AUTHOR)
    assert blocks("grp_2") == []
