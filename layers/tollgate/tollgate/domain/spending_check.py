"""Whether spend windows count what their calls were charged and hold, no less and no more."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tollgate.domain.holds import TTL_SECONDS, parse_hold_id
from tollgate.domain.record import UsageRecord
from tollgate.domain.scopes import counted, kind_of_window, resets
from tollgate.domain.wallet import Wallet


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may have been taken from a window: nanos, from `least` to `most`.

    Of one call, `held` is what it can have taken from a window that an extension went into.
    """

    least: int = 0
    most: int = 0
    held: int = 0

    def since(self, began: int, start: int) -> "Bounds":
        """What a call that began at `start` may have taken from a window that began then."""
        return self if start >= began else Bounds(0, max(self.most, self.held))

    def __add__(self, other: "Bounds") -> "Bounds":
        return Bounds(self.least + other.least, self.most + other.most)


def running(wallet: Wallet, now: int) -> dict[str, int]:
    """The spend windows of a wallet that still run at epoch second `now`, and when they began."""
    return {
        name: spent.began
        for name, spent in wallet.spent.items()
        if resets(kind_of_window(name), spent.began) > now
    }


def first_second(wallet: Wallet, now: int) -> int | None:
    """From when on records tell what running windows should count; None where none runs."""
    began = running(wallet, now).values()
    return min(began) - max(TTL_SECONDS.values()) if began else None


def miscounted(wallet: Wallet, records: Iterable[UsageRecord], now: int) -> Iterator[str]:
    """What is wrong with the running windows of a wallet, by its open holds and these records."""
    windows = running(wallet, now)
    bounds = dict.fromkeys(windows, Bounds())
    facts = {record.hold: by_record(record) for record in records}
    facts |= {hold: Bounds(amount, amount) for hold, amount in wallet.open.items()}
    for text, taken in facts.items():
        hold = parse_hold_id(text)
        for name in counted(hold).windows:
            if name in windows and hold.shard == wallet.shard:
                bounds[name] += taken.since(windows[name], hold.start)
    for name, expected in bounds.items():
        used = wallet.spent[name].used
        if not expected.least <= used <= expected.most:
            yield f"{name} counts {used}, its calls {expected.least} to {expected.most}"


def by_record(record: UsageRecord) -> Bounds:
    """What a settled call took, whose late charge may still be on its way."""
    late = record.late_charge
    charged = Bounds(record.charge + min(0, late), record.charge + max(0, late))
    return replace(charged, held=record.held)
