"""The rows of the chat service, in the PostgreSQL schema `chat`.

Constraints and indexes are SQL in `migrations/chat`; a test compares the columns with these.
"""

from piccolo.columns import UUID, BigInt, Boolean, Integer, Text, Timestamptz
from piccolo.table import Table

from wealist.core.db import engine


class ChatRow(Table, tablename="chats", schema="chat", db=engine):
    id = UUID(primary_key=True, default=None)
    workspace_id = UUID(default=None)
    project_id = UUID(null=True, default=None)
    type = Text(default=None)
    name = Text(default=None)
    topic = Text(default=None)
    dm_key = Text(null=True, default=None)
    created_by = UUID(default=None)
    last_seq = BigInt(default=None)
    roster = Integer(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    version = Integer(default=None)


class ParticipantRow(Table, tablename="participants", schema="chat", db=engine):
    id = UUID(primary_key=True, default=None)
    chat_id = UUID(default=None)
    user_id = UUID(default=None)
    role = Text(default=None)
    joined_at = Timestamptz(default=None)
    is_active = Boolean(default=None)
    last_read_seq = BigInt(default=None)
    last_read_at = Timestamptz(null=True, default=None)
    hidden = Integer(default=None)
    reminded_seq = BigInt(default=None)
    level = Text(default=None)
    muted_until = Timestamptz(null=True, default=None)
    pinned_at = Timestamptz(null=True, default=None)
    archived_at = Timestamptz(null=True, default=None)
    draft = Text(default=None)
    version = Integer(default=None)


class MessageRow(Table, tablename="messages", schema="chat", db=engine):
    id = UUID(primary_key=True, default=None)
    chat_id = UUID(default=None)
    seq = BigInt(default=None)
    user_id = UUID(default=None)
    content = Text(default=None)
    type = Text(default=None)
    client_id = Text(null=True, default=None)
    reply_to = UUID(null=True, default=None)
    thread_id = UUID(null=True, default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    edited_at = Timestamptz(null=True, default=None)
    deleted_at = Timestamptz(null=True, default=None)
    version = Integer(default=None)


class EditRow(Table, tablename="edits", schema="chat", db=engine):
    message_id = UUID(primary_key=True, default=None)
    version = Integer(default=None)
    content = Text(default=None)
    at = Timestamptz(default=None)


class ReactionRow(Table, tablename="reactions", schema="chat", db=engine):
    message_id = UUID(primary_key=True, default=None)
    emoji = Text(default=None)
    user_id = UUID(default=None)
    at = Timestamptz(default=None)


class PinRow(Table, tablename="pins", schema="chat", db=engine):
    message_id = UUID(primary_key=True, default=None)
    chat_id = UUID(default=None)
    user_id = UUID(default=None)
    at = Timestamptz(default=None)


class FileRow(Table, tablename="files", schema="chat", db=engine):
    id = UUID(primary_key=True, default=None)
    workspace_id = UUID(default=None)
    message_id = UUID(null=True, default=None)
    key = Text(default=None)
    name = Text(default=None)
    size = BigInt(default=None)
    type = Text(default=None)
    uploaded_by = UUID(default=None)
    expires_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)


class PlaceRow(Table, tablename="places", schema="chat", db=engine):
    connection = UUID(primary_key=True, default=None)
    chat_id = UUID(default=None)
    user_id = UUID(default=None)
    epoch = Text(default=None)
    seq = BigInt(default=None)
    at = Timestamptz(default=None)


class PresenceRow(Table, tablename="presences", schema="chat", db=engine):
    user_id = UUID(primary_key=True, default=None)
    status = Text(default=None)
    last_seen = Timestamptz(default=None)


TABLES: list[type[Table]] = [
    ChatRow,
    ParticipantRow,
    MessageRow,
    EditRow,
    ReactionRow,
    PinRow,
    FileRow,
    PlaceRow,
    PresenceRow,
]
