"""What choosing among 500 accounts costs once they are known: `python -m bench.selection`.

One group of 500 accounts, half of them of the better priority, thirty busy, each used before; five
rest. Times are process CPU, medians over rounds, beside a loop that says how fast the machine is.
"""

import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Final

from bench.resolution import KEY, MICROS, NOW, calibration, cpu, group
from tollgate.domain.call import Call
from tollgate.domain.catalog import Account, GlobalPart, GroupPart, Price, Profile, Strategy
from tollgate.domain.question import Caller, Question
from tollgate.domain.resolution import resolve
from tollgate.domain.routing import Wanted, pools_of
from tollgate.domain.scheduling import FIRST, Asked, Standing, selected

ACCOUNTS: Final = 500
MODEL: Final = "gpt-5-mini"
CALLS: Final = 500
BUDGET: Final = 100
"""Microseconds that choosing may take for a session that is known."""

RANKS: Final = (FIRST,)
CALLER: Final = Caller(Profile("usr_1", 1, "active", {"hash": KEY}), KEY)
PRICES: Final = {MODEL: (Price(MODEL, 1, prices={"input": "1", "output": "4"}, max_output=9_000),)}
EVERYWHERE: Final = GlobalPart(1, PRICES, {MODEL: "default"}, {})


def pool() -> tuple[Account, ...]:
    """The accounts."""
    url = "https://api.example.com/v1"
    return tuple(
        Account(f"acc_{n:016x}", f"{n}", "openai", "apikey", url, {}, priority=n % 2, concurrency=9)
        for n in range(ACCOUNTS)
    )


def known(accounts: tuple[Account, ...]) -> Standing:
    """What an environment knows of them after a while."""
    return Standing(
        {each.id: {"cooling": NOW + 60_000} for each in accounts[:5]},
        {each.id: 3 for each in accounts[40:70]},
        {each.id: turn for turn, each in enumerate(accounts)},
    )


def choosing(
    part: GroupPart, standing: Standing, sessions: Callable[[], str], strategy: Strategy
) -> Callable[[], object]:
    """Choosing for one call after the other."""
    wanted = Wanted(MODEL, "openai", ("openai",), "")

    def act() -> object:
        asked = Asked(sessions(), NOW, standing, strategy, own=strategy != "weighted")
        return selected(pools_of(part, wanted, MODEL), RANKS, asked)

    return act


def main() -> int:
    """Print the figures; 1 when one is over its budget under `--strict`."""
    part = replace(group(0), accounts=pool())
    standing, fresh = known(part.accounts), count()
    call = Call("generate", MODEL, b"", session="known")
    question = Question(CALLER, call, ("openai",), EVERYWHERE, part, NOW, standing=standing)

    def anew() -> str:
        return f"session {next(fresh)}"

    def learning() -> object:
        return choosing(part, replace(standing, known={}), anew, "priority")()

    rows: dict[str, tuple[Callable[[], object], int | None]] = {
        "a session that is known": (choosing(part, standing, lambda: "one", "priority"), BUDGET),
        "a session that is new": (choosing(part, standing, anew, "priority"), None),
        "dealt by weight": (choosing(part, standing, anew, "weighted"), None),
        "with its prices, from a question": (lambda: resolve(question), None),
        "after something was learnt": (learning, None),
    }
    print(f"Python {platform.python_version()}; a loop of 1,000 steps takes "
          f"{cpu(calibration, CALLS) * MICROS:.0f} µs")  # fmt: skip
    print(f"\n| {ACCOUNTS} accounts | µs | at most |\n| --- | --- | --- |")
    over = False
    for name, (act, budget) in rows.items():
        took = cpu(act, CALLS) * MICROS
        over = over or (budget is not None and took > budget)
        print(f"| {name} | {took:.1f} | {budget or ''} |")
    return int(over and "--strict" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
