"""The third live door: what happened after a cursor, by a plain request."""

from msgspec import Struct

from wealist.core import events, frames
from wealist.core.frames import Cursor, Frame


class Changes(Struct, frozen=True):
    """What happened after a cursor. With `reset` nothing can be told: read everything again, and
    go on from `cursor`. `more`: ask again from `cursor` at once."""

    reset: bool
    frames: list[Frame]
    cursor: Cursor
    more: bool


async def since(channel: str, cursor: Cursor | None, limit: int) -> Changes:
    """At most `limit` frames after a cursor, from the log; without one only the present place."""
    found = await events.position(channel)
    here = Cursor(found.epoch, found.top)
    if cursor is None:
        return Changes(False, [], here, False)
    if cursor.epoch != found.epoch or not found.floor <= cursor.seq <= found.top:
        return Changes(True, [], here, False)
    page = [
        frames.encode(event, found.epoch)
        for event in await events.since(channel, cursor.seq, limit)
    ]
    seq = page[-1].seq if page else cursor.seq
    return Changes(False, page, Cursor(found.epoch, seq), seq < found.top)
