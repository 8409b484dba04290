"""Calls charged with the user's own multiplier: which one, from when, and what if nobody knows."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.gateway import CHAT, GROUP, USAGE, USER, Gateway, chat_answer
from tollgate.domain.catalog import CustomerPrice
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.multipliers import sliced
from tollgate.store.dynamodb import Throttled

OTHER = "usr_fedcba9876543210"
PLAIN_CHARGE = 7_500_000
"""1,000 tokens at 2.5 and 500 at 10 USD per million, in nanos."""


def gateway_with(multipliers: dict[str, str], group: str = "1.3", **more: Any) -> Gateway:
    """A gateway in whose group these users have multipliers of their own."""
    gateway = Gateway(
        lambda request: chat_answer(USAGE),
        group=replace(GROUP, multiplier=Decimal(group)),
        **more,
    )
    publish(gateway, multipliers)
    return gateway


def publish(gateway: Gateway, multipliers: dict[str, str]) -> None:
    """Let these multipliers, and no others, count from the relay's next look on."""
    claim, slices = gateway.publications.claim(), sliced(multipliers)
    part = replace(gateway.group, version=claim.number, slices=len(slices))
    gateway.publications.put_multipliers(part.id, claim.number, slices)
    gateway.publications.put_group(part)
    gateway.publications.publish(claim, claim.seen.everywhere, {part.id: claim.number}, {})


def call(gateway: Gateway) -> tuple[int, str, str]:
    """What a call is charged, with which multiplier, and whose that is."""
    gateway.now += 1
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert seen.status == 200, seen.body
    record = max(gateway.all_records(), key=lambda record: record.started)
    price = PriceSnapshot.from_json(record.price)
    return record.charge, price.multiplier, price.multiplier_source


@pytest.mark.parametrize(
    ("multipliers", "charge", "multiplier", "source"),
    [
        pytest.param({}, 9_750_000, "1.3", "group", id="nobody has their own"),
        pytest.param({OTHER: "0.5"}, 9_750_000, "1.3", "group", id="somebody else has"),
        pytest.param({USER: "0.5", OTHER: "9"}, 3_750_000, "0.5", "user", id="cheaper"),
        pytest.param({USER: "1"}, 7_500_000, "1", "user", id="as the model costs"),
        pytest.param({USER: "2.000001"}, 15_000_008, "2.000001", "user", id="rounded up once"),
        pytest.param({USER: "0"}, 0, "0", "user", id="free of charge"),
    ],
)
def test_a_call_is_charged_with_the_users_multiplier_or_else_the_groups(
    multipliers: dict[str, str], charge: int, multiplier: str, source: str
) -> None:
    gateway = gateway_with(multipliers)
    assert call(gateway) == (charge, multiplier, source)
    assert gateway.settle() == []
    view = gateway.wallets.read(USER)
    assert (view.available, view.held, view.debits) == (1_000_000_000 - charge, 0, charge)


def test_a_price_net_of_multipliers_is_charged_with_none() -> None:
    gateway = gateway_with({USER: "0.5"})
    price = CustomerPrice(
        "gpt-4o",
        "default",
        1,
        prices={"input": "2.5", "output": "10"},
        apply_group_multiplier=False,
    )
    gateway.publications.put_profile(
        replace(gateway.profile, version=2, prices={"gpt-4o": {"default": (price,)}})
    )
    assert call(gateway) == (PLAIN_CHARGE, "1", "none")


def test_a_changed_multiplier_counts_five_seconds_after_its_publication() -> None:
    gateway = gateway_with({USER: "0.5"})
    assert call(gateway) == (3_750_000, "0.5", "user")
    publish(gateway, {USER: "0.25"})
    assert call(gateway) == (3_750_000, "0.5", "user")
    gateway.now += 5_000
    assert call(gateway) == (1_875_000, "0.25", "user")
    publish(gateway, {})
    gateway.now += 5_000
    assert call(gateway) == (9_750_000, "1.3", "group")


def unreadable_slices(gateway: Gateway) -> None:
    """From now on, nobody can read a slice."""

    def before(operation: str, request: Any) -> None:
        if operation == "GetItem" and "#slice" in request["Key"]["pk"]["S"]:
            raise Throttled("not now")

    gateway.dynamo.before = before


def test_without_the_slice_a_call_is_refused_before_any_hold() -> None:
    gateway = gateway_with({USER: "0.5"})
    unreadable_slices(gateway)
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.headers["x-tollgate-error-code"]) == (503, "pricing_unavailable")
    view = gateway.wallets.read(USER)
    assert (view.available, view.held, view.debits) == (1_000_000_000, 0, 0)
    assert gateway.upstream.requests == []


def test_a_slice_that_was_read_serves_while_it_cannot_be_read_again() -> None:
    gateway = gateway_with({USER: "0.5"})
    assert call(gateway) == (3_750_000, "0.5", "user")
    unreadable_slices(gateway)
    assert call(gateway) == (3_750_000, "0.5", "user")
