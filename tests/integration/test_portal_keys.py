"""Keys users make for themselves: for groups open to them, under their own name, once."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.portal_api import Browser, Portal, dump, joined, lasting_portal
from tests.portal_api import rows as stored
from tollgate.services.own_keys import CREATION_LIMIT

VIEW = {
    *(
        "id",
        "name",
        "last4",
        "group",
        "pricing_group",
        "pricing_group_fallback",
        "quota_usd",
        "remaining_usd",
        "expires_at",
    ),
    *("models", "endpoints", "cost_in_stream", "receipt_in_stream"),
    *("allowed_networks", "denied_networks", "limits"),
    *("status", "created_at", "version"),
}


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    """Four groups: open, exclusive and granted, exclusive, and switched off."""
    with lasting_portal() as found:
        found.group("main", description="for everybody", sort_order=5)
        found.group("granted", exclusive=True)
        found.group("not granted", exclusive=True)
        found.group("off", status="disabled")
        yield found


@pytest.fixture(scope="module")
def ann(portal: Portal) -> Browser:
    browser = joined(portal, "ann@example.com")
    portal.change_user(browser.user, groups=("grp_1",))
    return browser


@pytest.fixture(scope="module")
def bob(portal: Portal, ann: Browser) -> Browser:
    return joined(portal, "bob@example.com")


# --- groups -----------------------------------------------------------------------------------


def test_only_groups_that_are_open_to_one_are_listed_in_their_order(
    ann: Browser, bob: Browser
) -> None:
    hers = ann.call("GET", "/groups").json["entries"]
    assert [group["id"] for group in hers] == ["grp_1", "grp_0"]
    assert [group["id"] for group in bob.call("GET", "/groups").json["entries"]] == ["grp_0"]
    assert hers[1] == {
        "id": "grp_0",
        "name": "main",
        "platform": "openai",
        "multiplier": "1",
        "description": "for everybody",
        "claude_code_only": False,
    }


@pytest.mark.parametrize("group", ["grp_1", "grp_2", "grp_3", "grp_missing"])
def test_a_group_that_is_not_for_one_is_none(bob: Browser, group: str) -> None:
    answer = bob.call("POST", "/keys", {"group": group})
    assert (answer.status, answer.json["detail"]) == (
        *(422, "group: there is none of this id for you"),
    )


# --- creating ---------------------------------------------------------------------------------


def test_a_key_is_made_and_its_secret_shown_once(ann: Browser) -> None:
    made = ann.created("/keys", {"group": "grp_1", "name": "laptop", "quota_usd": "5"})
    assert set(made) == VIEW | {"secret", "note"}
    assert made["secret"].startswith("sk-tg-" + ann.user.removeprefix("usr_"))
    assert made["secret"][-4:] == made["last4"]
    assert (made["quota_usd"], made["remaining_usd"]) == ("5", "5")
    read = ann.call("GET", f"/keys/{made['id']}")
    assert (read.etag, set(read.json)) == ('"1"', VIEW)
    assert made["secret"] not in dump()
    assert made["secret"] not in ann.call("GET", "/keys").text


def test_a_repeated_request_makes_no_second_key_and_shows_no_secret(ann: Browser) -> None:
    body, once = {"group": "grp_0", "name": "once"}, {"Idempotency-Key": "try-1"}
    first = ann.call("POST", "/keys", body, headers=once)
    again = ann.call("POST", "/keys", body, headers=once)
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json | {"secret": None}
    other = ann.call("POST", "/keys", body | {"name": "twice"}, headers=once)
    assert (other.status, other.json["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    "field",
    [
        *("id", "user", "alias", "secret", "secret_hash", "pepper_generation", "last4", "version"),
        *("remaining", "kind", "pk", "stamp", "status"),
    ],
)
def test_nobody_sets_what_they_were_not_offered(ann: Browser, field: str) -> None:
    before = stored("catalog")
    answer = ann.call("POST", "/keys", {"group": "grp_0", field: "x"})
    assert (answer.status, answer.json["param"]) == (422, field)
    if field != "status":
        patched = ann.call("PATCH", "/keys/x", {field: "x"}, headers={"If-Match": '"1"'})
        assert (patched.status, patched.json["param"]) == (422, field)
    assert stored("catalog") == before


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"quota_usd": "-1"}, id="a negative quota"),
        pytest.param({"quota_usd": 5}, id="a number"),
        pytest.param({"quota_usd": "1e3"}, id="an exponent"),
        pytest.param({"quota_usd": "0.0000000001"}, id="less than a nano"),
        pytest.param({"expires_at": -1}, id="before all time"),
        pytest.param({"expires_at": True}, id="a boolean"),
        pytest.param({"expires_at": 2**53}, id="more than JavaScript counts"),
        pytest.param({"models": "gpt-4o"}, id="no list"),
        pytest.param({"models": ["a", "a"]}, id="a model twice"),
        pytest.param({"name": "x" * 101}, id="a long name"),
        pytest.param({"name": "a\u0000b"}, id="NUL in the name"),
    ],
)
def test_a_key_that_cannot_be_is_refused(ann: Browser, body: dict[str, Any]) -> None:
    answer = ann.call("POST", "/keys", {"group": "grp_0"} | body)
    assert answer.status == 422, answer.text


@pytest.mark.parametrize(
    ("body", "chinese"),
    [
        pytest.param({"group": "grp_none"}, "group：没有您可用的这个分组", id="a group"),
        pytest.param(
            {"pricing_group": "vip"}, "pricing_group：您在该分组中没有价格和权限", id="a tier"
        ),
        pytest.param(
            {"limits": {"rpm": 10**10}},
            "limits.rpm：应为 0 到 1000000000；0 表示不限",
            id="too many calls",
        ),
        pytest.param(
            {"limits": {"spend_day_usd": "9999999999"}},
            "limits.spend_day_usd：最多 9 位小数，且不超过 9000000 美元",
            id="too much money",
        ),
        pytest.param(
            {"denied_networks": ["192.0.2.0/24", "192.0.2.1/24"]},
            "denied_networks[2]：应为网段（如 192.0.2.0/24 或 2001:db8::/32）或地址",
            id="bits beyond a network",
        ),
        pytest.param({"models": ["gpt*o"]}, "models：* 只能是最后一个字符", id="a star"),
        pytest.param({"models": ["a", "a"]}, "models：名称重复", id="twice"),
        pytest.param({"endpoints": ["chat"]}, "endpoints：应为路径，如 /v1/chat/*", id="no path"),
        pytest.param(
            {"expires_at": 1_795_382_356},
            "expires_at：应为毫秒时间戳，而不是秒",
            id="seconds",
        ),
    ],
)
def test_users_read_in_chinese_what_is_wrong(
    ann: Browser, body: dict[str, Any], chinese: str
) -> None:
    answer = ann.call("POST", "/keys", {"group": "grp_0"} | body)
    assert (answer.status, answer.json["messages"]["zh"]) == (422, chinese), answer.text


def test_keys_are_listed_page_by_page(portal: Portal) -> None:
    cem = joined(portal, "cem@example.com")
    made = [cem.created("/keys", {"group": "grp_0", "name": f"{n}"})["id"] for n in range(3)]
    first = cem.call("GET", "/keys", query={"limit": 2}).json
    rest = cem.call("GET", "/keys", query={"cursor": first["next_cursor"]}).json
    assert [key["id"] for key in first["entries"] + rest["entries"]] == sorted(made)
    assert rest["next_cursor"] is None
    other = joined(portal, "dia@example.com")
    stolen = other.call("GET", "/keys", query={"cursor": first["next_cursor"]})
    assert (stolen.status, stolen.json["param"]) == (400, "cursor")


def test_a_user_has_100_keys_that_are_not_revoked_at_most(portal: Portal) -> None:
    eve = joined(portal, "eve@example.com")
    keys = []
    for number in range(100):
        if number == CREATION_LIMIT:
            stopped = eve.call("POST", "/keys", {"group": "grp_0"})
            assert (stopped.status, stopped.headers["retry-after"]) == (429, "900")
            portal.now += 900_000
        keys.append(eve.created("/keys", {"group": "grp_0"})["id"])
    full = eve.call("POST", "/keys", {"group": "grp_0"})
    assert (full.status, full.json["code"]) == (409, "conflict")
    assert eve.call("DELETE", f"/keys/{keys[0]}", headers={"If-Match": '"1"'}).status == 200
    assert eve.call("POST", "/keys", {"group": "grp_0"}).status == 201


# --- changing ---------------------------------------------------------------------------------


def test_a_key_is_changed_from_the_version_that_was_seen(ann: Browser) -> None:
    key = ann.created("/keys", {"group": "grp_0"})["id"]
    body = {"name": "desktop", "models": ["gpt-4o*"], "expires_at": 1_900_000_000_000}
    unseen = ann.call("PATCH", f"/keys/{key}", body)
    assert (unseen.status, unseen.json["code"]) == (428, "version_required")
    changed = ann.call("PATCH", f"/keys/{key}", body, headers={"If-Match": '"1"'})
    assert (changed.status, changed.etag, changed.json["name"]) == (200, '"2"', "desktop")
    stale = ann.call("PATCH", f"/keys/{key}", body, headers={"If-Match": '"1"'})
    assert (stale.status, stale.json["code"]) == (412, "version_mismatch")


def test_a_key_says_what_its_streams_tell(ann: Browser) -> None:
    plain = ann.created("/keys", {"group": "grp_0"})
    assert (plain["cost_in_stream"], plain["receipt_in_stream"]) == (True, False)
    wanted = {"cost_in_stream": False, "receipt_in_stream": True}
    asked = ann.created("/keys", {"group": "grp_0", **wanted})
    assert {name: asked[name] for name in wanted} == wanted
    back = {"cost_in_stream": True, "receipt_in_stream": False}
    changed = ann.call("PATCH", f"/keys/{asked['id']}", back, headers={"If-Match": '"1"'}).json
    assert {name: changed[name] for name in back} == back


def test_a_disabled_or_revoked_key_is_refused_by_the_wallet_at_once(ann: Browser) -> None:
    wallets, catalog = ann.portal.stores.wallets, ann.portal.stores.catalog
    disabled, revoked = (ann.created("/keys", {"group": "grp_0"})["id"] for _ in range(2))
    seen = {"If-Match": '"1"'}
    assert ann.call("PATCH", f"/keys/{disabled}", {"status": "disabled"}, headers=seen).status
    assert ann.call("DELETE", f"/keys/{revoked}", headers=seen).json["status"] == "revoked"
    aliases = {catalog.keys(ann.user).get(key).alias for key in (disabled, revoked)}
    assert aliases <= set(wallets.read(ann.user).first.revoked)
    back = ann.call("PATCH", f"/keys/{revoked}", {"status": "active"}, headers={"If-Match": '"2"'})
    assert (back.status, back.json["code"]) == (409, "conflict")


def test_a_quota_is_set_and_lifted(ann: Browser) -> None:
    key = ann.created("/keys", {"group": "grp_0"})["id"]
    for version, quota in enumerate(("2.5", "0", None), start=1):
        answer = ann.call(
            "PUT", f"/keys/{key}/quota", {"quota_usd": quota}, headers={"If-Match": f'"{version}"'}
        )
        assert (answer.status, answer.json["quota_usd"]) == (200, quota), answer.text
        assert answer.json["remaining_usd"] == quota


# --- other people's ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [
        pytest.param("GET", "", None, id="read"),
        pytest.param("PATCH", "", {"name": "mine"}, id="change"),
        pytest.param("DELETE", "", None, id="revoke"),
        pytest.param("PUT", "/quota", {"quota_usd": "1"}, id="limit"),
    ],
)
def test_somebody_elses_key_is_not_there(
    ann: Browser, bob: Browser, method: str, tail: str, body: Any
) -> None:
    key = ann.created("/keys", {"group": "grp_0"})["id"]
    before, seen = stored("catalog"), {"If-Match": '"1"'}
    theirs = bob.call(method, f"/keys/{key}{tail}", body, headers=seen)
    missing = bob.call(method, f"/keys/key_missing{tail}", body, headers=seen)
    assert theirs.status == missing.status == 404
    assert theirs.text.replace(key, "key_missing") == missing.text
    assert theirs.headers == missing.headers
    assert stored("catalog") == before


def test_every_change_is_written_down_without_secrets(portal: Portal) -> None:
    fay = joined(portal, "fay@example.com")
    key = fay.created("/keys", {"group": "grp_0"})["id"]
    fay.call("PATCH", f"/keys/{key}", {"name": "new"}, headers={"If-Match": '"1"'})
    fay.call("PUT", f"/keys/{key}/quota", {"quota_usd": "1"}, headers={"If-Match": '"2"'})
    fay.call("DELETE", f"/keys/{key}", headers={"If-Match": '"3"'})
    fay.call("DELETE", "/session")
    entries = [entry for entry in portal.audit() if entry["actor"] == fay.user]
    assert sorted(entry["action"] for entry in entries) == [
        *("key.change", "key.create", "key.quota", "key.revoke", "session.end", "session.open"),
    ]
    assert {entry["object"] for entry in entries} == {fay.user, f"{fay.user}/{key}"}
