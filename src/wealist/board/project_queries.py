"""The reads of projects, their members and join requests."""

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from wealist.board import files
from wealist.board.project_wire import JoinRequest, Member, Project
from wealist.core import db
from wealist.core.text import like
from wealist.user import api as user

_PROJECT = f"""
    SELECT p.id AS project_id, p.workspace_id, p.owner_id, p.name, p.description, p.is_public,
           p.is_default, {files.aggregated("PROJECT", "p.id")} AS attachments,
           p.created_at, p.updated_at, p.version, p.start_date, p.due_date
    FROM board.projects p
"""

T = TypeVar("T", Member, JoinRequest)


def _made(record: Any) -> Project:
    project = Project(*record)
    project.attachments = files.decoded(project.attachments)  # type: ignore[arg-type]
    return project


async def _named(workspace_id: UUID, projects: list[Project]) -> list[Project]:
    """Complete projects of one workspace with their owners' names, in one statement."""
    if projects:
        people = await user.people(workspace_id, [project.owner_id for project in projects])
        for project in projects:
            owner = people.get(project.owner_id)
            if owner is not None:
                project.owner_name, project.owner_email = owner.name, owner.email
    return projects


async def project(project_id: UUID) -> Project | None:
    """A project with its files and its owner's name."""
    record = await db.fetch_record(f"{_PROJECT} WHERE p.id = $1", project_id)
    if record is None:
        return None
    found = _made(record)
    return (await _named(found.workspace_id, [found]))[0]


async def these(workspace_id: UUID, ids: Sequence[UUID]) -> list[Project]:
    """Projects of one workspace by their ids."""
    found = await db.fetch_records(f"{_PROJECT} WHERE p.id = ANY($1) ORDER BY p.id", ids)
    return await _named(workspace_id, [_made(record) for record in found])


async def projects(workspace_id: UUID) -> list[Project]:
    """All projects of a workspace, newest first (frontend need 1), in two statements."""
    found = await db.fetch_records(
        f"{_PROJECT} WHERE p.workspace_id = $1 ORDER BY p.created_at DESC, p.id DESC", workspace_id
    )
    return await _named(workspace_id, [_made(record) for record in found])


async def default_project(workspace_id: UUID) -> Project | None:
    """The workspace's default project."""
    record = await db.fetch_record(
        f"{_PROJECT} WHERE p.workspace_id = $1 AND p.is_default", workspace_id
    )
    return (await _named(workspace_id, [_made(record)]))[0] if record is not None else None


async def search(workspace_id: UUID, text: str, page: int, limit: int) -> tuple[list[Project], int]:
    """A page of the projects whose name or description has `text`, and how many there are."""
    where = "WHERE p.workspace_id = $1 AND (p.name ILIKE $2 OR p.description ILIKE $2)"
    found = await db.fetch_records(
        f"{_PROJECT} {where} ORDER BY p.created_at DESC, p.id DESC LIMIT $3 OFFSET $4",
        workspace_id,
        like(text),
        limit,
        (page - 1) * limit,
    )
    total: int = await db.fetch_value(
        f"SELECT count(*) FROM board.projects p {where}", workspace_id, like(text)
    )
    return await _named(workspace_id, [_made(record) for record in found]), total


_MEMBER = """
    SELECT m.id AS member_id, m.project_id, m.user_id, m.role AS role_name, m.joined_at, m.version
    FROM board.members m
"""


async def members(workspace_id: UUID, project_id: UUID) -> list[Member]:
    """A project's members in the order of joining, with names; two statements."""
    found = await db.fetch(
        Member, f"{_MEMBER} WHERE m.project_id = $1 ORDER BY m.joined_at, m.id", project_id
    )
    return await _with_names(workspace_id, found, "")


async def owners(workspace_id: UUID, projects: Sequence[UUID]) -> list[Member]:
    """The members who own these projects of one workspace."""
    found = await db.fetch(
        Member,
        f"{_MEMBER} WHERE m.project_id = ANY($1) AND m.role = 'OWNER' ORDER BY m.project_id",
        projects,
    )
    return await _with_names(workspace_id, found, "")


async def heads(project_id: UUID) -> set[UUID]:
    """A project's owner and admins."""
    found: list[UUID] | None = await db.fetch_value(
        """
        SELECT array_agg(user_id) FROM board.members
        WHERE project_id = $1 AND role IN ('OWNER', 'ADMIN')
        """,
        project_id,
    )
    return set(found or ())


async def member(workspace_id: UUID, project_id: UUID, either: UUID) -> Member | None:
    """A member by his user id, or by the id of the membership (frontend need 35)."""
    found = await db.fetch(
        Member,
        f"{_MEMBER} WHERE m.project_id = $1 AND (m.user_id = $2 OR m.id = $2) "
        "ORDER BY m.user_id <> $2 LIMIT 1",
        project_id,
        either,
    )
    return (await _with_names(workspace_id, found, ""))[0] if found else None


_REQUEST = """
    SELECT r.id AS request_id, r.project_id, r.user_id, r.status, r.requested_at, r.updated_at,
           r.version
    FROM board.join_requests r
"""


async def join_requests(
    workspace_id: UUID, project_id: UUID, status: str | None
) -> list[JoinRequest]:
    """A project's join requests, those to be decided first, then the oldest; an unknown status
    finds none."""
    found = await db.fetch(
        JoinRequest,
        f"{_REQUEST} WHERE r.project_id = $1 AND ($2::text IS NULL OR r.status = $2) "
        "ORDER BY r.status <> 'PENDING', r.requested_at, r.id LIMIT 1000",
        project_id,
        status,
    )
    return await _with_names(workspace_id, found, None)


async def these_requests(workspace_id: UUID, ids: Sequence[UUID]) -> list[JoinRequest]:
    """Join requests by their ids."""
    found = await db.fetch(JoinRequest, f"{_REQUEST} WHERE r.id = ANY($1) ORDER BY r.id", ids)
    return await _with_names(workspace_id, found, None)


async def join_request(workspace_id: UUID, request_id: UUID) -> JoinRequest | None:
    """One join request."""
    found = await these_requests(workspace_id, [request_id])
    return found[0] if found else None


async def _with_names(workspace_id: UUID, rows: Sequence[T], unknown: str | None) -> list[T]:
    if rows:
        people = await user.people(workspace_id, [row.user_id for row in rows])
        for row in rows:
            person = people.get(row.user_id)
            row.user_name = person.name if person else unknown  # type: ignore[assignment]
            row.user_email = person.email if person else unknown  # type: ignore[assignment]
    return list(rows)


async def people_of(project_id: UUID) -> tuple[UUID, set[UUID]] | None:
    """A project's workspace and the ids of its members, both as they are until the transaction
    ends."""
    await db.execute("SELECT FROM board.projects WHERE id = $1 FOR SHARE", project_id)
    record = await db.fetch_record(
        """
        SELECT p.workspace_id, array(SELECT user_id FROM board.members WHERE project_id = p.id)
        FROM board.projects p WHERE p.id = $1
        """,
        project_id,
    )
    return (record[0], set(record[1])) if record is not None else None
