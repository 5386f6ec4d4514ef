"""Rooms, who takes part in them, their messages, and what hangs on a message."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from wealist.core.db import execute

ID = "2026-11-27T00:00:03:000000"
VERSION = "1.38.0"
DESCRIPTION = "chat"

STATEMENTS = (
    "CREATE SCHEMA chat",
    # A pair has one direct room in a workspace: dm_key is both ids in order.
    """
    CREATE TABLE chat.chats (
        id uuid PRIMARY KEY,
        workspace_id uuid NOT NULL,
        project_id uuid,
        type text NOT NULL CHECK (type IN ('DM', 'GROUP', 'PROJECT')),
        name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
        topic text NOT NULL CHECK (length(topic) <= 500),
        dm_key text,
        created_by uuid NOT NULL,
        last_seq bigint NOT NULL CHECK (last_seq >= 0),
        roster integer NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz,
        version integer NOT NULL,
        CHECK ((type = 'DM') = (dm_key IS NOT NULL)),
        CHECK ((type = 'PROJECT') <= (project_id IS NOT NULL))
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE UNIQUE INDEX chats_dm_key ON chat.chats (workspace_id, dm_key)
        WHERE type = 'DM' AND deleted_at IS NULL
    """,
    """
    CREATE UNIQUE INDEX chats_project_key ON chat.chats (project_id)
        WHERE type = 'PROJECT' AND deleted_at IS NULL
    """,
    "CREATE INDEX chats_workspace_id ON chat.chats (workspace_id)",
    # Who has left keeps his row: he may come back, and a direct room shows both sides.
    """
    CREATE TABLE chat.participants (
        id uuid PRIMARY KEY,
        chat_id uuid NOT NULL REFERENCES chat.chats ON DELETE CASCADE,
        user_id uuid NOT NULL,
        role text NOT NULL CHECK (role IN ('OWNER', 'ADMIN', 'MEMBER')),
        joined_at timestamptz NOT NULL,
        is_active boolean NOT NULL,
        last_read_seq bigint NOT NULL CHECK (last_read_seq >= 0),
        last_read_at timestamptz,
        hidden integer NOT NULL CHECK (hidden >= 0),
        reminded_seq bigint NOT NULL,
        level text NOT NULL CHECK (level IN ('ALL', 'MENTIONS', 'NONE')),
        muted_until timestamptz,
        pinned_at timestamptz,
        archived_at timestamptz,
        draft text NOT NULL CHECK (length(draft) <= 16000),
        version integer NOT NULL,
        CONSTRAINT participants_chat_user_key UNIQUE (chat_id, user_id)
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE INDEX participants_user_id ON chat.participants (user_id) INCLUDE (chat_id)
        WHERE is_active
    """,
    "CREATE UNIQUE INDEX participants_owner_key ON chat.participants (chat_id) WHERE role = 'OWNER'",
    """
    CREATE TABLE chat.messages (
        id uuid PRIMARY KEY,
        chat_id uuid NOT NULL REFERENCES chat.chats ON DELETE CASCADE,
        seq bigint NOT NULL,
        user_id uuid NOT NULL,
        content text NOT NULL CHECK (length(content) <= 16000),
        type text NOT NULL CHECK (type IN ('TEXT', 'IMAGE', 'FILE')),
        client_id text CHECK (length(client_id) BETWEEN 1 AND 100),
        reply_to uuid,
        thread_id uuid,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        edited_at timestamptz,
        deleted_at timestamptz,
        version integer NOT NULL,
        CONSTRAINT messages_chat_seq_key UNIQUE (chat_id, seq)
    )
    """,
    """
    CREATE UNIQUE INDEX messages_client_key ON chat.messages (chat_id, user_id, client_id)
        WHERE client_id IS NOT NULL
    """,
    "CREATE INDEX messages_created ON chat.messages (chat_id, created_at, id)",
    "CREATE INDEX messages_deleted ON chat.messages (chat_id, seq) WHERE deleted_at IS NOT NULL",
    "CREATE INDEX messages_thread ON chat.messages (thread_id, seq) WHERE thread_id IS NOT NULL",
    # Search: each word carries the end of its room's id, so what a search costs depends on the
    # rooms of who asks, and not on how often others say that word. Words end at spaces and ASCII
    # punctuation, as in `chat/search.py`. What waits to be put into the index is read by each
    # search and room, so it is kept short.
    """
    CREATE FUNCTION chat.words(room uuid, content text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT COST 1000
    AS $$
        SELECT array_to_tsvector(coalesce(array_agg(DISTINCT
            right(room::text, 12) || left(word, 80)), '{}'))
        FROM regexp_split_to_table(lower(content), '[[:space:]!-/:-@\\[-`{-~]+') AS word
        WHERE word <> ''
    $$
    """,
    """
    CREATE INDEX messages_words ON chat.messages USING gin (chat.words(chat_id, content))
        WITH (gin_pending_list_limit = 64) WHERE deleted_at IS NULL
    """,
    """
    CREATE TABLE chat.edits (
        message_id uuid NOT NULL REFERENCES chat.messages ON DELETE CASCADE,
        version integer NOT NULL,
        content text NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (message_id, version)
    )
    """,
    """
    CREATE TABLE chat.reactions (
        message_id uuid NOT NULL REFERENCES chat.messages ON DELETE CASCADE,
        emoji text NOT NULL CHECK (length(emoji) BETWEEN 1 AND 32),
        user_id uuid NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (message_id, emoji, user_id)
    )
    """,
    """
    CREATE TABLE chat.pins (
        message_id uuid PRIMARY KEY REFERENCES chat.messages ON DELETE CASCADE,
        chat_id uuid NOT NULL REFERENCES chat.chats ON DELETE CASCADE,
        user_id uuid NOT NULL,
        at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX pins_chat_id ON chat.pins (chat_id, at)",
    """
    CREATE TABLE chat.files (
        id uuid PRIMARY KEY,
        workspace_id uuid NOT NULL,
        message_id uuid REFERENCES chat.messages ON DELETE CASCADE,
        key text NOT NULL UNIQUE,
        name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
        size bigint NOT NULL CHECK (size > 0),
        type text NOT NULL,
        uploaded_by uuid NOT NULL,
        expires_at timestamptz,
        created_at timestamptz NOT NULL,
        CHECK ((message_id IS NULL) = (expires_at IS NOT NULL))
    )
    """,
    "CREATE UNIQUE INDEX files_message_id ON chat.files (message_id) WHERE message_id IS NOT NULL",
    "CREATE INDEX files_unused ON chat.files (expires_at) WHERE expires_at IS NOT NULL",
    "CREATE INDEX files_unused_of ON chat.files (uploaded_by) WHERE expires_at IS NOT NULL",
    # How far a connection has heard a room, for clients that come back without a cursor.
    """
    CREATE TABLE chat.places (
        connection uuid PRIMARY KEY,
        chat_id uuid NOT NULL,
        user_id uuid NOT NULL,
        epoch text NOT NULL,
        seq bigint NOT NULL,
        at timestamptz NOT NULL
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX places_chat_user ON chat.places (chat_id, user_id)",
    "CREATE INDEX places_at ON chat.places (at)",
    # When somebody was last seen; written when he comes and goes.
    """
    CREATE TABLE chat.presences (
        user_id uuid PRIMARY KEY,
        status text NOT NULL CHECK (status IN ('ONLINE', 'AWAY', 'OFFLINE')),
        last_seen timestamptz NOT NULL
    )
    """,
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="chat", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await execute(statement)

    manager.add_raw(run)
    return manager
