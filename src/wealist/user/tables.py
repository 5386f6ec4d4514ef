"""The rows of the user service, in the PostgreSQL schema `user`.

Constraints and indexes are SQL in `migrations/user`; a test compares the columns with these.
"""

from typing import Any, TypeAlias

from piccolo.columns import UUID, BigInt, Boolean, Column, Integer, Text, Timestamptz
from piccolo.table import Table

from wealist.core.db import engine


class UserRow(Table, tablename="users", schema="user", db=engine):
    id = UUID(primary_key=True, default=None)
    email = Text(default=None)
    name = Text(default=None)
    provider = Text(default=None)
    is_active = Boolean(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    version = Integer(default=None)


class WorkspaceRow(Table, tablename="workspaces", schema="user", db=engine):
    id = UUID(primary_key=True, default=None)
    owner_id = UUID(default=None)
    name = Text(default=None)
    description = Text(null=True, default=None)
    is_public = Boolean(default=None)
    need_approved = Boolean(default=None)
    only_owner_can_invite = Boolean(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    version = Integer(default=None)


class MemberRow(Table, tablename="members", schema="user", db=engine):
    id = UUID(primary_key=True, default=None)
    workspace_id = UUID(default=None)
    user_id = UUID(default=None)
    role = Text(default=None)
    is_default = Boolean(default=None)
    is_active = Boolean(default=None)
    joined_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    version = Integer(default=None)


class ProfileRow(Table, tablename="profiles", schema="user", db=engine):
    id = UUID(primary_key=True, default=None)
    user_id = UUID(default=None)
    workspace_id = UUID(default=None)
    nick_name = Text(default=None)
    email = Text(default=None)
    image = Text(null=True, default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    version = Integer(default=None)


class JoinRequestRow(Table, tablename="join_requests", schema="user", db=engine):
    id = UUID(primary_key=True, default=None)
    workspace_id = UUID(default=None)
    user_id = UUID(default=None)
    status = Text(default=None)
    requested_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    version = Integer(default=None)


class AttachmentRow(Table, tablename="attachments", schema="user", db=engine):
    id = UUID(primary_key=True, default=None)
    entity_type = Text(default=None)
    entity_id = UUID(null=True, default=None)
    status = Text(default=None)
    file_key = Text(default=None)
    file_name = Text(default=None)
    file_size = BigInt(default=None)
    content_type = Text(default=None)
    etag = Text(default=None)
    uploaded_by = UUID(default=None)
    expires_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)


Changes: TypeAlias = dict[Column | str, Any]
"""Columns and their new values, as `update` takes them."""

TABLES: list[type[Table]] = [
    UserRow,
    WorkspaceRow,
    MemberRow,
    ProfileRow,
    JoinRequestRow,
    AttachmentRow,
]
