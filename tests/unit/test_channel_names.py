"""Which of a channel's rows a name finds, which name is priced, and what may be called at all."""

from collections.abc import Mapping

import pytest

from tests.channel_samples import asked, only, sold
from tollgate.domain.catalog import Channel, Price
from tollgate.domain.channel_rows import SentRow
from tollgate.domain.errors import ModelNotAllowed, ModelNotFound, ModelPriceNotConfigured
from tollgate.domain.resolution import resolve

# --- sub2api.md §2.6 and ruling R8: antigravity looks at three platforms ------------------------


def named(platform: str, price: str, *models: str) -> SentRow:
    return SentRow(platform, models, None, {"input": price})


@pytest.mark.parametrize(
    ("rows", "platform", "model", "row_id"),
    [
        pytest.param(
            [named("anthropic", "15", "claude-opus-4-6")],
            "antigravity",
            "claude-opus-4-6",
            "anthropic#claude-opus-4-6",
            id="an anthropic row",
        ),
        pytest.param(
            [named("antigravity", "15", "claude-opus-4-6")],
            "anthropic",
            "claude-opus-4-6",
            None,
            id="not the other way round",
        ),
        pytest.param(
            [named("gemini", "5", "shared-model"), named("anthropic", "10", "shared-model")],
            "antigravity",
            "shared-model",
            "anthropic#shared-model",
            id="anthropic before gemini, whichever was sent first",
        ),
        pytest.param(
            [named("gemini", "2", "gemini-model")],
            "antigravity",
            "gemini-model",
            "gemini#gemini-model",
            id="only gemini has it",
        ),
        pytest.param(
            [named("anthropic", "1", "shared-*"), named("gemini", "2", "shared-*")],
            "antigravity",
            "shared-model",
            "anthropic#shared-*",
            id="prefixes in the same order",
        ),
        pytest.param(
            [named("antigravity", "1", "sh*"), named("gemini", "2", "shared-model")],
            "antigravity",
            "shared-model",
            "gemini#shared-model",
            id="an exact name anywhere before every prefix",
        ),
        pytest.param(
            [named("antigravity", "1", "*"), named("anthropic", "2", "shared-*")],
            "antigravity",
            "shared-model",
            "antigravity#*",
            id="platform by platform, not by length over all",
        ),
        pytest.param(
            [named("antigravity", "3", "c-*", "c-son-*", "c-son-4-*")],
            "antigravity",
            "c-son-4-x",
            "antigravity#c-son-4-*",
            id="the longest prefix of a platform, not the first",
        ),
        pytest.param(
            [named("anthropic", "6", "shared-model"), named("gemini", "7", "shared-model")],
            "anthropic",
            "shared-model",
            "anthropic#shared-model",
            id="an anthropic group finds its own",
        ),
        pytest.param(
            [named("anthropic", "6", "shared-model"), named("gemini", "7", "shared-model")],
            "gemini",
            "shared-model",
            "gemini#shared-model",
            id="a gemini group finds its own",
        ),
        pytest.param(
            [named("openai", "1", "shared-model")],
            "antigravity",
            "shared-model",
            None,
            id="openai is not looked at",
        ),
    ],
)
def test_whose_row_is_found(
    rows: list[SentRow], platform: str, model: str, row_id: str | None
) -> None:
    question = asked(model, sold(*rows), platform)
    if row_id is None:
        with pytest.raises(ModelPriceNotConfigured):
            resolve(question)
    else:
        assert only(question).snapshot.price_id == f"chn_1#{row_id}"


@pytest.mark.parametrize(
    ("mapping", "chain"),
    [
        pytest.param(
            {"gemini": {"alias": "gemini-target"}, "anthropic": {"alias": "anthropic-target"}},
            ("alias", "anthropic-target"),
            id="anthropic before gemini",
        ),
        pytest.param(
            {"gemini": {"alias": "gemini-target"}, "anthropic": {"al*": "anthropic-target"}},
            ("alias", "gemini-target"),
            id="an exact name before every prefix",
        ),
        pytest.param({"openai": {"alias": "x"}}, ("alias",), id="openai is not looked at"),
    ],
)
def test_names_are_mapped_in_the_same_order(
    mapping: Mapping[str, Mapping[str, str]], chain: tuple[str, ...]
) -> None:
    rows = named("antigravity", "1", "*")
    found = only(asked("alias", sold(rows, model_mapping=mapping), "antigravity"))
    assert (found.chain, found.channel) == (chain, "chn_1")


@pytest.mark.parametrize(
    ("model", "allowed"),
    [
        pytest.param("shared-model", True, id="priced by another platform's row"),
        pytest.param("unknown-model", False, id="not priced"),
    ],
)
def test_restriction_looks_at_the_same_rows(model: str, allowed: bool) -> None:
    rows = (named("anthropic", "1", "shared-model"), named("gemini", "2", "shared-model"))
    question = asked(model, sold(*rows, restrict_models=True), "antigravity")
    if allowed:
        assert only(question).snapshot.price_id == "chn_1#anthropic#shared-model"
    else:
        with pytest.raises(ModelNotAllowed):
            resolve(question)


# --- sub2api.md §5.2 and §5.3: the chain, and the name that is priced ---------------------------

NAMES = {
    name: (Price(name, 1, prices={"input": price}),)
    for name, price in {"my-alias": "1", "claude-sonnet-4": "2", "dated": "3"}.items()
}


