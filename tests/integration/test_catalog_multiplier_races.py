"""Sets of users' own multipliers through races, crashes and failures: never visible by half."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.catalog_samples import AUTHOR
from tests.catalog_tables import CATALOG
from tests.dynamodb_behind_boto3 import playing
from tests.dynamodb_in_memory import InMemoryDynamo
from tests.item_size import item_size
from tests.locked_moto import REGION
from tests.multiplier_sets import ANN, BOB, CAT, LATER, NEW, OLD, blocks, furnish
from tollgate.domain.errors import NotFound, VersionMismatch
from tollgate.store.catalog.items import Endpoint
from tollgate.store.catalog.multipliers import ROUNDS
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.dynamodb import RequestRejected, Throttled


class Crash(BaseException):
    """The process is gone."""


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


@pytest.mark.parametrize(
    ("operation", "winner"),
    [
        pytest.param("UpdateItem", "00000002", id="before the loser has a number"),
        pytest.param("PutItem", "00000003", id="before the loser writes"),
        pytest.param("TransactWriteItems", "00000003", id="before the loser switches"),
    ],
)
def test_a_lost_race_leaves_the_winners_set_alone(
    dynamo: InMemoryDynamo, watched: CatalogTable, operation: str, winner: str
) -> None:
    meanwhile(
        dynamo,
        operation,
        lambda: watched.multipliers.replace("grp_1", 2, {BOB: "3"}, LATER),
    )
    with pytest.raises(VersionMismatch):
        watched.multipliers.replace("grp_1", 2, NEW, AUTHOR)
    assert watched.own_multipliers("grp_1") == {BOB: "3"}
    assert blocks() == [winner]


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
    assert blocks() == ["00000001", "00000001"]


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
