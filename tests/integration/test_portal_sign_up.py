"""Signing up: a taken address looks like a free one, and nobody gets more than was offered."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.portal_api import PASSWORD, STAFF, Portal, joined, portal_api, sign_up
from tests.portal_api import rows as stored
from tollgate.domain.catalog import UNLIMITED
from tollgate.domain.definitions import Setting

ANN = "ann@example.com"


@pytest.fixture
def portal(aws_environment: None) -> Iterator[Portal]:
    with portal_api() as found:
        yield found


def test_a_new_user_has_an_empty_wallet_and_signs_in(portal: Portal) -> None:
    answer = sign_up(portal, ANN)
    assert (answer.status, answer.json["status"]) == (202, "accepted")
    assert "Set-Cookie" not in answer.headers
    ann = portal.browser(ANN)
    (wallet,) = stored("wallets")
    assert wallet["pk"] == f"{ann.user}#0"
    assert {wallet[name] for name in ("available", "held", "debits", "credits")} == {"0"}
    user = portal.stores.catalog.users.get(ann.user)
    assert (user.email, user.status, user.limits, user.shards, user.groups) == (
        *(ANN, "active", UNLIMITED, 1, ()),
    )
    assert user.stamp.updated_by == ann.user
    (entry,) = [each for each in portal.audit() if each["action"] == "user.sign_up"]
    assert (entry["actor"], entry["object"], entry["ip"]) == (ann.user, ann.user, "203.0.113.7")


def test_a_taken_address_is_answered_as_a_free_one(portal: Portal) -> None:
    joined(portal, ANN)
    free, taken = sign_up(portal, "new@example.com"), sign_up(portal, "Ann@Example.com")
    assert (free.status, dict(free.headers), free.text) == (
        *(taken.status, dict(taken.headers), taken.text),
    )
    assert portal.slept == [0, 0]
    assert len([row for row in stored("wallets") if row["sk"] == "wallet"]) == 2
    assert portal.browser().sign_in(ANN).status == 200


def test_a_taken_address_keeps_its_password(portal: Portal) -> None:
    joined(portal, ANN)
    sign_up(portal, ANN, "the thief's password")
    assert portal.browser().sign_in(ANN, "the thief's password").status == 401
    assert portal.browser().sign_in(ANN).status == 200


@pytest.mark.parametrize("email", [" ann@example.com", "ann@example.com ", "no address", "a@b"])
def test_an_address_that_is_none_is_refused_whoever_has_it(portal: Portal, email: str) -> None:
    joined(portal, ANN)
    answer = sign_up(portal, email)
    assert (answer.status, answer.json["param"]) == (422, "email")


def test_strangers_are_told_that_nobody_may_register(aws_environment: None) -> None:
    with portal_api(sign_up="closed") as portal:
        joined(portal, ANN)
        answers = [sign_up(portal, email) for email in (ANN, "new@example.com")]
        assert [(a.status, a.json["code"]) for a in answers] == [(403, "sign_up_closed")] * 2
        assert answers[0].text == answers[1].text
        assert "operator" in answers[0].json["detail"]
        assert len(stored("wallets")) == 1


@pytest.mark.parametrize(
    ("password", "status"),
    [
        pytest.param("1234567", 422, id="7 characters"),
        pytest.param("12345678", 202, id="8 characters"),
        pytest.param("🔑" * 8, 202, id="8 beyond the basic plane"),
        pytest.param("x" * 256, 202, id="256 characters"),
        pytest.param("x" * 257, 422, id="257 characters"),
        pytest.param(12345678, 422, id="a number"),
        pytest.param(None, 422, id="null"),
    ],
)
def test_a_password_has_8_to_256_characters(portal: Portal, password: Any, status: int) -> None:
    answer = sign_up(portal, ANN, password)
    assert answer.status == status, answer.text
    assert len(str(password)) < 8 or str(password) not in answer.text


@pytest.mark.parametrize(
    "field",
    [
        *("id", "role", "status", "groups", "limits", "group_limits", "shards", "available"),
        *("credits", "balance", "quota", "version", "stamp", "hash", "epoch", "is_admin", "kind"),
    ],
)
def test_nobody_signs_up_as_more_than_they_were_offered(portal: Portal, field: str) -> None:
    body = {"email": ANN, "password": PASSWORD, field: "1"}
    answer = portal.browser().call("POST", "/sign-up", body)
    assert (answer.status, answer.json["param"]) == (422, field)
    assert stored("catalog") == []


def test_new_users_get_the_limits_the_operator_chose(portal: Portal) -> None:
    for setting in (Setting("sign_up.rpm", 60), Setting("sign_up.concurrency", 8)):
        portal.stores.catalog.settings.create(setting, STAFF)
    sign_up(portal, ANN)
    limits = portal.browser(ANN).call("GET", "/me").json["limits"]
    assert (limits["rpm"], limits["concurrency"], limits["tpm"]) == (60, 8, 0)


@pytest.mark.parametrize("value", ["60", True, -1])
def test_a_limit_that_is_no_number_is_none(portal: Portal, value: Any) -> None:
    portal.stores.catalog.settings.create(Setting("sign_up.rpm", value), STAFF)
    sign_up(portal, ANN)
    assert portal.browser(ANN).call("GET", "/me").json["limits"]["rpm"] == 0


def test_ten_sign_ups_from_one_source_are_enough(portal: Portal) -> None:
    answers = [sign_up(portal, f"{number}@example.com") for number in range(11)]
    assert [answer.status for answer in answers] == [202] * 10 + [429]
    assert answers[-1].headers["retry-after"] == "900"
    assert sign_up(portal, "new@example.com", ip="203.0.113.8").status == 202


def test_nothing_is_done_after_the_time_was_evened_out(portal: Portal) -> None:
    sign_up(portal, ANN)
    assert portal.asked[-1] == ("Sleep", "")
    assert ("PutItem", "State") in portal.asked


@pytest.mark.parametrize(
    ("took", "slept"),
    [(0, 0), (1, 499), (137, 363), (499, 1), (500, 0), (501, 499), (1_730, 270)],
)
def test_an_answer_takes_a_multiple_of_half_a_second(portal: Portal, took: int, slept: int) -> None:
    portal.people.sign_up.even_out(portal.now - took)
    assert portal.slept == [slept]
