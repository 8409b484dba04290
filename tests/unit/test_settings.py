"""What a function reads from its environment, and how ids are born."""

import pytest

from tollgate.ids import fresh_id, new_id, now_ms
from tollgate.settings import Settings


def test_what_is_set_is_read_and_the_rest_keeps_its_default() -> None:
    found = Settings.from_env(
        {"TOLLGATE_USAGE_TABLE": "u", "TOLLGATE_NOBODY_KNOWS": "x", "USAGE_TABLE": "y", "PATH": "/"}
    )
    assert found == Settings(usage_table="u")
    assert (found.wallets_table, found.sign_up, found.local) == ("tollgate-wallets", "closed", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("TOLLGATE_DYNAMODB_CLIENT", "mysql", id="a client there is not"),
        pytest.param("TOLLGATE_SIGN_UP", "yes", id="a word that is neither open nor closed"),
    ],
)
def test_a_value_outside_its_list_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        Settings.from_env({name: value})


def test_ids_sort_by_birth_and_say_what_they_are() -> None:
    assert new_id("usr", 0, 0) == "usr_0000000000000000"
    assert new_id("usr", 31, 32) == "usr_00000000z0000010"
    assert new_id("key", 1_795_348_800_000, 5) < new_id("key", 1_795_348_800_001, 0)


def test_a_fresh_id_is_of_now_and_of_no_other() -> None:
    before = now_ms()
    ids = {fresh_id("req") for _ in range(100)}
    assert len(ids) == 100
    assert min(ids) >= new_id("req", before, 0)
    assert all(len(one) == len("req_") + 16 for one in ids)
