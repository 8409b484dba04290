"""Users, keys and money through the admin API: what staff do takes effect at once, and once."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Barrier, Thread

import pytest

from tests.admin_api import AdminApi, Answer, admin_api
from tests.admin_writes import World, furnish
from tollgate.domain.definitions import Author, UserDefinition
from tollgate.domain.errors import KeyRevoked, UserDisabled
from tollgate.services.users import Users
from tollgate.store.dynamodb import OutcomeUnknown
from tollgate.store.wallet import HoldRequest, Wallets

FRESH = {"If-Match": '"1"'}


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


@pytest.fixture
def world(api: AdminApi) -> World:
    return furnish(api)


def hold(api: AdminApi, world: World, amount: int = 1_000) -> None:
    """Ask the wallet for a call of the key, as a relay would that knows nothing new."""
    key = api.stores.catalog.keys(world.user).get(world.key)
    api.stores.wallets.hold(
        HoldRequest(
            user=world.user,
            key_alias=key.alias,
            amount=amount,
            limited_key=key.quota is not None,
            profile_version=10**6,
        )
    )


def credit(api: AdminApi, world: World, body: dict[str, object], key: str | None = None) -> Answer:
    headers = {"Idempotency-Key": key} if key else {}
    return api.call("POST", f"/users/{world.user}/wallet/credits", body, headers=headers)


# --- taking effect at once --------------------------------------------------------------------


def test_a_revoked_key_is_refused_by_the_very_next_hold(api: AdminApi, world: World) -> None:
    credit(api, world, {"amount_usd": "1", "kind": "topup", "reference": "a"})
    hold(api, world)
    revoked = api.call("DELETE", f"/users/{world.user}/keys/{world.key}", headers=FRESH)
    assert (revoked.status, revoked.json["status"]) == (200, "revoked")
    with pytest.raises(KeyRevoked):
        hold(api, world)


def test_a_disabled_key_is_refused_by_the_very_next_hold(api: AdminApi, world: World) -> None:
    credit(api, world, {"amount_usd": "1", "kind": "topup", "reference": "a"})
    path = f"/users/{world.user}/keys/{world.key}"
    assert api.call("PATCH", path, {"status": "disabled"}, headers=FRESH).status == 200
    with pytest.raises(KeyRevoked):
        hold(api, world)


def test_a_revoked_key_never_comes_back(api: AdminApi, world: World) -> None:
    path = f"/users/{world.user}/keys/{world.key}"
    api.call("DELETE", path, headers=FRESH)
    again = api.call("PATCH", path, {"status": "active"}, headers={"If-Match": '"2"'})
    assert (again.status, again.json["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("method", "body", "status", "wallet"),
    [
        pytest.param("PATCH", {"status": "disabled"}, "disabled", "suspended", id="disabled"),
        pytest.param("DELETE", None, "deleted", "deleted", id="deleted"),
    ],
)
def test_a_user_is_refused_by_the_very_next_hold(
    api: AdminApi, world: World, method: str, body: object, status: str, wallet: str
) -> None:
    credit(api, world, {"amount_usd": "1", "kind": "topup", "reference": "a"})
    answer = api.call(method, f"/users/{world.user}", body, headers=FRESH)
    assert (answer.status, answer.json["status"]) == (200, status)
    assert api.call("GET", f"/users/{world.user}/wallet").json["status"] == wallet
    with pytest.raises(UserDisabled):
        hold(api, world)


def test_an_enabled_user_is_served_again(api: AdminApi, world: World) -> None:
    credit(api, world, {"amount_usd": "1", "kind": "topup", "reference": "a"})
    path = f"/users/{world.user}"
    api.call("PATCH", path, {"status": "disabled"}, headers=FRESH)
    api.call("PATCH", path, {"status": "active"}, headers={"If-Match": '"2"'})
    hold(api, world)


def test_a_stale_disabling_leaves_the_user_served(api: AdminApi, world: World) -> None:
    credit(api, world, {"amount_usd": "1", "kind": "topup", "reference": "a"})
    path = f"/users/{world.user}"
    api.call("PATCH", path, {"limits": {"rpm": 5}}, headers=FRESH)
    assert api.call("PATCH", path, {"status": "disabled"}, headers=FRESH).status == 412
    hold(api, world)


# --- a user is never without a wallet ---------------------------------------------------------


def test_a_creation_that_died_after_the_wallet_is_taken_up_again(api: AdminApi) -> None:
    """The wallet is written first; the same id, tried again, finishes the rest."""
    stores = api.stores
    user = UserDefinition("usr_0000000000000001", "late@example.com")
    author = Author("adm_1", api.now)
    stores.wallets.create(user.id)
    made = Users(stores.catalog, stores.wallets).create(user, author, resumed=True)
    again = Users(stores.catalog, stores.wallets).create(user, author, resumed=True)
    assert made == again
    assert stores.wallets.read(user.id).first.status == "active"


def test_nothing_of_a_user_is_written_when_the_wallet_fails(api: AdminApi) -> None:
    class Failing(Wallets):
        def create(self, user: str, shards: int = 1, profile_version: int = 0) -> None:
            raise OutcomeUnknown("no answer")

    stores = api.stores
    wallets = stores.wallets
    failing = Failing(wallets.dynamo, wallets.table, wallets.random, wallets.clock)
    user = UserDefinition("usr_0000000000000001", "late@example.com")
    with pytest.raises(OutcomeUnknown):
        Users(stores.catalog, failing).create(user, Author("adm_1", api.now))
    assert stores.catalog.users.find(user.id) is None


def test_an_address_is_taken_once(api: AdminApi, world: World) -> None:
    again = api.call("POST", "/users", {"email": "Ann@Example.com"})
    assert (again.status, again.json["param"]) == (409, "email")


def test_shards_only_become_more(api: AdminApi, world: World) -> None:
    path = f"/users/{world.user}"
    assert api.call("PATCH", path, {"shards": 4}, headers=FRESH).json["shards"] == 4
    assert len(api.stores.wallets.read(world.user).shards) == 4
    fewer = api.call("PATCH", path, {"shards": 2}, headers={"If-Match": '"2"'})
    assert (fewer.status, fewer.json["param"]) == (409, "shards")


# --- quotas -----------------------------------------------------------------------------------


def test_a_quota_is_set_raised_and_lifted(api: AdminApi, world: World) -> None:
    path = f"/users/{world.user}/keys/{world.key}"
    assert api.call("GET", path).json["remaining_usd"] == "5"
    put = api.call("PUT", f"{path}/quota", {"quota_usd": "7.5"}, headers=FRESH)
    assert (put.json["quota_usd"], put.json["remaining_usd"]) == ("7.5", "7.5")
    more = {"amount_usd": "-2.5"}
    added = api.call("POST", f"{path}/quota/additions", more, headers={"If-Match": '"2"'})
    assert (added.json["quota_usd"], added.json["remaining_usd"]) == ("5", "5")
    lifted = api.call("PUT", f"{path}/quota", {"quota_usd": None}, headers={"If-Match": '"3"'})
    assert (lifted.json["quota_usd"], lifted.json["remaining_usd"]) == (None, None)


def test_an_addition_is_never_made_twice(api: AdminApi, world: World) -> None:
    path = f"/users/{world.user}/keys/{world.key}/quota/additions"
    assert api.call("POST", path, {"amount_usd": "1"}, headers=FRESH).status == 200
    assert api.call("POST", path, {"amount_usd": "1"}, headers=FRESH).status == 412
    assert api.stores.wallets.read(world.user).keys.popitem()[1] == 6_000_000_000


@pytest.mark.parametrize(
    ("amount", "status"),
    [
        pytest.param("-5.000000001", 422, id="below nothing"),
        pytest.param("9000000000", 422, id="more than a wallet has"),
    ],
)
def test_an_addition_out_of_range_changes_nothing(
    api: AdminApi, world: World, amount: str, status: int
) -> None:
    path = f"/users/{world.user}/keys/{world.key}"
    answer = api.call("POST", f"{path}/quota/additions", {"amount_usd": amount}, headers=FRESH)
    assert answer.status == status
    assert api.call("GET", path).json["remaining_usd"] == "5"


def test_a_wallet_carries_twenty_quotas_and_gives_back_places(api: AdminApi, world: World) -> None:
    path, body = f"/users/{world.user}/keys", {"group": world.group, "quota_usd": "1"}
    for _ in range(19):
        api.created(path, body)
    refused = api.call("POST", path, body)
    assert (refused.status, refused.json["param"]) == (422, "quota")
    assert len(api.call("GET", path, query={"limit": 100}).json["entries"]) == 20
    api.call("PUT", f"{path}/{world.key}/quota", {"quota_usd": None}, headers=FRESH)
    plain = api.created(path, {"group": world.group})["id"]
    revision = api.stores.catalog.profile_revision(world.user)
    api.stores.wallets.set_profile_version(world.user, revision)
    limited = api.call("PUT", f"{path}/{plain}/quota", {"quota_usd": "1"}, headers=FRESH)
    assert limited.status == 200, limited.text


def test_a_first_quota_that_lost_the_race_leaves_none(api: AdminApi, world: World) -> None:
    path = f"/users/{world.user}/keys"
    plain = api.created(path, {"group": world.group})["id"]
    keys = api.stores.catalog.keys(world.user)
    keys.change(plain, 1, lambda key: replace(key, name="x"), Author("adm_1", api.now))
    lost = api.call("PUT", f"{path}/{plain}/quota", {"quota_usd": "1"}, headers=FRESH)
    assert lost.status == 412
    assert keys.get(plain).alias not in api.stores.wallets.read(world.user).keys


# --- money ------------------------------------------------------------------------------------


def test_a_credit_moves_money_once_for_ever(api: AdminApi, world: World) -> None:
    body: dict[str, object] = {"amount_usd": "10", "kind": "topup", "note": "welcome"}
    first = credit(api, world, body, "pay-1")
    api.now += 400 * 86_400_000
    again = credit(api, world, body, "pay-1")
    assert (first.status, again.status) == (201, 201)
    assert first.json == again.json
    assert first.json["reference"] == "pay-1"
    assert api.call("GET", f"/users/{world.user}/wallet").json["credits_usd"] == "10"
    assert len(api.call("GET", f"/users/{world.user}/ledger").json["entries"]) == 1


@pytest.mark.parametrize(
    ("body", "key", "status", "code"),
    [
        pytest.param({"amount_usd": "11", "kind": "topup"}, "p", 409, "conflict", id="other sum"),
        pytest.param(
            {"amount_usd": "10", "kind": "refund"}, "p", 409, "conflict", id="other kind"
        ),
        pytest.param({"amount_usd": "10", "kind": "topup"}, None, 400,
                     "missing_required_parameter", id="no reference"),
        pytest.param({"amount_usd": "0", "kind": "topup"}, "q", 422,
                     "validation_failed", id="nothing"),
        pytest.param({"amount_usd": "-0", "kind": "adjustment"}, "q", 422,
                     "validation_failed", id="minus nothing"),
        pytest.param({"amount_usd": "-1", "kind": "topup"}, "q", 422,
                     "validation_failed", id="a negative top-up"),
        pytest.param({"amount_usd": "-10.000000001", "kind": "adjustment"}, "q", 402,
                     "insufficient_user_quota", id="more than there is"),
        pytest.param({"amount_usd": "9999999999", "kind": "topup"}, "q", 422,
                     "validation_failed", id="more than a wallet takes"),
        pytest.param({"amount_usd": "1", "kind": "late"}, "q", 422,
                     "validation_failed", id="a kind that is not for staff"),
        pytest.param({"amount_usd": "1", "kind": "topup", "reference": "other"}, "q", 422,
                     "validation_failed", id="two references"),
        pytest.param({"amount_usd": "1", "kind": "topup"}, "a#b", 422,
                     "validation_failed", id="a reference that would be two"),
    ],
)  # fmt: skip
def test_a_credit_that_may_not_be_moves_nothing(
    api: AdminApi, world: World, body: dict[str, object], key: str | None, status: int, code: str
) -> None:
    assert credit(api, world, {"amount_usd": "10", "kind": "topup"}, "p").status == 201
    refused = credit(api, world, body, key)
    assert (refused.status, refused.json["code"]) == (status, code), refused.text
    wallet = api.call("GET", f"/users/{world.user}/wallet").json
    assert (wallet["available_usd"], wallet["available_quota"]) == ("10", 5_000_000)


def test_an_adjustment_takes_money_away(api: AdminApi, world: World) -> None:
    credit(api, world, {"amount_usd": "10", "kind": "topup"}, "p")
    taken = credit(api, world, {"amount_usd": "-2.5", "kind": "adjustment"}, "q")
    assert (taken.status, taken.json["amount_usd"]) == (201, "-2.5")
    assert taken.json["by"].startswith("adm_")
    assert api.call("GET", f"/users/{world.user}/wallet").json["available_usd"] == "7.5"


# --- versions and repetition ------------------------------------------------------------------


def test_of_two_changes_at_once_one_is_refused(api: AdminApi, world: World) -> None:
    meet, statuses = Barrier(2), []

    def change(name: str) -> None:
        meet.wait()
        path = f"/groups/{world.group}"
        statuses.append(api.call("PATCH", path, {"name": name}, headers=FRESH).status)

    threads = [Thread(target=change, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 412]
    assert api.call("GET", f"/groups/{world.group}").json["version"] == 2


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        pytest.param(None, 428, "version_required", id="none"),
        pytest.param("", 428, "version_required", id="empty"),
        pytest.param("*", 400, "invalid_request", id="any"),
        pytest.param("1, 2", 400, "invalid_request", id="two"),
        pytest.param('W/"1"', 400, "invalid_request", id="weak"),
        pytest.param('"0"', 412, "version_mismatch", id="older"),
        pytest.param('"2"', 412, "version_mismatch", id="newer"),
        pytest.param("1", 200, "", id="bare"),
        pytest.param('"1"', 200, "", id="the ETag"),
    ],
)
def test_a_change_names_the_version_it_was_made_from(
    api: AdminApi, world: World, header: str | None, status: int, code: str
) -> None:
    headers = {} if header is None else {"If-Match": header}
    answer = api.call("PATCH", f"/users/{world.user}", {"limits": {"rpm": 7}}, headers=headers)
    assert answer.status == status, answer.text
    assert answer.json.get("code", "") == code
    assert status != 200 or answer.etag == '"2"'


def test_a_repeated_creation_is_answered_alike_and_creates_nothing(
    api: AdminApi, world: World
) -> None:
    headers, body = {"Idempotency-Key": "once"}, {"email": "bob@example.com"}
    first = api.call("POST", "/users", body, headers=headers)
    again = api.call("POST", "/users", body, headers=headers)
    assert (first.status, again.status) == (201, 201)
    assert first.json == again.json
    other = api.call("POST", "/users", {"email": "eve@example.com"}, headers=headers)
    assert (other.status, other.json["param"]) == (409, "Idempotency-Key")


def test_a_repeated_creation_of_a_key_does_not_show_the_secret_again(
    api: AdminApi, world: World
) -> None:
    headers, path = {"Idempotency-Key": "once"}, f"/users/{world.user}/keys"
    first = api.call("POST", path, {"group": world.group}, headers=headers).json
    again = api.call("POST", path, {"group": world.group}, headers=headers).json
    assert first["secret"].startswith("sk-tg-")
    assert (again["secret"], again["id"]) == (None, first["id"])
    assert again["note"].startswith("The secret is shown once")
    assert len(api.call("GET", path).json["entries"]) == 2


def test_a_refused_creation_may_be_put_right_under_the_same_key(api: AdminApi) -> None:
    headers = {"Idempotency-Key": "once"}
    body = {"email": "bob@example.com", "groups": ["grp_missing"]}
    assert api.call("POST", "/users", body, headers=headers).status == 422
    assert api.call("POST", "/users", {"email": "b@example.com"}, headers=headers).status == 201


def test_keys_of_different_people_are_different(api: AdminApi) -> None:
    headers = {"Idempotency-Key": "once"}
    mine = api.call("POST", "/groups", {"name": "a", "platform": "openai"}, headers=headers)
    theirs = api.call(
        "POST",
        "/groups",
        {"name": "b", "platform": "openai"},
        headers=headers,
        token=api.token("operator"),
    )
    assert (mine.status, theirs.status) == (201, 201)


def test_a_key_is_forgotten_after_a_day(api: AdminApi) -> None:
    headers = {"Idempotency-Key": "once"}
    api.call("POST", "/groups", {"name": "a", "platform": "openai"}, headers=headers)
    api.now += 86_400_000 + 2_000
    later = api.call("POST", "/groups", {"name": "b", "platform": "openai"}, headers=headers)
    assert later.status == 201
