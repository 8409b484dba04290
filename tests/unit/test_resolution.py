"""From key and model to candidates and prices, or one named refusal: rules as rows."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tollgate.domain import errors
from tollgate.domain.call import Call
from tollgate.domain.catalog import Account, Channel, GlobalPart, GroupPart, Key, Price, Profile
from tollgate.domain.patterns import allows, find, patterns_of, translate
from tollgate.domain.question import Caller, Question
from tollgate.domain.resolution import admit, resolve
from tollgate.domain.routing import chain, serves

NOW = 1_000_000
ACCOUNT = Account("acc_1", "one", "openai", "apikey", "https://api.example.com/v1", {})
GROUP = GroupPart("grp_1", 1, "g001", "main", "openai", "active", Decimal(1), accounts=(ACCOUNT,))
KEY = Key("key_1", "k001", "hash", 1, "grp_1")
PROFILE = Profile("usr_1", 1, "active", {"hash": KEY})
PRICES = {
    "gpt-4o": (
        Price("gpt-4o", 1, prices={"input": "5"}),
        Price("gpt-4o", 2, prices={"input": "2.5"}, effective_from=500_000),
        Price("gpt-4o", 3, prices={"input": "9"}, effective_from=2_000_000),
    ),
    "claude-*": (Price("claude-*", 1, prices={"input": "3"}),),
    "wire-name": (Price("wire-name", 1, prices={"input": "7"}),),
    "mapped": (Price("mapped", 1, prices={"input": "8"}),),
}
EVERYWHERE = GlobalPart(1, PRICES, {"gpt-4o": "default"}, {})


def question(
    model: str = "gpt-4o", *, group: GroupPart = GROUP, key: Key = KEY, profile: Profile = PROFILE
) -> Question:
    """One call of the only user."""
    return Question(
        Caller(profile, key), Call("generate", model, b""), ("openai",), EVERYWHERE, group, NOW
    )


def test_the_price_in_force_is_frozen_with_the_groups_multiplier() -> None:
    group = replace(GROUP, multiplier=Decimal("0.80"))
    (route,) = resolve(question(group=group))
    assert route.account.id == "acc_1"
    assert route.chain == ("gpt-4o",)
    assert (route.snapshot.version, route.snapshot.prices) == (2, {"input": "2.5"})
    assert (route.snapshot.multiplier, route.snapshot.model_group) == ("0.80", "default")


@pytest.mark.parametrize(
    ("key", "status", "refusal"),
    [
        pytest.param(KEY, "disabled", errors.UserDisabled, id="user disabled"),
        pytest.param(
            replace(KEY, status="disabled"), "active", errors.KeyDisabled, id="key disabled"
        ),
        pytest.param(replace(KEY, status="revoked"), "active", errors.KeyRevoked, id="key revoked"),
        pytest.param(
            replace(KEY, expires_at=NOW), "active", errors.KeyExpired, id="key expired this instant"
        ),
        pytest.param(
            replace(KEY, models=("claude-*",)),
            "active",
            errors.ModelNotAllowed,
            id="model outside the key's list",
        ),
    ],
)
def test_who_is_not_admitted(key: Key, status: Any, refusal: type[errors.TollgateError]) -> None:
    with pytest.raises(refusal) as caught:
        admit(Caller(replace(PROFILE, status=status), key), "gpt-4o", NOW)
    assert type(caught.value) is refusal


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        pytest.param(
            question(group=replace(GROUP, accounts=())), errors.ModelNotFound, id="no account"
        ),
        pytest.param(
            question(group=replace(GROUP, accounts=(replace(ACCOUNT, models=("gpt-3*",)),))),
            errors.ModelNotFound,
            id="no account offers the model",
        ),
        pytest.param(
            question(group=replace(GROUP, accounts=(replace(ACCOUNT, platform="gemini"),))),
            errors.ModelNotFound,
            id="no account speaks the dialect",
        ),
        pytest.param(
            question("o9-secret"), errors.ModelPriceNotConfigured, id="routable, not priced"
        ),
        pytest.param(
            question(key=replace(KEY, pricing_group="hq")),
            errors.ModelGroupNotFound,
            id="pricing group not offered",
        ),
    ],
)
def test_refusals(asked: Question, refusal: type[errors.TollgateError]) -> None:
    with pytest.raises(refusal) as caught:
        resolve(asked)
    assert type(caught.value) is refusal


def test_a_key_may_fall_back_to_the_default_model_group() -> None:
    key = replace(KEY, pricing_group="hq", pricing_group_fallback="default")
    assert resolve(question(key=key))[0].snapshot.model_group == "default"


@pytest.mark.parametrize(
    ("source", "billing_model", "unit"),
    [
        ("requested", "gpt-4o", "2.5"),
        ("channel_mapped", "mapped", "8"),
        ("upstream", "wire-name", "7"),
    ],
)
def test_the_channel_says_which_name_is_priced(source: str, billing_model: str, unit: str) -> None:
    channel = Channel("chn_1", "sold", {"openai": {"gpt-*": "mapped"}}, source)  # type: ignore[arg-type]
    account = replace(ACCOUNT, model_mapping={"mapped": "wire-name"})
    (route,) = resolve(question(group=replace(GROUP, channel=channel, accounts=(account,))))
    assert route.snapshot.billing_model == billing_model
    assert route.snapshot.prices == {"input": unit}
    assert route.chain == ("gpt-4o", "mapped", "wire-name")
    assert route.upstream_model == "wire-name"


def test_without_a_model_group_the_official_price_is_flagged() -> None:
    (route,) = resolve(question("claude-sonnet"))
    assert (route.snapshot.price_id, route.snapshot.flags) == ("claude-*", ("no_model_group",))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("gpt-4o", "gpt-4o"),
        (" GPT-4O ", "gpt-4o"),
        ("gpt-4o-mini", "gpt-4o-*"),
        ("gpt-4", "gpt-*"),
        ("claude", "*"),
    ],
)
def test_exact_beats_the_longest_prefix_beats_the_star(name: str, pattern: str) -> None:
    rows = {"gpt-4o": 1, "gpt-4o-*": 2, "gpt-*": 3, "*": 4}
    found = find(rows, name)
    assert found is not None
    assert found[0] == pattern


def test_lists_that_are_empty_allow_everything() -> None:
    assert allows((), "anything")
    assert not allows(("gpt-*",), "claude")


@pytest.mark.parametrize(
    ("mapping", "name", "wire"),
    [
        pytest.param({}, "a", "a", id="no mapping"),
        pytest.param({"a": "b"}, "a", "b", id="exact"),
        pytest.param({"gpt-*": "openai/gpt-*"}, "gpt-4o", "openai/gpt-4o", id="the star is kept"),
        pytest.param({"gpt-*": "small"}, "gpt-4o", "small", id="many to one"),
    ],
)
def test_translation(mapping: dict[str, str], name: str, wire: str) -> None:
    assert translate(mapping, name) == wire


@pytest.mark.parametrize(
    ("models", "mapping", "served"),
    [
        ((), {}, True),
        (("m",), {}, True),
        (("other",), {}, False),
        (("other",), {"m": "x"}, True),
        ((), {"m": "x"}, True),
        ((), {"n": "x"}, False),
    ],
)
def test_what_an_account_serves(
    models: tuple[str, ...], mapping: dict[str, str], served: bool
) -> None:
    assert serves(replace(ACCOUNT, models=models, model_mapping=mapping), "m") is served


def test_equal_neighbours_of_the_chain_collapse() -> None:
    assert chain("a", "a", "b") == ("a", "b")
    assert chain("a", "b", "a") == ("a", "b", "a")


def test_every_pattern_that_a_name_fits_the_best_one_first() -> None:
    assert list(patterns_of(" GPT ")) == ["gpt", "gpt*", "gp*", "g*", "*"]
