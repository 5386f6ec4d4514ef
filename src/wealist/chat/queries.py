"""The reads of rooms: one's own list in three statements, however long it is."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from wealist.chat import faces
from wealist.chat.message_wire import Message
from wealist.chat.wire import Chat, MyChat, Participant
from wealist.core import db
from wealist.user import api as user

SMALL = 50
"""People up to whom a room shows who has read how far."""
MOST = 5000
"""Longest list of one's own rooms."""

_CHAT = """
    c.id AS chat_id, c.workspace_id, c.type AS chat_type, c.name AS chat_name, c.topic,
    c.created_by, c.created_at, c.updated_at, c.last_seq, c.version, c.project_id
"""

UNREAD = "c.last_seq - p.last_read_seq - p.hidden"
"""Messages since the last read one that aren't deleted; sending reads all before, so none of them
is one's own."""

_LAST = """
    LEFT JOIN LATERAL (
        SELECT json_build_object('messageId', m.id, 'chatId', m.chat_id, 'userId', m.user_id,
            'content', left(m.content, 200), 'messageType', m.type, 'createdAt', m.created_at,
            'updatedAt', m.updated_at, 'seq', m.seq, 'version', m.version)::text AS text
        FROM chat.messages m WHERE m.chat_id = c.id AND m.deleted_at IS NULL
        ORDER BY m.seq DESC LIMIT 1
    ) last ON true
"""

_MINE = f"""
    SELECT {_CHAT}, NULL AS participants, {UNREAD} AS unread_count, p.last_read_seq, p.level,
           p.muted_until, p.pinned_at, p.archived_at, p.draft, last.text AS last_message
    FROM chat.participants p JOIN chat.chats c ON c.id = p.chat_id {_LAST}
    WHERE p.user_id = $1 AND p.is_active AND c.deleted_at IS NULL
"""


async def mine(
    user_id: UUID, *, workspace_id: UUID | None = None, chat_id: UUID | None = None
) -> list[MyChat]:
    """Somebody's rooms as his list shows them, last active first: of all workspaces or of one, or
    one room alone."""
    records = await db.fetch_records(
        f"""
        {_MINE} AND ($2::uuid IS NULL OR c.workspace_id = $2) AND ($3::uuid IS NULL OR c.id = $3)
        ORDER BY c.updated_at DESC, c.id DESC LIMIT {MOST}
        """,
        user_id,
        workspace_id,
        chat_id,
    )
    found = [_my_chat(record) for record in records]
    await _fill(found)
    return found


def _my_chat(record: Any) -> MyChat:
    chat = MyChat(*record)
    chat.participants = []
    last: Any = chat.last_message
    if last is not None:
        chat.last_message = msgspec.json.decode(last, type=Message)
    return chat


async def chat(chat_id: UUID) -> Chat | None:
    """A living room with its people."""
    found = await bare(chat_id)
    if found is not None:
        await _fill([found])
    return found


async def bare(chat_id: UUID) -> Chat | None:
    """A living room without its people."""
    return await db.fetch_one(
        Chat, f"SELECT {_CHAT} FROM chat.chats c WHERE c.id = $1 AND c.deleted_at IS NULL", chat_id
    )


_PARTICIPANT = """
    SELECT p.id AS participant_id, p.chat_id, p.user_id, p.role, p.joined_at, p.is_active,
           p.last_read_at, p.last_read_seq
    FROM chat.participants p JOIN chat.chats c ON c.id = p.chat_id
"""


async def _fill(chats: Sequence[Chat]) -> None:
    """Put people and faces into rooms: two statements. A direct room shows both sides always."""
    if not chats:
        return
    by_id = {one.chat_id: one for one in chats}
    for participant in await db.fetch(
        Participant,
        f"""
        {_PARTICIPANT} WHERE p.chat_id = ANY($1) AND (p.is_active OR c.type = 'DM')
        ORDER BY p.chat_id, p.joined_at, p.id
        """,
        list(by_id),
    ):
        by_id[participant.chat_id].participants.append(participant)
    pairs = {(one.workspace_id, who) for one in chats for who in _people(one)}
    known = await user.faces(pairs)
    for one in chats:
        hidden = len(one.participants) > SMALL
        for participant in one.participants:
            faces.put(participant, known, one.workspace_id)
            if hidden:
                participant.last_read_at = participant.last_read_seq = None
        if isinstance(one, MyChat) and one.last_message is not None:
            faces.put(one.last_message, known, one.workspace_id)


def _people(chat: Chat) -> list[UUID]:
    people = [one.user_id for one in chat.participants]
    if isinstance(chat, MyChat) and chat.last_message is not None:
        people.append(chat.last_message.user_id)
    return people


async def participant(chat_id: UUID, workspace_id: UUID, user_id: UUID) -> Participant | None:
    """Somebody who takes part, or did."""
    found = await db.fetch_one(
        Participant, f"{_PARTICIPANT} WHERE p.chat_id = $1 AND p.user_id = $2", chat_id, user_id
    )
    if found is not None:
        faces.put(found, await user.faces([(workspace_id, user_id)]), workspace_id)
    return found


async def active(chat_id: UUID) -> list[UUID]:
    """Who takes part in a room, in the order of their ids."""
    found: list[UUID] | None = await db.fetch_value(
        """
        SELECT array_agg(user_id ORDER BY user_id) FROM chat.participants
        WHERE chat_id = $1 AND is_active
        """,
        chat_id,
    )
    return found or []


async def people_of(ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Who takes part in each of these rooms, in one statement."""
    records = await db.fetch_records(
        """
        SELECT chat_id, array_agg(user_id) FROM chat.participants
        WHERE chat_id = ANY($1) AND is_active GROUP BY chat_id
        """,
        ids,
    )
    return {record[0]: record[1] for record in records}


async def direct(workspace_id: UUID, key: str) -> UUID | None:
    """The living direct room of a pair."""
    found: UUID | None = await db.fetch_value(
        """
        SELECT id FROM chat.chats
        WHERE workspace_id = $1 AND dm_key = $2 AND type = 'DM' AND deleted_at IS NULL
        """,
        workspace_id,
        key,
    )
    return found


async def of_project(project_id: UUID) -> UUID | None:
    """The living room of a project."""
    found: UUID | None = await db.fetch_value(
        """
        SELECT id FROM chat.chats
        WHERE project_id = $1 AND type = 'PROJECT' AND deleted_at IS NULL
        """,
        project_id,
    )
    return found
