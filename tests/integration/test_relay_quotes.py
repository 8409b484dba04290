"""What a dry run tells: the price and the bounds of a call that is not made."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.gateway import (
    ACCOUNTS,
    CHAT,
    EVERYWHERE,
    GROUP,
    KEY,
    PRICES,
    PROFILE,
    SECRET,
    START_MS,
    STREAM,
    USAGE,
    USER,
    Gateway,
    chat_answer,
)
from tollgate import dialects
from tollgate.domain.catalog import Channel, CustomerPrice, Interval, Price

DRY = {"multiValueQueryStringParameters": {"dry_run": ["true"]}}
MESSAGES = {
    "model": "claude-sonnet-4",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hi"}],
}
CONTENTS = {"contents": [{"parts": [{"text": "hi"}]}]}
GEMINI = "/v1beta/models/gemini-2.5-flash"
READS = {"GetItem", "BatchGetItem"}


def gateway_of(path: str = "/v1/chat/completions", **fields: Any) -> Gateway:
    """A gateway that would answer any call."""
    platform = {"models": "gemini", "messages": "anthropic"}.get(path.split("/")[2], "openai")
    group = replace(GROUP, platform=platform)
    return Gateway(lambda request: chat_answer(USAGE), **{"group": group} | fields)


def untouched(gateway: Gateway, before: int) -> bool:
    """Whether no upstream was asked and the tables were only read since so many requests."""
    asked = {operation for operation, _ in gateway.dynamo.sent[before:]}
    return gateway.upstream.requests == [] and asked <= READS


def per_million(price: str) -> dict[str, Any]:
    """A price of tokens that is exact."""
    return {"unit_price_usd": price, "unit_price": price, "per": 1_000_000}


# --- every dialect --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        pytest.param(
            "/v1/chat/completions",
            CHAT,
            # 88 bytes x 2.5 + 1,000 tokens x 10 micro-dollars
            {"model": "gpt-4o", "stream": False, "hold_usd": "0.01022", "hold_quota": 5_110,
             "maximum_charge_usd": "0.01022", "maximum_charge_quota": 5_110, "unbounded": None},
            id="chat",
        ),
        pytest.param(
            "/v1/chat/completions",
            STREAM | {"max_tokens": 5_000},
            # held at first: 52 tokens x 2.5 + 1,024 x 10; at most: 104 x 2.5 + 5,000 x 10
            {"model": "gpt-4o", "stream": True, "hold_usd": "0.01037", "hold_quota": 5_185,
             "maximum_charge_usd": "0.05026", "maximum_charge_quota": 25_130, "unbounded": None},
            id="chat, streamed",
        ),
        pytest.param(
            "/v1/messages",
            MESSAGES,
            # 96 x 3 + 100 x 15
            {"model": "claude-sonnet-4", "stream": False, "hold_usd": "0.001788",
             "hold_quota": 894, "maximum_charge_usd": "0.001788", "maximum_charge_quota": 894,
             "unbounded": None},
            id="messages",
        ),
        pytest.param(
            f"{GEMINI}:generateContent",
            CONTENTS | {"generationConfig": {"maxOutputTokens": 100}},
            # 89 x 0.3 + 100 x 2.5
            {"model": "gemini-2.5-flash", "stream": False, "hold_usd": "0.0002767",
             "hold_quota": 139, "maximum_charge_usd": "0.0002767", "maximum_charge_quota": 139,
             "unbounded": None},
            id="gemini",
        ),
        pytest.param(
            "/v1/embeddings",
            {"model": "text-embedding-3-small", "input": "hi"},
            # 50 x 0.02
            {"model": "text-embedding-3-small", "stream": False, "hold_usd": "0.000001",
             "hold_quota": 1, "maximum_charge_usd": "0.000001", "maximum_charge_quota": 1,
             "unbounded": None},
            id="embeddings",
        ),
        pytest.param(
            "/v1/messages/count_tokens",
            MESSAGES,
            {"model": "claude-sonnet-4", "stream": False, "hold_usd": "0", "hold_quota": 0,
             "maximum_charge_usd": "0", "maximum_charge_quota": 0, "unbounded": None,
             "estimate": None, "not_checked": []},
            id="counting tokens is free",
        ),
    ],
)  # fmt: skip
def test_a_dry_run_tells_what_would_be_held_and_charged_and_touches_nothing(
    path: str, body: Any, told: dict[str, Any]
) -> None:
    gateway = gateway_of(path, funds=0)
    before = len(gateway.dynamo.sent)
    seen = gateway.post(path, body, None, **DRY)
    assert seen.status == 200
    found = seen.json
    assert {name: found[name] for name in told} == told
    assert (found["object"], found["would_admit"]) == ("tollgate.quote", True)
    assert found["refusal"] is None
    assert found["price"]["source"] == "official"
    assert untouched(gateway, before)
    assert gateway.counted == []


YUAN = Price(
    "gpt-4o",
    7,
    prices={"input": "2.5", "output": "0.5/7.0"},
    intervals=(Interval(128_000, None, {"input": "5"}, {"priority": {"input": "9"}}),),
    tiers={"priority": {"input": "4"}},
    currency="CNY",
    fx="7.0",
)
OUTPUT = {"unit_price_usd": "0.071428571429", "unit_price": "0.5/7.0", "per": 1_000_000}
TOLD = {
    "object": "tollgate.quote",
    "model": "gpt-4o",
    "operation": "generate",
    "stream": False,
    "price": {
        "source": "official",
        "version": 7,
        "mode": "tokens",
        "model_group": "default",
        "multiplier": "1",
        "multiplier_source": "group",
        "currency": "CNY",
        "fx": "7.0",
        "flags": [],
        "prices": {"input": per_million("2.5"), "output": OUTPUT},
        "intervals": [
            {
                "over": 128_000,
                "up_to": None,
                "prices": {"input": per_million("5")},
                "tiers": {"priority": {"input": per_million("9")}},
            }
        ],
        "tiers": {"priority": {"input": per_million("4")}},
    },
    "estimate": {
        "input": 88,
        "output": 1_000,
        "output_bound": 1_000,
        "calls": 1,
        "images": 0,
        "seconds": "0",
        "tools": [],
        "tier": "",
        "labels": [],
    },
    # 88 x 5, of the dearest interval, + 1,000 / 14
    "hold_usd": "0.000511429",
    "hold_quota": 256,
    "maximum_charge_usd": "0.000511429",
    "maximum_charge_quota": 256,
    "unbounded": None,
    "would_admit": True,
    "refusal": None,
    "not_checked": ["balance", "key_quota", "limits"],
}


def test_a_quote_says_everything_that_decides_the_price_and_nothing_about_the_route() -> None:
    gateway = gateway_of(everywhere=replace(EVERYWHERE, prices=PRICES | {"gpt-4o": (YUAN,)}))
    assert gateway.post("/v1/chat/completions", CHAT, None, **DRY).json == TOLD


def test_the_price_of_the_dearest_account_is_told_without_its_name() -> None:
    accounts = tuple(
        replace(ACCOUNTS[0], id=f"acc_{n}", priority=-n, model_mapping={"gpt-4o": wire})
        for n, wire in enumerate(["cheap-wire", "dear-wire"])
    )
    prices = {
        "cheap-wire": (Price("cheap-wire", 1, prices={"input": "1", "output": "1"}),),
        "dear-wire": (Price("dear-wire", 1, prices={"input": "6", "output": "6"}),),
    }
    channel = Channel("chn_1", "secret route", billing_model_source="upstream")
    gateway = gateway_of(
        everywhere=replace(EVERYWHERE, prices=PRICES | prices),
        group=replace(GROUP, accounts=accounts, channel=channel),
    )
    seen = gateway.post("/v1/chat/completions", CHAT, None, **DRY)
    assert seen.json["price"]["prices"]["input"] == per_million("6")
    assert seen.json["hold_usd"] == "0.006528"  # (88 + 1,000) x 6 micro-dollars
    for secret in (b"acc_", b"wire", b"chn_1", b"secret route"):
        assert secret not in seen.body


def test_a_customers_own_price_is_quoted() -> None:
    prices = {"input": "1", "output": "2"}
    own = CustomerPrice("gpt-4o", "default", 3, prices=prices, apply_group_multiplier=False)
    profile = replace(PROFILE, prices={"gpt-4o": {"default": (own,)}})
    found = gateway_of(profile=profile).post("/v1/chat/completions", CHAT, None, **DRY).json
    named = ("source", "version", "multiplier_source")
    assert [found["price"][name] for name in named] == ["customer", 3, "none"]
    assert found["hold_usd"] == "0.002088"  # 88 x 1 + 1,000 x 2 micro-dollars


# --- what has no bound, and what is refused -------------------------------------------------


UNLIMITED = PRICES | {"gpt-4o": (Price("gpt-4o", 1, prices={"input": "2.5", "output": "10"}),)}


def test_a_stream_without_any_limit_has_no_maximum_and_says_why() -> None:
    gateway = gateway_of(everywhere=replace(EVERYWHERE, prices=UNLIMITED))
    body = {name: value for name, value in STREAM.items() if name != "max_tokens"}
    found = gateway.post("/v1/chat/completions", body, None, **DRY).json
    assert (found["hold_usd"], found["maximum_charge_usd"]) == ("0.010345", None)
    assert found["maximum_charge_quota"] is None
    assert found["estimate"]["output_bound"] is None
    assert found["unbounded"] == (
        "max_tokens: gpt-4o has no known output limit, so its cost has no bound; send max_tokens"
    )
    assert found["would_admit"] is True


def test_a_call_that_its_estimate_refuses_is_told_with_its_price() -> None:
    gateway = gateway_of(everywhere=replace(EVERYWHERE, prices=UNLIMITED))
    body = {name: value for name, value in CHAT.items() if name != "max_tokens"}
    before = len(gateway.dynamo.sent)
    seen = gateway.post("/v1/chat/completions", body, None, **DRY)
    found = seen.json
    assert (seen.status, found["would_admit"], found["hold_usd"]) == (200, False, None)
    assert found["price"]["prices"]["input"] == per_million("2.5")
    assert found["refusal"] == {
        "code": "invalid_request",
        "message": "max_tokens: gpt-4o has no known output limit, so its cost has no bound; "
        "send max_tokens",
        "param": "max_tokens",
    }
    assert untouched(gateway, before)


def test_a_call_that_is_too_dear_for_one_call_is_told() -> None:
    prices = {"gpt-4o": (Price("gpt-4o", 1, prices={"input": "1", "output": "1000000000"}),)}
    gateway = gateway_of(everywhere=replace(EVERYWHERE, prices=PRICES | prices))
    found = gateway.post("/v1/chat/completions", CHAT | {"max_tokens": 1_001}, None, **DRY).json
    assert found["would_admit"] is False
    assert "one call may cost 1000000 USD at most" in found["refusal"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        pytest.param(
            "/v1/chat/completions", CHAT | {"model": "gpt-new"}, 400,
            {"error": {
                "message": "model 'gpt-new' has no price yet; ask the operator to set one",
                "type": "invalid_request_error", "param": "model",
                "code": "model_price_not_configured", "request_id": "req_test"}},
            id="chat",
        ),
        pytest.param(
            "/v1/messages", MESSAGES | {"model": "claude-new"}, 400,
            {"type": "error", "error": {"type": "invalid_request_error"}},
            id="messages",
        ),
        pytest.param(
            "/v1beta/models/gemini-new:generateContent", CONTENTS, 400,
            {"error": {"code": 400, "status": "FAILED_PRECONDITION"}},
            id="gemini",
        ),
        pytest.param(
            "/v1/embeddings", {"model": "vectors-new", "input": "hi"}, 400,
            {"error": {"code": "model_price_not_configured"}},
            id="embeddings",
        ),
    ],
)  # fmt: skip
def test_an_unpriced_model_is_refused_as_its_call_would_be_and_nothing_is_kept(
    path: str, body: Any, status: int, told: dict[str, Any]
) -> None:
    gateway = gateway_of(path)
    before = len(gateway.dynamo.sent)
    seen = gateway.post(path, body, None, **DRY)
    assert seen.status == status
    found = seen.json
    assert {name: found["error"][name] for name in told["error"]} == told["error"]
    assert found.get("type") == told.get("type")
    assert seen.headers["x-tollgate-error-code"] == "model_price_not_configured"
    assert untouched(gateway, before)
    assert gateway.records.list(USER, 0, START_MS + 1, refused=True).records == ()


# --- who may ask, and how -------------------------------------------------------------------


ROUTES = [
    pytest.param(route.pattern.replace("{model}", "m"), id=route.pattern)
    for _, route in dialects.routes()
]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "query",
    [
        pytest.param(["false"], id="false"),
        pytest.param(["1"], id="1"),
        pytest.param(["True"], id="capitals"),
        pytest.param([""], id="empty"),
        pytest.param(["true", "true"], id="twice"),
    ],
)
def test_any_other_dry_run_is_refused_on_every_route(path: str, query: list[str]) -> None:
    gateway = gateway_of(path)
    asked = {"multiValueQueryStringParameters": {"dry_run": query}}
    seen = gateway.post(path, CHAT, None, **asked)
    assert seen.status == 400
    assert "dry_run" in str(seen.json["error"])
    assert gateway.upstream.requests == []


@pytest.mark.parametrize("path", ROUTES)
def test_a_dry_run_wants_a_key_on_every_route(path: str) -> None:
    gateway = gateway_of(path)
    for headers in ({}, {"x-api-key": SECRET[:-1] + "x"}):
        assert gateway.post(path, CHAT, headers, **DRY).status == 401
    assert gateway.upstream.requests == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param({"status": "revoked"}, 401, id="revoked"),
        pytest.param({"status": "disabled"}, 401, id="disabled"),
        pytest.param({"expires_at": START_MS}, 401, id="expired"),
        pytest.param({"models": ("claude*",)}, 403, id="not this model"),
        pytest.param({"endpoints": ("/v1/messages",)}, 403, id="not this endpoint"),
        pytest.param({"pricing_group": "gold"}, 404, id="no such pricing group"),
    ],
)
def test_a_key_that_may_not_call_gets_no_quote(change: dict[str, Any], status: int) -> None:
    key = replace(KEY, **change)
    gateway = gateway_of(profile=replace(PROFILE, keys={key.secret_hash: key}))
    assert gateway.post("/v1/chat/completions", CHAT, None, **DRY).status == status


def test_a_key_that_was_revoked_meanwhile_gets_no_quote_after_five_seconds() -> None:
    gateway = gateway_of()
    assert gateway.post("/v1/chat/completions", CHAT, None, **DRY).status == 200
    key = replace(KEY, status="revoked")
    gateway.profile = replace(PROFILE, version=2, keys={key.secret_hash: key})
    gateway.publish()
    gateway.now += 5_000
    assert gateway.post("/v1/chat/completions", CHAT, None, **DRY).status == 401


def test_no_upstream_sees_the_wish_for_a_quote() -> None:
    gateway = gateway_of("/v1/messages")
    query = {"beta": ["true"], "dry_run": ["true"]}
    seen = gateway.post("/v1/messages", MESSAGES, None, multiValueQueryStringParameters=query)
    assert seen.json["object"] == "tollgate.quote"
    gateway.post("/v1/messages", MESSAGES, None, multiValueQueryStringParameters={"beta": ["true"]})
    (sent,) = gateway.upstream.requests
    assert sent.url.query == b"beta=true"


def test_a_quote_holds_what_the_call_then_holds() -> None:
    gateway = gateway_of(group=replace(GROUP, multiplier=Decimal("1.3")))
    quoted = gateway.post("/v1/chat/completions", CHAT, None, **DRY).json
    gateway.post("/v1/chat/completions", CHAT)
    assert gateway.record().held == 13_286_000
    assert quoted["hold_usd"] == "0.013286"
