"""Users' own multipliers: which lists are refused, by row and field, and where each one lies."""

import random
import zlib

import pytest

from tollgate.domain.errors import ValidationFailed
from tollgate.domain.multiplier_rules import check_rows, check_users
from tollgate.domain.multipliers import dealt, place, sliced

ANN, BOB, CAT = "usr_0000000000000001", "usr_0000000000000002", "usr_0000000000000003"


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        pytest.param([], {}, id="nobody"),
        pytest.param([(ANN, "1.5"), (BOB, "0.8")], {ANN: "1.5", BOB: "0.8"}, id="two, as typed"),
        pytest.param([(ANN, "0")], {ANN: "0"}, id="free of charge, said explicitly"),
        pytest.param([(ANN, "1000.000000")], {ANN: "1000.000000"}, id="the most, to 6 decimals"),
        pytest.param([(ANN, "0.000001")], {ANN: "0.000001"}, id="the least"),
    ],
)
def test_rows_become_multipliers(rows: list[tuple[str, str]], found: dict[str, str]) -> None:
    assert check_rows(rows) == found


@pytest.mark.parametrize(
    ("rows", "param", "message"),
    [
        pytest.param(
            [(ANN, "1"), (BOB, "1"), (ANN, "1")],
            "entries[3].user_id",
            f"entries[3].user_id: {ANN} is in row 1 already",
            id="a user twice",
        ),
        pytest.param(
            [(ANN, "1"), (BOB, "1000.000001")],
            "entries[2].multiplier",
            "entries[2].multiplier: 0 to 1000 with at most 6 decimals",
            id="above the limit",
        ),
        pytest.param(
            [(ANN, "-0.5")],
            "entries[1].multiplier",
            "entries[1].multiplier: 0 to 1000 with at most 6 decimals",
            id="negative",
        ),
        pytest.param(
            [(ANN, "NaN")],
            "entries[1].multiplier",
            "entries[1].multiplier: 0 to 1000 with at most 6 decimals",
            id="not a number",
        ),
        pytest.param(
            [(ANN, "0.1234567")],
            "entries[1].multiplier",
            "entries[1].multiplier: 0 to 1000 with at most 6 decimals",
            id="seven decimals",
        ),
    ],
)
def test_a_bad_row_is_named(rows: list[tuple[str, str]], param: str, message: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        check_rows(rows)
    assert (refused.value.param, refused.value.message) == (param, message)


@pytest.mark.parametrize(
    ("statuses", "param", "message"),
    [
        pytest.param(
            {ANN: "active", CAT: "active"},
            "entries[2].user_id",
            f"entries[2].user_id: there is no user {BOB}",
            id="unknown",
        ),
        pytest.param(
            {ANN: "disabled", BOB: "active", CAT: "deleted"},
            "entries[3].user_id",
            f"entries[3].user_id: user {CAT} is deleted",
            id="deleted",
        ),
    ],
)
def test_a_user_who_cannot_be_charged_is_named(
    statuses: dict[str, str], param: str, message: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        check_users([ANN, BOB, CAT], statuses)
    assert (refused.value.param, refused.value.message) == (param, message)


def test_active_and_disabled_users_may_be_listed() -> None:
    check_users([ANN, BOB], {ANN: "active", BOB: "disabled"})


@pytest.mark.parametrize(
    ("user", "places", "where"),
    [
        pytest.param(ANN, 1, 0, id="one place"),
        pytest.param(ANN, 64, 5, id="Ann in 64"),
        pytest.param(BOB, 64, 63, id="Bob in 64"),
        pytest.param(ANN, 3, 2, id="Ann in 3"),
        pytest.param(BOB, 3, 1, id="Bob in 3"),
    ],
)
def test_a_users_place_never_changes(user: str, places: int, where: int) -> None:
    assert place(user, places) == where


def many(count: int) -> dict[str, str]:
    """So many users, each with a multiplier of six decimals."""
    source = random.Random(count)
    return {
        f"usr_{number:08x}{source.getrandbits(32):08x}": f"0.{source.randrange(10**6):06d}"
        for number in range(count)
    }


@pytest.mark.parametrize(
    ("count", "slices"),
    [
        pytest.param(0, 0, id="nobody"),
        pytest.param(1, 1, id="one user"),
        pytest.param(8_000, 1, id="one slice full"),
        pytest.param(8_001, 2, id="one user more"),
        pytest.param(20_000, 3, id="twenty thousand"),
    ],
)
def test_how_many_slices_are_published(count: int, slices: int) -> None:
    assert len(sliced(many(count))) == slices


def test_every_user_of_a_large_set_is_found_in_their_slice_and_nowhere_else() -> None:
    everybody = many(20_000)
    slices = sliced(everybody)
    assert sum(map(len, slices)) == 20_000
    assert {user: slices[place(user, 3)][user] for user in everybody} == everybody


def test_a_slice_of_random_users_fits_in_an_item_twice() -> None:
    largest = max(sliced(many(20_000)), key=len)
    assert len(largest) < 8_000
    assert len(zlib.compress(repr(largest).encode(), 9)) < 350 * 1024 // 2


def test_parts_without_users_are_empty() -> None:
    assert dealt({BOB: "0.8"}, 3) == ({}, {BOB: "0.8"}, {})
