"""Calls of a model group that is bound to channels: they and no others, in which order."""

from dataclasses import replace

import pytest

from tests.resolution_samples import ACCOUNT, EVERYWHERE, GROUP, only, question
from tollgate.domain import errors
from tollgate.domain.call import Call
from tollgate.domain.catalog import Account, Channel, ChannelPart, ModelGroup, ModelGroupChannel
from tollgate.domain.question import Question
from tollgate.domain.resolution import resolve


def bound(*channels: ModelGroupChannel, **changes: object) -> Question:
    """A call for the default model group, bound to these channels."""
    groups = {"gpt-4o": {"default": ModelGroup("tokens", channels=channels)}}
    return replace(question(everywhere=replace(EVERYWHERE, model_groups=groups)), **changes)  # type: ignore[arg-type]


def part(name: str, *accounts: Account, **fields: object) -> ChannelPart:
    """A bound channel with its accounts."""
    return ChannelPart(1, Channel(name, name, **fields), accounts)  # type: ignore[arg-type]


FIRST = replace(ACCOUNT, id="acc_a")
SECOND = replace(ACCOUNT, id="acc_b", priority=9)


def test_bound_channels_go_by_priority_and_nothing_else_is_tried() -> None:
    asked = bound(
        ModelGroupChannel("chn_a", priority=5),
        ModelGroupChannel("chn_b", priority=1),
        bound={"chn_a": part("chn_a", FIRST), "chn_b": part("chn_b", SECOND, FIRST)},
    )
    assert [(route.account.id, route.channel) for route in resolve(asked)] == [
        ("acc_a", "chn_a"),
        ("acc_b", "chn_b"),
    ]


def test_a_bound_channels_mapping_is_on_the_wire_and_the_price_is_the_own_groups() -> None:
    asked = bound(
        ModelGroupChannel("chn_a"),
        bound={"chn_a": part("chn_a", FIRST, model_mapping={"openai": {"gpt-4o": "wire"}})},
    )
    found = only(asked)
    assert (found.upstream_model, found.chain) == ("wire", ("gpt-4o", "wire"))
    assert (found.snapshot.billing_model, found.snapshot.prices["input"]) == ("gpt-4o", "2.5")


@pytest.mark.parametrize(
    ("channels", "parts"),
    [
        pytest.param(
            (ModelGroupChannel("chn_a", weight=0),), {"chn_a": part("chn_a", FIRST)}, id="drained"
        ),
        pytest.param((ModelGroupChannel("chn_a"),), {}, id="channel not there"),
        pytest.param((ModelGroupChannel("chn_a"),), {"chn_a": part("chn_a")}, id="no account"),
        pytest.param(
            (ModelGroupChannel("chn_a"),),
            {"chn_a": part("chn_a", replace(FIRST, models=("other",)))},
            id="no account offers it",
        ),
    ],
)
def test_a_bound_group_never_leaves_its_channels(
    channels: tuple[ModelGroupChannel, ...], parts: dict[str, ChannelPart]
) -> None:
    with pytest.raises(errors.NoHealthyAccount) as caught:
        resolve(bound(*channels, bound=parts))
    assert caught.value.retry_after == 5


def test_weights_share_sessions_out_between_bound_channels() -> None:
    channels = (ModelGroupChannel("chn_a", weight=3), ModelGroupChannel("chn_b", weight=1))
    parts = {"chn_a": part("chn_a", FIRST), "chn_b": part("chn_b", SECOND)}
    firsts = [
        resolve(
            replace(
                bound(*channels, bound=parts), call=Call("generate", "gpt-4o", b"", session=f"s{n}")
            )
        )[0].channel
        for n in range(400)
    ]
    assert 270 < firsts.count("chn_a") < 330


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param("requested", ["gpt-4o", "gpt-4o"], id="requested: one price"),
        pytest.param(
            "channel_mapped", ["mapped", "mapped"], id="channel_mapped: the own channel's"
        ),
        pytest.param("upstream", ["wire", "mapped"], id="upstream: by what each is sent"),
    ],
)
def test_the_price_depends_on_the_channel_that_was_picked_in_upstream_mode_only(
    source: str, names: list[str]
) -> None:
    own = Channel("chn_1", "sold", {"openai": {"gpt-4o": "mapped"}}, source)  # type: ignore[arg-type]
    parts = {
        "chn_a": part("chn_a", FIRST, model_mapping={"openai": {"gpt-4o": "wire"}}),
        "chn_b": part("chn_b", SECOND, model_mapping={"openai": {"gpt-4o": "mapped"}}),
    }
    asked = bound(
        ModelGroupChannel("chn_a", priority=5),
        ModelGroupChannel("chn_b", priority=1),
        bound=parts,
        group=replace(GROUP, channel=own),
    )
    found = resolve(asked)
    assert [each.upstream_model for each in found] == ["wire", "mapped"]
    assert [each.snapshot.billing_model for each in found] == names
    same = len({id(each.snapshot) for each in found}) == 1
    assert same is (source != "upstream")


def test_all_of_a_channel_is_tried_before_any_of_the_next() -> None:
    parts = {
        "chn_a": part("chn_a", FIRST, replace(FIRST, id="acc_c")),
        "chn_b": part("chn_b", SECOND),
    }
    asked = bound(
        ModelGroupChannel("chn_a", priority=5), ModelGroupChannel("chn_b", priority=1), bound=parts
    )
    assert [(each.tier, each.channel) for each in resolve(asked)] == [
        (0, "chn_a"),
        (0, "chn_a"),
        (1, "chn_b"),
    ]


def test_an_account_of_two_bound_channels_is_tried_once_by_the_first() -> None:
    parts = {
        "chn_a": part("chn_a", FIRST, model_mapping={"openai": {"gpt-4o": "wire"}}),
        "chn_b": part("chn_b", FIRST, SECOND),
    }
    asked = bound(
        ModelGroupChannel("chn_a", priority=5), ModelGroupChannel("chn_b", priority=1), bound=parts
    )
    assert [(each.account.id, each.upstream_model) for each in resolve(asked)] == [
        ("acc_a", "wire"),
        ("acc_b", "gpt-4o"),
    ]


def test_a_groups_own_accounts_and_routing_are_no_part_of_the_bound_set() -> None:
    group = replace(
        GROUP, accounts=(replace(ACCOUNT, id="acc_own"),), model_routing={"gpt-4o": ("acc_own",)}
    )
    asked = bound(ModelGroupChannel("chn_a"), bound={"chn_a": part("chn_a", FIRST)}, group=group)
    assert [each.account.id for each in resolve(asked)] == ["acc_a"]
