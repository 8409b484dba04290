"""From a write in the Catalog table through its images to a relay's copy, over boto3."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest

from tests.catalog_samples import (
    AUTHOR,
    CHANNEL,
    DRAFT,
    KEY,
    USER,
    stored_record,
)
from tests.catalog_tables import CATALOG, catalog_in_memory, furnish
from tests.locked_moto import REGION, service
from tollgate.domain.catalog import CustomerPrice, ModelGroup, ModelGroupChannel
from tollgate.domain.customer_prices import Agreement
from tollgate.domain.definitions import (
    CustomerPriceVersion,
    ModelGroupChannelDefinition,
    ModelGroupDefinition,
    Setting,
)
from tollgate.domain.errors import GroupNotPermitted
from tollgate.services.catalog import Catalog
from tollgate.services.publishing import Publishing
from tollgate.store.boto3_dynamodb import Boto3Dynamo, boto3_client
from tollgate.store.catalog.table import CatalogTable
from tollgate.store.publications import Publications
from tollgate.store.snapshots import Snapshots

STATE: Final = "tollgate-state"
BEGIN: Final = 1_700_000_000_000
VIP: Final = ModelGroupDefinition("gpt-4o", "vip", "tokens")
BINDING: Final = ModelGroupChannelDefinition("gpt-4o", "vip", "chn_1")


class Installation:
    """A Catalog table, a publisher of what is written to it, and a warm relay."""

    def __init__(self, catalog: CatalogTable) -> None:
        self.now = BEGIN
        self.catalog = catalog
        self.wallets: dict[str, int] = {}
        self.reports: list[tuple[str, str]] = []
        self._client = service("dynamodb")
        self._delivered: dict[str, Any] = {}
        dynamo = Boto3Dynamo(boto3_client("dynamodb", REGION), lambda seconds: None)
        self.publishing = Publishing(
            catalog,
            Publications(dynamo, STATE),
            self.wallets.__setitem__,
            lambda: self.now,
            lambda part, error: self.reports.append((part, str(error))),
        )
        self.relay = Catalog(Snapshots(dynamo, STATE), lambda: self.now)

    def pump(self) -> None:
        """Deliver what was written since the last time, then let five seconds pass."""
        found = self._client.scan(TableName=CATALOG)["Items"]
        items = {item["pk"]["S"] + item["sk"]["S"]: item for item in found}
        before, self._delivered = self._delivered, items
        changed = [key for key in before | items if before.get(key) != items.get(key)]
        records = [stored_record(before.get(key), items.get(key)) for key in changed]
        assert (self.publishing.apply(records), self.reports) == ([], [])
        self.now += 5_000

    def own(self, user: str) -> str | None:
        """A user's own multiplier in the first group, as the relay sees it."""
        return self.relay.multiplier(self.relay.group("grp_1"), user)


@pytest.fixture
def installation() -> Iterator[Installation]:
    with catalog_in_memory(STATE) as catalog:
        made = Installation(catalog)
        furnish(catalog)
        catalog.prices.add(DRAFT, AUTHOR)
        catalog.settings.create(Setting("signup", True), AUTHOR)
        made.pump()
        yield made


def test_everything_written_reaches_the_relay(installation: Installation) -> None:
    everywhere = installation.relay.global_part()
    assert everywhere.prices["gpt-4o"][0].prices == {"input": "2.5", "output": "10"}
    assert everywhere.default_groups == {"gpt-4o": "default"}
    assert everywhere.settings == {"signup": True}
    group = installation.relay.group("grp_1")
    assert group.multiplier == Decimal("1.25")
    assert group.channel is not None
    assert group.channel.model_mapping == {"openai": {"fast": "gpt-4o-mini", "claude-*": "gpt-4o"}}
    assert [account.secret for account in group.accounts] == [{"generation": 1, "box": "c2VhbGVk"}]
    found = installation.relay.find_key(USER.id, [KEY.secret_hash])
    assert found is not None
    assert (found[0].version, found[1].alias) == (2, "k001")
    assert installation.wallets == {USER.id: 2}


def test_a_changed_price_and_a_disabled_account_reach_a_warm_relay(
    installation: Installation,
) -> None:
    installation.relay.group("grp_1")
    installation.catalog.prices.reprice(replace(DRAFT, prices={"input": "3"}), 1, AUTHOR)
    installation.catalog.accounts.change(
        "acc_1", 1, lambda account: replace(account, status="disabled"), AUTHOR
    )
    installation.pump()
    assert installation.relay.global_part().prices["gpt-4o"][-1].prices == {"input": "3"}
    assert installation.relay.group("grp_1").accounts == ()


def test_a_revoked_key_is_known_by_the_version_its_wallet_was_told(
    installation: Installation,
) -> None:
    installation.relay.profile(USER.id)
    keys = installation.catalog.keys(USER.id)
    keys.change("key_1", 1, lambda key: replace(key, status="revoked"), AUTHOR)
    told = installation.catalog.profile_revision(USER.id)
    installation.pump()
    assert installation.wallets == {USER.id: told}
    profile = installation.relay.refresh_profile(USER.id)
    assert profile is not None
    assert profile.version == told
    assert profile.keys[KEY.secret_hash].status == "revoked"


def test_a_group_that_moves_takes_its_channel_along(installation: Installation) -> None:
    channels = installation.catalog.channels
    channels.create(replace(CHANNEL, id="chn_2", name="b", groups=("grp_2",)), AUTHOR)
    channels.change("chn_1", 1, lambda channel: replace(channel, groups=()), AUTHOR)
    channels.change("chn_2", 1, lambda channel: replace(channel, groups=("grp_1",)), AUTHOR)
    installation.pump()
    moved = installation.relay.group("grp_1").channel
    assert moved is not None
    assert (moved.id, installation.relay.group("grp_2").channel) == ("chn_2", None)


