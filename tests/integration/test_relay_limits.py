"""Limits and restrictions of keys, users and groups, as callers of the relay meet them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from threading import Event, Lock
from typing import Any

import pytest

from tests.every_route import ROUTES, post, prices, refusing
from tests.gateway import (
    CHAT,
    EVERYWHERE,
    GROUP,
    KEY,
    PROFILE,
    SECRET,
    START_MS,
    STREAM,
    USAGE,
    USER,
    Gateway,
    Seen,
    chat_answer,
    chat_chunk,
    sse,
    streamed,
)
from tollgate.dialects import Route
from tollgate.domain.catalog import Key, Limits, Profile
from tollgate.services.guesses import A_MINUTE

OK = HTTPStatus.OK
CARRIERS = [
    pytest.param({"authorization": f"Bearer {SECRET}"}, id="authorization"),
    pytest.param({"x-api-key": SECRET}, id="x-api-key"),
    pytest.param({"x-goog-api-key": SECRET}, id="x-goog-api-key"),
]
RESTRICTED = [
    pytest.param({"allowed_networks": ("198.51.100.0/24",)}, 403, "ip_not_allowed", id="address"),
    pytest.param({"expires_at": START_MS}, 401, "api_key_expired", id="expiry"),
    pytest.param({"status": "disabled"}, 401, "api_key_disabled", id="disabled"),
]
"""What is said on every way in: of a key, wherever it is used."""

CALLED = [
    *RESTRICTED,
    pytest.param({"models": ("o1", "gpt-5*")}, 403, "model_not_allowed", id="models"),
    pytest.param({"endpoints": ("/v2/*",)}, 403, "endpoint_not_allowed", id="endpoints"),
]


def keyed(**facts: Any) -> Profile:
    key: Key = replace(KEY, **facts)
    return replace(PROFILE, keys={key.secret_hash: key})


def gateway_of(serve: Any = lambda request: chat_answer(USAGE), **fields: Any) -> Gateway:
    return Gateway(serve, **fields)


def code_of(seen: Seen) -> str:
    return seen.headers["x-tollgate-error-code"]


# --- restrictions of keys ---------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("facts", "status", "code"), CALLED)
def test_no_route_leads_round_a_keys_restrictions(
    route: Route, facts: dict[str, Any], status: int, code: str
) -> None:
    everywhere = replace(EVERYWHERE, prices=prices("m"), default_groups={"m": "default"})
    gateway = gateway_of(refusing, profile=keyed(**facts), everywhere=everywhere)
    seen = post(gateway, route, "m")
    assert (seen.status, code_of(seen)) == (status, code)
    assert gateway.upstream.requests == []


@pytest.mark.parametrize("headers", CARRIERS)
@pytest.mark.parametrize(("facts", "status", "code"), CALLED)
def test_no_carrier_leads_round_them(
    headers: dict[str, str], facts: dict[str, Any], status: int, code: str
) -> None:
    seen = gateway_of(profile=keyed(**facts)).post("/v1/chat/completions", CHAT, headers)
    assert (seen.status, code_of(seen), seen.headers["x-should-retry"]) == (status, code, "false")


@pytest.mark.parametrize(("facts", "status", "code"), CALLED)
def test_nor_does_a_quote(facts: dict[str, Any], status: int, code: str) -> None:
    asked: dict[str, Any] = {"multiValueQueryStringParameters": {"dry_run": ["true"]}}
    seen = gateway_of(profile=keyed(**facts)).post("/v1/chat/completions", CHAT, **asked)
    assert (seen.status, code_of(seen)) == (status, code)


READS = ["/v1/models", "/v1/models/gpt-4o", "/v1beta/models", "/v1/receipts/req_1"]


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    "carried",
    [
        *({"headers": {name: text}} for name, text in (
            ("authorization", f"Bearer {SECRET}"),
            ("x-api-key", SECRET),
            ("x-goog-api-key", SECRET),
        )),
        {"headers": {}, "multiValueQueryStringParameters": {"key": [SECRET]}},
    ],
    ids=["authorization", "x-api-key", "x-goog-api-key", "?key="],
)  # fmt: skip
@pytest.mark.parametrize(("facts", "status", "code"), RESTRICTED)
def test_nor_do_lists_and_receipts(
    path: str, carried: dict[str, Any], facts: dict[str, Any], status: int, code: str
) -> None:
    if "multiValueQueryStringParameters" in carried and not path.startswith("/v1beta"):
        return  # only Gemini's paths take a key there
    event = gateway_of().event(path, "", **carried)
    seen = gateway_of(profile=keyed(**facts)).send({**event, "httpMethod": "GET"}).read()
    assert (seen.status, code_of(seen)) == (status, code)


@pytest.mark.parametrize(
    ("lists", "address", "status"),
    [
        pytest.param({}, "203.0.113.9", 200, id="no lists"),
        pytest.param({}, "", 200, id="no lists, no address"),
        pytest.param({"allowed_networks": ("203.0.113.0/24",)}, "203.0.113.9", 200, id="allowed"),
        pytest.param({"allowed_networks": ("203.0.113.9",)}, "203.0.113.9", 200, id="the one"),
        pytest.param({"allowed_networks": ("203.0.113.8",)}, "203.0.113.9", 403, id="another"),
        pytest.param({"denied_networks": ("203.0.113.0/24",)}, "203.0.113.9", 403, id="denied"),
        pytest.param({"denied_networks": ("198.51.100.1",)}, "203.0.113.9", 200, id="not denied"),
        pytest.param(
            {"allowed_networks": ("0.0.0.0/0",), "denied_networks": ("203.0.113.9/32",)},
            *("203.0.113.9", 403),
            id="a denial wins",
        ),
        pytest.param(
            {"allowed_networks": ("2001:db8::/32",)}, "2001:db8:1::1", 200, id="IPv6 allowed"
        ),
        pytest.param(
            {"allowed_networks": ("0.0.0.0/0",)}, "2001:db8::1", 403, id="IPv4 lists no IPv6"
        ),
        pytest.param(
            {"denied_networks": ("203.0.113.0/24",)}, "::ffff:203.0.113.9", 403, id="IPv4 in IPv6"
        ),
        pytest.param(
            {"allowed_networks": ("::ffff:203.0.113.0/120",)}, "203.0.113.9", 200, id="mapped list"
        ),
        pytest.param({"allowed_networks": ("0.0.0.0/0",)}, "", 403, id="no address at all"),
        pytest.param({"denied_networks": ("198.51.100.1",)}, "what?", 403, id="no address, denied"),
    ],
)
def test_a_key_is_used_only_from_its_networks(
    lists: dict[str, Any], address: str, status: int
) -> None:
    context: dict[str, Any] = {"requestContext": {"identity": {"sourceIp": address}}}
    gateway = gateway_of(profile=keyed(**lists))
    assert gateway.post("/v1/chat/completions", CHAT, **context).status == status


@pytest.mark.parametrize("header", ["x-forwarded-for", "x-real-ip", "forwarded", "true-client-ip"])
def test_no_header_says_where_a_caller_is(header: str) -> None:
    gateway = gateway_of(profile=keyed(allowed_networks=("198.51.100.0/24",)))
    headers = {"authorization": f"Bearer {SECRET}", header: "198.51.100.7"}
    seen = gateway.post("/v1/chat/completions", CHAT, headers)
    assert (seen.status, code_of(seen)) == (403, "ip_not_allowed")
    assert "192.0.2.1" in seen.json["error"]["message"]


# --- limits -----------------------------------------------------------------------------------


def limited(kind: str, **limits: int) -> dict[str, Any]:
    """The gateway's fields with limits of one scope."""
    own = Limits(**limits)
    if kind == "group":
        return {"group": replace(GROUP, limits=own)}
    if kind == "key":
        return {"profile": keyed(limits=own)}
    groups = {"grp_1": own} if kind == "user in group" else {}
    everywhere = own if kind == "user" else Limits()
    return {"profile": replace(PROFILE, limits=everywhere, group_limits=groups)}


