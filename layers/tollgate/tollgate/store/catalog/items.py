"""The items of the Catalog table, as docs/architecture.md lays them out; one class per `kind`."""

from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import BooleanAttribute, DiscriminatorAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.models import Model

from tollgate.domain.catalog import Limits
from tollgate.store.catalog.attributes import (
    DecimalAttribute,
    IntegerAttribute,
    JsonAttribute,
    NamesAttribute,
    StoredAttribute,
    every,
)
from tollgate.store.catalog.quotas import read_quotas
from tollgate.store.snapshot_parts import (
    read_customer_price,
    read_every_limits,
    read_limits,
    read_pause,
    read_price,
    read_pricing,
    read_routing,
    write_every,
    write_price,
    write_pricing,
    written,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the Catalog table is: its name, the region, and an address other than AWS's own."""

    table: str
    region: str
    url: str | None = None


class Item(Model):
    """What every item of the table has."""

    class Meta:
        table_name = "unbound"
        region = "us-east-1"
        host: str | None = None

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    kind = DiscriminatorAttribute()
    version = IntegerAttribute()
    created_at = IntegerAttribute()
    updated_at = IntegerAttribute()
    updated_by = UnicodeAttribute()

    def stored(self) -> dict[str, Any]:
        """What there is of it."""
        return {name: getattr(self, name) for name in self.attribute_values}


def bind(model: Any, endpoint: Endpoint) -> Connection:
    """Point a model, and all that inherit from it, at its table, before the first call.

    pynamodb keeps the connection on the class and offers no other place to bind it late. A model
    that points there already keeps its client: making one takes longer than many calls.
    """
    meta, place = model.Meta, (endpoint.table, endpoint.region, endpoint.url)
    if (meta.table_name, meta.region, meta.host) != place:
        meta.table_name, meta.region, meta.host = place
        model._connection = None  # noqa: SLF001 - see above; the next line makes the new one
    table = model._get_connection()  # noqa: SLF001 - subclasses inherit it, so there is one client
    connection: Connection = table.connection
    return connection


class UserItem(Item, discriminator="user"):
    id = UnicodeAttribute()
    email = UnicodeAttribute()
    name = UnicodeAttribute()
    status = UnicodeAttribute()
    shards = IntegerAttribute()
    groups = NamesAttribute()
    limits = StoredAttribute(written, read_limits)
    group_limits = StoredAttribute(write_every, read_every_limits)
    rpm = IntegerAttribute(null=True)
    concurrency = IntegerAttribute(null=True)
    """Written before there were other limits; read where there are none yet."""

    def stored(self) -> dict[str, Any]:
        first = Limits(rpm=self.rpm or 0, concurrency=self.concurrency or 0)
        return {"limits": first} | super().stored()


class PasswordItem(Item, discriminator="password"):
    hash = UnicodeAttribute()
    epoch = IntegerAttribute()


class KeyItem(Item, discriminator="key"):
    id = UnicodeAttribute()
    user = UnicodeAttribute()
    alias = UnicodeAttribute()
    name = UnicodeAttribute()
    secret_hash = UnicodeAttribute()
    pepper_generation = IntegerAttribute()
    last4 = UnicodeAttribute()
    group = UnicodeAttribute()
    pricing_group = UnicodeAttribute()
    pricing_group_fallback = UnicodeAttribute()
    quota = IntegerAttribute(null=True)
    expires_at = IntegerAttribute(null=True)
    models = NamesAttribute()
    endpoints = NamesAttribute()
    cost_in_stream = BooleanAttribute()
    receipt_in_stream = BooleanAttribute()
    allowed_networks = NamesAttribute()
    denied_networks = NamesAttribute()
    limits = StoredAttribute(written, read_limits)
    status = UnicodeAttribute()


class GroupItem(Item, discriminator="group"):
    id = UnicodeAttribute()
    alias = UnicodeAttribute()
    name = UnicodeAttribute()
    platform = UnicodeAttribute()
    multiplier = DecimalAttribute()
    exclusive = BooleanAttribute()
    description = UnicodeAttribute()
    multipliers = IntegerAttribute()
    sort_order = IntegerAttribute()
    claude_code_only = BooleanAttribute()
    fallback_group = UnicodeAttribute()
    invalid_request_group = UnicodeAttribute()
    model_routing = StoredAttribute(dict, read_routing)
    strategy = UnicodeAttribute()
    subscription_type = UnicodeAttribute()
    day_limit = IntegerAttribute()
    week_limit = IntegerAttribute()
    month_limit = IntegerAttribute()
    validity_days = IntegerAttribute()
    limits = StoredAttribute(written, read_limits)
    status = UnicodeAttribute()


class AccountItem(Item, discriminator="account"):
    id = UnicodeAttribute()
    name = UnicodeAttribute()
    platform = UnicodeAttribute()
    type = UnicodeAttribute()
    base_url = UnicodeAttribute()
    secret = JsonAttribute()
    groups = NamesAttribute()
    priority = IntegerAttribute()
    weight = IntegerAttribute()
    model_mapping = JsonAttribute()
    models = NamesAttribute()
    cost_multiplier = DecimalAttribute()
    keys = IntegerAttribute()
    proxy = UnicodeAttribute()
    proxy_secret = JsonAttribute()
    auth_mode = UnicodeAttribute()
    region = UnicodeAttribute()
    project = UnicodeAttribute()
    force_global = BooleanAttribute()
    mixed = BooleanAttribute()
    overages = BooleanAttribute()
    pool_retries = IntegerAttribute(null=True)
    error_codes = StoredAttribute(list, tuple)
    pauses = StoredAttribute(every(written), every(read_pause))
    concurrency = IntegerAttribute()
    load_factor = IntegerAttribute()
    expires_at = IntegerAttribute(null=True)
    quotas = StoredAttribute(write_every, read_quotas)
    notes = UnicodeAttribute()
    status = UnicodeAttribute()


class ChannelItem(Item, discriminator="channel"):
    id = UnicodeAttribute()
    name = UnicodeAttribute()
    groups = NamesAttribute()
    model_mapping = JsonAttribute()
    billing_model_source = UnicodeAttribute()
    restrict_models = BooleanAttribute()
    accounts = NamesAttribute()
    pricing_number = IntegerAttribute()
    pricing = StoredAttribute(every(write_pricing), every(read_pricing))
    description = UnicodeAttribute()
    status = UnicodeAttribute()


class PriceItem(Item, discriminator="price"):
    model = UnicodeAttribute()
    number = IntegerAttribute()
    live = StoredAttribute(every(write_price), every(read_price))
    status = UnicodeAttribute()
    locked = BooleanAttribute()
    source = UnicodeAttribute()


class PriceVersionItem(Item, discriminator="price_version"):
    price = StoredAttribute(write_price, read_price)
    source = UnicodeAttribute()


class ChannelPricingVersionItem(Item, discriminator="channel_pricing_version"):
    pricing = StoredAttribute(write_pricing, read_pricing)
    source = UnicodeAttribute()


class CustomerPriceItem(Item, discriminator="customer_price"):
    user = UnicodeAttribute()
    model = UnicodeAttribute()
    code = UnicodeAttribute()
    number = IntegerAttribute()
    live = StoredAttribute(every(write_price), every(read_customer_price))
    status = UnicodeAttribute()


class CustomerPriceVersionItem(Item, discriminator="customer_price_version"):
    price = StoredAttribute(write_price, read_customer_price)
    source = UnicodeAttribute()


class PermissionItem(Item, discriminator="permission"):
    user = UnicodeAttribute()
    model = UnicodeAttribute()
    code = UnicodeAttribute()
    enabled = BooleanAttribute()


class DefaultGroupItem(Item, discriminator="default_group"):
    model = UnicodeAttribute()
    code = UnicodeAttribute()


class ModelGroupItem(Item, discriminator="model_group"):
    model = UnicodeAttribute()
    code = UnicodeAttribute()
    billing_type = UnicodeAttribute()
    display_name = UnicodeAttribute()
    description = UnicodeAttribute()
    enabled = BooleanAttribute()


class ModelGroupChannelItem(Item, discriminator="model_group_channel"):
    model = UnicodeAttribute()
    code = UnicodeAttribute()
    channel = UnicodeAttribute()
    weight = IntegerAttribute()
    priority = IntegerAttribute()
    enabled = BooleanAttribute()


class SettingItem(Item, discriminator="setting"):
    name = UnicodeAttribute()
    value = JsonAttribute()


class AdminTokenItem(Item, discriminator="admin_token"):
    id = UnicodeAttribute()
    name = UnicodeAttribute()
    role = UnicodeAttribute()
    secret_hash = UnicodeAttribute()
    pepper_generation = IntegerAttribute()
    last4 = UnicodeAttribute()
    status = UnicodeAttribute()


class DataKeyItem(Item, discriminator="data_key"):
    generation = IntegerAttribute()
    wrapped = UnicodeAttribute()


class Guard(Item):
    """What it is named after belongs to one owner."""

    owner = UnicodeAttribute()


class EmailItem(Guard, discriminator="email"):
    """The address belongs to one user."""


class AliasItem(Guard, discriminator="alias"):
    """The alias belongs to one of the user's keys."""


class GuardItem(Guard, discriminator="guard"):
    """A group's channel, a channel's name, a group's alias."""


class UsesItem(Item, discriminator="uses"):
    """How many definitions name a group; it exists as long as the group does.

    `sets` numbers the sets of users' own multipliers that were ever begun for it.
    """

    uses = IntegerAttribute()
    sets = IntegerAttribute(null=True)


class MultiplierItem(Item, discriminator="multiplier"):
    """Some users of one set, each with their own multiplier as text."""

    users = JsonAttribute()


class ModelGroupUsesItem(Item, discriminator="model_group_uses"):
    """How much points at a model group, by kind; it exists as long as the model group does."""

    prices = IntegerAttribute()
    permissions = IntegerAttribute()
    channels = IntegerAttribute()


class UseItem(Guard, discriminator="use"):
    """A user's price in a model group or permission for it: what its counter counted."""


class RevisionItem(Item, discriminator="revision"):
    """How often a user or one of their keys was written; it exists as long as the user does."""

    revision = IntegerAttribute()
