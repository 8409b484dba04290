"""Which definitions and prices are refused, as rows."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.catalog_samples import CHANNEL, DRAFT, GROUP, KEY, USER
from tollgate.domain.catalog import Interval, Limits
from tollgate.domain.definition_rules import (
    SECRET_STEPS,
    SWITCH,
    USER_STEPS,
    Steps,
    check_admin_token,
    check_channel,
    check_key,
    check_model_group,
    check_setting,
    check_step,
    check_user,
)
from tollgate.domain.definitions import AdminToken, ModelGroupDefinition, Setting
from tollgate.domain.errors import Conflict, ValidationFailed
from tollgate.domain.group_rules import check_group
from tollgate.domain.price_draft import PriceDraft, check_price, price_of

TOKEN = AdminToken("adm_1", "laptop", "support", "hash", 1, "abcd")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({}, None, id="as it is"),
        pytest.param({"email": "ann"}, "email", id="no address"),
        pytest.param({"email": f"{'a' * 250}@b.de"}, "email", id="too long an address"),
        pytest.param({"name": "n" * 101}, "name", id="too long a name"),
        pytest.param({"limits": Limits(rpm=-1)}, "limits.rpm", id="negative rpm"),
        pytest.param(
            {"group_limits": {"grp_1": Limits(spend_day=-1)}},
            "group_limits.grp_1.spend_day",
            id="negative spending",
        ),
        pytest.param({"shards": 0}, "shards", id="no shard"),
        pytest.param({"groups": ("grp_1", "grp_1")}, "groups", id="a group twice"),
        pytest.param({"groups": ("",)}, "groups", id="an empty group"),
    ],
)
def test_a_user(changes: Mapping[str, Any], field: str | None) -> None:
    assert refused(check_user, replace(USER, **changes)) == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({}, None, id="as it is"),
        pytest.param({"alias": "il0o"}, "alias", id="letters that look alike"),
        pytest.param({"alias": "abc"}, "alias", id="a short alias"),
        pytest.param({"secret_hash": ""}, "secret_hash", id="no hash"),
        pytest.param({"group": ""}, "group", id="no group"),
        pytest.param({"quota": -1}, "quota", id="a negative quota"),
        pytest.param({"quota": 0}, None, id="an empty quota"),
        pytest.param({"pricing_group": "High Quality"}, "pricing_group", id="not a code"),
        pytest.param({"pricing_group": "hq"}, None, id="a code"),
        pytest.param({"models": ("gpt-4o", "GPT-4o")}, "models", id="two spellings of a model"),
        pytest.param({"models": ("gpt-*",)}, None, id="models by their beginning"),
        pytest.param({"models": ("gpt*o",)}, "models", id="a star in the middle of a model"),
        pytest.param({"endpoints": ("/v1/chat/*",)}, None, id="endpoints by their beginning"),
        pytest.param({"endpoints": ("/v1/*/x",)}, "endpoints", id="a star in an endpoint"),
        pytest.param({"endpoints": ("chat*",)}, "endpoints", id="an endpoint that is no path"),
        pytest.param({"expires_at": 1_795_382_356}, "expires_at", id="an end in seconds"),
        pytest.param({"expires_at": 1_795_382_356_000}, None, id="an end"),
    ],
)
def test_a_key(changes: Mapping[str, Any], field: str | None) -> None:
    assert refused(check_key, replace(KEY, **changes)) == field


@pytest.mark.parametrize(
    ("multiplier", "field"),
    [
        pytest.param("0", None, id="zero, set explicitly"),
        pytest.param("1000", None, id="the most"),
        pytest.param("0.000001", None, id="the finest"),
        pytest.param("0.0000001", "multiplier", id="too fine"),
        pytest.param("-0.5", "multiplier", id="negative"),
        pytest.param("1000.1", "multiplier", id="too much"),
        pytest.param("1e50", "multiplier", id="far too much"),
        pytest.param("Infinity", "multiplier", id="infinite"),
        pytest.param("NaN", "multiplier", id="no number"),
    ],
)
def test_a_multiplier(multiplier: str, field: str | None) -> None:
    assert refused(check_group, replace(GROUP, multiplier=Decimal(multiplier))) == field


@pytest.mark.parametrize(
    ("definition", "check", "field"),
    [
        pytest.param(replace(GROUP, name=" "), check_group, "name", id="a nameless group"),
        pytest.param(replace(GROUP, alias="x"), check_group, "alias", id="a short alias"),
        pytest.param(replace(GROUP, platform=""), check_group, "platform", id="no platform"),
        pytest.param(
            replace(GROUP, platform="opnai"), check_group, "platform", id="a mistyped one"
        ),
        pytest.param(CHANNEL, check_channel, None, id="a channel"),
        pytest.param(
            replace(CHANNEL, model_mapping={"openai": {"a*": "x", "A*": "y"}}),
            check_channel,
            "model_mapping.openai",
            id="two spellings of a pattern",
        ),
        pytest.param(
            replace(CHANNEL, model_mapping={"openai": {"a": "x"}, "gemini": {"A": "y"}}),
            check_channel,
            None,
            id="the same source on two platforms",
        ),
        pytest.param(
            ModelGroupDefinition("gpt-4o", "HQ", "tokens"),
            check_model_group,
            "code",
            id="a capital code",
        ),
        pytest.param(
            ModelGroupDefinition("g*o", "hq", "tokens"),
            check_model_group,
            "model",
            id="a star inside",
        ),
        pytest.param(
            ModelGroupDefinition("m" * 101, "hq", "tokens"),
            check_model_group,
            "model",
            id="too long a model",
        ),
        pytest.param(
            ModelGroupDefinition("*", "hq", "tokens"), check_model_group, None, id="every model"
        ),
        pytest.param(Setting("Rpm", 1), check_setting, "name", id="a capital setting"),
        pytest.param(TOKEN, check_admin_token, None, id="a token"),
        pytest.param(replace(TOKEN, name=""), check_admin_token, "name", id="a nameless token"),
        pytest.param(
            replace(TOKEN, secret_hash=""), check_admin_token, "secret_hash", id="no secret"
        ),
    ],
)
def test_other_definitions(definition: Any, check: Any, field: str | None) -> None:
    assert refused(check, definition) == field


@pytest.mark.parametrize(
    ("steps", "before", "after", "allowed"),
    [
        pytest.param(USER_STEPS, "active", "disabled", True, id="disable a user"),
        pytest.param(USER_STEPS, "disabled", "deleted", True, id="delete a disabled user"),
        pytest.param(USER_STEPS, "deleted", "active", False, id="bring a deleted user back"),
        pytest.param(USER_STEPS, "active", "revoked", False, id="revoke a user"),
        pytest.param(SECRET_STEPS, "disabled", "active", True, id="enable a key"),
        pytest.param(SECRET_STEPS, "disabled", "revoked", True, id="revoke a disabled key"),
        pytest.param(SECRET_STEPS, "revoked", "disabled", False, id="bring a revoked key back"),
        pytest.param(SWITCH, "active", "disabled", True, id="disable a group"),
        pytest.param(SWITCH, "active", "active", True, id="leave it"),
        pytest.param(SWITCH, "active", "deleted", False, id="delete a group by its status"),
    ],
)
def test_a_step(steps: Steps, before: str, after: str, allowed: bool) -> None:
    if allowed:
        check_step(steps, before, after)
    else:
        with pytest.raises(Conflict):
            check_step(steps, before, after)


LONG = Interval(200_000, None, {"input": "5"})


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        pytest.param(DRAFT, None, id="as it is"),
        pytest.param(replace(DRAFT, model=" "), "model", id="no model"),
        pytest.param(replace(DRAFT, model="gpt-*"), None, id="a prefix"),
        pytest.param(replace(DRAFT, prices={"input": "-1"}), "prices.input", id="negative"),
        pytest.param(replace(DRAFT, prices={"input": "NaN"}), "prices.input", id="no number"),
        pytest.param(replace(DRAFT, prices={"input": "Infinity"}), "prices.input", id="infinite"),
        pytest.param(replace(DRAFT, prices={"input": "dear"}), "prices.input", id="a word"),
        pytest.param(replace(DRAFT, prices={"input": "1000001"}), "prices.input", id="too dear"),
        pytest.param(
            replace(DRAFT, prices={"input": "0.00000000001"}), "prices.input", id="too fine"
        ),
        pytest.param(replace(DRAFT, prices={"inputs": "1"}), "prices.inputs", id="unknown class"),
        pytest.param(
            replace(DRAFT, prices={"input": "1", "tool:web_search": "0.01"}), None, id="a tool"
        ),
        pytest.param(replace(DRAFT, prices={}), "prices", id="nothing"),
        pytest.param(
            replace(DRAFT, mode="seconds"), "prices", id="token prices for a model sold by seconds"
        ),
        pytest.param(
            PriceDraft("sora", mode="seconds", prices={"seconds": "0.1"}), None, id="by seconds"
        ),
        pytest.param(replace(DRAFT, prices={"input": "0"}), "free", id="free by accident"),
        pytest.param(replace(DRAFT, prices={"input": "0"}, free=True), None, id="free on purpose"),
        pytest.param(
            replace(DRAFT, prices={"input": "0"}, intervals=(LONG,)),
            None,
            id="free in a short context only",
        ),
        pytest.param(
            replace(
                DRAFT,
                prices={"input": "0"},
                intervals=(replace(LONG, prices={"input": "0"}, tiers={"flex": {"input": "1"}}),),
            ),
            None,
            id="free but in one tier",
        ),
        pytest.param(replace(DRAFT, max_output=0), "max_output", id="no output at all"),
        pytest.param(replace(DRAFT, intervals=(LONG,)), None, id="an open interval"),
        pytest.param(
            replace(DRAFT, intervals=(LONG, replace(LONG, minimum=300_000))),
            "intervals[1].maximum",
            id="an interval behind an open one",
        ),
        pytest.param(
            replace(DRAFT, intervals=(replace(LONG, maximum=200_000),)),
            "intervals[1].maximum",
            id="an empty range",
        ),
        pytest.param(
            replace(DRAFT, intervals=(replace(LONG, minimum=-1),)),
            "intervals[1].minimum",
            id="below zero",
        ),
        pytest.param(
            replace(DRAFT, intervals=(replace(LONG, prices={}),)),
            "intervals[1].prices",
            id="an interval without a price",
        ),
        pytest.param(
            replace(DRAFT, intervals=(replace(LONG, tiers={"flex": {"input": "-1"}}),)),
            "intervals[1].tiers.flex.input",
            id="a negative tier inside an interval",
        ),
        pytest.param(
            replace(DRAFT, tiers={"priority": {"input": "x"}}),
            "tiers.priority.input",
            id="a word in a tier",
        ),
    ],
)
def test_a_price(draft: PriceDraft, field: str | None) -> None:
    assert refused(check_price, draft) == field


def test_a_draft_begins_now_unless_it_says_when() -> None:
    assert price_of(DRAFT, 3, 77).effective_from == 77
    assert price_of(replace(DRAFT, effective_from=99), 3, 77).effective_from == 99
    assert price_of(replace(DRAFT, model=" GPT-4o"), 3, 77).model == "gpt-4o"


def refused(check: Any, definition: Any) -> str | None:
    """The field a check names, None when it is content."""
    try:
        check(definition)
    except ValidationFailed as refusal:
        return refusal.param
    return None
