"""Requests that come twice: clients repeat a POST whose answer got lost (board.md, need 33).

Whoever sends an `Idempotency-Key` says himself what is a repetition, so nothing is guessed then.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from wealist.board import board_queries, comment_queries
from wealist.board.access import Place
from wealist.board.wire import Attachment, Board, Comment
from wealist.core import db, events
from wealist.core.identity import Caller
from wealist.core.wire import now

REPEAT = timedelta(seconds=5)
"""The same person doesn't make the same card or comment twice within this time."""


async def board(
    caller: Caller,
    place: Place,
    new: dict[str, Any],
    fields: dict[str, Any],
    files: list[UUID] | None,
) -> Board | None:
    """The card that this request has made already, a moment ago; under the project's lock."""
    if events.mutation.get() is not None:
        return None
    found = await db.fetch_value(
        """
        SELECT id FROM board.boards
        WHERE project_id = $1 AND author_id = $2 AND created_at > $3 AND version = 1
          AND deleted_at IS NULL AND title = $4 AND content = $5 AND custom_fields = $6
          AND assignee_id IS NOT DISTINCT FROM $7 AND start_date IS NOT DISTINCT FROM $8
          AND due_date IS NOT DISTINCT FROM $9
        ORDER BY created_at DESC LIMIT 1
        """,
        place.project_id,
        caller.user_id,
        now() - REPEAT,
        new["title"],
        new["content"],
        msgspec.json.encode(fields).decode(),
        new["assignee_id"],
        new["start_date"],
        new["due_date"],
    )
    made = await board_queries.board(found) if found is not None else None
    if made is None or set(made.participant_ids) != set(new["participant_ids"]):
        return None
    return made if _has(made.attachments, files) else None


async def comment(
    caller: Caller, board_id: UUID, content: str, files: list[UUID] | None
) -> Comment | None:
    """The comment that this request has made already, a moment ago."""
    if events.mutation.get() is not None:
        return None
    found: UUID | None = await db.fetch_value(
        """
        SELECT id FROM board.comments
        WHERE board_id = $1 AND user_id = $2 AND content = $3 AND created_at > $4 AND version = 1
        ORDER BY created_at DESC LIMIT 1
        """,
        board_id,
        caller.user_id,
        content,
        now() - REPEAT,
    )
    made = await comment_queries.comment(found) if found is not None else None
    return made if made is not None and _has(made.attachments, files) else None


def _has(attached: list[Attachment], wanted: list[UUID] | None) -> bool:
    return {file.id for file in attached} == set(wanted or ())
