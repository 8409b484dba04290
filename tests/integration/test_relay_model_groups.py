"""Model groups at the relay: where their calls go, and which models a key is told of."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import httpx
import pytest

from tests.gateway import (
    ACCOUNTS,
    EVERYWHERE,
    GROUP,
    KEY,
    PROFILE,
    USAGE,
    USER,
    Gateway,
    chat_answer,
)
from tollgate.domain.catalog import (
    Channel,
    ChannelPart,
    CustomerPrice,
    GlobalPart,
    ModelGroup,
    ModelGroupChannel,
    Price,
    Profile,
)
from tollgate.store.dynamodb import OutcomeUnknown

CHAT: Final = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}
OPENAI: Final = ACCOUNTS[0]
FIRST: Final = replace(OPENAI, id="acc_first", base_url="https://first.example.com")
SECOND: Final = replace(OPENAI, id="acc_second", base_url="https://second.example.com")
MAPPED: Final = Channel("chn_1", "one", {"openai": {"gpt-4o": "wire-of-one"}})
PLAIN: Final = Channel("chn_2", "two")


def bound(
    *channels: ModelGroupChannel, parts: Mapping[str, ChannelPart] | None = None, **more: Any
) -> Gateway:
    """A gateway where gpt-4o's default group is bound to channels."""
    group = ModelGroup("tokens", True, channels)
    everywhere = replace(EVERYWHERE, model_groups={"gpt-4o": {"default": group}})
    known = {
        "chn_1": ChannelPart(1, MAPPED, (FIRST,)),
        "chn_2": ChannelPart(1, PLAIN, (SECOND,)),
    }
    serve = more.pop("serve", lambda request: chat_answer(USAGE))
    return Gateway(serve, everywhere=everywhere, parts=known if parts is None else parts, **more)


def test_a_bound_group_goes_to_its_channel_under_the_channels_name() -> None:
    gateway = bound(ModelGroupChannel("chn_1"))
    assert gateway.post("/v1/chat/completions", CHAT).status == 200
    (sent,) = gateway.upstream.requests
    assert (sent.url.host, b"wire-of-one" in sent.content) == ("first.example.com", True)
    record = gateway.record()
    assert (record.channel, record.account, record.upstream_model) == (
        "chn_1",
        "acc_first",
        "wire-of-one",
    )
    assert (record.billing_model, record.model_group) == ("gpt-4o", "default")


def test_the_next_binding_takes_over_and_nobody_else() -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503 if request.url.host == "second.example.com" else 500)

    gateway = bound(ModelGroupChannel("chn_1"), ModelGroupChannel("chn_2", priority=1), serve=serve)
    assert gateway.post("/v1/chat/completions", CHAT).status >= 500
    hosts = [sent.url.host for sent in gateway.upstream.requests]
    assert hosts == ["second.example.com", "first.example.com"]


def test_weights_share_the_calls_of_one_priority() -> None:
    gateway = bound(ModelGroupChannel("chn_1", weight=3), ModelGroupChannel("chn_2", weight=1))
    for number in range(200):
        body = {**CHAT, "user": f"session {number}", "prompt_cache_key": f"session {number}"}
        assert gateway.post("/v1/chat/completions", body).status == 200
    hosts = [sent.url.host for sent in gateway.upstream.requests]
    assert 120 < hosts.count("first.example.com") < 180


@pytest.mark.parametrize(
    ("channels", "parts"),
    [
        pytest.param([ModelGroupChannel("chn_1", weight=0)], None, id="drained or switched off"),
        pytest.param([ModelGroupChannel("chn_9")], None, id="a channel that is not there"),
        pytest.param(
            [ModelGroupChannel("chn_1")], {"chn_1": ChannelPart(1, MAPPED)}, id="no accounts"
        ),
        pytest.param(
            [ModelGroupChannel("chn_1")],
            {"chn_1": ChannelPart(1, MAPPED, (replace(FIRST, models=("gpt-4o",)),))},
            id="accounts that do not serve the channel's name",
        ),
        pytest.param(
            [ModelGroupChannel("chn_1")],
            {"chn_1": ChannelPart(1, MAPPED, (replace(FIRST, platform="gemini"),))},
            id="accounts of another platform",
        ),
    ],
)
def test_a_bound_group_never_leaves_its_channels(
    channels: list[ModelGroupChannel], parts: Mapping[str, ChannelPart] | None
) -> None:
    gateway = bound(*channels, parts=parts)
    seen = gateway.post("/v1/chat/completions", CHAT)
    assert (seen.status, seen.json["error"]["code"]) == (503, "no_available_channel")
    assert gateway.upstream.requests == []
    assert gateway.wallets.read(USER).held == 0


# --- which models a key is told of ----------------------------------------------------------------

OFFICIAL: Final = (Price("gpt-4o", 1, prices={"input": "2.5", "output": "10"}, max_output=100),)
OWN: Final = CustomerPrice("gpt-4o", "vip", 1, prices={"input": "1", "output": "4"})


def in_group(code: str, price: CustomerPrice | None = OWN, *, permitted: bool = True) -> Profile:
    """A user with an agreement about one model group, and a key of it."""
    key = replace(KEY, pricing_group=code)
    return replace(
        PROFILE,
        keys={key.secret_hash: key},
        prices={} if price is None else {"gpt-4o": {"vip": (price,)}},
        permissions={"gpt-4o": frozenset({"vip"})} if permitted else {},
    )


