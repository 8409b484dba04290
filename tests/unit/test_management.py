"""The parts every management call passes: versions, cursors, problems, routes, the audit trail."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from pydantic import BaseModel

from tollgate.domain.errors import (
    InvalidRequest,
    NotFound,
    RateLimited,
    TollgateError,
    VersionRequired,
)
from tollgate.domain.permissions import PERMISSIONS
from tollgate.store.audit import AuditLog, Entry, month_of
from tollgate.store.dynamodb import OutcomeUnknown, Throttled
from tollgate.store.pepper import Peppers
from tollgate.web.admin import openapi
from tollgate.web.admin.openapi import undressed
from tollgate.web.management import problems
from tollgate.web.management.calls import CURRENT, Call, Caller
from tollgate.web.management.cursors import Cursors
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import MEANINGS, After, Body, Limit
from tollgate.web.management.trail import Trail
from tollgate.web.management.versions import etag, wanted
from tollgate.web.portal import openapi as portal


class Ssm:
    """Two generations of the pepper."""

    def __init__(self, *generations: int) -> None:
        self.generations = generations

    def call(self, operation: str, request: Mapping[str, Any], *, attempts: int = 1) -> Any:
        return {
            "Parameters": [
                {"Name": f"/tollgate/pepper/{number}", "Value": f"pepper {number} " * 8}
                for number in self.generations
            ]
        }


def cursors(*generations: int) -> Cursors:
    return Cursors(Peppers(Ssm(*generations), "/tollgate/pepper", lambda: 0.0))


def call(actor: str = "adm_1") -> Call:
    return Call(Caller(actor, "owner", frozenset()), "203.0.113.7", "req-1", "GET", "/api/admin/x")


# --- versions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ['"7"', "7", ' "7" '])
def test_a_version_is_read_with_and_without_quotes(text: str) -> None:
    assert wanted(text) == 7
    assert etag(7) == '"7"'


@pytest.mark.parametrize("text", [None, ""])
def test_a_version_is_required(text: str | None) -> None:
    with pytest.raises(VersionRequired):
        wanted(text)


@pytest.mark.parametrize("text", ["*", "abc", '"7', "-7", "7.0", '"7", "8"', "9" * 17, "７"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        wanted(text)


# --- cursors ----------------------------------------------------------------------------------


def test_a_cursor_leads_back_to_its_position() -> None:
    written = cursors(1).write("usr_1", "GET /users adm_1")
    assert written is not None
    assert "usr_1" not in written
    assert cursors(1).read(written, "GET /users adm_1") == "usr_1"
    assert cursors(1).write(None, "x") is None
    assert cursors(1).read(None, "x") is None


def test_a_cursor_outlives_a_new_pepper_but_not_its_own() -> None:
    written = cursors(1).write("usr_1", "place")
    assert cursors(1, 2).read(written, "place") == "usr_1"
    with pytest.raises(InvalidRequest):
        cursors(2).read(written, "place")


def test_places_cannot_be_shifted_into_positions() -> None:
    written = cursors(1).write("a", "place")
    for place in ("plac", "placea", "", "place "):
        with pytest.raises(InvalidRequest):
            cursors(1).read(written, place)


# --- problems ---------------------------------------------------------------------------------


class Unforeseen(Exception):
    """Something with a secret in its text."""


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        pytest.param(NotFound("there is none"), 404, "not_found", id="a fact"),
        pytest.param(OutcomeUnknown("tollgate-state"), 503, "store_unavailable", id="the store"),
        pytest.param(Unforeseen("s3cret"), 500, "internal_error", id="unforeseen"),
    ],
)
def test_every_failure_becomes_one_kind_of_problem(
    error: Exception, status: int, code: str
) -> None:
    answer = problems.answer(error, "req-1")
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["code"], body["request_id"]) == (status, code, "req-1")
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert "s3cret" not in answer["body"]
    assert "tollgate-state" not in answer["body"]


def test_a_problem_says_when_to_come_back() -> None:
    error = RateLimited("slower", retry_after=7, detail={"limit": 5})
    answer = problems.answer(error, "req-1")
    assert answer["headers"]["retry-after"] == "7"
    assert json.loads(answer["body"])["facts"] == {"limit": 5}


def test_a_refused_value_is_not_repeated() -> None:
    error = RequestValidationError(
        [{"loc": ("body", "rpm"), "msg": "an integer", "type": "int_type", "input": "s3cret"}]
    )
    fact = problems.translate(error)
    assert isinstance(fact, problems.FieldsRefused)
    assert fact.errors == [{"field": "rpm", "message": "an integer", "code": "int_type"}]
    assert "s3cret" not in json.dumps(problems.problem(fact, "req-1"))


def test_every_pattern_has_words_for_people() -> None:
    root = Path(__file__).parents[2]
    pages = [json.loads((root / each.PATH).read_text("utf-8")) for each in (openapi, portal)]
    assert set(patterns_in(pages)) == set(MEANINGS)


def patterns_in(value: Any) -> Iterator[str]:
    """Every pattern of an API's description."""
    if isinstance(value, dict):
        if isinstance(found := value.get("pattern"), str):
            yield found
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from patterns_in(each)


