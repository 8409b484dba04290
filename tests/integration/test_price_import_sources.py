"""Where price lists come from: the bundled one, an upload, an address; and what is none."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.admin_api import AdminApi, Answer, admin_api
from tests.locked_moto import service
from tests.price_lists import LIST, UPLOAD, furnish, row, upload
from tollgate.domain.errors import ValidationFailed
from tollgate.upstream.fetching import fetch
from tollgate.web.management import endpoints

MISTRAL = {"providers": "mistral"}


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        furnish(opened)
        yield opened


# --- bundled or uploaded ----------------------------------------------------------------------


def test_vendors_and_prefixes_narrow_an_upload(api: AdminApi) -> None:
    rows = {
        "openai/gpt-a": row("2e-06", "8e-06"),
        "mistral/m": row("1e-06", "1e-06", litellm_provider="mistral"),
    }
    made = upload(api, rows, {"providers": "openai, azure", "prefixes": "openai/"})
    statuses = {each["model"]: each["status"] for each in made["entries"]}
    assert statuses == {"gpt-a": "changed", "gone": "removed"}


def test_other_vendors_models_are_not_missed(api: AdminApi) -> None:
    made = upload(api, {"m": row("1e-06", "1e-06", litellm_provider="mistral")}, MISTRAL)
    assert made["counts"] == {"added": 1}


def test_the_bundled_list_can_be_proposed_once_per_key(api: AdminApi) -> None:
    body = {"source": "bundled", "providers": ["openai"]}
    headers = {"Idempotency-Key": "one"}
    made = api.call("POST", "/prices/imports", body, headers=headers)
    assert (made.status, made.json["source"]) == (201, "bundled")
    assert made.json["counts"]["added"] > 100
    again = api.call("POST", "/prices/imports", body, headers=headers)
    assert again.json["id"] == made.json["id"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param("", 422, id="empty"),
        pytest.param("[]", 422, id="a list"),
        pytest.param('{"gpt-a": 1}', 422, id="a number for a row"),
        pytest.param('{"gpt-a": {"input_cost_per_token": NaN}}', 422, id="NaN"),
        pytest.param("[" * 100_000, 422, id="too deep"),
        pytest.param("9" * 5_000, 422, id="a number beyond all bounds"),
        pytest.param(b"\xff\xfe{\x00}\x00", 400, id="UTF-16"),
        pytest.param('{"a":"' + "x" * (4 * 1024 * 1024) + '"}', 413, id="over 4 MB"),
    ],
)
def test_what_is_no_list_is_refused_and_nothing_kept(api: AdminApi, body: Any, status: int) -> None:
    refused = api.call("POST", UPLOAD, body, headers={"Content-Type": "application/json"})
    assert refused.status == status, refused.text
    assert api.call("POST", UPLOAD, "{}", headers={"Content-Type": "text/csv"}).status == 415
    kept = service("dynamodb").scan(TableName="tollgate-state")["Items"]
    assert not [item for item in kept if item["pk"]["S"].startswith("price_import#")]


def test_a_list_of_three_megabytes_is_taken(api: AdminApi) -> None:
    rows = LIST | {f"gpt-{n}": row("1e-06", "4e-06", notes="x" * 900) for n in range(3_000)}
    text = json.dumps(rows)
    assert endpoints.BODY_LIMIT < 3_000_000 < len(text)
    assert upload(api, text)["counts"]["added"] == 3_001


# --- by address -------------------------------------------------------------------------------


@pytest.fixture
def site() -> Iterator[str]:
    """A site on this machine with a list, something else, and a redirect."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(LIST).encode()
            self.send_response({"/list": 200, "/moved": 302}.get(self.path, 404))
            self.send_header("Location", "/list")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Site)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def propose(api: AdminApi, url: str) -> Answer:
    return api.call("POST", "/prices/imports", {"source": "url", "url": url})


def test_a_list_at_an_address_is_read_in_local_mode(aws_environment: None, site: str) -> None:
    with admin_api(local="yes") as api:
        furnish(api)
        made = propose(api, f"{site}/list")
        assert (made.status, made.json["source"]) == (201, f"{site}/list")
        assert made.json["counts"]["changed"] == 3
        for path, why in {"/moved": "status 302", "/gone": "status 404"}.items():
            refused = propose(api, site + path)
            assert (refused.status, refused.json["param"]) == (422, "url")
            assert why in refused.json["detail"]
        assert propose(api, "http://127.0.0.1:9/list").json["param"] == "url"


def test_a_file_is_fetched_up_to_a_size(site: str) -> None:
    size = len(json.dumps(LIST))
    assert len(fetch(f"{site}/list", size, loopback=True)) == size
    with pytest.raises(ValidationFailed, match=f"more than {size - 1} bytes") as refused:
        fetch(f"{site}/list", size - 1, loopback=True)
    assert refused.value.param == "url"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://prices.example.com/list", id="not https"),
        pytest.param("https://127.0.0.1/list", id="this machine"),
        pytest.param("https://169.254.169.254/latest", id="the metadata of AWS"),
        pytest.param("https://localhost/list", id="an inner name"),
        pytest.param("https://me:secret@prices.example.com/list", id="a password"),
        pytest.param("file:///etc/passwd", id="a file"),
    ],
)
def test_only_public_https_addresses_are_asked(api: AdminApi, url: str) -> None:
    refused = propose(api, url)
    assert (refused.status, refused.json["param"]) == (422, "url")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"source": "url"}, id="no address"),
        pytest.param(
            {"source": "bundled", "url": "https://a.example.com"}, id="an address too many"
        ),
        pytest.param({"source": "upload"}, id="another way in"),
    ],
)
def test_a_source_and_its_address_go_together(api: AdminApi, body: dict[str, str]) -> None:
    assert api.call("POST", "/prices/imports", body).status == 422
