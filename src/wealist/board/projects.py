"""The verbs on projects (contract: board.md §6.1)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET

from wealist.board import access, attachments, dates, feed, project_queries
from wealist.board.access import NO_PROJECT
from wealist.board.boards import text_of
from wealist.board.project_wire import (
    NewProject,
    Project,
    ProjectChange,
    ProjectGone,
    ProjectPage,
)
from wealist.board.wire import Change
from wealist.core import db, metrics
from wealist.core.errors import Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import NIL, uuid7
from wealist.core.versions import expect
from wealist.core.wire import now
from wealist.user import api as user

NAME, DESCRIPTION = 100, 1000
"""Clients let people type 800 characters (frontend need 20)."""

FIELDS = (("stage", "Stage"), ("importance", "Importance"), ("role", "Role"))
OPTIONS = (
    ("stage", "pending", "대기", "#F59E0B"),
    ("stage", "in_progress", "진행중", "#3B82F6"),
    ("stage", "review", "검토", "#8B5CF6"),
    ("stage", "approved", "완료", "#10B981"),
    ("stage", "deleted", "삭제", "#EF4444"),
    ("importance", "urgent", "긴급", "#EF4444"),
    ("importance", "high", "높음", "#F97316"),
    ("importance", "normal", "보통", "#10B981"),
    ("importance", "low", "낮음", "#6B7280"),
    ("role", "developer", "개발자", "#8B5CF6"),
    ("role", "planner", "기획자", "#EC4899"),
    ("role", "designer", "디자이너", "#F59E0B"),
    ("role", "qa", "QA", "#06B6D4"),
)
"""What every project begins with; clients filter by these labels (board.md §3.1)."""


async def create_project(caller: Caller, new: NewProject) -> Project:
    """Make a project that the caller owns. A workspace's first one is its default."""
    if new.workspace_id == NIL:
        raise Invalid("is required", field="workspaceId")
    name = text_of(new.name, "name", NAME, least=2)
    description = text_of(new.description or "", "description", DESCRIPTION)
    await access.workspace(caller, new.workspace_id, "project.create")
    start, due = dates.parse(new.start_date, "startDate"), dates.parse(new.due_date, "dueDate")
    dates.check(start, due)
    files = await attachments.check(caller, new.attachment_ids)
    async with db.transaction():
        await user.hold_workspace(new.workspace_id)
        await access.workspace(caller, new.workspace_id, "project.create")
        project_id = await _insert(caller, new.workspace_id, name, description, start, due)
        place = await access.project(caller, project_id, "project.update")
        await attachments.replace(caller, place, "PROJECT", project_id, files or None)
        await feed.record(project_id, "project.created", actor=caller.user_id, subject=name)
        project = await project_queries.project(project_id)
        assert project is not None
        feed.tell_workspace(new.workspace_id, "project.created", project, actor=caller.user_id)
        db.after_commit(metrics.count, "board_service_project_created_total")
    return project


