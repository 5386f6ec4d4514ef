"""The reads of comments."""

from typing import Any
from uuid import UUID

from wealist.board import files
from wealist.board.wire import Comment
from wealist.core import db

_COMMENT = f"""
    SELECT c.id AS comment_id, c.board_id, c.user_id, c.content,
           {files.aggregated("COMMENT", "c.id")} AS attachments,
           c.created_at, c.updated_at, c.version
    FROM board.comments c
"""


def _made(record: Any) -> Comment:
    comment = Comment(*record)
    comment.attachments = files.decoded(comment.attachments)  # type: ignore[arg-type]
    return comment


async def of(board_id: UUID) -> list[Comment]:
    """A card's comments with their files, oldest first, in one statement."""
    sql = f"{_COMMENT} WHERE c.board_id = $1 ORDER BY c.created_at, c.id"
    return [_made(record) for record in await db.fetch_records(sql, board_id)]


async def comment(comment_id: UUID) -> Comment | None:
    """One comment."""
    record = await db.fetch_record(f"{_COMMENT} WHERE c.id = $1", comment_id)
    return _made(record) if record is not None else None
