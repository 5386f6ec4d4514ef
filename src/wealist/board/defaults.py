"""Which project of a workspace is its default one: the first, until somebody says otherwise."""

from uuid import UUID

from wealist.board import feed
from wealist.core import db
from wealist.user import api as user


async def of(workspace_id: UUID) -> UUID | None:
    """The default project of a workspace; None if it has no project."""
    found: UUID | None = await db.fetch_value(
        "SELECT id FROM board.projects WHERE workspace_id = $1 AND is_default", workspace_id
    )
    return found


async def take_turns(workspace_id: UUID) -> None:
    """Hold the workspace, and let nobody else decide which project is its default one.

    Before any project is locked: whoever removes a member locks all projects of the workspace.
    """
    await user.hold_workspace(workspace_id)
    await db.execute("SELECT pg_advisory_xact_lock($1)", workspace_id.int & (2**63 - 1))


async def make(workspace_id: UUID, project_id: UUID, *, actor: UUID) -> None:
    """Make a project the default one of its workspace, under `take_turns`; the former one is
    told."""
    former: UUID | None = await db.fetch_value(
        """
        UPDATE board.projects SET is_default = false, version = version + 1
        WHERE workspace_id = $1 AND is_default AND id <> $2 RETURNING id
        """,
        workspace_id,
        project_id,
    )
    await db.execute("UPDATE board.projects SET is_default = true WHERE id = $1", project_id)
    if former is not None:
        await feed.project_updated(former, actor=actor)


async def promote(workspace_id: UUID, *, actor: UUID) -> None:
    """If a workspace has no default project any more, make its oldest one that, under
    `take_turns`."""
    heir: UUID | None = await db.fetch_value(
        """
        UPDATE board.projects SET is_default = true, version = version + 1 WHERE id = (
            SELECT id FROM board.projects WHERE workspace_id = $1
            ORDER BY created_at, id LIMIT 1
        ) AND NOT EXISTS (
            SELECT FROM board.projects WHERE workspace_id = $1 AND is_default
        ) RETURNING id
        """,
        workspace_id,
    )
    if heir is not None:
        await feed.project_updated(heir, actor=actor)
