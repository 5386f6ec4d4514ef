"""The live connections of this process: who holds them, for how long, and how they end.

Close codes are the contract's with clients: they take 1000 as final and come back after others
(docs/live.md).
"""

import asyncio
import contextlib
import heapq
from collections import deque
from collections.abc import Iterator
from itertools import count
from time import monotonic, time
from uuid import UUID

import structlog

from wealist.core import bus, identity, live_metrics, readiness
from wealist.core.bus import Undo
from wealist.core.errors import TooMany, Unavailable
from wealist.core.identity import Caller, Revocation
from wealist.core.mint import LEEWAY_SECONDS, TokenError
from wealist.core.outbox import Outbox
from wealist.core.settings import Settings

ABUSE = 1008
TOO_LARGE = 1009
RESTART = 1012
SIGN_IN_AGAIN = 4401

RECHECK_SECONDS = 60.0
"""How often a connection's token is looked at again, should a revocation not have been heard."""
STALL_SECONDS = 10.0
DRAIN_SECONDS = 3.0
TICK = 1.0

log = structlog.get_logger("wealist.live")


class Connection:
    """One open connection; `drop` ends it without a farewell."""

    __slots__ = ("__weakref__", "caller", "kind", "outbox", "task", "token")

    def __init__(self, kind: str, caller: Caller, token: str, outbox: Outbox) -> None:
        self.kind = kind
        self.caller = caller
        self.token = token
        self.outbox = outbox
        self.task = asyncio.current_task()

    def drop(self) -> None:
        """The client takes nothing any more, not even a farewell."""
        if self.outbox.code is None:
            live_metrics.overflows.inc()
            self.outbox.code = 0
        if self.task is not None:
            self.task.cancel()


class Connections:
    """All of a process. `most` is how many one user may hold."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._users: dict[UUID, set[Connection]] = {}
        self._all: dict[Connection, None] = {}
        self._expiry: list[tuple[int, int, Connection]] = []
        self._numbers = count()
        self._suspects: deque[Connection] = deque()
        self._draining = False
        self._tasks: list[asyncio.Task[None]] = []
        self._undo: list[Undo] = []

    def start(self) -> None:
        """Begin to watch over tokens."""
        self._undo.append(bus.current().on_gap(self._suspect_all))
        identity.on_revoked.append(self._revoked)
        readiness.on_drain.append(self.drain)
        self._tasks = [
            asyncio.create_task(self._tick(), name="live connections"),
            asyncio.create_task(self._recheck(), name="live tokens"),
        ]

    async def stop(self) -> None:
        """End what `start` has begun."""
        for undo in self._undo:
            undo()
        identity.on_revoked.remove(self._revoked)
        readiness.on_drain.remove(self.drain)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def check(self, caller: Caller) -> None:
        """Raise `TooMany` if the caller holds as many as he may, `Unavailable` when stopping."""
        if self._draining:
            raise Unavailable("this server is stopping; come back at once", retry_after=1)
        if len(self._users.get(caller.user_id, ())) >= self._most:
            raise TooMany(f"you have {self._most} live connections here already", retry_after=30)

    @contextlib.contextmanager
    def holding(self, kind: str, caller: Caller, token: str, outbox: Outbox) -> Iterator[None]:
        """Count a connection among the open ones, and end it when its token does."""
        connection = Connection(kind, caller, token, outbox)
        self._all[connection] = None
        self._users.setdefault(caller.user_id, set()).add(connection)
        until = caller.expires_at + LEEWAY_SECONDS
        heapq.heappush(self._expiry, (until, next(self._numbers), connection))
        gauge = live_metrics.connections.labels(kind)
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()
            self._all.pop(connection, None)
            mine = self._users[caller.user_id]
            mine.discard(connection)
            if not mine:
                del self._users[caller.user_id]

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._all)

    def _revoked(self, revocation: Revocation) -> None:
        if revocation.user is not None:
            self._end(self._users.get(revocation.user, ()))
        if revocation.family is not None:
            self._end([one for one in self._all if one.caller.family == revocation.family])

    @staticmethod
    def _end(connections: "set[Connection] | list[Connection] | tuple[()]") -> None:
        for connection in tuple(connections):
            connection.outbox.end(SIGN_IN_AGAIN, "the session has ended")

    def _suspect_all(self) -> None:
        """Revocations may have been missed: ask about every token soon."""
        self._suspects.extend(self._all)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = time()
            while self._expiry and (
                self._expiry[0][0] <= now or self._expiry[0][2] not in self._all
            ):
                connection = heapq.heappop(self._expiry)[2]
                if connection in self._all:
                    connection.outbox.end(SIGN_IN_AGAIN, "the token has expired")
            moment = monotonic()
            for connection in tuple(self._all):
                if connection.outbox.stalled(moment, STALL_SECONDS):
                    connection.drop()

    async def _recheck(self) -> None:
        """Ask about tokens: suspects at once, and all of them within a minute."""
        while True:
            if not self._suspects:
                await asyncio.sleep(TICK)
            share = max(1, int(len(self._all) * TICK / RECHECK_SECONDS))
            for connection in list(self._all)[:share]:
                self._all[connection] = self._all.pop(connection)  # to the end of the line
                self._suspects.append(connection)
            batch = [self._suspects.popleft() for _ in range(min(200, len(self._suspects)))]
            for connection in batch:
                if connection in self._all and connection.outbox.code is None:
                    await self._verify(connection)
            await asyncio.sleep(0.02)

    async def _verify(self, connection: Connection) -> None:
        try:
            await identity.authenticate(connection.token)
        except TokenError:
            connection.outbox.end(SIGN_IN_AGAIN, "the session has ended")
        except Exception as error:  # nobody can tell now; the next round will
            log.debug("a token can't be checked", error=f"{type(error).__name__}: {error}")

    async def drain(self) -> None:
        """Send everybody elsewhere, not all in one instant."""
        self._draining = True
        connections = tuple(self._all)
        pause = min(DRAIN_SECONDS, len(connections) * 0.002) / max(1, len(connections))
        for connection in connections:
            connection.outbox.end(RESTART, "this server stops; come back with your cursor")
            await asyncio.sleep(pause)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS / 3):
                while self._all:  # noqa: ASYNC110  # once in the life of a process
                    await asyncio.sleep(0.01)


_connections: Connections | None = None


def open(settings: Settings) -> None:  # noqa: A001
    """Begin: after the bus and `identity`."""
    global _connections
    _connections = Connections(settings.sockets_per_user)
    _connections.start()


async def close() -> None:
    """End it."""
    global _connections
    closing, _connections = _connections, None
    if closing is not None:
        await closing.stop()


def connections() -> Connections:
    """The connections of this process."""
    if _connections is None:
        raise RuntimeError("live.open has not been called")
    return _connections
