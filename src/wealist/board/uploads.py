"""The verbs on uploads: sign a link, know what was uploaded, hand it out (board.md §6.7)."""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from uuid import UUID

from msgspec import Struct

from wealist.board import access, attachments
from wealist.board.files import FOLDER
from wealist.board.wire import AttachmentFull, NewAttachment, Upload, UploadRequest
from wealist.core import db, downloads, objects
from wealist.core.errors import Invalid, NotFound, TooMany
from wealist.core.identity import Caller
from wealist.core.ids import NIL, uuid7
from wealist.core.wire import now

MAX_BYTES = 50 * 1024 * 1024
LINK_SECONDS = 300
TEMP_LIFE = timedelta(hours=1)
MOST_TEMP = 200
"""Uploads that one person may hold without attaching them."""

KINDS = {"BOARD": "boards", "COMMENT": "comments", "PROJECT": "projects"}

_OFFICE = "application/vnd.openxmlformats-officedocument."
TYPES: dict[str, tuple[str, ...]] = {
    ".jpg": ("image/jpeg", "image/jpg"),
    ".jpeg": ("image/jpeg", "image/jpg"),
    ".png": ("image/png",),
    ".gif": ("image/gif",),
    ".webp": ("image/webp",),
    ".svg": ("image/svg+xml",),
    ".heic": ("image/heic",),
    ".pdf": ("application/pdf",),
    ".txt": ("text/plain",),
    ".md": ("text/markdown", "text/plain"),
    ".csv": ("text/csv", "text/plain", "application/vnd.ms-excel"),
    ".doc": ("application/msword",),
    ".docx": (f"{_OFFICE}wordprocessingml.document",),
    ".xls": ("application/vnd.ms-excel",),
    ".xlsx": (f"{_OFFICE}spreadsheetml.sheet",),
    ".ppt": ("application/vnd.ms-powerpoint",),
    ".pptx": (f"{_OFFICE}presentationml.presentation",),
    ".zip": ("application/zip", "application/x-zip-compressed"),
    ".json": ("application/json",),
}
"""What may be uploaded: endings, and the types that go with each. The first one is the usual."""


class _Announced(Struct, frozen=True):
    """What a client says about a file, checked."""

    kind: str
    name: str
    size: int
    type: str
    ending: str


def _announced(entity: str, name: str, size: int, content_type: str) -> _Announced:
    """Raises `Invalid`, in the order and with the codes of the contract."""
    if size <= 0:
        raise Invalid("must be above 0", field="fileSize")
    if size > MAX_BYTES:
        raise Invalid(
            f"a file may have at most {MAX_BYTES >> 20} MB", field="fileSize", code="FILE_TOO_LARGE"
        )
    kind = entity.upper()
    if kind not in KINDS:
        raise Invalid("must be BOARD, PROJECT or COMMENT", field="entityType")
    suffix = PurePosixPath(name).suffix
    ending = suffix.lower()
    allowed = TYPES.get(ending)
    if allowed is None:
        raise Invalid(
            f"this kind of file can't be attached; {', '.join(sorted(TYPES))} can",
            field="fileName",
            code="INVALID_FILE_TYPE",
        )
    given = downloads.media_type(content_type)
    if given and given not in allowed:
        raise Invalid(
            f"{given} does not go with {ending}", field="contentType", code="INVALID_FILE_TYPE"
        )
    return _Announced(kind, name, size, given or allowed[0], ending)


