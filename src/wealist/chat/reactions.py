"""The verbs on reactions to messages."""

from uuid import UUID

from wealist.chat import access, feed, message_queries
from wealist.chat.message_wire import Reacted, Reaction
from wealist.core import db
from wealist.core.errors import Conflict, Invalid
from wealist.core.identity import Caller
from wealist.core.text import required
from wealist.core.wire import now

LENGTH = 32
MOST = 20
"""Different emojis on one message."""


def _emoji(text: str) -> str:
    clean = required(text, field="emoji", limit=LENGTH)
    if any(character.isspace() for character in clean):
        raise Invalid("must be one emoji, or its name", field="emoji")
    return clean


async def react(caller: Caller, message_id: UUID, emoji: str) -> list[Reaction]:
    """Add one's reaction, once; all that there are now."""
    clean = _emoji(emoji)
    async with db.transaction():
        place = await access.message(caller, message_id, "message.read", hold=True)
        made = await db.execute(
            """
            INSERT INTO chat.reactions (message_id, emoji, user_id, at)
            SELECT $1, $2, $3, $4 WHERE $5 > (
                SELECT count(DISTINCT emoji) FROM chat.reactions
                WHERE message_id = $1 AND emoji <> $2
            ) ON CONFLICT DO NOTHING
            """,
            message_id,
            clean,
            caller.user_id,
            now(),
            MOST,
        )
        found = await message_queries.reactions(message_id)
        if not made and all(one.emoji != clean for one in found):
            raise Conflict(f"a message has at most {MOST} different reactions")
        if made:
            _tell(place, message_id, found, actor=caller.user_id)
    return found


async def take_back(caller: Caller, message_id: UUID, emoji: str) -> None:
    """Remove one's reaction; harmless when there is none."""
    clean = _emoji(emoji)
    async with db.transaction():
        place = await access.message(caller, message_id, "message.read", hold=True)
        if await db.execute(
            "DELETE FROM chat.reactions WHERE message_id = $1 AND emoji = $2 AND user_id = $3",
            message_id,
            clean,
            caller.user_id,
        ):
            found = await message_queries.reactions(message_id)
            _tell(place, message_id, found, actor=caller.user_id)


def _tell(place: access.Place, message_id: UUID, found: list[Reaction], *, actor: UUID) -> None:
    told = Reacted(place.chat_id, message_id, actor, found)
    feed.tell(place.chat_id, "REACTIONS_CHANGED", told, actor=actor)
