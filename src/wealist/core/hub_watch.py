"""Finding what the bus has lost: holes that a later event shows, and lost last messages."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any

import structlog
from msgspec import Struct

from wealist.core import db, events, frames, live_metrics
from wealist.core.bus import Bus
from wealist.core.frames import Frame
from wealist.core.hub_channel import Channel

CHECK_SECONDS = 15.0
"""How often places are compared with the log; the longest that a lost last message is missed."""
ALONE_SECONDS = 2.0
"""The same while the bus is away."""
PATIENCE = 0.01
"""Seconds that a frame may come late over the bus before the log is read for it."""
PAGE = 200
PAGE_BYTES = 64 << 10
"""What is handed to listeners before they get time to take it."""
_CHUNK = 1000

Start = Callable[[Coroutine[Any, Any, None]], None]

log = structlog.get_logger("wealist.hub")


class Pace(Struct, frozen=True):
    """How often the log is looked at; seconds."""

    check: float = CHECK_SECONDS
    alone: float = ALONE_SECONDS
    patience: float = PATIENCE


class _Position(Struct):
    name: str
    top: int


class Watch:
    """Keeps the channels of a hub as far as the log is. `start` runs a task until the hub ends."""

    def __init__(self, channels: dict[str, Channel], bus: Bus, start: Start, pace: Pace) -> None:
        self._channels, self._bus, self._start, self._pace = channels, bus, start, pace
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """Look at all channels soon: messages may have been missed."""
        self._hurry.set()

    def hole(self, channel: Channel) -> None:
        """A frame came before others: read those from the log unless they come at once."""
        if not channel.catching_up:
            live_metrics.gaps.inc()
            self._begin(channel, self._pace.patience)

    def _begin(self, channel: Channel, patience: float) -> None:
        channel.catching_up = True
        self._start(self._until_complete(channel, patience))

    async def _until_complete(self, channel: Channel, patience: float) -> None:
        pause = patience
        try:
            while True:
                await asyncio.sleep(pause)
                if self._channels.get(channel.name) is not channel:
                    return
                if patience and not channel.early:
                    return
                try:
                    await catch_up(channel)
                    return
                except Exception as error:
                    pause = min(5.0, max(0.1, pause * 2)) * random.uniform(0.7, 1.3)  # noqa: S311
                    log.warning("a channel can't be read", error=f"{type(error).__name__}: {error}")
        finally:
            channel.catching_up = False

    async def run(self) -> None:
        """Look at all channels again and again."""
        due = 0.0
        live_metrics.bus_connected.set(self._bus.connected)
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), self._pace.alone)
            connected = self._bus.connected
            live_metrics.bus_connected.set(connected)
            if connected and not self._hurry.is_set() and monotonic() < due:
                continue
            self._hurry.clear()
            # Replicas that lost the same Redis shall not ask in the same instant.
            await asyncio.sleep(random.uniform(0, min(0.3, self._pace.alone)))  # noqa: S311
            due = monotonic() + self._pace.check * random.uniform(0.8, 1.0)  # noqa: S311
            try:
                await self.check()
            except Exception as error:
                log.warning("positions can't be read", error=f"{type(error).__name__}: {error}")

    async def check(self) -> None:
        """Compare every channel's place with the log, and have read what is missing."""
        live_metrics.channels.set(len(self._channels))
        names = [name for name, channel in self._channels.items() if channel.last is not None]
        for start in range(0, len(names), _CHUNK):
            chunk = names[start : start + _CHUNK]
            epoch = await db.fetch_value("SELECT epoch FROM core.installation")
            found = await db.fetch(
                _Position, "SELECT name, top FROM core.channel WHERE name = ANY($1)", chunk
            )
            tops = {position.name: position.top for position in found}
            for name in chunk:
                channel = self._channels.get(name)
                if channel is None or channel.last is None or channel.catching_up:
                    continue
                if channel.epoch != epoch or tops.get(name, 0) != channel.last:
                    self._begin(channel, 0)


async def catch_up(channel: Channel) -> None:
    """Read what a channel lacks from the log, a page at a time and no faster than its listeners
    take it; a channel that isn't the log's any more restarts."""
    if channel.last is None:
        return
    live_metrics.catchups.inc()
    while True:
        # What is delivered or comes early meanwhile may be younger than the position read.
        last, early = channel.last, channel.early
        found = await events.position(channel.name)
        if found.epoch != channel.epoch or found.top < last or found.floor > last:
            channel.restart(found.epoch, found.top)
            continue  # something of the new log may have come already
        before = channel.last
        if before < found.top:
            for frame in await read(channel, before):
                channel.receive(frame)
        if channel.last == before:
            channel.forget(early)  # nothing precedes them, in this log at least
            if before < found.top or not channel.early:
                return
        await channel.room()


async def read(channel: Channel, seq: int) -> list[Frame]:
    """A page of the log after `seq`, as frames."""
    epoch = channel.epoch
    page = await events.since(channel.name, seq, PAGE, most_bytes=PAGE_BYTES)
    return [frames.encode(event, epoch) for event in page]
