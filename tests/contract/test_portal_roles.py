"""Every portal route meets everybody: the table says who may, and a route it lacks fails."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.portal_api import PASSWORD, Browser, Portal, joined, lasting_portal, rows
from tollgate.web.portal.openapi import undressed

VISITORS = ("anonymous", "A", "B", "disabled")
USERS = {"anonymous": 401, "A": 200, "B": 200, "disabled": 401}
OWNER = USERS | {"B": 404}
"""Of what is A's: for B it is not there."""

MAY: dict[str, dict[str, int]] = {
    "POST /sign-up": dict.fromkeys(VISITORS, 202),
    "POST /session": dict.fromkeys(VISITORS, 401),
    "GET /session": USERS,
    "DELETE /session": USERS | {"A": 204, "B": 204},
    "DELETE /sessions": USERS | {"A": 204, "B": 204},
    "PUT /password": USERS | {"A": 422, "B": 422},
    "GET /me": USERS,
    "GET /groups": USERS,
    "GET /groups/rates": USERS,
    "GET /keys": USERS,
    "POST /keys": USERS | {"A": 201, "B": 201},
    "GET /keys/<key>": OWNER,
    "PATCH /keys/<key>": OWNER,
    "DELETE /keys/<key>": OWNER,
    "PUT /keys/<key>/quota": OWNER,
    "GET /prices": USERS,
    "GET /wallet": USERS,
    "GET /ledger": USERS,
    "GET /limits": USERS,
    "GET /usage": USERS,
    "GET /statistics/models": USERS,
    "GET /statistics/overview": USERS,
    "GET /receipts/<request_id>": USERS | {"A": 404, "B": 404},
}
BODIES: dict[str, Any] = {
    "POST /sign-up": {"email": "new@example.com", "password": PASSWORD},
    "POST /session": {"email": "nobody@example.com", "password": "wrong"},
    "PUT /password": {"current_password": "wrong", "new_password": PASSWORD},
    "POST /keys": {"group": "grp_0"},
    "PATCH /keys/<key>": {"name": "new"},
    "PUT /keys/<key>/quota": {"quota_usd": "1"},
}
ROUTES = [f"{e.method} {e.path.removeprefix('/api/portal')}" for e in undressed()]


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    with lasting_portal() as found:
        found.group()
        for name in ("a", "b", "off"):
            joined(found, f"{name}@example.com")
        yield found


def visitor(portal: Portal, who: str, number: int) -> Browser:
    """Somebody with a session of their own, from an address of their own."""
    ip = f"198.51.100.{number}"
    if who == "anonymous":
        return portal.browser(ip=ip)
    found = portal.browser({"A": "a@", "B": "b@", "disabled": "off@"}[who] + "example.com", ip)
    if who == "disabled":
        portal.change_user(found.user, status="disabled")
    return found


@pytest.fixture
def key(portal: Portal) -> str:
    """A key of A's."""
    made: str = portal.browser("a@example.com").created("/keys", {"group": "grp_0"})["id"]
    return made


def test_the_table_has_every_route_and_no_other() -> None:
    assert sorted(MAY) == sorted(ROUTES)
    assert all(set(cells) == set(VISITORS) for cells in MAY.values())


def test_every_body_is_for_a_route_that_takes_one() -> None:
    assert sorted(BODIES) == sorted(
        f"{e.method} {e.path.removeprefix('/api/portal')}" for e in undressed() if e.body
    )


@pytest.mark.parametrize("route", ROUTES)
def test_each_gets_what_the_table_says(portal: Portal, key: str, route: str) -> None:
    method, _, path = route.partition(" ")
    place = path.replace("<key>", key).replace("<request_id>", "req_" + "0" * 30)
    for who in ("anonymous", "disabled", "B", "A"):
        browser = visitor(portal, who, ROUTES.index(route) * 4 + VISITORS.index(who))
        before = rows("catalog")
        answer = browser.call(method, place, BODIES.get(route), headers={"If-Match": '"1"'})
        assert answer.status == MAY[route][who], (who, answer.text)
        if answer.status in {401, 404}:
            assert rows("catalog") == before
        if who == "disabled":
            portal.change_user(browser.user, status="active")


@pytest.mark.parametrize("who", ["anonymous", "disabled"])
@pytest.mark.parametrize("route", ["GET /nothing", "PUT /keys", "POST /users/usr_1/keys"])
def test_a_stranger_does_not_learn_what_there_is(portal: Portal, route: str, who: str) -> None:
    browser = visitor(portal, who, 200)
    method, _, path = route.partition(" ")
    answer = browser.call(method, path)
    if who == "disabled":
        portal.change_user(browser.user, status="active")
    assert (answer.status, answer.json["code"]) == (401, "invalid_token")


def test_a_user_is_told_what_there_is(portal: Portal) -> None:
    ann = portal.browser("a@example.com")
    assert ann.call("GET", "/nothing").json["code"] == "route_not_found"
    assert ann.call("PUT", "/keys").json["code"] == "method_not_allowed"
    assert ann.call("GET", "/../admin/users").json["code"] == "route_not_found"
