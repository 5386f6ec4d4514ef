"""The rows of how people are told, in the PostgreSQL schema `noti`.

Constraints and indexes are SQL in `migrations/noti`; a test compares the columns with these.
"""

from piccolo.columns import (
    UUID,
    Array,
    Boolean,
    Bytea,
    Integer,
    Text,
    Time,
    Timestamptz,
)
from piccolo.table import Table

from wealist.core.db import engine


class PreferenceRow(Table, tablename="preferences", schema="noti", db=engine):
    user_id = UUID(primary_key=True, default=None)
    workspace_id = UUID(null=True, default=None)
    project_id = UUID(null=True, default=None)
    subject = Text(default=None)
    in_app = Boolean(null=True, default=None)
    email = Boolean(null=True, default=None)
    push = Boolean(null=True, default=None)
    updated_at = Timestamptz(default=None)


class MuteRow(Table, tablename="mutes", schema="noti", db=engine):
    user_id = UUID(primary_key=True, default=None)
    workspace_id = UUID(default=None)
    kind = Text(default=None)
    thing_id = UUID(default=None)
    until = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)


class SettingsRow(Table, tablename="settings", schema="noti", db=engine):
    user_id = UUID(primary_key=True, default=None)
    time_zone = Text(default=None)
    quiet_start = Time(null=True, default=None)
    quiet_end = Time(null=True, default=None)
    quiet_days = Array(base_column=Integer(default=None), default=None)
    paused_until = Timestamptz(null=True, default=None)
    digest = Text(default=None)
    digest_hour = Integer(default=None)
    updated_at = Timestamptz(default=None)
    version = Integer(default=None)


class DeliveryRow(Table, tablename="deliveries", schema="noti", db=engine):
    notification_id = UUID(primary_key=True, default=None)
    channel = Text(default=None)
    target_id = UUID(default=None)
    state = Text(default=None)
    due_at = Timestamptz(default=None)
    attempts = Integer(default=None)
    batch = UUID(null=True, default=None)
    taken_until = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=None)
    sent_at = Timestamptz(null=True, default=None)
    problem = Text(null=True, default=None)


class PushSubscriptionRow(Table, tablename="push_subscriptions", schema="noti", db=engine):
    id = UUID(primary_key=True, default=None)
    user_id = UUID(default=None)
    endpoint = Text(default=None)
    p256dh = Bytea(default=None)
    auth = Bytea(default=None)
    user_agent = Text(null=True, default=None)
    created_at = Timestamptz(default=None)
    used_at = Timestamptz(null=True, default=None)
    failures = Integer(default=None)


DELIVERY_TABLES: list[type[Table]] = [
    PreferenceRow,
    MuteRow,
    SettingsRow,
    DeliveryRow,
    PushSubscriptionRow,
]
