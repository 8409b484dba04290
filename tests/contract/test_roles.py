"""Every admin route meets every role: the table says who may, and a route it lacks fails."""

from collections.abc import Iterator

import pytest

from tests.admin_api import AdminApi, admin_api
from tests.admin_writes import alias_of, filled, query_of
from tollgate.domain.definitions import Role
from tollgate.web.admin.openapi import undressed

ALL: tuple[Role, ...] = ("owner", "finance", "operator", "support", "auditor")
OPERATING: tuple[Role, ...] = ("owner", "operator")
CATALOG: tuple[Role, ...] = ("owner", "finance", "operator", "auditor")

PRICING: tuple[Role, ...] = ("owner", "finance", "operator")

ALIASED: dict[str, tuple[Role, ...]] = {
    "GET /model_groups": ALL,
    "GET /model_group": ALL,
    "POST /model_group": OPERATING,
    "DELETE /model_group": OPERATING,
    "GET /model_group/<model>/<code>": ALL,
    "DELETE /model_group/<model>/<code>": OPERATING,
    "GET /default_groups": ALL,
    "GET /default_group": ALL,
    "PUT /default_group": OPERATING,
    "GET /model_group_channels": ALL,
    "POST /model_group_channels": OPERATING,
    "DELETE /model_group_channels": OPERATING,
    "GET /users/<user>/model_pricing": ALL,
    "POST /users/<user>/model_pricing": PRICING,
    "GET /users/<user>/customer_prices": ALL,
    "GET /users/<user>/customer_price": ALL,
    "PUT /users/<user>/customer_price": PRICING,
    "DELETE /users/<user>/customer_price": PRICING,
    "GET /users/<user>/customer_price/versions": ALL,
    "POST /users/<user>/customer_price/cancel": PRICING,
    "POST /users/<user>/customer_price/rollback": PRICING,
    "GET /users/<user>/effective_price": ALL,
}
"""What is also under /api/customer_pricing, with the same rights."""

MAY: dict[str, tuple[Role, ...]] = {
    "GET ": ALL,
    "GET /me": ALL,
    "GET /admin_tokens": ("owner", "auditor"),
    "POST /admin_tokens": ("owner",),
    "GET /admin_tokens/<token>": ("owner", "auditor"),
    "PATCH /admin_tokens/<token>": ("owner",),
    "DELETE /admin_tokens/<token>": ("owner",),
    "GET /users": ALL,
    "POST /users": OPERATING,
    "GET /users/<user>": ALL,
    "GET /users/<user>/limits": ALL,
    "PATCH /users/<user>": OPERATING,
    "DELETE /users/<user>": OPERATING,
    "PUT /users/<user>/password": OPERATING,
    "GET /users/<user>/keys": ALL,
    "POST /users/<user>/keys": OPERATING,
    "GET /users/<user>/keys/<key>": ALL,
    "PATCH /users/<user>/keys/<key>": OPERATING,
    "DELETE /users/<user>/keys/<key>": OPERATING,
    "PUT /users/<user>/keys/<key>/quota": OPERATING,
    "POST /users/<user>/keys/<key>/quota/additions": OPERATING,
    "GET /users/<user>/wallet": ALL,
    "POST /users/<user>/wallet/credits": ("owner", "finance"),
    "GET /users/<user>/ledger": ALL,
    "GET /users/<user>/usage": ALL,
    "GET /accounts/<account>/usage": ALL,
    "GET /receipts/<request_id>": ALL,
    "GET /rollups": ALL,
    "GET /statistics/models": ALL,
    "GET /statistics/users": ALL,
    "GET /statistics/groups": ALL,
    "GET /statistics/accounts": ALL,
    "GET /statistics/model_groups": ALL,
    "GET /statistics/overview": ALL,
    "GET /groups": ALL,
    "POST /groups": OPERATING,
    "GET /groups/<group>": ALL,
    "PATCH /groups/<group>": OPERATING,
    "DELETE /groups/<group>": OPERATING,
    "GET /groups/<group>/rate-multipliers": ALL,
    "PUT /groups/<group>/rate-multipliers": ("owner", "finance", "operator"),
    "DELETE /groups/<group>/rate-multipliers": ("owner", "finance", "operator"),
    "GET /users/<user>/rate-multipliers": ALL,
    "PUT /users/<user>/rate-multipliers": ("owner", "finance", "operator"),
    "GET /accounts": ("owner", "operator", "auditor"),
    "POST /accounts": OPERATING,
    "GET /accounts/<account>": ("owner", "operator", "auditor"),
    "PATCH /accounts/<account>": OPERATING,
    "DELETE /accounts/<account>": OPERATING,
    "GET /accounts/export": ("owner", "operator", "auditor"),
    "POST /accounts/bulk": OPERATING,
    "POST /accounts/test": OPERATING,
    "POST /accounts/<account>/test": OPERATING,
    "GET /accounts/<account>/models": OPERATING,
    "GET /accounts/<account>/keys": ("owner", "operator", "auditor"),
    "GET /accounts/<account>/credits": ("owner", "operator", "auditor"),
    "GET /accounts/health": ("owner", "operator", "auditor"),
    "GET /accounts/<account>/health": ("owner", "operator", "auditor"),
    "POST /accounts/<account>/keys/<number>/enable": OPERATING,
    "POST /accounts/<account>/clear-health": OPERATING,
    "POST /accounts/<account>/reset-quota": OPERATING,
    "GET /channels": CATALOG,
    "GET /channels/model-pricing": CATALOG,
    "POST /channels": OPERATING,
    "GET /channels/<channel>": CATALOG,
    "PATCH /channels/<channel>": OPERATING,
    "DELETE /channels/<channel>": OPERATING,
    "GET /channels/<channel>/pricing": CATALOG,
    "PUT /channels/<channel>/pricing": ("owner", "finance", "operator"),
    "GET /channels/<channel>/pricing/versions": CATALOG,
    "POST /channels/<channel>/pricing/rollback": ("owner", "finance", "operator"),
    "POST /channels/<channel>/pricing/cancel": ("owner", "finance", "operator"),
    "GET /prices": ALL,
    "POST /prices": ("owner", "finance", "operator"),
    "POST /prices/official": ("owner", "finance", "operator"),
    "POST /prices/imports": PRICING,
    "POST /prices/imports/upload": PRICING,
    "GET /prices/imports/<proposal>": ALL,
    "POST /prices/imports/<proposal>/apply": PRICING,
    "GET /price": ALL,
    "PUT /price": ("owner", "finance", "operator"),
    "POST /price/cancel": PRICING,
    "POST /price/rollback": PRICING,
    "PUT /price/lock": PRICING,
    "DELETE /price": ("owner", "finance", "operator"),
    "GET /price/versions": ALL,
    **ALIASED,
    **{alias_of(route): roles for route, roles in ALIASED.items()},
    "GET /settings": CATALOG,
    "POST /settings": OPERATING,
    "GET /settings/<name>": CATALOG,
    "PUT /settings/<name>": OPERATING,
    "DELETE /settings/<name>": OPERATING,
    "GET /settings/beta-policy": CATALOG,
    "PUT /settings/beta-policy": OPERATING,
    "GET /jobs": ALL,
    "GET /jobs/<job>": ALL,
    "DELETE /jobs/<job>": ("owner", "finance", "operator"),
    "POST /exports": ("owner", "finance", "operator"),
    "GET /exports/<export>": ("owner", "finance", "operator"),
    "POST /pricing/simulations": PRICING,
    "GET /pricing/simulations/<simulation>": PRICING,
    "POST /pricing/rerates": ("owner", "finance"),
    "GET /pricing/rerates/<rerate>": ("owner", "finance"),
    "GET /audit": ("owner", "auditor"),
    "GET /health": ("owner", "operator", "support", "auditor"),
}

