"""Who may do what in a room (contract: chat.md §4), and the queries that find out.

Whoever takes no part in a room gets 403 for it, whether it exists or not. A room that was deleted
is 404 to those who took part.
"""

from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from wealist.core import db
from wealist.core.access import Rule, require
from wealist.core.errors import Forbidden, NotFound
from wealist.core.identity import Caller
from wealist.user import api as user


class Part(StrEnum):
    """What a person is to a room or a message."""

    PARTICIPANT = "participant"
    ADMIN = "admin"
    OWNER = "owner"
    AUTHOR = "author"
    """Of the message, also after leaving the room."""


INSIDE = frozenset({Part.PARTICIPANT, Part.ADMIN, Part.OWNER})
HEADS = frozenset({Part.ADMIN, Part.OWNER})

NOT_INSIDE = "Not a participant"
NO_CHAT = "Chat not found"
NO_MESSAGE = "Message not found"
NOT_CREATOR = "Only the chat creator can perform this action"
NOT_AUTHOR = "Only the message owner can perform this action"

PERMISSIONS: dict[str, Rule] = {
    "chat.read": Rule(INSIDE, NOT_INSIDE, told=True),
    "chat.write": Rule(INSIDE, "You are not a participant of this chat", told=True),
    "chat.update": Rule(HEADS, "Only the chat's owner or an admin can change it", told=True),
    "chat.delete": Rule(frozenset({Part.OWNER}), NOT_CREATOR, told=True),
    "chat.invite": Rule(INSIDE, NOT_INSIDE, told=True),
    "chat.leave": Rule(INSIDE, NOT_INSIDE, told=True),
    "chat.remove": Rule(HEADS, NOT_CREATOR, told=True),
    "chat.change_role": Rule(
        frozenset({Part.OWNER}), "Only the chat's owner can change roles", told=True
    ),
    "message.read": Rule(INSIDE),
    "message.edit": Rule(frozenset({Part.AUTHOR}), NOT_AUTHOR),
    "message.delete": Rule(HEADS | {Part.AUTHOR}, NOT_AUTHOR),
}


class Place(Struct, frozen=True):
    """A room as the caller stands to it. `role` is None for those who take no part (any more)."""

    chat_id: UUID
    workspace_id: UUID
    project_id: UUID | None
    type: str
    name: str
    last_seq: int
    version: int
    deleted: bool
    role: str | None
    last_read_seq: int
    people: int
    author_id: UUID | None = None


def parts(role: str | None, *, author: bool = False) -> set[Part]:
    """All that somebody is who has this role in a room; outsiders nothing."""
    held = {Part.PARTICIPANT} if role is not None else set()
    if role in ("OWNER", "ADMIN"):
        held.add(Part[role])
    if author:
        held.add(Part.AUTHOR)
    return held


PLACE = """
    SELECT c.id AS chat_id, c.workspace_id, c.project_id, c.type, c.name, c.last_seq, c.version,
           c.deleted_at IS NOT NULL AS deleted,
           CASE WHEN p.is_active THEN p.role END AS role,
           coalesce(p.last_read_seq, 0) AS last_read_seq,
           (SELECT count(*) FROM chat.participants a WHERE a.chat_id = c.id AND a.is_active)
               AS people
"""

SEAT = "LEFT JOIN chat.participants p ON p.chat_id = c.id AND p.user_id = $2"


async def lock(chat_id: UUID, *, seats: bool = False) -> None:
    """Hold a room until the transaction ends: changes of it and of its people take turns. With
    `seats` also the rows of all who ever took part, so that nobody sends anything meanwhile.

    Statements of their own: one that waited would still see everything else as it was before.
    Seats are locked before rooms, as those who send do; workspaces and projects before both.
    """
    if seats:
        await db.execute(
            "SELECT FROM chat.participants WHERE chat_id = $1 ORDER BY id FOR NO KEY UPDATE",
            chat_id,
        )
    await db.execute("SELECT FROM chat.chats WHERE id = $1 FOR NO KEY UPDATE", chat_id)


async def chat(
    caller: Caller, chat_id: UUID, action: str, *, hold: bool = False, seats: bool = False
) -> Place:
    """The room as the caller stands to it, if he may do `action`.

    `hold` locks it, and `seats` its people before it. Raises `Forbidden` for those outside, and
    `NotFound` for a room that was deleted.
    """
    if hold or seats:
        await lock(chat_id, seats=seats)
    found = await db.fetch_one(
        Place, f"{PLACE} FROM chat.chats c {SEAT} WHERE c.id = $1", chat_id, caller.user_id
    )
    rule = PERMISSIONS[action]
    if found is None or found.role is None:
        raise Forbidden(rule.says if rule.roles == INSIDE else NOT_INSIDE)
    if found.deleted:
        raise NotFound(NO_CHAT)
    require(rule, parts(found.role), visible=True, missing=NO_CHAT)
    return found


async def message(
    caller: Caller, message_id: UUID, action: str, *, hold: bool = False, seats: bool = False
) -> Place:
    """The room of a message that isn't deleted, if the caller may do `action` to it; see `chat`.

    Raises `NotFound` for everybody who neither wrote it nor takes part in its room.
    """
    if hold or seats:
        chat_id = await db.fetch_value(
            "SELECT chat_id FROM chat.messages WHERE id = $1", message_id
        )
        if chat_id is not None:
            await lock(chat_id, seats=seats)
    found = await db.fetch_one(
        Place,
        f"""
        {PLACE}, m.user_id AS author_id
        FROM chat.messages m JOIN chat.chats c ON c.id = m.chat_id {SEAT}
        WHERE m.id = $1 AND m.deleted_at IS NULL AND c.deleted_at IS NULL
        """,
        message_id,
        caller.user_id,
    )
    if found is None:
        raise NotFound(NO_MESSAGE)
    held = parts(found.role, author=found.author_id == caller.user_id)
    require(PERMISSIONS[action], held, visible=found.role is not None, missing=NO_MESSAGE)
    return found


async def inside_workspace(caller: Caller, workspace_id: UUID) -> None:
    """Raise `Forbidden` unless the caller is a member of the living workspace."""
    if not await user.is_member(workspace_id, caller.user_id):
        raise Forbidden("you are not a member of this workspace")
