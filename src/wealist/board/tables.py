"""The rows of the board service, in the PostgreSQL schema `board`.

Constraints and indexes are SQL in `migrations/board`; a test compares the columns with these.
"""

from piccolo.columns import JSONB, UUID, BigInt, Boolean, Integer, Text, Timestamptz
from piccolo.table import Table

from wealist.core.db import engine


class ProjectRow(Table, tablename="projects", schema="board", db=engine):
    id = UUID(primary_key=True, default=None)
    workspace_id = UUID(default=None)
    owner_id = UUID(default=None)
    name = Text(default=None)
    description = Text(default=None)
    start_date = Timestamptz(null=True, default=None)
    due_date = Timestamptz(null=True, default=None)
    is_default = Boolean(default=None)
    is_public = Boolean(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    version = Integer(default=None)


class MemberRow(Table, tablename="members", schema="board", db=engine):
    id = UUID(primary_key=True, default=None)
    project_id = UUID(default=None)
    user_id = UUID(default=None)
    role = Text(default=None)
    joined_at = Timestamptz(default=None)
    version = Integer(default=None)


class JoinRequestRow(Table, tablename="join_requests", schema="board", db=engine):
    id = UUID(primary_key=True, default=None)
    project_id = UUID(default=None)
    user_id = UUID(default=None)
    status = Text(default=None)
    requested_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    version = Integer(default=None)


class FieldRow(Table, tablename="fields", schema="board", db=engine):
    id = UUID(primary_key=True, default=None)
    project_id = UUID(default=None)
    key = Text(default=None)
    name = Text(default=None)
    type = Text(default=None)
    position = Integer(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    version = Integer(default=None)


class OptionRow(Table, tablename="options", schema="board", db=engine):
    id = UUID(primary_key=True, default=None)
    project_id = UUID(default=None)
    field = Text(default=None)
    value = Text(default=None)
    label = Text(default=None)
    color = Text(default=None)
    display_order = Integer(default=None)
    wip_limit = Integer(null=True, default=None)
    is_system_default = Boolean(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    version = Integer(default=None)


class BoardRow(Table, tablename="boards", schema="board", db=engine):
    id = UUID(primary_key=True, default=None)
    project_id = UUID(default=None)
    author_id = UUID(default=None)
    assignee_id = UUID(null=True, default=None)
    title = Text(default=None)
    content = Text(default=None)
    custom_fields = JSONB(default=None)
    rank = Text(default=None)
    start_date = Timestamptz(null=True, default=None)
    due_date = Timestamptz(null=True, default=None)
    due_soon_for = Timestamptz(null=True, default=None)
    overdue_for = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    deleted_by = UUID(null=True, default=None)
    version = Integer(default=None)


class ParticipantRow(Table, tablename="participants", schema="board", db=engine):
    id = UUID(primary_key=True, default=None)
    board_id = UUID(default=None)
    user_id = UUID(default=None)
    created_at = Timestamptz(default=None)


class CommentRow(Table, tablename="comments", schema="board", db=engine):
    id = UUID(primary_key=True, default=None)
    board_id = UUID(default=None)
    user_id = UUID(default=None)
    content = Text(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    version = Integer(default=None)


class ItemRow(Table, tablename="checklist", schema="board", db=engine):
    id = UUID(primary_key=True, default=None)
    board_id = UUID(default=None)
    text = Text(default=None)
    is_done = Boolean(default=None)
    rank = Text(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    version = Integer(default=None)


class AttachmentRow(Table, tablename="attachments", schema="board", db=engine):
    id = UUID(primary_key=True, default=None)
    workspace_id = UUID(default=None)
    project_id = UUID(null=True, default=None)
    entity_type = Text(default=None)
    entity_id = UUID(null=True, default=None)
    status = Text(default=None)
    file_key = Text(default=None)
    file_name = Text(default=None)
    file_size = BigInt(default=None)
    content_type = Text(default=None)
    uploaded_by = UUID(default=None)
    expires_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)


class ActivityRow(Table, tablename="activities", schema="board", db=engine):
    id = UUID(primary_key=True, default=None)
    project_id = UUID(default=None)
    board_id = UUID(null=True, default=None)
    actor_id = UUID(default=None)
    kind = Text(default=None)
    subject = Text(default=None)
    changes = JSONB(default=None)
    undone = Boolean(default=None)
    at = Timestamptz(default=None)


class VisitRow(Table, tablename="visits", schema="board", db=engine):
    user_id = UUID(primary_key=True, default=None)
    project_id = UUID(default=None)


TABLES: list[type[Table]] = [
    ProjectRow,
    MemberRow,
    JoinRequestRow,
    FieldRow,
    OptionRow,
    BoardRow,
    ParticipantRow,
    CommentRow,
    ItemRow,
    AttachmentRow,
    ActivityRow,
    VisitRow,
]
