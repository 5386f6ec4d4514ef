"""The reads of cards: hand-written SQL into Structs as clients see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Raw, structs

from wealist.board import checklist_queries, comment_queries, dates, files
from wealist.board.wire import Attachment, Board, BoardDetail, Participant
from wealist.core import db

DONE = ("approved", "completed", "deleted", "done")
"""Stages in which nothing is late any more (board.md, frontend needs 13 and 29)."""
NOT_DONE = f"coalesce(b.custom_fields ->> 'stage', '') NOT IN {DONE}"
"""The same in SQL, of `board.boards b`; the indexes of due dates have it, too."""
DEADLINE = """
    b.due_date + CASE WHEN (b.due_date AT TIME ZONE 'UTC')::time = '00:00' THEN interval '1 day'
                      ELSE interval '0' END
"""
"""`dates.deadline` in SQL."""


def is_late(due: datetime | None, stage: str, moment: datetime) -> bool:
    """Whether a card should be done at a moment, and isn't."""
    return due is not None and dates.deadline(due) <= moment and stage not in DONE


COLUMNS = """
    b.id, b.id AS board_id, b.project_id, p.workspace_id, b.author_id, b.assignee_id, b.title,
    b.content, b.custom_fields::text AS custom_fields, b.rank,
    upper(coalesce(b.custom_fields ->> 'stage', '')) AS status,
    coalesce({deadline} <= now(), false) AND {not_done} AS is_delayed,
    ARRAY(SELECT t.user_id FROM board.participants t WHERE t.board_id = b.id
          ORDER BY t.created_at, t.id) AS participant_ids,
    {files} AS attachments,
    (SELECT count(*) FROM board.checklist l WHERE l.board_id = b.id)::int AS checklist_total,
    (SELECT count(*) FROM board.checklist l WHERE l.board_id = b.id AND l.is_done)::int
        AS checklist_done,
    b.created_at, b.updated_at, b.version, b.start_date, b.due_date, b.deleted_at
"""
_RULES = {"deadline": DEADLINE, "not_done": NOT_DONE}
ONE = COLUMNS.format(files=files.aggregated("BOARD", "b.id"), **_RULES)
"""The columns of one `Board`, for `made`; `FROM` must offer `b` and `p`."""
MANY = COLUMNS.format(files="NULL", **_RULES)
"""The same without files, which lists read in a statement of their own."""
FROM = "FROM board.boards b JOIN board.projects p ON p.id = b.project_id"
WIDTH = len(Board.__struct_fields__)


def made(record: Any) -> Board:
    """The card in the first columns of a record."""
    board = Board(*record[:WIDTH])
    board.custom_fields = Raw(board.custom_fields)
    board.attachments = files.decoded(board.attachments)  # type: ignore[arg-type]
    return board


async def board(board_id: UUID, *, trashed: bool = False) -> Board | None:
    """A card that is not in the trash, or one that is."""
    record = await db.fetch_record(
        f"SELECT {ONE} {FROM} WHERE b.id = $1 AND (b.deleted_at IS NOT NULL) = $2",
        board_id,
        trashed,
    )
    return made(record) if record is not None else None


async def some(ids: Sequence[UUID]) -> list[Board]:
    """Those of these cards that are not in the trash."""
    records = await db.fetch_records(
        f"SELECT {ONE} {FROM} WHERE b.id = ANY($1) AND b.deleted_at IS NULL ORDER BY b.id", ids
    )
    return [made(record) for record in records]


async def boards(
    project_id: UUID, conditions: Sequence[str] = (), args: Sequence[Any] = ()
) -> list[Board]:
    """All cards of a project in their order, in two statements; those that fulfil conditions on
    `b`, whose arguments are numbered from 2."""
    where = " AND ".join(("b.project_id = $1", "b.deleted_at IS NULL", *conditions))
    found = await db.fetch(
        Board, f"SELECT {MANY} {FROM} WHERE {where} ORDER BY b.rank, b.id", project_id, *args
    )
    return with_files(found, await _files_of_project(project_id))


def with_files(boards: list[Board], attached: dict[UUID, list[Attachment]]) -> list[Board]:
    """Complete what `MANY` has selected."""
    for board in boards:
        board.custom_fields = Raw(board.custom_fields)
        board.attachments = attached.get(board.id) or []
    return boards


async def _files_of_project(project_id: UUID) -> dict[UUID, list[Attachment]]:
    return await _grouped(
        f"""
        SELECT {files.COLUMNS}, a.entity_id FROM board.attachments a
        WHERE a.project_id = $1 AND a.entity_type = 'BOARD' ORDER BY a.created_at DESC, a.id DESC
        """,
        project_id,
    )


async def files_of(kind: str, entities: list[UUID]) -> dict[UUID, list[Attachment]]:
    """The files of several projects, boards or comments, newest first."""
    return await _grouped(
        f"""
        SELECT {files.COLUMNS}, a.entity_id FROM board.attachments a
        WHERE a.entity_type = $1 AND a.entity_id = ANY($2) ORDER BY a.created_at DESC, a.id DESC
        """,
        kind,
        entities,
    )


async def _grouped(sql: str, *args: Any) -> dict[UUID, list[Attachment]]:
    found: dict[UUID, list[Attachment]] = {}
    for *columns, entity in await db.fetch_records(sql, *args):
        found.setdefault(entity, []).append(files.attachment(files.File(*columns)))
    return found


async def participants(board_id: UUID) -> list[Participant]:
    """Who takes part in a card, in the order of joining."""
    return await db.fetch(
        Participant,
        """
        SELECT id, id AS participant_id, board_id, user_id, created_at
        FROM board.participants WHERE board_id = $1 ORDER BY created_at, id
        """,
        board_id,
    )


async def detail(board_id: UUID) -> BoardDetail | None:
    """A card with all that hangs on it."""
    found = await board(board_id)
    if found is None:
        return None
    return BoardDetail(
        **structs.asdict(found),
        participants=await participants(board_id),
        comments=await comment_queries.of(board_id),
        checklist=await checklist_queries.of(board_id),
    )
