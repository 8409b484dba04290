"""Which definitions there are: what each claims for itself, uses, and when it may be removed."""

from collections.abc import Iterable
from typing import Final

from tollgate.domain.account_rules import check_account
from tollgate.domain.beta_policy import check_beta_setting
from tollgate.domain.customer_prices import check_customer_price
from tollgate.domain.definition_rules import (
    PRICE_STEPS,
    SECRET_STEPS,
    SWITCH,
    USER_STEPS,
    check_admin_token,
    check_channel,
    check_key,
    check_model,
    check_model_group,
    check_model_group_channel,
    check_setting,
    check_user,
)
from tollgate.domain.definitions import (
    AccountDefinition,
    AdminToken,
    ChannelDefinition,
    ChannelPricingVersion,
    CustomerPriceDefinition,
    CustomerPriceVersion,
    DataKeyDefinition,
    DefaultGroup,
    GroupDefinition,
    KeyDefinition,
    ModelGroupChannelDefinition,
    ModelGroupDefinition,
    Password,
    Permission,
    PriceDefinition,
    PriceVersion,
    Setting,
    UserDefinition,
)
from tollgate.domain.group_rules import check_group
from tollgate.domain.patterns import normal
from tollgate.domain.price_entry import check_fx_setting
from tollgate.domain.probing import check_probe_setting
from tollgate.store.catalog.access import Claim, Kind
from tollgate.store.catalog.items import (
    AccountItem,
    AdminTokenItem,
    AliasItem,
    ChannelItem,
    ChannelPricingVersionItem,
    CustomerPriceItem,
    CustomerPriceVersionItem,
    DataKeyItem,
    DefaultGroupItem,
    EmailItem,
    GroupItem,
    GuardItem,
    KeyItem,
    ModelGroupChannelItem,
    ModelGroupItem,
    PasswordItem,
    PermissionItem,
    PriceItem,
    PriceVersionItem,
    SettingItem,
    UserItem,
)


def guard(name: str, taken: str, field: str) -> Claim:
    return Claim(GuardItem, f"guard#{name}", "guard", taken, field)


def email_guard(address: str) -> Claim:
    """The guard of an e-mail address; its owner is the user."""
    key = f"email#{normal(address)}"
    return Claim(EmailItem, key, "email", "this e-mail address is taken", "email")


def user_claims(user: UserDefinition) -> frozenset[Claim]:
    """A deleted user lets go of the address."""
    return frozenset() if user.status == "deleted" else frozenset({email_guard(user.email)})


def key_claims(key: KeyDefinition) -> frozenset[Claim]:
    """Kept for ever: open holds and the wallet name a revoked key by its alias, too."""
    taken = "this key alias is taken; draw another"
    sort_key = f"alias#{key.alias}"
    return frozenset({Claim(AliasItem, keys_of(key.user), sort_key, taken, "alias")})


def group_claims(group: GroupDefinition) -> frozenset[Claim]:
    taken = "this group alias is taken; draw another"
    return frozenset({guard(f"group_alias#{group.alias}", taken, "alias")})


def fallbacks(group: GroupDefinition) -> frozenset[str]:
    """The groups that a group sends calls to."""
    return frozenset({group.fallback_group, group.invalid_request_group} - {""})


def channel_claims(channel: ChannelDefinition) -> frozenset[Claim]:
    """A group is in at most one channel, whether the channel is switched on or not (R3)."""
    name = guard(f"channel#{normal(channel.name)}", "a channel has this name", "name")
    return frozenset({name}) | frozenset(
        guard(f"group#{group}", f"group {group} is in another channel", "groups")
        for group in channel.groups
    )


def in_groups(groups: Iterable[str]) -> str | None:
    """Why something that groups rely on stays: removing it would change them silently."""
    named = ", ".join(groups)
    return f"still serves {named}; take it out of them first" if named else None


def keys_of(user: str) -> str:
    """The partition of a user's keys."""
    return f"keys#{user}"


def group_name(model: str, code: str) -> str:
    """What a model group is called in its partition; a code holds no '#', a model's name may."""
    return f"{normal(model)}#{normal(code)}"


def version_name(number: int) -> str:
    """The sort key of a price version."""
    return f"{number:08d}"


