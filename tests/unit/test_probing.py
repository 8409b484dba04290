"""Which accounts are worth a probe, in which order, and for which model."""

import pytest

from tollgate.domain.definitions import AccountDefinition, Setting
from tollgate.domain.errors import ValidationFailed
from tollgate.domain.health import FOR_EVER, Facts
from tollgate.domain.probing import Probe, check_probe_setting, due, in_turn, model_for

NOW = 1_795_348_800_000
SOON, LATE = NOW + 300_000, NOW + 300_001
WHOLE = Probe("acc_1", None, ("faulty", "cooling", "trying"))


@pytest.mark.parametrize(
    ("facts", "probes"),
    [
        pytest.param({"faulty": FOR_EVER}, [WHOLE], id="its credentials were refused"),
        pytest.param({"faulty": NOW + 1}, [WHOLE], id="they were, for a while"),
        pytest.param({"faulty": NOW}, [], id="that is over"),
        pytest.param({"cooling": LATE}, [WHOLE], id="it cools beyond the next probe"),
        pytest.param({"cooling": SOON}, [], id="it cools until the next probe"),
        pytest.param({"quota": FOR_EVER}, [], id="its quota is used up"),
        pytest.param({"paused": FOR_EVER}, [], id="its own rule pauses it"),
        pytest.param({"overloaded": LATE}, [], id="the vendor is overloaded"),
        pytest.param({"credits": LATE, "model:m": FOR_EVER}, [], id="only part of it rests"),
        pytest.param(
            {"key:1": FOR_EVER, "key:0": LATE, "key:2": SOON, "cause:key:1": 5},
            [Probe("acc_1", 0, ("key:0",)), Probe("acc_1", 1, ("key:1",))],
            id="keys that rest long",
        ),
        pytest.param(
            {"key:1": FOR_EVER, "faulty": FOR_EVER}, [WHOLE], id="the account before its keys"
        ),
        pytest.param({}, [], id="nothing rests"),
    ],
)
def test_what_is_probed(facts: Facts, probes: list[Probe]) -> None:
    assert due({"acc_1": facts}, NOW) == probes


def test_accounts_are_probed_in_turn_so_that_each_has_its_time() -> None:
    accounts = {f"acc_{number}": {"faulty": FOR_EVER} for number in (3, 1, 4, 2, 5)}
    probes = due(accounts, NOW)
    turns = [[probe.account[-1] for probe in in_turn(probes, turn, 2)] for turn in range(6)]
    assert turns == [["1", "2"], ["3", "4"], ["5", "1"], ["2", "3"], ["4", "5"], ["1", "2"]]
    assert in_turn([], 7, 2) == []
    assert in_turn(probes[:1], 7, 2) == probes[:1]


def account(platform: str, **more: object) -> AccountDefinition:
    given = {"models": (), "model_mapping": {}, **more}
    return AccountDefinition("acc_1", "a", platform, "apikey", "https://a", {}, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "settings", "model"),
    [
        pytest.param(account("openai"), {}, "gpt-4o-mini", id="it lists none"),
        pytest.param(account("anthropic"), {}, "claude-haiku-4-5", id="nor does this one"),
        pytest.param(account("gemini"), {}, "gemini-2.5-flash", id="nor that"),
        pytest.param(account("antigravity"), {}, "gemini-2.5-flash", id="nor one of antigravity"),
        pytest.param(account("openai", models=("gpt-*",)), {}, "gpt-4o-mini", id="only a pattern"),
        pytest.param(account("openai", models=("gpt-*", "m")), {}, "", id="its first model"),
        pytest.param(account("openai", model_mapping={"m": "n"}), {}, "", id="its first mapping"),
        pytest.param(
            account("openai", models=("m",)),
            {"probe_model.openai": "small", "probe_model.gemini": "other"},
            "small",
            id="a setting goes first",
        ),
        pytest.param(
            account("openai", models=("m",)), {"probe_model.openai": 7}, "", id="one that is none"
        ),
    ],
)
def test_the_model_of_a_probe(
    found: AccountDefinition, settings: dict[str, object], model: str
) -> None:
    assert model_for(found, settings) == model


@pytest.mark.parametrize(
    ("setting", "refused"),
    [
        pytest.param(Setting("account_probes", False), "", id="off"),
        pytest.param(Setting("account_probes", "off"), "value", id="a word is no switch"),
        pytest.param(Setting("account_probes", 0), "value", id="a number is no switch"),
        pytest.param(Setting("probe_model.openai", "m"), "", id="a model"),
        pytest.param(Setting("probe_model.openai", " "), "value", id="an empty model"),
        pytest.param(Setting("probe_model.openai", True), "value", id="no model"),
        pytest.param(Setting("probe_model.mars", "m"), "name", id="no platform"),
        pytest.param(Setting("else", 0), "", id="another setting"),
    ],
)
def test_settings_about_probes(setting: Setting, refused: str) -> None:
    if not refused:
        check_probe_setting(setting)
        return
    with pytest.raises(ValidationFailed) as caught:
        check_probe_setting(setting)
    assert caught.value.param == refused
