"""What somebody has read: one number for each room, which only grows (contract: chat.md §5)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from wealist.chat import access, feed, message_queries, queries
from wealist.chat.wire import Read, ReadState, UnreadCount
from wealist.core import db, metrics
from wealist.core.errors import Invalid, NotFound
from wealist.core.identity import Caller

MOST_IDS = 500


class _Advanced(Struct, frozen=True):
    chat_id: UUID
    workspace_id: UUID
    last_read_seq: int
    at: datetime
    unread: int
    people: int
    message_id: UUID | None


_READ = """
    WITH wanted AS (
        SELECT p.id, c.workspace_id, least(given.seq, c.last_seq) AS seq, c.last_seq
        FROM unnest($2::uuid[], $3::bigint[]) AS given (chat_id, seq)
        JOIN chat.chats c ON c.id = given.chat_id AND c.deleted_at IS NULL
        JOIN chat.participants p ON p.chat_id = c.id AND p.user_id = $1 AND p.is_active
    ), advanced AS (
        UPDATE chat.participants p
        SET last_read_seq = wanted.seq, last_read_at = clock_timestamp(), hidden = (
            SELECT count(*) FROM chat.messages m
            WHERE m.chat_id = p.chat_id AND m.seq > wanted.seq AND m.deleted_at IS NOT NULL
        )
        FROM wanted WHERE p.id = wanted.id AND p.last_read_seq < wanted.seq
        RETURNING p.chat_id, wanted.workspace_id, p.last_read_seq, p.last_read_at,
                  wanted.last_seq - p.last_read_seq - p.hidden
    )
    SELECT a.chat_id, a.workspace_id, a.last_read_seq, a.last_read_at AS at, a.unread,
           (SELECT count(*) FROM chat.participants t WHERE t.chat_id = a.chat_id AND t.is_active)
               AS people,
           (SELECT m.id FROM chat.messages m
            WHERE m.chat_id = a.chat_id AND m.seq = a.last_read_seq) AS message_id
    FROM advanced AS a (chat_id, workspace_id, last_read_seq, last_read_at, unread)
"""
"""Under the reader's own seats only: a message that is sent meanwhile is counted as unread by
whoever reads the count next."""


async def _advance(caller: Caller, seqs: dict[UUID, int]) -> None:
    """Have the caller read rooms up to these numbers where he hasn't, and tell it: his own devices,
    and in small rooms the others."""
    async with db.transaction():
        # A statement of its own: one that waited for the lock would count deleted messages as
        # they were before.
        await db.execute(
            """
            SELECT FROM chat.participants WHERE user_id = $1 AND chat_id = ANY($2)
            ORDER BY chat_id FOR NO KEY UPDATE
            """,
            caller.user_id,
            list(seqs),
        )
        for one in await db.fetch(
            _Advanced, _READ, caller.user_id, list(seqs), list(seqs.values())
        ):
            mine = ReadState(
                one.chat_id, one.workspace_id, one.last_read_seq, one.at, max(0, one.unread)
            )
            feed.tell_person(caller.user_id, "CHAT_READ", mine, actor=caller.user_id)
            if one.message_id is not None and one.people <= queries.SMALL:
                read = Read(one.message_id, caller.user_id, one.chat_id, one.last_read_seq, one.at)
                feed.tell(one.chat_id, "MESSAGE_READ", read, actor=caller.user_id)


async def read_all(caller: Caller, chat_id: UUID) -> None:
    """Everything in a room is read."""
    place = await access.chat(caller, chat_id, "chat.read")
    await _advance(caller, {chat_id: place.last_seq})
    metrics.count("chat_service_messages_read_total")


async def read_message(caller: Caller, chat_id: UUID, message_id: UUID) -> None:
    """Everything in a room up to a message is read. Raises `NotFound` for a foreign message."""
    await access.chat(caller, chat_id, "chat.read")
    seq = await message_queries.seq_of(chat_id, message_id)
    if seq is None:
        raise NotFound(access.NO_MESSAGE)
    await _advance(caller, {chat_id: seq})
    metrics.count("chat_service_messages_read_total")


async def read_messages(caller: Caller, ids: Sequence[UUID]) -> None:
    """Everything is read up to the last of these messages of each room. Those that are unknown, or
    of rooms in which the caller takes no part, count for nothing (chat.md A2, B11)."""
    if not ids:
        raise Invalid("must name at least one message", field="messageIds")
    if len(ids) > MOST_IDS:
        raise Invalid(f"must be at most {MOST_IDS}", field="messageIds")
    found = await db.fetch_records(
        """
        SELECT m.chat_id, max(m.seq) FROM chat.messages m
        JOIN chat.participants p ON p.chat_id = m.chat_id AND p.user_id = $2 AND p.is_active
        WHERE m.id = ANY($1) GROUP BY m.chat_id
        """,
        list(set(ids)),
        caller.user_id,
    )
    if found:
        await _advance(caller, dict(found))
    metrics.count("chat_service_messages_read_total", len(set(ids)))


async def unread(caller: Caller, chat_id: UUID) -> UnreadCount:
    """How many messages of a room the caller has not read."""
    await access.chat(caller, chat_id, "chat.read")
    count: int = await db.fetch_value(
        f"""
        SELECT {queries.UNREAD} FROM chat.participants p JOIN chat.chats c ON c.id = p.chat_id
        WHERE p.chat_id = $1 AND p.user_id = $2
        """,
        chat_id,
        caller.user_id,
    )
    return UnreadCount(count)
