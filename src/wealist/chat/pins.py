"""The verbs on pinned messages."""

from uuid import UUID

from wealist.chat import access, feed, message_queries, messages
from wealist.chat.message_wire import Message, Pinned
from wealist.core import db
from wealist.core.errors import Conflict
from wealist.core.identity import Caller
from wealist.core.wire import now

MOST = 50


async def list_pins(caller: Caller, chat_id: UUID) -> list[Message]:
    """A room's pinned messages, the last pinned first."""
    place = await access.chat(caller, chat_id, "chat.read")
    records = await db.fetch_records(
        f"""
        SELECT {message_queries.COLUMNS} {message_queries.FROM}
        WHERE n.chat_id = $1 AND m.deleted_at IS NULL ORDER BY n.at DESC, m.seq DESC LIMIT {MOST}
        """,
        chat_id,
    )
    found = [message_queries.made(record) for record in records]
    return await message_queries.with_faces(place.workspace_id, found)


async def pin(caller: Caller, message_id: UUID) -> Message:
    """Pin a message for everybody in the room; harmless when it is."""
    async with db.transaction():
        place = await access.message(caller, message_id, "message.read", hold=True)
        moment = now()
        made = await db.execute(
            """
            INSERT INTO chat.pins (message_id, chat_id, user_id, at)
            SELECT $1, $2, $3, $4 WHERE $5 > (SELECT count(*) FROM chat.pins WHERE chat_id = $2)
            ON CONFLICT DO NOTHING
            """,
            message_id,
            place.chat_id,
            caller.user_id,
            moment,
            MOST,
        )
        found = await messages.read(message_id, place)
        if found.pinned_at is None:
            raise Conflict(f"a chat has at most {MOST} pinned messages; unpin one")
        if made:
            told = Pinned(place.chat_id, message_id, caller.user_id, moment)
            feed.tell(place.chat_id, "MESSAGE_PINNED", told, actor=caller.user_id)
    return found


async def unpin(caller: Caller, message_id: UUID) -> None:
    """Unpin a message; harmless when it isn't pinned."""
    async with db.transaction():
        place = await access.message(caller, message_id, "message.read", hold=True)
        if await db.execute("DELETE FROM chat.pins WHERE message_id = $1", message_id):
            told = Pinned(place.chat_id, message_id, caller.user_id, None)
            feed.tell(place.chat_id, "MESSAGE_PINNED", told, actor=caller.user_id)
