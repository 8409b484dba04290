"""Statistics for staff over HTTP: by every name there is, page by page; and what is refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.admin_api import NOW, AdminApi, admin_api
from tests.statistics_samples import CHATS, EARLIER, HOUR_MS, PICTURE, TOTAL, fill, without

USER = "usr_0123456789abcdef"
DAY_MS = 24 * HOUR_MS


@pytest.fixture(scope="module")
def api() -> Iterator[AdminApi]:
    from tests.locked_moto import ENVIRONMENT

    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with admin_api() as opened:
            fill(opened.stores.rollups, USER)
            yield opened


def read(api: AdminApi, path: str, **query: Any) -> Any:
    """What is answered."""
    answer = api.call("GET", f"/statistics/{path}", query=EARLIER | query)
    assert answer.status == 200, answer.text
    return answer.json


def test_staff_read_sums_by_model(api: AdminApi) -> None:
    assert read(api, "models") == {
        "entries": [CHATS, PICTURE],
        "next_cursor": None,
        "closed": False,
        "begins_at": NOW - 3 * HOUR_MS,
        "ends_at": NOW - HOUR_MS,
    }
    assert read(api, "models", user=USER)["entries"] == [CHATS, PICTURE]
    assert read(api, "models", model_source="")["entries"] == [CHATS, PICTURE]


@pytest.mark.parametrize(
    ("path", "query", "names"),
    [
        pytest.param("models", {"model_source": "upstream"}, ["canary-x"], id="upstream"),
        pytest.param(
            "models",
            {"model_source": "mapping"},
            ["gpt-x→canary-x", "gpt-img→canary-x"],
            id="mapping",
        ),
        pytest.param("users", {}, [USER], id="users"),
        pytest.param("groups", {}, ["grp_1"], id="groups"),
        pytest.param("accounts", {}, ["acc_canary"], id="accounts"),
        pytest.param("model_groups", {}, ["gpt-x#vip", "gpt-img#vip"], id="model groups"),
    ],
)
def test_staff_read_sums_by_other_names(
    api: AdminApi, path: str, query: dict[str, str], names: list[str]
) -> None:
    entries = read(api, path, **query)["entries"]
    assert [entry["name"] for entry in entries] == names
    expected = [TOTAL] if len(names) == 1 else [without(CHATS, "name"), without(PICTURE, "name")]
    assert [without(entry, "name") for entry in entries] == expected


def test_staff_read_an_overview_by_hour_and_by_day(api: AdminApi) -> None:
    found = read(api, "overview")
    assert found["total"] == TOTAL
    assert found["points"][1] == TOTAL | {"at": NOW - 2 * HOUR_MS, "closed": False}
    assert [point["calls"] for point in found["points"]] == [0, 3]
    by_day = read(api, "overview", by="day", **{"from": NOW - 36 * HOUR_MS, "to": NOW})
    assert [(point["at"], point["calls"]) for point in by_day["points"]] == [
        (NOW - 36 * HOUR_MS, 0),
        (NOW - 12 * HOUR_MS, 3),
    ]


@pytest.mark.parametrize(
    ("query", "calls"),
    [
        pytest.param({"user": USER, "model": "gpt-img"}, 1, id="a user's model"),
        pytest.param({"user": USER, "key": "key_1"}, 3, id="a user's key"),
        pytest.param({"group": "grp_1"}, 3, id="a group"),
        pytest.param({"account": "acc_1"}, 0, id="an account without calls"),
        pytest.param({"model": "gpt-x"}, 2, id="a model"),
    ],
)
def test_an_overview_is_filtered(api: AdminApi, query: dict[str, str], calls: int) -> None:
    assert read(api, "overview", **query)["total"]["calls"] == calls


def test_a_page_leads_on_to_the_next(api: AdminApi) -> None:
    year = {"from": NOW - 367 * DAY_MS + 12 * HOUR_MS, "to": NOW - DAY_MS + 12 * HOUR_MS}
    for number in range(54):
        name = f"acc_{number:02d}"
        api.stores.rollups.put_exact({(f"account#{name}", "2026110105"): {"calls": 1}})
        api.stores.rollups.put_day(f"account#{name}", "20261101", {"calls": 1}, closed=True)
    first = read(api, "accounts", **year)
    rest = read(api, "accounts", **year, cursor=first["next_cursor"])
    names = [entry["name"] for entry in first["entries"] + rest["entries"]]
    assert names == [f"acc_{number:02d}" for number in range(54)]
    assert (len(first["entries"]), rest["next_cursor"]) == (54, None)


@pytest.mark.parametrize(
    ("path", "query", "status", "param"),
    [
        pytest.param("models", {"model_source": "channel"}, 400, "model_source", id="a source"),
        pytest.param("models", {"account": "acc_1"}, 400, "account", id="by account"),
        pytest.param("models", {"key": "key_1"}, 400, "key", id="a filter there is not"),
        pytest.param("users", {"group": "grp_1"}, 400, "group", id="users of a group"),
        pytest.param("overview", {"key": "key_1"}, 400, "key", id="a key of nobody"),
        pytest.param("overview", {"by": "week"}, 422, "by", id="weeks"),
        pytest.param("overview", {"from": 0, "to": HOUR_MS}, 400, "from", id="hours long gone"),
        pytest.param("models", {"from": NOW + 1}, 400, "from", id="within an hour"),
        pytest.param("models", {"from": NOW}, 400, "from", id="the end before the beginning"),
        pytest.param("models", {"from": "yesterday"}, 422, "from", id="no number"),
        pytest.param("models", {"to": 2**53 - HOUR_MS}, 400, "to", id="the end of numbers"),
        pytest.param("groups", {"cursor": "AAAA"}, 400, "cursor", id="a made-up cursor"),
        pytest.param("models", {"user": ""}, 422, "user", id="nobody"),
    ],
)
def test_what_cannot_be_told_is_refused(
    api: AdminApi, path: str, query: dict[str, Any], status: int, param: str
) -> None:
    answer = api.call("GET", f"/statistics/{path}", query=EARLIER | query)
    assert (answer.status, answer.json["param"]) == (status, param), answer.text
