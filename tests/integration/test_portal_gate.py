"""Whom the portal's gate turns away: no cookie of ours, or a page of somebody else's."""

from collections.abc import Iterator

import pytest

from tests.portal_api import (
    CONSOLE,
    COOKIE,
    HOST,
    PASSWORD,
    Browser,
    Portal,
    joined,
    lasting_portal,
    rows,
)
from tollgate.web.portal.openapi import undressed

NEW = "a better horse, a fresher staple"


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    with lasting_portal() as found:
        yield found


@pytest.fixture(scope="module")
def ann(portal: Portal) -> Browser:
    return joined(portal, "ann@example.com")


@pytest.fixture(scope="module")
def other(ann: Browser) -> Browser:
    """Another session of the same user."""
    return ann.portal.browser("ann@example.com")


@pytest.mark.parametrize(
    "cookie",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param(f"{COOKIE}=", id="no secret"),
        pytest.param(f"{COOKIE}=hello", id="no secret of ours"),
        pytest.param(f"{COOKIE}={'0' * 68}", id="nobody's"),
        pytest.param("tollgate={secret}", id="another name"),
        pytest.param(f"{COOKIE}={{secret}}; {COOKIE}={'0' * 68}", id="two secrets"),
        pytest.param(f"{COOKIE}={{secret}}0", id="one digit more"),
        pytest.param(f"{COOKIE}={{secret}}%00", id="something behind it"),
        pytest.param(f"{COOKIE}={{other}}", id="another user's part before it"),
    ],
)
def test_without_its_exact_cookie_nobody_is_signed_in(ann: Browser, cookie: str | None) -> None:
    other = "0" * 16 + ann.secret[16:]
    sent = cookie and cookie.format(secret=ann.secret, other=other)
    answer = ann.call("GET", "/me", headers={"Cookie": sent})
    assert (answer.status, answer.json["code"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"] == "Cookie"


# --- other sites' pages -----------------------------------------------------------------------

WRITES = [
    ("DELETE", "/session", None),
    ("DELETE", "/sessions", None),
    ("PUT", "/password", {"current_password": PASSWORD, "new_password": NEW}),
    ("POST", "/keys", {"group": "grp_0"}),
    ("PATCH", "/keys/key_missing", {}),
    ("DELETE", "/keys/key_missing", None),
    ("PUT", "/keys/key_missing/quota", {"quota_usd": "1"}),
]


def test_every_route_that_writes_is_in_the_list() -> None:
    routes = {
        (e.method, e.path.removeprefix("/api/portal").replace("<key>", "key_missing"))
        for e in undressed()
        if e.method != "GET" and e.permission
    }
    assert routes == {(method, path) for method, path, _ in WRITES}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X-CSRF-Token": None}, id="no token"),
        pytest.param({"X-CSRF-Token": ""}, id="an empty token"),
        pytest.param({"X-CSRF-Token": "0" * 64}, id="a wrong token"),
        pytest.param({"X-CSRF-Token": "other"}, id="another session's token"),
        pytest.param({"X-CSRF-Token": "ünïcode"}, id="no token of ours"),
        pytest.param({"Origin": "https://evil.example"}, id="another origin"),
        pytest.param({"Origin": "null"}, id="a sandboxed page"),
        pytest.param({"Origin": ""}, id="an empty origin"),
        pytest.param({"Origin": f"http://{HOST}"}, id="our host without TLS"),
        pytest.param({"Origin": f"https://{HOST}.evil.example"}, id="a longer host"),
        pytest.param({"Origin": f"https://{HOST}:8443"}, id="another port"),
        pytest.param({"Origin": "https://["}, id="no origin at all"),
        pytest.param({"Origin": f"https://{HOST}", "Host": None}, id="no host to compare with"),
    ],
)
def test_another_sites_page_changes_nothing(
    ann: Browser, other: Browser, headers: dict[str, str | None]
) -> None:
    if headers.get("X-CSRF-Token") == "other":
        headers = {"X-CSRF-Token": other.csrf}
    before = {table: rows(table) for table in ("catalog", "state")}
    for method, path, body in WRITES:
        answer = ann.call(method, path, body, headers=headers)
        assert (answer.status, answer.json["code"]) == (403, "cross_site_request_refused"), path
        assert "evil" not in answer.headers.get("access-control-allow-origin", "")
    assert {table: rows(table) for table in ("catalog", "state")} == before


@pytest.mark.parametrize("origin", [None, f"https://{HOST}", f"https://{HOST.upper()}", CONSOLE])
def test_our_own_pages_and_those_listed_may(ann: Browser, origin: str | None) -> None:
    leaving = ann.portal.browser("ann@example.com")
    assert leaving.call("DELETE", "/session", headers={"Origin": origin}).status == 204


@pytest.mark.parametrize("path", ["/session", "/sign-up"])
def test_another_sites_page_signs_nobody_in_or_up(portal: Portal, ann: Browser, path: str) -> None:
    body = {"email": "ann@example.com", "password": PASSWORD}
    answer = portal.browser().call("POST", path, body, headers={"Origin": "https://evil.example"})
    assert (answer.status, answer.json["code"]) == (403, "cross_site_request_refused")
    assert "Set-Cookie" not in answer.headers


def test_a_listed_page_may_send_its_cookie(ann: Browser) -> None:
    asked = ann.call("OPTIONS", "/keys", headers={"Origin": CONSOLE, "Cookie": None})
    assert asked.status == 204
    assert asked.headers["access-control-allow-origin"] == CONSOLE
    assert asked.headers["access-control-allow-credentials"] == "true"
    assert "x-csrf-token" in asked.headers["access-control-allow-headers"]
    other = ann.call("OPTIONS", "/keys", headers={"Origin": "https://evil.example"})
    assert not [name for name in other.headers if name.startswith("access-control-allow-origin")]
