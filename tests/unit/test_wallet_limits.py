"""Which refusal an old image means, what is corrected and tried again, what callers are told."""

from dataclasses import replace
from typing import Any

import pytest

from tollgate.domain.catalog import Limits
from tollgate.domain.errors import (
    BillingUnavailable,
    ConcurrencyLimited,
    InsufficientBalance,
    KeyQuotaExhausted,
    KeyRevoked,
    RateLimited,
    SubscriptionExhausted,
    TollgateError,
    UserDisabled,
)
from tollgate.domain.limits import Ask, Assumed, HoldRequest, StaleProfile, corrected
from tollgate.domain.record import Windows
from tollgate.domain.scopes import Scope
from tollgate.domain.wallet import Subscription, Wallet
from tollgate.domain.windows import SubscriptionTerms

NOW = 1_700_049_645
DAY, WEEK, MONTH = 1_700_006_400, 1_699_800_000, 1_699_800_000
TERMS = SubscriptionTerms("g001", DAY, DAY + 86_400, WEEK, MONTH)
RICH = Wallet("usr_0123456789abcdef", 0, 7, "active", 3, available=1_000, credits=1_000)
CALL = HoldRequest("usr_0123456789abcdef", "k001", 100, limited_key=False, profile_version=3)
HOLDS = {"1jn9cp000000000000sw-k001": 10, "1jn9cp000000000010sw-k001": 10}


def subscription(left: int, limit: int = 500, day: int = DAY, expires: int = NOW + 9) -> Any:
    parts: Any = {"day": left, "week": 400, "month": 400}
    limits: Any = {"day": limit, "week": 500, "month": 500}
    return {"g001": Subscription(Windows(day, WEEK, MONTH), parts, limits, expires)}


def ask(request: HoldRequest, **changes: Any) -> Ask:
    windows = Windows(DAY, WEEK, MONTH) if request.subscription else None
    plain = Ask(request, request.amount, NOW, Assumed(request.limited_key, windows))
    return replace(plain, **changes)


def wallet(**changes: Any) -> Wallet:
    return replace(RICH, **changes)


def call(**changes: Any) -> HoldRequest:
    return replace(CALL, **changes)


def limited(**limits: int) -> HoldRequest:
    return call(scopes=(Scope("user", Limits(**limits)),))


SUBSCRIBED = call(subscription=TERMS)
LIMITED = call(limited_key=True)


@pytest.mark.parametrize(
    ("image", "request_", "refusal", "says"),
    [
        pytest.param(wallet(status="suspended"), CALL, UserDisabled, "suspended", id="suspended"),
        pytest.param(wallet(status="deleted"), CALL, UserDisabled, "deleted", id="deleted"),
        pytest.param(wallet(revoked={"k001": 4}), CALL, KeyRevoked, "revoked", id="key revoked"),
        pytest.param(
            wallet(profile_version=4), CALL, StaleProfile, "just changed", id="newer profile"
        ),
        pytest.param(wallet(), LIMITED, StaleProfile, "just changed", id="quota not there yet"),
        pytest.param(
            wallet(holds=HOLDS),
            limited(concurrency=2),
            ConcurrencyLimited,
            "2 of 2 calls are open",
            id="concurrency reached",
        ),
        pytest.param(
            wallet(holds=dict.fromkeys(map(str, range(256)), 1)),
            CALL,
            ConcurrencyLimited,
            "256 of 256 calls",
            id="no limit of one's own: the platform's",
        ),
        pytest.param(
            wallet(task_holds=dict.fromkeys(map(str, range(50)), 1)),
            call(ttl_class="t", deadline=NOW + 60),
            ConcurrencyLimited,
            "50 of 50 calls",
            id="too many tasks",
        ),
        pytest.param(
            wallet(minutes={f"{NOW // 60}cu": 5}),
            limited(rpm=5),
            RateLimited,
            "the user's limit is 5 calls a minute: 5 of 5 are used; the next minute begins in 15 s",
            id="requests per minute reached",
        ),
        pytest.param(
            wallet(keys={"k001": 99}),
            LIMITED,
            KeyQuotaExhausted,
            "0.0000001 USD and the key's quota has 0.000000099 USD left",
            id="key quota too small",
        ),
        pytest.param(
            wallet(keys={"k001": 99}),
            CALL,
            KeyQuotaExhausted,
            "0.000000099 USD left",
            id="key quota too small, though the profile knows of none",
        ),
        pytest.param(
            wallet(available=99),
            CALL,
            InsufficientBalance,
            "0.0000001 USD and 0.000000099 USD is available; top up",
            id="balance too small",
        ),
        pytest.param(
            wallet(), SUBSCRIBED, SubscriptionExhausted, "no running", id="no subscription"
        ),
        pytest.param(
            wallet(subscriptions=subscription(400, expires=NOW)),
            SUBSCRIBED,
            SubscriptionExhausted,
            "no running",
            id="subscription over",
        ),
        pytest.param(
            wallet(subscriptions=subscription(99)),
            SUBSCRIBED,
            SubscriptionExhausted,
            "0.000000099 USD left this day",
            id="subscription day used up",
        ),
        pytest.param(
            wallet(subscriptions=subscription(400, limit=99, day=DAY - 86_400)),
            SUBSCRIBED,
            SubscriptionExhausted,
            "left this day",
            id="subscription day too small even when fresh",
        ),
        pytest.param(
            wallet(status="suspended", available=0, holds=HOLDS),
            limited(concurrency=2),
            UserDisabled,
            "suspended",
            id="who may call at all comes before how often",
        ),
        pytest.param(
            wallet(available=0, holds=HOLDS),
            limited(concurrency=2),
            ConcurrencyLimited,
            "2 of 2 calls",
            id="how often comes before what money",
        ),
    ],
)
def test_an_image_explains_its_refusal(
    image: Wallet, request_: HoldRequest, refusal: type[TollgateError], says: str
) -> None:
    with pytest.raises(refusal, match=says):
        corrected(image, ask(request_))


