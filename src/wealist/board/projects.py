"""The verbs on projects (contract: board.md §6.1)."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import UNSET

from wealist.board import (
    access,
    attachments,
    beginnings,
    dates,
    defaults,
    feed,
    files,
    hooks,
    project_queries,
)
from wealist.board.access import NO_PROJECT
from wealist.board.project_wire import (
    NewProject,
    Project,
    ProjectChange,
    ProjectGone,
    ProjectPage,
)
from wealist.board.wire import Change
from wealist.core import db, metrics
from wealist.core.errors import Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import NIL, uuid7
from wealist.core.text import verbatim
from wealist.core.versions import expect
from wealist.core.wire import now
from wealist.user import api as user

NAME, DESCRIPTION = 100, 1000
"""Clients let people type 800 characters (frontend need 20)."""
MOST = 1000
"""Projects of a workspace; clients read them all at once."""


async def create_project(caller: Caller, new: NewProject) -> Project:
    """Make a project that the caller owns. A workspace's first one is its default."""
    if new.workspace_id == NIL:
        raise Invalid("is required", field="workspaceId")
    name = verbatim(new.name, field="name", least=2, most=NAME)
    description = verbatim(new.description or "", field="description", most=DESCRIPTION)
    await access.workspace(caller, new.workspace_id, "project.create")
    start, due = dates.parse(new.start_date, "startDate"), dates.parse(new.due_date, "dueDate")
    dates.check(start, due)
    wanted = await attachments.check(caller, new.attachment_ids)
    async with db.transaction():
        await defaults.take_turns(new.workspace_id)
        await access.workspace(caller, new.workspace_id, "project.create")
        row = _New(new.workspace_id, name, description, start, due)
        return await _create(caller, row, wanted or [])


async def default_for(caller: Caller, workspace_id: UUID) -> UUID:
    """The workspace's default project, made if there is none: where a card goes that names only
    its workspace (contract: board.md §11)."""
    await access.workspace(caller, workspace_id, "project.list")
    if (known := await defaults.of(workspace_id)) is not None:
        return known
    async with db.transaction():
        await defaults.take_turns(workspace_id)
        await access.workspace(caller, workspace_id, "project.create")
        if (known := await defaults.of(workspace_id)) is not None:
            return known
        workspace = await user.card(workspace_id)
        name = workspace.name[:NAME] if workspace is not None else ""
        row = _New(workspace_id, name if len(name) >= 2 else "Project", "", None, None)
        return (await _create(caller, row, [])).project_id


class _New(NamedTuple):
    workspace_id: UUID
    name: str
    description: str
    start: datetime | None
    due: datetime | None


async def _create(caller: Caller, row: _New, wanted: list[UUID]) -> Project:
    """Under `defaults.take_turns`, for a caller who may."""
    project_id, moment = uuid7(), now()
    await _insert(project_id, caller.user_id, row, moment)
    await _insert_owner(project_id, caller.user_id, moment)
    await beginnings.insert(project_id, moment)
    if wanted:
        place = await access.project(caller, project_id, "project.update")
        await attachments.replace(caller, place, "PROJECT", project_id, wanted)
    await feed.record(project_id, "project.created", actor=caller.user_id, subject=row.name)
    project = await project_queries.project(project_id)
    assert project is not None
    feed.tell_workspace(row.workspace_id, "project.created", project, actor=caller.user_id)
    db.after_commit(metrics.count, "board_service_project_created_total")
    return project


async def _insert(project_id: UUID, owner: UUID, row: _New, moment: datetime) -> None:
    made = await db.execute(
        """
        INSERT INTO board.projects
            (id, workspace_id, owner_id, name, description, start_date, due_date, is_default,
             is_public, created_at, updated_at, version)
        SELECT $1, $2, $3, $4, $5, $6, $7,
               NOT EXISTS (SELECT FROM board.projects WHERE workspace_id = $2 AND is_default),
               false, $8, $8, 1
        WHERE (SELECT count(*) FROM board.projects WHERE workspace_id = $2) < $9
        """,
        project_id,
        row.workspace_id,
        owner,
        row.name,
        row.description,
        row.start,
        row.due,
        moment,
        MOST,
    )
    if not made:
        raise Conflict(f"a workspace has at most {MOST} projects")


async def _insert_owner(project_id: UUID, person: UUID, moment: datetime) -> None:
    await db.execute(
        """
        INSERT INTO board.members (id, project_id, user_id, role, joined_at, version)
        VALUES ($1, $2, $3, 'OWNER', $4, 1)
        """,
        uuid7(),
        project_id,
        person,
        moment,
    )


async def list_projects(caller: Caller, workspace_id: UUID) -> list[Project]:
    """All projects of a workspace, newest first."""
    await access.workspace(caller, workspace_id, "project.list")
    return await project_queries.projects(workspace_id)


