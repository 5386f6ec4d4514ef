"""Telling people that a message names them."""

from collections.abc import Set
from uuid import UUID

from wealist.chat import feed
from wealist.chat.message_wire import Message
from wealist.core import db
from wealist.core.mentions import mentioned
from wealist.noti import api as noti


async def tell(
    message: Message, workspace_id: UUID, project_id: UUID | None, name: str, *, before: Set[UUID]
) -> None:
    """Have those notified whom a message names and did not name `before`, if they take part in
    the room and want news of it."""
    if "@" not in message.content:
        return
    named = mentioned(message.content) - before - {message.user_id}
    if not named:
        return
    found: list[UUID] | None = await db.fetch_value(
        """
        SELECT array_agg(user_id) FROM chat.participants
        WHERE chat_id = $1 AND user_id = ANY($2) AND is_active AND level <> 'NONE'
          AND (muted_until IS NULL OR muted_until < now())
        """,
        message.chat_id,
        list(named),
    )
    feed.notify(
        "CHAT_MENTIONED",
        found or (),
        actor=message.user_id,
        chat_id=message.chat_id,
        workspace_id=workspace_id,
        project_id=project_id,
        name=name,
        content=message.content,
        messageId=message.message_id,
    )


async def among(wanted: noti.People) -> noti.People:
    """Who of these people still takes part in living rooms: only they are notified of those."""
    pairs = [(chat_id, person) for chat_id, people in wanted.items() for person in people]
    records = await db.fetch_records(
        """
        SELECT p.chat_id, array_agg(p.user_id)
        FROM unnest($1::uuid[], $2::uuid[]) AS given (chat_id, user_id)
        JOIN chat.participants p USING (chat_id, user_id) JOIN chat.chats c ON c.id = p.chat_id
        WHERE p.is_active AND c.deleted_at IS NULL GROUP BY p.chat_id
        """,
        [chat_id for chat_id, _ in pairs],
        [person for _, person in pairs],
    )
    return {chat_id: set(people) for chat_id, people in records}
