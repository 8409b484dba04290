"""Signing in: no answer tells who is a user, nobody guesses for long, and only strangers pay."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from tests.portal_api import PASSWORD, STAFF, Portal, joined, portal_api
from tests.portal_api import rows as stored
from tollgate.domain.definitions import UserDefinition
from tollgate.domain.errors import TollgateError, TooManyAttempts
from tollgate.services.sign_in import Credentials, SignIn, source_of
from tollgate.store.passwords import PasswordHashes
from tollgate.store.sign_in_attempts import Attempts

MINUTE = 60_000


class CountedHashes(PasswordHashes):
    """Real ones at next to no cost; counts how often argon2 ran."""

    def __init__(self) -> None:
        super().__init__(lambda below: below // 3, rounds=1, memory_kib=8)
        self.ran = 0

    def fits(self, hashed: str | None, password: str) -> bool:
        self.ran += 1
        return super().fits(hashed, password)


@pytest.fixture
def hashes() -> CountedHashes:
    return CountedHashes()


@pytest.fixture
def portal(aws_environment: None, hashes: CountedHashes) -> Iterator[Portal]:
    with portal_api(hashes) as found:
        yield found


def refused(portal: Portal, email: str, said: str = "wrong", ip: str = "203.0.113.7") -> Any:
    """What a failed sign-in is answered: status, headers, body, and what it took of DynamoDB."""
    portal.asked.clear()
    answer = portal.browser(ip=ip).sign_in(email, said)
    return answer.status, dict(answer.headers), answer.text, list(portal.asked)


def test_nobody_learns_who_is_a_user(portal: Portal, hashes: CountedHashes) -> None:
    joined(portal, "ann@example.com")
    joined(portal, "bob@example.com")
    portal.change_user(joined(portal, "off@example.com").user, status="disabled")
    portal.change_user(joined(portal, "gone@example.com").user, status="deleted")
    portal.stores.catalog.users.create(
        UserDefinition("usr_0000000000000099", "staffmade@example.com"), STAFF
    )
    hashes.ran = 0
    first = refused(portal, "ann@example.com", ip="198.51.100.1")
    assert first[0] == 401
    others = ("nobody@example.com", "off@example.com", "gone@example.com", "staffmade@example.com")
    for number, email in enumerate((*others, "no address", "BOB@example.com "), start=2):
        assert refused(portal, email, ip=f"198.51.100.{number}") == first, email
    assert hashes.ran == 7
    assert '"invalid_credentials"' in first[2]
    assert "set-cookie" not in {name.lower() for name in first[1]}


def test_only_who_knows_the_password_hears_that_the_user_is_disabled(portal: Portal) -> None:
    portal.change_user(joined(portal, "off@example.com").user, status="disabled")
    answer = portal.browser().sign_in("off@example.com")
    assert (answer.status, answer.json["code"]) == (403, "account_deactivated")
    assert portal.browser().sign_in("off@example.com", "wrong").status == 401


def test_an_address_is_the_same_however_it_is_capitalised(portal: Portal) -> None:
    ann = joined(portal, "Ann@Example.com")
    again = portal.browser()
    assert again.sign_in(" aNN@example.COM").status == 200
    assert again.user == ann.user


@pytest.mark.parametrize(
    ("set_to", "typed"),
    [
        pytest.param("Straße-Ångström", "Straße-Ångström", id="decomposed letters"),
        pytest.param("пароль 密码 🔑🔑", "пароль 密码 🔑🔑", id="any script"),
        pytest.param(" spaces count ", " spaces count ", id="spaces"),
        pytest.param("x" * 256, "x" * 256, id="the longest"),
    ],
)
def test_a_password_is_what_people_type(portal: Portal, set_to: str, typed: str) -> None:
    ann = joined(portal, "ann@example.com")
    body = {"current_password": PASSWORD, "new_password": set_to}
    assert ann.call("PUT", "/password", body).status == 200
    assert portal.browser().sign_in("ann@example.com", typed).status == 200
    assert portal.browser().sign_in("ann@example.com", typed[:-1]).status == 401
    assert portal.browser().sign_in("ann@example.com", typed.upper() + "!").status in {401, 422}


# --- guessing ---------------------------------------------------------------------------------


def test_ten_failures_lock_a_source_out_until_its_quarter_of_an_hour_ends(portal: Portal) -> None:
    joined(portal, "ann@example.com")
    browser = portal.browser()
    statuses = [browser.sign_in(f"{n}@example.com", "wrong").status for n in range(10)]
    assert statuses == [401] * 10
    portal.now += 5 * MINUTE
    locked = browser.sign_in("ann@example.com")
    assert (locked.status, locked.json["code"]) == (429, "too_many_attempts")
    assert locked.headers["retry-after"] == "600"
    assert portal.browser(ip="203.0.113.8").sign_in("ann@example.com").status == 200
    portal.now += 10 * MINUTE - 1
    assert browser.sign_in("ann@example.com").headers["retry-after"] == "1"
    portal.now += 1
    assert browser.sign_in("ann@example.com").status == 200


def test_a_lockout_says_nothing_of_who_is_a_user(portal: Portal) -> None:
    joined(portal, "ann@example.com")
    for _ in range(10):
        refused(portal, "ann@example.com")
    assert refused(portal, "ann@example.com") == refused(portal, "nobody@example.com")
    assert refused(portal, "ann@example.com", PASSWORD) == refused(portal, "x@example.com")


def test_signing_in_counts_for_nothing_and_forgives_nothing(portal: Portal) -> None:
    ann = joined(portal, "ann@example.com")
    for _ in range(12):
        assert ann.sign_in("ann@example.com").status == 200
    for _ in range(9):
        assert ann.sign_in("ann@example.com", "wrong").status == 401
    assert ann.sign_in("ann@example.com").status == 200
    assert ann.sign_in("ann@example.com", "wrong").status == 401
    assert ann.sign_in("ann@example.com").status == 429


def test_what_the_client_says_of_its_address_counts_for_nothing(portal: Portal) -> None:
    browser = portal.browser()
    body = {"email": "ann@example.com", "password": "wrong"}
    statuses = []
    for number in range(11):
        forged = {"X-Forwarded-For": f"192.0.2.{number}", "X-Real-IP": f"192.0.2.{number}"}
        statuses.append(browser.call("POST", "/session", body, headers=forged).status)
    assert statuses == [401] * 10 + [429]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("203.0.113.7", "203.0.113.7", True, id="an address"),
        pytest.param("203.0.113.7", "203.0.113.8", False, id="two addresses"),
        pytest.param("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True, id="one IPv6 site"),
        pytest.param("2001:db8:1:2::1", "2001:db8:1:3::1", False, id="two IPv6 sites"),
        pytest.param("::ffff:203.0.113.7", "203.0.113.7", True, id="IPv4 within IPv6"),
        pytest.param("", "unknown", True, id="whoever has none"),
    ],
)
def test_who_counts_as_one_source(one: str, other: str, same: bool) -> None:
    assert (source_of(one) == source_of(other)) is same


def test_many_sources_do_not_guess_at_one_address_for_ever(portal: Portal) -> None:
    joined(portal, "ann@example.com")
    address = hashlib.sha256(b"ann@example.com").hexdigest()
    for _ in range(99):
        portal.stores.attempts.take(f"sign_in#{address}", 100)
    assert portal.browser(ip="192.0.2.1").sign_in("ann@example.com", "wrong").status == 401
    assert portal.browser(ip="192.0.2.2").sign_in("ann@example.com").status == 429
    assert portal.browser(ip="192.0.2.3").sign_in("bob@example.com").status == 401


def test_a_success_leaves_no_trace_among_the_failures(portal: Portal) -> None:
    joined(portal, "ann@example.com")
    assert [row for row in stored("state") if row["pk"].startswith("attempts#")] == []
    refused(portal, "ann@example.com")
    refused(portal, "ann@example.com", PASSWORD)
    counted = [row for row in stored("state") if row["pk"].startswith("attempts#")]
    assert [row["taken"] for row in counted] == ["1", "1"]
    assert "ann@example.com" not in str(counted)


def together(count: int, act: Any) -> list[Any]:
    """What so many get who begin at the same moment; a refusal is its code."""
    gate = Barrier(count)

    def one(number: int) -> Any:
        gate.wait()
        try:
            return act(number)
        except TollgateError as error:
            return error.code

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_of_50_tries_at_once_exactly_10_are_let_in(portal: Portal) -> None:
    got = together(50, lambda _: portal.stores.attempts.take("guess", 10).name)
    assert got.count("guess") == 10
    assert got.count("too_many_attempts") == 40
    (row,) = [row for row in stored("state") if row["pk"] == "attempts#guess"]
    assert row["taken"] == "10"


def test_of_50_sign_ins_at_once_exactly_10_reach_the_password(
    portal: Portal, hashes: CountedHashes
) -> None:
    joined(portal, "ann@example.com")
    hashes.ran = 0
    got = together(50, lambda _: portal.browser().sign_in("ann@example.com", "wrong").status)
    assert (got.count(401), got.count(429)) == (10, 40)
    assert hashes.ran == 10


def test_a_window_that_ended_opens_once_for_many(portal: Portal) -> None:
    for _ in range(10):
        portal.stores.attempts.take("guess", 10)
    portal.now += 15 * MINUTE
    got = together(30, lambda _: portal.stores.attempts.take("guess", 10).name)
    assert got.count("guess") == 10


def test_a_place_given_back_late_frees_none_of_another_window(portal: Portal) -> None:
    attempts = Attempts(lambda: portal.now)
    early = attempts.take("guess", 1)
    portal.now += 15 * MINUTE
    attempts.take("guess", 1)
    attempts.give_back(early)
    with pytest.raises(TooManyAttempts):
        attempts.take("guess", 1)


# --- hashes -----------------------------------------------------------------------------------


def test_a_password_hashed_at_another_cost_is_hashed_again_and_sessions_stay(
    portal: Portal, hashes: CountedHashes
) -> None:
    ann = joined(portal, "ann@example.com")
    dearer = PasswordHashes(lambda below: below // 7, rounds=2, memory_kib=16)
    desk = portal.people.sign_in
    renewing = SignIn(desk.catalog, desk.signed_in, desk.attempts, dearer, desk.clock)
    before = portal.stores.catalog.passwords(ann.user).get("password")
    renewing.enter(Credentials("ann@example.com", PASSWORD, "203.0.113.9"))
    after = portal.stores.catalog.passwords(ann.user).get("password")
    assert "$m=8,t=1,p=1$" in before.hash
    assert "$m=16,t=2,p=1$" in after.hash
    assert after.epoch == before.epoch
    assert ann.call("GET", "/me").status == 200


def test_passwords_cost_what_owasp_asks() -> None:
    hashes = PasswordHashes(lambda below: below // 5)
    kept = hashes.hash("correct horse")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hashes.fits(kept, "correct horse")
    assert not hashes.fits(kept, "correct hors")
    assert not hashes.fits(None, "correct horse")
    assert not hashes.fits("", "correct horse")
    assert not hashes.is_outdated(kept)


def test_two_sign_outs_everywhere_at_once_both_succeed(portal: Portal) -> None:
    ann = joined(portal, "ann@example.com")
    sign_in = portal.people.sign_in
    assert together(4, lambda _: sign_in.leave_everywhere(ann.user)) == [None] * 4
    assert portal.stores.catalog.passwords(ann.user).get("password").epoch == 4


def test_of_two_changes_of_a_password_at_once_one_wins(portal: Portal) -> None:
    ann = joined(portal, "ann@example.com")
    people = portal.people
    opened = people.signed_in.recognise(ann.secret)

    def change(number: int) -> str:
        people.sign_in.change_password(opened, PASSWORD, f"my new password {number}")
        return "changed"

    got = together(4, change)
    assert got.count("changed") >= 1
    assert set(got) <= {"changed", "version_mismatch", "validation_failed"}
    entered = [
        portal.browser().sign_in("ann@example.com", f"my new password {n}").status for n in range(4)
    ]
    assert entered.count(200) == 1
