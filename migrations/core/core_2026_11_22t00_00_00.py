"""The event log, leases of jobs, and the answers kept for Idempotency-Key."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from wealist.core.db import execute

ID = "2026-11-22T00:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "event log, leases, idempotency, doomed objects"

STATEMENTS = (
    "CREATE SCHEMA core",
    # One row. A client whose epoch differs from it must start over (new after a restore).
    """
    CREATE TABLE core.installation (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        epoch text NOT NULL
    )
    """,
    "INSERT INTO core.installation (epoch) VALUES (substr(md5(gen_random_uuid()::text), 1, 12))",
    # `top` is the last seq given out, `floor` the last one that retention has removed.
    """
    CREATE TABLE core.channel (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL,
        top bigint NOT NULL,
        floor bigint NOT NULL DEFAULT 0,
        CONSTRAINT channel_name_key UNIQUE (name)
    )
    """,
    """
    CREATE TABLE core.event (
        channel_id bigint NOT NULL,
        seq bigint NOT NULL,
        type text NOT NULL,
        actor_id uuid,
        payload jsonb NOT NULL,
        mutation_id text,
        at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT event_pkey PRIMARY KEY (channel_id, seq, at)
    ) PARTITION BY RANGE (at)
    """,
    # Catches what no daily partition covers, so that an append can't fail for lack of one.
    "CREATE TABLE core.event_rest PARTITION OF core.event DEFAULT",
    """
    CREATE TABLE core.lease (
        name text PRIMARY KEY,
        holder text NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    # status NULL: the request is running (or died: `locked_until`). `committed` is set inside the
    # request's own transaction, so a repeat after a crash is never executed twice.
    """
    CREATE TABLE core.idempotency (
        caller_id uuid NOT NULL,
        key text NOT NULL CHECK (length(key) <= 255),
        fingerprint bytea NOT NULL,
        locked_until timestamptz NOT NULL,
        committed boolean NOT NULL DEFAULT false,
        status smallint,
        headers jsonb,
        body bytea,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT idempotency_pkey PRIMARY KEY (caller_id, key)
    )
    """,
    "CREATE INDEX idempotency_created_at ON core.idempotency (created_at)",
    # Objects that no row refers to any more; a job takes them out of the store.
    """
    CREATE TABLE core.doomed_object (
        key text PRIMARY KEY,
        since timestamptz NOT NULL DEFAULT now()
    )
    """,
)


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="core", description=DESCRIPTION)

    async def run():
        for statement in STATEMENTS:
            await execute(statement)

    manager.add_raw(run)
    return manager
