"""Who is connected at the moment, anywhere: each person once, with a status and its changes.

    with online.here(user_id) as connection:      as long as the connection lasts
        connection.away(True)                     nobody looks at it at the moment
    await online.among(user_ids)                  {user_id: "ONLINE" | "AWAY"}; others are offline
    online.on_change.append(tell)                 await tell(change): the person and his new status

A person is AWAY when all his connections are. A connection that has ended counts on for 8 s as it
was, so whoever reloads or changes to another replica never leaves. Each change is told once, by
the process that notices it: after a crash by another one, 75 to 90 s later; of two, the later
counts. What a process crashes over while it tells is not told again, so `among` is the truth and
changes are news. While Redis is away changes are late; without it this process is all there is.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from itertools import islice
from time import monotonic
from types import TracebackType
from typing import NamedTuple, Self
from uuid import UUID

import structlog

from wealist.core import replicas
from wealist.core.errors import Unavailable
from wealist.core.online_ledger import (
    CHUNK,
    KEPT_SECONDS,
    Change,
    Ledger,
    LocalLedger,
    RedisLedger,
    Status,
)
from wealist.core.replicas import LINGER_SECONDS, RETRY_SECONDS, Replicas, rest
from wealist.core.tasks import end

OnChange = Callable[[Change], Awaitable[None]]

GRACE_SECONDS = LINGER_SECONDS
TELLING_SECONDS = 10.0
"""How long one of `on_change` may take for one person."""
FAREWELL_SECONDS = 5.0
"""How long a stopping process waits until it has told what it knows."""
_TOGETHER = 20

log = structlog.get_logger("wealist.online")

on_change: list[OnChange] = []
"""Called with changes, of different people up to 20 at once. Who changes again before he was told
about is told about once, with the last status."""


class Connection:
    """One connection of a person, as long as the `with` block lasts."""

    __slots__ = ("_away", "_here", "_online", "user_id")

    def __init__(self, online: "Online", user_id: UUID) -> None:
        self._online, self.user_id = online, user_id
        self._here = self._away = False

    def __enter__(self) -> Self:
        self._here = True
        self._online._count(self.user_id, 1, 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._here = False
        self._online._leave(self.user_id, away=self._away)

    def away(self, away: bool) -> None:
        """Nobody looks at this connection, or somebody does again. Nothing once it has ended."""
        if self._here and away != self._away:
            self._away = away
            self._online._count(self.user_id, 0, 1 if away else -1)


class _Connections(NamedTuple):
    total: int
    away: int

    @property
    def status(self) -> Status:
        if not self.total:
            return "OFFLINE"
        return "AWAY" if self.away == self.total else "ONLINE"


_NONE = _Connections(0, 0)


class _Ended(NamedTuple):
    until: float
    user_id: UUID
    away: bool


class Online:
    """The people of this process, and the view over all. `grace` is in seconds."""

    def __init__(
        self,
        peers: Replicas,
        *,
        grace: float = GRACE_SECONDS,
        on_change: list[OnChange] = on_change,
    ) -> None:
        self._peers, self._grace, self._on_change = peers, grace, on_change
        self._ledger: Ledger = (
            LocalLedger(self._report) if peers.client is None else RedisLedger(peers, self._report)
        )
        self._people: dict[UUID, _Connections] = {}
        self._ended: deque[_Ended] = deque()
        self._changed: set[UUID] = set()
        self._wake = asyncio.Event()
        self._news: dict[UUID, Change] = {}
        self._told_of_news = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to tell."""
        self._peers.on_lost.append(self._tell_all)
        self._peers.on_dead.append(self._inherit)
        self._tasks = [
            asyncio.create_task(self._run(), name="online"),
            asyncio.create_task(self._tell(), name="online tell"),
        ]

    async def stop(self) -> None:
        """Tell what is known, and end. Who is here stays so while this process lingers; another one
        tells who has not come back by then. Without Redis everybody is told to be offline."""
        self._peers.on_lost.remove(self._tell_all)
        self._peers.on_dead.remove(self._inherit)
        self._stopping = True
        run, tell = self._tasks
        await end(run)
        if self._peers.client is None:
            self._changed |= self._people.keys()
            self._people = {}
        with contextlib.suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(1):
                await self._settle()
                await self._ledger.settle({})  # waits for what is being inherited
        self._told_of_news.set()
        await asyncio.wait([tell], timeout=FAREWELL_SECONDS)
        await end(tell)

    def here(self, user_id: UUID) -> Connection:
        """A connection of this user, for a `with` statement."""
        return Connection(self, user_id)

    async def among(self, user_ids: Collection[UUID]) -> dict[UUID, Status]:
        """Which of these users are connected, on all replicas, and whether they are away.

        One command a thousand users, which looks up each of them on each other replica.
        """
        users = set(user_ids)
        found: dict[UUID, Status] = {}
        try:
            found = await self._ledger.among(users)
        except Unavailable:
            log.debug("who is online on other replicas is unknown")
        for user_id in users & self._people.keys():
            if found.get(user_id) != "ONLINE":
                found[user_id] = self._people[user_id].status
        return found

    def _count(self, user_id: UUID, total: int, away: int) -> None:
        before = self._people.get(user_id, _NONE)
        after = _Connections(before.total + total, before.away + away)
        if after.total > 0:
            self._people[user_id] = after
        else:
            self._people.pop(user_id, None)
        if before.status != after.status:
            self._changed.add(user_id)
            self._wake.set()

    def _leave(self, user_id: UUID, *, away: bool) -> None:
        if not self._ended:
            self._wake.set()
        self._ended.append(_Ended(monotonic() + self._grace, user_id, away))

    def _tell_all(self) -> None:
        self._changed |= self._people.keys()
        self._wake.set()

    async def _run(self) -> None:
        due = monotonic() + KEPT_SECONDS / 4
        while True:
            await rest(self._wake, self._pause(due))
            while self._ended and self._ended[0].until <= monotonic():
                ended = self._ended.popleft()
                self._count(ended.user_id, -1, -1 if ended.away else 0)
            if monotonic() >= due:
                self._tell_all()
                due = monotonic() + KEPT_SECONDS / 4
            try:
                await self._settle()
            except Unavailable:
                log.debug("who is online can't be told")
            except Exception:
                log.exception("online failed")

    def _pause(self, due: float) -> float:
        if self._ended:
            due = min(due, self._ended[0].until)
        pause = due - monotonic()
        # Something is left only after a failure, or when it came in the last moment: it has woken.
        return min(pause, RETRY_SECONDS) if self._changed else pause

    async def _settle(self) -> None:
        """Have the ledger compare who has changed here; whom that fails for stays changed."""
        while self._changed:
            some = [self._changed.pop() for _ in range(min(CHUNK, len(self._changed)))]
            try:
                await self._ledger.settle(
                    {user_id: self._people.get(user_id, _NONE).status for user_id in some}
                )
            except BaseException:
                self._changed.update(some)
                raise

    async def _inherit(self, process: str) -> None:
        while await self._ledger.inherit(process):
            if self._stopping:
                raise Unavailable("this process stops; another one goes on")

    def _report(self, change: Change) -> None:
        self._news[change.user_id] = change
        self._told_of_news.set()

    async def _tell(self) -> None:
        while self._news or not self._stopping:
            await self._told_of_news.wait()
            self._told_of_news.clear()
            while self._news:
                some = list(islice(self._news.values(), _TOGETHER))
                for change in some:
                    del self._news[change.user_id]
                await asyncio.gather(*(self._tell_one(change) for change in some))

    async def _tell_one(self, change: Change) -> None:
        for callback in self._on_change:
            try:
                async with asyncio.timeout(TELLING_SECONDS):
                    await callback(change)
            except (Exception, asyncio.CancelledError):
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                # Also when something that it waited for was cancelled, which is none of ours.
                log.exception("a change of status was not taken", user_id=str(change.user_id))


_online: Online | None = None


def open() -> None:  # noqa: A001
    """Begin: after `core.replicas`."""
    global _online
    _online = Online(replicas.current())
    _online.start()


async def close() -> None:
    """End it; before `core.replicas` and what `on_change` needs."""
    global _online
    closing, _online = _online, None
    if closing is not None:
        await closing.stop()


def current() -> Online:
    """Who is online, as this process sees it."""
    if _online is None:
        raise RuntimeError("online.open has not been called")
    return _online


def here(user_id: UUID) -> Connection:
    """See `Online.here`."""
    return current().here(user_id)


async def among(user_ids: Collection[UUID]) -> dict[UUID, Status]:
    """See `Online.among`."""
    return await current().among(user_ids)
