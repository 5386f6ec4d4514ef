"""What waits to be sent over the bus: bounded, in order, several messages a round trip."""

import asyncio
from collections.abc import Callable

import structlog

from wealist.core.bus import Bus
from wealist.core.errors import Unavailable

BATCH = 256

log = structlog.get_logger("wealist.bus")


class Outgoing:
    """At most `most` messages wait. `lost` is told how many can't be sent, or find no room."""

    def __init__(self, to: Bus, most: int, lost: Callable[[int], object]) -> None:
        self._bus = to
        self._lost = lost
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(most)

    def put(self, channel: str, data: bytes) -> None:
        """Have a message sent soon, after those before it."""
        try:
            self._queue.put_nowait((channel, data))
        except asyncio.QueueFull:
            self._lost(1)

    async def run(self) -> None:
        """Send, until cancelled."""
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self._bus.publish_many(batch)
            except Unavailable:
                self._lost(len(batch))
            except Exception:
                self._lost(len(batch))
                log.exception("the bus refused messages")
