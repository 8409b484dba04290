"""Probes revive what works again, one at a time, and take nothing we did wrong for a failure."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from tests.dynamodb_in_memory import InMemoryDynamo
from tollgate.domain.catalog import Account, Health
from tollgate.domain.definitions import AccountDefinition
from tollgate.domain.errors import UpstreamUnavailable, ValidationFailed
from tollgate.domain.health import FOR_EVER
from tollgate.services.account_checks import Trial
from tollgate.services.health import AccountHealth
from tollgate.services.probes import Probes
from tollgate.store.dynamodb import Throttled
from tollgate.store.leases import Leases
from tollgate.store.snapshots import Snapshots

NOW = 1_795_348_800_000
FINE = Trial("m", "m", 200, 30, "hello")
BROKEN = {"faulty": FOR_EVER, "cause:faulty": 6}
PLAIN = AccountDefinition("acc_1", "a", "openai", "apikey", "https://a", {}, models=("m",))


@dataclass
class Room:
    """Accounts, what is known of their health, and what they answer to a probe."""

    accounts: dict[str, AccountDefinition] = field(default_factory=lambda: {"acc_1": PLAIN})
    settings: dict[str, object] = field(default_factory=dict)
    answer: Callable[[Account, int, str], Trial] = lambda *_: FINE
    asked: list[tuple[str, int, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    now: int = NOW
    random: Random = field(default_factory=lambda: Random(1))

    def __post_init__(self) -> None:
        self.dynamo = InMemoryDynamo(["state"])
        self.snapshots = Snapshots(self.dynamo, "state")

    def know(self, **accounts: dict[str, int]) -> None:
        """What all relays know."""
        assert self.snapshots.write_health(Health(0, accounts))

    def known(self) -> Any:
        return self.snapshots.read_health().accounts

    def ask(self, account: Account, key: int, model: str) -> Trial:
        self.asked.append((account.id, key, model))
        return self.answer(account, key, model)

    def run(self) -> int:
        return Probes(
            find=self.accounts.get,
            settings=lambda: self.settings,
            health=AccountHealth(self.snapshots, lambda: self.now),
            leases=Leases(self.dynamo, "state"),
            ask=self.ask,
            clock=lambda: self.now,
            random=self.random.randrange,
            tell=self.told.append,
        ).run()


def test_an_account_that_answers_is_used_again() -> None:
    room = Room()
    room.know(acc_1=BROKEN | {"model:x": NOW + 9_000})
    assert room.run() == 1
    assert room.asked == [("acc_1", 0, "")]
    assert room.told == ["acc_1"]
    assert room.known() == {"acc_1": {"model:x": NOW + 9_000}}
    assert room.run() == 0
    assert len(room.asked) == 1


def refusing(error: Exception) -> Callable[..., Trial]:
    def ask(*_: Any) -> Trial:
        raise error

    return ask


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda *_: replace(FINE, status=401, error="no"), id="refused again"),
        pytest.param(lambda *_: replace(FINE, status=404, error="no model"), id="no such model"),
        pytest.param(lambda *_: replace(FINE, status=500), id="a failure"),
        pytest.param(lambda *_: replace(FINE, status=0, error="silent"), id="no answer"),
        pytest.param(lambda *_: replace(FINE, error="cut"), id="an answer with an error"),
        pytest.param(refusing(UpstreamUnavailable("sealed")), id="a secret that does not open"),
        pytest.param(refusing(ValidationFailed("model: name one")), id="no model to ask for"),
        pytest.param(refusing(Throttled("busy")), id="our own table"),
    ],
)
def test_an_account_that_does_not_stays_as_it_was(answer: Callable[..., Trial]) -> None:
    room = Room(answer=answer)
    room.know(acc_1=BROKEN)
    assert room.run() == 0
    assert len(room.asked) == 1
    assert room.known() == {"acc_1": BROKEN}
    assert room.told == []


def test_one_key_is_probed_by_itself() -> None:
    room = Room(accounts={"acc_1": replace(PLAIN, keys=3)})
    room.know(acc_1={"key:1": FOR_EVER, "key:2": FOR_EVER})
    room.answer = lambda account, key, model: FINE if key == 2 else replace(FINE, status=401)
    assert room.run() == 1
    assert room.known() == {"acc_1": {"key:1": FOR_EVER}}


def test_another_key_is_tried_with_every_turn() -> None:
    room = Room(accounts={"acc_1": replace(PLAIN, keys=3)})
    room.know(acc_1=BROKEN)
    room.answer = lambda account, key, model: FINE if key == 2 else replace(FINE, status=401)
    turns = []
    for _ in range(3):
        turns.append(room.run())
        room.now += 300_000
    assert sorted(key for _, key, _ in room.asked) == [0, 1, 2]
    assert sum(turns) == 1


@pytest.mark.parametrize(
    "account",
    [
        pytest.param(replace(PLAIN, status="disabled"), id="switched off"),
        pytest.param(replace(PLAIN, keys=1), id="the key is not there any more"),
    ],
)
def test_what_nobody_uses_is_not_probed(account: AccountDefinition) -> None:
    room = Room(accounts={"acc_1": account})
    room.know(acc_1={"key:1": FOR_EVER})
    assert (room.run(), room.asked) == (0, [])


def test_what_is_known_of_an_account_that_is_gone_is_forgotten() -> None:
    room = Room(accounts={})
    room.know(acc_1=BROKEN)
    assert (room.run(), room.asked) == (0, [])
    assert room.known() == {}


def test_staff_may_switch_probes_off_and_name_the_model() -> None:
    room = Room(settings={"account_probes": False, "probe_model.openai": "small"})
    room.know(acc_1=BROKEN)
    assert (room.run(), room.asked) == (0, [])
    room.settings["account_probes"] = True
    room.run()
    assert room.asked == [("acc_1", 0, "small")]


def test_an_account_is_probed_by_one_at_a_time() -> None:
    room = Room()
    room.know(acc_1=BROKEN)
    within: list[int] = []

    def meanwhile(*_: Any) -> Trial:
        room.answer = lambda *_: FINE
        within.append(room.run())
        return replace(FINE, status=401, error="no")

    room.answer = meanwhile
    assert room.run() == 0
    assert within == [0]
    assert len(room.asked) == 1
    assert room.run() == 1, "and by the next one once it has ended"


def test_a_prober_that_died_is_followed_by_the_next() -> None:
    room = Room()
    room.know(acc_1=BROKEN)

    def killed(*_: Any) -> Trial:
        raise KeyboardInterrupt

    room.answer = killed
    with pytest.raises(KeyboardInterrupt):
        room.run()
    room.answer = lambda *_: FINE
    assert room.run() == 0
    room.now += 60_001
    assert room.run() == 1


def test_a_run_makes_at_most_twenty_probes_and_begins_none_after_four_minutes() -> None:
    accounts = {f"acc_{number:02d}": replace(PLAIN, id=f"acc_{number:02d}") for number in range(30)}
    room = Room(accounts=accounts)
    room.know(**dict.fromkeys(accounts, BROKEN))
    assert room.run() == 20
    room.now += 300_000

    def slow(*_: Any) -> Trial:
        room.now += 100_000
        return FINE

    room.answer = slow
    assert room.run() == 3