SCOPES = ["user", "key", "group", "user in group"]


@pytest.mark.parametrize("kind", SCOPES)
def test_calls_of_a_minute_are_counted_and_told(kind: str) -> None:
    gateway = gateway_of(**limited(kind, rpm=2))
    told = []
    for _ in range(3):
        seen = gateway.post("/v1/chat/completions", CHAT)
        names = (f"x-ratelimit-{fact}-requests" for fact in ("limit", "remaining", "reset"))
        told.append((seen.status, *(seen.headers[name] for name in names)))
    assert told == [(200, "2", "1", "60s"), (200, "2", "0", "60s"), (429, "2", "0", "60s")]
    assert (code_of(seen), seen.headers["retry-after"]) == ("rate_limit_exceeded", "30")
    assert "x-should-retry" not in seen.headers
    gateway.now += 60_000
    assert gateway.post("/v1/chat/completions", CHAT).status == 200


@pytest.mark.parametrize("kind", SCOPES)
def test_tokens_count_their_estimate_at_once_and_output_when_settled(kind: str) -> None:
    """22 tokens of input are estimated; the answer puts out 500."""
    gateway = gateway_of(**limited(kind, tpm=565))
    told = []
    for _ in range(3):
        seen = gateway.post("/v1/chat/completions", CHAT)
        names = (f"x-ratelimit-{fact}-tokens" for fact in ("limit", "remaining", "reset"))
        told.append((seen.status, *(seen.headers[name] for name in names)))
        if len(told) == 2:
            gateway.settle()
    assert told == [
        (200, "565", "543", "60s"),
        (200, "565", "521", "60s"),
        (429, "565", "0", "60s"),
    ]
    assert code_of(seen) == "rate_limit_exceeded"
    assert gateway.wallets.shard(USER, 0).open == {}


