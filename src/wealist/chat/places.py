"""How far connections have heard their rooms, for clients that know no cursor (chat.md, need 21).

Such a client comes back after an interruption and asks for nothing; it is sent what it may have
missed, and drops by `messageId` what it has. Places are written in batches, and survive the
process that held the connection.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from uuid import UUID

import structlog

from wealist.chat.wire import room_channel
from wealist.core import db, events
from wealist.core.frames import Cursor
from wealist.core.hub import Joined
from wealist.core.ids import uuid7
from wealist.core.outbox import Outbox
from wealist.core.tasks import end
from wealist.core.wire import now

MOST = 50
"""Events that are sent again at most."""
KEPT = "5 minutes"
WRITE_SECONDS = 1.0
REFRESH_SECONDS = 60.0

CLEAN = (1000, 1001)
"""Close codes of a client that has taken all that was sent before."""

log = structlog.get_logger("wealist.chat")


class Place:
    """One connection's place in one room. What was written need not have arrived: a place moves
    when the client says something, or leaves properly."""

    __slots__ = ("_outbox", "chat_id", "epoch", "id", "seq", "user_id")

    def __init__(self, chat_id: UUID, outbox: Outbox, epoch: str, seq: int) -> None:
        self.id = uuid7()
        self.chat_id, self.user_id = chat_id, outbox.user_id
        self.epoch, self.seq = epoch, seq
        self._outbox = outbox

    def look(self) -> bool:
        """Whether it has moved since it was last looked at."""
        clean = self._outbox.left in CLEAN
        seq = self._outbox.sent if clean else self._outbox.confirmed
        moved = seq > self.seq
        self.seq = max(self.seq, seq)
        return moved


_open: dict[UUID, Place] = {}
_moved: dict[UUID, Place] = {}
_task: asyncio.Task[None] | None = None


@contextlib.contextmanager
def kept(chat_id: UUID, outbox: Outbox, joined: Joined) -> Iterator[Place]:
    """Keep the place of a connection that has just joined for as long as the block lasts."""
    place = Place(chat_id, outbox, joined.epoch, joined.seq)
    _open[place.id] = _moved[place.id] = place
    try:
        yield place
    finally:
        place.look()
        _moved[place.id] = place
        del _open[place.id]


async def recall(chat_id: UUID, user_id: UUID) -> Cursor | None:
    """Where a person who says nothing of it goes on: at the earliest place that a connection of
    his had within the last minutes, but at most `MOST` events back."""
    here = await events.position(room_channel(chat_id))
    seq: int | None = await db.fetch_value(
        f"""
        SELECT min(seq) FROM chat.places WHERE chat_id = $1 AND user_id = $2 AND epoch = $3
          AND at > now() - interval '{KEPT}'
        """,
        chat_id,
        user_id,
        here.epoch,
    )
    if seq is None:
        return None
    return Cursor(here.epoch, min(here.top, max(seq, here.floor, here.top - MOST)))


async def _run() -> None:
    loop = asyncio.get_running_loop()
    due = loop.time() + REFRESH_SECONDS
    while True:
        await asyncio.sleep(WRITE_SECONDS)
        if loop.time() >= due:
            due = loop.time() + REFRESH_SECONDS
            _moved.update(_open)
        try:
            await write()
        except Exception as error:
            log.warning("places can't be kept", error=f"{type(error).__name__}: {error}")


async def write() -> None:
    """Write the places that have changed; what can't be written is tried again."""
    _moved.update((one.id, one) for one in _open.values() if one.look())
    places = list(_moved.values())
    if not places:
        return
    await db.execute(
        """
        INSERT INTO chat.places AS p (connection, chat_id, user_id, epoch, seq, at)
        SELECT *, $6::timestamptz
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[])
        ON CONFLICT (connection) DO UPDATE SET seq = excluded.seq, at = excluded.at
        """,
        [one.id for one in places],
        [one.chat_id for one in places],
        [one.user_id for one in places],
        [one.epoch for one in places],
        seqs := [one.seq for one in places],
        now(),
    )
    for one, seq in zip(places, seqs, strict=True):
        if one.seq == seq and _moved.get(one.id) is one:
            del _moved[one.id]


async def purge() -> str:
    """Forget places that are too old to matter; the job's sentence."""
    gone = await db.execute(f"DELETE FROM chat.places WHERE at < now() - 2 * interval '{KEPT}'")
    return f"{gone} places forgotten"


def open() -> None:  # noqa: A001
    """Begin to write places."""
    global _task
    _task = asyncio.create_task(_run(), name="chat places")


async def close() -> None:
    """Write what is left, and end; before the database."""
    global _task
    task, _task = _task, None
    if task is not None:
        await end(task)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await write()
