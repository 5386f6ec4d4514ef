"""The verbs on comments (contract: board.md §6.5)."""

from uuid import UUID

from wealist.board import access, attachments, board_queries, comment_queries, edits, feed, repeats
from wealist.board.access import NO_COMMENT, Place
from wealist.board.wire import Change, Comment, CommentChange, CommentGone, NewComment
from wealist.core import db
from wealist.core.errors import Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import NIL, uuid7
from wealist.core.mentions import mentioned
from wealist.core.text import preview, verbatim
from wealist.core.versions import expect
from wealist.core.wire import now

CONTENT = 10_000
MOST = 2000
"""Comments of a card; clients read them all at once."""


async def list_comments(caller: Caller, board_id: UUID) -> list[Comment]:
    """A card's comments with their files, oldest first."""
    await access.board(caller, board_id, "board.read")
    return await comment_queries.of(board_id)


async def create_comment(caller: Caller, new: NewComment) -> Comment:
    """Comment on a card. The people of the card are told."""
    content = verbatim(new.content, field="content", least=1, most=CONTENT)
    if new.board_id == NIL:
        raise Invalid("is required", field="boardId")
    files = await attachments.check(caller, new.attachment_ids)
    async with db.transaction():
        place = await access.board(caller, new.board_id, "board.write", hold=True)
        known = await repeats.comment(caller, new.board_id, content, files)
        if known is not None:
            return known
        comment_id, moment = uuid7(), now()
        made = await db.execute(
            """
            INSERT INTO board.comments
                (id, board_id, user_id, content, created_at, updated_at, version)
            SELECT $1, $2, $3, $4, $5, $5, 1
            WHERE (SELECT count(*) FROM board.comments WHERE board_id = $2) < $6
            """,
            comment_id,
            new.board_id,
            caller.user_id,
            content,
            moment,
            MOST,
        )
        if not made:
            raise Conflict(f"a board has at most {MOST} comments")
        await attachments.replace(caller, place, "COMMENT", comment_id, files or None)
        comment = await _read(comment_id)
        feed.tell(place.project_id, "COMMENT_CREATED", comment, actor=caller.user_id)
        await _tell_people(caller, place, comment)
    return comment


async def _read(comment_id: UUID) -> Comment:
    found = await comment_queries.comment(comment_id)
    if found is None:
        raise NotFound(NO_COMMENT)
    return found


async def _tell_people(caller: Caller, place: Place, comment: Comment) -> None:
    """Tell those who are mentioned so, and of the others those whom the card concerns."""
    board = await board_queries.board(comment.board_id)
    assert board is not None
    named = mentioned(comment.content)
    _notify("COMMENT_MENTIONED", named, place, comment, board.title, actor=caller.user_id)
    others = edits.people_of(board) - named
    _notify("BOARD_COMMENT_ADDED", others, place, comment, board.title, actor=caller.user_id)
    await _record(place, "comment.created", None, comment, board.title, actor=caller.user_id)


def _notify(
    kind: str, targets: set[UUID], place: Place, comment: Comment, title: str, *, actor: UUID
) -> None:
    feed.notify(
        kind,
        targets,
        place,
        actor=actor,
        board_id=comment.board_id,
        title=title,
        boardId=comment.board_id,
        commentId=comment.comment_id,
        commentPreview=preview(comment.content),
    )


async def _title(board_id: UUID) -> str:
    title: str = await db.fetch_value("SELECT title FROM board.boards WHERE id = $1", board_id)
    return title


async def _record(
    place: Place, kind: str, old: Comment | None, new: Comment | None, title: str, *, actor: UUID
) -> None:
    board_id = (new or old).board_id  # type: ignore[union-attr]
    change = Change("comment", old and preview(old.content), new and preview(new.content))
    await feed.record(
        place.project_id, kind, actor=actor, subject=title, board_id=board_id, changes=[change]
    )


async def change_comment(
    caller: Caller, comment_id: UUID, change: CommentChange, expected: int | None
) -> Comment:
    """Change one's own comment; `attachmentIds` is the whole new set of its files."""
    content = verbatim(change.content, field="content", least=1, most=CONTENT)
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
        title = await _title(old.board_id)
        named = mentioned(comment.content) - mentioned(old.content)
        _notify("COMMENT_MENTIONED", named, place, comment, title, actor=caller.user_id)
        await _record(place, "comment.updated", old, comment, title, actor=caller.user_id)
    return comment


async def delete_comment(caller: Caller, comment_id: UUID) -> None:
    """Delete a comment with its files."""
    async with db.transaction():
        place = await access.comment(caller, comment_id, "comment.delete", hold=True)
        old = await _read(comment_id)
        await attachments.drop_comment(comment_id)
        await db.execute("DELETE FROM board.comments WHERE id = $1", comment_id)
        gone = CommentGone(comment_id, old.board_id)
        feed.tell(place.project_id, "COMMENT_DELETED", gone, actor=caller.user_id)
        title = await _title(old.board_id)
        await _record(place, "comment.deleted", old, None, title, actor=caller.user_id)
