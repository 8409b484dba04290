"""Every event source of the template, started and stopped together."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from local.emulator.cloud import Cloud
from local.events import mapping
from local.events.delivery import Delivery
from local.events.destination import Destination
from local.events.mapping import StreamMapping
from local.events.pump import Pace, Pump
from local.events.queue import QueueFeed
from local.events.scheduler import Scheduler
from local.events.stream_reader import StreamReader
from local.fleet import Fleet
from local.template.functions import Function


class Sources:
    """The pumps, queue feeds and schedules of an application.

    Args:
        functions: what they call, with their events.
        cloud: where streams and queues are.
        fleet: runs the functions.
        checkpoints: the folder in which pumps remember how far they have come.
    """

    def __init__(
        self, functions: Iterable[Function], cloud: Cloud, fleet: Fleet, checkpoints: Path
    ) -> None:
        functions = tuple(functions)
        self._fleet = fleet
        self._cloud = cloud
        self._pumps = [self._pump(each, checkpoints) for each in mapping.streams(functions)]
        self._feeds = [
            QueueFeed(each, cloud.region, cloud.sqs, fleet.caller(each.function))
            for each in mapping.queues(functions)
        ]
        self._schedulers = [
            Scheduler(each, fleet.caller(each.function), time.time)
            for each in mapping.schedules(functions)
        ]

    def start(self) -> None:
        """Start them all."""
        for thread in (*self._pumps, *self._feeds, *self._schedulers):
            thread.start()

    async def stop(self, seconds: float) -> None:
        """Deliver what is in the streams for at most that long; nothing is lost by stopping."""
        for feed in self._feeds:
            feed.stop()
        for scheduler in self._schedulers:
            scheduler.stop()
        await asyncio.gather(*(asyncio.to_thread(pump.stop, seconds) for pump in self._pumps))

    def _pump(self, each: StreamMapping, checkpoints: Path) -> Pump:
        cloud = self._cloud
        destination = Destination(each, cloud.s3, cloud.sqs, time.time, lambda: str(uuid4()))
        delivery = Delivery(each, self._fleet.caller(each.function), destination.keep, time.time)
        reader = StreamReader(cloud.streams, each.stream, each.start, {})
        pump = Pump(each, reader, delivery, Pace())
        pump.resume(checkpoints / f"{each.id}.json")
        return pump
