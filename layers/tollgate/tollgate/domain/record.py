"""What is stored of one finished call: enough to settle, roll up, explain and recompute it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

RecordState = Literal["final", "abandoned", "late", "draft", "refused"]
"""A draft says how far a running call has come; the sweeper abandons a call it had to end itself;
the record of a call that was abandoned too early is late. A refused call never held anything: its
row is only to be read by people, and neither settled nor summed."""

Funding = Literal["wallet", "subscription"]
WindowName = Literal["day", "week", "month"]
WINDOWS: Final[tuple[WindowName, ...]] = ("day", "week", "month")


@dataclass(frozen=True, slots=True)
class Windows:
    """The subscription windows a hold was charged to, each named by the epoch second it began.

    `entered` says how much was charged to a window that an extension rolled into; a window that
    is not in it was charged the whole hold.
    """

    day: int
    week: int
    month: int
    entered: Mapping[WindowName, int] = field(default_factory=dict)

    def __getitem__(self, name: WindowName) -> int:
        return {"day": self.day, "week": self.week, "month": self.month}[name]


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One call, put once. Amounts in nanos, times in epoch ms; ids as in docs/architecture.md.

    `hold` is the hold id; the record's own key derives from it. `held` is the last acknowledged
    amount of that hold. `late_charge` is set only when the state is `late`: what the call cost
    beyond `charge`, at which its hold was settled; it is negative where that was too much.
    `entered` are the spend windows that an extension of the hold went into: when each began, and
    what was charged to it. `mapped_model` is the name the channel that led to the account sells
    `model` under. `price` is the PriceSnapshot as JSON text; `interval` is the index of its
    interval that applied (-1: none), chosen by usage, `tier` and `label`. `cost` is what upstreams
    took, for attempts that failed, too; each of `attempts` tells its own: account, status, ms,
    error, key, cost in nanos, without what is 0 or empty.
    """

    user: str
    hold: str
    held: int
    charge: int
    state: RecordState = "final"
    funding: Funding = "wallet"
    late_charge: int = 0
    cost: int = 0
    key: str = ""
    group: str = ""
    requested_group: str = ""
    channel: str = ""
    account: str = ""
    model: str = ""
    mapped_model: str = ""
    billing_model: str = ""
    upstream_model: str = ""
    chain: tuple[str, ...] = ()
    model_group: str = ""
    usage: Mapping[str, int] = field(default_factory=dict)
    usage_source: str = "none"
    suspect: bool = False
    price: str = ""
    price_source: str = ""
    price_version: int = 0
    image_cost: int = 0
    tier: str = ""
    label: str = ""
    interval: int = -1
    windows: Windows | None = None
    entered: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    stale_minutes: tuple[str, ...] = ()
    started: int = 0
    first_byte: int = 0
    ended: int = 0
    status: int = 0
    finish: str = ""
    error: str = ""
    upstream_id: str = ""
    dialect: str = ""
    stream: bool = False
    attempts: tuple[Mapping[str, str | int], ...] = ()
