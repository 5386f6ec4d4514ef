"""One channel in this process: who listens, how far it has come, and what was said last."""

from collections import OrderedDict, deque
from collections.abc import Callable
from time import time
from typing import Protocol
from uuid import UUID

import structlog

from wealist.core import live_metrics
from wealist.core.frames import Frame, control
from wealist.core.ids import NIL

RING_FRAMES = 256
RING_BYTES = 256 << 10
MOST_EARLY = 1000
"""Frames kept that came before others; beyond that the log is read instead."""

ACCESS_LOST = 1000
"""The close code of those who may not listen any more."""

log = structlog.get_logger("wealist.hub")


class Listener(Protocol):
    """A live connection, as the hub sees it. Neither method may block."""

    user_id: UUID

    def push(self, frame: Frame) -> None:
        """Send a frame, after all that were pushed before."""

    def end(self, code: int, reason: str, *, after: bool = False) -> None:
        """Close, for a reason of `core.live`: at once, or `after` what was pushed before.
        Harmless when it has ended."""

    async def room(self) -> None:
        """Wait until a few hundred frames fit."""


class Channel:
    """Frames are delivered in the order of their seq, each once."""

    __slots__ = (
        "_early",
        "_ring",
        "_ring_bytes",
        "catching_up",
        "epoch",
        "joining",
        "last",
        "live",
        "name",
        "on_hole",
    )

    def __init__(self, name: str, on_hole: Callable[["Channel"], None]) -> None:
        self.name = name
        self.on_hole = on_hole
        self.epoch = ""
        self.last: int | None = None
        self.live: dict[Listener, None] = {}
        self.joining: set[Listener] = set()
        self.catching_up = False
        self._early: OrderedDict[int, Frame] = OrderedDict()
        self._ring: deque[Frame] = deque()
        self._ring_bytes = 0

    def start(self, epoch: str, last: int) -> None:
        """Begin after `last`; frames that came meanwhile follow."""
        self.epoch, self.last = epoch, last
        self._deliver_early()

    def receive(self, frame: Frame) -> None:
        """Take a frame from anywhere: deliver it, keep it for later, or drop what was had."""
        if self.last is None:
            self._keep(frame)
        elif frame.epoch != self.epoch or frame.seq > self.last + 1:
            self._keep(frame)
            self.on_hole(self)
        elif frame.seq == self.last + 1:
            self._deliver(frame)
            if self._early:
                self._deliver_early()

    def _keep(self, frame: Frame) -> None:
        if len(self._early) < MOST_EARLY:
            self._early[frame.seq] = frame

    def _deliver_early(self) -> None:
        assert self.last is not None
        while (frame := self._early.pop(self.last + 1, None)) is not None:
            if frame.epoch == self.epoch:
                self._deliver(frame)
        for seq in [seq for seq in self._early if seq <= self.last]:
            del self._early[seq]

    def forget_early(self) -> None:
        """Drop frames that nothing precedes, in this log at least."""
        self._early.clear()

    @property
    def incomplete(self) -> bool:
        """Whether frames have come that others must precede."""
        return bool(self._early)

    def _deliver(self, frame: Frame) -> None:
        self.last = frame.seq
        self._remember(frame)
        if frame.revokes is not None and frame.revokes != NIL:
            self.revoke(frame.revokes)
        self._push(frame)
        if frame.revokes == NIL:
            self.revoke(NIL)

    def _push(self, frame: Frame) -> None:
        count = 0
        for listener in tuple(self.live):  # one that overflows may leave meanwhile
            try:
                listener.push(frame)
                count += 1
            except Exception:
                log.exception("a listener failed", channel=self.name)
                self.live.pop(listener, None)
        if count:
            delay = max(0.0, time() - frame.committed) if frame.committed else None
            live_metrics.delivered(count, delay)

    def revoke(self, user_id: UUID) -> None:
        """End the connections of a user (nil: of everybody), also of those about to join.

        One person hears nothing more at once; everybody hears to the end why it ends.
        """
        for listener in (*self.live, *self.joining):
            if user_id in (NIL, listener.user_id):
                self.drop(listener)
                listener.end(ACCESS_LOST, "you have no access any more", after=user_id == NIL)

    def drop(self, listener: Listener) -> None:
        """Deliver nothing more to a listener."""
        self.live.pop(listener, None)
        self.joining.discard(listener)

    def _remember(self, frame: Frame) -> None:
        self._ring.append(frame)
        self._ring_bytes += frame.size
        while len(self._ring) > RING_FRAMES or self._ring_bytes > RING_BYTES:
            self._ring_bytes -= self._ring.popleft().size

    def recent(self, after: int) -> list[Frame] | None:
        """The frames after a seq, if all are still here; of a channel that has begun."""
        assert self.last is not None
        missed = self.last - after
        if missed > len(self._ring):
            return None
        return list(self._ring)[len(self._ring) - missed :] if missed else []

    def restart(self, epoch: str, top: int) -> None:
        """The log is another one than before: everybody has to read everything again."""
        self.epoch, self.last = epoch, top
        self._ring.clear()
        self._ring_bytes = 0
        self._early.clear()
        self._push(control("RESET", epoch, top))
