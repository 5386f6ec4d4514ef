"""Projects, their fields and people, the cards ("boards") and everything that hangs on a card."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from wealist.core.db import execute

ID = "2026-11-23T00:00:01:000000"
VERSION = "1.38.0"
DESCRIPTION = "projects and boards"

STATEMENTS = (
    "CREATE SCHEMA board",
    """
    CREATE TABLE board.projects (
        id uuid PRIMARY KEY,
        workspace_id uuid NOT NULL,
        owner_id uuid NOT NULL,
        name text NOT NULL CHECK (length(name) BETWEEN 2 AND 100),
        description text NOT NULL CHECK (length(description) <= 1000),
        start_date timestamptz,
        due_date timestamptz,
        is_default boolean NOT NULL,
        is_public boolean NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        version integer NOT NULL,
        CONSTRAINT projects_dates CHECK (start_date <= due_date AND start_date >= '1900-01-01Z'
            AND due_date >= '1900-01-01Z' AND start_date < '3000-01-01Z'
            AND due_date < '3000-01-01Z')
    )
    """,
    """
    CREATE INDEX projects_workspace_id ON board.projects (workspace_id, created_at DESC, id DESC)
    """,
    "CREATE UNIQUE INDEX projects_default_key ON board.projects (workspace_id) WHERE is_default",
    """
    CREATE TABLE board.members (
        id uuid PRIMARY KEY,
        project_id uuid NOT NULL REFERENCES board.projects ON DELETE CASCADE,
        user_id uuid NOT NULL,
        role text NOT NULL CHECK (role IN ('OWNER', 'ADMIN', 'MEMBER')),
        joined_at timestamptz NOT NULL,
        version integer NOT NULL,
        CONSTRAINT members_project_user_key UNIQUE (project_id, user_id)
    )
    """,
    "CREATE INDEX members_user_id ON board.members (user_id)",
    "CREATE UNIQUE INDEX members_owner_key ON board.members (project_id) WHERE role = 'OWNER'",
    """
    CREATE TABLE board.join_requests (
        id uuid PRIMARY KEY,
        project_id uuid NOT NULL REFERENCES board.projects ON DELETE CASCADE,
        user_id uuid NOT NULL,
        status text NOT NULL CHECK (status IN ('PENDING', 'APPROVED', 'REJECTED')),
        requested_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        version integer NOT NULL
    )
    """,
    "CREATE INDEX join_requests_project_id ON board.join_requests (project_id, requested_at, id)",
    "CREATE INDEX join_requests_user_id ON board.join_requests (user_id)",
    """
    CREATE UNIQUE INDEX join_requests_pending_key ON board.join_requests (project_id, user_id)
        WHERE status = 'PENDING'
    """,
    # stage, importance and role exist in every project; the rest is what its people add.
    """
    CREATE TABLE board.fields (
        id uuid PRIMARY KEY,
        project_id uuid NOT NULL REFERENCES board.projects ON DELETE CASCADE,
        key text NOT NULL CHECK (key ~ '^[a-z][a-z0-9_]{0,49}$'),
        name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
        type text NOT NULL CHECK (type IN ('select', 'text', 'number', 'single_select',
            'multi_select', 'date', 'single_user', 'multi_user')),
        position integer NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        version integer NOT NULL,
        CONSTRAINT fields_project_key_key UNIQUE (project_id, key)
    )
    """,
    # An option's value never changes, so cards hold the value itself.
    """
    CREATE TABLE board.options (
        id uuid PRIMARY KEY,
        project_id uuid NOT NULL REFERENCES board.projects ON DELETE CASCADE,
        field text NOT NULL,
        value text NOT NULL CHECK (length(value) BETWEEN 1 AND 100),
        label text NOT NULL CHECK (length(label) BETWEEN 1 AND 200),
        color text NOT NULL CHECK (length(color) <= 9),
        display_order integer NOT NULL,
        wip_limit integer CHECK (wip_limit > 0),
        is_system_default boolean NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        version integer NOT NULL,
        CONSTRAINT options_project_field_value_key UNIQUE (project_id, field, value),
        CONSTRAINT options_field_fkey FOREIGN KEY (project_id, field)
            REFERENCES board.fields (project_id, key) ON DELETE CASCADE
    )
    """,
    # A rank is the card's place in the whole project; a column is a selection of it.
    """
    CREATE TABLE board.boards (
        id uuid PRIMARY KEY,
        project_id uuid NOT NULL REFERENCES board.projects ON DELETE CASCADE,
        author_id uuid NOT NULL,
        assignee_id uuid,
        title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
        content text NOT NULL CHECK (length(content) <= 5000),
        custom_fields jsonb NOT NULL CHECK (jsonb_typeof(custom_fields) = 'object'),
        rank text COLLATE "C" NOT NULL CHECK (length(rank) BETWEEN 1 AND 200),
        start_date timestamptz,
        due_date timestamptz,
        due_soon_for timestamptz,
        overdue_for timestamptz,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz,
        deleted_by uuid,
        version integer NOT NULL,
        CONSTRAINT boards_rank_key UNIQUE (project_id, rank),
        CONSTRAINT boards_dates CHECK (start_date <= due_date AND start_date >= '1900-01-01Z'
            AND due_date >= '1900-01-01Z' AND start_date < '3000-01-01Z'
            AND due_date < '3000-01-01Z')
    )
    """,
    "CREATE INDEX boards_recent ON board.boards (project_id, updated_at DESC, id DESC)",
    "CREATE INDEX boards_created ON board.boards (project_id, created_at, id)",
    "CREATE INDEX boards_assignee ON board.boards (assignee_id, id) WHERE deleted_at IS NULL",
    "CREATE INDEX boards_trash ON board.boards (deleted_at) WHERE deleted_at IS NOT NULL",
    """
    CREATE INDEX boards_trash_of ON board.boards (project_id, deleted_at DESC, id DESC)
        WHERE deleted_at IS NOT NULL
    """,
    # Only what is to be announced yet, so that the job's look costs nothing.
    *(
        f"""
        CREATE INDEX boards_{name} ON board.boards (due_date)
            WHERE deleted_at IS NULL AND {name}_for IS DISTINCT FROM due_date
              AND coalesce(custom_fields ->> 'stage', '')
                  NOT IN ('approved', 'completed', 'deleted', 'done')
        """
        for name in ("due_soon", "overdue")
    ),
    """
    CREATE INDEX boards_fields ON board.boards USING gin (custom_fields jsonb_path_ops)
        WHERE deleted_at IS NULL
    """,
    """
    CREATE INDEX boards_text ON board.boards USING gin ((title || ' ' || content) gin_trgm_ops)
        WHERE deleted_at IS NULL
    """,
    """
    CREATE TABLE board.participants (
        id uuid PRIMARY KEY,
        board_id uuid NOT NULL REFERENCES board.boards ON DELETE CASCADE,
        user_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT participants_board_user_key UNIQUE (board_id, user_id)
    )
    """,
    "CREATE INDEX participants_user_id ON board.participants (user_id)",
    """
    CREATE TABLE board.comments (
        id uuid PRIMARY KEY,
        board_id uuid NOT NULL REFERENCES board.boards ON DELETE CASCADE,
        user_id uuid NOT NULL,
        content text NOT NULL CHECK (length(content) BETWEEN 1 AND 10000),
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        version integer NOT NULL
    )
    """,
    "CREATE INDEX comments_board_id ON board.comments (board_id, created_at, id)",
    """
    CREATE TABLE board.checklist (
        id uuid PRIMARY KEY,
        board_id uuid NOT NULL REFERENCES board.boards ON DELETE CASCADE,
        text text NOT NULL CHECK (length(text) BETWEEN 1 AND 500),
        is_done boolean NOT NULL,
        rank text COLLATE "C" NOT NULL CHECK (length(rank) BETWEEN 1 AND 200),
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        version integer NOT NULL,
        CONSTRAINT checklist_rank_key UNIQUE (board_id, rank)
    )
    """,
    # entity_id: a project, board or comment (nothing cascades into here: objects must be doomed).
    """
    CREATE TABLE board.attachments (
        id uuid PRIMARY KEY,
        workspace_id uuid NOT NULL,
        project_id uuid,
        entity_type text NOT NULL CHECK (entity_type IN ('PROJECT', 'BOARD', 'COMMENT')),
        entity_id uuid,
        status text NOT NULL CHECK (status IN ('TEMP', 'CONFIRMED')),
        file_key text NOT NULL,
        file_name text NOT NULL CHECK (length(file_name) <= 255),
        file_size bigint NOT NULL CHECK (file_size > 0),
        content_type text NOT NULL CHECK (length(content_type) <= 100),
        uploaded_by uuid NOT NULL,
        expires_at timestamptz,
        created_at timestamptz NOT NULL,
        CONSTRAINT attachments_file_key_key UNIQUE (file_key),
        CONSTRAINT attachments_confirmed CHECK (
            (status = 'CONFIRMED') = (entity_id IS NOT NULL)
            AND (status = 'CONFIRMED') = (project_id IS NOT NULL)
            AND (status = 'CONFIRMED') = (expires_at IS NULL)
        )
    )
    """,
    """
    CREATE INDEX attachments_entity ON board.attachments (entity_type, entity_id, created_at DESC)
    """,
    "CREATE INDEX attachments_project ON board.attachments (project_id)",
    "CREATE INDEX attachments_workspace ON board.attachments (workspace_id)",
    """
    CREATE INDEX attachments_expiry ON board.attachments (expires_at) WHERE status = 'TEMP'
    """,
    "CREATE INDEX attachments_temp ON board.attachments (uploaded_by) WHERE status = 'TEMP'",
    # What happened to a card or project, for people to read and to take back. `undone`: a later
    # entry has taken this one back.
    """
    CREATE TABLE board.activities (
        id uuid PRIMARY KEY,
        project_id uuid NOT NULL REFERENCES board.projects ON DELETE CASCADE,
        board_id uuid REFERENCES board.boards ON DELETE SET NULL,
        actor_id uuid NOT NULL,
        kind text NOT NULL,
        subject text NOT NULL,
        changes jsonb NOT NULL CHECK (jsonb_typeof(changes) = 'array'),
        undone boolean NOT NULL,
        at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX activities_project ON board.activities (project_id, id DESC)",
    "CREATE INDEX activities_board ON board.activities (board_id, id DESC)",
    # The project a person looked at last: where an option without a project belongs
    # (board.md, frontend need 16).
    """
    CREATE TABLE board.visits (
        user_id uuid PRIMARY KEY,
        project_id uuid NOT NULL REFERENCES board.projects ON DELETE CASCADE
    )
    """,
    "CREATE INDEX visits_project ON board.visits (project_id)",
)


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="board", description=DESCRIPTION)

    async def run():
        for statement in STATEMENTS:
            await execute(statement)

    manager.add_raw(run)
    return manager
