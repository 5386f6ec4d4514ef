"""What waits to be sent to one live connection: bounded, and written by one task at a time.

An idle connection keeps neither task nor queue. Whoever reads too slowly is closed and comes back
with his cursor; nothing is ever left out in silence.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
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
        "_since",
        "_task",
        "_write",
        "code",
        "user_id",
    )

    def __init__(self, user_id: UUID, write: Write, close: Close) -> None:
        self.user_id = user_id
        self.code: int | None = None
        """Why it ended, as a close code; None while it is open."""
        self._write = write
        self._close = close
        self._reason = ""
        self._queue: deque[Frame] | None = None
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._since = 0.0

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
            self._since = monotonic()
            self._task = asyncio.create_task(self._run(queue))

    def end(self, code: int, reason: str, *, after: bool = False) -> None:
        """Close without sending what waits, or `after` it; the first call counts."""
        if self.code is not None:
            return
        self.code, self._reason = code, reason
        live_metrics.closes.labels(str(code)).inc()
        if self._queue is not None and not after:
            self._queue.clear()
        if self._task is None:
            self._since = monotonic()
            self._task = asyncio.create_task(self._run(deque()))

    async def room(self) -> None:
        """Wait until only few frames wait, or the connection ends."""
        while self.code is None and (  # noqa: ASYNC110  # an event would cost idle sockets memory
            len(self._queue or ()) > ROOM_FRAMES or self._bytes > ROOM_BYTES
        ):
            await asyncio.sleep(0.01)

    def stalled(self, now: float, seconds: float) -> bool:
        """Whether the client hasn't taken a frame, or left after the farewell, for so long."""
        waits = self._task is not None or self.code is not None
        return waits and now - self._since > seconds

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
                self._since = monotonic()
            if self.code:
                await self._close(self.code, self._reason)
        except Exception as error:  # the client has gone; its reader notices, too
            self.code = self.code if self.code is not None else 0
            log.debug("a connection broke", error=f"{type(error).__name__}: {error}")
        self._task = None
        if self.code is None:
            self._queue = None
            self._bytes = 0
        else:
            self._since = monotonic()
