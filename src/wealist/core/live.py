"""The live connections of this process: who holds them, for how long, and how they end.

Close codes are the contract's with clients: they take 1000 as final and come back after others
(docs/live.md).
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from itertools import islice
from math import ceil
from time import monotonic, time
from typing import NamedTuple, Self
from uuid import UUID

import structlog

from wealist.core import bus, identity, live_metrics, readiness
from wealist.core.bus import Undo
from wealist.core.errors import TooMany, Unavailable
from wealist.core.hub_channel import RESTART
from wealist.core.identity import Caller, Revocation
from wealist.core.mint import LEEWAY_SECONDS
from wealist.core.outbox import Outbox
from wealist.core.settings import Settings
from wealist.core.tasks import end

ABUSE = 1008
TOO_LARGE = 1009
SIGN_IN_AGAIN = 4401
REPLACED = 4409

RECHECK_SECONDS = 60.0
"""How often a connection's session is looked at again, should its end not have been heard."""
AT_ONCE = 100
"""Sessions that are asked about together."""
STALL_SECONDS = 10.0
DRAIN_SECONDS = 3.0
TICK = 1.0

log = structlog.get_logger("wealist.live")


class Kind(NamedTuple):
    """A kind of connections. Those with a `most` are counted by themselves: one more of a user
    ends his oldest one, where others are refused. They outlive their token by `grace` seconds."""

    name: str
    most: int | None = None
    grace: float = 0.0


class Connection:
    """One connection, in whose block it is one of its user's; once it is `open`, it ends when its
    session does. `drop` ends it without a farewell."""

    __slots__ = ("_among", "_early", "caller", "expires_at", "kind", "outbox", "task")

    def __init__(self, among: "Connections", kind: Kind, caller: Caller) -> None:
        self._among = among
        self.kind = kind
        self.caller = caller
        self.expires_at = caller.expires_at + LEEWAY_SECONDS + kind.grace
        """When it ends if nothing else ends it before, in unix seconds."""
        self._early: tuple[int, str] | None = None
        self.outbox: Outbox | None = None
        self.task: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._among.enter(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._among.leave(self)

    async def open(self, outbox: Outbox) -> None:
        """Take part, after the handshake. The outbox has ended when the session or this server
        did meanwhile."""
        self.outbox = outbox
        self.task = asyncio.current_task()
        if self._early is not None:
            outbox.end(*self._early)
        await self._among.opened(self)

    def end(self, code: int, reason: str) -> None:
        """Close it with a farewell, as soon as it is open; harmless when it has ended."""
        if self.outbox is not None:
            self.outbox.end(code, reason)
        elif self._early is None:
            self._early = code, reason

    @property
    def ended(self) -> bool:
        """Whether its end has begun."""
        return self._early is not None or (self.outbox is not None and self.outbox.code is not None)

    def drop(self) -> None:
        """The client takes nothing any more, not even a farewell."""
        if self.outbox is not None and self.outbox.code is None:
            live_metrics.overflows.inc()
            self.outbox.code = 0
        if self.task is not None:
            self.task.cancel()


class Connections:
    """All of a process. `most` is how many one user may hold, of kinds without a limit of their
    own."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._users: dict[UUID, dict[Connection, None]] = {}
        self._all: dict[Connection, Outbox] = {}
        self._suspects: dict[Connection, None] = {}
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
        await end(*self._tasks)

    def place(self, kind: str | Kind, caller: Caller) -> Connection:
        """A connection for a `with` block, which raises `TooMany` if the caller holds as many as
        he may, and `Unavailable` when this server stops."""
        return Connection(self, Kind(kind) if isinstance(kind, str) else kind, caller)

    def enter(self, connection: Connection) -> None:
        """Take a place, before anybody else can: nothing is awaited between look and grasp."""
        if self._draining:
            raise Unavailable("this server is stopping; come back at once", retry_after=1)
        mine = self._users.get(connection.caller.user_id, {})
        most = connection.kind.most
        if most is not None:
            alike = [one for one in mine if one.kind == connection.kind and not one.ended]
            for oldest in alike[: max(0, len(alike) - most + 1)]:
                oldest.end(REPLACED, "you have opened newer ones")
        elif sum(one.kind.most is None for one in mine) >= self._most:
            raise TooMany(f"you have {self._most} live connections here already", retry_after=30)
        self._users.setdefault(connection.caller.user_id, mine)[connection] = None

    async def opened(self, connection: Connection) -> None:
        """Count it among the open ones, and look again at what may have changed meanwhile."""
        assert connection.outbox is not None
        self._all[connection] = connection.outbox
        live_metrics.connections.labels(connection.kind.name).inc()
        if self._draining:
            connection.end(RESTART, "this server stops; come back with your cursor")
        else:
            await self._verify([connection])

    def leave(self, connection: Connection) -> None:
        """Give its place back."""
        if self._all.pop(connection, None) is not None:
            live_metrics.connections.labels(connection.kind.name).dec()
        self._suspects.pop(connection, None)
        user_id = connection.caller.user_id
        mine = self._users[user_id]
        mine.pop(connection, None)
        if not mine:
            del self._users[user_id]

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
    def _end(connections: Iterable[Connection]) -> None:
        for connection in tuple(connections):
            connection.end(SIGN_IN_AGAIN, "the session has ended")

    def _suspect_all(self) -> None:
        """Revocations may have been missed: ask about every session soon."""
        self._suspects |= dict.fromkeys(self._all)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._look()

    def _look(self) -> None:
        """End those whose token has expired, drop those who take nothing."""
        moment, today = monotonic(), time()
        for connection, outbox in tuple(self._all.items()):
            if connection.expires_at <= today:
                outbox.end(SIGN_IN_AGAIN, "the token has expired")
            if moment - outbox.since > STALL_SECONDS:
                connection.drop()

    async def _recheck(self) -> None:
        """Ask about sessions: suspects at once, and all of them within a minute."""
        due = 0.0
        while True:
            now = monotonic()
            if now >= due:
                due = now + TICK
                self._suspect_some(ceil(len(self._all) * TICK / RECHECK_SECONDS))
            # While nobody can tell, asking more often doesn't help.
            known = await self._ask_some()
            await asyncio.sleep(0.02 if known and self._suspects else TICK)

    async def _ask_some(self) -> bool:
        batch = list(islice(self._suspects, AT_ONCE))
        for connection in batch:
            del self._suspects[connection]
        return await self._verify(batch)

    def _suspect_some(self, share: int) -> None:
        for connection in list(islice(self._all, share)):
            self._all[connection] = self._all.pop(connection)  # to the end of the line
            self._suspects[connection] = None

    async def _verify(self, connections: Sequence[Connection]) -> bool:
        """End those whose session has ended; False while nobody can tell."""
        families = {one.caller.family or "" for one in connections if not one.ended}
        if not families:
            return True
        try:
            ended = await identity.ended(list(families))
        except Exception as error:
            log.debug("sessions can't be checked", error=f"{type(error).__name__}: {error}")
            self._suspects |= dict.fromkeys(one for one in connections if one in self._all)
            return False
        self._end([one for one in connections if (one.caller.family or "") in ended])
        return True

    async def drain(self) -> None:
        """Send everybody elsewhere, not all in one instant."""
        self._draining = True
        connections = tuple(self._all)
        pause = min(DRAIN_SECONDS, len(connections) * 0.002) / max(1, len(connections))
        for connection in connections:
            connection.end(RESTART, "this server stops; come back with your cursor")
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
