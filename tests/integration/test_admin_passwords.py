"""Users made by staff get their password from staff, and sign in to the portal with it."""

import json
from collections.abc import Iterator

import pytest

from tests import portal_api
from tests.admin_api import AdminApi, admin_api
from tests.portal_api import Portal
from tollgate.settings import Settings

ANN = "ann@example.com"
FIRST, SECOND = "correct horse battery staple", "hunter2-but-longer"


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


@pytest.fixture
def portal(api: AdminApi) -> Portal:
    """The portal over the same tables."""
    return portal_api.opened(Settings(dynamodb_client="boto3"))


@pytest.fixture
def user(api: AdminApi) -> str:
    return str(api.created("/users", {"email": ANN})["id"])


def give(api: AdminApi, user: str, password: str) -> int:
    """The status of giving a password."""
    return api.call("PUT", f"/users/{user}/password", {"password": password}).status


def test_a_user_without_a_password_signs_in_once_staff_gave_one(
    api: AdminApi, portal: Portal, user: str
) -> None:
    assert portal.browser().sign_in(ANN, FIRST).status == 401
    assert give(api, user, FIRST) == 204
    browser = portal.browser()
    assert browser.sign_in(ANN, FIRST).status == 200
    assert browser.user == user


def test_another_password_takes_the_place_of_the_first_and_ends_all_sessions(
    api: AdminApi, portal: Portal, user: str
) -> None:
    give(api, user, FIRST)
    browsers = [portal.browser(), portal.browser()]
    assert [each.sign_in(ANN, FIRST).status for each in browsers] == [200, 200]
    assert give(api, user, SECOND) == 204
    assert [each.call("GET", "/me").status for each in browsers] == [401, 401]
    assert portal.browser().sign_in(ANN, FIRST).status == 401
    assert portal.browser().sign_in(ANN, SECOND).status == 200


@pytest.mark.parametrize(
    ("password", "status"),
    [
        pytest.param("x" * 7, 422, id="7 characters"),
        pytest.param("x" * 8, 204, id="8 characters"),
        pytest.param("x" * 256, 204, id="256 characters"),
        pytest.param("x" * 257, 422, id="257 characters"),
    ],
)
def test_a_password_has_8_to_256_characters(
    api: AdminApi, user: str, password: str, status: int
) -> None:
    assert give(api, user, password) == status


def test_who_is_not_there_gets_none(api: AdminApi) -> None:
    assert give(api, "usr_missing", FIRST) == 404
    kept = [row for row in portal_api.rows("catalog") if row["pk"].startswith("password#")]
    assert kept == []


def test_who_is_deleted_gets_none(api: AdminApi, user: str) -> None:
    deleted = api.call("DELETE", f"/users/{user}", headers={"If-Match": '"1"'})
    assert deleted.status == 200, deleted.text
    assert give(api, user, FIRST) == 404


def test_the_audit_log_says_who_gave_it_and_not_what(api: AdminApi, user: str) -> None:
    api.now += 1
    give(api, user, FIRST)
    entry = api.call("GET", "/audit").json["entries"][0]
    assert (entry["action"], entry["object"]) == ("password.set", user)
    assert entry["actor"] == api.call("GET", "/me").json["id"]
    assert (entry["before"], entry["after"]) == (None, None)
    assert FIRST not in portal_api.dump()
    assert FIRST not in json.dumps(api.logged, default=str)
