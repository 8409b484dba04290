"""No secret that passes through the portal stays anywhere: tables, log, audit, answers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.portal_api import Browser, Portal, dump, lasting_portal, sign_up

FIRST = "canary-one-of-ann's"
SECOND = "canary-two-of-ann's"
WRONG = "canary-wrong-guess"


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    with lasting_portal() as found:
        found.group()
        yield found


@pytest.fixture(scope="module")
def walked(portal: Portal) -> list[str]:
    """Everything a user does once; the secrets that were shown or said on the way."""
    assert sign_up(portal, "ann@example.com", FIRST).status == 202
    assert sign_up(portal, "ann@example.com", WRONG).status == 202
    ann = Browser(portal)
    assert ann.sign_in("ann@example.com", WRONG).status == 401
    assert ann.sign_in("ann@example.com", FIRST).status == 200
    secrets = [FIRST, SECOND, WRONG, ann.secret, ann.csrf]
    once = {"Idempotency-Key": "one"}
    key = ann.call("POST", "/keys", {"group": "grp_0"}, headers=once).json
    ann.call("PATCH", f"/keys/{key['id']}", {"name": "x"}, headers={"If-Match": '"1"'})
    body = {"current_password": WRONG, "new_password": SECOND}
    assert ann.call("PUT", "/password", body).status == 422
    changed = ann.call("PUT", "/password", body | {"current_password": FIRST})
    ann.keep(changed)
    secrets += [key["secret"], ann.secret, ann.csrf]
    for path in ("/me", "/session", "/keys", "/groups", "/wallet", "/ledger", "/usage"):
        assert ann.call("GET", path).status == 200
    assert ann.call("PUT", "/password", {"current_password": SECOND * 99}).status == 422
    assert ann.call("GET", "/me", headers={"Cookie": f"__Host-tollgate={key['secret']}"}).status
    assert ann.call("DELETE", "/sessions").status == 204
    return secrets


def test_no_table_has_a_secret(walked: list[str]) -> None:
    kept = dump()
    assert [secret for secret in walked if secret in kept] == []
    assert "$argon2id$" in kept


def test_no_log_line_has_a_secret(portal: Portal, walked: list[str]) -> None:
    lines = json.dumps(portal.logged)
    assert [secret for secret in walked if secret in lines] == []
    assert {"method", "path", "status", "actor", "role", "request_id"} == set(portal.logged[0])


def test_the_audit_log_has_who_came_and_went(portal: Portal, walked: list[str]) -> None:
    actions = [entry["action"] for entry in portal.audit()]
    assert sorted(actions) == [
        *("key.change", "key.create", "password.change", "session.end_all", "session.open"),
        "user.sign_up",
    ]
    assert "argon2id" not in str(portal.audit())


def refusals() -> list[Any]:
    """Bodies that are refused, each with a password in it."""
    return [
        pytest.param({"email": "a@b.example", "password": [WRONG]}, id="a list"),
        pytest.param({"email": WRONG, "password": {"x": WRONG}}, id="an object"),
        pytest.param({"email": "a@b.example", "password": WRONG * 20}, id="too long"),
        pytest.param({"email": "a@b.example", "passwort": WRONG}, id="a wrong name"),
        pytest.param('{"email": "a@b.example", "password": "' + WRONG + '"', id="cut off"),
        pytest.param('{"password": "' + WRONG + '", "password": "x"}', id="a name twice"),
        pytest.param('["' + WRONG + '"]', id="no object"),
    ]


@pytest.mark.parametrize("path", ["/session", "/sign-up"])
@pytest.mark.parametrize("body", refusals())
def test_no_refusal_repeats_what_was_typed(portal: Portal, path: str, body: Any) -> None:
    answer = portal.browser(ip="192.0.2.9").call("POST", path, body)
    assert answer.status in {400, 422}
    assert WRONG not in answer.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_form_of_another_site_is_no_sign_in(portal: Portal, kind: str) -> None:
    body = json.dumps({"email": "ann@example.com", "password": SECOND})
    answer = portal.browser().call("POST", "/session", body, headers={"Content-Type": kind})
    assert (answer.status, answer.json["code"]) == (415, "unsupported_content_type")