def check_any_setting(setting: Setting) -> None:
    """A setting by its name, and by what it means where that is known."""
    check_setting(setting)
    check_fx_setting(setting)
    check_beta_setting(setting)
    check_probe_setting(setting)


USER: Final = Kind(
    UserDefinition,
    UserItem,
    check_user,
    steps=USER_STEPS,
    claims=user_claims,
    groups=lambda user: frozenset(user.groups if user.status != "deleted" else ()),
    held=lambda user: "is disabled or deleted, never removed: its records name it",
)
KEY: Final = Kind(
    KeyDefinition,
    KeyItem,
    check_key,
    steps=SECRET_STEPS,
    claims=key_claims,
    groups=lambda key: frozenset({key.group} if key.status != "revoked" else ()),
    groups_field="group",
    held=lambda key: "is revoked, never removed: its records name it",
)
GROUP: Final = Kind(
    GroupDefinition,
    GroupItem,
    check_group,
    steps=SWITCH,
    claims=group_claims,
    groups=fallbacks,
    groups_field="fallback_group",
    held=lambda group: "has users with multipliers of their own" if group.multipliers else None,
)
ACCOUNT: Final = Kind(
    AccountDefinition,
    AccountItem,
    check_account,
    steps=SWITCH,
    groups=lambda account: frozenset(account.groups),
    held=lambda account: in_groups(account.groups),
)
CHANNEL: Final = Kind(
    ChannelDefinition,
    ChannelItem,
    check_channel,
    steps=SWITCH,
    claims=channel_claims,
    groups=lambda channel: frozenset(channel.groups),
    held=lambda channel: in_groups(channel.groups),
)
CHANNEL_PRICING_VERSION: Final = Kind(
    ChannelPricingVersion,
    ChannelPricingVersionItem,
    lambda _: None,
    name=lambda version: version_name(version.pricing.version),
)
MODEL_GROUP: Final = Kind(
    ModelGroupDefinition,
    ModelGroupItem,
    check_model_group,
    name=lambda group: group_name(group.model, group.code),
)
MODEL_GROUP_CHANNEL: Final = Kind(
    ModelGroupChannelDefinition,
    ModelGroupChannelItem,
    check_model_group_channel,
    name=lambda binding: f"{group_name(binding.model, binding.code)}#{binding.channel}",
)
DEFAULT_GROUP: Final = Kind(
    DefaultGroup,
    DefaultGroupItem,
    lambda default: check_model(default.model),
    name=lambda default: default.model,
)
PRICE: Final = Kind(
    PriceDefinition,
    PriceItem,
    lambda head: check_model(head.model),
    name=lambda head: head.model,
    steps=PRICE_STEPS,
)
PRICE_VERSION: Final = Kind(
    PriceVersion,
    PriceVersionItem,
    lambda version: check_model(version.price.model),
    name=lambda version: version_name(version.price.version),
)
CUSTOMER_PRICE: Final = Kind(
    CustomerPriceDefinition,
    CustomerPriceItem,
    lambda head: check_model(head.model),
    name=lambda head: group_name(head.model, head.code),
    steps=PRICE_STEPS,
)
CUSTOMER_PRICE_VERSION: Final = Kind(
    CustomerPriceVersion,
    CustomerPriceVersionItem,
    lambda version: check_customer_price(version.price),
    name=lambda version: version_name(version.price.version),
)
PERMISSION: Final = Kind(
    Permission,
    PermissionItem,
    lambda permission: check_model(permission.model),
    name=lambda permission: group_name(permission.model, permission.code),
)
SETTING: Final = Kind(Setting, SettingItem, check_any_setting, name=lambda setting: setting.name)
PASSWORD: Final = Kind(Password, PasswordItem, lambda _: None, name=lambda _: "password")
DATA_KEY: Final = Kind(
    DataKeyDefinition,
    DataKeyItem,
    lambda _: None,
    name=lambda key: version_name(key.generation),
    held=lambda key: "is kept: sealed secrets name it",
)
ADMIN_TOKEN: Final = Kind(
    AdminToken,
    AdminTokenItem,
    check_admin_token,
    steps=SECRET_STEPS,
    held=lambda token: "is revoked, never removed: the audit log names it",
)
