"""What clients of the chat service send and see about messages (contract: chat.md §3, §4.2, §6)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, field

from wealist.core.wire import Wire, least

MessageType = Literal["TEXT", "IMAGE", "FILE"]


class Reaction(Wire):
    """Who has reacted with one emoji, in the order of doing so."""

    emoji: str
    user_ids: list[UUID]


class Quote(Wire, omit_defaults=True):
    """What a message answers: the beginning of it, or nothing once it is deleted."""

    message_id: UUID
    user_id: UUID
    content: str
    message_type: str
    deleted: bool = False


class Message(Wire, omit_defaults=True):
    """A message. `seq` numbers a room's messages; `version` counts its edits."""

    message_id: UUID
    chat_id: UUID
    user_id: UUID
    content: str
    message_type: str
    created_at: datetime
    updated_at: datetime
    seq: int
    version: int
    file_url: str | None = None
    file_name: str | None = None
    file_size: int | None = None
    content_type: str | None = None
    edited_at: datetime | None = None
    thread_id: UUID | None = None
    client_message_id: str | None = None
    pinned_at: datetime | None = None
    reply_count: int = 0
    reply_to: Quote | None = None
    reactions: list[Reaction] = field(default_factory=list)
    user_name: str | None = None
    user_profile_image: str | None = None


class NewMessage(Wire):
    """`fileUrl` is the `downloadUrl` of an upload of the sender's; name and size come from there.
    `clientMessageId` makes a repetition harmless. `replyToId` answers a message, `threadId` does
    so in its thread."""

    content: Annotated[str, Meta(max_length=70_000)] = ""
    message_type: MessageType = "TEXT"
    file_url: str | None = None
    file_name: str | None = None
    file_size: int | None = None
    client_message_id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    reply_to_id: UUID | None = None
    thread_id: UUID | None = None


class PostedMessage(NewMessage):
    """Over HTTP a message has a text."""

    content: Annotated[str, Meta(max_length=70_000), least(1)] = ""


class MessageChange(Wire):
    content: Annotated[str, Meta(max_length=70_000), least(1)]


class MessageIds(Wire):
    message_ids: list[UUID]


class Emoji(Wire):
    emoji: Annotated[str, Meta(max_length=200), least(1)]


class Edit(Wire):
    """How a message read before an edit."""

    version: int
    content: str
    at: datetime


class UploadRequest(Wire):
    """With `messageType` FILE documents can be uploaded, too; else images only."""

    workspace_id: str = ""
    file_name: str = ""
    content_type: str = ""
    file_size: int = 0
    message_type: MessageType = "IMAGE"


class UploadTicket(Wire):
    upload_url: str
    download_url: str
    file_key: str
    expires_in: int


# --- events ----------------------------------------------------------------------------------


class Received(Wire):
    """A message is new, or (`MESSAGE_UPDATED`) looks different."""

    message: Message


class Deleted(Wire):
    """A message is gone (chat.md §6.3)."""

    chat_id: UUID
    message_id: UUID
    user_id: UUID
    message_seq: int
    thread_id: UUID | None


class Reacted(Wire):
    """The reactions to a message have changed; these are all."""

    chat_id: UUID
    message_id: UUID
    user_id: UUID
    reactions: list[Reaction]


class Pinned(Wire):
    """A message was pinned, or (null) unpinned."""

    chat_id: UUID
    message_id: UUID
    user_id: UUID
    pinned_at: datetime | None