def test_input_beyond_a_minutes_tokens_is_not_for_a_retry() -> None:
    gateway = gateway_of(**limited("key", tpm=5))
    long = {**CHAT, "messages": [{"role": "user", "content": "word " * 100}]}
    seen = gateway.post("/v1/chat/completions", long)
    assert (seen.status, code_of(seen)) == (413, "request_too_large")
    assert seen.headers["x-should-retry"] == "false"
    assert gateway.wallets.read(USER).open == {}


@pytest.mark.parametrize("kind", SCOPES)
def test_open_calls_are_counted_until_they_are_settled(kind: str) -> None:
    gateway = gateway_of(**limited(kind, concurrency=1))
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, code_of(seen)) == (429, "concurrency_limit_exceeded")
    assert seen.headers["retry-after"] == "1"
    gateway.settle()
    assert gateway.post("/v1/chat/completions", CHAT).status == 200


@pytest.mark.parametrize("kind", SCOPES)
@pytest.mark.parametrize(
    ("limit", "when"),
    [
        pytest.param("spend_5h", "2026-11-22 17:00:00 UTC", id="five hours"),
        pytest.param("spend_day", "2026-11-23 00:00:00 UTC", id="day"),
        pytest.param("spend_week", "2026-11-29 12:00:00 UTC", id="week"),
    ],
)
def test_a_spend_window_refuses_for_good_and_names_its_end(
    kind: str, limit: str, when: str
) -> None:
    """A call is held at 0.01022 and charged at 0.0075 dollars."""
    gateway = gateway_of(**limited(kind, **{limit: 30_000_000}))
    statuses = []
    for _ in range(4):
        seen = gateway.post("/v1/chat/completions", CHAT)
        statuses.append(seen.status)
        gateway.settle()
    assert (statuses, code_of(seen)) == ([200, 200, 200, 429], "budget_exceeded")
    error = seen.json["error"]
    assert error["type"] == "insufficient_quota"
    assert "0.0225 USD are used and this call may cost 0.01022 USD" in error["message"]
    assert error["message"].endswith(f"it resets at {when}")
    assert seen.headers["x-should-retry"] == "false"
    assert "retry-after" not in seen.headers


def test_every_limit_of_every_scope_counts_in_one_write() -> None:
    every = Limits(60, 10_000, 5, 10**12, 10**12, 10**12)
    profile = replace(keyed(limits=every), limits=every)
    gateway = gateway_of(profile=profile, group=replace(GROUP, limits=every))
    gateway.post("/v1/chat/completions", CHAT)
    gateway.settle()
    gateway.dynamo.sent.clear()
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    writes = [r for name, r in gateway.dynamo.sent if name == "UpdateItem"]
    assert [request["TableName"] for request in writes] == ["wallets"]
    gateway.settle()
    wallet = gateway.wallets.shard(USER, 0)
    assert (wallet.open, set(wallet.open_calls.values())) == ({}, {0})
    assert {spent.used for spent in wallet.spent.values()} == {15_000_000}


