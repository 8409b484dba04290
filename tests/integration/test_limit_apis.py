"""Limits and networks of users and keys through both APIs: what is written, shown and refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.admin_api import AdminApi, admin_api
from tests.admin_writes import World, furnish
from tests.portal_api import Browser, Portal, joined, portal_api
from tollgate.domain.catalog import Limits
from tollgate.domain.ledger import Credit
from tollgate.domain.limits import HoldRequest
from tollgate.domain.scopes import scopes_of

NONE = {
    "rpm": 0,
    "tpm": 0,
    "concurrency": 0,
    "spend_5h_usd": "0",
    "spend_day_usd": "0",
    "spend_week_usd": "0",
}
FIRST = {"If-Match": '"1"'}


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


@pytest.fixture
def world(api: AdminApi) -> World:
    return furnish(api)


@pytest.fixture
def portal(aws_environment: None) -> Iterator[Portal]:
    with portal_api() as found:
        yield found


def test_a_user_is_limited_by_themselves_and_in_groups(api: AdminApi, world: World) -> None:
    path = f"/users/{world.user}"
    body = {
        "limits": {"rpm": 60, "spend_day_usd": "12.5"},
        "group_limits": {world.group: {"concurrency": 2, "spend_week_usd": "0.000000001"}},
    }
    headers = {"If-Match": f'"{api.call("GET", path).json["version"]}"'}
    changed = api.call("PATCH", path, body, headers=headers)
    assert changed.status == 200, changed.text
    assert changed.json["limits"] == NONE | {"rpm": 60, "spend_day_usd": "12.5"}
    own = {world.group: NONE | {"concurrency": 2, "spend_week_usd": "0.000000001"}}
    assert api.call("GET", path).json["group_limits"] == own
    stored = api.stores.catalog.users.get(world.user)
    assert stored.limits == Limits(rpm=60, spend_day=12_500_000_000)
    assert stored.group_limits == {world.group: Limits(concurrency=2, spend_week=1)}
    headers = {"If-Match": f'"{changed.json["version"]}"'}
    cleared = api.call("PATCH", path, {"limits": None, "group_limits": None}, headers=headers)
    assert (cleared.json["limits"], cleared.json["group_limits"]) == (NONE, {})


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        pytest.param({"rpm": 5}, 422, "rpm", id="a limit on its own"),
        pytest.param({"limits": {"rpm": -1}}, 422, "limits.rpm", id="negative"),
        pytest.param({"limits": {"rpm": "5"}}, 422, "limits.rpm", id="text"),
        pytest.param({"limits": {"rpm": 10**9 + 1}}, 422, "limits.rpm", id="too many"),
        pytest.param({"limits": {"rpd": 5}}, 422, "limits.rpd", id="unknown"),
        pytest.param(
            {"limits": {"spend_5h_usd": "-1"}}, 422, "limits.spend_5h_usd", id="negative dollars"
        ),
        pytest.param(
            {"limits": {"spend_week_usd": 5}}, 422, "limits.spend_week_usd", id="dollars as number"
        ),
        pytest.param(
            {"group_limits": {"grp_none": {"rpm": 1}}}, 422, "group_limits.grp_none", id="no group"
        ),
    ],
)  # fmt: skip
def test_what_is_no_limit_is_refused_by_its_name(
    api: AdminApi, world: World, body: dict[str, Any], status: int, field: str
) -> None:
    path = f"/users/{world.user}"
    before = api.call("GET", path).json
    headers = {"If-Match": f'"{before["version"]}"'}
    refused = api.call("PATCH", path, body, headers=headers)
    assert (refused.status, refused.json["param"]) == (status, field), refused.text
    assert api.call("GET", path).json == before


NETWORKS = [
    pytest.param(["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"], None, id="networks"),
    pytest.param([], None, id="none"),
    pytest.param(["192.0.2.1/24"], "allowed_networks[1]", id="bits beyond its length"),
    pytest.param(["192.0.2.0/24", "example.com"], "allowed_networks[2]", id="a name"),
    pytest.param(["fe80::1%eth0"], "allowed_networks[1]", id="a zone"),
    pytest.param(["192.0.2.0/33"], "allowed_networks[1]", id="too long"),
    pytest.param(["::ffff:192.0.2.0/120"], None, id="IPv4 written as IPv6"),
    pytest.param(["192.0.2.1", "192.0.2.1"], "allowed_networks", id="twice"),
]


@pytest.mark.parametrize(("networks", "field"), NETWORKS)
def test_staff_bind_a_key_to_networks(
    api: AdminApi, world: World, networks: list[str], field: str | None
) -> None:
    path = f"/users/{world.user}/keys/{world.key}"
    headers = {"If-Match": f'"{api.call("GET", path).json["version"]}"'}
    body = {"allowed_networks": networks, "denied_networks": ["192.0.2.1"], "limits": {"tpm": 9}}
    answer = api.call("PATCH", path, body, headers=headers)
    if field is None:
        assert (answer.status, answer.json["allowed_networks"]) == (200, networks)
        assert answer.json["denied_networks"] == ["192.0.2.1"]
        assert answer.json["limits"] == NONE | {"tpm": 9}
    else:
        assert (answer.status, answer.json["param"]) == (422, field), answer.text


def test_the_twenty_first_limited_key_is_refused(api: AdminApi, world: World) -> None:
    keys = f"/users/{world.user}/keys"
    body = {"group": world.group, "limits": {"rpm": 5}}
    before = sum(each["quota_usd"] is not None for each in api.call("GET", keys).json["entries"])
    made = [api.call("POST", keys, body) for _ in range(20 - before)]
    assert {answer.status for answer in made} == {201}
    refused = api.call("POST", keys, body)
    assert (refused.status, refused.json["param"]) == (422, "limits")
    assert "at most 20 keys with a quota or limits" in refused.json["detail"]
    free = api.call("POST", keys, {"group": world.group})
    path = f"{keys}/{free.json['id']}"
    late = api.call("PATCH", path, {"limits": {"rpm": 1}}, headers=FIRST)
    quota = api.call("PUT", f"{path}/quota", {"quota_usd": "1"}, headers=FIRST)
    assert (late.json["param"], quota.json["param"]) == ("limits", "quota")
    changed = api.call("PATCH", f"{keys}/{made[0].json['id']}", {"limits": None}, headers=FIRST)
    assert changed.json["limits"] == NONE
    assert api.call("PATCH", path, {"limits": {"rpm": 1}}, headers=FIRST).status == 200


def test_staff_and_the_user_see_what_of_limits_is_used(portal: Portal) -> None:
    portal.group("main")
    ann = joined(portal, "ann@example.com")
    limits = {"rpm": 3, "tpm": 100, "concurrency": 2, "spend_5h_usd": "1", "spend_day_usd": "2"}
    made = ann.call("POST", "/keys", {"group": "grp_0", "limits": limits})
    assert (made.status, made.json["limits"]) == (201, NONE | limits)
    portal.change_user(ann.user, limits=Limits(concurrency=9, spend_week=5 * 10**9))
    stores, now = portal.stores, portal.now
    stores.wallets.credit(Credit(ann.user, 10**9, "topup", "t", "1", "test"))
    key = stores.catalog.keys(ann.user).get(made.json["id"])
    owner = stores.catalog.users.get(ann.user)
    stores.wallets.hold(
        HoldRequest(
            user=ann.user,
            key_alias=key.alias,
            amount=400_000_000,
            limited_key=False,
            profile_version=10**6,
            scopes=scopes_of(owner.limits, (key.alias, key.limits), ("g000", Limits())),
            tokens=30,
        )
    )
    minute, midnight = now // 60_000 * 60_000 + 60_000, now - now % 86_400_000 + 86_400_000
    begun = now // 1_000 * 1_000
    seen = [tuple(use.values()) for use in ann.call("GET", "/limits").json["entries"]]
    assert seen == [
        ("user", ann.user, "concurrency", "9", "1", None),
        ("user", ann.user, "spend_week_usd", "5", "0.4", begun + 7 * 86_400_000),
        ("key", key.id, "rpm", "3", "1", minute),
        ("key", key.id, "tpm", "100", "30", minute),
        ("key", key.id, "concurrency", "2", "1", None),
        ("key", key.id, "spend_5h_usd", "1", "0.4", begun + 5 * 3_600_000),
        ("key", key.id, "spend_day_usd", "2", "0.4", midnight),
    ]


def test_a_limit_nobody_used_says_so(api: AdminApi, world: World) -> None:
    path = f"/users/{world.user}"
    headers = {"If-Match": f'"{api.call("GET", path).json["version"]}"'}
    body = {"limits": {"spend_5h_usd": "1"}, "group_limits": {world.group: {"concurrency": 1}}}
    assert api.call("PATCH", path, body, headers=headers).status == 200
    assert api.call("GET", f"{path}/limits").json["entries"] == [
        {
            "scope": "user",
            "id": world.user,
            "limit": "spend_5h_usd",
            "allowed": "1",
            "used": "0",
            "resets_at": None,
        },
        {
            "scope": "group",
            "id": world.group,
            "limit": "concurrency",
            "allowed": "1",
            "used": "0",
            "resets_at": None,
        },
    ]


def test_a_user_may_bind_and_limit_only_their_own_keys(portal: Portal) -> None:
    portal.group("main")
    ann, bob = joined(portal, "ann@example.com"), joined(portal, "bob@example.com")
    key = ann.call("POST", "/keys", {"group": "grp_0"}).json["id"]
    body = {"limits": {"rpm": 1}, "denied_networks": ["192.0.2.0/24"]}
    assert bob.call("PATCH", f"/keys/{key}", body, headers=FIRST).status == 404
    changed = ann.call("PATCH", f"/keys/{key}", body, headers=FIRST).json
    assert (changed["limits"], changed["denied_networks"]) == (NONE | {"rpm": 1}, ["192.0.2.0/24"])
    assert bob.call("GET", "/limits").json["entries"] == []
    me: Browser = ann
    assert me.call("PATCH", "/me", {"limits": {"rpm": 0}}).status in {404, 405}