NOBODY = {
    "anonymous": "",
    "an API key": "sk-tg-1m81j18g00vfcxecpc0ra32t73yn8y93mwv9jkhvz48tc7dy4bj42p5tx5xtjk8eva1f",
    "an unknown token": "tga-1m81j18g00vfcxecpc0ra32t73yn8y93mwv9jkhvz48tc7dy4bj42p5tx5xtjk8eva1f",
    "something else": "hello",
}
ROUTES = [f"{e.method} {e.path.removeprefix('/api/admin')}" for e in undressed()]
IDS = {
    "user": "usr_missing",
    "key": "key_missing",
    "group": "grp_missing",
    "account": "acc_missing",
    "channel": "chn_missing",
    "token": "adm_missing",
    "name": "missing",
    "model": "gpt-missing",
    "code": "missing",
    "request_id": "req_missing",
    "number": "1",
    "job": "job_missing",
    "export": "job_missing",
    "simulation": "job_missing",
    "rerate": "job_missing",
}


@pytest.fixture(scope="module")
def api() -> Iterator[AdminApi]:
    with pytest.MonkeyPatch.context() as patch:
        from tests.locked_moto import ENVIRONMENT

        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with admin_api() as opened:
            yield opened


def attempt(api: AdminApi, route: str, token: str) -> tuple[int, str, str]:
    """Try a route on what is not there, with nothing in the body: status, code, text."""
    method, _, template = route.partition(" ")
    answer = api.call(
        method,
        filled(template, IDS),
        None if method in {"GET", "DELETE"} else {},
        token=token,
        query=query_of(route),
    )
    code = answer.json.get("code", "") if answer.text else ""
    return answer.status, code, answer.text


def test_the_table_has_every_route_and_no_other() -> None:
    assert sorted(MAY) == sorted(ROUTES)


@pytest.mark.parametrize("role", ALL)
@pytest.mark.parametrize("route", ROUTES)
def test_a_role_enters_where_the_table_says(api: AdminApi, route: str, role: Role) -> None:
    status, code, text = attempt(api, route, api.token(role))
    if role in MAY[route]:
        assert status not in {401, 403}, text
        assert status < 500, text
    else:
        assert (status, code) == (403, "forbidden")


@pytest.mark.parametrize("stranger", NOBODY)
@pytest.mark.parametrize("route", [*ROUTES, "GET /nothing", "PUT /users"])
def test_a_stranger_learns_nothing(api: AdminApi, route: str, stranger: str) -> None:
    status, code, _ = attempt(api, route, NOBODY[stranger])
    assert (status, code) == (401, "invalid_token")


@pytest.mark.parametrize("route", [r for r in ROUTES if r.startswith("GET") and "<" in r])
def test_what_is_not_there_is_not_found(api: AdminApi, route: str) -> None:
    assert attempt(api, route, api.owner)[:2] == (404, "not_found")
