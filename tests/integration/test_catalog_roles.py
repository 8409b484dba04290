"""Definitions under deployed roles: the portal writes users and keys, the admin everything."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.catalog_samples import ACCOUNT, AUTHOR, CHANNEL, GROUP, KEY, OTHER_GROUP, USER
from tests.catalog_tables import catalog_in_memory
from tests.iam import AccessDenied, Role
from tollgate.domain.definitions import AdminToken, Setting
from tollgate.store.catalog.table import CatalogTable

TOKEN = AdminToken("adm_1", "laptop", "owner", "b" * 64, 1, "wxyz")
ASKED = "before-parameter-build.dynamodb"


@contextmanager
def act_as(catalog: CatalogTable, function: str) -> Iterator[None]:
    """Let a function's role decide about every request."""
    role, events = Role(function), catalog._connection.client.meta.events

    def ask(params: dict[str, Any], model: Any, **_: Any) -> None:
        role.guard(model.name, called_catalog(params))

    events.register(ASKED, ask)
    try:
        yield
    finally:
        events.unregister(ASKED, ask)


def called_catalog(params: dict[str, Any]) -> dict[str, Any]:
    """A request, with the table by its name in the template."""
    actions = [
        {kind: {**body, "TableName": "Catalog"} for kind, body in action.items()}
        for action in params.get("TransactItems", ())
    ]
    batch = dict(zip(["Catalog"], params.get("RequestItems", {}).values(), strict=False))
    return {**params, "TableName": "Catalog", "TransactItems": actions, "RequestItems": batch}


@pytest.fixture
def catalog() -> Iterator[CatalogTable]:
    with catalog_in_memory() as table, act_as(table, "Admin"):
        table.groups.create(GROUP, AUTHOR)
        table.groups.create(OTHER_GROUP, AUTHOR)
        yield table


def disabled(definition: Any) -> Any:
    """The same, switched off."""
    return replace(definition, status="disabled")


def test_an_admin_edits_everything(catalog: CatalogTable) -> None:
    catalog.users.create(USER, AUTHOR)
    catalog.keys(USER.id).create(KEY, AUTHOR)
    catalog.accounts.create(ACCOUNT, AUTHOR)
    catalog.channels.create(CHANNEL, AUTHOR)
    catalog.settings.create(Setting("sign_up", "open"), AUTHOR)
    catalog.admin_tokens.create(TOKEN, AUTHOR)
    for multiplier in ("1.5", "0.5"):
        version = catalog.groups.get(GROUP.id).stamp.version
        catalog.multipliers.replace(GROUP.id, version, {USER.id: multiplier}, AUTHOR)
    own = catalog.multipliers.of_user(USER.id)
    catalog.multipliers.change_user(own, {OTHER_GROUP.id: "2"}, AUTHOR)
    catalog.accounts.change(ACCOUNT.id, None, disabled, AUTHOR)
    catalog.users.change(USER.id, None, disabled, AUTHOR)


def test_a_user_signs_up_and_makes_keys_in_the_portal(catalog: CatalogTable) -> None:
    with act_as(catalog, "Portal"):
        catalog.register(USER, "$argon2id$…", AUTHOR)
        assert catalog.users.by_email(USER.email)
        assert catalog.passwords(USER.id).find("password")
        catalog.keys(USER.id).create(KEY, AUTHOR)
        catalog.keys(USER.id).change(KEY.id, None, disabled, AUTHOR)
        assert list(catalog.keys(USER.id).everything())
        assert list(catalog.groups.everything())


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda c: c.accounts.create(ACCOUNT, AUTHOR), id="adds no accounts"),
        pytest.param(lambda c: c.channels.create(CHANNEL, AUTHOR), id="adds no channels"),
        pytest.param(lambda c: c.admin_tokens.create(TOKEN, AUTHOR), id="makes no staff"),
        pytest.param(
            lambda c: c.settings.create(Setting("sign_up", "open"), AUTHOR),
            id="changes no settings",
        ),
        pytest.param(
            lambda c: c.groups.change(GROUP.id, None, disabled, AUTHOR), id="closes no groups"
        ),
        pytest.param(
            lambda c: c.multipliers.replace(GROUP.id, 1, {USER.id: "0"}, AUTHOR),
            id="gives no multipliers",
        ),
    ],
)
def test_the_portal(catalog: CatalogTable, act: Callable[[CatalogTable], object]) -> None:
    with act_as(catalog, "Portal"), pytest.raises(AccessDenied):
        act(catalog)


@pytest.mark.parametrize("function", ["Relay", "Janitor"])
def test_neither_reads_definitions_of_users(catalog: CatalogTable, function: str) -> None:
    with act_as(catalog, function), pytest.raises(AccessDenied):
        catalog.users.find(USER.id)


def test_the_janitor_reads_accounts_and_settings(catalog: CatalogTable) -> None:
    catalog.accounts.create(ACCOUNT, AUTHOR)
    with act_as(catalog, "Janitor"):
        assert [each.id for each in catalog.accounts.everything()] == [ACCOUNT.id]
        assert catalog.accounts.find(ACCOUNT.id)
        assert list(catalog.settings.everything()) == []
        with pytest.raises(AccessDenied):
            catalog.accounts.change(ACCOUNT.id, None, disabled, AUTHOR)


def test_the_aggregator_reads_what_it_publishes(catalog: CatalogTable) -> None:
    with act_as(catalog, "BillingAggregator"):
        assert list(catalog.groups.everything())
        assert catalog.own_multipliers(GROUP.id) == {}
        with pytest.raises(AccessDenied):
            catalog.groups.change(GROUP.id, None, disabled, AUTHOR)
