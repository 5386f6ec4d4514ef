"""Whether this process can work: found out in the background, told without asking anybody.

A probe looks at PostgreSQL and Redis every five seconds. The endpoints of `health.py` only read
what it found last, so a load balancer may ask as often as it likes. Ready means: PostgreSQL
answered in the last 30 seconds, no migration is missing, and the process isn't stopping. Redis
down makes only `auth` unready: what it guards fails closed, everything else just gets slower.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Literal

import structlog

from wealist.core import db, migrate, redis
from wealist.core.settings import Settings

PROBE_EVERY = 5.0
PROBE_TIMEOUT = 5.0
FRESH = 30.0
"""How many seconds an answer of PostgreSQL or Redis counts."""

Check = Literal["ok", "disconnected", "error", "not_configured"]

log = structlog.get_logger("wealist.health")

on_drain: list[Callable[[], Awaitable[None]]] = []
"""Called when the process stops, after it stopped accepting and before requests are awaited:
whoever holds live connections sends their clients elsewhere. Failures are logged, not raised."""


class State:
    """What the probe knows; one instance a process."""

    def __init__(self) -> None:
        self.draining = False
        self.pending: list[str] = []
        self.redis_configured = False
        self.version = ""
        self._database_at = float("-inf")
        self._redis_at = float("-inf")
        self._schema_known = False

    @property
    def database(self) -> Check:
        """`error` stands for a schema that this version doesn't fit."""
        if time.monotonic() - self._database_at > FRESH:
            return "disconnected"
        return "ok" if self._schema_known and not self.pending else "error"

    @property
    def redis(self) -> Check:
        if not self.redis_configured:
            return "not_configured"
        return "ok" if time.monotonic() - self._redis_at <= FRESH else "disconnected"

    @property
    def ready(self) -> bool:
        return self.database == "ok" and not self.draining

    @property
    def ready_to_sign_in(self) -> bool:
        """Ready for `auth`, whose tokens live in Redis when there is one."""
        return self.ready and self.redis != "disconnected"

    async def probe(self) -> None:
        """Ask PostgreSQL and Redis once; what doesn't answer is remembered by its silence."""
        await asyncio.gather(self._probe_database(), self._probe_redis())

    async def _probe_database(self) -> None:
        with _told("PostgreSQL", self.database):
            async with asyncio.timeout(PROBE_TIMEOUT):
                if self._schema_known and not self.pending:
                    await db.fetch_value("SELECT 1")
                else:
                    self.pending = await migrate.pending()
                    self._schema_known = True
            self._database_at = time.monotonic()

    async def _probe_redis(self) -> None:
        client = redis.client()
        self.redis_configured = client is not None
        if client is None:
            return
        with _told("Redis", self.redis):
            async with asyncio.timeout(PROBE_TIMEOUT):
                await client.ping()
            self._redis_at = time.monotonic()


@contextlib.contextmanager
def _told(peer: str, known: Check) -> Iterator[None]:
    """Swallow a failing probe; log it while it is news."""
    try:
        yield
    except Exception as error:
        if known == "ok":
            log.warning("probe failed", peer=peer, error=f"{type(error).__name__}: {error}")


state = State()
_probing: asyncio.Task[None] | None = None


async def open(settings: Settings) -> None:  # noqa: A001
    """Probe once, then go on in the background until `close`."""
    global state, _probing
    state = State()
    state.version = settings.service_version
    await state.probe()
    _probing = asyncio.create_task(_probe_for_ever(), name="health probe")


async def close() -> None:
    global _probing
    if _probing is not None:
        _probing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await _probing
        _probing = None


async def _probe_for_ever() -> None:
    while True:
        await asyncio.sleep(PROBE_EVERY)
        await state.probe()


async def drain() -> None:
    """Call every `on_drain`, all at once."""
    results = await asyncio.gather(*(call() for call in on_drain), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            log.error("draining failed", exc_info=result)
