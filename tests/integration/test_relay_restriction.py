"""A restricted channel, on every path to an account: what is not sold is refused for good."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.every_route import ROUTES, hosts, post, prices, refusing
from tests.gateway import (
    ACCOUNTS,
    CHAT,
    EVERYWHERE,
    GROUP,
    PROFILE,
    USAGE,
    USER,
    Gateway,
    chat_answer,
)
from tollgate.dialects import Route
from tollgate.domain.catalog import (
    Account,
    Channel,
    ChannelPart,
    ChannelPricing,
    CustomerPrice,
    ModelGroup,
    ModelGroupChannel,
)
from tollgate.domain.channel_rows import SentRow, rows_by_name

NAMES = ("public", "mapped", "wire", "other-wire", "gpt-4o")
PRICED = replace(EVERYWHERE, prices=prices(*NAMES), default_groups={})
OPENAI = ACCOUNTS[0]


def selling(*names: str, source: str = "channel_mapped") -> Channel:
    """A channel that sells these names and no others; `public` is `mapped` there."""
    rows = rows_by_name([SentRow("openai", names, None, {"input": "1", "output": "1"})])
    return Channel(
        "chn_1",
        "narrow",
        {"openai": {"public": "mapped"}},
        source,  # type: ignore[arg-type]
        restrict_models=True,
        pricing=(ChannelPricing(1, rows),),
    )


def gateway(channel: Channel, *accounts: Account, **more: Any) -> Gateway:
    """Its accounts send `mapped` as `wire`, unless they are given."""
    own = accounts or tuple(replace(each, model_mapping={"mapped": "wire"}) for each in ACCOUNTS)
    group = replace(GROUP, channel=channel, accounts=own)
    more.setdefault("everywhere", PRICED)
    return Gateway(more.pop("serve", refusing), group=group, **more)


BY_SOURCE = [
    pytest.param("requested", "public", id="requested"),
    pytest.param("channel_mapped", "mapped", id="channel_mapped"),
    pytest.param("upstream", "wire", id="upstream"),
]


# --- every route --------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("source", "name"), BY_SOURCE)
def test_what_is_not_sold_is_refused_for_good_on_every_route(
    route: Route, source: str, name: str
) -> None:
    others = [each for each in ("public", "mapped", "wire") if each != name]
    made = gateway(selling(*others, source=source))
    seen = post(made, route, "public")
    assert (seen.status, seen.headers["x-tollgate-error-code"]) == (403, "model_not_allowed")
    assert seen.headers["x-should-retry"] == "false"
    assert "retry-after" not in seen.headers
    assert hosts(made) == []
    assert made.wallets.read(USER).held == 0


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("source", "name"), BY_SOURCE)
def test_what_is_sold_goes_on_every_route(route: Route, source: str, name: str) -> None:
    made = gateway(selling(name, source=source))
    post(made, route, "public")
    assert len(hosts(made)) == 1


@pytest.mark.parametrize(("source", "name"), BY_SOURCE)
def test_a_quote_is_refused_as_the_call_is(source: str, name: str) -> None:
    query: Any = {"multiValueQueryStringParameters": {"dry_run": ["true"]}}
    body = CHAT | {"model": "public"}
    sold = gateway(selling(name, source=source))
    assert sold.post("/v1/chat/completions", body, **query).status == 200
    unsold = gateway(selling("gpt-4o", source=source))
    seen = unsold.post("/v1/chat/completions", body, **query)
    assert (seen.status, seen.headers["x-tollgate-error-code"]) == (403, "model_not_allowed")


@pytest.mark.parametrize(("source", "name"), BY_SOURCE)
def test_lists_have_what_is_sold(source: str, name: str) -> None:
    made = gateway(selling(name, source=source))
    event = made.event("/v1/models", "", httpMethod="GET")
    listed = {each["id"] for each in made.send(event).read().json["data"]}
    assert ("public" in listed, "gpt-4o" in listed) == (True, False)


def test_what_somebody_has_a_price_of_their_own_for_is_sold_to_them() -> None:
    own = {"public": {"default": (CustomerPrice("public", "default", 1, prices={"input": "5"}),)}}
    everywhere = replace(PRICED, default_groups={"public": "default"})
    made = gateway(selling("gpt-4o"), profile=replace(PROFILE, prices=own), everywhere=everywhere)
    made.post("/v1/chat/completions", CHAT | {"model": "public"})
    assert len(hosts(made)) == 1


# --- account by account ---------------------------------------------------------------------------

SOLD = replace(
    OPENAI, id="acc_sold", base_url="https://sold.example.com", model_mapping={"mapped": "wire"}
)
UNSOLD = replace(
    OPENAI,
    id="acc_unsold",
    base_url="https://unsold.example.com",
    model_mapping={"mapped": "other-wire"},
    priority=9,
)


def test_an_account_whose_name_is_not_sold_is_passed_over_though_it_comes_first() -> None:
    made = gateway(
        selling("wire", source="upstream"), UNSOLD, SOLD, serve=lambda _: chat_answer(USAGE)
    )
    assert made.post("/v1/chat/completions", CHAT | {"model": "public"}).status == 200
    assert (hosts(made), made.record().billing_model) == (["sold.example.com"], "wire")


def test_failing_over_leads_to_no_account_whose_name_is_not_sold() -> None:
    made = gateway(
        selling("wire", source="upstream"), UNSOLD, SOLD, serve=lambda _: httpx.Response(503)
    )
    assert made.post("/v1/chat/completions", CHAT | {"model": "public"}).status >= 500
    assert set(hosts(made)) == {"sold.example.com"}


def test_no_session_sticks_to_an_account_whose_name_is_not_sold() -> None:
    made = gateway(
        selling("wire", source="upstream"),
        replace(UNSOLD, priority=0),
        SOLD,
        serve=lambda _: chat_answer(USAGE),
    )
    for session in range(20):
        headers = made.event("", "")["headers"] | {"x-session-id": f"session {session}"}
        assert made.post("/v1/chat/completions", CHAT | {"model": "public"}, headers).status == 200
    assert set(hosts(made)) == {"sold.example.com"}


def test_a_session_moves_when_its_accounts_name_is_sold_no_more() -> None:
    made = gateway(
        selling("wire", "other-wire", source="upstream"),
        replace(UNSOLD, priority=0),
        SOLD,
        serve=lambda _: chat_answer(USAGE),
    )
    body = CHAT | {"model": "public"}
    for session in range(100):
        headers = made.event("", "")["headers"] | {"x-session-id": f"session {session}"}
        made.upstream.requests.clear()
        made.post("/v1/chat/completions", body, headers)
        if hosts(made) == ["unsold.example.com"]:
            break
    assert hosts(made) == ["unsold.example.com"]
    made.group = replace(made.group, channel=selling("wire", source="upstream"))
    made.publish()
    made.now += 5_000
    made.upstream.requests.clear()
    assert made.post("/v1/chat/completions", body, headers).status == 200
    assert hosts(made) == ["sold.example.com"]


# --- through bound channels -----------------------------------------------------------------------


def bound(channel: Channel, *accounts: Account, **more: Any) -> Gateway:
    """`public` is bound to a channel with these accounts; the group's own channel restricts."""
    groups = {"public": {"default": ModelGroup("tokens", True, (ModelGroupChannel("chn_9"),))}}
    everywhere = replace(PRICED, model_groups=groups, default_groups={"public": "default"})
    part = ChannelPart(1, Channel("chn_9", "route", {"openai": {"public": "mapped"}}), accounts)
    return gateway(channel, everywhere=everywhere, parts={"chn_9": part}, **more)


