"""The verbs on profile pictures: sign an upload, confirm it, use it (contract: user.md §4)."""

from datetime import timedelta
from uuid import UUID

from wealist.core import db, objects
from wealist.core.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, TooMany
from wealist.core.identity import Caller
from wealist.core.ids import uuid7
from wealist.core.text import required
from wealist.core.wire import now
from wealist.user import avatars, profiles
from wealist.user.avatars import FOLDER
from wealist.user.tables import AttachmentRow
from wealist.user.wire import Attachment, ImageConfirm, ImageRequest, ImageUpload, Profile

MAX_BYTES = 20 * 1024 * 1024
LINK_SECONDS = 300
TEMP_LIFE = timedelta(hours=1)
MOST_TEMP = 200
"""Confirmed pictures that one person may hold without using them."""

EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
}


def _content_type(text: str) -> str:
    kind = text.strip().lower()
    if kind not in EXTENSIONS:
        raise Invalid("must be a JPEG, PNG, GIF or WebP picture", field="contentType")
    return kind


def _size(size: int) -> int:
    if not 0 < size <= MAX_BYTES:
        raise Invalid(f"must be between 1 and {MAX_BYTES} bytes", field="fileSize")
    return size


async def sign_upload(caller: Caller, wanted: ImageRequest) -> ImageUpload:
    """A link to which the browser can PUT one picture within five minutes.

    The key is ours and belongs to the caller. The link is signed for the size, and for the type
    exactly as the client wrote it, because the browser repeats that in its `Content-Type`. Raises
    `TooMany` for a caller who couldn't confirm the upload.
    """
    kind, size = _content_type(wanted.content_type), _size(wanted.file_size)
    required(wanted.file_name, field="fileName", limit=255)
    if await db.fetch_value(f"SELECT {_HELD} >= $2", caller.user_id, MOST_TEMP):
        raise _too_many()
    key = f"{FOLDER}{caller.user_id}/{uuid7()}{EXTENSIONS[kind]}"
    link = await objects.store().presign_put(
        key, wanted.content_type.strip(), size=size, expires_in=LINK_SECONDS
    )
    return ImageUpload(link.url, key, link.expires_at, link.expires_in)


_HELD = """
    (SELECT count(*) FROM "user".attachments
     WHERE status = 'TEMP' AND expires_at > now() AND uploaded_by = $1)
"""
"""SQL: how many pictures of a person wait to be used."""


def _too_many() -> TooMany:
    return TooMany(f"you have {MOST_TEMP} pictures that you don't use", retry_after=600)


_ATTACHMENT = """
    SELECT id AS attachment_id, entity_type, status, file_name, file_key AS file_url, file_size,
           content_type, uploaded_by, created_at, entity_id, expires_at
    FROM "user".attachments
"""


async def confirm_upload(caller: Caller, upload: ImageConfirm) -> Attachment:
    """Record an uploaded picture after a look at the object itself; repeating it is harmless.

    Raises `Invalid` when the key is not one of the caller's, nothing was uploaded under it, or
    size and type are not those announced; `TooMany` when he holds `MOST_TEMP` already.
    """
    kind, size = _content_type(upload.content_type), _size(upload.file_size)
    name = required(upload.file_name, field="fileName", limit=255)
    if not upload.file_key.startswith(f"{FOLDER}{caller.user_id}/"):
        raise Invalid("must be a key that you got for an upload of yours", field="fileKey")
    try:
        stored = await objects.store().head(upload.file_key)
    except BadRequest as error:
        raise Invalid("must be a key that you got for an upload", field="fileKey") from error
    if stored is None:
        raise Invalid("nothing has been uploaded under this key", field="fileKey")
    if stored.size != size:
        raise Invalid(f"the uploaded file has {stored.size} bytes", field="fileSize")
    if stored.content_type.lower() != kind:
        raise Invalid(f"the uploaded file is {stored.content_type}", field="contentType")
    moment = now()
    await db.execute(
        f"""
        INSERT INTO "user".attachments
            (uploaded_by, id, entity_type, status, file_key, file_name, file_size, content_type,
             etag, expires_at, created_at)
        SELECT $1, $2, 'USER_PROFILE', 'TEMP', $3, $4, $5, $6, $7, $8, $9 WHERE {_HELD} < $10
        ON CONFLICT (file_key) DO NOTHING
        """,
        caller.user_id,
        uuid7(),
        upload.file_key,
        name,
        size,
        kind,
        stored.etag,
        moment + TEMP_LIFE,
        moment,
        MOST_TEMP,
    )
    found = await db.fetch_one(Attachment, _ATTACHMENT + "WHERE file_key = $1", upload.file_key)
    if found is None:
        raise _too_many()
    found.file_url = avatars.address(found.file_url) or ""
    return found


async def shown(key: str) -> bool:
    """Whether a stored picture is in use, or was confirmed lately (its owner looks at it first)."""
    found: bool = await db.fetch_value(
        'SELECT EXISTS (SELECT FROM "user".attachments WHERE file_key = $1)', key
    )
    return found


async def choose_image(caller: Caller, workspace_id: UUID, attachment_id: UUID) -> Profile:
    """Show a confirmed picture on the caller's profile of a workspace (nil: the default one).

    Raises `NotFound`, `Forbidden` for somebody else's picture, `Conflict` for one that is in use
    or was uploaded anew after it was confirmed (an S3 link takes a second PUT until it expires).
    """
    known = await AttachmentRow.select().where(AttachmentRow.id == attachment_id).first()
    if known is not None and known["uploaded_by"] == caller.user_id:
        # Before the transaction: no lock waits for the store.
        stored = await objects.store().head(known["file_key"])
        if stored is None or stored.etag != known["etag"]:
            raise Conflict("the file was changed after it was confirmed; upload it again")
    async with db.transaction():
        row = (
            await AttachmentRow.select()
            .where(AttachmentRow.id == attachment_id)
            .lock_rows("UPDATE")
            .first()
        )
        if row is None:
            raise NotFound("there is no such attachment")
        if row["uploaded_by"] != caller.user_id:
            raise Forbidden("this attachment is somebody else's")
        if row["status"] != "TEMP":
            raise Conflict("this attachment is in use already")
        await profiles.open_profile(caller, workspace_id)
        profile = await profiles.show_picture(caller, workspace_id, row["file_key"])
        await AttachmentRow.update(
            {
                AttachmentRow.status: "CONFIRMED",
                AttachmentRow.entity_id: profile.profile_id,
                AttachmentRow.expires_at: None,
            }
        ).where(AttachmentRow.id == attachment_id)
    return profile
