"""The catalog as the relay sees it: one global part, one part per group, one profile per user.

These are values, compiled by `services/publishing.py` and read back by `store/snapshots.py`.
Nothing here is edited in place; a newer version replaces the whole part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Status = Literal["active", "disabled"]
KeyStatus = Literal["active", "disabled", "revoked"]
BillingModelSource = Literal["requested", "channel_mapped", "upstream"]
BillingMode = Literal["tokens", "times", "seconds"]


@dataclass(frozen=True, slots=True)
class Interval:
    """Prices for a range of context sizes, left-open and right-closed: (minimum, maximum].

    `tiers` maps a service tier to the classes it prices differently inside this range.
    """

    minimum: int
    maximum: int | None
    prices: Mapping[str, str]
    tiers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Price:
    """The official price of one model name or `prefix*`, in one version.

    `prices` maps a usage class (domain/usage.py) to a decimal string in USD: per million for
    tokens, characters and images-by-token; per unit for calls, images, seconds, queries and
    `tool:<name>`. A class that is absent inherits (domain/charge.py says from what). `tiers` maps
    a service tier to the classes it prices differently. `max_output` is the model's largest
    output in tokens, `reasoning` whether it may produce hidden output.
    """

    model: str
    version: int
    mode: BillingMode = "tokens"
    prices: Mapping[str, str] = field(default_factory=dict)
    intervals: tuple[Interval, ...] = ()
    tiers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    max_output: int | None = None
    reasoning: bool = False
    effective_from: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """One upstream account of the group: whom it may serve, how to reach it, its sealed secret."""

    id: str
    name: str
    platform: str
    type: str
    base_url: str
    secret: Mapping[str, str | int]
    priority: int = 0
    weight: int = 1
    model_mapping: Mapping[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    cost_multiplier: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Channel:
    """A route as sold. `model_mapping` is per platform: requested name or `prefix*` → wire name."""

    id: str
    name: str
    model_mapping: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    billing_model_source: BillingModelSource = "channel_mapped"


@dataclass(frozen=True, slots=True)
class GroupPart:
    """One group with everything a call through it needs; accounts hold only active ones."""

    id: str
    version: int
    alias: str
    name: str
    platform: str
    status: Status
    multiplier: Decimal
    exclusive: bool = False
    channel: Channel | None = None
    accounts: tuple[Account, ...] = ()


@dataclass(frozen=True, slots=True)
class GlobalPart:
    """What is not anybody's own: official prices, default model groups, settings.

    `prices` lists the versions of each model by their start (the current one, then those that
    are scheduled), `default_groups` the code of each model's default model group. Both are keyed
    by normal model patterns (domain/patterns.py).
    """

    version: int
    prices: Mapping[str, tuple[Price, ...]]
    default_groups: Mapping[str, str]
    settings: Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Key:
    """One API key of a user. `alias` is its four characters inside holds and the wallet.

    `limited` tells that the wallet keeps a quota for it; `models` and `endpoints` are allow-lists
    (empty allows all, a trailing `*` matches a prefix); times are epoch milliseconds.
    """

    id: str
    alias: str
    secret_hash: str
    pepper_generation: int
    group: str
    status: KeyStatus = "active"
    pricing_group: str = ""
    pricing_group_fallback: Literal["refuse", "default"] = "refuse"
    limited: bool = False
    expires_at: int | None = None
    models: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    cost_in_stream: bool = True


@dataclass(frozen=True, slots=True)
class Profile:
    """One user as the relay sees them: keys by secret hash, limits, what they may use.

    `version` is compared by the hold with the wallet's `profile_version`: a profile older than
    the wallet's is stale and is read again. `shards` is how many wallet items the user has.
    """

    user: str
    version: int
    status: Status
    keys: Mapping[str, Key]
    rpm: int
    concurrency: int
    shards: int = 1
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """What all relays know together of the accounts: facts by account id, as whole numbers.

    `version` is the one a writer must name to replace them (ruling R21).
    """

    version: int = 0
    accounts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
