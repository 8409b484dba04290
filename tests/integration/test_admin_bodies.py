"""What the admin API takes: nothing unnamed, no number that is none; a refusal does nothing."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from tests.admin_api import AdminApi, admin_api
from tests.admin_writes import BODIES, World, body_of, furnish, query_of
from tests.locked_moto import ENVIRONMENT, service
from tollgate.web.admin.openapi import undressed

WRITES = {
    f"{e.method} {e.path.removeprefix('/api/admin')}": e for e in undressed() if e.body is not None
}
PRIVILEGED = (
    "id",
    "user",
    "role",
    "available",
    "credits",
    "balance",
    "quota",
    "version",
    "stamp",
    "secret",
    "secret_hash",
    "pepper_generation",
    "alias",
    "last4",
    "created_at",
    "updated_by",
    "kind",
    "pk",
    "is_admin",
    "by",
    "source_ip",
    "__class__",
    "no_such_field",
)
TABLES = ("catalog", "wallets", "state", "usage", "rollups")


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[AdminApi, World]]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with admin_api() as api:
            yield api, furnish(api)


def dump() -> dict[str, Any]:
    """Everything that is stored."""
    client = service("dynamodb")
    return {name: client.scan(TableName=f"tollgate-{name}")["Items"] for name in TABLES}


def send(world: tuple[AdminApi, World], route: str, body: Any) -> Any:
    """Send a body to a route, as if it had been read just before."""
    api, there = world
    method, _, template = route.partition(" ")
    return api.call(
        method,
        there.path(template),
        body,
        headers={"If-Match": '"1"'},
        query=query_of(route),
    )


def test_every_route_that_takes_a_body_has_a_valid_one_here() -> None:
    assert sorted(BODIES) == sorted(WRITES)


@pytest.mark.parametrize("route", WRITES)
def test_unknown_and_privileged_fields_are_refused_by_name(
    world: tuple[AdminApi, World], route: str
) -> None:
    model = WRITES[route].body
    assert model is not None
    before = dump()
    for name in PRIVILEGED:
        if name in model.model_fields:
            continue
        answer = send(world, route, body_of(route, world[1]) | {name: "1"})
        assert answer.status == 422, answer.text
        assert answer.json["errors"] == [
            {"field": name, "message": "there is no such field", "code": "extra_forbidden"}
        ]
    assert dump() == before


BAD_NUMBERS = ["true", "false", "-1", "1.0", "1.5", "1e2", "[]", str(2**53 + 1), str(2**63)]
BAD_NUMBERS += ['"1"', "[1]", "{}", '"NaN"', "1e-3"]
BAD_AMOUNTS = ["1", "1.5", "true", "-1", '"NaN"', '"Infinity"', '"1e5"', '"0x1"', '"１"', '"1_000"']
BAD_AMOUNTS += ['" 1"', '""', '["1"]', '"1.00000000001"']


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every plain value in a body, and where it is."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, (*path, place))
    else:
        yield path, value


def is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_amount(path: tuple[Any, ...], value: Any) -> bool:
    exact = isinstance(value, str) and value.replace(".", "").isdigit()
    return exact and path != ("value",)


NUMBERS = [
    pytest.param(route, path, id=f"{route} {'.'.join(map(str, path))}")
    for route, body in BODIES.items()
    for path, value in leaves(body)
    if is_number(value)
]
AMOUNTS = [
    pytest.param(route, path, id=f"{route} {'.'.join(map(str, path))}")
    for route, body in BODIES.items()
    for path, value in leaves(body)
    if is_amount(path, value)
]


def raw(body: Any, path: tuple[Any, ...], text: str) -> str:
    """The body as text, with a raw text in place of one value."""
    copy = json.loads(json.dumps(body))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = "@here@"
    return json.dumps(copy).replace('"@here@"', text)


@pytest.mark.parametrize(("route", "path"), NUMBERS)
def test_a_number_is_whole_and_in_range_or_refused(
    world: tuple[AdminApi, World], route: str, path: tuple[Any, ...]
) -> None:
    before = dump()
    for text in BAD_NUMBERS:
        answer = send(world, route, raw(body_of(route, world[1]), path, text))
        assert answer.status == 422, f"{text}: {answer.text}"
        assert str(path[0]) in answer.json["param"]
    for text in ("NaN", "Infinity", "-Infinity", "1e400", "1e309", "9" * 5_000):
        assert send(world, route, raw(body_of(route, world[1]), path, text)).status == 400
    assert dump() == before


@pytest.mark.parametrize(("route", "path"), AMOUNTS)
def test_an_amount_is_plain_decimal_text_or_refused(
    world: tuple[AdminApi, World], route: str, path: tuple[Any, ...]
) -> None:
    signed = path == ("amount_usd",)
    before = dump()
    for text in BAD_AMOUNTS:
        answer = send(world, route, raw(body_of(route, world[1]), path, text))
        assert answer.status == 422, f"{text}: {answer.text}"
    if not signed:
        answer = send(world, route, raw(body_of(route, world[1]), path, '"-1"'))
        assert answer.status == 422, answer.text
    assert dump() == before


def numeric_fields(model: type[BaseModel]) -> Iterator[str]:
    """The fields of a body that are whole numbers."""
    for name, field in model.model_fields.items():
        kinds = {field.annotation, *get_args(field.annotation)}
        if int in kinds and bool not in kinds:
            yield field.alias or name


@pytest.mark.parametrize("route", WRITES)
def test_every_numeric_field_is_among_those_tried(route: str) -> None:
    model = WRITES[route].body
    assert model is not None
    tried = {path[0] for path, value in leaves(BODIES[route]) if is_number(value)}
    assert set(numeric_fields(model)) - tried == set()


DEEP = "[" * 10_000
BODIES_REFUSED = [
    pytest.param("", 400, id="empty"),
    pytest.param("  ", 400, id="blank"),
    pytest.param("null", 400, id="null"),
    pytest.param("[]", 400, id="array"),
    pytest.param('[{"email": "x@example.com"}]', 400, id="an object in an array"),
    pytest.param('"text"', 400, id="text"),
    pytest.param('{"email": "x@example.com"', 400, id="cut off"),
    pytest.param('{"email": "x@example.com"} {}', 400, id="two bodies"),
    pytest.param('{"email": "x@example.com", "email": "y@example.com"}', 400, id="a name twice"),
    pytest.param('{"email": "x@example.com", "rpm": NaN}', 400, id="NaN"),
    pytest.param('{"email": "\\ud800@example.com"}', 400, id="a lone surrogate"),
    pytest.param('{"email": ' + DEEP, 400, id="10,000 deep"),
    pytest.param('{"email": "a\\u0000b@example.com"}', 422, id="NUL"),
    pytest.param('{"email": "a\\r\\nb@example.com"}', 422, id="a line break"),
    pytest.param('{"email": "no address"}', 422, id="no address"),
    pytest.param('{"email": "' + "x" * 600_000 + '"}', 413, id="too large"),
    pytest.param(b"\xff\xfe{\x00}\x00", 400, id="UTF-16"),
    pytest.param(b'{"email": "\xff@example.com"}', 400, id="not UTF-8"),
    pytest.param("{" + ",".join(f'"k{n}": 1' for n in range(20_000)) + "}", 400, id="many names"),
]


@pytest.mark.parametrize(("body", "status"), BODIES_REFUSED)
def test_a_body_that_is_none_is_refused_clearly(
    world: tuple[AdminApi, World], body: Any, status: int
) -> None:
    answer = world[0].call("POST", "/users", body)
    assert answer.status == status, answer.text
    assert answer.headers["content-type" if status != 422 else "Content-Type"].startswith(
        "application/problem+json"
    )
    assert len(answer.json["errors"]) <= 50


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml"]
)
def test_only_json_is_taken(world: tuple[AdminApi, World], kind: str) -> None:
    answer = world[0].call("POST", "/users", "email=x", headers={"Content-Type": kind})
    assert (answer.status, answer.json["code"]) == (415, "unsupported_content_type")


@pytest.mark.parametrize("name", ["limt", "offset", "q", "__proto__"])
def test_an_unknown_query_parameter_is_refused(world: tuple[AdminApi, World], name: str) -> None:
    answer = world[0].call("GET", "/users", query={name: "1"})
    assert (answer.status, answer.json["param"]) == (400, name)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.0", "1e1", "true", "abc", "", "９"])
def test_a_page_is_1_to_100_long(world: tuple[AdminApi, World], limit: str) -> None:
    assert world[0].call("GET", "/users", query={"limit": limit}).status == 422


def test_a_body_in_base64_is_read(world: tuple[AdminApi, World]) -> None:
    made = world[0].call("POST", "/users", b'{"email": "base64@example.com"}')
    assert made.status == 201, made.text
