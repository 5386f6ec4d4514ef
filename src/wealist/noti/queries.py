"""The reads of notifications: hand-written SQL, and what people read of a row."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from wealist.core import db
from wealist.core.identity import SYSTEM
from wealist.core.ids import NIL
from wealist.core.text import like
from wealist.noti import rules
from wealist.noti.wire import Notification, UnreadCount
from wealist.user import api as user

COLUMNS = """
    n.id, n.type, n.actor_id, n.target_id, n.workspace_id, n.resource_type, n.resource_id,
    n.resource_name, n.metadata, n.read_at, n.archived_at, n.created_at
"""


class Row(Struct):
    """A notification as it is stored; `metadata` is JSON."""

    id: UUID
    type: str
    actor_id: UUID
    target_id: UUID
    workspace_id: UUID
    resource_type: str
    resource_id: UUID
    resource_name: str | None
    metadata: str | None
    read_at: datetime | None
    archived_at: datetime | None
    created_at: datetime


class Filter(Struct, frozen=True):
    """Which notifications of somebody are wanted; what is None doesn't matter."""

    workspace_id: UUID | None = None
    project_id: UUID | None = None
    type: str | None = None
    text: str | None = None
    unread_only: bool = False
    archived: bool = False


def _where(target_id: UUID, wanted: Filter) -> tuple[str, list[Any]]:
    """The conditions of a filter, and their arguments, numbered from 1."""
    where = ["n.target_id = $1", "n.shown"]
    args: list[Any] = [target_id]

    def add(condition: str, value: Any) -> None:
        if value is not None:
            args.append(value)
            where.append(condition.format(f"${len(args)}"))

    add("n.workspace_id = {}", wanted.workspace_id)
    add("n.project_id = {}", wanted.project_id)
    add("n.type = {}", wanted.type)
    if wanted.text:
        add(
            "(n.resource_name ILIKE {0} OR n.metadata ->> 'projectName' ILIKE {0})",
            like(wanted.text),
        )
    if wanted.unread_only:
        where.append("n.read_at IS NULL")
    where.append(f"n.archived_at IS {'NOT ' if wanted.archived else ''}NULL")
    return " AND ".join(where), args


async def page(
    target_id: UUID, wanted: Filter, page: int, limit: int
) -> tuple[list[Notification], int]:
    """A page, newest first, and how many there are in all; three statements."""
    where, args = _where(target_id, wanted)
    total: int = await db.fetch_value(
        f"SELECT count(*) FROM noti.notifications n WHERE {where}", *args
    )
    rows = await db.fetch(
        Row,
        f"""
        SELECT {COLUMNS} FROM noti.notifications n WHERE {where}
        ORDER BY n.created_at DESC, n.id DESC LIMIT ${len(args) + 1} OFFSET ${len(args) + 2}
        """,
        *args,
        limit,
        (page - 1) * limit,
    )
    return await shown(rows), total


async def after(
    target_id: UUID, wanted: Filter, place: tuple[datetime, UUID] | None, limit: int
) -> list[Notification]:
    """The notifications that follow after a place, newest first; two statements."""
    where, args = _where(target_id, wanted)
    if place is not None:
        args += place
        where += f" AND (n.created_at, n.id) < (${len(args) - 1}::timestamptz, ${len(args)}::uuid)"
    rows = await db.fetch(
        Row,
        f"""
        SELECT {COLUMNS} FROM noti.notifications n WHERE {where}
        ORDER BY n.created_at DESC, n.id DESC LIMIT ${len(args) + 1}
        """,
        *args,
        limit,
    )
    return await shown(rows)


async def one(target_id: UUID, notification_id: UUID) -> Row | None:
    """A notification of exactly this person."""
    return await db.fetch_one(
        Row,
        f"""
        SELECT {COLUMNS} FROM noti.notifications n
        WHERE n.id = $2 AND n.target_id = $1 AND n.shown
        """,
        target_id,
        notification_id,
    )


async def told(pairs: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Notification]:
    """What people have been told already, by (person, fact); two statements."""
    if not pairs:
        return {}
    records = await db.fetch_records(
        f"""
        SELECT {COLUMNS}, n.fact_id
        FROM unnest($1::uuid[], $2::uuid[]) AS g (target_id, fact_id)
        JOIN noti.notifications n ON n.target_id = g.target_id AND n.fact_id = g.fact_id
        """,
        [target_id for target_id, _ in pairs],
        [fact_id for _, fact_id in pairs],
    )
    found = await shown([Row(*values) for *values, _ in records])
    return {
        (notification.target_user_id, record["fact_id"]): notification
        for notification, record in zip(found, records, strict=True)
    }


async def unread(target_id: UUID, workspace_id: UUID) -> int:
    """How many of a workspace somebody hasn't read."""
    count: int | None = await db.fetch_value(
        "SELECT count FROM noti.unread WHERE target_id = $1 AND workspace_id = $2",
        target_id,
        workspace_id,
    )
    return count or 0


async def unread_everywhere(target_id: UUID) -> list[UnreadCount]:
    """The same for each workspace in which there are any."""
    return await db.fetch(
        UnreadCount,
        """
        SELECT count, workspace_id FROM noti.unread WHERE target_id = $1 AND count > 0
        ORDER BY workspace_id
        """,
        target_id,
    )


async def shown(rows: Sequence[Row]) -> list[Notification]:
    """Rows as their people read them, with the actors' names and pictures; one statement, none
    without rows."""
    actors = {(row.workspace_id, row.actor_id) for row in rows if _is_person(row.actor_id)}
    faces = await user.faces(actors) if actors else {}
    return [_shown(row, faces.get((row.workspace_id, row.actor_id))) for row in rows]


def _is_person(actor_id: UUID) -> bool:
    return actor_id not in (NIL, SYSTEM.user_id)


def _shown(row: Row, actor: user.Face | None) -> Notification:
    metadata: Mapping[str, Any] = msgspec.json.decode(row.metadata) if row.metadata else {}
    name = actor.name if actor is not None else None
    return Notification(
        id=row.id,
        type=row.type,
        actor_id=row.actor_id,
        target_user_id=row.target_id,
        workspace_id=row.workspace_id,
        resource_type=row.resource_type,
        resource_id=row.resource_id,
        is_read=row.read_at is not None,
        created_at=row.created_at,
        title=rules.title(row.type, row.resource_name, metadata, name),
        resource_name=row.resource_name,
        metadata=Raw(row.metadata.encode()) if row.metadata else None,
        read_at=row.read_at,
        archived_at=row.archived_at,
        actor_name=name,
        actor_profile_image=actor.image if actor is not None else None,
        body=_body(metadata),
    )


def _body(metadata: Mapping[str, Any]) -> str | None:
    """The beginning of what was written."""
    for key in ("commentPreview", "preview"):
        text = metadata.get(key)
        if isinstance(text, str) and text:
            return text
    return None
