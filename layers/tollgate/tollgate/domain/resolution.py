"""From a key and a model name to the frozen list of accounts and prices, or one named refusal.

The order is fixed (ruling R1): effective group → channel mapping → model group → candidate
accounts → one price snapshot per billing name. Refusals happen here, before any money moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tollgate.domain.call import Call
from tollgate.domain.catalog import Account, GlobalPart, GroupPart, Key, Price, Profile
from tollgate.domain.charge import PriceSnapshot
from tollgate.domain.errors import (
    GroupNotPermitted,
    KeyDisabled,
    KeyExpired,
    KeyRevoked,
    ModelGroupNotFound,
    ModelNotAllowed,
    ModelNotFound,
    ModelPriceNotConfigured,
    UserDisabled,
)
from tollgate.domain.patterns import allows, find, translate
from tollgate.domain.routing import candidates, chain, channel_mapped


@dataclass(frozen=True, slots=True)
class Candidate:
    """One account the call may go to: its wire name, the rule it is charged by, the model's row."""

    account: Account
    upstream_model: str
    chain: tuple[str, ...]
    snapshot: PriceSnapshot
    price: Price


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the user's profile and the key they used."""

    profile: Profile
    key: Key


def admit(caller: Caller, model: str, now_ms: int) -> None:
    """Refuse a caller or a model that the key's own facts exclude."""
    check(caller, now_ms)
    if not allows(caller.key.models, model):
        raise ModelNotAllowed(f"API key {caller.key.id} may not use model {model!r}", param="model")


def check(caller: Caller, now_ms: int) -> None:
    """Refuse who may do nothing here at all."""
    key = caller.key
    if caller.profile.status != "active":
        raise UserDisabled("this user is disabled; ask the operator to enable it")
    if key.status == "revoked":
        raise KeyRevoked(f"API key {key.id} has been revoked; use another key")
    if key.status != "active":
        raise KeyDisabled(f"API key {key.id} is disabled; use another key")
    if key.expires_at is not None and key.expires_at <= now_ms:
        raise KeyExpired(f"API key {key.id} has expired; create a new key")


def permit(caller: Caller, group: GroupPart) -> None:
    """Refuse a group that is switched off, or exclusive and not granted to the user."""
    if group.status != "active":
        raise GroupNotPermitted(f"group {group.name!r} is switched off; use a key of another group")
    if group.exclusive and group.id not in caller.profile.groups:
        raise GroupNotPermitted(f"group {group.name!r} is not open to this user")


def model_group(part: GlobalPart, key: Key, model: str) -> str:
    """The code of the model group that prices the call: the model's default.

    Raises:
        ModelGroupNotFound: the key asks for a group this model is not offered in.
    """
    found = find(part.default_groups, model)
    default = found[1] if found else ""
    asked = key.pricing_group
    if not asked or asked == default or not default or key.pricing_group_fallback == "default":
        return default
    raise ModelGroupNotFound(
        f"pricing group {asked!r} of this key is not offered for model {model!r}",
        param="model",
        detail={"group": asked},
    )


def current(versions: tuple[Price, ...], now_ms: int) -> Price | None:
    """The version in force: the latest whose start has come."""
    started = [price for price in versions if price.effective_from <= now_ms]
    return started[-1] if started else None


def official_price(prices: Mapping[str, tuple[Price, ...]], name: str, now_ms: int) -> Price | None:
    """The official price of a name: exact, else by the longest `prefix*`."""
    found = find(prices, name)
    return current(found[1], now_ms) if found else None


def freeze(price: Price, billing_model: str, group: GroupPart, code: str) -> PriceSnapshot:
    """The rule of an official price, with the group's multiplier, as it stands now."""
    return PriceSnapshot(
        source="official",
        price_id=price.model,
        version=price.version,
        billing_model=billing_model,
        mode=price.mode,
        prices=price.prices,
        intervals=price.intervals,
        multiplier=format(group.multiplier, "f"),
        multiplier_source="group",
        model_group=code,
        flags=() if code else ("no_model_group",),
    )


@dataclass(frozen=True, slots=True)
class Question:
    """Everything resolution looks at: the call, who makes it, and the catalog at one instant."""

    caller: Caller
    call: Call
    platforms: tuple[str, ...]
    everywhere: GlobalPart
    group: GroupPart
    now_ms: int


def billing_model(group: GroupPart, requested: str, mapped: str, wire: str) -> str:
    """The name that is priced, as the channel's `billing_model_source` says."""
    source = group.channel.billing_model_source if group.channel else "channel_mapped"
    return {"requested": requested, "channel_mapped": mapped, "upstream": wire}[source]


def priced(question: Question, account: Account, mapped: str, code: str) -> Candidate | None:
    """One account as a candidate; None when nothing prices what it would be billed as."""
    requested, group = question.call.model, question.group
    wire = translate(account.model_mapping, mapped)
    name = billing_model(group, requested, mapped, wire)
    price = official_price(question.everywhere.prices, name, question.now_ms)
    if price is None:
        return None
    return Candidate(
        account, wire, chain(requested, mapped, wire), freeze(price, name, group, code), price
    )


def resolve(question: Question) -> tuple[Candidate, ...]:
    """Everything that is decided before money moves: the accounts to try, each with its price.

    Raises:
        a refusal of domain/errors.py, naming what to change.
    """
    call, group, caller = question.call, question.group, question.caller
    admit(caller, call.model, question.now_ms)
    permit(caller, group)
    mapped = channel_mapped(group.channel, group.platform, call.model)
    code = model_group(question.everywhere, caller.key, call.model)
    accounts = candidates(group, question.platforms, mapped, call.session or caller.key.id)
    if not accounts:
        raise ModelNotFound(
            f"model {call.model!r} is not offered in group {group.name!r}; "
            "GET /v1/models lists what this key can use",
            param="model",
        )
    routes = [priced(question, account, mapped, code) for account in accounts]
    found = tuple(route for route in routes if route is not None)
    if not found:
        raise ModelPriceNotConfigured(
            f"model {call.model!r} has no price yet; ask the operator to set one", param="model"
        )
    return found
