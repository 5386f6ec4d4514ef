"""The rows of what people are told, in the PostgreSQL schema `noti`.

Constraints and indexes are SQL in `migrations/noti`; a test compares the columns with these.
"""

from piccolo.columns import JSONB, UUID, BigInt, Boolean, Integer, Text, Timestamptz
from piccolo.table import Table

from wealist.core.db import engine


class NotificationRow(Table, tablename="notifications", schema="noti", db=engine):
    id = UUID(primary_key=True, default=None)
    fact_id = UUID(default=None)
    target_id = UUID(default=None)
    type = Text(default=None)
    actor_id = UUID(default=None)
    workspace_id = UUID(default=None)
    project_id = UUID(null=True, default=None)
    resource_type = Text(default=None)
    resource_id = UUID(default=None)
    resource_name = Text(null=True, default=None)
    metadata = JSONB(null=True, default=None)
    shown = Boolean(default=None)
    read_at = Timestamptz(null=True, default=None)
    archived_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)


class UnreadRow(Table, tablename="unread", schema="noti", db=engine):
    target_id = UUID(primary_key=True, default=None)
    workspace_id = UUID(default=None)
    unread = Integer(default=None, db_column_name="count")


class ReaderRow(Table, tablename="readers", schema="noti", db=engine):
    channel = Text(primary_key=True, default=None)
    seq = BigInt(default=None)


TABLES = [NotificationRow, UnreadRow, ReaderRow]
