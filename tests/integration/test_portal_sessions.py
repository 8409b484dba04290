"""Sessions of the portal: what a browser is given, what it must send back, and what ends it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.portal_api import PASSWORD, Browser, Portal, joined, portal_api
from tests.portal_api import rows as stored

HOUR = 3_600_000
DAY = 24 * HOUR
NO_LIMITS = {
    "rpm": 0,
    "tpm": 0,
    "concurrency": 0,
    "spend_5h_usd": "0",
    "spend_day_usd": "0",
    "spend_week_usd": "0",
}
NEW = "a better horse, a fresher staple"


@pytest.fixture
def portal(aws_environment: None) -> Iterator[Portal]:
    with portal_api() as found:
        yield found


@pytest.fixture
def ann(portal: Portal) -> Browser:
    return joined(portal, "ann@example.com")


def sessions() -> list[dict[str, Any]]:
    """The sessions that are kept."""
    return [row for row in stored("state") if row["pk"].startswith("session#")]


def alive(browser: Browser) -> bool:
    """Whether a browser is signed in."""
    answer = browser.call("GET", "/me")
    assert (answer.status, answer.json.get("code")) in {(200, None), (401, "invalid_token")}
    return answer.status == 200


def twin(browser: Browser) -> Browser:
    """Another browser with the same cookie, stolen or synchronised."""
    return Browser(browser.portal, browser.secret, browser.csrf, browser.user)


# --- the cookie -------------------------------------------------------------------------------


def test_the_cookie_is_bound_to_this_host_and_out_of_reach_of_scripts(portal: Portal) -> None:
    joined(portal, "ann@example.com")
    answer = portal.browser().sign_in("ann@example.com")
    name, _, rest = answer.headers["Set-Cookie"].partition("=")
    secret, *attributes = rest.split("; ")
    assert name == "__Host-tollgate"
    assert attributes == ["Max-Age=1209600", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"]
    assert len(secret) == 68
    assert answer.headers["cache-control"] == "no-store"


def test_a_session_is_kept_by_its_hash_and_names_its_user_and_birth(ann: Browser) -> None:
    (row,) = sessions()
    assert row["pk"] == f"session#{ann.user}"
    assert len(row["sk"]) == 64
    assert int(row["created_at"]) == ann.portal.now
    assert ann.secret not in str(stored("state"))
    assert ann.csrf not in str(stored("state"))
    assert int(row["expires"]) == (ann.portal.now + DAY) // 1_000 + 1


def test_the_session_says_who_and_until_when(ann: Browser) -> None:
    now = ann.portal.now
    answer = ann.call("GET", "/session")
    assert answer.json == {
        "user": {
            "id": ann.user,
            "email": "ann@example.com",
            "name": "",
            "status": "active",
            "limits": NO_LIMITS,
            "created_at": now,
        },
        "csrf_token": ann.csrf,
        "created_at": now,
        "idle_at": now + DAY,
        "ends_at": now + 14 * DAY,
    }
    assert "Set-Cookie" not in answer.headers


def test_a_session_is_no_bearer_token(ann: Browser) -> None:
    headers = {"Cookie": None, "Authorization": f"Bearer {ann.secret}"}
    assert ann.call("GET", "/me", headers=headers).status == 401


# --- rotation and fixation --------------------------------------------------------------------


def test_every_sign_in_draws_another_secret_and_ends_the_one_before(ann: Browser) -> None:
    before = twin(ann)
    assert ann.sign_in("ann@example.com").status == 200
    assert ann.secret != before.secret
    assert ann.csrf != before.csrf
    assert alive(ann)
    assert not alive(before)


def test_a_secret_that_somebody_planted_is_never_taken_over(portal: Portal, ann: Browser) -> None:
    planted = ann.user.removeprefix("usr_") + "7" * 52
    victim = Browser(portal, secret=planted)
    assert victim.sign_in("ann@example.com").status == 200
    assert victim.secret != planted
    assert not alive(Browser(portal, secret=planted))


def test_signing_in_ends_the_session_of_whoever_used_the_browser_before(portal: Portal) -> None:
    shared = joined(portal, "ann@example.com")
    hers = twin(shared)
    joined(portal, "bob@example.com")
    assert shared.sign_in("bob@example.com").status == 200
    assert not alive(hers)


def test_a_failed_sign_in_leaves_the_session_as_it_is(ann: Browser) -> None:
    assert ann.sign_in("ann@example.com", "wrong").status == 401
    assert alive(ann)


def test_a_new_password_gives_a_new_secret_and_ends_every_other_session(ann: Browser) -> None:
    elsewhere, stolen = ann.portal.browser("ann@example.com"), twin(ann)
    body = {"current_password": PASSWORD, "new_password": NEW}
    changed = ann.call("PUT", "/password", body)
    assert changed.status == 200
    ann.keep(changed)
    assert [alive(each) for each in (ann, elsewhere, stolen)] == [True, False, False]
    assert ann.portal.browser().sign_in("ann@example.com").status == 401
    assert ann.portal.browser().sign_in("ann@example.com", NEW).status == 200


def test_a_new_password_takes_the_old_one(ann: Browser) -> None:
    body = {"current_password": "not it at all", "new_password": NEW}
    refused = ann.call("PUT", "/password", body)
    assert (refused.status, refused.json["param"]) == (422, "current_password")
    assert alive(ann)
    assert ann.portal.browser().sign_in("ann@example.com").status == 200


def test_whoever_stole_a_session_may_not_guess_the_password_for_long(ann: Browser) -> None:
    body = {"current_password": "not it at all", "new_password": NEW}
    statuses = [ann.call("PUT", "/password", body).status for _ in range(11)]
    assert statuses == [422] * 10 + [429]
    body["current_password"] = PASSWORD
    assert ann.call("PUT", "/password", body).status == 429


# --- the end ----------------------------------------------------------------------------------


def test_signing_out_ends_the_session_here_and_not_only_in_the_browser(ann: Browser) -> None:
    elsewhere = ann.portal.browser("ann@example.com")
    answer = ann.call("DELETE", "/session")
    assert (answer.status, answer.text) == (204, "")
    assert answer.headers["Set-Cookie"] == (
        "__Host-tollgate=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict"
    )
    assert not alive(ann)
    assert alive(elsewhere)
    assert len(sessions()) == 1


def test_signing_out_everywhere_ends_all_sessions_of_that_user_alone(portal: Portal) -> None:
    anns = [joined(portal, "ann@example.com"), *(portal.browser("ann@example.com") for _ in "ab")]
    bob = joined(portal, "bob@example.com")
    assert anns[0].call("DELETE", "/sessions").status == 204
    assert [alive(each) for each in anns] == [False, False, False]
    assert alive(bob)
    assert alive(portal.browser("ann@example.com"))


def test_a_session_ends_a_day_after_its_last_use(ann: Browser) -> None:
    ann.portal.now += 23 * HOUR
    assert alive(ann)
    ann.portal.now += 24 * HOUR - 1
    assert alive(ann)
    ann.portal.now += 24 * HOUR
    assert not alive(ann)


def test_a_session_ends_after_14_days_however_much_it_is_used(ann: Browser) -> None:
    for _ in range(14 * 2 - 1):
        ann.portal.now += 12 * HOUR
        assert alive(ann)
    ann.portal.now += 12 * HOUR - 1
    assert alive(ann)
    ann.portal.now += 1
    assert not alive(ann)


def test_use_is_written_down_every_five_minutes_at_most(ann: Browser) -> None:
    begun = sessions()
    ann.portal.now += 299_999
    assert alive(ann)
    assert sessions() == begun
    ann.portal.now += 1
    assert alive(ann)
    assert int(sessions()[0]["used_at"]) == ann.portal.now


def test_a_session_ended_while_it_is_used_is_not_revived(ann: Browser) -> None:
    from tollgate.store.sessions import Sessions

    (row,) = sessions()
    found = Sessions().find(ann.user, row["sk"])
    assert found is not None
    Sessions().remove(ann.user, row["sk"])
    assert not Sessions().use(found)
    assert sessions() == []


@pytest.mark.parametrize("status", ["disabled", "deleted"])
def test_the_session_of_a_disabled_user_dies_and_stays_dead(ann: Browser, status: str) -> None:
    ann.portal.change_user(ann.user, status=status)
    assert not alive(ann)
    if status == "disabled":
        ann.portal.change_user(ann.user, status="active")
    assert not alive(ann)
    assert sessions() == []


def test_a_local_run_may_do_without_tls(aws_environment: None) -> None:
    with portal_api(local="1") as portal:
        ann = joined(portal, "ann@example.com")
        origin = {"Origin": "http://gate.example.com"}
        assert ann.call("DELETE", "/session", headers=origin).status == 204
