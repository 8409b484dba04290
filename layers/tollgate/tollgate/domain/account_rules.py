"""Which upstream accounts are refused: what each type takes, and the bounds of every field."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from tollgate.domain.catalog import PLATFORMS, PauseRule
from tollgate.domain.credentials import MOST_KEYS, PROJECT
from tollgate.domain.definition_rules import (
    PRIORITY_LIMIT,
    WEIGHT_LIMIT,
    check_among,
    check_expiry,
    check_groups,
    check_multiplier,
    check_name,
    check_patterns,
    require,
)
from tollgate.domain.definitions import AccountDefinition, AccountQuota

REGION: Final = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]")
CONTINENTS: Final = ("eu", "us")
"""Regions of Vertex that are more than one place."""

AUTH_MODES: Final = ("apikey", "sigv4")
WINDOWS: Final = ("total", "day", "week")
RESETS: Final = ("rolling", "fixed")
STATUSES: Final = range(400, 600)
LONGEST_NOTES: Final = 1_000
LONGEST_KEYWORD: Final = 100
LONGEST_PAUSE: Final = 7 * 24 * 60
"""In minutes."""

MOST_RETRIES: Final = 10
MOST_RULES: Final = 50
MOST_KEYWORDS: Final = 20
CONCURRENCY_LIMIT: Final = 100_000


@dataclass(frozen=True, slots=True)
class AccountType:
    """What accounts of one type have: whom they may serve, which fields they need and may have.

    Of OWN_FIELDS, those that are neither in `needs` nor in `takes` stay empty. `platform` is whom
    an account serves that names nobody; "" where it must.
    """

    platforms: tuple[str, ...]
    platform: str = ""
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


ACCOUNT_TYPES: Final[Mapping[str, AccountType]] = {
    "apikey": AccountType(("anthropic", "gemini", "openai"), takes=("pool_retries",)),
    "bedrock": AccountType(
        ("anthropic", "gemini", "openai"),
        "anthropic",
        needs=("auth_mode", "region"),
        takes=("force_global", "pool_retries"),
    ),
    "service_account": AccountType(("gemini", "anthropic"), "gemini", needs=("project", "region")),
    "oauth": AccountType(("antigravity",), "antigravity", takes=("mixed", "overages", "project")),
}
OWN_FIELDS: Final = (
    "auth_mode",
    "region",
    "project",
    "force_global",
    "mixed",
    "overages",
    "pool_retries",
)
"""Fields that only some types have."""


def home_of(account: AccountDefinition) -> str:
    """The vendor's own address for an account, by its region; "" where the type has none."""
    region = account.region
    if account.type == "bedrock":
        top = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://bedrock-runtime.{region}.{top}"
    if account.type == "service_account":
        if region in CONTINENTS:
            return f"https://aiplatform.{region}.rep.googleapis.com"
        return f"https://{'' if region == 'global' else f'{region}-'}aiplatform.googleapis.com"
    return "https://cloudcode-pa.googleapis.com" if account.type == "oauth" else ""


def check_account(account: AccountDefinition) -> None:
    """Refuse an account that could not be used as it is written.

    Raises:
        ValidationFailed: naming the field.
    """
    check_name(account.name)
    check_type(account)
    require(
        account.base_url.startswith(("https://", "http://")), "base_url", "an http or https address"
    )
    require(1 <= account.keys <= MOST_KEYS, "credentials", f"1 to {MOST_KEYS} API keys")
    check_serving(account)
    check_multiplier(account.cost_multiplier, "cost_multiplier")
    check_bounds(account)
    check_statuses(account.error_codes)
    check_pauses(account.pauses)
    for window, quota in account.quotas.items():
        check_among(window, WINDOWS, "quotas")
        check_quota(quota, window)


