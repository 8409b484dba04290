"""Groups through the admin API: every field, where they may lead, how they are listed."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.admin_api import AdminApi, Answer, admin_api
from tests.admin_writes import World, furnish
from tollgate.domain.definitions import Author
from tollgate.domain.errors import Conflict

OTHER = Author("adm_other", 1_795_348_800_001)


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


@pytest.fixture
def world(api: AdminApi) -> World:
    return furnish(api)


def at(version: int) -> dict[str, str]:
    return {"If-Match": f'"{version}"'}


def group(api: AdminApi, name: str, platform: str = "anthropic", **fields: Any) -> str:
    made: str = api.created("/groups", {"name": name, "platform": platform, **fields})["id"]
    return made


def change(api: AdminApi, identity: str, version: int = 1, /, **fields: Any) -> Answer:
    return api.call("PATCH", f"/groups/{identity}", fields, headers=at(version))


# --- fields -------------------------------------------------------------------------------------

NO_LIMITS = {
    "rpm": 0,
    "tpm": 0,
    "concurrency": 0,
    "spend_5h_usd": "0",
    "spend_day_usd": "0",
    "spend_week_usd": "0",
}
PLAIN = {
    "name": "plain",
    "platform": "anthropic",
    "multiplier": "1",
    "exclusive": False,
    "description": "",
    "status": "active",
    "sort_order": 0,
    "claude_code_only": False,
    "fallback_group": None,
    "invalid_request_group": None,
    "model_routing": {},
    "strategy": "priority",
    "subscription_type": "standard",
    "day_limit_usd": "0",
    "week_limit_usd": "0",
    "month_limit_usd": "0",
    "validity_days": 30,
    "limits": NO_LIMITS,
}
SENT: dict[str, Any] = {
    "name": "full",
    "platform": "anthropic",
    "multiplier": "1.25",
    "exclusive": True,
    "description": "for the office",
    "status": "disabled",
    "sort_order": 7,
    "claude_code_only": True,
    "strategy": "cheapest",
    "subscription_type": "subscription",
    "day_limit_usd": "12.5",
    "week_limit_usd": "50",
    "month_limit_usd": "0.000000001",
    "validity_days": 365,
    "limits": {
        "rpm": 60,
        "tpm": 100_000,
        "concurrency": 5,
        "spend_5h_usd": "1.5",
        "spend_day_usd": "3",
        "spend_week_usd": "10",
    },
}


def without_stamp(seen: Any) -> dict[str, Any]:
    own = {"id", "alias", "version", "created_at", "updated_at", "updated_by"}
    return {name: value for name, value in seen.items() if name not in own}


def test_a_group_is_plain_unless_somebody_says_otherwise(api: AdminApi) -> None:
    made = api.created("/groups", {"name": "plain", "platform": "anthropic"})
    assert without_stamp(made) == PLAIN
    assert without_stamp(api.call("GET", f"/groups/{made['id']}").json) == PLAIN


def test_every_field_is_kept(api: AdminApi) -> None:
    spare, large = group(api, "spare"), group(api, "large")
    sent = SENT | {"fallback_group": spare, "invalid_request_group": large}
    made = api.created("/groups", sent)
    assert without_stamp(made) == PLAIN | sent
    assert without_stamp(api.call("GET", f"/groups/{made['id']}").json) == PLAIN | sent


def test_every_field_but_the_platform_is_changed(api: AdminApi) -> None:
    spare = group(api, "spare")
    changes = SENT | {"fallback_group": spare, "invalid_request_group": spare}
    del changes["platform"]
    changed = change(api, group(api, "plain"), **changes)
    assert changed.status == 200, changed.text
    assert without_stamp(changed.json) == PLAIN | changes


def test_what_is_not_sent_stays_and_null_clears(api: AdminApi) -> None:
    spare = group(api, "spare")
    identity = api.created(
        "/groups", SENT | {"fallback_group": spare, "invalid_request_group": spare}
    )["id"]
    kept = change(api, identity, 1, name="renamed").json
    assert without_stamp(kept) == PLAIN | SENT | {
        "name": "renamed",
        "fallback_group": spare,
        "invalid_request_group": spare,
    }
    nothing = {
        "description": None,
        "fallback_group": None,
        "invalid_request_group": None,
        "model_routing": None,
        "limits": None,
    }
    cleared = change(api, identity, 2, **nothing).json
    assert without_stamp(cleared) == PLAIN | SENT | {
        "name": "renamed",
        "description": "",
        "limits": NO_LIMITS,
    }


def test_limits_are_replaced_as_a_whole(api: AdminApi) -> None:
    identity = api.created("/groups", SENT)["id"]
    assert change(api, identity, limits={"tpm": 9}).json["limits"] == NO_LIMITS | {"tpm": 9}


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        pytest.param("sort_order", -1, "sort_order", id="a negative order"),
        pytest.param("sort_order", "1", "sort_order", id="an order as text"),
        pytest.param("claude_code_only", "yes", "claude_code_only", id="a switch as text"),
        pytest.param("claude_code_only", None, "claude_code_only", id="a switch as null"),
        pytest.param("strategy", "random", "strategy", id="an unknown strategy"),
        pytest.param("subscription_type", "free", "subscription_type", id="an unknown type"),
        pytest.param("validity_days", 0, "validity_days", id="no day"),
        pytest.param("validity_days", 3_661, "validity_days", id="more than ten years"),
        pytest.param("day_limit_usd", "-1", "day_limit_usd", id="a negative grant"),
        pytest.param("day_limit_usd", 5, "day_limit_usd", id="a grant as number"),
        pytest.param("week_limit_usd", "0.0000000001", "week_limit_usd", id="too fine a grant"),
        pytest.param("month_limit_usd", "9000000.1", "month_limit_usd", id="too large a grant"),
        pytest.param("limits", {"rpm": -1}, "limits.rpm", id="a negative limit"),
        pytest.param("limits", {"calls": 1}, "limits.calls", id="an unknown limit"),
        pytest.param(
            "limits", {"spend_day_usd": "9000001"}, "limits.spend_day_usd", id="too large a limit"
        ),
        pytest.param("fallback_group", "grp_none", "fallback_group", id="no such fallback"),
        pytest.param("fallback_group", "", "fallback_group", id="an empty fallback"),
        pytest.param(
            "invalid_request_group", "grp_none", "invalid_request_group", id="no such group"
        ),
        pytest.param("model_routing", {"gpt*x": ["a"]}, "model_routing.gpt*x", id="no pattern"),
        pytest.param("model_routing", {"gpt-x": []}, "model_routing.gpt-x", id="nobody named"),
        pytest.param(
            "model_routing", {"a": ["acc_1"], "A": ["acc_1"]}, "model_routing", id="two spellings"
        ),
        pytest.param("model_routing", {"a": ["acc_none"]}, "model_routing", id="no such account"),
        pytest.param("platform", "openai", "platform", id="another platform"),
        pytest.param("alias", "a001", "alias", id="another alias"),
    ],
)
def test_what_is_refused_names_its_field_and_changes_nothing(
    api: AdminApi, field: str, value: Any, param: str
) -> None:
    identity = group(api, "plain")
    refused = change(api, identity, **{field: value})
    assert (refused.status, refused.json["param"]) == (422, param)
    assert without_stamp(api.call("GET", f"/groups/{identity}").json) == PLAIN


# --- fallbacks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["fallback_group", "invalid_request_group"])
@pytest.mark.parametrize(
    ("own", "other", "status"),
    [
        pytest.param("anthropic", "anthropic", 200, id="the same platform"),
        pytest.param("antigravity", "anthropic", 200, id="antigravity speaks Anthropic's"),
        pytest.param("antigravity", "gemini", 200, id="antigravity speaks Gemini's"),
        pytest.param("gemini", "antigravity", 200, id="and the other way round"),
        pytest.param("anthropic", "openai", 422, id="another platform"),
        pytest.param("gemini", "anthropic", 422, id="two that antigravity speaks"),
        pytest.param("openai", "antigravity", 422, id="one that antigravity does not speak"),
    ],
)
def test_a_fallback_serves_the_same_callers(
    api: AdminApi, field: str, own: str, other: str, status: int
) -> None:
    target = group(api, "target", other)
    answer = change(api, group(api, "own", own), **{field: target})
    assert answer.status == status
    assert status == 200 or answer.json["param"] == field


def test_a_group_is_not_its_own_fallback(api: AdminApi) -> None:
    identity = group(api, "alone")
    for field in ("fallback_group", "invalid_request_group"):
        refused = change(api, identity, **{field: identity})
        assert (refused.status, refused.json["param"]) == (422, field)
        assert "its own fallback" in refused.json["detail"]


def test_no_row_of_fallbacks_closes(api: AdminApi) -> None:
    last = group(api, "last")
    middle = group(api, "middle", fallback_group=last)
    first = group(api, "first", fallback_group=middle)
    refused = change(api, last, fallback_group=first)
    assert (refused.status, refused.json["param"]) == (422, "fallback_group")
    assert f"{last} → {first} → {middle} → {last}" in refused.json["detail"]


def test_a_row_of_fallbacks_ends(api: AdminApi) -> None:
    name = group(api, "end")
    for number in range(10):
        name = group(api, f"{number}", fallback_group=name)
    body = {"name": "one more", "platform": "anthropic", "fallback_group": name}
    refused = api.call("POST", "/groups", body)
    assert (refused.status, refused.json["param"]) == (422, "fallback_group")


def test_two_writers_at_once_close_no_circle(api: AdminApi) -> None:
    one, two = group(api, "one"), group(api, "two")
    groups = api.stores.catalog.groups

    def meanwhile(before: Any) -> Any:
        groups.change(two, None, lambda each: each_with(each, one), OTHER)
        return each_with(before, two)

    with pytest.raises(Conflict, match="just been changed") as caught:
        races(groups, one, meanwhile)
    assert caught.value.status == 409
    assert groups.get(one).fallback_group == ""
    assert groups.get(two).fallback_group == one


def each_with(definition: Any, fallback: str) -> Any:
    return replace(definition, fallback_group=fallback)


def races(groups: Any, name: str, edit: Any) -> None:
    """A change whose reading of the others comes before somebody else's write."""
    seen = list(groups.everything())
    groups.everything = lambda: iter(seen)
    try:
        groups.change(name, None, edit, OTHER)
    finally:
        del groups.everything


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({"subscription_type": "subscription"}, "for subscriptions", id="subscription"),
        pytest.param({"invalid_request_group": ...}, "of its own", id="a fallback of its own"),
    ],
)
def test_what_is_too_long_is_passed_on_once_and_to_no_subscription(
    api: AdminApi, fields: dict[str, Any], says: str
) -> None:
    spare = group(api, "spare")
    filled = {name: spare if value is ... else value for name, value in fields.items()}
    target = group(api, "target", **filled)
    refused = change(api, group(api, "own"), invalid_request_group=target)
    assert (refused.status, refused.json["param"]) == (422, "invalid_request_group")
    assert says in refused.json["detail"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        pytest.param({"subscription_type": "subscription"}, "subscription_type", id="subscription"),
        pytest.param({"invalid_request_group": ...}, "invalid_request_group", id="its own"),
    ],
)
def test_what_takes_over_long_calls_stays_fit_for_it(
    api: AdminApi, fields: dict[str, Any], param: str
) -> None:
    spare, target = group(api, "spare"), group(api, "target")
    group(api, "own", invalid_request_group=target)
    filled = {name: spare if value is ... else value for name, value in fields.items()}
    refused = change(api, target, **filled)
    assert (refused.status, refused.json["param"]) == (422, param)


