"""What is charged for: the tier and size that were served, and calls that are sold by the piece."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tollgate.domain.call import Call, Operation
from tollgate.domain.catalog import Account, BillingMode
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.resolution import Candidate
from tollgate.domain.usage import Usage
from tollgate.services.metering import (
    answered,
    charged,
    completed,
    cost_rule,
    in_units_of,
    plausible,
    served,
)


@pytest.mark.parametrize(
    ("asked", "reported", "charged"),
    [
        pytest.param("", "", "", id="none asked for"),
        pytest.param("", "priority", "", id="served better than asked: not paid for"),
        pytest.param("priority", "priority", "priority", id="as asked"),
        pytest.param("priority", "", "priority", id="not told: as asked"),
        pytest.param("priority", "default", "", id="served by the ordinary one"),
        pytest.param("flex", "standard", "", id="flex was full"),
        pytest.param("priority", "flex", "flex", id="served by another"),
        pytest.param("fast", "standard", "", id="not fast after all"),
    ],
)
def test_the_tier_that_is_charged(asked: str, reported: str, charged: str) -> None:
    call = Call("generate", "m", b"", tier=asked)
    assert served(Usage({"input": 1}, tier=reported), call).tier == charged


def test_labels_of_the_answer_go_before_those_of_the_call() -> None:
    call = Call("draw", "m", b"", labels=("1K",))
    assert served(Usage({"images": 1}), call).labels == ("1K",)
    assert served(Usage({"images": 1}, labels=("2K",)), call).labels == ("2K",)


def times(**prices: str) -> PriceSnapshot:
    """A price by times."""
    return PriceSnapshot("official", "m", 1, "m", mode="times", prices=prices)


@pytest.mark.parametrize(
    ("operation", "rule", "usage", "expected"),
    [
        pytest.param("generate", times(calls="1"), {}, {"calls": 1}, id="one call"),
        pytest.param("generate", times(calls="1"), {"calls": 3}, {"calls": 3}, id="told already"),
        pytest.param("generate", times(images="1"), {}, {"images": 1}, id="a chat by the picture"),
        pytest.param(
            "generate", times(images="1"), {"images": 2}, {"images": 2}, id="two pictures"
        ),
        pytest.param("draw", times(images="1"), {}, {"calls": 1}, id="nothing drawn is no picture"),
        pytest.param(
            "generate",
            PriceSnapshot("official", "m", 1, "m"),
            {"input": 5},
            {"input": 5},
            id="tokens",
        ),
    ],
)
def test_an_answered_call_counts_once(
    operation: Operation, rule: PriceSnapshot, usage: dict[str, int], expected: dict[str, int]
) -> None:
    found = answered(Usage(usage), rule, Call(operation, "m", b""))
    assert dict(found.quantities) == expected


def test_a_call_that_was_not_answered_counts_nothing() -> None:
    nothing = Usage(source="none")
    assert answered(nothing, times(calls="1"), Call("generate", "m", b"")) is nothing


@pytest.mark.parametrize(("factor", "multiplier"), [("1", "1"), ("0.30", "0.30")])
def test_the_upstream_takes_its_price_times_the_accounts_factor(
    factor: str, multiplier: str
) -> None:
    account = Account(
        "acc_1", "one", "openai", "apikey", "https://api.example.com/v1", {},
        cost_multiplier=Decimal(factor),
    )  # fmt: skip
    price = PriceSnapshot("official", "m", 1, "m", prices={"input": "2"})
    candidate = Candidate(account, "", "m", "m", ("m",), price, price, None)
    assert cost_rule(candidate) == replace(price, multiplier=multiplier)


LIMIT = 1_000_000_000_000_000


@pytest.mark.parametrize(
    ("usage", "held", "nanos"),
    [
        pytest.param(Usage({"input": 30}), 20_000, 30_000, id="told: beyond the hold, too"),
        pytest.param(Usage({"input": 10}), 20_000, 10_000, id="told: less than held"),
        pytest.param(
            Usage({"input": 30}, source="estimated"), 20_000, 20_000, id="estimated: the hold"
        ),
        pytest.param(
            Usage({"input": 10}, source="estimated"), 20_000, 10_000, id="estimated: never more"
        ),
        pytest.param(Usage({"input": 30}, suspect=True), 20_000, 20_000, id="suspect: the hold"),
        pytest.param(
            Usage({"input": 10}, suspect=True), 20_000, 10_000, id="suspect: never more than told"
        ),
        pytest.param(
            Usage({"images": 100_000_000}), 20_000, LIMIT, id="as much as a call may cost"
        ),
        pytest.param(Usage({"images": 100_000_001}), 20_000, 20_000, id="more: the hold"),
    ],
)
def test_what_is_estimated_or_cannot_be_true_costs_the_hold_at_most(
    usage: Usage, held: int, nanos: int
) -> None:
    price = PriceSnapshot("official", "m", 1, "m", prices={"input": "1", "images": "0.01"})
    account = Account("acc_1", "one", "openai", "apikey", "https://api.example.com/v1", {})
    candidate = Candidate(account, "", "m", "m", ("m",), price, price, None)
    assert charged(usage, candidate, held).nanos == nanos


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param(Usage({"input": 5}), True, id="as told"),
        pytest.param(Usage({"input": 5}, suspect=True), False, id="its reader doubts it"),
        pytest.param(Usage({"input": -1}), False, id="negative"),
        pytest.param(Usage({"tool:web_search": 100_000_000}), True, id="the most there can be"),
        pytest.param(Usage({"tool:web_search": 100_000_001}), False, id="more than that"),
        pytest.param(Usage({"input": 10_200}), True, id="twice the bytes, and what templates add"),
        pytest.param(Usage({"input": 10_201}), False, id="more input than was sent"),
        pytest.param(Usage({"output": 105}), True, id="5 % more output than the bound"),
        pytest.param(Usage({"output": 100, "reasoning": 6}), False, id="more output in all"),
    ],
)
def test_figures_that_cannot_be_true(usage: Usage, expected: bool) -> None:
    call = Call("generate", "m", b"", text_bytes=100)
    assert plausible(usage, call, 100) is expected


def test_tools_of_the_vendor_read_more_than_was_sent() -> None:
    call = Call("generate", "m", b"", text_bytes=100, tools=("tool:web_search",))
    assert plausible(Usage({"input": 90_000}), call, None)


ESTIMATE = Usage(
    {"input": 2, "input_audio": 81, "output": 4, "seconds": 8_040, "images": 1},
    source="estimated",
)


@pytest.mark.parametrize(
    ("mode", "told", "expected"),
    [
        pytest.param("seconds", {"seconds": 9_000}, {"seconds": 9_000}, id="seconds told"),
        pytest.param("tokens", {"input_audio": 80}, {"input_audio": 80}, id="tokens told"),
        pytest.param(
            "seconds",
            {"input_audio": 80, "output": 12},
            {"input_audio": 80, "output": 12, "seconds": 8_040},
            id="tokens told, seconds wanted",
        ),
        pytest.param(
            "tokens",
            {"seconds": 9_000},
            {"seconds": 9_000, "input": 2, "input_audio": 81, "output": 4},
            id="seconds told, tokens wanted",
        ),
        pytest.param("times", {"images": 2}, {"images": 2}, id="by the piece"),
    ],
)
def test_what_was_told_in_other_units_is_estimated_in_those_of_the_price(
    mode: BillingMode, told: dict[str, int], expected: dict[str, int]
) -> None:
    found = in_units_of(mode, Usage(told), lambda: ESTIMATE)
    assert dict(found.quantities) == expected
    assert (found.source == "estimated") == (told != expected)


def test_nothing_is_added_where_nothing_is_known_or_delivered() -> None:
    told = Usage({"input": 5})
    assert in_units_of("seconds", told, lambda: Usage(source="estimated")) is told
    nothing = Usage(source="none")
    assert in_units_of("seconds", nothing, lambda: ESTIMATE) is nothing


SOUND = Call("transcribe", "m", b"", sound_ms=9_000)
PICTURES = Call("draw", "m", b"", images=2)
CHAT = Call("generate", "m", b"")


@pytest.mark.parametrize(
    ("usage", "call", "expected"),
    [
        pytest.param({"seconds": 9_450}, SOUND, True, id="5 % more than the sound can have"),
        pytest.param({"seconds": 9_451}, SOUND, False, id="more than that"),
        pytest.param({"images": 2}, PICTURES, True, id="as many pictures as asked for"),
        pytest.param({"images": 3}, PICTURES, False, id="one more"),
        pytest.param({"seconds": 9, "images": 9}, CHAT, True, id="a call that asks for neither"),
    ],
)
def test_more_than_was_sent_or_asked_for_cannot_be_true(
    usage: dict[str, int], call: Call, expected: bool
) -> None:
    assert plausible(Usage(usage), call, None) is expected


CUT = Usage({"input": 9, "output": 1})
GUESS = Usage({"input": 2, "output": 40}, source="estimated")


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param(CUT, {"input": 9, "output": 40}, id="a placeholder gives way to the estimate"),
        pytest.param(
            Usage({"input": 9, "output": 1, "reasoning": 8}),
            {"input": 9, "output": 32, "reasoning": 8},
            id="what was thought is part of it",
        ),
        pytest.param(
            Usage({"input": 9, "output": 10}), {"input": 9, "output": 10}, id="a quarter stays"
        ),
        pytest.param(
            Usage({"input": 9, "output": 90}), {"input": 9, "output": 90}, id="more stays"
        ),
    ],
)
def test_a_stream_that_was_cut_costs_what_was_seen_of_it(
    usage: Usage, expected: dict[str, int]
) -> None:
    found = completed(usage, GUESS)
    assert dict(found.quantities) == expected
    assert (found.source == "estimated") == (expected != dict(usage.quantities))
