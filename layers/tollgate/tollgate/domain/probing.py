"""Which accounts that rest are worth a probe, with which of their API keys, and for which model.

A probe is one small call by which an account, or one of its keys, shows that it works again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tollgate.domain.definitions import AccountDefinition, Setting
from tollgate.domain.errors import ValidationFailed
from tollgate.domain.health import COOLING, FAULTY, KEY, TRYING, Facts

EVERY_MS: Final = 300_000
"""Probes come so often; what ends earlier by itself needs none."""

SWITCH: Final = "account_probes"
"""The setting that switches probes off where it is false."""

MODEL: Final = "probe_model."
"""Before a platform: the setting that names the model its accounts are probed with."""

MODELS: Final[Mapping[str, str]] = {
    "openai": "gpt-4o-mini",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
    "antigravity": "gemini-2.5-flash",
}
"""Small ones, for accounts that list none where no setting names another."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One call to make: the account, which of its keys (from 0 on), what ends if it goes well."""

    account: str
    key: int | None
    ends: tuple[str, ...]


def due(accounts: Mapping[str, Facts], now: int) -> list[Probe]:
    """The probes that are worth making, by account.

    Of an account that rests as a whole any key will do (None). One that cools only till the next
    probe, was paused by its own rule or has used up its quota is left alone.
    """
    return [probe for account in sorted(accounts) for probe in of_account(account, accounts, now)]


def of_account(account: str, accounts: Mapping[str, Facts], now: int) -> list[Probe]:
    facts = accounts[account]
    if facts.get(FAULTY, 0) > now or facts.get(COOLING, 0) > now + EVERY_MS:
        return [Probe(account, None, (FAULTY, COOLING, TRYING))]
    return [
        Probe(account, int(fact.removeprefix(KEY)), (fact,))
        for fact, until in sorted(facts.items())
        if fact.startswith(KEY) and until > now + EVERY_MS
    ]


def in_turn(probes: list[Probe], turn: int, most: int) -> list[Probe]:
    """At most so many of them; with every turn others come first, so that each has its time."""
    start = turn * most % len(probes) if probes else 0
    return (probes[start:] + probes[:start])[:most]


def model_for(account: AccountDefinition, settings: Mapping[str, object]) -> str:
    """The model an account is probed with: "" stands for the first that it lists."""
    wanted = settings.get(f"{MODEL}{account.platform}")
    if isinstance(wanted, str) and wanted:
        return wanted
    listed = (*account.models, *account.model_mapping)
    return "" if any(not name.endswith("*") for name in listed) else MODELS[account.platform]


def check_probe_setting(setting: Setting) -> None:
    """Refuse a setting about probes that means nothing.

    Raises:
        ValidationFailed: naming `value`.
    """
    if setting.name == SWITCH and not isinstance(setting.value, bool):
        raise ValidationFailed(f"value: {SWITCH} is true or false", param="value")
    if setting.name.startswith(MODEL):
        platform = setting.name.removeprefix(MODEL)
        if platform not in MODELS:
            raise ValidationFailed(f"name: there is no platform {platform!r}", param="name")
        if not isinstance(setting.value, str) or not setting.value.strip():
            raise ValidationFailed("value: the name of a model", param="value")