@pytest.mark.parametrize("field", ["fallback_group", "invalid_request_group"])
def test_a_group_that_others_fall_back_to_is_not_removed(api: AdminApi, field: str) -> None:
    target = group(api, "target")
    own = group(api, "own", **{field: target})
    refused = api.call("DELETE", f"/groups/{target}", headers=at(1))
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert "fallback of a group" in refused.json["detail"]
    assert change(api, own, **{field: None}).status == 200
    assert api.call("DELETE", f"/groups/{target}", headers=at(1)).status == 204


def test_both_fallbacks_may_be_one_group(api: AdminApi) -> None:
    target = group(api, "target")
    own = group(api, "own", fallback_group=target, invalid_request_group=target)
    assert change(api, own, fallback_group=None).status == 200
    assert api.call("DELETE", f"/groups/{target}", headers=at(1)).status == 409
    assert api.call("DELETE", f"/groups/{own}", headers=at(2)).status == 204
    assert api.call("DELETE", f"/groups/{target}", headers=at(1)).status == 204


# --- routing ------------------------------------------------------------------------------------


def account(api: AdminApi, name: str, *groups: str) -> str:
    made: str = api.created(
        "/accounts",
        {
            "name": name,
            "platform": "anthropic",
            "type": "apikey",
            "base_url": "https://api.example.com",
            "credentials": "sk-upstream",
            "groups": list(groups),
        },
    )["id"]
    return made


