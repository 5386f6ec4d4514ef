"""What clients of the chat service send and see about rooms (contract: chat.md §3, §4.1, §6)."""

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType, field

from wealist.chat.message_wire import Message
from wealist.core.wire import Wire, least

T = TypeVar("T")

Level = Literal["ALL", "MENTIONS", "NONE"]
RoleName = Literal["OWNER", "ADMIN", "MEMBER"]
Name = Annotated[str, Meta(max_length=1000), least(1)]


def room_channel(chat_id: UUID) -> str:
    """Everything that the participants of a room may see happen in it."""
    return f"chat:{chat_id}"


def list_channel(user_id: UUID) -> str:
    """What changes in one person's list of rooms by his own doing, or by being let in and out."""
    return f"chats:{user_id}"


class Said(Wire, Generic[T]):
    """The contract's envelope, whose payload is in `message` (chat.md §1.2)."""

    success: bool
    message: T


def said(payload: T) -> Said[T]:
    """Put an answer into the envelope."""
    return Said(True, payload)


class SaidTwice(Wire, Generic[T]):
    """The same payload where either kind of client looks for it."""

    success: bool
    message: T
    data: T


class Ticket(SaidTwice[T], Generic[T]):
    """With the id of the request, as the contract has it for uploads."""

    request_id: str


class Participant(Wire, omit_defaults=True):
    """Somebody in a room. How far he has read is told in rooms of up to 50 people."""

    participant_id: UUID
    chat_id: UUID
    user_id: UUID
    role: str
    joined_at: datetime
    is_active: bool
    last_read_at: datetime | None = None
    last_read_seq: int | None = None
    user_name: str | None = None
    user_profile_image: str | None = None


class Chat(Wire, omit_defaults=True):
    """A room. `lastSeq` is the number of its last message."""

    chat_id: UUID
    workspace_id: UUID
    chat_type: str
    chat_name: str
    topic: str
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    last_seq: int
    version: int
    project_id: UUID | None = None
    participants: list[Participant] = field(default_factory=list)


class MyChat(Chat, omit_defaults=True):
    """A room in one's own list. All messages up to `lastReadSeq` are read."""

    unread_count: int | None = None
    last_read_seq: int | None = None
    level: str | None = None
    muted_until: datetime | None = None
    pinned_at: datetime | None = None
    archived_at: datetime | None = None
    draft: str | None = None
    last_message: Message | None = None


# --- requests --------------------------------------------------------------------------------


class NewChat(Wire):
    workspace_id: UUID
    chat_type: Literal["DM", "GROUP", "PROJECT"]
    chat_name: Name
    participants: list[UUID]
    project_id: UUID | None = None
    topic: str = ""


class ChatChange(Wire):
    """`name` is what old documents call it."""

    chat_name: Name | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    topic: str | UnsetType = UNSET


class Invitees(Wire):
    user_ids: list[UUID]


class RoleChange(Wire):
    role: RoleName


class SettingsChange(Wire):
    """One's own view of a room: what is left out stays."""

    level: Level | UnsetType = UNSET
    muted_until: datetime | UnsetType | None = UNSET
    pinned: bool | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    draft: str | UnsetType = UNSET


# --- answers and events ----------------------------------------------------------------------


class UnreadCount(Wire):
    unread_count: int


class Comings(Wire):
    """Who came or went, and by whose doing (chat.md §6.3)."""

    chat_id: UUID
    user_id: UUID
    by_user_id: UUID


class Joined(Wire):
    """Somebody is in the room now."""

    chat_id: UUID
    user_id: UUID
    payload: Comings
    participant: Participant


class Left(Wire):
    """Somebody is not in the room any more."""

    chat_id: UUID
    user_id: UUID
    payload: Comings


class RoleChanged(Wire):
    """Somebody has another role in the room."""

    chat_id: UUID
    user_id: UUID
    role: str


class Updated(Wire):
    """The room's own name or topic changed; without participants."""

    chat: Chat


class Gone(Wire):
    """A room is no more, or no more for this person."""

    chat_id: UUID
    workspace_id: UUID


class Added(Wire):
    """A room is new in one's list."""

    chat_id: UUID
    workspace_id: UUID
    chat: MyChat


class Settings(Wire):
    """How one has set a room up for oneself."""

    chat_id: UUID
    workspace_id: UUID
    level: str
    muted_until: datetime | None
    pinned_at: datetime | None
    archived_at: datetime | None
    draft: str


class ReadState(Wire):
    """How far one has read a room oneself."""

    chat_id: UUID
    workspace_id: UUID
    last_read_seq: int
    last_read_at: datetime
    unread_count: int


class Read(Wire):
    """Somebody has read a room up to a message (chat.md §6.2)."""

    message_id: UUID
    user_id: UUID
    chat_id: UUID
    last_read_seq: int
    last_read_at: datetime


class Moved(Wire):
    """One is no member of a workspace any more, or a new one; for one's own connections."""

    workspace_id: UUID
    member: bool
