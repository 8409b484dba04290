"""The generated pages of docs/reference say what the code says."""

from pathlib import Path

from scripts import errors_reference
from tollgate.web.admin import openapi
from tollgate.web.portal import openapi as portal

ROOT = Path(__file__).parents[2]
AGAIN = "is stale; run: make reference"


def test_the_admin_api_is_described_as_it_is() -> None:
    assert (ROOT / openapi.PATH).read_text("utf-8") == openapi.document(), AGAIN


def test_the_portal_api_is_described_as_it_is() -> None:
    assert (ROOT / portal.PATH).read_text("utf-8") == portal.document(), AGAIN


def test_the_errors_are_listed_as_they_are() -> None:
    assert (ROOT / errors_reference.PATH).read_text("utf-8") == errors_reference.document(), AGAIN


def test_every_route_of_the_admin_api_is_described() -> None:
    schema = openapi.described(openapi.undressed(), "t", "d")
    described = {
        f"{method.upper()} {path}"
        for path, operations in schema["paths"].items()
        for method in operations
    }
    routes = {
        f"{e.method} {e.path.replace('<', '{').replace('>', '}')}" for e in openapi.undressed()
    }
    assert described == routes
