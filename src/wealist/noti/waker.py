"""Facts that were committed in this process are read at once, in the background."""

import asyncio
import random
from collections.abc import Sequence

import structlog

from wealist.core import events, frames
from wealist.core.events import Event
from wealist.core.tasks import end
from wealist.noti import reader
from wealist.noti.wire import FACTS

WORKERS = 2
"""Channels that a process reads at the same time: each takes a connection of the pool."""
MOST_WAITING = 10_000
"""Channels that wait; what is beyond that is found by the job."""
BUSY_SECONDS = 0.05
"""How long to wait while another process reads the same channel."""

log = structlog.get_logger("wealist.noti")


class Waker:
    """The readers of one process. A channel waits once however often it is named, and is read by
    one worker at a time."""

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}
        self._reading: set[str] = set()
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to read what is committed from now on."""
        events.on_commit.append(self.committed)
        self._tasks = [
            asyncio.create_task(self._work(), name=f"noti reader {number}")
            for number in range(WORKERS)
        ]

    async def stop(self) -> None:
        """End; what waits is read by another process, or by the job."""
        events.on_commit.remove(self.committed)
        await end(*self._tasks)

    def committed(self, written: Sequence[Event], _: str) -> None:
        """Note the channels that have new facts."""
        for event in written:
            if frames.family(event.channel) == FACTS and len(self._waiting) < MOST_WAITING:
                self._waiting[event.channel] = None
                self._news.set()

    async def _work(self) -> None:
        while True:
            channel = next((name for name in self._waiting if name not in self._reading), None)
            if channel is None:
                self._news.clear()
                await self._news.wait()
                continue
            del self._waiting[channel]
            self._reading.add(channel)
            try:
                await self._read(channel)
            finally:
                self._reading.discard(channel)
                self._news.set()

    async def _read(self, channel: str) -> None:
        try:
            outcome = await reader.read_some(channel)
        except Exception as error:  # the job reads it when that is over
            log.warning(
                "facts are read late", channel=channel, error=f"{type(error).__name__}: {error}"
            )
            return
        if outcome.busy:
            # The other one may have looked just before our facts were there.
            await asyncio.sleep(BUSY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
        if outcome.busy or outcome.more:
            self._waiting.setdefault(channel)


_waker: Waker | None = None


def open() -> None:  # noqa: A001
    """Begin: after the hub."""
    global _waker
    _waker = Waker()
    _waker.start()


async def close() -> None:
    """End it; before the database."""
    global _waker
    closing, _waker = _waker, None
    if closing is not None:
        await closing.stop()