def test_a_removed_group_is_refused_by_a_warm_relay(installation: Installation) -> None:
    installation.relay.group("grp_2")
    installation.catalog.groups.remove("grp_2", 1)
    installation.pump()
    with pytest.raises(GroupNotPermitted):
        installation.relay.group("grp_2")


def agree(installation: Installation, agreement: Agreement) -> None:
    customer = installation.catalog.customer(USER.id)
    writing = customer.begin()
    customer.settle(writing, [customer.agree(writing, agreement, AUTHOR)])
    writing.commit()


def test_what_is_agreed_reaches_the_relay_that_its_wallet_sends_for_it(
    installation: Installation,
) -> None:
    installation.relay.profile(USER.id)
    installation.catalog.model_groups.create(VIP, AUTHOR)
    own = CustomerPrice("", "", 0, prices={"input": "2"}, effective_from=BEGIN)
    price = CustomerPriceVersion(own)
    agree(installation, Agreement("gpt-4o", "vip", price=price, permitted=True))
    installation.pump()
    assert installation.wallets == {USER.id: 3}
    profile = installation.relay.refresh_profile(USER.id)
    assert profile is not None
    assert profile.version == 3
    assert profile.prices["gpt-4o"]["vip"] == (replace(own, model="gpt-4o", code="vip", version=1),)
    assert profile.permissions == {"gpt-4o": frozenset({"vip"})}
    agree(installation, Agreement("gpt-4o", "vip", withdrawn=True, permitted=False))
    installation.pump()
    profile = installation.relay.refresh_profile(USER.id)
    assert profile is not None
    assert (profile.version, dict(profile.prices), profile.permissions) == (4, {}, {})


def test_model_groups_defaults_and_bindings_reach_a_warm_relay(installation: Installation) -> None:
    assert dict(installation.relay.global_part().model_groups) == {}
    groups = installation.catalog.model_groups
    groups.create(VIP, AUTHOR)
    installation.catalog.bindings.create(BINDING, AUTHOR)
    installation.pump()
    part = installation.relay.global_part()
    vip = ModelGroup("tokens", True, (ModelGroupChannel("chn_1"),))
    assert part.model_groups["gpt-4o"] == {"vip": vip}
    bound = installation.relay.channel("chn_1")
    assert bound is not None
    assert [account.id for account in bound.accounts] == ["acc_1"]
    installation.catalog.prices.defaults.choose("gpt-4o", "vip", 1, "tokens", AUTHOR)
    groups.change("gpt-4o#default", 1, lambda group: replace(group, enabled=False), AUTHOR)
    installation.catalog.accounts.change(
        "acc_1", 1, lambda account: replace(account, status="disabled"), AUTHOR
    )
    installation.pump()
    part = installation.relay.global_part()
    assert part.default_groups == {"gpt-4o": "vip"}
    assert part.model_groups["gpt-4o"] == {
        "default": ModelGroup("tokens", enabled=False),
        "vip": vip,
    }
    bound = installation.relay.channel("chn_1")
    assert bound is not None
    assert bound.accounts == ()
    installation.catalog.bindings.remove("gpt-4o#vip#chn_1", 1)
    installation.pump()
    assert installation.relay.channel("chn_1") is None


def test_a_plain_default_is_published_where_a_wildcards_group_would_be_taken_for_it(
    installation: Installation,
) -> None:
    catalog = installation.catalog
    catalog.prices.add(replace(DRAFT, model="gpt-*"), AUTHOR)
    catalog.bindings.create(replace(BINDING, model="gpt-*", code="default"), AUTHOR)
    installation.pump()
    groups = installation.relay.global_part().model_groups
    assert groups["gpt-4o"] == {"default": ModelGroup("tokens")}
    assert [each.channel for each in groups["gpt-*"]["default"].channels] == ["chn_1"]


def test_nobody_has_no_definitions(installation: Installation) -> None:
    assert installation.catalog.person("usr_9") is None


def test_a_lost_snapshot_is_published_again_from_the_definitions(
    installation: Installation,
) -> None:
    client = service("dynamodb")
    installation.relay.group("grp_1")
    for item in client.scan(TableName=STATE)["Items"]:
        client.delete_item(TableName=STATE, Key={"pk": item["pk"], "sk": item["sk"]})
    parts = installation.catalog.parts()
    assert parts == {"global", "grp_1", "grp_2", USER.id}
    assert installation.publishing.publish(parts) == frozenset()
    installation.now += 5_000
    assert installation.relay.group("grp_1").name == "main"
    profile = installation.relay.refresh_profile(USER.id)
    assert profile is not None
    assert profile.version == 2


def test_multipliers_from_either_side_reach_the_relay(installation: Installation) -> None:
    multipliers = installation.catalog.multipliers
    assert installation.own(USER.id) is None
    version = installation.catalog.groups.get("grp_1").stamp.version
    multipliers.replace("grp_1", version, {USER.id: "1.5"}, AUTHOR)
    installation.pump()
    assert installation.own(USER.id) == "1.5"
    multipliers.change_user(multipliers.of_user(USER.id), {"grp_1": "0"}, AUTHOR)
    installation.pump()
    assert installation.own(USER.id) == "0"
    multipliers.replace("grp_1", version + 2, {}, AUTHOR)
    installation.pump()
    assert installation.own(USER.id) is None
