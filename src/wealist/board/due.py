"""Telling people that something is due soon, or overdue: once for each card and due date."""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from wealist.board import feed
from wealist.board.access import Place
from wealist.core import db
from wealist.core.identity import SYSTEM
from wealist.core.wire import now

SOON = timedelta(hours=24)
_BATCH = 200

KINDS = (
    ("due_soon_for", "BOARD_DUE_SOON", "board.due_soon"),
    ("overdue_for", "BOARD_OVERDUE", "board.overdue"),
)


class _Due(Struct, frozen=True):
    board_id: UUID
    title: str
    due_date: datetime
    people: list[UUID]
    workspace_id: UUID
    project_id: UUID
    project_name: str
    owner_id: UUID
    version: int


async def announce() -> str:
    """Tell the people of cards that are due within a day, or overdue; the job's sentence."""
    told = 0
    for column, kind, activity in KINDS:
        while (count := await _announce(column, kind, activity)) > 0:
            told += count
    return f"{told} due dates announced"


async def _announce(column: str, kind: str, activity: str) -> int:
    moment = now()
    until = moment + SOON if column == "due_soon_for" else moment
    since = moment if column == "due_soon_for" else None
    async with db.transaction():
        found = await db.fetch(
            _Due,
            f"""
            WITH due AS (
                SELECT id FROM board.boards
                WHERE due_date <= $1 AND ($2::timestamptz IS NULL OR due_date > $2)
                  AND deleted_at IS NULL AND {column} IS DISTINCT FROM due_date
                  AND coalesce(custom_fields ->> 'stage', '') NOT IN ('approved', 'deleted')
                ORDER BY due_date LIMIT {_BATCH} FOR UPDATE SKIP LOCKED
            ), marked AS (
                UPDATE board.boards b SET {column} = due_date FROM due WHERE b.id = due.id
                RETURNING b.*
            )
            SELECT b.id AS board_id, b.title, b.due_date,
                   array_remove(ARRAY(SELECT user_id FROM board.participants
                                      WHERE board_id = b.id) || b.assignee_id, NULL) AS people,
                   p.workspace_id, p.id AS project_id, p.name AS project_name, p.owner_id,
                   p.version
            FROM marked b JOIN board.projects p ON p.id = b.project_id
            """,
            until,
            since,
        )
        for card in found:
            place = Place(
                card.workspace_id,
                card.project_id,
                card.project_name,
                card.owner_id,
                card.version,
                None,
                None,
            )
            feed.notify(
                kind,
                card.people,
                place,
                actor=SYSTEM.user_id,
                board_id=card.board_id,
                title=card.title,
                dueDate=card.due_date,
            )
            await feed.record(
                card.project_id,
                activity,
                actor=SYSTEM.user_id,
                subject=card.title,
                board_id=card.board_id,
            )
    return len(found)
