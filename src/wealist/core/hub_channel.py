"""One channel in this process: who listens, how far it has come, and what was said last."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Collection
from time import time
from typing import Protocol
from uuid import UUID

import structlog

from wealist.core import live_metrics
from wealist.core.frames import Cursor, Frame
from wealist.core.ids import NIL

RING_FRAMES = 256
RING_BYTES = 256 << 10
EARLY_BYTES = 128 << 10
"""Of frames that came before others; what is beyond that is read from the log."""
ROOM_SECONDS = 0.5
"""How long a channel waits for its slowest listener between two pages of the log."""

ACCESS_LOST = 1000
"""The close code of those who may not listen any more."""
RESTART = 1012
"""The close code of those who shall come back with their cursor, at once."""
UNDECIDED = 2**63
"""No revocation concerns a listener who is still to be authorized."""

log = structlog.get_logger("wealist.hub")


class Listener(Protocol):
    """A live connection, as the hub sees it. Only `room` waits for the client."""

    user_id: UUID

    def push(self, frame: Frame) -> None:
        """Send a frame, after all that were pushed before."""

    def end(self, code: int, reason: str, *, after: bool = False) -> None:
        """Close, for a reason of `core.live`: at once, or `after` what was pushed before.
        Harmless when it has ended."""

    async def room(self) -> None:
        """Wait until a few hundred frames fit."""


class Channel:
    """Frames are delivered in the order of their seq, each once.

    `live` and `joining` say of each listener up to which seq the log was known when he was
    authorized: revocations before that don't concern him. Whoever is in neither has been sent
    away.
    """

    __slots__ = (
        "_early",
        "_early_bytes",
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
        self.live: dict[Listener, int] = {}
        self.joining: dict[Listener, int] = {}
        self.catching_up = False
        self._early: dict[Cursor, Frame] = {}
        self._early_bytes = 0
        self._ring: deque[Frame] = deque()
        self._ring_bytes = 0

    def start(self, epoch: str, last: int) -> None:
        """Begin after `last`; frames that came meanwhile follow."""
        self.epoch, self.last = epoch, last
        self._deliver_early()
        if self._early:
            self.on_hole(self)

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
        """The latest stay: while one is here, the hole before it is known."""
        at = Cursor(frame.epoch, frame.seq)
        if at in self._early:
            return
        self._early[at] = frame
        self._early_bytes += frame.size
        while self._early_bytes > EARLY_BYTES and len(self._early) > 1:
            self.forget([next(iter(self._early))])

    def _deliver_early(self) -> None:
        assert self.last is not None
        while (frame := self._early.get(Cursor(self.epoch, self.last + 1))) is not None:
            self._deliver(frame)
        last = self.last
        self.forget([at for at in self._early if at.epoch == self.epoch and at.seq <= last])

    @property
    def early(self) -> list[Cursor]:
        """The places of frames that others must precede."""
        return list(self._early)

    def forget(self, early: Collection[Cursor]) -> None:
        """Drop frames that were delivered, or that nothing precedes in this log."""
        for at in early:
            frame = self._early.pop(at, None)
            if frame is not None:
                self._early_bytes -= frame.size

    def _deliver(self, frame: Frame) -> None:
        self.last = frame.seq
        self._remember(frame)
        if frame.revokes is not None and frame.revokes != NIL:
            self._revoke(frame.revokes, frame.seq)
        self._push(frame)
        if frame.revokes == NIL:
            self._revoke(NIL, frame.seq)

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

    async def room(self) -> None:
        """Wait until the listeners have taken what they were handed, but for no slow one long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ROOM_SECONDS):
                for listener in tuple(self.live):
                    await listener.room()

    def _revoke(self, user_id: UUID, seq: int) -> None:
        """End the connections of a user (nil: of everybody), also of those about to join.

        One person hears nothing more at once; everybody hears to the end why it ends. Who was
        let in after that event has been taken back since.
        """
        for listener, authorized_at in (*self.live.items(), *self.joining.items()):
            if user_id not in (NIL, listener.user_id) or seq <= authorized_at:
                continue
            # Who is about to join may have been taken back since: he asks again.
            final = user_id == NIL or listener in self.live
            self.drop(listener)
            if final:
                listener.end(ACCESS_LOST, "you have no access any more", after=user_id == NIL)
            else:
                listener.end(RESTART, "your access has changed; come back with your cursor")

    def drop(self, listener: Listener) -> None:
        """Deliver nothing more to a listener."""
        self.live.pop(listener, None)
        self.joining.pop(listener, None)

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
        """The log is another one than before, and so may be who has access: everybody comes back,
        is authorized again and, by his old cursor, told to read everything again."""
        self.epoch, self.last = epoch, top
        self._ring.clear()
        self._ring_bytes = 0
        self.forget([at for at in self._early if at.epoch != epoch])
        for listener in (*self.live, *self.joining):
            self.drop(listener)
            listener.end(RESTART, "the log begins anew; come back with your cursor")
        self._deliver_early()
