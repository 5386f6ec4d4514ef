"""How a person stands to a workspace, as a function that other services use in their own SQL; and
an index for counting the pictures that somebody doesn't use."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from wealist.core.db import execute

ID = "2026-11-23T00:00:02:000000"
VERSION = "1.38.0"
DESCRIPTION = "standing of a person in a workspace, pictures in use"

STATEMENTS = (
    # OWNER, ADMIN or MEMBER; VISITOR for everybody else where the workspace is public; else NULL.
    """
    CREATE FUNCTION "user".standing(workspace uuid, person uuid) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT coalesce(m.role, CASE WHEN w.is_public THEN 'VISITOR' END)
        FROM "user".workspaces w
        LEFT JOIN "user".members m ON m.workspace_id = w.id AND m.user_id = person AND m.is_active
        WHERE w.id = workspace AND w.deleted_at IS NULL
    $$
    """,
    """
    CREATE INDEX attachments_temp ON "user".attachments (uploaded_by) WHERE status = 'TEMP'
    """,
)


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="user", description=DESCRIPTION)

    async def run():
        for statement in STATEMENTS:
            await execute(statement)

    manager.add_raw(run)
    return manager
