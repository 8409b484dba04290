"""What staff and users define: the catalog as it is written, before the publisher compiles it.

One frozen value per entity. `stamp` says which version it is and who wrote it; the store sets it
and takes no notice of what a caller put there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from tollgate.domain.catalog import (
    UNLIMITED,
    BillingMode,
    BillingModelSource,
    ChannelPricing,
    CustomerPrice,
    KeyStatus,
    Limits,
    PauseRule,
    Price,
    Status,
    Strategy,
)

SubscriptionType = Literal["standard", "subscription"]
UserStatus = Literal["active", "disabled", "deleted"]
TokenStatus = Literal["active", "disabled", "revoked"]
Role = Literal["owner", "finance", "operator", "support", "auditor"]


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes, and when (epoch milliseconds)."""

    by: str
    at: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """The version of a definition (its ETag, +1 on every write) and its history in short."""

    version: int = 0
    created_at: int = 0
    updated_at: int = 0
    updated_by: str = ""


@dataclass(frozen=True, slots=True)
class UserDefinition:
    """A user: who is billed. `groups` are the exclusive groups opened to them.

    `limits` count over all their calls, `group_limits` by group instead of the group's own.
    """

    id: str
    email: str
    name: str = ""
    shards: int = 1
    groups: tuple[str, ...] = ()
    limits: Limits = UNLIMITED
    group_limits: Mapping[str, Limits] = field(default_factory=dict)
    status: UserStatus = "active"
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class Password:
    """A user's password as its argon2id hash. Never published.

    `epoch` counts what ends all of the user's sessions: another password, signing out everywhere.
    """

    hash: str
    epoch: int = 0
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class KeyDefinition:
    """A user's API key. The secret itself is nowhere; `quota` is in nanos, None is unlimited.

    `alias` stands for the key in holds and in the wallet, so it is never given twice, not even
    after the key was revoked.
    """

    id: str
    user: str
    alias: str
    secret_hash: str
    pepper_generation: int
    last4: str
    group: str
    name: str = ""
    pricing_group: str = ""
    pricing_group_fallback: Literal["refuse", "default"] = "refuse"
    quota: int | None = None
    expires_at: int | None = None
    models: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    cost_in_stream: bool = True
    receipt_in_stream: bool = False
    allowed_networks: tuple[str, ...] = ()
    denied_networks: tuple[str, ...] = ()
    limits: Limits = UNLIMITED
    status: KeyStatus = "active"
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class GroupDefinition:
    """A pool that keys call through. `alias` stands for it inside subscription-funded holds.

    `multipliers` numbers the set of its users' own multipliers that counts (0: there is none).
    The fields from `sort_order` on are as in the catalog's GroupPart; `day_limit`, `week_limit` and
    `month_limit` (nanos, 0: none) are what a subscription to the group grants, and
    `validity_days` for how long.
    """

    id: str
    alias: str
    name: str
    platform: str
    multiplier: Decimal = Decimal(1)
    exclusive: bool = False
    description: str = ""
    multipliers: int = 0
    sort_order: int = 0
    claude_code_only: bool = False
    fallback_group: str = ""
    invalid_request_group: str = ""
    model_routing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    strategy: Strategy = "priority"
    subscription_type: SubscriptionType = "standard"
    day_limit: int = 0
    week_limit: int = 0
    month_limit: int = 0
    validity_days: int = 30
    limits: Limits = UNLIMITED
    status: Status = "active"
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class AccountQuota:
    """How much of our money an account may cost in a window of time.

    `limit` is in nanos (0: none). `rolling` begins with the first call after the last window;
    `fixed` at the `hour` (and `weekday`, 0 = Sunday) of the IANA `zone`.
    """

    limit: int = 0
    reset: Literal["rolling", "fixed"] = "rolling"
    hour: int = 0
    weekday: int = 1
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class AccountDefinition:
    """An upstream account. `secret` is what `store/secrets.py` sealed; nothing here opens it.

    What the catalog's Account has, too, means the same there. `quotas` are by `total`, `day` and
    `week`, in what the account's calls cost us.
    """

    id: str
    name: str
    platform: str
    type: str
    base_url: str
    secret: Mapping[str, str | int]
    groups: tuple[str, ...] = ()
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
    quotas: Mapping[str, AccountQuota] = field(default_factory=dict)
    notes: str = ""
    status: Status = "active"
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class ChannelDefinition:
    """A route as sold: its groups, and per platform which name becomes which.

    `accounts` are its own for model groups bound to it; without any, its groups' accounts serve.
    `restrict_models` sells only what the channel prices. `pricing` has the versions that live.
    """

    id: str
    name: str
    groups: tuple[str, ...] = ()
    model_mapping: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    billing_model_source: BillingModelSource = "channel_mapped"
    restrict_models: bool = False
    accounts: tuple[str, ...] = ()
    pricing_number: int = 0
    pricing: tuple[ChannelPricing, ...] = ()
    description: str = ""
    status: Status = "active"
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class PriceDefinition:
    """The head of a model's price: its newest version's number, and the versions that live.

    `live` holds the version in force and those scheduled, by their start; a withdrawn price has
    none. Every version ever written stays readable beside it. A `locked` price is never changed
    by an import. `source` is where the newest version is from.
    """

    model: str
    number: int
    live: tuple[Price, ...]
    status: Literal["active", "withdrawn"] = "active"
    locked: bool = False
    source: str = ""
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class PriceVersion:
    """One immutable version of a model's price, and where its figures came from."""

    price: Price
    source: str = ""
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class ChannelPricingVersion:
    """One immutable version of a channel's price rows."""

    pricing: ChannelPricing
    source: str = ""
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class CustomerPriceDefinition:
    """The head of a user's price for a model in a model group, as `PriceDefinition` is one."""

    user: str
    model: str
    code: str
    number: int
    live: tuple[CustomerPrice, ...]
    status: Literal["active", "withdrawn"] = "active"
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class CustomerPriceVersion:
    """One immutable version of a user's price."""

    price: CustomerPrice
    source: str = ""
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class Permission:
    """A user's right to ask for a model group of a model that is not its default."""

    user: str
    model: str
    code: str
    enabled: bool = True
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class ModelGroupDefinition:
    """A price or quality tier of one model."""

    model: str
    code: str
    billing_type: BillingMode
    display_name: str = ""
    description: str = ""
    enabled: bool = True
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class ModelGroupChannelDefinition:
    """Binds a model group to a channel: the higher priority goes first, weight 0 drains."""

    model: str
    code: str
    channel: str
    weight: int = 1
    priority: int = 0
    enabled: bool = True
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class DefaultGroup:
    """Which model group of a model serves callers who ask for none."""

    model: str
    code: str
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class DataKeyDefinition:
    """The key of one generation that secrets are sealed with, as KMS wrapped it."""

    generation: int
    wrapped: str
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class Setting:
    """One switch or number of the whole installation."""

    name: str
    value: str | int | bool
    stamp: Stamp = field(default_factory=Stamp)


@dataclass(frozen=True, slots=True)
class AdminToken:
    """A management token and what its holder may do. The secret itself is nowhere."""

    id: str
    name: str
    role: Role
    secret_hash: str
    pepper_generation: int
    last4: str
    status: TokenStatus = "active"
    stamp: Stamp = field(default_factory=Stamp)