@pytest.mark.parametrize(
    ("image", "asked", "assumed"),
    [
        pytest.param(wallet(), ask(CALL), Assumed(limited=False), id="nothing wrong: a collision"),
        pytest.param(
            wallet(keys={"k001": 100}),
            ask(CALL),
            Assumed(limited=True),
            id="the key has a quota after all",
        ),
        pytest.param(
            wallet(),
            ask(CALL, assumed=Assumed(limited=True)),
            Assumed(limited=False),
            id="the key has lost its quota again",
        ),
        pytest.param(
            wallet(subscriptions=subscription(0, day=DAY - 86_400)),
            ask(SUBSCRIBED),
            Assumed(limited=False, windows=Windows(DAY - 86_400, WEEK, MONTH)),
            id="the day has to be rolled",
        ),
        pytest.param(
            wallet(subscriptions=subscription(400, day=DAY + 86_400)),
            ask(SUBSCRIBED),
            Assumed(limited=False, windows=Windows(DAY + 86_400, WEEK, MONTH)),
            id="a faster clock has rolled the day",
        ),
        pytest.param(
            wallet(available=-5), ask(call(amount=0)), Assumed(limited=False), id="a free call"
        ),
        pytest.param(
            wallet(keys={"k001": -5}),
            ask(call(amount=0, limited_key=True)),
            Assumed(limited=True),
            id="a free call of an overdrawn key",
        ),
        pytest.param(
            wallet(holds=HOLDS, minutes={f"{NOW // 60}cu": 9}, profile_version=9),
            ask(limited(concurrency=2, rpm=5), opens=False),
            Assumed(limited=False),
            id="an extension is no new call",
        ),
        pytest.param(
            wallet(keys={"k001": 5}),
            ask(CALL, opens=False),
            Assumed(limited=False),
            id="an extension is not charged to a quota its hold was not",
        ),
    ],
)
def test_an_image_corrects_what_was_assumed(image: Wallet, asked: Ask, assumed: Assumed) -> None:
    assert corrected(image, asked).assumed == assumed


def test_a_refusal_names_the_figures_machines_need() -> None:
    with pytest.raises(InsufficientBalance) as balance:
        corrected(wallet(available=99), ask(CALL))
    with pytest.raises(RateLimited) as rate:
        corrected(wallet(minutes={f"{NOW // 60}cu": 5}), ask(limited(rpm=5)))
    assert balance.value.detail == {"required_usd": "0.0000001", "available_usd": "0.000000099"}
    assert (rate.value.retry_after, rate.value.detail["reset"]) == (15, 1_700_049_660)


def test_no_wait_is_named_that_clients_would_not_wait() -> None:
    early = replace(ask(limited(rpm=5)), now=1_700_049_600)
    with pytest.raises(RateLimited) as refused:
        corrected(wallet(minutes={f"{1_700_049_600 // 60}cu": 5}), early)
    assert refused.value.retry_after == 30


def test_a_stale_profile_is_a_passing_trouble_of_billing() -> None:
    assert issubclass(StaleProfile, BillingUnavailable)


def test_the_request_says_how_it_is_funded() -> None:
    assert (CALL.funding, SUBSCRIBED.funding) == ("wallet", "subscription")