async def default_project(caller: Caller, workspace_id: UUID) -> Project:
    """The workspace's default project. Raises `NotFound` if it has none."""
    await access.workspace(caller, workspace_id, "project.list")
    found = await project_queries.default_project(workspace_id)
    if found is None:
        raise NotFound("this workspace has no default project")
    return found


async def search_projects(
    caller: Caller, workspace_id: UUID, text: str | None, page: int, limit: int
) -> ProjectPage:
    """Projects whose name or description has `text`, wildcards taken literally."""
    if not text:
        raise Invalid("is required", field="query")
    await access.workspace(caller, workspace_id, "project.list")
    found, total = await project_queries.search(workspace_id, text, page, limit)
    return ProjectPage(found, total, page, limit)


async def view_project(caller: Caller, project_id: UUID) -> Project:
    """A project of a workspace the caller is a member of."""
    await access.project(caller, project_id, "project.read")
    found = await project_queries.project(project_id)
    if found is None:
        raise NotFound(NO_PROJECT)
    return found


async def change_project(
    caller: Caller, project_id: UUID, change: ProjectChange, expected: int | None
) -> Project:
    """Change what `change` names. Raises `PreconditionFailed` when `expected` is old."""
    wanted = await attachments.check(caller, change.attachment_ids)
    async with db.transaction():
        if change.is_default:
            place = await access.project(caller, project_id, "project.update")
            await defaults.take_turns(place.workspace_id)
        place = await access.project(caller, project_id, "project.update", hold=True)
        old = await project_queries.project(project_id)
        if old is None:
            raise NotFound(NO_PROJECT)
        expect(expected, old.version, old)
        name, description, start, due = _values(old, change)
        await attachments.replace(caller, place, "PROJECT", project_id, wanted)
        if change.is_default and not old.is_default:
            await defaults.make(old.workspace_id, project_id, actor=caller.user_id)
        await db.execute(
            """
            UPDATE board.projects SET name = $2, description = $3, start_date = $4, due_date = $5,
                   updated_at = $6, version = version + 1 WHERE id = $1
            """,
            project_id,
            name,
            description,
            start,
            due,
            now(),
        )
        project = await feed.project_updated(project_id, actor=caller.user_id)
        if changes := _changes(old, project):
            await feed.record(
                project_id,
                "project.updated",
                actor=caller.user_id,
                subject=project.name,
                changes=changes,
            )
    return project


def _changes(old: Project, new: Project) -> list[Change]:
    pairs = (
        ("name", old.name, new.name),
        ("description", old.description, new.description),
        ("startDate", dates.shown(old.start_date), dates.shown(new.start_date)),
        ("dueDate", dates.shown(old.due_date), dates.shown(new.due_date)),
        ("isDefault", old.is_default, new.is_default),
        ("attachments", files.names(old.attachments), files.names(new.attachments)),
    )
    return [Change(name, was, becomes) for name, was, becomes in pairs if was != becomes]


def _values(
    old: Project, change: ProjectChange
) -> tuple[str, str, datetime | None, datetime | None]:
    """Name, description, start and due date after the change."""
    name, description, start, due = old.name, old.description, old.start_date, old.due_date
    if change.name is not None:
        name = verbatim(change.name, field="name", least=2, most=NAME)
    if change.description is not None:
        description = verbatim(change.description, field="description", most=DESCRIPTION)
    if change.start_date is not UNSET:
        start = dates.parse(change.start_date, "startDate")
    if change.due_date is not UNSET:
        due = dates.parse(change.due_date, "dueDate")
    dates.check(start, due)
    return name, description, start, due


async def delete_project(caller: Caller, project_id: UUID) -> None:
    """Delete a project with everything in it. Connections to it end; if it was its workspace's
    default one, the oldest of the others is from now on."""
    async with db.transaction():
        place = await access.project(caller, project_id, "project.delete")
        await defaults.take_turns(place.workspace_id)
        await access.project(caller, project_id, "project.delete", hold=True)
        await dissolve(place.workspace_id, [project_id], actor=caller.user_id)
        await defaults.promote(place.workspace_id, actor=caller.user_id)


async def dissolve(workspace_id: UUID, ids: Sequence[UUID], *, actor: UUID) -> None:
    """What deleting means, for a caller who may; the projects are locked already."""
    await attachments.drop_projects(ids)
    # First, or each card that goes would be struck from its activities one by one.
    await db.execute("DELETE FROM board.activities WHERE project_id = ANY($1)", ids)
    await db.execute("DELETE FROM board.projects WHERE id = ANY($1)", ids)
    for project_id in ids:
        gone = ProjectGone(project_id, workspace_id)
        feed.tell(project_id, "PROJECT_DELETED", gone, actor=actor, revokes=NIL)
        feed.tell_workspace(workspace_id, "project.deleted", gone, actor=actor)
        await hooks.project_gone(project_id, workspace_id, actor)