async def sign_upload(caller: Caller, wanted: UploadRequest) -> Upload:
    """A link to which the browser can PUT one file within five minutes; the file is the caller's
    until he attaches it, for an hour.

    The link is signed for the size, and for the type as the client wrote it. A browser that doesn't
    know the type sends none, so a link for an empty one takes any. Raises `TooMany` for a caller
    who holds `MOST_TEMP` uploads already.
    """
    file = _announced(wanted.entity_type, wanted.file_name, wanted.file_size, wanted.content_type)
    if wanted.workspace_id == NIL:
        raise Invalid("is required", field="workspaceId")
    await access.workspace(caller, wanted.workspace_id, "attachment.upload")
    moment = now()
    key = _key(file, wanted.workspace_id, moment)
    link = await objects.store().presign_put(
        key, wanted.content_type.strip(), size=file.size, expires_in=LINK_SECONDS
    )
    attachment_id = uuid7()
    # No lock: requests at the very same moment don't see each other's row, and go beyond the limit
    # by as many as there are database connections.
    made = await db.execute(
        """
        INSERT INTO board.attachments
            (id, workspace_id, entity_type, status, file_key, file_name, file_size, content_type,
             uploaded_by, expires_at, created_at)
        SELECT $1, $2, $3, 'TEMP', $4, $5, $6, $7, $8, $9, $10
        WHERE $11 > (
            SELECT count(*) FROM board.attachments
            WHERE status = 'TEMP' AND expires_at > now() AND uploaded_by = $8
        )
        """,
        attachment_id,
        wanted.workspace_id,
        file.kind,
        key,
        file.name,
        file.size,
        file.type,
        caller.user_id,
        moment + TEMP_LIFE,
        moment,
        MOST_TEMP,
    )
    if not made:
        raise TooMany(
            f"you have {MOST_TEMP} uploads that aren't attached to anything; attach or delete some",
            retry_after=600,
        )
    return Upload(attachment_id, link.url, key, LINK_SECONDS)


def _key(file: _Announced, workspace_id: UUID, moment: datetime) -> str:
    day = moment.astimezone(UTC)
    name = f"{secrets.token_hex(16)}_{int(day.timestamp())}{file.ending}"
    return f"{FOLDER}{KINDS[file.kind]}/{workspace_id}/{day:%Y}/{day:%m}/{name}"


async def known_upload(caller: Caller, given: NewAttachment) -> AttachmentFull:
    """The attachment that a key belongs to: made when its link was signed, so this can be repeated.

    Raises `Invalid` for a key that the caller didn't get, or for another file than announced.
    """
    file = _announced(given.entity_type, given.file_name, given.file_size, given.content_type)
    found: UUID | None = await db.fetch_value(
        """
        SELECT id FROM board.attachments
        WHERE file_key = $1 AND uploaded_by = $2 AND entity_type = $3 AND file_size = $4
        """,
        given.file_key,
        caller.user_id,
        file.kind,
        file.size,
    )
    attachment = await attachments.full(found) if found is not None else None
    if attachment is None:
        raise Invalid("must be the key of an upload of yours, of that size", field="fileKey")
    return attachment


class Download(Struct, frozen=True):
    """A file to send: its key, and the headers that go with it."""

    key: str
    headers: dict[str, str]


async def download(caller: Caller, attachment_id: UUID) -> Download:
    """A file as an attachment, for whoever may see what it is attached to."""
    found = await attachments.reachable(caller, attachment_id, "board.read")
    stored = await objects.store().head(found.file_key)
    if stored is None:
        raise NotFound("this file has not been uploaded")
    disposition = downloads.disposition(
        found.file_name, inline=False, content_type=found.content_type
    )
    return Download(
        found.file_key,
        {
            "Content-Type": found.content_type,
            "Content-Disposition": disposition,
            "Content-Length": str(stored.size),
            "Cache-Control": "private, no-store",
        },
    )


async def drop_expired() -> str:
    """Delete uploads that nobody attached within their hour; the job's sentence."""
    gone = 0
    while True:
        async with db.transaction():
            ids = await db.fetch_value(
                """
                SELECT array_agg(id) FROM (
                    SELECT id FROM board.attachments WHERE status = 'TEMP' AND expires_at < now()
                    ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED
                ) expired
                """
            )
            gone += await attachments.drop_temporary(ids or ())
        if not ids:
            return f"{gone} unused uploads dropped"


async def reconcile() -> str:
    """Delete stored files that no row knows, such as uploads after their link's row was gone."""
    return f"{await objects.delete_orphans(FOLDER, _known)} orphaned files deleted"


async def _known(keys: object) -> set[str]:
    found = await db.fetch_value(
        "SELECT array_agg(file_key) FROM board.attachments WHERE file_key = ANY($1)", keys
    )
    return set(found or ())
