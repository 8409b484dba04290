"""Which definitions are refused: by their own fields, or by the step from one status to another."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from tollgate.domain.catalog import PLATFORMS, Limits
from tollgate.domain.definitions import (
    AdminToken,
    ChannelDefinition,
    KeyDefinition,
    ModelGroupChannelDefinition,
    ModelGroupDefinition,
    Setting,
    UserDefinition,
)
from tollgate.domain.errors import Conflict, ValidationFailed
from tollgate.domain.money import WALLET_LIMIT, usd
from tollgate.domain.networks import network
from tollgate.domain.patterns import normal

ALIAS: Final = re.compile(r"[0-9a-hjkmnp-tv-z]{4}")
EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
GROUP_CODE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
SETTING_NAME: Final = re.compile(r"[a-z][a-z0-9_.]{0,63}")
LONGEST_NAME: Final = 100
LONGEST_MODEL: Final = 100
LONGEST_EMAIL: Final = 254
MOST_GROUPS: Final = 40
"""Groups one definition may name: each takes part in the write's transaction (100 actions)."""

MOST_NETWORKS: Final = 100
FIRST_EXPIRY: Final = 10**12
"""Epoch milliseconds of 2001. A time in seconds stays below it for thousands of years."""

COUNT_LIMIT: Final = 10**9
WEIGHT_LIMIT: Final = 1_000_000
PRIORITY_LIMIT: Final = 1_000_000
MULTIPLIER_LIMIT: Final = Decimal(1000)
MULTIPLIER_DECIMALS: Final = 6

Steps = Mapping[str, frozenset[str]]
SWITCH: Final[Steps] = {"active": frozenset({"disabled"}), "disabled": frozenset({"active"})}
USER_STEPS: Final[Steps] = {
    "active": frozenset({"disabled", "deleted"}),
    "disabled": frozenset({"active", "deleted"}),
}
SECRET_STEPS: Final[Steps] = {
    "active": frozenset({"disabled", "revoked"}),
    "disabled": frozenset({"active", "revoked"}),
}
"""Of API keys and management tokens: nothing leads back from `revoked`."""

PRICE_STEPS: Final[Steps] = {
    "active": frozenset({"withdrawn"}),
    "withdrawn": frozenset({"active"}),
}


def require(rule: bool, field: str, message: str, chinese: str = "") -> None:
    """Refuse a definition that breaks a rule, naming the field; `chinese` is the same message.

    Raises:
        ValidationFailed: the rule does not hold.
    """
    if not rule:
        translations = {"zh": f"{field}：{chinese}"} if chinese else {}
        raise ValidationFailed(f"{field}: {message}", param=field, translations=translations)


def check_step(steps: Steps, before: str, after: str) -> None:
    """Refuse a change of status that has no way.

    Raises:
        Conflict: nothing leads from the one to the other.
    """
    if before != after and after not in steps.get(before, frozenset()):
        raise Conflict(f"what is {before} cannot become {after}", param="status")


def check_among(value: str, known: tuple[str, ...], field: str) -> None:
    listed = ", ".join(known)
    require(value in known, field, f"one of {listed}", f"必须是 {listed} 之一")


def check_name(name: str) -> None:
    require(bool(name.strip()) and len(name) <= LONGEST_NAME, "name", "1 to 100 characters")


def check_multiplier(value: Decimal, field: str) -> None:
    fits = value.is_finite() and 0 <= value <= MULTIPLIER_LIMIT
    exact = fits and value == round(value, MULTIPLIER_DECIMALS)
    require(exact, field, f"0 to {MULTIPLIER_LIMIT} with at most {MULTIPLIER_DECIMALS} decimals")


def check_distinct(names: Iterable[str], field: str) -> None:
    """Two spellings of one name would be one row at lookup (ruling R8)."""
    spellings = [normal(name) for name in names]
    require(all(spellings), field, "a name is empty", "名称不能为空")
    require(len(set(spellings)) == len(spellings), field, "a name is there twice", "名称重复")


def check_patterns(names: Iterable[str], field: str) -> None:
    """Refuse rows of names or `prefix*` of which one could never match, or is there twice."""
    listed = tuple(names)
    check_distinct(listed, field)
    only_last = all("*" not in normal(name)[:-1] for name in listed)
    require(only_last, field, "only the last character may be *", "* 只能是最后一个字符")


def check_expiry(expires_at: int | None) -> None:
    """Refuse a time in seconds, which would be one of 1970 and expire at once."""
    fits = expires_at is None or expires_at >= FIRST_EXPIRY
    require(fits, "expires_at", "epoch milliseconds, not seconds", "应为毫秒时间戳，而不是秒")


def check_groups(groups: tuple[str, ...]) -> None:
    check_distinct(groups, "groups")
    require(len(groups) <= MOST_GROUPS, "groups", f"at most {MOST_GROUPS}")


