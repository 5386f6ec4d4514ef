"""Deleting an option, and what becomes of the cards that have it (docs/boards.md)."""

from datetime import datetime
from uuid import UUID

from wealist.board import feed
from wealist.board.options import hold
from wealist.board.project_wire import FieldOption, OptionGone
from wealist.board.values import BUILT_IN, require_room
from wealist.core import db
from wealist.core.errors import Invalid
from wealist.core.identity import Caller
from wealist.core.wire import now


async def delete_option(caller: Caller, option_id: UUID, replacement: str | None) -> None:
    """Delete an option. Cards that have it get `replacement`, else the first other option of the
    field; in a field of several values it just disappears from them, unless one is named.

    Raises `Invalid` for a system default, an unknown replacement, and the last option of a
    built-in field that cards still have, and `Conflict` if the replacement would hold too many.
    """
    async with db.transaction():
        place, old = await hold(caller, option_id)
        if old.is_system_default:
            raise Invalid("a system default can't be deleted")
        new, moment = await _replacement(old, replacement), now()
        changed = await _replace(old, new, moment)
        if changed and old.field_type in BUILT_IN and new is None:
            raise Invalid("boards still have the last option of this field")
        if changed and new is not None:
            await _require_kept_limit(place.project_id, old.field_type, new)
        await db.execute("DELETE FROM board.options WHERE id = $1", option_id)
        gone = OptionGone(option_id, place.project_id, old.field_type, old.value, new, moment)
        feed.tell(place.project_id, "FIELD_OPTION_DELETED", gone, actor=caller.user_id)
        await feed.tell_changed(changed, "option.replaced", actor=caller.user_id)
        await feed.record(
            place.project_id, "option.deleted", actor=caller.user_id, subject=old.label
        )


async def _replace(old: FieldOption, new: str | None, moment: datetime) -> list[feed.Changed]:
    """Put `new` where cards have `old`, those in the trash included."""
    records = await db.fetch_records(
        """
        WITH before AS (
            SELECT id, custom_fields -> $2 AS value FROM board.boards
            WHERE project_id = $1 AND custom_fields -> $2 ? $3
        )
        UPDATE board.boards b SET version = version + 1, updated_at = $5, custom_fields =
            CASE WHEN jsonb_typeof(custom_fields -> $2) = 'array' THEN
                jsonb_set(custom_fields, ARRAY[$2], (
                    SELECT coalesce(jsonb_agg(to_jsonb(v) ORDER BY place), '[]') FROM (
                        SELECT v, min(place) AS place FROM (
                            SELECT CASE WHEN e = $3 THEN $4 ELSE e END AS v, place
                            FROM jsonb_array_elements_text(custom_fields -> $2)
                                 WITH ORDINALITY AS t (e, place)
                        ) renamed WHERE v IS NOT NULL GROUP BY v
                    ) kept
                ))
            WHEN $4::text IS NULL THEN custom_fields - $2
            ELSE jsonb_set(custom_fields, ARRAY[$2], to_jsonb($4::text)) END
        FROM before WHERE b.id = before.id
        RETURNING b.id, b.title, b.deleted_at IS NOT NULL, before.value::text,
                  (custom_fields -> $2)::text
        """,
        old.project_id,
        old.field_type,
        old.value,
        new,
        moment,
    )
    return feed.changed_in(old.project_id, old.field_type, records)


async def _require_kept_limit(project_id: UUID, field: str, value: str) -> None:
    """Raise `Conflict` if more cards than allowed have an option now."""
    found = await db.fetch_record(
        """
        SELECT o.label, o.wip_limit, (
            SELECT count(*) FROM board.boards b
            WHERE b.project_id = $1 AND b.deleted_at IS NULL AND b.custom_fields -> $2 ? $3
        ) - 1 FROM board.options o
        WHERE o.project_id = $1 AND o.field = $2 AND o.value = $3
        """,
        project_id,
        field,
        value,
    )
    require_room(*found)


async def _replacement(old: FieldOption, wanted: str | None) -> str | None:
    """The value that takes the place of a deleted one; None in a field of several values."""
    several = await db.fetch_value(
        "SELECT type = 'multi_select' FROM board.fields WHERE project_id = $1 AND key = $2",
        old.project_id,
        old.field_type,
    )
    if wanted is None and several:
        return None
    found: str | None = await db.fetch_value(
        """
        SELECT value FROM board.options
        WHERE project_id = $1 AND field = $2 AND id <> $3 AND ($4::text IS NULL OR value = $4)
        ORDER BY display_order, created_at, id LIMIT 1
        """,
        old.project_id,
        old.field_type,
        old.option_id,
        wanted,
    )
    if wanted is not None and found is None:
        raise Invalid("must be the value of another option of this field", field="replacement")
    return found
