"""The steps between definition and wallet when one fails: too much is refused, never too little."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from tests.admin_api import NOW, AdminApi, admin_api
from tests.admin_writes import World, furnish
from tollgate.domain.definitions import Author, KeyDefinition, UserDefinition
from tollgate.domain.errors import Conflict, ValidationFailed, VersionMismatch
from tollgate.domain.wallet import WalletStatus
from tollgate.services.keys import Keys
from tollgate.services.users import Users
from tollgate.store.wallet import Wallets

AUTHOR = Author("adm_1", NOW)
FRESH = {"If-Match": '"1"'}


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


@pytest.fixture
def world(api: AdminApi) -> World:
    return furnish(api)


def draft(world: World, identity: str = "key_2", group: str | None = None) -> KeyDefinition:
    return KeyDefinition(identity, world.user, "", "", 0, "", group or world.group, quota=5)


def keys(api: AdminApi, *drawn: int) -> Keys:
    """The service, drawing these numbers for aliases and any for secrets."""
    numbers = iter(drawn)
    stores = api.stores

    def draw(below: int) -> int:
        return next(numbers) if below == 32**4 else 7

    return Keys(stores.catalog, stores.wallets, stores.peppers, draw)


def test_an_alias_that_is_taken_is_drawn_again(api: AdminApi, world: World) -> None:
    service = keys(api, 1, 1, 2)
    first = service.create(draft(world), AUTHOR).key
    second = service.create(draft(world, "key_3"), AUTHOR).key
    assert (first.alias, second.alias) == ("0001", "0002")
    assert service.remaining(world.user)["0001"] == 5


def test_a_key_that_could_not_be_created_leaves_no_quota(api: AdminApi, world: World) -> None:
    with pytest.raises(ValidationFailed, match="no group"):
        keys(api, 1).create(draft(world, group="grp_missing"), AUTHOR)
    assert "0001" not in api.stores.wallets.read(world.user).keys


def test_a_key_that_died_before_its_quota_gets_it_when_repeated(
    api: AdminApi, world: World
) -> None:
    keyed = replace(draft(world), alias="0001", secret_hash="a" * 64, pepper_generation=1)
    api.stores.catalog.keys(world.user).create(keyed, AUTHOR)
    service = keys(api)
    assert service.create(draft(world), AUTHOR, resumed=True).secret is None
    assert service.remaining(world.user)["0001"] == 5


def test_a_revoked_key_takes_no_quota(api: AdminApi, world: World) -> None:
    path = f"/users/{world.user}/keys/{world.key}"
    api.call("DELETE", path, headers=FRESH)
    refused = api.call("PUT", f"{path}/quota", {"quota_usd": "1"}, headers={"If-Match": '"2"'})
    assert (refused.status, refused.json["param"]) == (409, "status")


def test_a_key_without_a_quota_has_nothing_to_add_to(api: AdminApi, world: World) -> None:
    plain = api.created(f"/users/{world.user}/keys", {"group": world.group})["id"]
    path = f"/users/{world.user}/keys/{plain}/quota/additions"
    refused = api.call("POST", path, {"amount_usd": "1"}, headers=FRESH)
    assert (refused.status, refused.json["param"]) == (422, "quota_usd")


@dataclass(frozen=True)
class Racing(Wallets):
    """Somebody else changes the user while their wallet is being suspended."""

    interrupt: Callable[[str], object] = str

    def set_status(self, user: str, status: WalletStatus) -> None:
        super().set_status(user, status)
        if status == "suspended":
            self.interrupt(user)


def test_a_disabling_that_lost_a_race_gives_the_wallet_back(api: AdminApi, world: World) -> None:
    wallets, users = api.stores.wallets, api.stores.catalog.users

    def rename(user: str) -> None:
        users.change(user, None, lambda before: replace(before, name="other"), AUTHOR)

    racing = Racing(wallets.dynamo, wallets.table, wallets.random, wallets.clock, interrupt=rename)

    def disable(user: UserDefinition) -> UserDefinition:
        return replace(user, status="disabled")

    with pytest.raises(VersionMismatch):
        Users(api.stores.catalog, racing).change(world.user, 1, disable, AUTHOR)
    assert wallets.read(world.user).first.status == "active"


def test_a_deleted_user_lets_go_of_the_address(api: AdminApi, world: World) -> None:
    api.call("DELETE", f"/users/{world.user}", headers=FRESH)
    api.created("/users", {"email": "ann@example.com"})
    with pytest.raises(Conflict, match="cannot become"):
        Users(api.stores.catalog, api.stores.wallets).change(
            world.user, None, lambda user: replace(user, status="active"), AUTHOR
        )


def test_quotas_follow_their_key_when_a_user_gets_more_shards(api: AdminApi, world: World) -> None:
    api.call("PATCH", f"/users/{world.user}", {"shards": 8}, headers=FRESH)
    path = f"/users/{world.user}/keys/{world.key}"
    assert api.call("GET", path).json["remaining_usd"] == "5"
    more = api.call("POST", f"{path}/quota/additions", {"amount_usd": "1"}, headers=FRESH)
    assert (more.status, more.json["remaining_usd"]) == (200, "6")