def check_limits(limits: Limits, where: str) -> None:
    for name in ("rpm", "tpm", "concurrency"):
        require(
            0 <= getattr(limits, name) <= COUNT_LIMIT,
            f"{where}.{name}",
            f"0 to {COUNT_LIMIT}; 0 is no limit",
            f"应为 0 到 {COUNT_LIMIT}；0 表示不限",
        )
    for name in ("spend_5h", "spend_day", "spend_week"):
        require(
            0 <= getattr(limits, name) <= WALLET_LIMIT,
            f"{where}.{name}",
            f"0 to {usd(WALLET_LIMIT)} USD; 0 is no limit",
            f"应为 0 到 {usd(WALLET_LIMIT)} 美元；0 表示不限",
        )


def check_networks(texts: tuple[str, ...], field: str) -> None:
    check_distinct(texts, field)
    most = f"最多 {MOST_NETWORKS} 项"
    require(len(texts) <= MOST_NETWORKS, field, f"at most {MOST_NETWORKS}", most)
    for row, text in enumerate(texts, 1):
        try:
            network(text)
        except ValueError:
            require(
                False,
                f"{field}[{row}]",
                "a network such as 192.0.2.0/24 or 2001:db8::/32, or an address",
                "应为网段（如 192.0.2.0/24 或 2001:db8::/32）或地址",
            )


def check_user(user: UserDefinition) -> None:
    require(
        EMAIL.fullmatch(user.email) is not None and len(user.email) <= LONGEST_EMAIL,
        "email",
        "not an e-mail address",
    )
    require(len(user.name) <= LONGEST_NAME, "name", "at most 100 characters")
    check_limits(user.limits, "limits")
    for group, limits in user.group_limits.items():
        check_limits(limits, f"group_limits.{group}")
    require(len(user.group_limits) <= MOST_GROUPS, "group_limits", f"at most {MOST_GROUPS}")
    require(user.shards >= 1, "shards", "at least 1")
    check_groups(user.groups)


def check_key(key: KeyDefinition) -> None:
    require(ALIAS.fullmatch(key.alias) is not None, "alias", "four digits of base 32")
    require(bool(key.secret_hash), "secret_hash", "is missing")
    require(bool(key.group), "group", "name the group the key calls through")
    require(len(key.name) <= LONGEST_NAME, "name", "at most 100 characters")
    require(key.quota is None or key.quota >= 0, "quota", "not negative")
    require(
        not key.pricing_group or GROUP_CODE.fullmatch(key.pricing_group) is not None,
        "pricing_group",
        "not a model group's code",
    )
    check_patterns(key.models, "models")
    check_patterns(key.endpoints, "endpoints")
    paths = all(normal(endpoint).startswith(("/", "*")) for endpoint in key.endpoints)
    require(paths, "endpoints", "paths, such as /v1/chat/*", "应为路径，如 /v1/chat/*")
    check_expiry(key.expires_at)
    check_networks(key.allowed_networks, "allowed_networks")
    check_networks(key.denied_networks, "denied_networks")
    check_limits(key.limits, "limits")


def check_channel(channel: ChannelDefinition) -> None:
    check_name(channel.name)
    check_groups(channel.groups)
    check_distinct(channel.accounts, "accounts")
    for platform, mapping in channel.model_mapping.items():
        where = f"model_mapping.{platform}"
        check_channel_platform(platform, where)
        check_distinct(mapping, where)
        for source in mapping:
            check_model(source, f"{where}.{source}")


def check_channel_platform(platform: str, field: str) -> None:
    """Refuse a platform whose rows and mappings no group would ever look at."""
    check_among(platform, PLATFORMS, field)


def check_model(model: str, field: str = "model") -> None:
    """A model name or a `prefix*`; a star stands nowhere but at the end."""
    named = normal(model)
    fits = bool(named) and len(named) <= LONGEST_MODEL
    require(fits, field, "1 to 100 characters", "应为 1 到 100 个字符")
    only_last = "*" not in named[:-1]
    require(only_last, field, "only the last character may be *", "* 只能是最后一个字符")


def check_model_group(group: ModelGroupDefinition) -> None:
    check_model(group.model)
    require(
        GROUP_CODE.fullmatch(group.code) is not None,
        "code",
        "1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit",
    )


def check_model_group_channel(binding: ModelGroupChannelDefinition) -> None:
    check_model(binding.model)
    require(0 <= binding.weight <= WEIGHT_LIMIT, "weight", f"0 to {WEIGHT_LIMIT}; 0 drains")
    require(0 <= binding.priority <= PRIORITY_LIMIT, "priority", f"0 to {PRIORITY_LIMIT}")


def check_setting(setting: Setting) -> None:
    require(SETTING_NAME.fullmatch(setting.name) is not None, "name", "not a setting's name")


def check_admin_token(token: AdminToken) -> None:
    check_name(token.name)
    require(bool(token.secret_hash), "secret_hash", "is missing")
