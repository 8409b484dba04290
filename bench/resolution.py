"""What finding a call's price costs with a large catalog: `python -m bench.resolution`.

5,000 official prices, 200 channels of 50 rows each, 10,000 prices of one customer, six accounts in
the caller's group. Times are process CPU, medians over rounds; sizes are those of stored parts.
"""

import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from tollgate.domain.call import Call
from tollgate.domain.catalog import (
    Account,
    Channel,
    ChannelPricing,
    ChannelRow,
    CustomerPrice,
    GlobalPart,
    GroupPart,
    Key,
    Price,
    Profile,
)
from tollgate.domain.price_draft import price_of
from tollgate.domain.question import Caller, Question
from tollgate.domain.resolution import resolve
from tollgate.store.catalog.official import bundled
from tollgate.store.snapshot_parts import (
    read_global,
    read_group,
    read_profile,
    write_global,
    write_group,
    write_profile,
)

PRICES: Final = 5_000
CHANNELS: Final = 200
ROWS: Final = 50
OWN_PRICES: Final = 10_000
ACCOUNTS: Final = 6
CALLS: Final = 2_000
ROUNDS: Final = 7
NOW: Final = 1_800_000_000_000
MICROS: Final = 1_000_000
RESOLVE_BUDGET: Final = 50
LOAD_BUDGET: Final = 50

KEY: Final = Key("key_1", "k001", "hash", 1, "grp_0")


@dataclass(frozen=True)
class Stored:
    """The parts of a large catalog as bytes."""

    everywhere: bytes
    groups: list[bytes]
    profile: bytes


def official() -> dict[str, tuple[Price, ...]]:
    """The bundled prices, and part of them again under other names."""
    drafts = bundled()
    drafts += [replace(draft, model=f"mirror/{draft.model}") for draft in drafts]
    prices = (price_of(draft, 1, 0) for draft in drafts)
    found = {price.model: (price,) for price in prices}
    return dict(list(found.items())[:PRICES])


def group(number: int) -> GroupPart:
    """A group with its own channel and accounts."""
    rows = {f"gpt-{row}-{number}*": ChannelRow("openai", "", prices={"input": "1"})
            for row in range(ROWS - 1)}  # fmt: skip
    rows["gpt-4o*"] = ChannelRow("openai", "gpt-4o*", prices={"input": "1"})
    channel = Channel(
        f"chn_{number}",
        f"channel {number}",
        {"openai": {f"alias-{n}": "gpt-4o" for n in range(20)}},
        pricing=(ChannelPricing(1, {"openai": rows}),),
    )
    accounts = tuple(
        Account(f"acc_{n}", f"account {n}", "openai", "apikey", "https://api.example.com/v1", {})
        for n in range(ACCOUNTS)
    )
    return GroupPart(
        f"grp_{number}", 1, f"{number:04d}", "group", "openai", "active", Decimal("1.2"),
        channel=channel, accounts=accounts,
    )  # fmt: skip


def stored() -> Stored:
    """The whole catalog, written."""
    prices = official()
    models = list(prices)
    own = {
        f"{model}{suffix}": {
            "default": (CustomerPrice(model, "default", 1, prices={"input": "1"}),)
        }
        for suffix in ("", "-private")
        for model in models
    }
    profile = Profile("usr_1", 1, "active", {"hash": KEY},
                      prices=dict(list(own.items())[:OWN_PRICES]))  # fmt: skip
    everywhere = GlobalPart(1, prices, dict.fromkeys(models, "default"), {})
    return Stored(
        write_global(everywhere),
        [write_group(group(number)) for number in range(CHANNELS)],
        write_profile(profile),
    )


def cpu(act: Callable[[], object], times: int) -> float:
    """Seconds of CPU that doing it once takes, the median over rounds."""
    seen = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(times):
            act()
        seen.append((time.process_time() - begun) / times)
    return statistics.median(seen)


def questions(parts: Stored) -> dict[str, Question]:
    """Calls whose price each comes from elsewhere."""
    everywhere = read_global(1, parts.everywhere)
    pool = read_group(1, parts.groups[0])
    rich = Caller(read_profile("usr_1", 1, parts.profile), KEY)
    poor = Caller(Profile("usr_2", 1, "active", {"hash": KEY}), KEY)

    def asked(caller: Caller, model: str) -> Question:
        return Question(caller, Call("generate", model, b""), ("openai",), everywhere, pool, NOW)

    return {
        "official price": asked(poor, "gpt-5-mini"),
        "channel price by a prefix": asked(poor, "gpt-4o"),
        "alias, then the channel's price": asked(poor, "alias-7"),
        "customer's price": asked(rich, "gpt-5-mini"),
    }


def calibration() -> int:
    """Work that no change of ours makes faster: its time says how fast the machine is just now."""
    return sum(number * number % 7 for number in range(1_000))


def main() -> int:
    """Print the figures; 1 when one is over its budget under `--strict`."""
    parts = stored()
    loads = {
        f"{PRICES:,} official prices": (parts.everywhere, lambda: read_global(1, parts.everywhere)),
        f"{OWN_PRICES:,} customer's prices": (
            parts.profile,
            lambda: read_profile("usr_1", 1, parts.profile),
        ),
        "one channel's group": (parts.groups[0], lambda: read_group(1, parts.groups[0])),
    }
    over = False
    print(f"Python {platform.python_version()}; a loop of 1,000 steps takes "
          f"{cpu(calibration, CALLS) * MICROS:.0f} µs")  # fmt: skip
    print("\n| loaded | bytes | ms |\n| --- | --- | --- |")
    for name, (body, load) in loads.items():
        took = cpu(load, 3) * 1_000
        over = over or took > LOAD_BUDGET
        print(f"| {name} | {len(body):,} | {took:.1f} |")
    print(f"\n| resolved, {ACCOUNTS} accounts | µs |\n| --- | --- |")
    for name, question in questions(parts).items():
        took = cpu(lambda asked=question: resolve(asked), CALLS) * MICROS  # type: ignore[misc]
        over = over or took > RESOLVE_BUDGET
        print(f"| {name} | {took:.1f} |")
    return int(over and "--strict" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
