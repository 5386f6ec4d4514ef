"""What people are told, how much of it they have not read, and how far the log has been read."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from wealist.core.db import execute

ID = "2026-11-27T00:00:01:000000"
VERSION = "1.38.0"
DESCRIPTION = "notifications"

STATEMENTS = (
    "CREATE SCHEMA noti",
    # `fact_id` is the same for all who are told of one thing; nobody is told of it twice.
    # `shown` is false where somebody wants it by mail or push only: no list or count has it.
    """
    CREATE TABLE noti.notifications (
        id uuid PRIMARY KEY,
        fact_id uuid NOT NULL,
        target_id uuid NOT NULL,
        type text NOT NULL CHECK (type ~ '^[A-Z][A-Z0-9_]{0,49}$'),
        actor_id uuid NOT NULL,
        workspace_id uuid NOT NULL,
        project_id uuid,
        resource_type text NOT NULL CHECK (length(resource_type) BETWEEN 1 AND 30),
        resource_id uuid NOT NULL,
        resource_name text CHECK (length(resource_name) <= 255),
        metadata jsonb CHECK (jsonb_typeof(metadata) = 'object'),
        shown boolean NOT NULL,
        read_at timestamptz,
        archived_at timestamptz,
        created_at timestamptz NOT NULL,
        CONSTRAINT notifications_target_fact_key UNIQUE (target_id, fact_id),
        -- What somebody has put away he has seen.
        CONSTRAINT notifications_archived CHECK (archived_at IS NULL OR read_at IS NOT NULL)
    )
    """,
    """
    CREATE INDEX notifications_inbox
        ON noti.notifications (target_id, workspace_id, created_at DESC, id DESC)
        WHERE shown AND archived_at IS NULL
    """,
    """
    CREATE INDEX notifications_everywhere
        ON noti.notifications (target_id, created_at DESC, id DESC) WHERE shown
    """,
    """
    CREATE INDEX notifications_unread
        ON noti.notifications (target_id, workspace_id, created_at DESC, id DESC)
        WHERE shown AND read_at IS NULL
    """,
    # For retention, and for a workspace that is deleted.
    "CREATE INDEX notifications_created_at ON noti.notifications (created_at)",
    "CREATE INDEX notifications_workspace_id ON noti.notifications (workspace_id)",
    # Exactly the number of rows in notifications_unread, changed in the transaction of the rows.
    """
    CREATE TABLE noti.unread (
        target_id uuid NOT NULL,
        workspace_id uuid NOT NULL,
        count integer NOT NULL CHECK (count >= 0),
        CONSTRAINT unread_pkey PRIMARY KEY (target_id, workspace_id)
    )
    """,
    "CREATE INDEX unread_workspace_id ON noti.unread (workspace_id)",
    # How far a channel of facts has been turned into notifications.
    """
    CREATE TABLE noti.readers (
        channel text PRIMARY KEY,
        seq bigint NOT NULL
    )
    """,
    # Every few seconds somebody asks which of them go further than that.
    """
    CREATE INDEX channel_facts ON core.channel (name COLLATE "C") WHERE name LIKE 'facts:%'
    """,
)


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="noti", description=DESCRIPTION)

    async def run():
        for statement in STATEMENTS:
            await execute(statement)

    manager.add_raw(run)
    return manager
