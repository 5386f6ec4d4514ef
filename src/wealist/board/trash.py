"""Deleting cards, and having them back: for 30 days they lie in the trash of their project."""

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import structs

from wealist.board import (
    access,
    attachments,
    board_queries,
    checklist_queries,
    comment_queries,
    feed,
    values,
)
from wealist.board.access import NO_BOARD, Place
from wealist.board.wire import Board, BoardGone, BoardRestored
from wealist.core import db
from wealist.core.errors import NotFound
from wealist.core.identity import Caller
from wealist.core.pages import Page, Window
from wealist.core.wire import now

KEPT_DAYS = 30
MOST_TOLD = 20_000
"""Characters of comments and checklist that the event of a restored card carries."""


async def delete_board(caller: Caller, board_id: UUID) -> None:
    """Put a card into the trash."""
    async with db.transaction():
        place = await access.board(caller, board_id, "board.delete", hold=True)
        title: str = await db.fetch_value(
            """
            UPDATE board.boards SET deleted_at = $2, deleted_by = $3, version = version + 1
            WHERE id = $1 RETURNING title
            """,
            board_id,
            now(),
            caller.user_id,
        )
        feed.tell(place.project_id, "BOARD_DELETED", BoardGone(board_id), actor=caller.user_id)
        await feed.record(
            place.project_id,
            "board.deleted",
            actor=caller.user_id,
            subject=title,
            board_id=board_id,
        )


async def list_trash(caller: Caller, project_id: UUID, window: Window) -> Page[Board]:
    """What lies in a project's trash, last deleted first."""
    await access.project(caller, project_id, "board.read")
    after = window.after(datetime)
    found = await db.fetch(
        Board,
        f"""
        SELECT {board_queries.MANY} {board_queries.FROM}
        WHERE b.project_id = $1 AND b.deleted_at IS NOT NULL
          AND ($2::timestamptz IS NULL OR (b.deleted_at, b.id) < ($2, $3))
        ORDER BY b.deleted_at DESC, b.id DESC LIMIT $4
        """,
        project_id,
        after and after.key,
        after and after.id,
        window.limit + 1,
    )
    page = Page.of(found, window.limit, lambda board: (board.deleted_at, board.id))
    attached = await board_queries.files_of("BOARD", [board.id for board in page.rows])
    board_queries.with_files(page.rows, attached)
    return page


async def restore_board(caller: Caller, board_id: UUID) -> Board:
    """Take a card out of the trash, to where it was. Raises `Conflict` if its column is full."""
    async with db.transaction():
        place = await access.board(caller, board_id, "board.delete", hold=True, trashed=True)
        return await restore(place, board_id, actor=caller.user_id, activity="board.restored")


async def restore(place: Place, board_id: UUID, *, actor: UUID, activity: str) -> Board:
    """What restoring means, for a caller who may; the project is locked already."""
    old = await board_queries.board(board_id, trashed=True)
    if old is None:
        raise NotFound(NO_BOARD)
    fields = msgspec.json.decode(old.custom_fields)
    schema = await values.schema(place.project_id)
    await schema.make_room(fields, {})
    await db.execute(
        """
        WITH undone AS (
            UPDATE board.activities SET undone = true
            WHERE board_id = $1 AND kind = 'board.deleted' AND NOT undone
        )
        UPDATE board.boards SET deleted_at = NULL, deleted_by = NULL, updated_at = $2,
               version = version + 1 WHERE id = $1
        """,
        board_id,
        moment := now(),
    )
    board = structs.replace(old, deleted_at=None, updated_at=moment, version=old.version + 1)
    feed.tell(place.project_id, "BOARD_CREATED", board, actor=actor)
    await _tell_contents(place.project_id, board_id, actor=actor)
    await feed.record_board(board, activity, actor=actor)
    return board


async def _tell_contents(project_id: UUID, board_id: UUID, *, actor: UUID) -> None:
    """What comes back with a card; who follows the events has forgotten it. Long contents are not
    sent to everybody again: whoever has the card open reads it."""
    length: int = await db.fetch_value(
        """
        SELECT coalesce((SELECT sum(length(content)) FROM board.comments WHERE board_id = $1), 0)
             + coalesce((SELECT sum(length(text)) FROM board.checklist WHERE board_id = $1), 0)
        """,
        board_id,
    )
    restored = BoardRestored(board_id, None, None)
    if length <= MOST_TOLD:
        restored.comments = await comment_queries.of(board_id)
        restored.checklist = await checklist_queries.of(board_id)
    feed.tell(project_id, "BOARD_RESTORED", restored, actor=actor)


async def purge() -> str:
    """Delete cards for good that have been in the trash for 30 days; the job's sentence."""
    gone = 0
    while True:
        async with db.transaction():
            ids: list[UUID] | None = await db.fetch_value(
                """
                SELECT array_agg(id) FROM (
                    SELECT b.id FROM board.boards b JOIN board.projects p ON p.id = b.project_id
                    WHERE b.deleted_at < now() - make_interval(days => $1)
                    ORDER BY b.deleted_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED
                ) old
                """,
                KEPT_DAYS,
            )
            if ids:
                await attachments.drop_boards(ids)
                await db.execute("DELETE FROM board.boards WHERE id = ANY($1)", ids)
        if not ids:
            return f"{gone} boards purged"
        gone += len(ids)
