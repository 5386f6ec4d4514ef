"""Who is somewhere at the moment, on all replicas: one entry a connection, each with its expiry.

A second tab keeps its user there when the first closes; what a crashed replica has left behind is
over after 75 seconds. With Redis entries are members of a sorted set, scored by their expiry;
without it, or while it is away, only this process is known.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from itertools import count
from time import time
from typing import Any
from uuid import UUID, uuid4

import structlog
from redis.asyncio import Redis

from wealist.core import bus, redis
from wealist.core.bus import Undo
from wealist.core.errors import Unavailable

LIFE_SECONDS = 75.0
REFRESH_SECONDS = 25.0
_CHUNK = 500

log = structlog.get_logger("wealist.presence")


class Presence:
    """The entries of this process, and the view over all. `life` is in seconds."""

    def __init__(
        self,
        client: Redis | None,
        *,
        life: float = LIFE_SECONDS,
        refresh: float = REFRESH_SECONDS,
    ) -> None:
        self._client = client
        self._life, self._refresh = life, refresh
        self._process = uuid4().hex[:12]
        self._numbers = count()
        self._here: dict[str, dict[str, UUID]] = {}
        self._changed: dict[tuple[str, str], bool] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._undo: Undo | None = None

    def start(self) -> None:
        """Begin to tell the other replicas."""
        if self._client is not None:
            self._undo = bus.current().on_gap(self._tell_all)
            self._task = asyncio.create_task(self._run(), name="presence")

    async def stop(self) -> None:
        """Take back all entries of this process, and end."""
        if self._undo is not None:
            self._undo()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            for topic, entries in self._here.items():
                self._changed |= {(topic, entry): False for entry in entries}
            with contextlib.suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(1):
                    await self._send()

    @contextlib.contextmanager
    def on(self, topic: str, user_id: UUID) -> Iterator[None]:
        """The user is there as long as the block lasts."""
        entry = f"{user_id}:{self._process}:{next(self._numbers)}"
        self._here.setdefault(topic, {})[entry] = user_id
        self._change(topic, entry, there=True)
        try:
            yield
        finally:
            entries = self._here[topic]
            del entries[entry]
            if not entries:
                del self._here[topic]
            self._change(topic, entry, there=False)

    async def online(self, topic: str) -> list[UUID]:
        """Who is there, each once, in the order of the ids."""
        found = set(self._here.get(topic, {}).values())
        if self._client is not None:
            try:
                async with redis.guard():
                    entries: Any = await self._client.zrangebyscore(_key(topic), time(), "+inf")
                found |= {UUID(bytes(entry)[:36].decode()) for entry in entries}
            except Unavailable:
                log.debug("presence of other replicas is unknown")
        return sorted(found)

    def _change(self, topic: str, entry: str, *, there: bool) -> None:
        if self._client is not None:
            self._changed[topic, entry] = there
            self._wake.set()

    def _tell_all(self) -> None:
        for topic, entries in self._here.items():
            for entry in entries:
                self._changed[topic, entry] = True
        self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._refresh
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, due - loop.time()))
            if loop.time() >= due:
                self._tell_all()
                due = loop.time() + self._refresh
            self._wake.clear()
            try:
                await self._send()
            except Unavailable:
                log.debug("presence can't be told")
            except Exception:
                log.exception("presence failed")

    async def _send(self) -> None:
        """Tell Redis what has changed. What can't be told now is told at the next refresh."""
        assert self._client is not None
        changed, self._changed = list(self._changed.items()), {}
        now = time()
        for start in range(0, len(changed), _CHUNK):
            async with redis.guard(), self._client.pipeline(transaction=False) as pipeline:
                for (topic, entry), there in changed[start : start + _CHUNK]:
                    key = _key(topic)
                    if there:
                        pipeline.zadd(key, {entry: now + self._life})
                        pipeline.expire(key, int(self._life) + 1)
                    else:
                        pipeline.zrem(key, entry)
                    pipeline.zremrangebyscore(key, "-inf", now)
                await pipeline.execute()


def _key(topic: str) -> str:
    return f"presence:{topic}"


_presence: Presence | None = None


def open() -> None:  # noqa: A001
    """Begin: after Redis and the bus."""
    global _presence
    _presence = Presence(redis.client())
    _presence.start()


async def close() -> None:
    """End it; before Redis."""
    global _presence
    closing, _presence = _presence, None
    if closing is not None:
        await closing.stop()


def current() -> Presence:
    """The presence of this process."""
    if _presence is None:
        raise RuntimeError("presence.open has not been called")
    return _presence


def on(topic: str, user_id: UUID) -> contextlib.AbstractContextManager[None]:
    """See `Presence.on`."""
    return current().on(topic, user_id)


async def online(topic: str) -> list[UUID]:
    """See `Presence.online`."""
    return await current().online(topic)
