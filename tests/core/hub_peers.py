"""Peers of the hub's tests: listeners that keep what they were told, and somebody who writes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from time import monotonic
from uuid import UUID, uuid4

from msgspec import Struct

from wealist.core import db, events, frames
from wealist.core.bus import Bus, LocalBus
from wealist.core.events import Event
from wealist.core.frames import Cursor, Frame
from wealist.core.hub import Hub
from wealist.core.hub_watch import Pace
from wealist.core.outbox import Outbox

QUICK = Pace(check=0.2, alone=0.05, patience=0.01)


class Said(Struct):
    number: int


class Much(Struct):
    text: str


def plain(event: Event, epoch: str) -> bytes:
    """The shape of the tests' family."""
    return b'{"payload":' + bytes(event.payload) + b"}"


@contextlib.contextmanager
def family(name: str = "test") -> Iterator[None]:
    """Channels `test:…` may be listened to."""
    frames.shapes[name] = plain
    try:
        yield
    finally:
        del frames.shapes[name]


def channel() -> str:
    return f"test:{uuid4()}"


class Deaf(LocalBus):
    """A bus over which nothing arrives until it is told to hear, and that tells nobody."""

    def __init__(self, *, hears: bool = False) -> None:
        super().__init__()
        self.hears = hears

    async def publish_many(self, messages: Sequence[tuple[str, bytes]]) -> None:
        if self.hears:
            await super().publish_many(messages)


async def say_much(name: str, count: int, size: int) -> None:
    """Write large events, one transaction."""
    async with db.transaction():
        for _ in range(count):
            events.append(name, "said", Much("x" * size), actor=None)


async def say(name: str, *numbers: int, revokes: UUID | None = None) -> None:
    """Write events, one transaction."""
    async with db.transaction():
        for number in numbers:
            events.append(name, "said", Said(number), actor=None, revokes=revokes)


@contextlib.asynccontextmanager
async def hub_on(bus: Bus, *, hears: bool = True, pace: Pace = QUICK) -> AsyncIterator[Hub]:
    """A replica's hub. One that `hears` nothing learns of this process' events over its bus only,
    as if another process had written them."""
    hub = Hub(bus, pace)
    hub.attach()
    if hears:
        events.on_commit.append(hub.announce)
    try:
        yield hub
    finally:
        if hears:
            events.on_commit.remove(hub.announce)
        await hub.detach()


class Ear:
    """A listener with room for everything."""

    def __init__(self) -> None:
        self.user_id = uuid4()
        self.frames: list[Frame] = []
        self.ended: tuple[int, str] | None = None

    def push(self, frame: Frame) -> None:
        if self.ended is None:
            self.frames.append(frame)

    def end(self, code: int, reason: str, *, after: bool = False) -> None:
        self.ended = self.ended or (code, reason)

    async def room(self) -> None:
        await asyncio.sleep(0)

    @property
    def seqs(self) -> list[int]:
        """Of events, not of control frames."""
        return [frame.seq for frame in self.frames if '"payload"' in frame.text]

    @property
    def control(self) -> list[str]:
        return [frame.text for frame in self.frames if '"payload"' not in frame.text]


class Client:
    """A connection with a real outbox, which takes `pause` seconds for a frame; one that is `deaf`
    takes none."""

    def __init__(self, *, deaf: bool = False, pause: float = 0) -> None:
        self.deaf, self.pause = deaf, pause
        self.seqs: list[int] = []
        self.codes: list[int] = []
        self.outbox = Outbox(uuid4(), self._write, self._close)

    async def _write(self, frame: Frame) -> None:
        if self.deaf:
            await asyncio.Event().wait()
        await asyncio.sleep(self.pause)
        if '"payload"' in frame.text:
            self.seqs.append(frame.seq)

    async def _close(self, code: int, reason: str) -> None:
        self.codes.append(code)

    @classmethod
    async def on(
        cls,
        hub: Hub,
        name: str,
        since: Cursor | None = None,
        *,
        deaf: bool = False,
        pause: float = 0,
    ) -> "Client":
        """A client that has joined."""
        client = cls(deaf=deaf, pause=pause)
        await hub.join(name, client.outbox, since, authorize=allowed, greeting=silent)
        return client


async def allowed() -> None:
    """Authorizes everybody."""


def silent(epoch: str, seq: int) -> str | None:
    """Greets nobody."""
    return None


async def listens(hub: Hub, name: str, since: Cursor | None = None) -> Ear:
    """Somebody who has joined."""
    ear = Ear()
    await hub.join(name, ear, since, authorize=allowed, greeting=silent)
    return ear


async def epoch() -> str:
    found: str = await db.fetch_value("SELECT epoch FROM core.installation")
    return found


async def soon(condition: Callable[[], bool], *, within: float = 5.0) -> None:
    """Wait for a condition; fail when it doesn't come."""
    deadline = monotonic() + within
    while not condition():
        assert monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)