@pytest.mark.parametrize(
    ("requested", "channel", "account", "chain"),
    [
        pytest.param("claude-sonnet-4", {}, {}, ("claude-sonnet-4",), id="nothing is mapped"),
        pytest.param(
            "claude-sonnet-4",
            {},
            {"claude-sonnet-4": "dated"},
            ("claude-sonnet-4", "dated"),
            id="by the account",
        ),
        pytest.param(
            "my-alias",
            {"my-alias": "claude-sonnet-4"},
            {"claude-sonnet-4": "dated"},
            ("my-alias", "claude-sonnet-4", "dated"),
            id="by both",
        ),
        pytest.param(
            "my-alias", {"my-alias": "dated"}, {"dated": "dated"}, ("my-alias", "dated"), id="once"
        ),
        pytest.param(
            "my-alias",
            {"my-alias": "claude-sonnet-4"},
            {},
            ("my-alias", "claude-sonnet-4"),
            id="by the channel",
        ),
    ],
)
def test_the_chain(
    requested: str, channel: dict[str, str], account: dict[str, str], chain: tuple[str, ...]
) -> None:
    mapped = sold(model_mapping={"anthropic": channel})
    found = only(asked(requested, mapped, prices=NAMES, model_mapping=account))
    assert found.chain == chain
    assert found.upstream_model == chain[-1]


@pytest.mark.parametrize(
    ("source", "billing_model", "official", "own"),
    [
        pytest.param("requested", "my-alias", "1", "10", id="requested"),
        pytest.param("channel_mapped", "claude-sonnet-4", "2", "20", id="channel_mapped"),
        pytest.param("upstream", "dated", "3", "30", id="upstream"),
    ],
)
def test_the_name_that_is_priced(source: str, billing_model: str, official: str, own: str) -> None:
    mapping = {"anthropic": {"my-alias": "claude-sonnet-4"}}
    terms = {"model_mapping": mapping, "billing_model_source": source}
    account = {"claude-sonnet-4": "dated"}
    plain = only(asked("my-alias", sold(**terms), prices=NAMES, model_mapping=account)).snapshot
    assert (plain.billing_model, plain.prices["input"]) == (billing_model, official)
    rows = [
        named("anthropic", "10", "my-alias"),
        named("anthropic", "20", "claude-sonnet-4"),
        named("anthropic", "30", "dated"),
    ]
    priced = only(asked("my-alias", sold(*rows, **terms), prices=NAMES, model_mapping=account))
    assert (priced.snapshot.billing_model, priced.snapshot.prices["input"]) == (billing_model, own)


def test_a_channel_that_does_not_say_prices_the_mapped_name() -> None:
    mapped = sold(model_mapping={"anthropic": {"my-alias": "claude-sonnet-4"}})
    assert only(asked("my-alias", mapped, prices=NAMES)).snapshot.billing_model == "claude-sonnet-4"


# --- sub2api.md §5.4: what a restricted channel sells -------------------------------------------

TO_46 = {"anthropic": {"sonnet-4-5": "sonnet-4-6"}}
PRICED = {
    name: (Price(name, 1, prices={"input": "1"}),)
    for name in ("sonnet-4-5", "sonnet-4-6", "opus-4-6")
}


@pytest.mark.parametrize(
    ("source", "row", "mapping", "account", "allowed"),
    [
        pytest.param("channel_mapped", "opus-4-6", TO_46, {}, False, id="mapped to another"),
        pytest.param("channel_mapped", "sonnet-4-6", TO_46, {}, True, id="mapped to a sold one"),
        pytest.param("requested", "sonnet-4-6", TO_46, {}, False, id="the public name is not sold"),
        pytest.param("requested", "sonnet-4-5", TO_46, {}, True, id="the public name is sold"),
        pytest.param(
            "upstream",
            "opus-4-6",
            {},
            {"sonnet-4-5": "sonnet-4-6"},
            False,
            id="the account sends another",
        ),
        pytest.param(
            "upstream",
            "sonnet-4-6",
            {},
            {"sonnet-4-5": "sonnet-4-6"},
            True,
            id="the account sends a sold one",
        ),
        pytest.param("channel_mapped", "sonnet-*", {}, {}, True, id="covered by a prefix"),
        pytest.param("channel_mapped", "SONNET-4-5", {}, {}, True, id="in another case"),
    ],
)
def test_what_a_restricted_channel_sells(
    source: str,
    row: str,
    mapping: Mapping[str, Mapping[str, str]],
    account: dict[str, str],
    allowed: bool,
) -> None:
    channel = sold(
        SentRow("anthropic", (row,)),
        model_mapping=mapping,
        billing_model_source=source,
        restrict_models=True,
    )
    question = asked("sonnet-4-5", channel, prices=PRICED, model_mapping=account)
    if allowed:
        assert only(question).snapshot.source == "official"
    else:
        with pytest.raises(ModelNotAllowed):
            resolve(question)


@pytest.mark.parametrize(
    "channel",
    [
        pytest.param(None, id="no channel"),
        pytest.param(sold(SentRow("anthropic", ("opus-4-6",))), id="restriction off"),
    ],
)
def test_nothing_is_restricted(channel: Channel | None) -> None:
    assert only(asked("sonnet-4-5", channel, prices=PRICED)).snapshot.source == "official"


def test_a_restricted_channel_without_rows_sells_nothing() -> None:
    with pytest.raises(ModelNotAllowed):
        resolve(asked("sonnet-4-5", sold(restrict_models=True), prices=PRICED))


def test_a_name_no_account_offers_is_not_found_rather_than_restricted() -> None:
    channel = sold(SentRow("anthropic", ("opus-4-6",)), restrict_models=True)
    with pytest.raises(ModelNotFound):
        resolve(asked("unknown", channel, prices=PRICED, models=("opus-4-6",)))
