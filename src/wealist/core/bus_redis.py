"""The bus between replicas: Redis pub/sub over one supervised connection a process.

redis-py's own PubSub reconnects without telling anybody, so this speaks to a plain connection.
When that breaks, the session is over; the next one subscribes again and announces the gap.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from wealist.core.bus_local import Callback, Gap, Listeners, Undo
from wealist.core.redis import guard
from wealist.core.tasks import end

START_SECONDS = 1.0
"""How long a starting process waits for the first connection before it goes on without."""
PING_SECONDS = 3.0
"""A silent connection is asked this often; one that stays silent twice as long is dead."""
LONGEST_PAUSE = 5.0
_CHUNK = 500
_BREATH = 200

log = structlog.get_logger("wealist.bus")


class RedisBus:
    """Messages of all replicas that share a Redis database; `publish` may deliver one twice."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        # Redis keeps databases apart, but not their channels.
        database = client.connection_pool.connection_kwargs.get("db", 0)
        self._prefix = f"wealist:{database}:".encode()
        self._listeners = Listeners()
        self._session: _Session | None = None
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        return self._ready.is_set()

    async def start(self) -> None:
        """Connect, and stay connected until `close`."""
        self._task = asyncio.create_task(self._supervise(), name="bus")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await self._ready.wait()

    async def close(self) -> None:
        """End all subscriptions and the connection."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)
        self._ready.clear()
        self._listeners = Listeners()

    async def publish(self, channel: str, data: bytes) -> None:
        """Send to all replicas. Raises `Unavailable` when Redis can't be reached."""
        async with guard():
            await self._client.publish(self._prefix + channel.encode(), data)

    async def publish_many(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send to all replicas, in order. Raises `Unavailable` when Redis can't be reached."""
        async with guard(), self._client.pipeline(transaction=False) as pipeline:
            for channel, data in messages:
                pipeline.publish(self._prefix + channel.encode(), data)
            await pipeline.execute()

    async def subscribe(self, channel: str, callback: Callback) -> Undo:
        """Register, and wait until Redis has confirmed the channel; not while disconnected."""
        forget = self._listeners.add(channel, callback)

        def undo() -> None:
            forget()
            if self._session is not None:
                self._session.touch(channel)

        try:
            if self._session is not None:
                await self._session.confirmed(channel)
        except BaseException:
            undo()
            raise
        return undo

    def on_gap(self, callback: Gap) -> Undo:
        return self._listeners.on_gap(callback)

    async def _supervise(self) -> None:
        failures = 0
        while True:
            try:
                await self._connect_once()
            except Exception as error:
                if self._ready.is_set():
                    failures = 0
                if failures == 0:
                    log.warning("the bus has lost Redis", error=_first(error))
                self._ready.clear()
            pause = min(LONGEST_PAUSE, 0.05 * 2**failures)
            # Replicas that lost the same Redis shall not come back in the same instant.
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
            failures = min(failures + 1, 10)

    async def _connect_once(self) -> None:
        connection = self._client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.connect()
            # Our PING notices a dead connection; redis-py's time-out would swallow cancellations.
            connection.socket_timeout = None
            # Made only now: whoever subscribed while there was none is among its first channels.
            self._session = session = _Session(
                connection, self._prefix, self._listeners, self._on_ready
            )
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(session.read())
                    tasks.create_task(session.write())
            finally:
                self._session = None
                session.end()
        finally:
            await connection.disconnect(nowait=True)

    def _on_ready(self, *, resumed: bool) -> None:
        self._ready.set()
        log.info("the bus is connected")
        if resumed:
            self._listeners.announce_gap()


class _Session:
    """One connection from its first subscription to its end. Confirmations come in order."""

    def __init__(
        self,
        connection: Any,
        prefix: bytes,
        listeners: Listeners,
        on_ready: Callable[..., None],
    ) -> None:
        self._connection = connection
        self._prefix = prefix
        self._listeners = listeners
        self._on_ready = on_ready
        self._sent: set[str] = set()
        self._unconfirmed: dict[str, int] = {}
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._touched = set(listeners.channels)
        self._changed = asyncio.Event()
        # Those who subscribed before this session had messages, or were promised a gap.
        self._initial = set(self._touched)

    def touch(self, channel: str) -> None:
        """Have the writer look whether this channel is wanted still, or newly."""
        self._touched.add(channel)
        self._changed.set()

    async def confirmed(self, channel: str) -> None:
        """Wait until messages of a channel arrive, or the session ends."""
        if channel in self._sent and channel not in self._unconfirmed:
            return
        self.touch(channel)
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(channel, []).append(future)
        await future

    def end(self) -> None:
        """Let go of everybody who waits."""
        waiting, self._waiting = self._waiting, {}
        for futures in waiting.values():
            _resolve(futures)

    async def write(self) -> None:
        """Keep Redis' subscriptions like ours."""
        if not self._initial:
            self._on_ready(resumed=False)
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            touched, self._touched = self._touched, set()
            wanted = {channel for channel in touched if channel in self._listeners.channels}
            for channel in touched - wanted - self._sent:
                self._settle(channel)
            await self._send("UNSUBSCRIBE", (touched - wanted) & self._sent)
            await self._send("SUBSCRIBE", wanted - self._sent)

    async def _send(self, command: str, channels: Iterable[str]) -> None:
        names = sorted(channels)
        for start in range(0, len(names), _CHUNK):
            chunk = names[start : start + _CHUNK]
            if command == "UNSUBSCRIBE":
                # Somebody may have come for one of them while the chunks before were sent.
                chunk = [name for name in chunk if name not in self._listeners.channels]
                if not chunk:
                    continue
            for name in chunk:
                if command == "SUBSCRIBE":
                    self._sent.add(name)
                    self._unconfirmed[name] = self._unconfirmed.get(name, 0) + 1
                else:
                    self._sent.discard(name)
            full = [self._prefix + name.encode() for name in chunk]
            await self._connection.send_command(command, *full, check_health=False)

    async def read(self) -> None:
        """Deliver messages; ask a silent connection whether it lives.

        Raises redis-py's errors when it doesn't.
        """
        asked = False
        count = 0
        while True:
            reply = await self._connection.read_response(
                timeout=PING_SECONDS, disconnect_on_error=False
            )
            if reply is None:
                if asked:
                    raise RedisConnectionError("no answer to PING")
                await self._connection.send_command("PING", check_health=False)
                asked = True
                continue
            asked = False
            self._take(reply)
            count += 1
            if count % _BREATH == 0:
                # Replies that have arrived already are read without giving way to anybody.
                await asyncio.sleep(0)

    def _take(self, reply: Any) -> None:
        if not isinstance(reply, list):
            return
        kind = reply[0]
        if kind == b"message":
            self._listeners.deliver(self._name(reply[1]), reply[2])
        elif kind == b"subscribe":
            self._confirm(self._name(reply[1]))

    def _name(self, full: bytes) -> str:
        return full[len(self._prefix) :].decode()

    def _confirm(self, channel: str) -> None:
        left = self._unconfirmed.get(channel, 1) - 1
        if left:
            self._unconfirmed[channel] = left
            return
        self._unconfirmed.pop(channel, None)
        if channel in self._sent:
            _resolve(self._waiting.pop(channel, []))
        self._settle(channel)

    def _settle(self, channel: str) -> None:
        """One of the first channels is confirmed, or not wanted any more."""
        if channel in self._initial:
            self._initial.discard(channel)
            if not self._initial:
                self._on_ready(resumed=True)


def _resolve(futures: Iterable[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _first(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
