"""Ten thousand hostile schedules of the real money code, and one wrong variant after another.

`TOLLGATE_SCHEDULES=1000000` plays as many; a failure prints its seeds, and `violations(seed)`
plays one of them again exactly as it was.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from tests.simulation import relayed
from tests.simulation.limit_mutants import LIMIT_MUTANTS
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.schedule import violations

SCHEDULES: Final = int(os.environ.get("TOLLGATE_SCHEDULES", "10000"))  # noqa: TID251 - a test's own knob
PARTS: Final = 10
RELAYED: Final = SCHEDULES // 20
MUTANT_SCHEDULES: Final = 5_000
SHOWN: Final = 5


@pytest.mark.parametrize("part", range(PARTS))
def test_no_schedule_breaks_the_money(part: int) -> None:
    seeds = range(part, SCHEDULES, PARTS)
    broken = {seed: found for seed in seeds if (found := violations(seed))}
    shown = dict(list(broken.items())[:SHOWN])
    assert not broken, f"{len(broken)} of {len(seeds)} schedules are wrong, such as {shown}"


def test_no_schedule_of_the_whole_relay_breaks_the_money() -> None:
    broken = {seed: found for seed in range(RELAYED) if (found := relayed.violations(seed))}
    assert not broken, f"{len(broken)} of {RELAYED} are wrong, such as {list(broken.items())[:1]}"


@contextmanager
def replaced(mutant: Mutant) -> Iterator[None]:
    """The code with the mutant's functions in place of the right ones."""
    right = [(where, name, vars(where)[name]) for where, name, _ in mutant.replacements]
    for where, name, wrong in mutant.replacements:
        setattr(where, name, wrong)
    try:
        yield
    finally:
        for where, name, original in right:
            setattr(where, name, original)


@pytest.mark.parametrize("mutant", [*MUTANTS, *LIMIT_MUTANTS], ids=lambda mutant: mutant.name)
def test_the_simulator_catches_that(mutant: Mutant) -> None:
    with replaced(mutant):
        assert any(is_wrong(seed) for seed in range(MUTANT_SCHEDULES))


def is_wrong(seed: int) -> bool:
    """Whether a schedule shows it; code so wrong that it breaks down is caught as well."""
    try:
        return bool(violations(seed))
    except Exception:  # noqa: BLE001 - a mutant may break in any way
        return True


def test_a_seed_is_the_same_schedule_every_time() -> None:
    with replaced(next(m for m in MUTANTS if m.name == "settling is unguarded")):
        seed = next(seed for seed in range(MUTANT_SCHEDULES) if violations(seed))
        assert violations(seed) == violations(seed)