async def _insert(
    caller: Caller,
    workspace_id: UUID,
    name: str,
    description: str,
    start: datetime | None,
    due: datetime | None,
) -> UUID:
    project_id, moment = uuid7(), now()
    # Those who share the workspace's lock take turns here: only one project can be the first.
    await db.execute("SELECT pg_advisory_xact_lock($1)", workspace_id.int & (2**63 - 1))
    await db.execute(
        """
        INSERT INTO board.projects
            (id, workspace_id, owner_id, name, description, start_date, due_date, is_default,
             is_public, created_at, updated_at, version)
        SELECT $1, $2, $3, $4, $5, $6, $7,
               NOT EXISTS (SELECT FROM board.projects WHERE workspace_id = $2 AND is_default),
               false, $8, $8, 1
        """,
        project_id,
        workspace_id,
        caller.user_id,
        name,
        description,
        start,
        due,
        moment,
    )
    await db.execute(
        """
        WITH member AS (
            INSERT INTO board.members (id, project_id, user_id, role, joined_at, version)
            VALUES ($1, $2, $3, 'OWNER', $4, 1)
        )
        INSERT INTO board.fields
            (id, project_id, key, name, type, position, created_at, updated_at, version)
        SELECT id, $2, key, name, 'select', place - 1, $4, $4, 1
        FROM unnest($5::uuid[], $6::text[], $7::text[])
             WITH ORDINALITY AS given (id, key, name, place)
        """,
        uuid7(),
        project_id,
        caller.user_id,
        moment,
        [uuid7() for _ in FIELDS],
        [key for key, _ in FIELDS],
        [name for _, name in FIELDS],
    )
    await db.execute(
        """
        INSERT INTO board.options
            (id, project_id, field, value, label, color, display_order, is_system_default,
             created_at, updated_at, version)
        SELECT id, $1, field, value, label, color,
               row_number() OVER (PARTITION BY field ORDER BY place), false, $2, $2, 1
        FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
             WITH ORDINALITY AS given (id, field, value, label, color, place)
        """,
        project_id,
        moment,
        [uuid7() for _ in OPTIONS],
        *(list(column) for column in zip(*OPTIONS, strict=True)),
    )
    return project_id


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
    await access.project(caller, project_id, "project.update")
    files = await attachments.check(caller, change.attachment_ids)
    async with db.transaction():
        place = await access.project(caller, project_id, "project.update", hold=True)
        old = await project_queries.project(project_id)
        if old is None:
            raise NotFound(NO_PROJECT)
        expect(expected, old.version, old)
        new = _values(old, change)
        await attachments.replace(caller, place, "PROJECT", project_id, files)
        if change.is_default and not old.is_default:
            await _make_default(old.workspace_id, project_id, actor=caller.user_id)
        await db.execute(
            """
            UPDATE board.projects SET name = $2, description = $3, start_date = $4, due_date = $5,
                   updated_at = $6, version = version + 1 WHERE id = $1
            """,
            project_id,
            *new.values(),
            now(),
        )
        project = await project_queries.tell_updated(project_id, actor=caller.user_id)
        await feed.record(
            project_id,
            "project.updated",
            actor=caller.user_id,
            subject=project.name,
            changes=[
                Change(name, was, becomes)
                for name, was, becomes in (
                    ("name", old.name, project.name),
                    ("description", old.description, project.description),
                    ("startDate", dates.shown(old.start_date), dates.shown(project.start_date)),
                    ("dueDate", dates.shown(old.due_date), dates.shown(project.due_date)),
                )
                if was != becomes
            ],
        )
    return project


def _values(old: Project, change: ProjectChange) -> dict[str, Any]:
    """All changeable columns after the change, in the order of the statement."""
    name = old.name if change.name is None else text_of(change.name, "name", NAME, least=2)
    description = old.description
    if change.description is not None:
        description = text_of(change.description, "description", DESCRIPTION)
    start, due = old.start_date, old.due_date
    if change.start_date is not UNSET:
        start = dates.parse(change.start_date, "startDate")
    if change.due_date is not UNSET:
        due = dates.parse(change.due_date, "dueDate")
    dates.check(start, due)
    return {"name": name, "description": description, "start": start, "due": due}


async def _make_default(workspace_id: UUID, project_id: UUID, *, actor: UUID) -> None:
    """Make a project the default one of its workspace; the former one is told."""
    await db.execute("SELECT pg_advisory_xact_lock($1)", workspace_id.int & (2**63 - 1))
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
        await project_queries.tell_updated(former, actor=actor)


async def delete_project(caller: Caller, project_id: UUID) -> None:
    """Delete a project with everything in it. Connections to it end."""
    async with db.transaction():
        place = await access.project(caller, project_id, "project.delete", hold=True)
        await dissolve(place.workspace_id, project_id, actor=caller.user_id)


async def dissolve(workspace_id: UUID, project_id: UUID, *, actor: UUID) -> None:
    """What deleting means, for a caller who may; the project is locked already."""
    await attachments.drop_project(project_id)
    await db.execute("DELETE FROM board.projects WHERE id = $1", project_id)
    gone = ProjectGone(project_id, workspace_id)
    feed.tell(project_id, "PROJECT_DELETED", gone, actor=actor, revokes=NIL)
    feed.tell_workspace(workspace_id, "project.deleted", gone, actor=actor)