@pytest.mark.parametrize(("source", "name"), BY_SOURCE)
def test_a_bound_channel_is_no_way_round_the_groups_own(source: str, name: str) -> None:
    made = bound(selling("gpt-4o", source=source), SOLD)
    seen = made.post("/v1/chat/completions", CHAT | {"model": "public"})
    assert (seen.status, seen.headers["x-tollgate-error-code"]) == (403, "model_not_allowed")
    sold = bound(selling(name, source=source), SOLD)
    sold.post("/v1/chat/completions", CHAT | {"model": "public"})
    assert hosts(sold) == ["sold.example.com"]


def test_accounts_of_a_bound_channel_are_looked_at_one_by_one() -> None:
    made = bound(
        selling("wire", source="upstream"), UNSOLD, SOLD, serve=lambda _: httpx.Response(503)
    )
    made.post("/v1/chat/completions", CHAT | {"model": "public"})
    assert set(hosts(made)) == {"sold.example.com"}


def test_the_bound_channels_own_restriction_and_prices_do_not_count() -> None:
    groups = {"public": {"default": ModelGroup("tokens", True, (ModelGroupChannel("chn_9"),))}}
    everywhere = replace(PRICED, model_groups=groups, default_groups={"public": "default"})
    strict = replace(selling("gpt-4o"), id="chn_9")
    part = ChannelPart(1, strict, (SOLD,))
    group = replace(GROUP, accounts=())
    made = Gateway(
        lambda _: chat_answer(USAGE), group=group, everywhere=everywhere, parts={"chn_9": part}
    )
    assert made.post("/v1/chat/completions", CHAT | {"model": "public"}).status == 200
    assert (made.record().channel, made.record().price_source) == ("chn_9", "official")
