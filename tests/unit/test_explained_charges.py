"""Whether a stored charge follows from its record alone."""

from dataclasses import replace
from typing import Any

import pytest

from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.receipt import explained
from tollgate.domain.record import UsageRecord

RULE = PriceSnapshot("official", "m", 1, "m", prices={"input": "2"}, multiplier="1.5")
RECORD = UsageRecord(
    user="usr_0123456789abcdef",
    hold="1nh8qy0abcdefgh000sw-k001",
    held=5_000,
    charge=3_000,
    usage={"input": 1},
    usage_source="upstream",
    price=RULE.to_json(),
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, True, id="1 token at 2 USD per million by 1.5 is 3,000 nanos"),
        pytest.param({"charge": 2_999}, False, id="a nano too little"),
        pytest.param({"charge": 3_001}, False, id="a nano too much"),
        pytest.param({"held": 2_000}, True, id="what is reported may cost more than the hold"),
        pytest.param({"held": 2_000, "charge": 2_000}, False, id="and is not capped"),
        pytest.param(
            {"held": 2_000, "charge": 2_000, "suspect": True}, True, id="what cannot be true is"
        ),
        pytest.param(
            {"held": 2_000, "charge": 2_000, "usage_source": "estimated"}, True, id="so is a guess"
        ),
        pytest.param(
            {"held": 2_000, "charge": 1_999, "suspect": True}, False, id="at the hold, not below"
        ),
        pytest.param({"suspect": True, "charge": 5_000}, False, id="and never above its own sum"),
        pytest.param(
            {"usage": {"input": 10**12}, "held": 2_000, "charge": 2_000},
            True,
            id="a sum that no call can cost is capped, too",
        ),
        pytest.param({"state": "late", "charge": 1_000, "late_charge": 2_000}, True, id="late"),
        pytest.param(
            {"state": "late", "charge": 4_000, "late_charge": -1_000}, True, id="late, and less"
        ),
        pytest.param(
            {"state": "late", "charge": 0, "late_charge": 2_500, "suspect": True},
            True,
            id="late, capped by a hold that is not known any more",
        ),
        pytest.param(
            {"state": "late", "charge": 0, "late_charge": 2_500}, False, id="late, and wrong"
        ),
        pytest.param({"price": "", "charge": 0}, True, id="no rule, no charge"),
        pytest.param({"price": "", "charge": 1}, False, id="a charge without a rule"),
    ],
)
def test_a_charge_follows_from_its_record(changes: dict[str, Any], expected: bool) -> None:
    assert explained(replace(RECORD, **changes)) is expected