def test_a_stream_ends_early_where_its_budget_ends() -> None:
    words = [sse(chat_chunk("word " * 2_000), done=False) for _ in range(20)]
    last = sse(chat_chunk("", "stop"), {"id": "1", "choices": [], "usage": USAGE})
    gateway = gateway_of(
        lambda request: streamed(*words, last), **limited("key", spend_day=30_000_000)
    )
    seen = gateway.post("/v1/chat/completions", {**STREAM, "max_tokens": 16_000})
    assert (seen.status, b'"finish_reason":"length"' in seen.body) == (200, True)
    gateway.settle()
    wallet = gateway.wallets.shard(USER, 0)
    assert wallet.open == {}
    assert wallet.spent["day_key_k001"].used == wallet.debits <= 30_000_000


def test_a_users_limits_in_a_group_replace_the_groups_own() -> None:
    profile = replace(PROFILE, group_limits={"grp_1": Limits(rpm=2)})
    gateway = gateway_of(profile=profile, group=replace(GROUP, limits=Limits(rpm=1)))
    statuses = [gateway.post("/v1/chat/completions", CHAT).status for _ in range(3)]
    assert statuses == [200, 200, 429]


# --- at the same moment -------------------------------------------------------------------------

CALLERS = 24


@pytest.mark.parametrize("kind", SCOPES)
@pytest.mark.parametrize(
    ("limits", "admitted"),
    [
        pytest.param({"rpm": 5}, 5, id="five calls a minute"),
        pytest.param({"tpm": 160}, 7, id="tokens for seven"),
        pytest.param({"concurrency": 3}, 3, id="three at once"),
        pytest.param({"spend_5h": 50_000_000}, 4, id="five hours for four"),
        pytest.param({"spend_day": 70_000_000}, 6, id="a day for six"),
        pytest.param({"spend_week": 10_219_999}, 0, id="seven days for none"),
    ],
)
def test_calls_at_the_same_moment_never_share_a_place(
    kind: str, limits: dict[str, int], admitted: int
) -> None:
    """The upstream answers nobody before all callers are refused, or wait for it."""
    decided, lock, everyone = [0], Lock(), Event()

    def decide() -> None:
        with lock:
            decided[0] += 1
            if decided[0] == CALLERS:
                everyone.set()

    def serve(request: Any) -> Any:
        decide()
        assert everyone.wait(30)
        return chat_answer(USAGE)

    gateway = gateway_of(serve, **limited(kind, **limits))

    def call(number: int) -> int:
        status = gateway.post("/v1/chat/completions", CHAT).status
        if status != OK:
            decide()
        return status

    with ThreadPoolExecutor(CALLERS) as pool:
        statuses = list(pool.map(call, range(CALLERS)))
    assert (statuses.count(OK), statuses.count(429)) == (admitted, CALLERS - admitted)
    gateway.settle()
    wallet = gateway.wallets.shard(USER, 0)
    assert (wallet.open, sum(wallet.open_calls.values())) == ({}, 0)
    assert {spent.used for spent in wallet.spent.values()} <= {admitted * 7_500_000}


# --- guessing ---------------------------------------------------------------------------------


def wrong(gateway: Gateway, address: str = "192.0.2.1") -> Seen:
    headers = {"x-api-key": "sk-tg-" + "0" * 68}
    context = {"requestContext": {"identity": {"sourceIp": address}}}
    return gateway.post("/v1/chat/completions", CHAT, headers, **context)


def test_wrong_keys_from_one_address_soon_cost_nothing() -> None:
    gateway = gateway_of()
    assert {wrong(gateway).status for _ in range(A_MINUTE)} == {401}
    gateway.dynamo.sent.clear()
    seen = wrong(gateway)
    assert (seen.status, code_of(seen), seen.headers["retry-after"]) == (
        *(429, "too_many_attempts", "30"),
    )
    assert gateway.dynamo.sent == []
    assert wrong(gateway, "192.0.2.2").status == 401
    gateway.now += 60_000
    assert wrong(gateway).status == 401


def test_a_key_that_was_right_here_is_let_through() -> None:
    gateway = gateway_of()
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    for _ in range(A_MINUTE + 1):
        wrong(gateway)
    assert gateway.post("/v1/chat/completions", CHAT).status == 200


def test_one_subscriber_of_ipv6_is_one_address() -> None:
    gateway = gateway_of()
    for number in range(A_MINUTE):
        wrong(gateway, f"2001:db8:0:1::{number:x}")
    assert wrong(gateway, "2001:db8:0:1:ffff::1").status == 429
    assert wrong(gateway, "2001:db8:0:2::1").status == 401
