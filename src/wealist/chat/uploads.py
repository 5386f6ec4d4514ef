"""The verbs on files: sign a link, confirm what was uploaded, drop it (contract: chat.md §4.3, §5).

A file belongs to its uploader until he sends a message with it, for an hour; then it belongs to
the message and goes with that.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, timedelta
from pathlib import PurePosixPath
from uuid import UUID

from msgspec import Struct

from wealist.chat import access, files
from wealist.chat.message_wire import NewMessage, UploadRequest, UploadTicket
from wealist.core import db, doomed, downloads, objects
from wealist.core.errors import Invalid, TooMany
from wealist.core.identity import Caller
from wealist.core.ids import uuid7
from wealist.core.wire import now

MAX_BYTES = 50 * 1024 * 1024
LINK_SECONDS = 300
UNUSED_LIFE = timedelta(hours=1)
MOST_UNUSED = 200
"""Uploads that one person may hold without sending them."""
NAME = 255

IMAGES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
}
DOCUMENTS = {
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/zip": ".zip",
    "application/json": ".json",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
}
"""Types that may be sent, and the endings of their keys. Documents ask for `messageType` FILE."""


class Upload(Struct, frozen=True):
    """A file that was uploaded and looked at."""

    id: UUID
    key: str
    name: str
    size: int
    type: str
    workspace_id: UUID


async def sign_upload(caller: Caller, wanted: UploadRequest) -> UploadTicket:
    """A link to which a browser can PUT one file within five minutes. Checks in the contract's
    order: body, size, type, workspace. Raises `TooMany` for whoever holds `MOST_UNUSED` already."""
    name = PurePosixPath(wanted.file_name.replace("\\", "/")).name.strip()[:NAME]
    needed = {
        "workspaceId": wanted.workspace_id,
        "fileName": name,
        "contentType": wanted.content_type,
    }
    for field, text in needed.items():
        if not text:
            raise Invalid(f"Invalid request body: {field} is required", code="VALIDATION_ERROR")
    if wanted.file_size < 1:
        raise Invalid("Invalid request body: fileSize must be above 0", code="VALIDATION_ERROR")
    if wanted.file_size > MAX_BYTES:
        raise Invalid("File size exceeds 50MB limit", code="FILE_TOO_LARGE")
    given = downloads.media_type(wanted.content_type)
    ending = IMAGES.get(given) or (DOCUMENTS.get(given) if wanted.message_type == "FILE" else None)
    if ending is None:
        raise Invalid(
            "Only image files are allowed (jpeg, png, gif, webp)"
            if wanted.message_type != "FILE"
            else "This type of file can't be sent",
            code="INVALID_FILE_TYPE",
        )
    try:
        workspace_id = UUID(wanted.workspace_id)
    except ValueError:
        raise Invalid("Invalid workspace ID", code="VALIDATION_ERROR") from None
    await access.inside_workspace(caller, workspace_id)
    moment = now().astimezone(UTC)
    key = f"{files.FOLDER}{workspace_id}/{moment:%Y}/{moment:%m}/{secrets.token_hex(16)}{ending}"
    link = await objects.store().presign_put(
        key, wanted.content_type.strip(), size=wanted.file_size, expires_in=LINK_SECONDS
    )
    made = await db.execute(
        """
        INSERT INTO chat.files
            (id, workspace_id, key, name, size, type, uploaded_by, expires_at, created_at)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE $10 > (
            SELECT count(*) FROM chat.files WHERE expires_at > now() AND uploaded_by = $7
        )
        """,
        uuid7(),
        workspace_id,
        key,
        name,
        wanted.file_size,
        given,
        caller.user_id,
        moment + UNUSED_LIFE,
        moment,
        MOST_UNUSED,
    )
    if not made:
        raise TooMany(
            f"you have {MOST_UNUSED} uploads that belong to no message; send some of them",
            retry_after=600,
        )
    return UploadTicket(link.url, files.address(key), key, LINK_SECONDS)


async def check(caller: Caller, new: NewMessage) -> Upload:
    """Look at the stored object that a message shall have, before any lock is held.

    Raises `Invalid` for an address that isn't of an unused upload of the caller's, or whose object
    isn't what was announced, which drops it.
    """
    key = files.key_of(new.file_url or "")
    found = (
        await db.fetch_one(
            Upload,
            """
            SELECT id, key, name, size, type, workspace_id FROM chat.files
            WHERE key = $1 AND uploaded_by = $2 AND (expires_at > now() OR message_id IS NOT NULL)
            """,
            key,
            caller.user_id,
        )
        if key is not None
        else None
    )
    if found is None:
        raise Invalid("must be the downloadUrl of an upload of yours", field="fileUrl")
    if new.message_type == "IMAGE" and found.type not in IMAGES:
        raise Invalid("is no image; send it as FILE", field="fileUrl")
    stored = await objects.store().head(found.key)
    if stored is None:
        raise Invalid("the file has not been uploaded yet", field="fileUrl")
    if stored.size != found.size:
        async with db.transaction():
            await _drop("id = $1 AND message_id IS NULL", found.id)
        raise Invalid(
            f"the file has {stored.size} bytes where {found.size} were announced", field="fileUrl"
        )
    return found


async def attach(upload: Upload, message_id: UUID, workspace_id: UUID) -> None:
    """Make a file that message's, in its transaction. Raises `Invalid` when it belongs to another
    message, or to a room of another workspace than it was uploaded for."""
    attached = await db.execute(
        """
        UPDATE chat.files SET message_id = $2, expires_at = NULL
        WHERE id = $1 AND message_id IS NULL AND workspace_id = $3
        """,
        upload.id,
        message_id,
        workspace_id,
    )
    if not attached:
        raise Invalid("must be an upload for this workspace that no message has", field="fileUrl")


async def drop_messages(ids: Sequence[UUID]) -> None:
    """Delete the files of messages."""
    await _drop("message_id = ANY($1)", list(ids))


async def drop_chats(ids: Sequence[UUID]) -> None:
    """Delete all files of rooms."""
    await _drop("message_id IN (SELECT id FROM chat.messages WHERE chat_id = ANY($1))", list(ids))


async def drop_unused_of(workspace_id: UUID, person: UUID | None) -> None:
    """Delete unused uploads for a workspace: somebody's, or all."""
    await _drop(
        "workspace_id = $1 AND message_id IS NULL AND ($2::uuid IS NULL OR uploaded_by = $2)",
        workspace_id,
        person,
    )


async def drop_expired() -> str:
    """Delete uploads that nobody sent within their hour; the job's sentence."""
    gone = 0
    while True:
        async with db.transaction():
            dropped = await _drop(
                """
                id IN (SELECT id FROM chat.files WHERE expires_at < now() ORDER BY expires_at
                       LIMIT 1000 FOR UPDATE SKIP LOCKED)
                """
            )
        gone += dropped
        if not dropped:
            return f"{gone} unused uploads dropped"


async def reconcile() -> str:
    """Delete stored files that no row knows, such as uploads after their link's row was gone."""
    return f"{await objects.delete_orphans(files.FOLDER, _known)} orphaned files deleted"


async def _known(keys: object) -> set[str]:
    found = await db.fetch_value("SELECT array_agg(key) FROM chat.files WHERE key = ANY($1)", keys)
    return set(found or ())


async def _drop(where: str, *args: object) -> int:
    """Delete rows, and have their objects deleted after the commit; how many. `where` is ours."""
    keys = await db.fetch_value(
        f"""
        WITH gone AS (DELETE FROM chat.files WHERE {where} RETURNING key)
        SELECT array_agg(key) FROM gone
        """,
        *args,
    )
    await doomed.doom(keys or ())
    return len(keys or ())
