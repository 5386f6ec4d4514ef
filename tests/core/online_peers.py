"""Processes that share a Redis, in one process: each with an entry, people and ears of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from time import monotonic
from uuid import UUID

from tests.core.hub_peers import soon
from wealist.core import redis
from wealist.core.online import Online
from wealist.core.online_ledger import Change, Status
from wealist.core.presence import Presence
from wealist.core.replicas import Replicas, end

GRACE = 0.6
LIFE = 2.0


History = list[Change]


class Process:
    """One replica, with short times. What it tells about whom is added to `history`."""

    def __init__(self, url: str | None, history: History) -> None:
        self.client = redis.connect(url) if url is not None else None
        self.peers = Replicas(
            self.client, life=LIFE, refresh=0.25, linger=GRACE, look=0.1, patience=0.5
        )
        self.presence = Presence(self.peers)
        self.history = history
        self.online = Online(self.peers, grace=GRACE, on_change=[self._hear])
        self._ended = False

    async def _hear(self, change: Change) -> None:
        self.history.append(change)

    def start(self) -> None:
        self.peers.start()
        self.presence.start()
        self.online.start()

    async def stop(self) -> None:
        """End in good order."""
        if not self._ended:
            self._ended = True
            await self.online.stop()
            await self.presence.stop()
            await self.peers.stop()
            if self.client is not None:
                await self.client.aclose()

    async def crash(self) -> None:
        """End without a word."""
        self._ended = True
        assert self.presence._task is not None
        await end(self.presence._task, *self.online._tasks, *self.peers._tasks)

    async def sees(self, user_id: UUID, wanted: Status, *, within: float = 5.0) -> None:
        """Wait until the user's status is this one, as seen from here."""
        deadline = monotonic() + within
        while (found := await self.status(user_id)) != wanted:
            assert monotonic() < deadline, f"the user is {found}, not {wanted}"
            await asyncio.sleep(0.02)

    async def status(self, user_id: UUID) -> Status:
        return (await self.online.among([user_id])).get(user_id, "OFFLINE")


def told(processes: Collection[Process], user_id: UUID) -> list[Status]:
    """What all of them told about one person, in the order in which it came about."""
    changes = [one for one in next(iter(processes)).history if one.user_id == user_id]
    return [one.status for one in sorted(changes, key=lambda change: change.moment)]


async def heard(among: list[Process], user: UUID, *wanted: Status, within: float = 5.0) -> None:
    """Wait until that has been told by all together, and make sure that nothing follows."""
    await soon(lambda: len(told(among, user)) >= len(wanted), within=within)
    await asyncio.sleep(0.1)
    assert sorted(told(among, user)) == sorted(wanted)


@contextlib.asynccontextmanager
async def processes(url: str | None, number: int) -> AsyncIterator[list[Process]]:
    """So many replicas, with one history."""
    async with contextlib.AsyncExitStack() as stack:
        made: list[Process] = []
        history: History = []
        for _ in range(number):
            process = Process(url, history)
            process.start()
            stack.push_async_callback(process.stop)
            made.append(process)
        yield made
