"""The admin API under the role it is deployed with: every request it sends is one it may send."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.admin_api import AdminApi, admin_api, services
from tests.admin_writes import World, furnish
from tests.iam import AccessDenied, Role
from tollgate.store.state import StateItem

ASKED = "before-parameter-build.dynamodb"
NAMES = {
    f"tollgate-{name.lower()}": name
    for name in ("Catalog", "Wallets", "Usage", "Rollups", "Orders", "State")
}


def in_template(value: Any) -> Any:
    """A request, with every table by its name in the template."""
    if isinstance(value, dict):
        return {
            NAMES.get(key, key): NAMES.get(inner, inner)
            if key == "TableName"
            else in_template(inner)
            for key, inner in value.items()
        }
    return [in_template(inner) for inner in value] if isinstance(value, list) else value


@contextmanager
def act_as(function: str, clients: list[Any]) -> Iterator[list[str]]:
    """Let a function's role decide about every request of these clients; gives what was asked."""
    role, asked = Role(function), list[str]()

    def ask(params: dict[str, Any], model: Any, **_: Any) -> None:
        asked.append(model.name)
        role.guard(model.name, in_template(params))

    with ExitStack() as stack:
        for client in clients:
            client.meta.events.register(ASKED, ask)
            stack.callback(client.meta.events.unregister, ASKED, ask)
        yield asked


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        dynamo: Any = services().dynamo
        clients = [
            dynamo._client,
            opened.stores.catalog._connection.client,
            StateItem._get_connection().connection.client,
        ]
        with act_as("Admin", clients) as asked:
            yield opened
        assert len(set(asked)) >= 5


def follow(api: AdminApi, method: str, path: str, *bodies: Any) -> None:
    """Write again and again from the version just read."""
    for number, body in enumerate(bodies, start=1):
        answer = api.call(method, path, body, headers={"If-Match": f'"{number}"'})
        assert answer.status in {200, 204}, answer.text


def test_everything_staff_does_is_allowed(api: AdminApi) -> None:
    there: World = furnish(api)
    user, key = f"/users/{there.user}", f"/users/{there.user}/keys/{there.key}"
    once = {"Idempotency-Key": "once"}
    for _ in range(2):
        made = api.call("POST", f"{user}/keys", {"group": there.group}, headers=once)
        assert made.status == 201, made.text
    credit = {"amount_usd": "5", "kind": "topup", "reference": "r"}
    api.created(f"{user}/wallet/credits", credit)
    api.created(f"{user}/wallet/credits", credit | {"kind": "adjustment", "reference": "s"})
    follow(api, "PUT", f"{key}/quota", {"quota_usd": "7"}, {"quota_usd": None})
    api.call("DELETE", key, headers={"If-Match": '"3"'})
    for _ in range(2):
        given = api.call("PUT", f"{user}/password", {"password": "correct horse"})
        assert given.status == 204, given.text
    follow(api, "PATCH", user, {"shards": 2}, {"status": "disabled"}, {"status": "active"})
    taken = credit | {"amount_usd": "-9", "kind": "adjustment", "reference": "t"}
    api.created(f"{user}/wallet/credits", taken)
    follow(api, "PATCH", f"/groups/{there.group}", {"name": "x"})
    follow(api, "PATCH", f"/accounts/{there.account}", {"credentials": "sk-2"})
    follow(api, "DELETE", f"/channels/{there.channel}", None)
    for path in ("wallet", "ledger", "usage", "keys"):
        assert api.call("GET", f"{user}/{path}").status == 200
    statistics = ("/statistics/users", "/statistics/overview")
    for path in ("/health", "/rollups", "/audit", f"/accounts/{there.account}/usage", *statistics):
        assert api.call("GET", path).status == 200


def test_another_functions_role_would_not_do(aws_environment: None) -> None:
    with (
        admin_api() as api,
        act_as("Relay", [api.stores.catalog._connection.client]),
        pytest.raises(AccessDenied),
    ):
        api.call("GET", "/groups")
