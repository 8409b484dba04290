"""A hostile world around the real code: a store that loses and delays, clocks that differ, queues.

Everything random is drawn from the scenario's seed, under one turn at a time.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tests.dynamodb_in_memory import InMemoryDynamo
from tests.simulation.audit import Audit
from tests.simulation.fibers import Fiber
from tests.simulation.scenario import Scenario
from tollgate.domain.record import UsageRecord
from tollgate.store.dynamodb import OutcomeUnknown, RequestRejected, StoreError, Throttled

SKEW_MS: Final = 2 * 60 * 1_000
STEPS_MS: Final = (0, 1, 5, 40, 200, 900)
JUMPS_MS: Final = tuple(minutes * 60_000 for minutes in (1, 6, 7, 9, 14, 26, 26, 24 * 60))
WRITES: Final = frozenset({"PutItem", "UpdateItem", "TransactWriteItems"})


@dataclass(slots=True)
class Call:
    """One call as it really went, whatever anybody stored of it.

    `recorded` once the relay tried to store it, `kept` once it was told that it is stored.
    """

    hold: str
    charge: int
    recorded: UsageRecord | None = None
    kept: bool = False
    drafted: int = 0


@dataclass(slots=True)
class World:
    """Everything outside the code under test.

    `credited` are the notices acknowledged, `told` the charges callers were told, by record id.
    """

    scenario: Scenario
    rng: Random = field(init=False)
    audit: Audit = field(init=False)
    dynamo: InMemoryDynamo = field(init=False)
    now: int = field(init=False)
    faults: bool = True
    zombies: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    queue: list[dict[str, Any]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    poisoned: list[Mapping[str, Any]] = field(default_factory=list)
    credited: dict[str, int] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    quota_added: int = 0
    delivered: int = 0

    def __post_init__(self) -> None:
        self.rng = Random(self.scenario.seed * 2 + 1)
        self.now = self.scenario.began * 1_000
        self.audit = Audit(self.scenario, lambda: self.now)
        self.dynamo = InMemoryDynamo(["Wallets", "Usage", "Markers"])
        self.dynamo.watch = self.audit.watch
        for item in self.scenario.items():
            self.dynamo.apply("PutItem", {"TableName": "Wallets", "Item": item})

    def chance(self, rate: int) -> bool:
        """Whether something happens that happens `rate` times in a thousand."""
        return self.faults and self.rng.randrange(1_000) < rate

    def random(self, below: int) -> int:
        """What the code under test draws its ids from."""
        return self.rng.randrange(below)

    def start(self, run: Callable[[Fiber], None]) -> Fiber:
        """A fiber with a clock of its own."""
        return Fiber(run, self.now, self.rng.randint(-SKEW_MS, SKEW_MS))

    def pass_time(self) -> None:
        """A little, or a lot."""
        self.now += self.rng.choice(STEPS_MS)
        if self.chance(self.scenario.jump_rate):
            self.now += self.rng.choice(JUMPS_MS)

    def apply_zombie(self) -> None:
        """Let a request arrive that its sender has long given up."""
        operation, request = self.zombies.pop(self.rng.randrange(len(self.zombies)))
        try:
            self.dynamo.apply(operation, request)
        except StoreError:
            return  # nobody listens


class Port:
    """The port to the store as one fiber sees it."""

    def __init__(self, world: World, fiber: Fiber) -> None:
        self.world = world
        self.fiber = fiber
        self.refuses_records = False

    def clock(self) -> int:
        """Epoch ms, by the fiber's own clock."""
        return self.world.now + self.fiber.skew

    def call(
        self, operation: str, request: Mapping[str, Any], *, attempts: int = 1
    ) -> dict[str, Any]:
        """One request, with whatever may befall it."""
        for left in reversed(range(attempts)):
            try:
                return self._attempt(operation, request)
            except (Throttled, OutcomeUnknown):
                if not left:
                    raise
        raise ValueError("attempts must be at least 1")

    def _attempt(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        world = self.world
        self.fiber.pause()
        if self.refuses_records and operation == "PutItem":
            raise Throttled
        if world.chance(world.scenario.crash_rate):
            self._crash(operation, request)
        if not world.chance(world.scenario.fault_rate):
            return self._apply(operation, request)
        fault = world.rng.choice(("throttled", "lost", "unacknowledged", "delayed"))
        if fault == "throttled":
            raise Throttled
        if fault == "unacknowledged":
            self._apply_unseen(operation, request)
        if fault == "delayed" and operation in WRITES:
            world.zombies.append((operation, request))
        raise OutcomeUnknown

    def _crash(self, operation: str, request: Mapping[str, Any]) -> None:
        if self.world.rng.random() < 0.5:
            self._apply_unseen(operation, request)
        self.fiber.crash()

    def _apply(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self.world.dynamo.apply(operation, request)
        except RequestRejected as error:
            self.world.audit.say(f"{error}: {operation} {request}")  # never right, whatever befell
            raise

    def _apply_unseen(self, operation: str, request: Mapping[str, Any]) -> None:
        with suppress(StoreError):
            self._apply(operation, request)