def test_a_text_of_another_form_is_told_what_it_should_be() -> None:
    error = {"type": "string_pattern_mismatch", "loc": ("body", "amount_usd")}
    context = {"pattern": r"^[0-9]{1,10}(\.[0-9]{1,9})?$"}
    assert problems.field_error({**error, "msg": "…", "ctx": context}) == {
        "field": "amount_usd",
        "message": 'must be US dollars as text, such as "12.50"',
        "code": "string_pattern_mismatch",
    }


def test_a_problem_that_names_no_field_is_about_the_body() -> None:
    fact = problems.translate(RequestValidationError([]))
    assert (fact.param, int(fact.status)) == ("body", 422)


def test_an_error_of_the_tree_stays_itself() -> None:
    error = TollgateError("x")
    assert problems.translate(error) is error


# --- routes -----------------------------------------------------------------------------------


class Sent(Body):
    number: int


def route(user: str, body: Sent, limit: Limit = 50, cursor: After = None) -> None:
    """Say something.

    And more.
    """


def test_a_route_knows_what_it_takes_from_its_handler() -> None:
    endpoint = Endpoint("POST", "/users/<user>/keys", "keys.write", route)
    assert endpoint.body is Sent
    assert endpoint.query == {"limit", "cursor"}
    assert (endpoint.summary, endpoint.tag) == ("Say something.", "keys")
    assert endpoint.pattern.fullmatch("/users/usr_1/keys/")
    assert not endpoint.pattern.fullmatch("/users/usr_1/x/keys")
    assert Endpoint("GET", "/", "", route).tag == "public"


def test_every_permission_of_a_route_is_somebodys_and_every_permission_is_used() -> None:
    used = {endpoint.permission for endpoint in undressed()}
    given = frozenset[str]().union(*PERMISSIONS.values())
    assert used == given == PERMISSIONS["owner"]


def test_nobody_but_the_owner_may_both_move_money_and_make_users() -> None:
    both = {"wallets.credit", "users.write"}
    assert [role for role, may in PERMISSIONS.items() if both <= may] == ["owner"]


def test_an_auditor_and_support_change_nothing() -> None:
    for role in ("auditor", "support"):
        assert all(permission.endswith(".read") for permission in PERMISSIONS[role])


# --- the audit trail --------------------------------------------------------------------------


class Shown(BaseModel):
    name: str
    secret: str | None = None


class Log(AuditLog):
    """Remembers entries, or refuses them."""

    def __init__(self, *, full: bool = False) -> None:
        super().__init__(lambda below: 0)
        self.full = full
        self.entries: list[Entry] = []

    def append(self, entry: Entry) -> None:
        if self.full:
            raise Throttled("full")
        self.entries.append(entry)


ENTRY = Entry(
    "adm_1", "key.create", "key_1", 1_700_000_000_000, None, {"name": "n"}, "203.0.113.7", "req-1"
)


@pytest.mark.parametrize("full", [False, True])
def test_an_entry_is_stored_or_reported_and_has_no_secret(full: bool) -> None:
    log = Log(full=full)
    lost: list[Mapping[str, Any]] = []
    trail = Trail(log, lambda: 1_700_000_000_000, lost.append)
    token = CURRENT.set(call())
    try:
        trail.note("key.create", "key_1", None, Shown(name="n", secret="s3cret"))
    finally:
        CURRENT.reset(token)
    assert log.entries == ([] if full else [ENTRY])
    assert [entry["after"] for entry in lost] == ([{"name": "n"}] if full else [])


@pytest.mark.parametrize(
    ("at", "month"),
    [(1_796_083_199_999, "202611"), (1_796_083_200_000, "202612"), (0, "197001")],
)
def test_a_month_is_that_of_utc(at: int, month: str) -> None:
    assert month_of(at) == month
