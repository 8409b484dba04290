"""Access tokens: kept until shortly before they end, seen by all, replaced when refused."""

from dataclasses import replace
from typing import Any

import pytest

from tests.token_room import HOUR, PERSON, START, Room, Vendor
from tollgate.domain.catalog import Account
from tollgate.domain.credentials import ServiceAccount
from tollgate.domain.errors import UpstreamUnavailable
from tollgate.domain.grants import Asking, Grant
from tollgate.services.tokens import Owner
from tollgate.store.dynamodb import OutcomeUnknown, StoreError, Throttled
from tollgate.upstream.proxies import Proxy


@pytest.fixture
def room() -> Room:
    return Room()


def test_a_token_serves_until_shortly_before_it_ends(room: Room) -> None:
    tokens = room.environment()
    assert tokens.access(room.owner) == "a1"
    room.now = START + HOUR - 300_001
    assert tokens.access(room.owner) == "a1"
    room.now = START + HOUR - 300_000
    assert tokens.access(room.owner) == "a2"
    assert room.vendor.given == 2


def test_another_environment_sees_the_token_and_asks_for_none(room: Room) -> None:
    assert room.environment().access(room.owner) == "a1"
    assert room.environment().access(room.owner) == "a1"
    assert room.vendor.given == 1


def test_what_lies_in_the_table_is_sealed(room: Room) -> None:
    room.environment().access(room.owner)
    (item,) = room.dynamo.items("state")
    assert (item["pk"], item["sk"]) == ({"S": "token#acc_1"}, {"S": "00000003"})
    assert item["expires_at"] == {"N": str(START + HOUR)}
    assert item["expires"] == {"N": str(START // 1_000 + 34_560_000)}
    assert "a1" not in str(item)
    assert "r1" not in str(item["sealed"]["M"]["ciphertext"])


def test_a_replaced_refresh_token_is_what_is_asked_with_next(room: Room) -> None:
    room.environment().access(room.owner)
    assert room.stored().refresh == "r1"
    room.now += HOUR
    assert room.environment().access(room.owner) == "a2"
    assert room.stored().refresh == "r2"


def test_a_refresh_token_that_stays_good_is_not_stored() -> None:
    room = Room(Vendor(rotates=False))
    room.environment().access(room.owner)
    assert room.stored().refresh == ""
    room.now += HOUR
    assert room.environment().access(room.owner) == "a2"


def test_new_credentials_have_tokens_of_their_own(room: Room) -> None:
    room.environment().access(room.owner)
    room.vendor.good = "r0"
    replaced = replace(room.account, secret={**room.account.secret, "version": 4})
    assert room.environment().access(Owner(replaced, PERSON)) == "a2"
    assert len(room.dynamo.items("state")) == 2


def test_a_service_account_has_nothing_to_refresh_with(room: Room) -> None:
    asked: list[str] = []

    def ask(account: Account, asking: Asking, refresh: str, proxy: Proxy | None) -> Grant:
        asked.append(refresh)
        return Grant("a", 3_600)

    room.vendor.ask = ask  # type: ignore[method-assign]
    owner = Owner(room.account, ServiceAccount("svc@p", "pem"))
    assert room.environment().access(owner) == "a"
    assert asked == [""]


def test_an_account_that_is_not_saved_yet_gets_a_token_for_its_trial_only() -> None:
    room = Room(Vendor(rotates=False))
    tokens, draft = room.environment(), Owner(replace(room.account, secret={}), PERSON)
    assert tokens.access(draft) == "a1"
    assert tokens.renewed(draft, "a1") == "a2"
    assert room.dynamo.items("state") == []


# --- refusals -------------------------------------------------------------------------------------


def test_a_token_that_the_upstream_refused_is_replaced(room: Room) -> None:
    tokens = room.environment()
    tokens.drop(room.owner, tokens.access(room.owner))
    assert tokens.access(room.owner) == "a2"
    tokens.drop(room.owner, "a1")  # somebody's older answer
    assert tokens.access(room.owner) == "a2"


def test_a_refused_token_that_another_environment_has_replaced_costs_nothing(room: Room) -> None:
    first, second = room.environment(), room.environment()
    assert first.access(room.owner) == second.access(room.owner) == "a1"
    first.drop(room.owner, "a1")
    assert first.access(room.owner) == "a2"
    second.drop(room.owner, "a1")
    assert second.access(room.owner) == "a2"
    assert room.vendor.given == 2


def test_a_refused_token_without_a_successor_has_none(room: Room) -> None:
    tokens = room.environment()
    access = tokens.access(room.owner)
    assert tokens.renewed(room.owner, access) == "a2"
    room.vendor.failure = UpstreamUnavailable("down")
    assert tokens.renewed(room.owner, "a2") is None


def test_credentials_that_are_refused_make_the_account_faulty(room: Room) -> None:
    room.vendor.good = "another"
    with pytest.raises(UpstreamUnavailable, match="is refused an access token"):
        room.environment().access(room.owner)
    assert room.refused == ["acc_1"]
    assert room.stored().claimed_until == 0


def test_a_failure_is_not_repeated_for_some_seconds(room: Room) -> None:
    tokens = room.environment()
    room.vendor.failure = UpstreamUnavailable("down")
    with pytest.raises(UpstreamUnavailable, match="down"):
        tokens.access(room.owner)
    room.vendor.failure = None
    with pytest.raises(UpstreamUnavailable, match="just now"):
        tokens.access(room.owner)
    room.now += 5_000
    assert tokens.access(room.owner) == "a1"
    assert room.refused == []


def test_a_failure_lets_other_environments_try_at_once(room: Room) -> None:
    room.vendor.failure = UpstreamUnavailable("down")
    with pytest.raises(UpstreamUnavailable):
        room.environment().access(room.owner)
    room.vendor.failure = None
    assert room.environment().access(room.owner) == "a1"
    assert room.slept == []


# --- storage --------------------------------------------------------------------------------------


def failing(room: Room, operation: str, *failures: StoreError | None) -> None:
    """Let the next calls of an operation fail so."""
    left = list(failures)

    def before(name: str, request: Any) -> None:
        if name == operation and left and (failure := left.pop(0)) is not None:
            raise failure

    room.dynamo.before = before


def test_a_table_that_cannot_be_read_makes_the_account_unavailable(room: Room) -> None:
    failing(room, "GetItem", *[Throttled("no")] * 4)
    with pytest.raises(UpstreamUnavailable, match="cannot be read"):
        room.environment().access(room.owner)


def test_without_a_claim_nobody_asks(room: Room) -> None:
    failing(room, "PutItem", Throttled("no"))
    with pytest.raises(UpstreamUnavailable, match="cannot be renewed"):
        room.environment().access(room.owner)
    assert room.vendor.given == 0


def test_a_claim_that_cannot_be_given_up_ends_by_itself(room: Room) -> None:
    room.vendor.failure = UpstreamUnavailable("down")
    failing(room, "PutItem", None, Throttled("no"))
    with pytest.raises(UpstreamUnavailable, match="down"):
        room.environment().access(room.owner)
    assert room.stored().claimed_until == START + 20_000


def test_a_write_whose_answer_is_lost_is_looked_for(room: Room) -> None:
    written = 0

    def after(operation: str, request: Any, answer: Any) -> None:
        nonlocal written
        written += operation == "PutItem"
        if operation == "PutItem" and written == 2:
            raise OutcomeUnknown("lost")

    room.dynamo.after = after
    assert room.environment().access(room.owner) == "a1"
    assert (written, room.stored().refresh, room.unsaved) == (2, "r1", [])


def test_a_new_refresh_token_that_cannot_be_stored_is_kept_and_stored_later(room: Room) -> None:
    tokens = room.environment()
    failing(room, "PutItem", None, *[Throttled("no")] * 4)
    assert tokens.access(room.owner) == "a1"
    assert (room.unsaved, room.stored().refresh) == (["acc_1"], "")
    room.now += HOUR
    assert tokens.access(room.owner) == "a2"
    assert room.stored().refresh == "r2"


def test_a_table_that_cannot_even_be_looked_at_costs_no_token(room: Room) -> None:
    sent: list[str] = []

    def before(name: str, request: Any) -> None:
        sent.append(name)
        if len(sent) > 2:  # a look and a claim went well
            raise Throttled("no")

    room.dynamo.before = before
    assert room.environment().access(room.owner) == "a1"
    assert room.unsaved == ["acc_1"]


def test_a_token_of_another_place_is_not_taken(room: Room) -> None:
    room.environment().access(room.owner)
    (item,) = room.dynamo.items("state")
    other = replace(room.account, id="acc_2")
    room.dynamo.call("PutItem", {"TableName": "state", "Item": item | {"pk": {"S": "token#acc_2"}}})
    with pytest.raises(StoreError):
        room.store.read(other)


def test_an_account_without_a_sealed_secret_gets_no_token(room: Room) -> None:
    bare = replace(room.account, secret={"version": 1})
    with pytest.raises(UpstreamUnavailable):
        room.environment().access(Owner(bare, PERSON))
