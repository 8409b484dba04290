"""When an antigravity account can pay with AI credits: balances, and what a resting model means."""

from decimal import Decimal

import pytest

from tollgate.domain.catalog import Account
from tollgate.domain.credits import (
    Balance,
    Credit,
    Trouble,
    affords,
    can_spend,
    paid_from,
    read_credits,
    trouble_of,
)

G1 = "GOOGLE_ONE_AI"
NOW = 1_795_348_800_000
ACCOUNT = Account("acc_1", "one", "antigravity", "oauth", "", {}, overages=True)
FRUGAL = Account("acc_1", "one", "antigravity", "oauth", "", {})
OTHER = Account("acc_1", "one", "gemini", "apikey", "", {}, overages=True)


def credit(amount: str, minimum: str, kind: str = G1) -> Credit:
    return Credit(kind, Decimal(amount), Decimal(minimum))


@pytest.mark.parametrize(
    ("found", "enough"),
    [
        pytest.param((), False, id="no credits at all"),
        pytest.param((credit("900", "1", "OTHER"),), False, id="only other kinds"),
        pytest.param((credit("18778", "50"),), True, id="18778 of at least 50"),
        pytest.param((credit("6", "0"),), True, id="6, no minimum: 5 it is"),
        pytest.param((credit("5", "5"),), True, id="5 of at least 5"),
        pytest.param((credit("6", "-1"),), True, id="6, a minimum below nothing: 5 it is"),
        pytest.param(
            (credit("0", "0", "OTHER"), credit("100", "10")), True, id="behind another kind"
        ),
        pytest.param((credit("3", "5"),), False, id="3 of at least 5"),
        pytest.param((credit("4", "0"),), False, id="4, no minimum: 5 it is"),
        pytest.param((credit("49.99", "50"),), False, id="a hundredth short"),
    ],
)
def test_a_balance_is_enough_from_its_minimum_on(found: tuple[Credit, ...], enough: bool) -> None:
    assert affords(found) is enough


@pytest.mark.parametrize(
    ("trouble", "degraded"),
    [
        pytest.param("", False, id="none"),
        pytest.param("forbidden", False, id="banned for good"),
        pytest.param("unauthenticated", True, id="token refused"),
        pytest.param("rate_limited", True, id="asked too often"),
        pytest.param("network_error", True, id="not reached"),
    ],
)
def test_what_may_be_over_in_a_second_is_degraded(trouble: Trouble, degraded: bool) -> None:
    assert Balance((), trouble).degraded is degraded


@pytest.mark.parametrize(
    ("trouble", "life"),
    [
        pytest.param("", 180_000, id="a balance: three minutes"),
        pytest.param("forbidden", 180_000, id="forbidden: three minutes"),
        pytest.param("unauthenticated", 60_000, id="an error: one minute"),
        pytest.param("rate_limited", 60_000, id="too many: one minute"),
        pytest.param("network_error", 60_000, id="no answer: one minute"),
    ],
)
def test_a_balance_is_good_for_a_while(trouble: Trouble, life: int) -> None:
    assert Balance((), trouble, NOW).good_until == NOW + life


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        pytest.param(200, "", id="success"),
        pytest.param(401, "unauthenticated", id="401"),
        pytest.param(403, "forbidden", id="403"),
        pytest.param(429, "rate_limited", id="429"),
        pytest.param(500, "network_error", id="500"),
        pytest.param(302, "network_error", id="a redirect"),
    ],
)
def test_a_status_says_why_there_is_no_balance(status: int, trouble: Trouble) -> None:
    assert trouble_of(status) == trouble


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param(
            b'{"paidTier":{"availableCredits":[{"creditType":"GOOGLE_ONE_AI",'
            b'"creditAmount":"18778","minimumCreditAmountForUsage":"50"}]}}',
            (credit("18778", "50"),),
            id="figures as texts",
        ),
        pytest.param(
            b'{"paidTier":{"availableCredits":[{"creditType":"X","creditAmount":7}]}}',
            (credit("7", "0", "X"),),
            id="a figure as a number, no minimum",
        ),
        pytest.param(
            b'{"paidTier":{"availableCredits":[{"creditAmount":"lots"},{"creditAmount":"NaN"},3]}}',
            (credit("0", "0", ""), credit("0", "0", "")),
            id="figures that are none, and no entry",
        ),
        pytest.param(b'{"currentTier":{"id":"free-tier"}}', (), id="a free account"),
        pytest.param(b'{"paidTier":{"availableCredits":null}}', (), id="null"),
        pytest.param(b"[]", None, id="no object"),
        pytest.param(b"<html>", None, id="no JSON"),
    ],
)
def test_credits_are_read_from_an_accounts_description(
    body: bytes, found: tuple[Credit, ...] | None
) -> None:
    assert read_credits(body) == found


@pytest.mark.parametrize(
    ("account", "facts", "paid"),
    [
        pytest.param(ACCOUNT, {"model:m": NOW + 1}, True, id="its model rests"),
        pytest.param(ACCOUNT, {"model:m": NOW}, False, id="its model rests no more"),
        pytest.param(ACCOUNT, {"model:other": NOW + 1}, False, id="another model rests"),
        pytest.param(ACCOUNT, {}, False, id="nothing rests"),
        pytest.param(FRUGAL, {"model:m": NOW + 1}, False, id="its owner did not agree"),
        pytest.param(OTHER, {"model:m": NOW + 1}, False, id="an account of another type"),
        pytest.param(
            ACCOUNT, {"model:m": NOW + 1, "credits": NOW + 1}, False, id="its credits are used up"
        ),
        pytest.param(
            ACCOUNT, {"model:m": NOW + 1, "credits": NOW}, True, id="they are usable again"
        ),
        pytest.param(ACCOUNT, {"model:m": NOW + 1, "faulty": NOW + 1}, False, id="all of it rests"),
    ],
)
def test_credits_pay_where_only_the_models_free_capacity_rests(
    account: Account, facts: dict[str, int], paid: bool
) -> None:
    assert paid_from(account, facts, "m", NOW) is paid


def test_used_up_credits_are_not_spent_until_they_count_as_usable_again() -> None:
    assert can_spend(ACCOUNT, {"credits": NOW + 1}, NOW) is False
    assert can_spend(ACCOUNT, {"credits": NOW}, NOW) is True
