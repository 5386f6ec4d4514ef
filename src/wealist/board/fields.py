"""The verbs on a project's own fields: labels, points, testers, whatever its people need."""

import re
import unicodedata
from datetime import datetime
from uuid import UUID

from wealist.board import access, feed
from wealist.board.access import NO_FIELD
from wealist.board.project_wire import Field, FieldChange, FieldGone, NewField
from wealist.board.values import BUILT_IN
from wealist.core import db
from wealist.core.errors import Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import uuid7
from wealist.core.versions import expect
from wealist.core.wire import now

MOST = 50
"""Fields of a project, the built-in ones included."""

RESERVED = frozenset(
    {"title", "content", "assignee", "participants", "attachments", "rank", "comment", "item"}
)
"""Keys that no field may have: activities and notifications call something else so."""

_KEY = re.compile(r"[a-z][a-z0-9_]{0,49}")

_FIELD = """
    SELECT key AS field_id, project_id, key, name AS field_name, type AS field_type, position,
           created_at, updated_at, version
    FROM board.fields WHERE project_id = $1
"""


async def _field(project_id: UUID, key: str) -> Field:
    found = await db.fetch_one(Field, f"{_FIELD} AND key = $2", project_id, key)
    if found is None:
        raise NotFound(NO_FIELD)
    return found


async def create_field(caller: Caller, project_id: UUID, new: NewField) -> Field:
    """Add a field behind the others. Without a key it gets one made from its name."""
    field_id = uuid7()
    key = new.key if new.key is not None else _key(new.field_name, field_id)
    if not _KEY.fullmatch(key):
        raise Invalid("must be small letters, digits and _, a letter first", field="key")
    if key in RESERVED:
        raise Invalid("is taken by something else that a board has", field="key")
    async with db.transaction():
        await access.project(caller, project_id, "field.change", hold=True)
        keys: list[str] = await db.fetch_value(
            "SELECT array_agg(key) FROM board.fields WHERE project_id = $1", project_id
        )
        if len(keys) >= MOST:
            raise Conflict(f"a project has at most {MOST} fields")
        if key in keys:
            if new.key is not None:
                raise Conflict("this project has a field with this key already")
            key = f"f_{field_id.hex[-8:]}"
        await db.execute(
            """
            INSERT INTO board.fields
                (id, project_id, key, name, type, position, created_at, updated_at, version)
            SELECT $1, $2, $3, $4, $5, max(position) + 1, $6, $6, 1
            FROM board.fields WHERE project_id = $2
            """,
            field_id,
            project_id,
            key,
            new.field_name,
            new.field_type,
            now(),
        )
        field = await _field(project_id, key)
        feed.tell(project_id, "FIELD_CREATED", field, actor=caller.user_id)
        await feed.record(
            project_id, "field.created", actor=caller.user_id, subject=field.field_name
        )
    return field


def _key(name: str, field_id: UUID) -> str:
    """`Story points` → `story_points`; a name without Latin letters gets one that nobody reads."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    key = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:50]
    usable = _KEY.fullmatch(key) and key not in RESERVED
    return key if usable else f"f_{field_id.hex[-8:]}"


async def change_field(
    caller: Caller, project_id: UUID, key: str, change: FieldChange, expected: int | None
) -> Field:
    """Rename a field or put it elsewhere. The built-in ones keep their names, by which clients
    know them."""
    async with db.transaction():
        await access.project(caller, project_id, "field.change", hold=True)
        old = await _field(project_id, key)
        expect(expected, old.version, old)
        name = change.field_name or old.field_name
        if key in BUILT_IN and name != old.field_name:
            raise Invalid("a built-in field can't be renamed", field="fieldName")
        position = old.position if change.position is None else change.position
        if not 0 <= position < 10_000:
            raise Invalid("must be 0 to 9999", field="position")
        if (name, position) == (old.field_name, old.position):
            return old
        await db.execute(
            """
            UPDATE board.fields SET name = $3, position = $4, updated_at = $5,
                   version = version + 1 WHERE project_id = $1 AND key = $2
            """,
            project_id,
            key,
            name,
            position,
            now(),
        )
        field = await _field(project_id, key)
        feed.tell(project_id, "FIELD_UPDATED", field, actor=caller.user_id)
        await feed.record(project_id, "field.updated", actor=caller.user_id, subject=name)
    return field


async def delete_field(caller: Caller, project_id: UUID, key: str) -> None:
    """Delete a field of the project's own, with its options and all cards' values in it."""
    async with db.transaction():
        await access.project(caller, project_id, "field.change", hold=True)
        old = await _field(project_id, key)
        if key in BUILT_IN:
            raise Invalid("a built-in field can't be deleted")
        moment = now()
        changed = await _clear(project_id, key, moment)
        await db.execute(
            "DELETE FROM board.fields WHERE project_id = $1 AND key = $2", project_id, key
        )
        gone = FieldGone(key, project_id, key, moment)
        feed.tell(project_id, "FIELD_DELETED", gone, actor=caller.user_id)
        await feed.tell_changed(changed, "field.cleared", actor=caller.user_id)
        await feed.record(project_id, "field.deleted", actor=caller.user_id, subject=old.field_name)


async def _clear(project_id: UUID, key: str, moment: datetime) -> list[feed.Changed]:
    """Take a field off all cards, those in the trash included."""
    records = await db.fetch_records(
        """
        WITH before AS (
            SELECT id, custom_fields -> $2 AS value FROM board.boards
            WHERE project_id = $1 AND custom_fields ? $2
        )
        UPDATE board.boards b SET custom_fields = custom_fields - $2, version = version + 1,
               updated_at = $3
        FROM before WHERE b.id = before.id
        RETURNING b.id, b.title, b.deleted_at IS NOT NULL, before.value::text, NULL
        """,
        project_id,
        key,
        moment,
    )
    return feed.changed_in(project_id, key, records)
