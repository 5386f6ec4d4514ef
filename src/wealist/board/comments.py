"""The verbs on comments (contract: board.md §6.5)."""

from datetime import timedelta
from uuid import UUID

from wealist.board import access, attachments, board_queries, comment_queries, feed
from wealist.board.access import NO_COMMENT, Place
from wealist.board.boards import text_of
from wealist.board.wire import Change, Comment, CommentChange, CommentGone, NewComment
from wealist.core import db
from wealist.core.errors import NotFound
from wealist.core.identity import Caller
from wealist.core.ids import uuid7
from wealist.core.versions import expect
from wealist.core.wire import now

CONTENT = 10_000
PREVIEW = 100
REPEAT = timedelta(seconds=5)
"""As for cards: a repeated POST doesn't say the same twice within this time."""


async def list_comments(caller: Caller, board_id: UUID) -> list[Comment]:
    """A card's comments with their files, oldest first."""
    await access.board(caller, board_id, "board.read")
    return await comment_queries.of(board_id)


async def create_comment(caller: Caller, new: NewComment) -> Comment:
    """Comment on a card. The people of the card are told."""
    content = text_of(new.content, "content", CONTENT, least=1)
    await access.board(caller, new.board_id, "board.write")
    files = await attachments.check(caller, new.attachment_ids)
    async with db.transaction():
        place = await access.board(caller, new.board_id, "board.write", hold=True)
        known = await _repeated(caller, new.board_id, content, with_files=bool(files))
        if known is not None:
            return known
        comment_id, moment = uuid7(), now()
        await db.execute(
            """
            INSERT INTO board.comments
                (id, board_id, user_id, content, created_at, updated_at, version)
            VALUES ($1, $2, $3, $4, $5, $5, 1)
            """,
            comment_id,
            new.board_id,
            caller.user_id,
            content,
            moment,
        )
        await attachments.replace(caller, place, "COMMENT", comment_id, files or None)
        comment = await _read(comment_id)
        feed.tell(place.project_id, "COMMENT_CREATED", comment, actor=caller.user_id)
        await _tell_people(caller, place, comment)
    return comment


async def _repeated(
    caller: Caller, board_id: UUID, content: str, *, with_files: bool
) -> Comment | None:
    """The comment that this request has made already, a moment ago."""
    found: UUID | None = await db.fetch_value(
        """
        SELECT c.id FROM board.comments c
        WHERE c.board_id = $1 AND c.user_id = $2 AND c.content = $3 AND c.created_at > $4
          AND c.version = 1 AND $5 = EXISTS (
              SELECT FROM board.attachments a
              WHERE a.entity_type = 'COMMENT' AND a.entity_id = c.id
          )
        ORDER BY c.created_at DESC LIMIT 1
        """,
        board_id,
        caller.user_id,
        content,
        now() - REPEAT,
        with_files,
    )
    return await _read(found) if found is not None else None


async def _read(comment_id: UUID) -> Comment:
    found = await comment_queries.comment(comment_id)
    if found is None:
        raise NotFound(NO_COMMENT)
    return found


async def _tell_people(caller: Caller, place: Place, comment: Comment) -> None:
    board = await board_queries.board(comment.board_id)
    assert board is not None
    people = {*board.participant_ids, *([board.assignee_id] if board.assignee_id else [])}
    short = comment.content[:PREVIEW] + ("..." if len(comment.content) > PREVIEW else "")
    feed.notify(
        "BOARD_COMMENT_ADDED",
        people,
        place,
        actor=caller.user_id,
        board_id=board.id,
        title=board.title,
        commentId=comment.comment_id,
        commentPreview=short,
    )
    await feed.record(
        place.project_id,
        "comment.created",
        actor=caller.user_id,
        subject=board.title,
        board_id=board.id,
        changes=[Change("comment", None, short)],
    )


async def change_comment(
    caller: Caller, comment_id: UUID, change: CommentChange, expected: int | None
) -> Comment:
    """Change one's own comment; `attachmentIds` is the whole new set of its files."""
    content = text_of(change.content, "content", CONTENT, least=1)
    await access.comment(caller, comment_id, "comment.change")
    files = await attachments.check(caller, change.attachment_ids)
    async with db.transaction():
        place = await access.comment(caller, comment_id, "comment.change", hold=True)
        old = await _read(comment_id)
        expect(expected, old.version, old)
        await db.execute(
            """
            UPDATE board.comments SET content = $2, updated_at = $3, version = version + 1
            WHERE id = $1
            """,
            comment_id,
            content,
            now(),
        )
        await attachments.replace(caller, place, "COMMENT", comment_id, files)
        comment = await _read(comment_id)
        feed.tell(place.project_id, "COMMENT_UPDATED", comment, actor=caller.user_id)
    return comment


async def delete_comment(caller: Caller, comment_id: UUID) -> None:
    """Delete a comment with its files."""
    async with db.transaction():
        place = await access.comment(caller, comment_id, "comment.delete", hold=True)
        assert place.inner_id is not None
        await attachments.drop("COMMENT", [comment_id])
        await db.execute("DELETE FROM board.comments WHERE id = $1", comment_id)
        feed.tell(
            place.project_id,
            "COMMENT_DELETED",
            CommentGone(comment_id, place.inner_id),
            actor=caller.user_id,
        )
