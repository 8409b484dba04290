"""The replay upstream's mini-language: what a model's name turns on, and what it refuses."""

import pytest

from local.replay.knobs import Knobs, UnknownKnob, split

READINGS = [
    pytest.param("gpt-4o-mini", "", "gpt-4o-mini", Knobs(), id="a plain name turns nothing on"),
    pytest.param(
        "m+delay=200+chunks=50", "", "m", Knobs(delay=200, chunks=50), id="knobs follow the name"
    ),
    pytest.param("m+block", "", "m", Knobs(block=1), id="a knob without a value means 1"),
    pytest.param("m+in=7+out=9", "", "m", Knobs(input=7, output=9), id="in and out set the counts"),
    pytest.param("m+cut=0", "", "m", Knobs(cut=0), id="a cut at 0 is not no cut"),
    pytest.param("m+hang=head", "", "m", Knobs(hang="head"), id="hang takes a place"),
    pytest.param("m+hang=3", "", "m", Knobs(hang="3"), id="hang takes a number of pieces"),
    pytest.param(
        "m+retry_after=date", "", "m", Knobs(retry_after="date"), id="retry_after takes words"
    ),
    pytest.param(
        "m+delay=1", "delay=2+gap=3", "m", Knobs(delay=2, gap=3), id="what comes later wins"
    ),
]


@pytest.mark.parametrize(("name", "extra", "model", "knobs"), READINGS)
def test_a_name_is_split_into_a_model_and_its_knobs(
    name: str, extra: str, model: str, knobs: Knobs
) -> None:
    assert split(name, extra) == (model, knobs)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("m+dealy=1", "There is no knob 'dealy'", id="misspelt"),
        pytest.param("m+delay=-1", "delay is a whole number of at least 0", id="negative"),
        pytest.param("m+delay=soon", "delay is a whole number of at least 0", id="no number"),
        pytest.param("m+usage=odd", "usage is one of missing, null", id="not on the list"),
        pytest.param("m+hang=never", "hang is a whole number", id="no such place"),
    ],
)
def test_a_wrong_knob_is_refused_with_what_there_is(name: str, reason: str) -> None:
    with pytest.raises(UnknownKnob, match=reason):
        split(name)
