"""The reads of messages: whole pages in one statement."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from wealist.chat import faces, files
from wealist.chat.message_wire import Message, Quote, Reaction
from wealist.core import db
from wealist.user import api as user

QUOTED = 200
"""Characters of a message that an answer to it shows."""

REACTIONS = """
    (SELECT json_agg(json_build_object('emoji', r.emoji, 'userIds', r.user_ids) ORDER BY r.first)
     FROM (SELECT emoji, array_agg(user_id ORDER BY at, user_id) AS user_ids, min(at) AS first
           FROM chat.reactions WHERE message_id = m.id GROUP BY emoji) r)::text
"""

COLUMNS = f"""
    m.id AS message_id, m.chat_id, m.user_id, m.content, m.type AS message_type, m.created_at,
    m.updated_at, m.seq, m.version, f.key AS file_url, f.name AS file_name, f.size AS file_size,
    f.type AS content_type, m.edited_at, m.thread_id, m.client_id AS client_message_id,
    n.at AS pinned_at,
    (SELECT count(*) FROM chat.messages t WHERE t.thread_id = m.id AND t.deleted_at IS NULL)
        AS reply_count,
    CASE WHEN q.id IS NOT NULL THEN json_build_object('messageId', q.id, 'userId', q.user_id,
        'content', CASE WHEN q.deleted_at IS NULL THEN left(q.content, {QUOTED}) ELSE '' END,
        'messageType', q.type, 'deleted', q.deleted_at IS NOT NULL)::text END AS reply_to,
    {REACTIONS} AS reactions
"""
"""The columns of a `Message`, of `FROM` with its conditions before it."""

FROM = """
    FROM chat.messages m LEFT JOIN chat.files f ON f.message_id = m.id
    LEFT JOIN chat.pins n ON n.message_id = m.id
    LEFT JOIN chat.messages q ON q.id = m.reply_to
"""


def made(record: Any) -> Message:
    """A message from a record of `COLUMNS`, still without a face."""
    message = Message(*record)
    if message.file_url is not None:
        message.file_url = files.address(message.file_url)
    reply: Any = message.reply_to
    if reply is not None:
        message.reply_to = msgspec.json.decode(reply, type=Quote)
    reactions: Any = message.reactions
    message.reactions = msgspec.json.decode(reactions, type=list[Reaction]) if reactions else []
    return message


async def with_faces(workspace_id: UUID, messages: Sequence[Message]) -> list[Message]:
    """The messages with their authors' names and pictures, in one more statement."""
    if messages:
        known = await user.faces((workspace_id, one.user_id) for one in messages)
        for message in messages:
            faces.put(message, known, workspace_id)
    return list(messages)


async def message(message_id: UUID, workspace_id: UUID) -> Message | None:
    """One message, unless it is deleted."""
    record = await db.fetch_record(
        f"SELECT {COLUMNS} {FROM} WHERE m.id = $1 AND m.deleted_at IS NULL", message_id
    )
    return (await with_faces(workspace_id, [made(record)]))[0] if record is not None else None


async def seq_of(chat_id: UUID, message_id: UUID) -> int | None:
    """The number of a message of this room, deleted or not."""
    found: int | None = await db.fetch_value(
        "SELECT seq FROM chat.messages WHERE id = $1 AND chat_id = $2", message_id, chat_id
    )
    return found


async def page(
    chat_id: UUID,
    limit: int,
    *,
    before: int | None = None,
    after: int | None = None,
    thread_id: UUID | None = None,
) -> list[Message]:
    """Up to `limit` messages of a room, ascending: the newest, those below `before`, or those
    above `after`; only of a thread if one is given."""
    descending = after is None
    where = ["m.deleted_at IS NULL"]
    args: list[Any] = [chat_id, limit]
    if thread_id is not None:
        args.append(thread_id)
        where.append(f"(m.thread_id = ${len(args)} OR m.id = ${len(args)})")
    if before is not None or after is not None:
        args.append(before if after is None else after)
        where.append(f"m.seq {'<' if after is None else '>'} ${len(args)}")
    records = await db.fetch_records(
        f"""
        SELECT {COLUMNS} {FROM} WHERE m.chat_id = $1 AND {" AND ".join(where)}
        ORDER BY m.seq {"DESC" if descending else "ASC"} LIMIT $2
        """,
        *args,
    )
    found = [made(record) for record in records]
    return found[::-1] if descending else found


async def around(chat_id: UUID, seq: int, limit: int) -> list[Message]:
    """Up to `limit` messages with the one of this number (or the next) in their middle."""
    records = await db.fetch_records(
        f"""
        WITH near AS (
            (SELECT id FROM chat.messages WHERE chat_id = $1 AND seq < $2 AND deleted_at IS NULL
             ORDER BY seq DESC LIMIT $3)
            UNION ALL
            (SELECT id FROM chat.messages WHERE chat_id = $1 AND seq >= $2 AND deleted_at IS NULL
             ORDER BY seq LIMIT $4)
        )
        SELECT {COLUMNS} {FROM} WHERE m.id IN (SELECT id FROM near) ORDER BY m.seq
        """,
        chat_id,
        seq,
        limit // 2,
        limit - limit // 2,
    )
    return [made(record) for record in records]


async def quote(message_id: UUID) -> Quote | None:
    """What an answer to a message shows of it."""
    return await db.fetch_one(
        Quote,
        f"""
        SELECT id AS message_id, user_id,
               CASE WHEN deleted_at IS NULL THEN left(content, {QUOTED}) ELSE '' END AS content,
               type AS message_type, deleted_at IS NOT NULL AS deleted
        FROM chat.messages WHERE id = $1
        """,
        message_id,
    )


async def reactions(message_id: UUID) -> list[Reaction]:
    """All reactions to a message."""
    text = await db.fetch_value(
        f"SELECT {REACTIONS} FROM chat.messages m WHERE id = $1", message_id
    )
    return msgspec.json.decode(text, type=list[Reaction]) if text else []
