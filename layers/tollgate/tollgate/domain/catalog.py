"""The catalog as the relay sees it: one global part, one part per group, one profile per user.

These are values, compiled by `services/publishing.py` and read back by `store/snapshots.py`.
Nothing here is edited in place; a newer version replaces the whole part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

Status = Literal["active", "disabled"]
KeyStatus = Literal["active", "disabled", "revoked"]
BillingModelSource = Literal["requested", "channel_mapped", "upstream"]
BillingMode = Literal["tokens", "times", "seconds"]
Currency = Literal["USD", "CNY"]

AccountType = Literal["apikey", "bedrock", "service_account", "oauth"]
Strategy = Literal["priority", "weighted", "cheapest"]

PLATFORMS: Final = ("anthropic", "antigravity", "gemini", "openai")
"""Vendor families. A platform says whom an account may serve, its type how to speak (R11)."""

PriceTexts = Mapping[str, str]
"""Usage class → price: a decimal, or the exact quotient of two ("0.5/7.0"), as text.

In USD per million for tokens, characters and images-by-token; per unit for calls, images,
seconds, queries and `tool:<name>`. A yuan price is the amount over the exchange rate at its entry.
"""


@dataclass(frozen=True, slots=True)
class Interval:
    """Prices for a range of context sizes, left-open and right-closed: (minimum, maximum].

    One with a `label` is for what bears that label (a size, a quality, a resolution), whatever
    the context. `tiers` maps a service tier to the classes it prices differently in here.
    """

    minimum: int
    maximum: int | None
    prices: PriceTexts
    tiers: Mapping[str, PriceTexts] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True, slots=True)
class Price:
    """The official price of one model name or `prefix*`, in one version.

    A class that `prices` lacks inherits (domain/charge.py says from what). `tiers` maps a service
    tier to the classes it prices differently. `max_output` is the model's largest output in
    tokens, `reasoning` whether it may produce hidden output. In force from `effective_from` until
    before `effective_to` (epoch ms; None: no end). `currency` and `fx` tell what was typed;
    `virtual_tokens` a second stand for is only how a seconds price is shown.
    """

    model: str
    version: int
    mode: BillingMode = "tokens"
    prices: PriceTexts = field(default_factory=dict)
    intervals: tuple[Interval, ...] = ()
    tiers: Mapping[str, PriceTexts] = field(default_factory=dict)
    max_output: int | None = None
    reasoning: bool = False
    effective_from: int = 0
    effective_to: int | None = None
    currency: Currency = "USD"
    fx: str = ""
    virtual_tokens: int = 1_000


@dataclass(frozen=True, slots=True)
class CustomerPrice:
    """One user's price for a model in one of its model groups, in one version.

    Classes it does not name follow the official price by ratio where `inherits`, else they are
    priced as ordinary input or output (ruling R5). `intervals` and `tiers` that are None follow
    the official ones as factors; empty ones switch them off. Outside its window, or not
    `enabled`, it counts as not there.
    """

    model: str
    code: str
    version: int
    mode: BillingMode = "tokens"
    prices: PriceTexts = field(default_factory=dict)
    intervals: tuple[Interval, ...] | None = None
    tiers: Mapping[str, PriceTexts] | None = None
    inherits: bool = True
    apply_group_multiplier: bool = True
    enabled: bool = True
    effective_from: int = 0
    effective_to: int | None = None
    currency: Currency = "USD"
    fx: str = ""


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel's prices for a model name or `prefix*` of one platform.

    What it does not name is the base's: the official price, as an absolute figure (ruling R5).
    `mode` None keeps the base's mode.
    """

    platform: str
    pattern: str
    mode: BillingMode | None = None
    prices: PriceTexts = field(default_factory=dict)
    intervals: tuple[Interval, ...] = ()
    tiers: Mapping[str, PriceTexts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChannelPricing:
    """All price rows of a channel in one version, by platform and normal pattern."""

    version: int
    rows: Mapping[str, Mapping[str, ChannelRow]]
    effective_from: int = 0
    effective_to: int | None = None


@dataclass(frozen=True, slots=True)
class ModelGroupChannel:
    """A channel that a model group is bound to: the higher priority goes first, weight 0 drains."""

    channel: str
    priority: int = 0
    weight: int = 1


@dataclass(frozen=True, slots=True)
class ModelGroup:
    """A price and quality tier of one model; bound to no channel, it routes as its group does."""

    billing_type: BillingMode
    enabled: bool = True
    channels: tuple[ModelGroupChannel, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be used in a while; 0 is no limit.

    `rpm` calls and `tpm` tokens in a minute, `concurrency` calls open at once; `spend_5h`,
    `spend_day` and `spend_week` are nanos in five hours, a day, seven days.
    """

    rpm: int = 0
    tpm: int = 0
    concurrency: int = 0
    spend_5h: int = 0
    spend_day: int = 0
    spend_week: int = 0


UNLIMITED: Final = Limits()


@dataclass(frozen=True, slots=True)
class PauseRule:
    """An answer after which an account rests: its status, and words of which its text has one.

    No keywords: any text. It rests for so many minutes.
    """

    status: int
    minutes: int
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """One upstream account of the group: whom it may serve, how to reach it, its sealed secret.

    `model_mapping` is by normal patterns (domain/patterns.py). `keys` counts the API keys its
    secret holds. `proxy` is the URL of an HTTP proxy, without its credentials, which
    `proxy_secret` seals ({} for none).

    Bedrock: `auth_mode` (sigv4, apikey), `region`, `force_global`. Vertex: `project`, `region`.
    Antigravity: `project`, `mixed` (serves gemini and anthropic groups too), `overages` (may spend
    AI credits). `pool_retries`: how often the same account is tried again, None where it is no
    pool. `error_codes`: the statuses that count against it (empty: the usual ones).
    `concurrency` calls at once (0: any number), `load_factor` what its load is counted against (0:
    its concurrency). It is not used any more from `expires_at` on (epoch ms).
    """

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
    keys: int = 1
    proxy: str = ""
    proxy_secret: Mapping[str, str | int] = field(default_factory=dict)
    auth_mode: str = ""
    region: str = ""
    project: str = ""
    force_global: bool = False
    mixed: bool = False
    overages: bool = False
    pool_retries: int | None = None
    error_codes: tuple[int, ...] = ()
    pauses: tuple[PauseRule, ...] = ()
    concurrency: int = 0
    load_factor: int = 0
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A route as sold. `model_mapping` is per platform: requested name or `prefix*` → wire name,
    by normal patterns (domain/patterns.py).

    `pricing` has the versions that live, by their start; `restrict_models` sells nothing that
    they do not name.
    """

    id: str
    name: str
    model_mapping: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    billing_model_source: BillingModelSource = "channel_mapped"
    restrict_models: bool = False
    pricing: tuple[ChannelPricing, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelPart:
    """A channel that some model group is bound to, with the accounts it may use (ruling R3)."""

    version: int
    channel: Channel
    accounts: tuple[Account, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupPart:
    """One group with everything a call through it needs; accounts hold only active ones.

    Users' own multipliers lie in so many slices beside it (0: nobody has one). Callers other than
    Claude Code go on to `fallback_group` where `claude_code_only`; `invalid_request_group` takes
    over what an upstream finds too long. `model_routing` names the accounts for a model's normal
    pattern. `limits` are each user's within the group.
    """

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
    slices: int = 0
    claude_code_only: bool = False
    fallback_group: str = ""
    invalid_request_group: str = ""
    model_routing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    strategy: Strategy = "priority"
    limits: Limits = UNLIMITED


@dataclass(frozen=True, slots=True)
class GlobalPart:
    """What is not anybody's own: official prices, default model groups, settings.

    `prices` lists the versions of each model by their start (the current one, then those that
    are scheduled), `default_groups` the code of each model's default model group. Both are keyed
    by normal model patterns (domain/patterns.py), and so is `model_groups`: by model and code, all
    but plain defaults, which are enabled, bound to nothing and billed as their model is priced.
    """

    version: int
    prices: Mapping[str, tuple[Price, ...]]
    default_groups: Mapping[str, str]
    settings: Mapping[str, str | int | bool]
    model_groups: Mapping[str, Mapping[str, ModelGroup]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Key:
    """One API key of a user. `alias` is its four characters inside holds and the wallet.

    `limited` tells that the wallet keeps a quota for it; `models` and `endpoints` are allow-lists
    (empty allows all, a trailing `*` matches a prefix), and so are `allowed_networks` (CIDR), of
    which `denied_networks` are no part; times are epoch milliseconds.
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
    receipt_in_stream: bool = False
    allowed_networks: tuple[str, ...] = ()
    denied_networks: tuple[str, ...] = ()
    limits: Limits = UNLIMITED


@dataclass(frozen=True, slots=True)
class Profile:
    """One user as the relay sees them: keys by secret hash, limits, what they may use.

    `version` is compared by the hold with the wallet's `profile_version`: a profile older than
    the wallet's is stale and is read again. `shards` is how many wallet items the user has.
    `prices` are the user's own, by normal model pattern and model group code, each in the versions
    that live; `permissions` name the model groups the user may ask for, by normal model pattern;
    "!" before one tells that what a wider pattern says of it does not hold. `limits` are the
    user's over all calls, `group_limits` what counts for them in a group instead of its own.
    """

    user: str
    version: int
    status: Status
    keys: Mapping[str, Key]
    shards: int = 1
    groups: tuple[str, ...] = ()
    prices: Mapping[str, Mapping[str, tuple[CustomerPrice, ...]]] = field(default_factory=dict)
    permissions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    limits: Limits = UNLIMITED
    group_limits: Mapping[str, Limits] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """What all relays know together of the accounts: facts by account id, as whole numbers.

    `version` is the one a writer must name to replace them (ruling R21).
    """

    version: int = 0
    accounts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
