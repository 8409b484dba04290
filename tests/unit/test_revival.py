"""What staff end of an account's rests: written down for all, or refused."""

from dataclasses import dataclass, field

import pytest

from tollgate.domain.catalog import Health
from tollgate.domain.errors import StoreUnavailable
from tollgate.services.revival import everything, of_credentials, of_key, of_quota, rewrite

FACTS = {"cooling": 50, "quota": 60, "cause:quota": 10, "faulty": 70, "key:0": 80, "key:1": 90}


@dataclass
class Item:
    """The shared item; the first so many writes lose a race."""

    lost: int = 0
    health: Health = field(default_factory=lambda: Health(1, {"acc_1": FACTS, "acc_2": FACTS}))
    writes: int = 0

    def read_health(self) -> Health:
        return self.health

    def write_health(self, health: Health) -> bool:
        self.writes += 1
        if self.writes <= self.lost:
            self.health = Health(self.health.version + 1, self.health.accounts)
            return False
        assert health.version == self.health.version
        self.health = Health(health.version + 1, health.accounts)
        return True


def test_a_lost_race_is_run_again() -> None:
    item = Item(lost=7)
    rewrite(item, "acc_1", of_key(1), 10)
    left = {name: until for name, until in FACTS.items() if name != "key:1"}
    assert item.health.accounts == {"acc_1": left, "acc_2": FACTS}


def test_who_always_loses_is_told() -> None:
    with pytest.raises(StoreUnavailable):
        rewrite(Item(lost=8), "acc_1", of_key(1), 10)


def test_nothing_to_end_writes_nothing() -> None:
    item = Item()
    rewrite(item, "acc_3", everything, 10)
    rewrite(item, "acc_1", of_key(5), 10)
    rewrite(item, "acc_1", of_quota(60), 10)
    assert item.writes == 0


def test_what_each_ends() -> None:
    assert everything(FACTS) == {"cooling": 0, "faulty": 0, "key:0": 0, "key:1": 0}
    assert of_credentials(FACTS) == {"faulty": 0, "key:0": 0, "key:1": 0}
    assert of_quota(0)(FACTS) == {"quota": 0, "cause:quota": 10}
    assert of_quota(99)(FACTS) == {"quota": 99, "cause:quota": 10}
