"""What each person wants to be told of, when and how; and what waits to leave the building."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from wealist.core.db import execute

ID = "2026-11-27T00:00:02:000000"
VERSION = "1.38.0"
DESCRIPTION = "preferences, deliveries, push subscriptions"

STATEMENTS = (
    # `subject` is a type, a category, or * for all; NULL in a channel leaves it to a wider scope.
    """
    CREATE TABLE noti.preferences (
        user_id uuid NOT NULL,
        workspace_id uuid,
        project_id uuid,
        subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 50),
        in_app boolean,
        email boolean,
        push boolean,
        updated_at timestamptz NOT NULL,
        CONSTRAINT preferences_key
            UNIQUE NULLS NOT DISTINCT (user_id, workspace_id, project_id, subject),
        CONSTRAINT preferences_scope CHECK (project_id IS NULL OR workspace_id IS NOT NULL),
        CONSTRAINT preferences_says_something CHECK (num_nonnulls(in_app, email, push) > 0)
    )
    """,
    "CREATE INDEX preferences_workspace_id ON noti.preferences (workspace_id)",
    """
    CREATE TABLE noti.mutes (
        user_id uuid NOT NULL,
        workspace_id uuid NOT NULL,
        kind text NOT NULL CHECK (kind IN ('WORKSPACE', 'PROJECT', 'RESOURCE')),
        thing_id uuid NOT NULL,
        until timestamptz,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (user_id, thing_id)
    )
    """,
    "CREATE INDEX mutes_workspace_id ON noti.mutes (workspace_id)",
    "CREATE INDEX mutes_until ON noti.mutes (until) WHERE until IS NOT NULL",
    """
    CREATE TABLE noti.settings (
        user_id uuid PRIMARY KEY,
        time_zone text NOT NULL CHECK (length(time_zone) BETWEEN 1 AND 64),
        quiet_start time,
        quiet_end time,
        quiet_days integer[] NOT NULL,
        paused_until timestamptz,
        digest text NOT NULL CHECK (digest IN ('OFF', 'INSTANT', 'HOURLY', 'DAILY')),
        digest_hour integer NOT NULL CHECK (digest_hour BETWEEN 0 AND 23),
        updated_at timestamptz NOT NULL,
        version integer NOT NULL,
        CONSTRAINT settings_quiet CHECK ((quiet_start IS NULL) = (quiet_end IS NULL)
            AND quiet_start <> quiet_end AND quiet_days <@ '{1,2,3,4,5,6,7}')
    )
    """,
    # Whoever takes rows says until when they are his; `batch` names what leaves together.
    """
    CREATE TABLE noti.deliveries (
        notification_id uuid NOT NULL REFERENCES noti.notifications ON DELETE CASCADE,
        channel text NOT NULL CHECK (channel IN ('EMAIL', 'PUSH')),
        target_id uuid NOT NULL,
        state text NOT NULL CHECK (state IN ('WAITING', 'SENT', 'DROPPED', 'FAILED')),
        due_at timestamptz NOT NULL,
        attempts integer NOT NULL,
        batch uuid,
        taken_until timestamptz,
        created_at timestamptz NOT NULL,
        sent_at timestamptz,
        problem text,
        PRIMARY KEY (notification_id, channel)
    )
    """,
    """
    CREATE INDEX deliveries_due ON noti.deliveries (channel, due_at) WHERE state = 'WAITING'
    """,
    """
    CREATE INDEX deliveries_target ON noti.deliveries (target_id, channel) WHERE state = 'WAITING'
    """,
    """
    CREATE INDEX deliveries_taken ON noti.deliveries (channel, taken_until)
        WHERE state = 'WAITING' AND taken_until IS NOT NULL
    """,
    "CREATE INDEX deliveries_done ON noti.deliveries (created_at) WHERE state <> 'WAITING'",
    """
    CREATE TABLE noti.push_subscriptions (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL,
        endpoint text NOT NULL CHECK (length(endpoint) <= 2048),
        p256dh bytea NOT NULL CHECK (length(p256dh) = 65),
        auth bytea NOT NULL CHECK (length(auth) = 16),
        user_agent text,
        created_at timestamptz NOT NULL,
        used_at timestamptz,
        failures integer NOT NULL,
        CONSTRAINT push_subscriptions_endpoint_key UNIQUE (endpoint)
    )
    """,
    "CREATE INDEX push_subscriptions_user ON noti.push_subscriptions (user_id, created_at)",
)


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="noti", description=DESCRIPTION)

    async def run():
        for statement in STATEMENTS:
            await execute(statement)

    manager.add_raw(run)
    return manager
