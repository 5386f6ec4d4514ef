"""Users, workspaces, members, profiles, join requests and uploaded pictures."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from wealist.core.db import execute

ID = "2026-11-22T00:00:01:000000"
VERSION = "1.38.0"
DESCRIPTION = "users and workspaces"

STATEMENTS = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    'CREATE SCHEMA "user"',
    """
    CREATE TABLE "user".users (
        id uuid PRIMARY KEY,
        email text NOT NULL CHECK (length(email) <= 254),
        name text NOT NULL CHECK (length(name) <= 200),
        provider text NOT NULL,
        is_active boolean NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz,
        version integer NOT NULL,
        CONSTRAINT users_deleted_is_inactive CHECK (deleted_at IS NULL OR NOT is_active)
    )
    """,
    'CREATE UNIQUE INDEX users_email_key ON "user".users (lower(email))',
    # Who a provider says somebody is: sign-in goes by the subject, e-mail addresses move.
    """
    CREATE TABLE "user".identities (
        provider text NOT NULL,
        subject text NOT NULL CHECK (length(subject) <= 255),
        user_id uuid NOT NULL REFERENCES "user".users,
        created_at timestamptz NOT NULL,
        CONSTRAINT identities_pkey PRIMARY KEY (provider, subject),
        CONSTRAINT identities_user_provider_key UNIQUE (user_id, provider)
    )
    """,
    'CREATE INDEX users_deleted_at ON "user".users (deleted_at) WHERE deleted_at IS NOT NULL',
    """
    CREATE TABLE "user".workspaces (
        id uuid PRIMARY KEY,
        owner_id uuid NOT NULL REFERENCES "user".users,
        name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
        description text CHECK (length(description) <= 1000),
        is_public boolean NOT NULL,
        need_approved boolean NOT NULL,
        only_owner_can_invite boolean NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz,
        version integer NOT NULL
    )
    """,
    'CREATE INDEX workspaces_owner_id ON "user".workspaces (owner_id)',
    """
    CREATE INDEX workspaces_name_trigrams ON "user".workspaces USING gin (name gin_trgm_ops)
        WHERE is_public AND deleted_at IS NULL
    """,
    """
    CREATE TABLE "user".members (
        id uuid PRIMARY KEY,
        workspace_id uuid NOT NULL REFERENCES "user".workspaces,
        user_id uuid NOT NULL REFERENCES "user".users,
        role text NOT NULL CHECK (role IN ('OWNER', 'ADMIN', 'MEMBER')),
        is_default boolean NOT NULL,
        is_active boolean NOT NULL,
        joined_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        version integer NOT NULL,
        CONSTRAINT members_workspace_user_key UNIQUE (workspace_id, user_id)
    )
    """,
    """
    CREATE UNIQUE INDEX members_default_key ON "user".members (user_id)
        WHERE is_default AND is_active
    """,
    """
    CREATE UNIQUE INDEX members_owner_key ON "user".members (workspace_id)
        WHERE role = 'OWNER' AND is_active
    """,
    'CREATE INDEX members_user_id ON "user".members (user_id) WHERE is_active',
    'CREATE INDEX members_role ON "user".members (workspace_id, role) WHERE is_active',
    'CREATE INDEX members_joined ON "user".members (workspace_id, joined_at, id) WHERE is_active',
    # The nil workspace id marks the default profile, so there is no foreign key on it.
    """
    CREATE TABLE "user".profiles (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES "user".users,
        workspace_id uuid NOT NULL,
        nick_name text NOT NULL CHECK (length(nick_name) BETWEEN 1 AND 50),
        email text NOT NULL CHECK (length(email) <= 254),
        image text CHECK (length(image) <= 2000),
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        version integer NOT NULL,
        CONSTRAINT profiles_user_workspace_key UNIQUE (user_id, workspace_id),
        CONSTRAINT profiles_image_form CHECK (image ~ '^(https?://|profiles/)')
    )
    """,
    'CREATE INDEX profiles_workspace_id ON "user".profiles (workspace_id)',
    """
    CREATE TABLE "user".join_requests (
        id uuid PRIMARY KEY,
        workspace_id uuid NOT NULL REFERENCES "user".workspaces,
        user_id uuid NOT NULL REFERENCES "user".users,
        status text NOT NULL CHECK (status IN ('PENDING', 'APPROVED', 'REJECTED')),
        requested_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        version integer NOT NULL
    )
    """,
    """
    CREATE UNIQUE INDEX join_requests_pending_key ON "user".join_requests (workspace_id, user_id)
        WHERE status = 'PENDING'
    """,
    """
    CREATE INDEX join_requests_list ON "user".join_requests (workspace_id, status, requested_at)
    """,
    """
    CREATE INDEX join_requests_mine ON "user".join_requests (user_id) WHERE status = 'PENDING'
    """,
    """
    CREATE TABLE "user".attachments (
        id uuid PRIMARY KEY,
        entity_type text NOT NULL,
        entity_id uuid,
        status text NOT NULL CHECK (status IN ('TEMP', 'CONFIRMED')),
        file_key text NOT NULL CONSTRAINT attachments_file_key_key UNIQUE,
        file_name text NOT NULL CHECK (length(file_name) <= 255),
        file_size bigint NOT NULL CHECK (file_size > 0),
        content_type text NOT NULL,
        etag text NOT NULL,
        uploaded_by uuid NOT NULL REFERENCES "user".users,
        expires_at timestamptz,
        created_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX attachments_expiry ON \"user\".attachments (expires_at) WHERE status = 'TEMP'",
    'CREATE INDEX attachments_entity ON "user".attachments (entity_id)',
    # The actor of what nobody in particular did (contract: user.md §3).
    """
    INSERT INTO "user".users
        (id, email, name, provider, is_active, created_at, updated_at, version)
    VALUES ('00000000-0000-0000-0000-000000000001', 'system@wealist.internal', 'System', 'google',
            true, now(), now(), 1)
    ON CONFLICT DO NOTHING
    """,
)


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="user", description=DESCRIPTION)

    async def run():
        for statement in STATEMENTS:
            await execute(statement)

    manager.add_raw(run)
    return manager
