"""Every refusal about prices and model groups, in every dialect's own shape, and free of charge."""

from dataclasses import replace
from typing import Any, Final

import pytest

from tests.gateway import (
    CHAT,
    EVERYWHERE,
    GROUP,
    KEY,
    PROFILE,
    USAGE,
    USER,
    Gateway,
    Seen,
    chat_answer,
)
from tests.media_calls import form, transcribe
from tests.sounds import wav
from tollgate.domain.catalog import (
    Channel,
    CustomerPrice,
    GlobalPart,
    Key,
    ModelGroup,
    Price,
    Profile,
)

MODEL: Final = "the-model"
SOLD: Final = Price(
    MODEL, 1, prices={"input": "1", "output": "2", "output_image": "3"}, max_output=9
)
VIP: Final = replace(KEY, pricing_group="vip")
AGREED: Final = CustomerPrice(MODEL, "vip", 1, prices={"input": "1", "output": "1"})
BROKEN: Final = replace(AGREED, code="default", prices={"input": "1", "output": "one"})


def everywhere(**groups: ModelGroup) -> GlobalPart:
    """The model with a default group, and others."""
    return replace(
        EVERYWHERE,
        prices={MODEL: (SOLD,)},
        default_groups={MODEL: "default"},
        model_groups={MODEL: groups} if groups else {},
    )


def profile(
    key: Key = VIP, *, permitted: bool = False, price: CustomerPrice | None = None
) -> Profile:
    """The user with this key, and what they were granted."""
    return replace(
        PROFILE,
        keys={key.secret_hash: key},
        permissions={MODEL: frozenset({"vip"})} if permitted else {},
        prices={} if price is None else {MODEL: {price.code: (price,)}},
    )


TIER: Final = ModelGroup("tokens")
CASES: Final[dict[str, dict[str, Any]]] = {
    "model_group_not_found": {"profile": profile(), "everywhere": everywhere()},
    "model_group_disabled": {
        "profile": profile(),
        "everywhere": everywhere(vip=replace(TIER, enabled=False)),
    },
    "model_group_not_permitted": {
        "profile": profile(price=AGREED),
        "everywhere": everywhere(vip=TIER),
    },
    "model_group_price_not_configured": {
        "profile": profile(permitted=True),
        "everywhere": everywhere(vip=TIER),
    },
    "model_price_not_configured": {
        "profile": profile(KEY),
        "everywhere": replace(everywhere(), prices={}),
    },
    "model_not_allowed": {
        "profile": profile(KEY),
        "everywhere": everywhere(),
        "group": replace(GROUP, channel=Channel("chn_1", "sells nothing", restrict_models=True)),
    },
    "pricing_misconfigured": {
        "profile": profile(KEY, price=BROKEN),
        "everywhere": everywhere(),
    },
}
"""What leads to each refusal, by its code."""

STATUS: Final = {
    "model_group_not_found": 404,
    "model_group_disabled": 403,
    "model_group_not_permitted": 403,
    "model_group_price_not_configured": 403,
    "model_price_not_configured": 400,
    "model_not_allowed": 403,
    "pricing_misconfigured": 503,
}
ANTHROPIC: Final = {
    400: "invalid_request_error",
    403: "permission_error",
    404: "not_found_error",
    503: "overloaded_error",
}
GOOGLE: Final = {
    "model_group_not_found": "NOT_FOUND",
    "model_price_not_configured": "FAILED_PRECONDITION",
    "pricing_misconfigured": "UNAVAILABLE",
}
MESSAGES: Final = {**CHAT, "model": MODEL}
CONTENTS: Final = {
    "contents": [{"parts": [{"text": "hi"}]}],
    "generationConfig": {"maxOutputTokens": 9},
}


def ask(gateway: Gateway, dialect: str) -> Seen:
    """A call of that dialect for the model."""
    plain = {
        "openai_chat": ("/v1/chat/completions", MESSAGES),
        "openai_embeddings": ("/v1/embeddings", {"model": MODEL, "input": "hi"}),
        "openai_images": ("/v1/images/generations", {"model": MODEL, "prompt": "a cat"}),
        "anthropic_messages": ("/v1/messages", MESSAGES),
        "gemini": (f"/v1beta/models/{MODEL}:generateContent", CONTENTS),
    }
    if dialect in plain:
        return gateway.post(*plain[dialect])
    return transcribe(gateway, form(MODEL, wav(1_000)))


@pytest.mark.parametrize("code", CASES)
@pytest.mark.parametrize(
    "dialect",
    ["openai_chat", "openai_embeddings", "openai_images", "openai_transcriptions",
     "anthropic_messages", "gemini"],
)  # fmt: skip
def test_a_refusal_in_the_callers_own_dialect(dialect: str, code: str) -> None:
    gateway = Gateway(lambda request: chat_answer(USAGE), **CASES[code])
    seen = ask(gateway, dialect)
    error, status = seen.json["error"], STATUS[code]
    if (dialect, status) == ("anthropic_messages", 404):
        status = 400  # Claude Code takes a 404 for a wrong address (relay.md §6)
    assert seen.status == status
    assert seen.headers["x-tollgate-error-code"] == code
    assert seen.headers.get("x-should-retry") == (None if status == 503 else "false")
    if dialect == "gemini":
        wanted = GOOGLE.get(code, "PERMISSION_DENIED")
        assert (error["code"], error["status"]) == (status, wanted)
        assert error["details"][0]["reason"] == code.upper()
    elif dialect == "anthropic_messages":
        assert seen.json["type"] == "error"
        assert error["type"] == ANTHROPIC[status]
    else:
        assert error["code"] == code
    assert gateway.counted == ([("PricesMisconfigured", 1)] if status == 503 else [])
    assert gateway.upstream.requests == []
    view = gateway.wallets.read(USER)
    assert (view.available, view.held, view.debits) == (1_000_000_000, 0, 0)
