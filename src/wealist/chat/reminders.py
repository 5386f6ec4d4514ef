"""Telling people who are away that somebody wrote to them: once for each room and absence."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from wealist.chat import feed
from wealist.core import db, online
from wealist.core.ids import NIL

AFTER = "5 minutes"
"""How long the first unread message has waited by then."""
FORGOTTEN = "1 day"
"""Rooms in which nothing was said for so long are left in peace."""
_BATCH = 1000


class _Due(Struct, frozen=True):
    """Somebody's seat in a room in which something is unread."""

    seat_id: UUID
    user_id: UUID
    chat_id: UUID
    workspace_id: UUID
    project_id: UUID | None
    name: str
    author_id: UUID
    content: str
    at: datetime


_DUE = f"""
    SELECT p.id AS seat_id, p.user_id, c.id AS chat_id, c.workspace_id, c.project_id, c.name,
           m.user_id AS author_id, left(m.content, 200) AS content, m.created_at AS at
    FROM chat.chats c JOIN chat.participants p ON p.chat_id = c.id
    JOIN chat.messages f ON f.chat_id = c.id AND f.seq = p.last_read_seq + 1
    JOIN LATERAL (
        SELECT user_id, content, created_at FROM chat.messages
        WHERE chat_id = c.id AND deleted_at IS NULL ORDER BY seq DESC LIMIT 1
    ) m ON true
    WHERE c.deleted_at IS NULL AND c.updated_at > now() - interval '{FORGOTTEN}' AND p.is_active
      AND p.level = 'ALL' AND (p.muted_until IS NULL OR p.muted_until < now())
      AND p.reminded_seq <= p.last_read_seq AND c.last_seq > p.last_read_seq + p.hidden
      AND f.created_at < now() - interval '{AFTER}' AND p.id > $1
    ORDER BY p.id LIMIT {_BATCH}
"""


async def remind() -> str:
    """Have those told who have something unread and are connected nowhere; the job's sentence."""
    told, after = 0, NIL
    while found := await db.fetch(_Due, _DUE, after):
        after = found[-1].seat_id
        there = await online.among({one.user_id for one in found})
        away = {one.seat_id: one for one in found if one.user_id not in there}
        async with db.transaction():
            # Whoever reads or says something at this moment is not waited for: others hold seats
            # in an order of their own, and he is asked about again in a minute.
            reminded = await db.fetch_records(
                """
                WITH free AS (
                    SELECT id FROM chat.participants WHERE id = ANY($1) AND is_active
                    FOR NO KEY UPDATE SKIP LOCKED
                )
                UPDATE chat.participants p SET reminded_seq = c.last_seq
                FROM chat.chats c, free WHERE free.id = p.id AND c.id = p.chat_id
                  AND p.reminded_seq <= p.last_read_seq
                RETURNING p.id
                """,
                list(away),
            )
            for (seat_id,) in reminded:
                due = away[seat_id]
                feed.notify(
                    "CHAT_MESSAGE",
                    [due.user_id],
                    actor=due.author_id,
                    chat_id=due.chat_id,
                    workspace_id=due.workspace_id,
                    project_id=due.project_id,
                    name=due.name,
                    content=due.content,
                )
        told += len(reminded)
    return f"{told} people told of messages"
