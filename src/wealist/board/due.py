"""Telling people that something is due soon, or overdue: once for each card and due date."""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from wealist.board import board_queries, dates, feed
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


async def announce() -> str:
    """Tell the people of cards that are due within a day, or overdue; the job's sentence."""
    told = 0
    for column, kind, activity in KINDS:
        while (count := await _announce(column, kind, activity)) > 0:
            told += count
    return f"{told} due dates announced"


async def _announce(column: str, kind: str, activity: str) -> int:
    """One batch, of projects that nobody writes to at the moment; the others come next time."""
    moment = now()
    soon = column == "due_soon_for"
    async with db.transaction():
        found = await db.fetch(
            _Due,
            f"""
            WITH due AS (
                SELECT b.id FROM board.boards b JOIN board.projects p ON p.id = b.project_id
                WHERE b.due_date <= $2 AND {board_queries.DEADLINE} > $1
                  AND {board_queries.DEADLINE} <= $2 AND b.deleted_at IS NULL
                  AND b.{column} IS DISTINCT FROM b.due_date AND {board_queries.NOT_DONE}
                ORDER BY b.due_date LIMIT {_BATCH} FOR NO KEY UPDATE SKIP LOCKED
            ), marked AS (
                UPDATE board.boards b SET {column} = due_date FROM due WHERE b.id = due.id
                RETURNING b.*
            )
            SELECT b.id AS board_id, b.title, b.due_date,
                   array_remove(ARRAY(SELECT user_id FROM board.participants
                                      WHERE board_id = b.id) || b.assignee_id, NULL) AS people,
                   p.workspace_id, p.id AS project_id, p.name AS project_name
            FROM marked b JOIN board.projects p ON p.id = b.project_id
            """,
            moment if soon else dates.EARLIEST,
            moment + SOON if soon else moment,
        )
        if found:
            await _tell(found, kind, activity, overdue=not soon)
    return len(found)


async def _tell(found: list[_Due], kind: str, activity: str, *, overdue: bool) -> None:
    for card in found:
        feed.notify(
            kind,
            card.people,
            Place(card.workspace_id, card.project_id, card.project_name, None, None),
            actor=SYSTEM.user_id,
            board_id=card.board_id,
            title=card.title,
            dueDate=card.due_date,
        )
    entries = [feed.Entry(card.project_id, card.title, card.board_id) for card in found]
    await feed.record_all(activity, entries, actor=SYSTEM.user_id)
    if overdue:  # `isDelayed` has changed without anybody's doing
        await feed.tell_boards([card.board_id for card in found], actor=SYSTEM.user_id)
