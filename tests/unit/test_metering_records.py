"""What a call is charged and what it cost us, each by its own rule, from one report of usage."""

from dataclasses import replace

import pytest

from tests.resolution_samples import ACCOUNT, GROUP, KEY, PROFILE
from tollgate.dialects import load
from tollgate.domain.call import Call
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.estimate import Demand
from tollgate.domain.limits import Hold, HoldRequest
from tollgate.domain.question import Caller
from tollgate.domain.resolution import Candidate
from tollgate.domain.usage import Usage
from tollgate.services.admission import Admitted, dearest_hold
from tollgate.services.metering import Outcome, record

TOKENS = PriceSnapshot("official", "m", 1, "m", prices={"input": "1", "output": "10"})
CALLS = PriceSnapshot("channel", "chn_1#openai#m", 1, "m", mode="times", prices={"calls": "0.04"})
CALL = Call("generate", "m", b"", text_bytes=400)
REQUEST = HoldRequest("usr_1", "k001", 9_000_000, limited_key=False, profile_version=1)
HOLD = Hold("1nh8qy0abcdefgh000sw-k001", "1nh8qy0abcdefgh000", "usr_1", 0, 9_000_000, "wallet",
            REQUEST, 1_000)  # fmt: skip


def candidate(snapshot: PriceSnapshot, cost: PriceSnapshot = TOKENS) -> Candidate:
    """The only account, at these rules."""
    return Candidate(ACCOUNT, "", "m", "m", ("m",), snapshot, cost, None)


def admitted(sold: Candidate, hold: Hold = HOLD) -> Admitted:
    """A call of the only user."""
    caller = Caller(PROFILE, KEY)
    return Admitted(load("openai_chat"), caller, GROUP, CALL, (sold,), Demand(400), hold)


@pytest.mark.parametrize(
    ("snapshot", "cost", "charge", "paid"),
    [
        pytest.param(TOKENS, TOKENS, 300_000, 300_000, id="both by tokens"),
        pytest.param(CALLS, TOKENS, 40_000_000, 300_000, id="sold by the call, bought by tokens"),
        pytest.param(TOKENS, CALLS, 300_000, 40_000_000, id="sold by tokens, bought by the call"),
    ],
)
def test_charge_and_cost_count_in_the_units_of_their_own_rules(
    snapshot: PriceSnapshot, cost: PriceSnapshot, charge: int, paid: int
) -> None:
    sold = candidate(snapshot, cost)
    usage = Usage({"input": 100, "output": 20})
    hold = replace(HOLD, amount=90_000_000)
    found = record(admitted(sold, hold), sold, Outcome(hold, 2_000, 200, usage, delivered=True))
    assert (found.charge, found.cost) == (charge, paid)


@pytest.mark.parametrize(
    ("cut", "charge", "source"),
    [
        pytest.param(True, 600_000, "estimated", id="cut: 50 tokens were seen"),
        pytest.param(False, 110_000, "upstream", id="ended: as told"),
    ],
)
def test_only_a_stream_that_was_cut_is_completed(cut: bool, charge: int, source: str) -> None:
    sold = candidate(TOKENS)
    begun = Usage({"input": 100, "output": 1})
    outcome = Outcome(HOLD, 2_000, 200, begun, delivered=True, visible_bytes=200, cut=cut)
    found = record(admitted(sold), sold, outcome)
    assert (found.charge, found.usage_source) == (charge, source)


def test_what_is_held_covers_the_dearest_candidate_wherever_it_stands() -> None:
    cheap, dear = candidate(TOKENS), candidate(replace(TOKENS, prices={"input": "2"}))
    for order in ((cheap, dear), (dear, cheap)):
        assert dearest_hold(order, Demand(1_000), 0) == 2_000_000
