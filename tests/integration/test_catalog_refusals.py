"""Writes to the Catalog table that break a rule: refused by name, and nothing has changed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.catalog_samples import ACCOUNT, AUTHOR, CHANNEL, KEY, OTHER_GROUP, USER
from tests.catalog_tables import CATALOG, catalog_in_memory, furnish
from tests.locked_moto import service
from tollgate.domain.errors import (
    Conflict,
    NotFound,
    TollgateError,
    ValidationFailed,
    VersionMismatch,
)
from tollgate.store.catalog.table import CatalogTable


@pytest.fixture(scope="module")
def furnished() -> Iterator[CatalogTable]:
    """One table for all rows: none of them may change it."""
    with catalog_in_memory() as catalog:
        furnish(catalog)
        yield catalog


Act = Callable[[CatalogTable], Any]
NEW_KEY = replace(KEY, id="key_2", alias="k002")


@pytest.mark.parametrize(
    ("act", "refusal", "field"),
    [
        pytest.param(lambda c: c.users.create(USER, AUTHOR), Conflict, None, id="the same user"),
        pytest.param(
            lambda c: c.users.create(replace(USER, id="usr_2", email="ANN@example.com "), AUTHOR),
            ValidationFailed,
            "email",
            id="an address with a blank",
        ),
        pytest.param(
            lambda c: c.users.create(replace(USER, id="usr_2", email="ANN@example.com"), AUTHOR),
            Conflict,
            "email",
            id="the same address in capitals",
        ),
        pytest.param(
            lambda c: c.users.create(
                replace(USER, id="usr_2", email="bob@example.com", groups=("grp_9",)), AUTHOR
            ),
            ValidationFailed,
            "groups",
            id="a user in a group that is not there",
        ),
        pytest.param(
            lambda c: c.keys(USER.id).create(replace(KEY, id="key_2"), AUTHOR),
            Conflict,
            "alias",
            id="the alias of another key",
        ),
        pytest.param(
            lambda c: c.keys(USER.id).create(replace(NEW_KEY, group="grp_9"), AUTHOR),
            ValidationFailed,
            "group",
            id="a key of a group that is not there",
        ),
        pytest.param(
            lambda c: c.keys("usr_9").create(replace(NEW_KEY, user="usr_9"), AUTHOR),
            ValidationFailed,
            "user",
            id="a key of nobody",
        ),
        pytest.param(
            lambda c: c.groups.create(replace(OTHER_GROUP, id="grp_3"), AUTHOR),
            Conflict,
            "alias",
            id="the alias of another group",
        ),
        pytest.param(
            lambda c: c.channels.create(replace(CHANNEL, id="chn_2", groups=()), AUTHOR),
            Conflict,
            "name",
            id="the name of another channel",
        ),
        pytest.param(
            lambda c: c.channels.create(replace(CHANNEL, id="chn_2", name="other"), AUTHOR),
            Conflict,
            "groups",
            id="a group that is in a channel",
        ),
        pytest.param(
            lambda c: c.accounts.create(replace(ACCOUNT, id="acc_2", weight=-1), AUTHOR),
            ValidationFailed,
            "weight",
            id="a negative weight",
        ),
        pytest.param(
            lambda c: c.groups.change(
                "grp_1", 1, lambda g: replace(g, multiplier=Decimal("NaN")), AUTHOR
            ),
            ValidationFailed,
            "multiplier",
            id="a multiplier that is no number",
        ),
        pytest.param(
            lambda c: c.groups.change(
                "grp_1", 1, lambda g: replace(g, multiplier=Decimal("0.1234567")), AUTHOR
            ),
            ValidationFailed,
            "multiplier",
            id="a multiplier too fine",
        ),
        pytest.param(
            lambda c: c.users.change("usr_9", None, lambda u: u, AUTHOR),
            NotFound,
            None,
            id="nobody",
        ),
        pytest.param(lambda c: c.groups.remove("grp_1", 1), Conflict, None, id="a group in use"),
        pytest.param(lambda c: c.accounts.remove("acc_1", 1), Conflict, None, id="a busy account"),
        pytest.param(lambda c: c.channels.remove("chn_1", 1), Conflict, None, id="a busy channel"),
        pytest.param(lambda c: c.users.remove(USER.id, 1), Conflict, None, id="a user for good"),
        pytest.param(
            lambda c: c.keys(USER.id).remove("key_1", 1), Conflict, None, id="a key for good"
        ),
        pytest.param(
            lambda c: c.groups.remove("grp_2", 7), VersionMismatch, None, id="another version"
        ),
    ],
)
def test_what_breaks_a_rule_is_refused_and_changes_nothing(
    furnished: CatalogTable, act: Act, refusal: type[TollgateError], field: str | None
) -> None:
    client = service("dynamodb")
    before = client.scan(TableName=CATALOG)["Items"]
    with pytest.raises(refusal) as refused:
        act(furnished)
    assert refused.value.param == field
    assert client.scan(TableName=CATALOG)["Items"] == before