def test_routing_names_accounts_of_the_group(api: AdminApi) -> None:
    own, other = group(api, "own"), group(api, "other")
    one, two = account(api, "one", own, other), account(api, "two", own)
    stranger = account(api, "stranger", other)
    routing = {"claude-opus-*": [two, one], "claude-haiku": [one]}
    changed = change(api, own, model_routing=routing)
    assert changed.json["model_routing"] == routing
    refused = change(api, own, 2, model_routing={"claude-opus-*": [one, stranger]})
    assert (refused.status, refused.json["param"]) == (422, "model_routing")
    assert stranger in refused.json["detail"]


def test_an_account_that_leaves_the_group_is_routed_to_no_more_and_holds_nobody_up(
    api: AdminApi,
) -> None:
    own = group(api, "own")
    one = account(api, "one", own)
    assert change(api, own, model_routing={"claude-*": [one]}).status == 200
    left = api.call("PATCH", f"/accounts/{one}", {"groups": []}, headers=at(1))
    assert left.status == 200
    renamed = change(api, own, 2, name="renamed")
    assert (renamed.status, renamed.json["model_routing"]) == (200, {"claude-*": [one]})


# --- lists --------------------------------------------------------------------------------------


def test_groups_are_listed_by_their_order_then_by_their_age(api: AdminApi) -> None:
    for name, place in (("c", 5), ("a", 0), ("d", 5), ("b", 1), ("e", 1_000_000)):
        api.now += 1
        group(api, name, sort_order=place)
    found: list[str] = []
    cursor = None
    for _ in range(3):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = api.call("GET", "/groups", query=query).json
        found += [each["name"] for each in page["entries"]]
        cursor = page["next_cursor"]
    assert (found, cursor) == (["a", "b", "c", "d", "e"], None)
