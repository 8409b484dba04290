"""Exports over HTTP: asked for once, with a fixed end, watched, and fetched by a link that ends."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.admin_api import NOW, AdminApi, admin_api
from tests.object_store import ObjectsInMemory
from tollgate.domain.base32 import base32
from tollgate.domain.definitions import Author
from tollgate.domain.holds import hour_of
from tollgate.domain.record import UsageRecord
from tollgate.services.exports import Exports
from tollgate.services.jobs import Jobs
from tollgate.services.past_calls import PastCalls
from tollgate.store.bucket import Bucket

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
ASKED: Final = {"from": NOW - HOUR_MS, "to": NOW, "format": "csv"}
FILE: Final = "usage_20261122T110000Z_to_20261122T120000Z.csv"


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


def work(api: AdminApi) -> ObjectsInMemory:
    """Let a janitor work; gives its bucket."""
    objects = ObjectsInMemory()
    calls = PastCalls(api.stores.rollups, api.stores.usage, api.stores.wallets)
    step = Exports(calls, Bucket(objects, "tollgate-bucket")).step
    Jobs(api.stores.jobs, {"export": step}, lambda: api.now).run(api.now + 1)
    return objects


def call(api: AdminApi, user: str) -> None:
    """A call half an hour ago."""
    at = (NOW - HOUR_MS // 2) // 1_000
    hold = f"{base32(at, 7)}00000001001sw-k001"
    api.stores.usage.put(UsageRecord(user, hold, 9, 5, started=at * 1_000, model="gpt-x"))
    api.stores.rollups.mark_active(hour_of(at), [user])


def test_an_export_is_made_watched_and_fetched(api: AdminApi) -> None:
    user = api.created("/users", {"email": "ann@example.com"})["id"]
    call(api, user)
    made = api.created("/exports", ASKED | {"user": user, "model": "gpt-x"})
    assert made == {
        "id": made["id"],
        "status": "queued",
        "format": "csv",
        "from": NOW - HOUR_MS,
        "to": NOW,
        "only": {"user": user, "model": "gpt-x"},
        "done": 0,
        "total": 0,
        "rows": 0,
        "bytes": None,
        "file_name": FILE,
        "url": None,
        "url_expires_at": None,
        "file_expires_at": None,
        "error": "",
        "by": made["by"],
        "created_at": NOW,
        "updated_at": NOW,
    }
    assert made["by"].startswith("adm_")
    objects = work(api)
    done = api.call("GET", f"/exports/{made['id']}").json
    assert (done["status"], done["rows"], done["done"], done["total"]) == ("done", 1, 2, 2)
    assert done["bytes"] == len(objects.objects[f"exports/{made['id']}/{FILE}"])
    assert done["url_expires_at"] == NOW + 900_000
    assert done["file_expires_at"] == NOW + 7 * DAY_MS
    link = urlsplit(done["url"])
    assert (link.hostname, link.path) == (
        "tollgate-bucket.s3.amazonaws.com",
        f"/exports/{made['id']}/{FILE}",
    )
    assert parse_qs(link.query)["X-Amz-Expires"] == ["900"]


def test_after_a_week_there_is_no_link_any_more(api: AdminApi) -> None:
    made = api.created("/exports", ASKED)
    work(api)
    api.now = NOW + 7 * DAY_MS - 1
    assert api.call("GET", f"/exports/{made['id']}").json["url"] is not None
    api.now += 1
    gone = api.call("GET", f"/exports/{made['id']}").json
    assert (gone["status"], gone["url"], gone["file_expires_at"]) == ("done", None, api.now)


def test_the_end_is_fixed_when_it_is_asked_for(api: AdminApi) -> None:
    made = api.created("/exports", {"from": NOW - 1_999, "to": NOW + DAY_MS, "format": "xlsx"})
    assert (made["from"], made["to"]) == (NOW - 2_000, NOW)


def test_the_same_request_asks_once(api: AdminApi) -> None:
    once = {"Idempotency-Key": "month-end"}
    first = api.call("POST", "/exports", ASKED, headers=once)
    api.now += 1_000
    again = api.call("POST", "/exports", ASKED, headers=once)
    assert (first.status, again.status, again.json) == (201, 201, first.json)
    assert len(api.call("GET", "/jobs").json["entries"]) == 1
    entry = api.call("GET", "/audit").json["entries"][0]
    assert (entry["action"], entry["object"]) == ("export.create", first.json["id"])


def test_a_failed_export_says_why(api: AdminApi) -> None:
    made = api.created("/exports", ASKED)
    jobs = Jobs(api.stores.jobs, {"export": refuse}, lambda: api.now)
    jobs.run(api.now + 1)
    told = api.call("GET", f"/exports/{made['id']}").json
    assert (told["status"], told["error"], told["url"]) == ("failed", "too many rows", None)


def refuse(job: Any) -> Any:
    """A step that refuses."""
    raise ValueError("too many rows")


def test_a_cancelled_export_has_no_link(api: AdminApi) -> None:
    made = api.created("/exports", ASKED)
    assert api.call("DELETE", f"/jobs/{made['id']}").status == 204
    work(api)
    told = api.call("GET", f"/exports/{made['id']}").json
    assert (told["status"], told["url"]) == ("cancelled", None)


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        pytest.param({"from": NOW, "to": NOW - 1}, 400, "from", id="turned around"),
        pytest.param({"from": NOW + 5_000, "to": NOW + 9_000}, 400, "from", id="in the future"),
        pytest.param({"from": NOW - 401 * DAY_MS, "to": NOW}, 400, "from", id="too long"),
        pytest.param({"format": "pdf"}, 422, "format", id="an unknown format"),
        pytest.param({"from": None}, 422, "from", id="no beginning"),
        pytest.param({"from": "1"}, 422, "from", id="a beginning that is text"),
        pytest.param({"to": 1.5}, 422, "to", id="an end that is not whole"),
        pytest.param({"to": True}, 422, "to", id="an end that is a truth"),
        pytest.param({"user": "usr_missing"}, 404, None, id="nobody"),
        pytest.param({"user": ""}, 422, "user", id="a user without a name"),
        pytest.param({"model": "a\nb"}, 422, "model", id="a model with a line end"),
        pytest.param({"channel": "chn_1"}, 422, "channel", id="a filter there is not"),
    ],
)
def test_what_cannot_be_exported_is_refused_by_name(
    api: AdminApi, body: dict[str, Any], status: int, param: str | None
) -> None:
    answer = api.call("POST", "/exports", ASKED | body)
    assert (answer.status, answer.json["param"]) == (status, param), answer.text
    assert api.call("GET", "/jobs").json["entries"] == []


def test_a_job_of_another_kind_is_no_export(api: AdminApi) -> None:
    Jobs(api.stores.jobs, {}, lambda: NOW).start("job_1", "rerate", {}, Author("adm_1", NOW))
    answer = api.call("GET", "/exports/job_1")
    assert (answer.status, answer.json["code"]) == (404, "not_found")
