"""What a presence socket hears of: its person's own list of rooms, and who of his colleagues comes
and goes in each of his workspaces."""

import asyncio
from uuid import UUID

import structlog

from wealist.core import whispers
from wealist.core.frames import Frame
from wealist.core.online_ledger import MOMENT_DIGITS
from wealist.core.outbox import Outbox
from wealist.user import api as user

KNOWN = 16
"""Colleagues whose last change is remembered: of one change the whispers to all workspaces come
together, and of two changes at almost the same time the later may come first."""
SET_BACK = 60 * 10**6
"""Microseconds: news that are older by more are no late ones, but of a clock that was set back."""
_CHANGED = '{"type":"WORKSPACES_CHANGED"'
_BEFORE = len('{"type":"USER_STATUS","userId":"')
_PERSON = slice(_BEFORE, _BEFORE + 36)
_ORDER = slice(_PERSON.stop + len('","order":'), _PERSON.stop + len('","order":') + MOMENT_DIGITS)

log = structlog.get_logger("wealist.chat")


def topic(workspace_id: UUID) -> str:
    """Where it is whispered who of a workspace comes and goes."""
    return f"presence:{workspace_id}"


class Circle:
    """The hub's listener for one presence socket: it hands everything to the outbox, and notices
    when its person's workspaces change. Also its ear for who comes and goes in those: of a
    colleague in several of them each change is heard once."""

    __slots__ = ("_known", "_outbox", "_task", "_topics", "user_id")

    def __init__(self, outbox: Outbox) -> None:
        self.user_id = outbox.user_id
        self._outbox = outbox
        self._topics: set[str] = set()
        self._known: dict[str, int] = {}
        """The order of what was heard last of colleagues."""
        self._task: asyncio.Task[None] | None = None

    def push(self, frame: Frame) -> None:
        if frame.text.startswith(_CHANGED):
            # What is no workspace of his any more is not heard of, not even until it is asked.
            self._leave(self._topics)
            self._again()
        self._outbox.push(frame)

    def whisper(self, frame: Frame) -> None:
        person, order = frame.text[_PERSON], int(frame.text[_ORDER])
        before = self._known.pop(person, 0)
        new = order > before or order < before - SET_BACK
        self._known[person] = order if new else before
        if len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]
        if new:
            self._outbox.whisper(frame)

    def end(self, code: int, reason: str, *, after: bool = False) -> None:
        self._outbox.end(code, reason, after=after)

    async def room(self) -> None:
        await self._outbox.room()

    async def draw(self) -> None:
        """Hear of the workspaces of which the person is a member now, and no others."""
        wanted = {topic(one) for one in await user.workspaces_of(self.user_id)}
        self._leave(self._topics - wanted)
        for one in wanted - self._topics:
            whispers.current().join(one, self)
        self._topics = wanted

    def close(self) -> None:
        """Hear of nothing any more."""
        if self._task is not None:
            self._task.cancel()
        self._leave(self._topics)

    def _leave(self, topics: set[str]) -> None:
        for one in topics:
            whispers.current().leave(one, self)
        self._topics = self._topics - topics
        self._known.clear()  # what happens meanwhile isn't heard

    def _again(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._redraw())

    async def _redraw(self) -> None:
        pause = 0.0
        while True:
            await asyncio.sleep(pause)
            try:
                await self.draw()
                return
            except Exception as error:
                pause = min(5.0, pause * 2 + 0.2)
                log.warning("a circle can't be drawn", error=f"{type(error).__name__}: {error}")
