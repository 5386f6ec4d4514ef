"""What is told to whoever listens at the moment and never kept, such as who is typing.

It is no part of the log: nobody may rely on it, later news replace earlier ones, and what can't
be delivered at once is left out. Over Redis it costs one message, however many replicas listen.

    with whispers.listen("chat:1", outbox): ...
    whispers.tell("chat:1", '{"type":"USER_TYPING"}')
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Protocol
from uuid import uuid4

import structlog

from wealist.core import bus
from wealist.core.bus import Bus, Undo
from wealist.core.bus_outgoing import Outgoing
from wealist.core.frames import Frame
from wealist.core.tasks import end

MOST_WAITING = 10_000
"""Whispers that may wait for Redis; those beyond are left out."""
_ORIGIN = 16

log = structlog.get_logger("wealist.whispers")


class Ear(Protocol):
    """Who listens; must not block."""

    def whisper(self, frame: Frame) -> None:
        """Send a frame unless too much waits already."""


class Whispers:
    """Those of one process."""

    def __init__(self, to: Bus) -> None:
        self._bus = to
        self._origin = uuid4().hex[:_ORIGIN].encode()
        self._ears: dict[str, dict[Ear, None]] = {}
        self._subscriptions: dict[str, asyncio.Task[Undo]] = {}
        self._outgoing = Outgoing(to, MOST_WAITING, _lost)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell the other replicas."""
        self._task = asyncio.create_task(self._outgoing.run(), name="whispers")

    async def stop(self) -> None:
        """End."""
        await end(*self._subscriptions.values(), *([self._task] if self._task else []))
        self._ears.clear()
        self._subscriptions.clear()

    def tell(self, topic: str, text: str) -> None:
        """Have a JSON text sent to all who listen to a topic, on every replica."""
        self._deliver(topic, text)
        self._outgoing.put(_name(topic), self._origin + text.encode())

    @contextlib.contextmanager
    def listen(self, topic: str, ear: Ear) -> Iterator[None]:
        """Hear a topic as long as the block lasts; from other replicas once Redis knows of it."""
        self.join(topic, ear)
        try:
            yield
        finally:
            self.leave(topic, ear)

    def join(self, topic: str, ear: Ear) -> None:
        """Begin to hear a topic."""
        self._ears.setdefault(topic, {})[ear] = None
        if topic not in self._subscriptions:
            self._subscriptions[topic] = asyncio.create_task(self._subscribe(topic))

    def leave(self, topic: str, ear: Ear) -> None:
        """Hear it no more; harmless for who doesn't."""
        ears = self._ears.get(topic)
        if ears is None:
            return
        ears.pop(ear, None)
        if not ears:
            del self._ears[topic]
            subscription = self._subscriptions.pop(topic)
            subscription.cancel()
            subscription.add_done_callback(_undo)

    async def _subscribe(self, topic: str) -> Undo:
        def heard(data: bytes) -> None:
            if not data.startswith(self._origin):
                self._deliver(topic, data[_ORIGIN:].decode())

        return await self._bus.subscribe(_name(topic), heard)

    def _deliver(self, topic: str, text: str) -> None:
        ears = self._ears.get(topic)
        if not ears:
            return
        frame = Frame("", 0, text)
        for ear in tuple(ears):
            ear.whisper(frame)


def _lost(count: int) -> None:
    log.debug("whispers were lost", count=count)


def _name(topic: str) -> str:
    return f"whisper:{topic}"


def _undo(subscription: "asyncio.Task[Undo]") -> None:
    if not subscription.cancelled() and subscription.exception() is None:
        subscription.result()()


_whispers: Whispers | None = None


def open() -> None:  # noqa: A001
    """Begin: after the bus."""
    global _whispers
    _whispers = Whispers(bus.current())
    _whispers.start()


async def close() -> None:
    """End; before the bus."""
    global _whispers
    closing, _whispers = _whispers, None
    if closing is not None:
        await closing.stop()


def current() -> Whispers:
    """The whispers of this process."""
    if _whispers is None:
        raise RuntimeError("whispers.open has not been called")
    return _whispers


def tell(topic: str, text: str) -> None:
    """See `Whispers.tell`."""
    current().tell(topic, text)


def listen(topic: str, ear: Ear) -> contextlib.AbstractContextManager[None]:
    """See `Whispers.listen`."""
    return current().listen(topic, ear)
