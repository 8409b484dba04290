"""Jobs over HTTP: listed, read, and called off."""

from collections.abc import Iterator

import pytest

from tests.admin_api import NOW, AdminApi, admin_api
from tollgate.domain.definitions import Author
from tollgate.domain.jobs import Job, Progress
from tollgate.services.jobs import Jobs


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


def once(job: Job) -> Progress:
    """Done at once."""
    return Progress("end", 5, 5, {"rows": 5})


def started(api: AdminApi, *identities: str) -> Jobs:
    """Jobs that wait, and who works on them."""
    jobs = Jobs(api.stores.jobs, {"once": once}, lambda: api.now)
    for identity in identities:
        jobs.start(identity, "once", {"from": 1}, Author("adm_1", NOW))
    return jobs


def test_a_job_is_read_with_what_came_of_it(api: AdminApi) -> None:
    started(api, "job_1").run(NOW + 1)
    assert api.call("GET", "/jobs/job_1").json == {
        "id": "job_1",
        "kind": "once",
        "status": "done",
        "params": {"from": 1},
        "done": 5,
        "total": 5,
        "result": {"rows": 5},
        "error": "",
        "by": "adm_1",
        "created_at": NOW,
        "updated_at": NOW,
    }


def test_jobs_are_listed_newest_first_page_by_page(api: AdminApi) -> None:
    started(api, "job_1", "job_2", "job_3")
    first = api.call("GET", "/jobs", query={"limit": 2}).json
    assert [job["id"] for job in first["entries"]] == ["job_3", "job_2"]
    rest = api.call("GET", "/jobs", query={"limit": 2, "cursor": first["next_cursor"]}).json
    assert ([job["id"] for job in rest["entries"]], rest["next_cursor"]) == (["job_1"], None)


def test_a_job_is_called_off_once(api: AdminApi) -> None:
    jobs = started(api, "job_1")
    assert api.call("DELETE", "/jobs/job_1").status == 204
    assert api.call("GET", "/jobs/job_1").json["status"] == "cancelled"
    assert jobs.run(NOW + 1) == 0
    again = api.call("DELETE", "/jobs/job_1")
    assert (again.status, again.json["code"]) == (409, "conflict")
    entry = api.call("GET", "/audit").json["entries"][0]
    assert (entry["action"], entry["object"]) == ("job.cancel", "job_1")
    assert (entry["before"]["status"], entry["after"]["status"]) == ("queued", "cancelled")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_job_that_is_not_there_is_not_found(api: AdminApi, method: str) -> None:
    answer = api.call(method, "/jobs/job_9")
    assert (answer.status, answer.json["code"]) == (404, "not_found")
