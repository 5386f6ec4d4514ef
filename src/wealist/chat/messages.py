"""The verbs on messages that have been sent: read, edit, delete (contract: chat.md §4.2, §6.3)."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from wealist.chat import access, feed, mentions, message_queries, uploads
from wealist.chat.access import NO_MESSAGE
from wealist.chat.message_wire import Deleted, Edit, Message, MessageChange, Received
from wealist.chat.sending import CONTENT
from wealist.core import db
from wealist.core.errors import BadRequest, Forbidden, NotFound
from wealist.core.identity import Caller
from wealist.core.mentions import mentioned
from wealist.core.params import number, uuid
from wealist.core.text import verbatim
from wealist.core.versions import expect
from wealist.core.wire import now

PAGE, LONGEST_PAGE = 50, 100
MOST_EDITS = 100
"""Former texts of a message that are kept; the oldest go first."""


class Window(NamedTuple):
    """What a request for history asks for, as the query has it; one of the last three at most."""

    limit: str | None = None
    before: str | None = None
    after: str | None = None
    around: str | None = None


async def history(caller: Caller, chat_id: UUID, window: Window) -> list[Message]:
    """A page of a room's messages, oldest first: the newest ones, those before or after a message,
    or those around a message, a time (RFC 3339), or (`unread`) the first unread one.

    Raises `BadRequest` for a cursor that is no message of this room.
    """
    place = await access.chat(caller, chat_id, "chat.read")
    limit = _limit(window.limit)
    given = [one for one in (window.before, window.after, window.around) if one]
    if len(given) > 1:
        raise BadRequest("goes with neither before nor after", field="around")
    if window.around:
        seq = await _middle(place, window.around)
        found = await message_queries.around(chat_id, seq, limit)
    elif window.before or window.after:
        before = await _seq(chat_id, window.before, "before") if window.before else None
        after = await _seq(chat_id, window.after, "after") if window.after else None
        found = await message_queries.page(chat_id, limit, before=before, after=after)
    else:
        found = await message_queries.page(chat_id, limit)
    return await message_queries.with_faces(place.workspace_id, found)


def _limit(text: str | None) -> int:
    """1 to 100; anything else is 50 (chat.md §4.2 #8)."""
    limit = number(text, PAGE, LONGEST_PAGE + 1)
    return limit if limit <= LONGEST_PAGE else PAGE


async def _seq(chat_id: UUID, text: str, name: str) -> int:
    found = await message_queries.seq_of(chat_id, uuid(text, name))
    if found is None:
        raise BadRequest("is no message of this chat", field=name)
    return found


async def _middle(place: access.Place, text: str) -> int:
    """The number of the message that `around` means, or of the first one after a time."""
    if text == "unread":
        return place.last_read_seq + 1
    if "T" not in text:
        return await _seq(place.chat_id, text, "around")
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
    except ValueError:
        raise BadRequest(
            "must be a message's id, a time such as 2026-01-31T08:00:00Z, or unread", field="around"
        ) from None
    found: int | None = await db.fetch_value(
        """
        SELECT seq FROM chat.messages WHERE chat_id = $1 AND created_at >= $2
        ORDER BY created_at, id LIMIT 1
        """,
        place.chat_id,
        moment,
    )
    return found if found is not None else place.last_seq + 1


async def thread(
    caller: Caller, message_id: UUID, limit: str | None, after: str | None
) -> list[Message]:
    """A page of the thread that begins with a message, which comes first; then those after a
    message of it."""
    place = await access.message(caller, message_id, "message.read")
    seq = await _seq(place.chat_id, after, "after") if after else 0
    found = await message_queries.page(
        place.chat_id, _limit(limit), after=seq, thread_id=message_id
    )
    return await message_queries.with_faces(place.workspace_id, found)


async def edit_message(
    caller: Caller, message_id: UUID, change: MessageChange, expected: int | None
) -> Message:
    """Change the text of one's own message, for those who still take part. How it read before is
    kept."""
    content = verbatim(change.content, field="content", most=CONTENT)
    async with db.transaction():
        place = await access.message(caller, message_id, "message.edit", hold=True)
        if place.role is None:
            raise Forbidden(access.NOT_INSIDE)  # an edit says something new to those inside
        old = await read(message_id, place)
        if old.message_type == "TEXT" and not content.strip():
            raise BadRequest("Message content cannot be empty")
        expect(expected, old.version, old)
        if old.content == content:
            return old
        await db.execute(
            """
            WITH kept AS (
                INSERT INTO chat.edits (message_id, version, content, at)
                VALUES ($1, $2, $3, $5)
            ), dropped AS (
                DELETE FROM chat.edits WHERE message_id = $1 AND version <= $2::integer - $6
            )
            UPDATE chat.messages SET content = $4, edited_at = $5, updated_at = $5,
                   version = version + 1 WHERE id = $1
            """,
            message_id,
            old.version,
            old.content,
            content,
            now(),
            MOST_EDITS,
        )
        new = await read(message_id, place)
        feed.tell(place.chat_id, "MESSAGE_UPDATED", Received(new), actor=caller.user_id)
        before = mentioned(old.content)
        await mentions.tell(new, place.workspace_id, place.project_id, place.name, before=before)
    return new


async def read(message_id: UUID, place: access.Place) -> Message:
    """A message of the room as clients see it. Raises `NotFound` when it is deleted."""
    found = await message_queries.message(message_id, place.workspace_id)
    if found is None:
        raise NotFound(NO_MESSAGE)
    return found


async def edits(caller: Caller, message_id: UUID) -> list[Edit]:
    """How a message read before each of its edits, for all in its room; oldest first."""
    await access.message(caller, message_id, "message.read")
    return await db.fetch(
        Edit,
        "SELECT version, content, at FROM chat.edits WHERE message_id = $1 ORDER BY version",
        message_id,
    )


async def delete_message(caller: Caller, message_id: UUID) -> None:
    """Delete one's own message, or as an owner or admin of the room anybody's. Its file goes with
    it, and it isn't unread for anybody any more."""
    async with db.transaction():
        place = await access.message(caller, message_id, "message.delete", seats=True)
        seq, thread_id = await db.fetch_record(
            """
            UPDATE chat.messages SET deleted_at = $2, updated_at = $2, version = version + 1
            WHERE id = $1 RETURNING seq, thread_id
            """,
            message_id,
            now(),
        )
        await db.execute(
            """
            WITH unpinned AS (DELETE FROM chat.pins WHERE message_id = $3)
            UPDATE chat.participants SET hidden = hidden + 1
            WHERE chat_id = $1 AND last_read_seq < $2
            """,
            place.chat_id,
            seq,
            message_id,
        )
        await uploads.drop_messages([message_id])
        gone = Deleted(place.chat_id, message_id, caller.user_id, seq, thread_id)
        feed.tell(place.chat_id, "MESSAGE_DELETED", gone, actor=caller.user_id)
        await feed.changed([place.chat_id], place.workspace_id)