def check_type(account: AccountDefinition) -> None:
    """Refuse what does not belong to the account's type, or what it lacks."""
    check_among(account.platform, PLATFORMS, "platform")
    check_among(account.type, tuple(ACCOUNT_TYPES), "type")
    kind = ACCOUNT_TYPES[account.type]
    served = " or ".join(kind.platforms)
    require(
        account.platform in kind.platforms,
        "platform",
        f"an account of type {account.type} serves {served}",
    )
    for field in OWN_FIELDS:
        value = getattr(account, field)
        there = value is not None and value is not False and value != ""  # 0 retries are some
        if field in kind.needs:
            require(there, field, f"an account of type {account.type} needs it")
        elif field not in kind.takes:
            require(not there, field, f"an account of type {account.type} has none")
    if account.auth_mode:
        check_among(account.auth_mode, AUTH_MODES, "auth_mode")
    placed = not account.region or REGION.fullmatch(account.region) is not None
    require(placed, "region", "not a region's name, such as us-east-1")
    owned = not account.project or PROJECT.fullmatch(account.project) is not None
    require(owned, "project", "not a project's id")


def check_serving(account: AccountDefinition) -> None:
    """Refuse groups and models that name something twice, or nothing."""
    check_groups(account.groups)
    check_patterns(account.models, "models")
    check_patterns(account.model_mapping, "model_mapping")
    require(all(account.model_mapping.values()), "model_mapping", "a name is empty")


def check_bounds(account: AccountDefinition) -> None:
    """Refuse numbers and texts that are out of bounds."""
    within(account.priority, PRIORITY_LIMIT, "priority")
    within(account.weight, WEIGHT_LIMIT, "weight", "; 0 drains the account")
    within(account.concurrency, CONCURRENCY_LIMIT, "concurrency", "; 0 allows any number")
    within(account.load_factor, CONCURRENCY_LIMIT, "load_factor", "; 0 is its concurrency")
    if account.pool_retries is not None:
        within(account.pool_retries, MOST_RETRIES, "pool_retries")
    check_expiry(account.expires_at)
    require(len(account.notes) <= LONGEST_NOTES, "notes", f"at most {LONGEST_NOTES} characters")
    alone = bool(account.proxy) or not account.proxy_secret
    require(alone, "proxy_credentials", "name the proxy that they are for")


def within(number: int, most: int, field: str, meaning: str = "") -> None:
    require(0 <= number <= most, field, f"0 to {most}{meaning}")


def check_statuses(statuses: Iterable[int]) -> None:
    """Refuse error codes that no answer of failure has, or that are there twice."""
    listed = list(statuses)
    require(all(status in STATUSES for status in listed), "error_codes", "statuses of 400 to 599")
    require(len(set(listed)) == len(listed), "error_codes", "a status is there twice")


def check_pauses(pauses: tuple[PauseRule, ...]) -> None:
    """Refuse rules of rest that could never match, or have no bound."""
    require(len(pauses) <= MOST_RULES, "pauses", f"at most {MOST_RULES}")
    for number, rule in enumerate(pauses, 1):
        where = f"pauses[{number}]"
        require(rule.status in STATUSES, f"{where}.status", "a status of 400 to 599")
        require(1 <= rule.minutes <= LONGEST_PAUSE, f"{where}.minutes", f"1 to {LONGEST_PAUSE}")
        fits = len(rule.keywords) <= MOST_KEYWORDS
        require(fits, f"{where}.keywords", f"at most {MOST_KEYWORDS}")
        worded = all(word.strip() and len(word) <= LONGEST_KEYWORD for word in rule.keywords)
        require(worded, f"{where}.keywords", f"words of 1 to {LONGEST_KEYWORD} characters")


def check_quota(quota: AccountQuota, window: str) -> None:
    """Refuse a quota whose window nobody could tell the end of."""
    where = f"quotas.{window}"
    require(quota.limit >= 0, f"{where}.limit_usd", "not negative; 0 is no limit")
    check_among(quota.reset, RESETS, f"{where}.reset")
    lasting = window != "total" or quota.reset == "rolling"
    require(lasting, f"{where}.reset", "the total is never reset by itself; leave it out")
    require(0 <= quota.hour <= 23, f"{where}.hour", "0 to 23")
    require(0 <= quota.weekday <= 6, f"{where}.weekday", "0 (Sunday) to 6")
    require(is_zone(quota.zone), f"{where}.zone", "not an IANA time zone, such as Asia/Shanghai")


def is_zone(name: str) -> bool:
    """Whether there is a time zone of that name; UTC needs no list of zones."""
    try:
        return name == "UTC" or ZoneInfo(name) is not None
    except (LookupError, ValueError, OSError):
        return False
