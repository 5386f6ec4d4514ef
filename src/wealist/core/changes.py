"""The third live door: what happened after a cursor, by a plain request."""

from msgspec import Raw

from wealist.core import events, frames
from wealist.core.frames import Cursor
from wealist.core.wire import Wire


class Changes(Wire):
    """Frames after a cursor, as sockets get them. `cursor` is where to ask again, `more` at once;
    with `reset` read everything again first."""

    reset: bool
    events: list[Raw]
    cursor: str
    more: bool


async def since(channel: str, cursor: Cursor | None, limit: int) -> Changes:
    """At most `limit` frames after a cursor, from the log; without one only the present place."""
    found = await events.position(channel)
    here = str(Cursor(found.epoch, found.top))
    if cursor is None:
        return Changes(False, [], here, False)
    if cursor.epoch != found.epoch or not found.floor <= cursor.seq <= found.top:
        return Changes(True, [], here, False)
    page = [
        frames.encode(event, found.epoch)
        for event in await events.since(channel, cursor.seq, limit)
    ]
    if page and page[0].seq != cursor.seq + 1:
        return Changes(True, [], here, False)  # retention has just taken what lay between
    seq = page[-1].seq if page else cursor.seq
    told = [Raw(frame.text.encode()) for frame in page]
    return Changes(False, told, str(Cursor(found.epoch, seq)), seq < found.top)
