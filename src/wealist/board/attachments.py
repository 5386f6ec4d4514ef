"""Files of projects, cards and comments: what may be attached, what is, and when it goes.

A file is uploaded first (`uploads.py`) and belongs to its uploader, as TEMP, for an hour; attaching
confirms it. What a client sends is always the whole set that shall be attached afterwards.
"""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from wealist.board import access, comment_queries, feed, files
from wealist.board.access import NO_ATTACHMENT, Place
from wealist.board.wire import AttachmentFull, Board, Change
from wealist.core import db, doomed, objects
from wealist.core.errors import Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import NIL

FIELD = "attachmentIds"
MOST = 50


class _Temp(Struct, frozen=True):
    id: UUID
    file_key: str
    file_size: int


_FULL = """
    SELECT id, id AS attachment_id, entity_type, entity_id, status, file_name, file_key AS file_url,
           file_size, content_type, uploaded_by, created_at AS uploaded_at, expires_at
    FROM board.attachments
"""


async def check(caller: Caller, ids: Sequence[UUID | None] | None) -> list[UUID] | None:
    """Look at the stored objects of what shall be attached, before any lock is held.

    None stays None: nothing was said. Empty entries count for nothing, and a list of nothing but
    them says nothing, either (frontend need 5). Raises `Invalid` for what was never uploaded.
    """
    if ids is None:
        return None
    wanted = list(dict.fromkeys(one for one in ids if one is not None and one != NIL))
    if not wanted and ids:
        return None
    if len(wanted) > MOST:
        raise Invalid(f"must be at most {MOST}", field=FIELD)
    uploaded = await db.fetch(
        _Temp,
        """
        SELECT id, file_key, file_size FROM board.attachments
        WHERE id = ANY($1) AND status = 'TEMP' AND uploaded_by = $2
        """,
        wanted,
        caller.user_id,
    )
    for file in uploaded:
        stored = await objects.store().head(file.file_key)
        if stored is None:
            raise Invalid("a file has not been uploaded yet", field=FIELD)
        if stored.size != file.file_size:
            async with db.transaction():
                await drop_temporary([file.id])
            raise Invalid(
                f"a file has {stored.size} bytes where {file.file_size} were announced",
                field=FIELD,
            )
    return wanted


async def replace(
    caller: Caller, place: Place, kind: str, entity_id: UUID, wanted: Sequence[UUID] | None
) -> None:
    """Make `wanted` the files of a PROJECT, BOARD or COMMENT: keep, confirm, delete the rest.

    Under the project's lock. New ones must be the caller's, of this kind and workspace; raises
    `Invalid` for others.
    """
    if wanted is None:
        return
    present: list[UUID] = (
        await db.fetch_value(
            """
            SELECT array_agg(id) FROM board.attachments
            WHERE entity_type = $1 AND entity_id = $2
            """,
            kind,
            entity_id,
        )
        or []
    )
    new = [one for one in wanted if one not in present]
    confirmed = await db.execute(
        """
        UPDATE board.attachments
        SET status = 'CONFIRMED', entity_id = $2, project_id = $3, expires_at = NULL
        WHERE id = ANY($1) AND status = 'TEMP' AND entity_type = $4 AND uploaded_by = $5
          AND workspace_id = $6
        """,
        new,
        entity_id,
        place.project_id,
        kind,
        caller.user_id,
        place.workspace_id,
    )
    if confirmed != len(new):
        raise Invalid(
            f"each must be a file that you have uploaded for a {kind.lower()} of this workspace",
            field=FIELD,
        )
    gone = [one for one in present if one not in wanted]
    if gone:
        await _drop("id = ANY($1)", gone)


async def record_changed(board: Board, before: list[str], after: list[str], *, actor: UUID) -> None:
    """Write down that other files than before, by their names, hang on a card: an activity of its
    own, since no undo brings a deleted file back."""
    changes = [Change("attachments", before, after)]
    await feed.record_board(board, "attachment.changed", actor=actor, changes=changes)


async def drop_comment(comment_id: UUID) -> None:
    """Delete the files of a comment."""
    await _drop("entity_type = 'COMMENT' AND entity_id = $1", comment_id)


async def drop_temporary(ids: Sequence[UUID]) -> int:
    """Delete those of these uploads that are not attached; how many."""
    return await _drop("id = ANY($1) AND status = 'TEMP'", list(ids))


async def drop_boards(boards: Sequence[UUID]) -> None:
    """Delete the files of cards and of their comments."""
    await _drop(
        """
        (entity_type = 'BOARD' AND entity_id = ANY($1)) OR (entity_type = 'COMMENT' AND entity_id
            IN (SELECT id FROM board.comments WHERE board_id = ANY($1)))
        """,
        list(boards),
    )


async def drop_projects(ids: Sequence[UUID]) -> None:
    """Delete the files of projects with all that is in them."""
    await _drop("project_id = ANY($1)", ids)


