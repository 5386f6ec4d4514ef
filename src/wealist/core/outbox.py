"""What waits to be sent to one live connection: bounded, and written by one task at a time.

An idle connection keeps neither task nor queue. Whoever reads too slowly is closed and comes back
with his cursor; nothing is ever left out in silence.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from math import inf
from time import monotonic
from uuid import UUID

import structlog

from wealist.core import live_metrics
from wealist.core.frames import Frame

MOST_BYTES = 512 << 10
MOST_FRAMES = 2000
ROOM_FRAMES = 250
ROOM_BYTES = 128 << 10
"""How little may wait before more missed frames are pushed."""

TOO_SLOW = 1013

Write = Callable[[Frame], Awaitable[None]]
Close = Callable[[int, str], Awaitable[None]]

log = structlog.get_logger("wealist.live")


class Outbox:
    """The hub's listener for one connection. `write` sends a frame, `close` the farewell; one
    task calls them, never both at once."""

    __slots__ = (
        "_bytes",
        "_close",
        "_queue",
        "_reason",
        "_task",
        "_write",
        "code",
        "confirmed",
        "heard",
        "left",
        "sent",
        "since",
        "user_id",
        "written",
    )

    def __init__(self, user_id: UUID, write: Write, close: Close) -> None:
        self.user_id = user_id
        self.code: int | None = None
        """Why it ended, as a close code; None while it is open."""
        self.left: int | None = None
        """The client's own close code, once it has left; 1005 or 1006 stand for none."""
        self.sent = 0
        """The seq of the last event that was written; not all of it need have arrived."""
        self.written = self.heard = 0
        """Frames to the client, and from it."""
        self.confirmed = 0
        """The seq of the last event that was written before the client last said something."""
        self._write = write
        self._close = close
        self._reason = ""
        self._queue: deque[Frame] | None = None
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self.since = inf
        """When the client last took something of what waits for it; infinite while nothing does."""

    def push(self, frame: Frame) -> None:
        """Send a frame after those before it. Too many waiting ones end the connection."""
        if self.code is not None:
            return
        queue = self._queue
        if queue is None:
            queue = self._queue = deque()
        elif self._bytes > MOST_BYTES or len(queue) >= MOST_FRAMES:
            live_metrics.overflows.inc()
            self.end(TOO_SLOW, "too slow; come back with your cursor")
            return
        queue.append(frame)
        self._bytes += frame.size
        if self._task is None:
            self.since = monotonic()
            self._task = asyncio.create_task(self._run(queue))

    def hear(self) -> None:
        """The client has said something, so most likely it has what was written before."""
        self.heard += 1
        self.confirmed = self.sent

    def whisper(self, frame: Frame) -> None:
        """Send a frame that may be left out: when more waits than the client soon takes."""
        if len(self._queue or ()) <= ROOM_FRAMES and self._bytes <= ROOM_BYTES:
            self.push(frame)

    def end(self, code: int, reason: str, *, after: bool = False) -> None:
        """Close without sending what waits, or `after` it; the first call counts."""
        if self.code is not None:
            return
        self.code, self._reason = code, reason
        live_metrics.closes.labels(str(code)).inc()
        if self._queue is not None and not after:
            self._queue.clear()
        if self._task is None:
            self.since = monotonic()
            self._task = asyncio.create_task(self._run(deque()))

    async def room(self) -> None:
        """Wait until only few frames wait, or the connection ends."""
        while self.code is None and (  # noqa: ASYNC110  # an event would cost idle sockets memory
            len(self._queue or ()) > ROOM_FRAMES or self._bytes > ROOM_BYTES
        ):
            await asyncio.sleep(0.01)

    async def finish(self) -> None:
        """The connection is over: nothing is written any more, not even a farewell."""
        self.code = self.code if self.code is not None else 0
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self, queue: deque[Frame]) -> None:
        """Write until nothing waits; then the task ends, so that an idle connection has none."""
        try:
            while queue:
                frame = queue.popleft()
                self._bytes -= frame.size
                await self._write(frame)
                self.since = monotonic()
                self.sent = frame.seq or self.sent
                self.written += 1
            if self.code:
                await self._close(self.code, self._reason)
        except Exception as error:  # the client has gone; its reader notices, too
            self.code = self.code if self.code is not None else 0
            log.debug("a connection broke", error=f"{type(error).__name__}: {error}")
        self._task = None
        if self.code is None:
            self._queue = None
            self._bytes = 0
            self.since = inf
        else:
            self.since = monotonic()