def everywhere(
    default: str = "std",
    official: tuple[Price, ...] = OFFICIAL,
    groups: Mapping[str, ModelGroup] | None = None,
) -> GlobalPart:
    """One model."""
    return GlobalPart(
        1,
        {"gpt-4o": official} if official else {},
        {"gpt-4o": default} if default else {},
        {},
        {"gpt-4o": dict(groups)} if groups else {},
    )


ON: Final = {"vip": ModelGroup("tokens")}
OFF: Final = {"vip": ModelGroup("tokens", enabled=False)}
BACK: Final = replace(KEY, pricing_group="vip", pricing_group_fallback="default")


@pytest.mark.parametrize(
    ("part", "profile", "listed"),
    [
        pytest.param(everywhere(""), PROFILE, True, id="2 no groups"),
        pytest.param(everywhere("", ()), PROFILE, False, id="3 no groups, no price"),
        pytest.param(everywhere("vip", groups=OFF), PROFILE, False, id="5 the default is off"),
        pytest.param(everywhere("vip", ()), in_group(""), True, id="6 an own price, no official"),
        pytest.param(everywhere(), PROFILE, True, id="7 the official price"),
        pytest.param(
            everywhere("vip"), in_group("", replace(OWN, enabled=False)), True, id="8 own price off"
        ),
        pytest.param(everywhere("std", ()), PROFILE, False, id="9 nothing prices it"),
        pytest.param(everywhere(), in_group("vip"), False, id="10 no such group"),
        pytest.param(
            everywhere(),
            replace(PROFILE, keys={KEY.secret_hash: BACK}),
            True,
            id="11 no such group, falling back",
        ),
        pytest.param(everywhere(groups=OFF), in_group("vip"), False, id="12 the group is off"),
        pytest.param(
            everywhere(groups=ON), in_group("vip", None, permitted=False), False, id="14 nothing"
        ),
        pytest.param(
            everywhere(groups=ON), in_group("vip", permitted=False), False, id="15 a price only"
        ),
        pytest.param(
            everywhere(groups=ON), in_group("vip", None), False, id="18 a permission only"
        ),
        pytest.param(
            everywhere(groups=ON),
            in_group("vip", replace(OWN, enabled=False)),
            False,
            id="19 a permission and a price off",
        ),
        pytest.param(
            everywhere("std", (), ON), in_group("vip"), True, id="20 both, and no official price"
        ),
    ],
)
def test_a_model_is_listed_exactly_when_a_call_of_it_would_be_served(
    part: GlobalPart, profile: Profile, listed: bool
) -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE), everywhere=part, profile=profile)
    models = gateway.post("/v1/models", "", None, httpMethod="GET").json["data"]
    assert [model["id"] for model in models] == (["gpt-4o"] if listed else [])
    one = gateway.post("/v1/models/gpt-4o", "", None, httpMethod="GET")
    assert one.status == (200 if listed else 404)
    called = gateway.post("/v1/chat/completions", CHAT)
    assert (called.status == 200) is listed, called.body


@pytest.mark.parametrize(
    ("accounts", "names"),
    [
        pytest.param(ACCOUNTS, ["alias", "gpt-4o"], id="accounts without a list"),
        pytest.param(
            (replace(OPENAI, models=("gpt-4o", "wild-1")),),
            ["alias", "gpt-4o", "wild-1"],
            id="named ones that a prefix prices",
        ),
        pytest.param((replace(OPENAI, models=("other",)),), [], id="nothing that is priced"),
        pytest.param((), [], id="no accounts"),
    ],
)
def test_what_is_listed_is_served_and_priced(accounts: Any, names: list[str]) -> None:
    prices = {"gpt-4o": OFFICIAL, "wild-*": (replace(OFFICIAL[0], model="wild-*"),)}
    channel = Channel("chn_1", "retail", {"openai": {"alias": "gpt-4o", "unpriced": "nothing"}})
    gateway = Gateway(
        lambda request: chat_answer(USAGE),
        everywhere=GlobalPart(1, prices, {}, {}),
        group=replace(GROUP, accounts=accounts, channel=channel),
    )
    models = gateway.post("/v1/models", "", None, httpMethod="GET").json["data"]
    assert [model["id"] for model in models] == names


def test_bound_channels_that_are_gone_unlist_the_model() -> None:
    gateway = bound(ModelGroupChannel("chn_9"))
    models = gateway.post("/v1/models", "", None, httpMethod="GET").json["data"]
    assert "gpt-4o" not in {model["id"] for model in models}


def test_a_channel_that_cannot_be_read_makes_no_shorter_list() -> None:
    gateway = bound(ModelGroupChannel("chn_1"))

    def down(operation: str, request: Any) -> None:
        if operation == "GetItem" and request["Key"]["pk"]["S"] == "snapshot#chn_1":
            raise OutcomeUnknown

    gateway.dynamo.before = down
    seen = gateway.post("/v1/models", "", None, httpMethod="GET")
    assert (seen.status, seen.json["error"]["code"]) == (503, "pricing_unavailable")
    called = gateway.post("/v1/chat/completions", CHAT)
    assert (called.status, called.json["error"]["code"]) == (503, "pricing_unavailable")
    assert gateway.upstream.requests == []
