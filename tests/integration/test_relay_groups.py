"""The effective group, on every route: who goes where, by whose price, and what the record says."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.every_route import CLAUDE_CODE, PROBE, ROUTES, hosts, post, prices, refusing
from tests.gateway import (
    ACCOUNTS,
    CHAT,
    EVERYWHERE,
    GROUP,
    PROFILE,
    START_MS,
    USAGE,
    USER,
    Gateway,
    chat_answer,
)
from tollgate.dialects import Route
from tollgate.domain.catalog import Channel, ChannelPricing, GroupPart
from tollgate.domain.channel_rows import SentRow, rows_by_name
from tollgate.domain.health import COOLING
from tollgate.store.dynamodb import OutcomeUnknown

MODELS = ("m", "claude-haiku-4-5", "gpt-4o")
PRICED = replace(EVERYWHERE, prices=prices(*MODELS), default_groups={})


def at(name: str) -> Any:
    """Accounts of every platform whose host tells the group."""
    return tuple(
        replace(each, id=f"{each.id}_{name}", base_url=f"https://{name}.example.com")
        for each in ACCOUNTS
    )


OWN = replace(GROUP, name="own", claude_code_only=True, fallback_group="grp_2", accounts=at("own"))
NEXT = replace(GROUP, id="grp_2", alias="g002", name="next", accounts=at("next"))


def gateway(own: GroupPart = OWN, *others: GroupPart, **more: Any) -> Gateway:
    more.setdefault("everywhere", PRICED)
    return Gateway(more.pop("serve", refusing), group=own, others=others or (NEXT,), **more)


def sold(**prices: str) -> Channel:
    """A channel that prices a model at so much, input and output alike."""
    rows = [
        SentRow("openai", (name,), None, {"input": p, "output": p}) for name, p in prices.items()
    ]
    return Channel("chn_2", "sold", pricing=(ChannelPricing(1, rows_by_name(rows)),))


# --- who goes where -----------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES)
def test_other_clients_go_on_to_the_fallback_on_every_route(route: Route) -> None:
    made = gateway()
    post(made, route, "m")
    assert hosts(made) == ["next.example.com"]


@pytest.mark.parametrize("route", ROUTES)
def test_claude_code_stays_on_every_route(route: Route) -> None:
    made = gateway()
    probe = PROBE if route.pattern.endswith("/messages") else {}
    post(made, route, "claude-haiku-4-5", {"user-agent": CLAUDE_CODE}, **probe)
    assert hosts(made) == ["own.example.com"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("own", "other", "code", "says"),
    [
        pytest.param(
            replace(OWN, fallback_group=""),
            NEXT,
            "claude_code_only",
            "for Claude Code only",
            id="no fallback",
        ),
        pytest.param(
            OWN,
            replace(NEXT, claude_code_only=True, fallback_group="grp_1"),
            "claude_code_only",
            "in a circle",
            id="a circle",
        ),
        pytest.param(
            replace(OWN, fallback_group="grp_9"),
            NEXT,
            "group_not_permitted",
            "falls back to is not there",
            id="a fallback that is gone",
        ),
        pytest.param(
            OWN,
            replace(NEXT, status="disabled"),
            "group_not_permitted",
            "switched off",
            id="a fallback that is off",
        ),
        pytest.param(
            OWN,
            replace(NEXT, exclusive=True),
            "group_not_permitted",
            "not open to this user",
            id="a fallback not open to the user",
        ),
    ],
)
def test_who_has_nowhere_to_go_is_refused_for_good(
    route: Route, own: GroupPart, other: GroupPart, code: str, says: str
) -> None:
    made = gateway(own, other)
    seen = post(made, route, "m")
    assert (seen.status, seen.headers["x-tollgate-error-code"]) == (403, code)
    assert seen.headers["x-should-retry"] == "false"
    assert says.encode() in seen.body
    assert hosts(made) == []
    assert made.wallets.read(USER).held == 0


def test_who_has_nowhere_to_go_gets_no_quote() -> None:
    made = gateway(replace(OWN, fallback_group=""))
    query: Any = {"multiValueQueryStringParameters": {"dry_run": ["true"]}}
    seen = made.post("/v1/chat/completions", CHAT, **query)
    assert (seen.status, seen.headers["x-tollgate-error-code"]) == (403, "claude_code_only")


def test_a_fallback_that_cannot_be_read_now_is_not_passed_over() -> None:
    made = gateway()

    def before(operation: str, request: Any) -> None:
        if "snapshot#grp_2" in repr(request):
            raise OutcomeUnknown("no answer")

    made.dynamo.before = before
    seen = made.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.headers["retry-after"]) == (503, "1")
    assert hosts(made) == []


def test_a_fallback_that_is_granted_is_open() -> None:
    made = gateway(OWN, replace(NEXT, exclusive=True), profile=replace(PROFILE, groups=("grp_2",)))
    made.post("/v1/chat/completions", CHAT)
    assert hosts(made) == ["next.example.com"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"status": "disabled"}, "api_key_disabled", id="the key is off"),
        pytest.param({"models": ("gpt-3*",)}, "model_not_allowed", id="outside the key's list"),
    ],
)
def test_what_the_key_may_not_do_is_said_before_its_group(
    changes: dict[str, Any], code: str
) -> None:
    (key,) = PROFILE.keys.values()
    keys = {key.secret_hash: replace(key, **changes)}
    made = gateway(replace(OWN, fallback_group=""), profile=replace(PROFILE, keys=keys))
    seen = made.post("/v1/chat/completions", CHAT)
    assert seen.headers["x-tollgate-error-code"] == code


# --- by whose price -----------------------------------------------------------------------------

OWN_PRICE = replace(
    OWN, channel=replace(sold(**{"gpt-4o": "50"}), id="chn_1"), multiplier=Decimal(3)
)
NEXT_PRICE = replace(NEXT, channel=sold(**{"gpt-4o": "2"}), multiplier=Decimal("1.5"))


def answering(request: httpx.Request) -> httpx.Response:
    return chat_answer(USAGE)


@pytest.mark.parametrize(
    ("agent", "group", "channel", "charge"),
    [
        pytest.param("curl/8", "grp_2", "chn_2", 4_500_000, id="the fallback's"),
        pytest.param(CLAUDE_CODE, "grp_1", "chn_1", 225_000_000, id="the key's own"),
    ],
)
def test_price_multiplier_and_channel_are_the_effective_groups(
    agent: str, group: str, channel: str, charge: int
) -> None:
    made = gateway(OWN_PRICE, NEXT_PRICE, serve=answering)
    headers = made.event("", "")["headers"] | {"user-agent": agent}
    seen = made.post("/v1/chat/completions", CHAT, headers)
    assert seen.status == 200, seen.body
    record = made.record()
    assert (record.group, record.requested_group) == (group, "grp_1")
    assert (record.channel, record.charge) == (channel, charge)
    made.settle()
    assert made.wallets.read(USER).debits == charge


def test_the_users_own_multiplier_is_the_one_in_the_effective_group() -> None:
    made = gateway(replace(OWN_PRICE, slices=1), replace(NEXT_PRICE, slices=1), serve=answering)
    claim = made.publications.claim()
    made.publications.put_multipliers("grp_1", claim.seen.groups["grp_1"], [{USER: "9"}])
    made.publications.put_multipliers("grp_2", claim.seen.groups["grp_2"], [{USER: "0.5"}])
    made.post("/v1/chat/completions", CHAT)
    assert made.record().charge == 1_500_000


@pytest.mark.parametrize(
    ("agent", "price", "multiplier"),
    [
        pytest.param("curl/8", "2", "1.5", id="the fallback's"),
        pytest.param(CLAUDE_CODE, "50", "3", id="the key's own"),
    ],
)
def test_a_quote_is_by_the_effective_group(agent: str, price: str, multiplier: str) -> None:
    made = gateway(OWN_PRICE, NEXT_PRICE)
    headers = made.event("", "")["headers"] | {"user-agent": agent}
    query: Any = {"multiValueQueryStringParameters": {"dry_run": ["true"]}}
    told = made.post("/v1/chat/completions", CHAT, headers, **query).json["price"]
    assert (told["prices"]["input"]["unit_price"], told["multiplier"]) == (price, multiplier)


MAPPED = replace(NEXT, channel=Channel("chn_2", "two", {"openai": {"m": "wire-of-next"}}))


def test_mapping_is_the_effective_groups() -> None:
    own = replace(OWN, channel=Channel("chn_1", "one", {"openai": {"m": "wire-of-own"}}))
    made = gateway(own, MAPPED, everywhere=replace(PRICED, prices=prices("wire-of-next")))
    made.post("/v1/chat/completions", CHAT | {"model": "m"})
    (sent,) = made.upstream.requests
    assert b"wire-of-next" in sent.content


# --- sub2api.md §5.5: restriction looks at the fallback's channel ---------------------------------

ROWS = ChannelPricing(1, rows_by_name([SentRow("openai", ("gpt-4o",), None, {"input": "1"})]))
RESTRICTED = Channel("chn_1", "narrow", restrict_models=True, pricing=(ROWS,))


@pytest.mark.parametrize(
    ("own", "other", "model", "status"),
    [
        pytest.param(OWN, replace(NEXT, channel=RESTRICTED), "gpt-4o", 400, id="sold there"),
        pytest.param(OWN, replace(NEXT, channel=RESTRICTED), "m", 403, id="not sold there"),
        pytest.param(
            replace(OWN, channel=RESTRICTED), NEXT, "m", 400, id="only the own channel restricts"
        ),
    ],
)
def test_what_is_restricted(own: GroupPart, other: GroupPart, model: str, status: int) -> None:
    made = gateway(own, other)
    seen = made.post("/v1/chat/completions", CHAT | {"model": model})
    assert (seen.status, bool(hosts(made))) == (status, status == 400)


# --- what is kept of a refusal ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "other", "group"),
    [
        pytest.param(OWN, replace(NEXT, channel=RESTRICTED), "grp_2", id="of the fallback"),
        pytest.param(replace(OWN, fallback_group=""), NEXT, "grp_1", id="where there is none"),
    ],
)
def test_a_refusals_row_names_the_effective_group(
    own: GroupPart, other: GroupPart, group: str
) -> None:
    made = gateway(own, other)
    assert made.post("/v1/chat/completions", CHAT | {"model": "m"}).status == 403
    (row,) = made.records.list(
        USER, START_MS, START_MS + 86_400_000, limit=10, refused=True
    ).records
    assert (row.state, row.group, row.requested_group) == ("refused", group, "grp_1")


# --- lists --------------------------------------------------------------------------------------

NARROW = replace(NEXT, accounts=tuple(replace(each, models=("m",)) for each in NEXT.accounts))


@pytest.mark.parametrize(
    ("agent", "models"),
    [
        pytest.param("curl/8", ["m"], id="the fallback's"),
        pytest.param(CLAUDE_CODE, ["claude-haiku-4-5", "gpt-4o", "m"], id="the key's own"),
    ],
)
def test_lists_are_of_the_effective_group(agent: str, models: list[str]) -> None:
    made = gateway(OWN, NARROW)
    headers = made.event("", "")["headers"] | {"user-agent": agent}
    event = made.event("/v1/models", "", headers, httpMethod="GET")
    found = made.send(event).read().json["data"]
    assert [each["id"] for each in found] == models


def test_who_has_nowhere_to_go_is_listed_nothing() -> None:
    made = gateway(replace(OWN, fallback_group=""))
    for path in ("/v1/models", "/v1/models/m", "/v1beta/models"):
        seen = made.send(made.event(path, "", httpMethod="GET")).read()
        assert (seen.status, seen.headers["x-tollgate-error-code"]) == (403, "claude_code_only")


def test_what_rests_for_a_while_is_still_listed_and_what_has_expired_is_not() -> None:
    rests, expired = at("next")[0], replace(at("gone")[0], id="acc_gone", expires_at=START_MS)
    made = gateway(
        OWN,
        replace(
            NEXT, accounts=(replace(rests, models=("m",)), replace(expired, models=("gpt-4o",)))
        ),
    )
    made.roster.health.block(rests.id, COOLING, START_MS + 60_000)
    assert made.post("/v1/chat/completions", CHAT | {"model": "m"}).status == 503
    found = made.send(made.event("/v1/models", "", httpMethod="GET")).read().json["data"]
    assert [each["id"] for each in found] == ["m"]
