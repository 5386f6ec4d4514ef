"""What both buses have in common, and the one of a process that is alone."""

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

Callback = Callable[[bytes], None]
"""Gets each message of a channel. It must not block: it runs between two messages."""
Gap = Callable[[], None]
Undo = Callable[[], None]
"""Takes a registration back; calling it twice is harmless."""

log = structlog.get_logger("wealist.bus")


class Bus(Protocol):
    """What the in-process bus and the one over Redis have in common."""

    @property
    def connected(self) -> bool:
        """Whether messages of other replicas arrive at the moment."""

    async def publish(self, channel: str, data: bytes) -> None:
        """Send to all subscribers on all replicas, this one included.

        Raises `Unavailable` when the message can't be handed over.
        """

    async def publish_many(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send messages (channel, data) in this order, in one round trip; see `publish`."""

    async def subscribe(self, channel: str, callback: Callback) -> Undo:
        """Register at once and wait until messages published from now on will arrive.

        While the bus is disconnected it doesn't wait; a gap is announced when it is back.
        """

    def on_gap(self, callback: Gap) -> Undo:
        """Have `callback` called after messages may have been missed, on any channel."""

    async def close(self) -> None:
        """End all subscriptions."""


class Listeners:
    """Who listens to what in this process; both buses deliver through it."""

    def __init__(self) -> None:
        self.channels: dict[str, dict[object, Callback]] = {}
        self._gaps: dict[object, Gap] = {}

    def add(self, channel: str, callback: Callback) -> Undo:
        """Register. The same callback may do so twice; each undoes itself only."""
        token = object()
        self.channels.setdefault(channel, {})[token] = callback

        def undo() -> None:
            callbacks = self.channels.get(channel)
            if callbacks is not None and callbacks.pop(token, None) is not None and not callbacks:
                del self.channels[channel]

        return undo

    def on_gap(self, callback: Gap) -> Undo:
        """Register for gaps."""
        token = object()
        self._gaps[token] = callback

        def undo() -> None:
            self._gaps.pop(token, None)

        return undo

    def deliver(self, channel: str, data: bytes) -> None:
        """Call everybody; a callback that fails is logged and hinders nobody."""
        for callback in tuple(self.channels.get(channel, {}).values()):
            try:
                callback(data)
            except Exception:
                log.exception("a subscriber failed", channel=channel)

    def announce_gap(self) -> None:
        """Tell everybody that messages may have been missed."""
        for callback in tuple(self._gaps.values()):
            try:
                callback()
            except Exception:
                log.exception("a gap callback failed")


class LocalBus:
    """The bus of a process that is alone: it delivers before `publish` returns."""

    connected = True

    def __init__(self) -> None:
        self._listeners = Listeners()

    async def publish(self, channel: str, data: bytes) -> None:
        """Deliver, before this returns."""
        self._listeners.deliver(channel, data)

    async def publish_many(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Deliver, before this returns."""
        for channel, data in messages:
            self._listeners.deliver(channel, data)

    async def subscribe(self, channel: str, callback: Callback) -> Undo:
        """Register."""
        return self._listeners.add(channel, callback)

    def on_gap(self, callback: Gap) -> Undo:
        """Register for gaps, of which this bus has none."""
        return self._listeners.on_gap(callback)

    async def close(self) -> None:
        """End all subscriptions."""
        self._listeners = Listeners()
