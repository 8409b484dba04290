"""Plays a schedule from a seed: a hostile part, a calm part in which all must end, then checks."""

from typing import Final

from tests.simulation import actors, outcome
from tests.simulation.actors import Act
from tests.simulation.fibers import Fiber
from tests.simulation.scenario import USER, drawn
from tests.simulation.world import Port, World
from tollgate.store.usage import UsageRecords

CALM_MS: Final = 2 * 60 * 60 * 1_000
MOST_STEPS: Final = 3_000


def violations(seed: int) -> list[str]:
    """Everything that went wrong in the schedule of this seed; empty for right code."""
    world = World(drawn(seed))
    return played(world, [actors.relay(plan) for plan in world.scenario.plans])


def played(world: World, calls: list[Act]) -> list[str]:
    """Everything that went wrong with these calls in that world."""
    play(world, calls)
    calm(world)
    return outcome.check(world)


def play(world: World, calls: list[Act]) -> None:
    """Start everybody at some time and let them take turns."""
    rng = world.rng
    waiting = list(calls)
    waiting += rng.sample(actors.OPERATIONS, world.scenario.operations)
    waiting += [actors.sweeper] * rng.choice((0, 1, 2, 3))
    rng.shuffle(waiting)
    fibers: list[Fiber] = []
    for _ in range(MOST_STEPS):
        if not (fibers or waiting):
            break
        act = chosen(world, waiting, fibers)
        if act is not None:
            fibers.append(started(world, act))
        elif fibers:
            step(world, fibers)
    else:
        world.audit.say("the schedule did not end")
    if rng.random() < 0.7:
        run_all(world, [actors.aggregator(batch(world))])


def chosen(world: World, waiting: list[Act], fibers: list[Fiber]) -> Act | None:
    """Who starts next; None when somebody who has started goes on."""
    draw = world.rng.randrange(100)
    if waiting and (draw < 18 or not fibers):
        return waiting.pop()
    if draw < 24 and world.dynamo.tables["Usage"].changes:
        return actors.aggregator(batch(world))
    if draw < 27 and world.queue:
        return actors.janitor
    if draw < 31 and world.zombies:
        world.apply_zombie()
    return None


def batch(world: World) -> list[dict[str, object]]:
    """Stream records: new ones, or from the beginning; doubled, shuffled, poisoned."""
    rng = world.rng
    since = world.delivered if rng.random() < 0.7 else 0
    records = world.dynamo.stream("Usage", since)
    world.delivered += len(records) - (world.delivered - since)
    if world.chance(world.scenario.duplicate_rate):
        records += rng.choices(records, k=2) if records else []
    if world.chance(world.scenario.duplicate_rate):
        rng.shuffle(records)
    if world.chance(30):
        records.insert(rng.randrange(len(records) + 1), poison(rng.randrange(10**6)))
    return records


def poison(sequence: int) -> dict[str, object]:
    """A record of no version of ours."""
    image = {"pk": {"S": "usr_x#20231115#0"}, "sk": {"S": "?"}, "schema": {"N": "99"}}
    return {"dynamodb": {"SequenceNumber": f"{sequence:021d}", "NewImage": image}}


def started(world: World, act: Act) -> Fiber:
    """A fiber that plays an act."""
    return world.start(lambda fiber: act(world, fiber))


def step(world: World, fibers: list[Fiber]) -> None:
    """Let one of them take a turn, and time pass."""
    fiber = fibers[world.rng.randrange(len(fibers))]
    fiber.resume(world.now)
    world.pass_time()
    if fiber.done:
        fibers.remove(fiber)
        if fiber.error is not None:
            raise fiber.error


def run_all(world: World, acts: list[Act]) -> None:
    """Let acts run to their ends, one after the other."""
    for act in acts:
        fibers = [started(world, act)]
        while fibers:
            step(world, fibers)


def calm(world: World) -> None:
    """Faults end, time passes, the janitor does its rounds: everything must come to its end."""
    world.faults = False
    while world.zombies and world.rng.random() < 0.8:
        world.apply_zombie()
    janitors_round(world)
    while world.zombies:
        world.apply_zombie()
    if world.audit.opened != world.audit.settled:
        janitors_round(world)
    if any(item["state"] == {"S": "late"} for item in world.dynamo.items("Usage")):
        run_all(world, [close_hours])


def janitors_round(world: World) -> None:
    """Everything a hold can wait for has passed; the queue is emptied, all wallets are swept."""
    world.now += CALM_MS
    acts: list[Act] = [actors.janitor, actors.sweeper]
    world.rng.shuffle(acts)
    run_all(world, acts)


def close_hours(world: World, fiber: Fiber) -> None:
    """What reads all records of closed hours also finishes the late ones among them."""
    port = Port(world, fiber)
    page = UsageRecords(port, "Usage").list(
        USER,
        world.scenario.began * 1_000 - CALM_MS,
        world.now + CALM_MS,
        limit=1_000,
        shards=world.scenario.shards + 1,
    )
    actors.sweeping(world, port).finish_late(page.records)