async def drop_workspace(workspace_id: UUID) -> None:
    """Delete all files of a workspace's projects, attached or not."""
    await _drop("workspace_id = $1", workspace_id)


async def _drop(where: str, *args: object) -> int:
    """Delete rows, and have their objects deleted after the commit; how many. `where` is ours."""
    keys = await db.fetch_value(
        f"""
        WITH gone AS (DELETE FROM board.attachments WHERE {where} RETURNING file_key)
        SELECT array_agg(file_key) FROM gone
        """,
        *args,
    )
    await doomed.doom(keys or ())
    return len(keys or ())


async def full(attachment_id: UUID) -> AttachmentFull | None:
    """An attachment as the attachment endpoints show it."""
    found = await db.fetch_one(AttachmentFull, f"{_FULL} WHERE id = $1", attachment_id)
    return shown(found) if found is not None else None


def shown(attachment: AttachmentFull) -> AttachmentFull:
    """With the address of the file in the place of its key, once it is attached."""
    if attachment.status == "CONFIRMED":
        attachment.file_url = files.address(attachment.file_url)
    return attachment


async def listed(kind: str, entity_id: UUID) -> list[AttachmentFull]:
    """The files of one thing, newest first."""
    found = await db.fetch(
        AttachmentFull,
        f"{_FULL} WHERE entity_type = $1 AND entity_id = $2 ORDER BY created_at DESC, id DESC",
        kind,
        entity_id,
    )
    return [shown(attachment) for attachment in found]


async def of_project(caller: Caller, project_id: UUID) -> list[AttachmentFull]:
    """The project's own files."""
    await access.project(caller, project_id, "project.read")
    return await listed("PROJECT", project_id)


async def of_board(caller: Caller, board_id: UUID) -> list[AttachmentFull]:
    """A card's files."""
    await access.board(caller, board_id, "board.read")
    return await listed("BOARD", board_id)


async def of_comment(caller: Caller, comment_id: UUID) -> list[AttachmentFull]:
    """A comment's files."""
    await access.comment(caller, comment_id, "board.read")
    return await listed("COMMENT", comment_id)


class _Owner(Struct, frozen=True):
    """To what an attachment belongs, and how the caller stands to that workspace."""

    workspace_id: UUID
    project_id: UUID | None
    entity_type: str
    entity_id: UUID | None
    uploaded_by: UUID
    file_key: str
    file_name: str
    content_type: str
    file_size: int
    standing: str | None


async def reachable(caller: Caller, attachment_id: UUID, action: str) -> _Owner:
    """An attachment the caller may do `action` with; one that is TEMP is its uploader's alone."""
    found = await db.fetch_one(
        _Owner,
        """
        SELECT a.workspace_id, a.project_id, a.entity_type, a.entity_id, a.uploaded_by, a.file_key,
               a.file_name, a.content_type, a.file_size, "user".standing(a.workspace_id, $2)
                   AS standing
        FROM board.attachments a
        LEFT JOIN board.comments c ON a.entity_type = 'COMMENT' AND c.id = a.entity_id
        LEFT JOIN board.boards b ON b.id = coalesce(c.board_id, a.entity_id)
        WHERE a.id = $1 AND b.deleted_at IS NULL
        """,
        attachment_id,
        caller.user_id,
    )
    author = found is not None and found.uploaded_by == caller.user_id
    if found is None or (found.entity_id is None and not author):
        raise NotFound(NO_ATTACHMENT)
    access.allow(action, found.standing, None, author=author, missing=NO_ATTACHMENT)
    return found


async def delete_attachment(caller: Caller, attachment_id: UUID) -> None:
    """Delete a file that the caller has uploaded, attached or not. Raises `Conflict` if it is
    being attached at this moment."""
    async with db.transaction():
        await access.lock_of("attachments", attachment_id)
        found = await reachable(caller, attachment_id, "attachment.delete")
        if found.project_id is None or found.entity_id is None:
            # No project is locked, so it may have been attached since; then it has to be told.
            if not await drop_temporary([attachment_id]):
                raise Conflict("this file is being attached; try again")
            return
        await _drop("id = $1", attachment_id)
        await _tell_removed(found, found.project_id, found.entity_id, actor=caller.user_id)


async def _tell_removed(found: _Owner, project_id: UUID, entity_id: UUID, *, actor: UUID) -> None:
    match found.entity_type:
        case "PROJECT":
            await feed.project_changed(project_id, actor=actor)
        case "BOARD":
            board = await feed.board_changed(project_id, entity_id, actor=actor)
            after = files.names(board.attachments)
            await record_changed(board, [*after, found.file_name], after, actor=actor)
        case _:
            await db.execute(
                "UPDATE board.comments SET version = version + 1 WHERE id = $1", entity_id
            )
            comment = await comment_queries.comment(entity_id)
            if comment is not None:
                feed.tell(project_id, "COMMENT_UPDATED", comment, actor=actor)
