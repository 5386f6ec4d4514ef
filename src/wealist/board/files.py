"""How stored files become addresses that `<img>` and links can use without a header."""

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from wealist.board.wire import Attachment
from wealist.core import capability, db, site

FOLDER = "board/"


class File(Struct, frozen=True):
    """A confirmed attachment, as SQL shows it."""

    id: UUID
    key: str
    name: str
    size: int
    type: str
    by: UUID
    at: datetime


def address(key: str) -> str:
    """The stable address of a stored file; its path ends in the extension (board.md, need 10)."""
    return site.address(f"/svc/board/files/{capability.sign(key)}")


async def shown(key: str) -> bool:
    """Whether a stored file is attached to something that isn't gone and isn't in the trash."""
    found: bool = await db.fetch_value(
        """
        SELECT EXISTS (
            SELECT FROM board.attachments a
            LEFT JOIN board.comments c ON a.entity_type = 'COMMENT' AND c.id = a.entity_id
            LEFT JOIN board.boards b ON b.id = CASE a.entity_type
                WHEN 'COMMENT' THEN c.board_id WHEN 'BOARD' THEN a.entity_id END
            WHERE a.file_key = $1 AND a.status = 'CONFIRMED'
              AND (a.entity_type = 'PROJECT' OR (b.id IS NOT NULL AND b.deleted_at IS NULL))
        )
        """,
        key,
    )
    return found


def attachment(file: File) -> Attachment:
    """The file as clients see it inside of what it is attached to."""
    return Attachment(
        file.id,
        file.id,
        file.name,
        address(file.key),
        file.size,
        file.type,
        file.by,
        file.at,
    )


COLUMNS = """
    a.id, a.file_key AS key, a.file_name AS name, a.file_size AS size, a.content_type AS type,
    a.uploaded_by AS by, a.created_at AS at
"""
"""The columns of a `File`, of `board.attachments a`."""


def names(attached: list[Attachment]) -> list[str]:
    """As activities show files."""
    return [file.file_name for file in attached]


def aggregated(kind: str, entity: str) -> str:
    """SQL: the files of one entity as a JSON text, newest first. Both arguments are ours."""
    return f"""
        (SELECT json_agg(row_to_json(f) ORDER BY f.at DESC, f.id DESC)::text FROM (
            SELECT {COLUMNS} FROM board.attachments a
            WHERE a.entity_type = '{kind}' AND a.entity_id = {entity}
        ) f)
    """


def decoded(text: str | None) -> list[Attachment]:
    """What `aggregated` has made."""
    if text is None:
        return []
    return [attachment(file) for file in msgspec.json.decode(text, type=list[File])]
