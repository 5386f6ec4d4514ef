"""Which processes share this Redis and live: one entry each, told anew every 25 s, over after 75 s.

Whoever keeps something about a process in Redis keeps it without an expiry of its own, filters
what it reads by `LIVING`, and registers here for two things: `on_lost`, when what this process has
told must be told again, and `on_dead`, when another has died. The clock is Redis' own, so that
replicas need not agree about the time. Without Redis there are no others.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any
from uuid import uuid4

import structlog
from redis.asyncio import Redis

from wealist.core import bus, redis
from wealist.core.bus import Undo
from wealist.core.errors import Unavailable
from wealist.core.tasks import end

LIFE_SECONDS = 75.0
"""How long a process counts as alive after its last sign."""
REFRESH_SECONDS = 25.0
LINGER_SECONDS = 8.0
"""How long a process that stops in good order counts as alive: its clients reconnect meanwhile."""
LOOK_SECONDS = 5.0
"""How often each process looks for dead ones; varied a little, since all of them look."""
PATIENCE_SECONDS = 10.0
"""After Redis was away nobody is declared dead for so long: the others have to come back, too."""
RETRY_SECONDS = 2.0

KEY = "presence:processes"
"""A sorted set of process ids; the score is when one counts as dead, in Redis' milliseconds."""

LIVING = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function living(processes)
  return redis.call('ZRANGEBYSCORE', processes, '(' .. now, '+inf')
end
local function dead(processes, process)
  local expiry = redis.call('ZSCORE', processes, process)
  return not expiry or tonumber(expiry) <= now
end
"""
"""The beginning of any script that asks who lives."""

_BEAT = f"""{LIVING}
local lost = dead(KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return lost and 1 or 0
"""

_DEAD = f"{LIVING} return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)"

_BURY = f"{LIVING} if dead(KEYS[1], ARGV[1]) then redis.call('ZREM', KEYS[1], ARGV[1]) end"

log = structlog.get_logger("wealist.replicas")


class Replicas:
    """This process among its peers; all times are in seconds.

    `on_lost` is called when others may have taken this process for dead, or Redis may have
    forgotten something. `on_dead` is called with the id of a dead process, on each living one and
    perhaps several times; its entry stays until one of them has done all that without an error.
    """

    def __init__(
        self,
        client: Redis | None,
        *,
        life: float = LIFE_SECONDS,
        refresh: float = REFRESH_SECONDS,
        linger: float = LINGER_SECONDS,
        look: float = LOOK_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.client = client
        self.process = uuid4().hex[:12]
        self.on_lost: list[Callable[[], None]] = []
        self.on_dead: list[Callable[[str], Awaitable[None]]] = []
        self._life, self._refresh, self._linger = life, refresh, linger
        self._look, self._patience = look, patience
        self._in_touch_since: float | None = None
        self._gap = False
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._undo: Undo | None = None
        if client is not None:
            self._beat_script = client.register_script(_BEAT)
            self._dead_script = client.register_script(_DEAD)
            self._bury_script = client.register_script(_BURY)

    def start(self) -> None:
        """Begin to be alive."""
        if self.client is not None:
            self._undo = bus.current().on_gap(self._on_gap)
            self._tasks = [
                asyncio.create_task(self._beat(), name="replicas beat"),
                # Apart: what is done about the dead may take longer than a process lives.
                asyncio.create_task(self._watch(), name="replicas watch"),
            ]

    async def stop(self) -> None:
        """End. What this process has told stays true for the time it lingers."""
        if self._undo is not None:
            self._undo()
        tasks, self._tasks = self._tasks, []
        await end(*tasks)
        if tasks:
            try:
                async with asyncio.timeout(1):
                    await self._sign(self._linger)
            except (Unavailable, TimeoutError):
                log.debug("the end of this process can't be told")

    def _on_gap(self) -> None:
        self._gap = True
        self._wake.set()

    async def _beat(self) -> None:
        pause = 0.0
        while True:
            await rest(self._wake, pause)
            gap, self._gap = self._gap, False
            try:
                lost = await self._sign(self._life)
            except Exception as error:
                self._in_touch_since = None
                self._gap = gap
                pause = min(RETRY_SECONDS, self._refresh)
                _tell(error, "a sign of life can't be given")
                continue
            pause = self._refresh
            if gap or lost or self._in_touch_since is None:
                self._in_touch_since = monotonic()
                for callback in self.on_lost:
                    callback()

    async def _sign(self, life: float) -> bool:
        """Live for some more seconds; says whether this process had counted as dead."""
        async with redis.guard():
            args: list[Any] = [self.process, round(life * 1000)]
            return bool(await self._beat_script(keys=[KEY], args=args))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._look * random.uniform(0.8, 1.2))  # noqa: S311
            since = self._in_touch_since
            if since is None or monotonic() - since < self._patience:
                continue
            try:
                async with redis.guard():
                    dead: Any = await self._dead_script(keys=[KEY])
                for process in dead:
                    for callback in self.on_dead:
                        await callback(process.decode())
                    async with redis.guard():
                        await self._bury_script(keys=[KEY], args=[process])
            except Exception as error:
                _tell(error, "the dead can't be looked after")


async def rest(wake: asyncio.Event, seconds: float | None) -> None:
    """Wait for the event, at most so long, and reset it."""
    # Not `wait_for`: before Python 3.12 that can swallow a cancellation.
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        pass
    wake.clear()


def _tell(error: Exception, what: str) -> None:
    if isinstance(error, Unavailable):
        log.debug(what)
    else:
        log.error(what, exc_info=error)


_replicas: Replicas | None = None


def open() -> None:  # noqa: A001
    """Begin: after Redis and the bus."""
    global _replicas
    _replicas = Replicas(redis.client())
    _replicas.start()


async def close() -> None:
    """End it; before Redis, and after whatever relies on it."""
    global _replicas
    closing, _replicas = _replicas, None
    if closing is not None:
        await closing.stop()


def current() -> Replicas:
    """This process among its peers."""
    if _replicas is None:
        raise RuntimeError("replicas.open has not been called")
    return _replicas
