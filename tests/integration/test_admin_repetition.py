"""What becomes of a creating request that died: whoever repeats it goes on with the same id."""

from collections.abc import Iterator

import pytest

from tests.admin_api import NOW, AdminApi, admin_api
from tollgate.domain.errors import Conflict
from tollgate.store.idempotency import LEASE_MS, Begun, Idempotency, Scope

SCOPE = Scope("adm_1", "POST /api/admin/users", "once", "hash")
FIRST, SECOND = "usr_0000000000000001", "usr_0000000000000002"


@pytest.fixture
def api(aws_environment: None) -> Iterator[AdminApi]:
    with admin_api() as opened:
        yield opened


def entered(api: AdminApi) -> Idempotency:
    return Idempotency(lambda: api.now)


def test_a_request_under_way_is_not_begun_again(api: AdminApi) -> None:
    requests = entered(api)
    assert requests.begin(SCOPE, FIRST) == Begun(FIRST)
    with pytest.raises(Conflict, match="still under way"):
        requests.begin(SCOPE, SECOND)


def test_a_request_that_died_is_taken_over_with_its_id(api: AdminApi) -> None:
    requests = entered(api)
    requests.begin(SCOPE, FIRST)
    api.now = NOW + LEASE_MS
    assert requests.begin(SCOPE, SECOND) == Begun(FIRST, resumed=True)
    with pytest.raises(Conflict, match="still under way"):
        requests.begin(SCOPE, SECOND)


def test_an_answered_request_is_answered_alike(api: AdminApi) -> None:
    requests = entered(api)
    requests.begin(SCOPE, FIRST)
    requests.finish(SCOPE, FIRST, {"id": FIRST})
    assert requests.begin(SCOPE, SECOND) == Begun(FIRST, {"id": FIRST})


def test_a_released_request_begins_anew(api: AdminApi) -> None:
    requests = entered(api)
    requests.begin(SCOPE, FIRST)
    requests.release(SCOPE)
    assert requests.begin(SCOPE, SECOND) == Begun(SECOND)


@pytest.mark.parametrize(
    ("path", "body", "prefix"),
    [
        pytest.param("/users", {"email": "x@example.com"}, "usr", id="a user"),
        pytest.param("/groups", {"name": "g", "platform": "openai"}, "grp", id="a group"),
        pytest.param("/channels", {"name": "c"}, "chn", id="a channel"),
        pytest.param("/admin_tokens", {"name": "t", "role": "auditor"}, "adm", id="a token"),
        pytest.param("/settings", {"name": "s", "value": 1}, "set", id="a setting"),
        pytest.param("/prices", {"model": "m", "prices": {"input": "1"}}, "prc", id="a price"),
        pytest.param(
            "/accounts",
            {
                "name": "a",
                "platform": "openai",
                "type": "apikey",
                "base_url": "https://api.example.com",
                "credentials": "sk",
            },
            "acc",
            id="an account",
        ),
    ],
)
def test_what_a_dead_request_had_created_is_not_created_again(
    api: AdminApi, path: str, body: dict[str, object], prefix: str
) -> None:
    """The answer was lost after the object was there: the entry is left as it was then."""
    headers = {"Idempotency-Key": "once"}
    made = api.call("POST", path, body, headers=headers)
    assert made.status == 201, made.text
    forget_the_answer(api, path)
    api.now += LEASE_MS + 1
    again = api.call("POST", path, body, headers=headers)
    assert again.status == 201, again.text
    assert again.json | {"secret": None} == made.json | {"secret": None}
    known = api.call("GET", path).json["entries"]
    assert len(known) == (2 if prefix == "adm" else 1)


def forget_the_answer(api: AdminApi, path: str) -> None:
    """As if the function had died before it kept the answer."""
    from tests.locked_moto import service

    owner = api.call("GET", "/me").json["id"]
    service("dynamodb").update_item(
        TableName="tollgate-state",
        Key={
            "pk": {"S": f"idempotency#{owner}"},
            "sk": {"S": f"POST /api/admin{path}#once"},
        },
        UpdateExpression="REMOVE #answer",
        ConditionExpression="attribute_exists(#answer)",
        ExpressionAttributeNames={"#answer": "answer"},
    )
