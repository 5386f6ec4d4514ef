"""Who is somewhere at the moment, on all replicas: a set for each place, of users and processes.

An entry is added with the first connection of a user that a process has in a place, and removed
with the last, so several tabs are one and idling costs nothing. What a process that died has left
behind doesn't count (`core.replicas`), and whoever reads it removes it. Without Redis, or while it
is away, only this process is known.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import structlog

from wealist.core import redis, replicas
from wealist.core.errors import Unavailable
from wealist.core.replicas import KEY, LIVING, RETRY_SECONDS, Replicas, rest
from wealist.core.tasks import end

KEPT_SECONDS = 24 * 3600
"""When Redis forgets a place of which nobody has told for so long, and nobody has asked."""
_CHUNK = 500

_ONLINE = f"""{LIVING}
local alive, found, left = {{}}, {{}}, {{}}
for _, process in ipairs(living(KEYS[1])) do alive[process] = true end
for _, entry in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if alive[entry:sub(38)] then found[#found + 1] = entry:sub(1, 36)
  else left[#left + 1] = entry end
end
for first = 1, #left, 1000 do
  redis.call('SREM', KEYS[2], unpack(left, first, math.min(first + 999, #left)))
end
return found
"""
# Atomic: what a process tells again when it turns out to be alive must not be taken for old.

log = structlog.get_logger("wealist.presence")


class Presence:
    """Who is where in this process, and the view over all."""

    def __init__(self, peers: Replicas) -> None:
        self._client, self._process = peers.client, peers.process
        self._here: dict[str, dict[UUID, int]] = {}
        self._changed: set[tuple[str, UUID]] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        if self._client is not None:
            self._online = self._client.register_script(_ONLINE)
            peers.on_lost.append(self._tell_all)

    def start(self) -> None:
        """Begin to tell the other replicas."""
        if self._client is not None:
            self._task = asyncio.create_task(self._run(), name="presence")

    async def stop(self) -> None:
        """Take back all entries of this process, and end."""
        if self._task is not None:
            await end(self._task)
            self._tell_all()
            self._here = {}
            with contextlib.suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(1):
                    await self._send()

    @contextlib.contextmanager
    def on(self, topic: str, user_id: UUID) -> Iterator[None]:
        """The user is there as long as the block lasts."""
        users = self._here.setdefault(topic, {})
        users[user_id] = users.get(user_id, 0) + 1
        if users[user_id] == 1:
            self._change(topic, user_id)
        try:
            yield
        finally:
            users[user_id] -= 1
            if not users[user_id]:
                del users[user_id]
                if not users and self._here.get(topic) is users:
                    del self._here[topic]
                self._change(topic, user_id)

    async def online(self, topic: str) -> list[UUID]:
        """Who is there, each once, in the order of the ids. One command."""
        found = set(self._here.get(topic, ()))
        if self._client is not None:
            try:
                async with redis.guard():
                    users: Any = await self._online(keys=[KEY, _key(topic)])
                found |= {UUID(user.decode()) for user in users}
            except Unavailable:
                log.debug("presence of other replicas is unknown")
        return sorted(found)

    def _change(self, topic: str, user_id: UUID) -> None:
        if self._client is not None:
            self._changed.add((topic, user_id))
            self._wake.set()

    def _tell_all(self) -> None:
        self._changed |= {(topic, user) for topic, users in self._here.items() for user in users}
        self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + KEPT_SECONDS / 4
        while True:
            await rest(self._wake, RETRY_SECONDS if self._changed else due - loop.time())
            if loop.time() >= due:
                self._tell_all()
                due = loop.time() + KEPT_SECONDS / 4
            try:
                await self._send()
            except Unavailable:
                log.debug("presence can't be told")
            except Exception:
                log.exception("presence failed")

    async def _send(self) -> None:
        """Tell Redis what has changed, a chunk at a time; what fails stays to be told."""
        changed, self._changed = list(self._changed), set()
        for start in range(0, len(changed), _CHUNK):
            try:
                await self._send_some(changed[start : start + _CHUNK])
            except BaseException:
                self._changed.update(changed[start:])
                raise

    async def _send_some(self, changed: Iterable[tuple[str, UUID]]) -> None:
        assert self._client is not None
        async with redis.guard(), self._client.pipeline(transaction=False) as pipeline:
            for topic, user_id in changed:
                key, entry = _key(topic), f"{user_id}:{self._process}"
                if user_id in self._here.get(topic, ()):
                    pipeline.sadd(key, entry)
                    pipeline.expire(key, KEPT_SECONDS)
                else:
                    pipeline.srem(key, entry)
            await pipeline.execute()


def _key(topic: str) -> str:
    return f"presence:on:{topic}"


_presence: Presence | None = None


def open() -> None:  # noqa: A001
    """Begin: after `core.replicas`."""
    global _presence
    _presence = Presence(replicas.current())
    _presence.start()


async def close() -> None:
    """End it; before `core.replicas`."""
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
