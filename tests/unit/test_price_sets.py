"""Drafts in the parameters of a job: everything comes back as it was, through the table, too."""

import json

import pytest

from tollgate.domain.catalog import ChannelRow, CustomerPrice, Interval, Price
from tollgate.domain.repricing import Draft
from tollgate.store.marshal import item_of, values_of
from tollgate.store.price_sets import read_draft, write_draft

RANGES = (Interval(0, 128_000, {"input": "1"}, {"flex": {"input": "0.5"}}),
          Interval(128_000, None, {"input": "2"}))  # fmt: skip
LABELS = (Interval(0, None, {"images": "0.04"}, label="4K"),)
TIERS = {"priority": {"input": "4"}}
OWN = CustomerPrice("m", "vip", 0, prices={"input": "1"}, intervals=None, tiers=None)
NET = CustomerPrice(
    "gpt-*", "default", 0, "times", {"calls": "0.5/7.0"}, apply_group_multiplier=False,
    inherits=False, currency="CNY", fx="7.0",
)  # fmt: skip
WILD = CustomerPrice("*", "vip", 0, prices={"input": "2"}, intervals=RANGES, tiers=TIERS)
PICTURES = ChannelRow("openai", "m", "times", {"images": "0.02"}, LABELS)
INHERITING = ChannelRow("anthropic", "claude-*", prices={"output": "9"}, tiers=TIERS)


@pytest.mark.parametrize(
    "draft",
    [
        pytest.param(Draft(), id="empty"),
        pytest.param(
            Draft(prices={"m": Price("m", 0, "tokens", {"input": "1"}, RANGES, TIERS)}),
            id="official",
        ),
        pytest.param(
            Draft(
                customers={
                    "usr_1": {"m": {"vip": OWN}, "*": {"vip": WILD}},
                    "usr_2": {"gpt-*": {"default": NET}},
                },
                bases={"m": Price("m", 7, "seconds", {"seconds": "0.1"}, max_output=9)},
            ),
            id="customers",
        ),
        pytest.param(
            Draft(
                channels={
                    "chn_1": {"openai": {"m": PICTURES}, "anthropic": {"claude-*": INHERITING}},
                    "chn_2": {},
                },
                pools={"grp_1": ("chn_1", "openai"), "grp_2": ("chn_1", "anthropic")},
            ),
            id="channels",
        ),
        pytest.param(
            Draft(
                group_multipliers={"grp_1": "0.5"},
                user_multipliers={"grp_1": {"usr_1": "0", "usr_2": "1.25"}},
            ),
            id="multipliers",
        ),
    ],
)
def test_a_draft_comes_back_as_it_was(draft: Draft) -> None:
    written = write_draft(draft)
    assert read_draft(json.loads(json.dumps(written))) == draft
    assert read_draft(values_of(item_of(written))) == draft
