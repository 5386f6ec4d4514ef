"""The verbs on options: the columns, levels and labels of a project (contract: board.md §6.6)."""

import re
from uuid import UUID

from msgspec import UNSET

from wealist.board import access, board_queries, feed
from wealist.board.access import NO_OPTION, Place
from wealist.board.option_queries import OPTION, option, require_field
from wealist.board.project_wire import FieldOption, NewOption, OptionChange, OptionGone
from wealist.board.values import BUILT_IN
from wealist.board.wire import Change
from wealist.core import db
from wealist.core.errors import Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import NIL, uuid7
from wealist.core.versions import expect
from wealist.core.wire import now

MOST = 100
"""Options of one field."""

_COLOR = re.compile(r"#(?:[0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})")
_INT4 = 2**31


async def put_option(caller: Caller, new: NewOption) -> tuple[FieldOption, bool]:
    """Add an option, or change the one that has this value or label; the second of the answer
    tells whether it is new.

    Clients send all options of a field again to add one (frontend need 16), and don't name the
    project: it is then the one whose settings the caller read last.
    """
    value = _text(new.value, "value", 100)
    label = _text(new.label, "label", 200)
    color, order = _color(new.color), _order(new.display_order)
    project_id = await _project_of(caller, new.project_id)
    async with db.transaction():
        place = await access.project(caller, project_id, "field.change", hold=True)
        await require_field(project_id, new.field_type)
        known = await db.fetch_one(
            FieldOption,
            f"""
            {OPTION} WHERE o.project_id = $1 AND o.field = $2 AND (o.value = $3 OR o.label = $4)
            ORDER BY o.value <> $3 LIMIT 1
            """,
            project_id,
            new.field_type,
            value,
            label,
        )
        if known is not None:
            change = OptionChange(label, color, order)
            return await _write(caller, place, known, change), False
        return await _insert(caller, place, new, value, label), True


def _text(text: str, field: str, most: int) -> str:
    if not 1 <= len(text) <= most:
        raise Invalid(f"must have 1 to {most} characters", field=field)
    return text


def _color(text: str) -> str:
    if not _COLOR.fullmatch(text):
        raise Invalid("must be a color such as #3B82F6", field="color")
    return text


def _order(number: int) -> int:
    if not -_INT4 <= number < _INT4:
        raise Invalid("is too large", field="displayOrder")
    return number


async def _project_of(caller: Caller, given: UUID | None) -> UUID:
    if given is not None and given != NIL:
        return given
    found: UUID | None = await db.fetch_value(
        "SELECT project_id FROM board.visits WHERE user_id = $1", caller.user_id
    )
    if found is None:
        raise Invalid("is required", field="projectId")
    return found


async def _insert(
    caller: Caller, place: Place, new: NewOption, value: str, label: str
) -> FieldOption:
    count: int = await db.fetch_value(
        "SELECT count(*) FROM board.options WHERE project_id = $1 AND field = $2",
        place.project_id,
        new.field_type,
    )
    if count >= MOST:
        raise Conflict(f"a field has at most {MOST} options")
    moment = now()
    made = FieldOption(
        uuid7(),
        place.project_id,
        new.field_type,
        value,
        label,
        new.color,
        new.display_order,
        False,
        new.wip_limit,
        moment,
        moment,
        1,
    )
    await db.execute(
        """
        INSERT INTO board.options
            (id, project_id, field, value, label, color, display_order, wip_limit,
             is_system_default, created_at, updated_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, false, $9, $9, 1)
        """,
        made.option_id,
        made.project_id,
        made.field_type,
        value,
        label,
        made.color,
        made.display_order,
        made.wip_limit,
        moment,
    )
    feed.tell(place.project_id, "FIELD_OPTION_CREATED", made, actor=caller.user_id)
    await feed.record(place.project_id, "option.created", actor=caller.user_id, subject=label)
    return made


async def change_option(
    caller: Caller, option_id: UUID, change: OptionChange, expected: int | None
) -> FieldOption:
    """Rename, recolor, reorder, or limit an option. Its value never changes."""
    async with db.transaction():
        place = await access.within(
            caller, "options", option_id, "field.change", missing=NO_OPTION, hold=True
        )
        old = await option(option_id)
        if old is None:
            raise NotFound(NO_OPTION)
        expect(expected, old.version, old)
        return await _write(caller, place, old, change)


async def _write(
    caller: Caller, place: Place, old: FieldOption, change: OptionChange
) -> FieldOption:
    label = old.label if change.label is None else _text(change.label, "label", 200)
    color = old.color if change.color is None else _color(change.color)
    order = old.display_order if change.display_order is None else _order(change.display_order)
    limit = old.wip_limit if change.wip_limit is UNSET else change.wip_limit
    if limit is not None and limit >= _INT4:
        raise Invalid("is too large", field="wipLimit")
    before = (old.label, old.color, old.display_order, old.wip_limit)
    if before == (label, color, order, limit):
        return old
    await db.execute(
        """
        UPDATE board.options SET label = $2, color = $3, display_order = $4, wip_limit = $5,
               updated_at = $6, version = version + 1 WHERE id = $1
        """,
        old.option_id,
        label,
        color,
        order,
        limit,
        now(),
    )
    new = await option(old.option_id)
    assert new is not None
    feed.tell(place.project_id, "FIELD_OPTION_UPDATED", new, actor=caller.user_id)
    changed = [
        Change(name, was, becomes)
        for name, was, becomes in zip(
            ("label", "color", "displayOrder", "wipLimit"),
            before,
            (label, color, order, limit),
            strict=True,
        )
        if was != becomes
    ]
    await feed.record(
        place.project_id, "option.updated", actor=caller.user_id, subject=label, changes=changed
    )
    return new


async def delete_option(caller: Caller, option_id: UUID, replacement: str | None) -> None:
    """Delete an option. Cards that have it get `replacement`, else the first other option of the
    field; in a field of several values it just disappears from them, unless one is named.

    Raises `Invalid` for a system default, an unknown replacement, and the last option of a
    built-in field that cards still have.
    """
    async with db.transaction():
        place = await access.within(
            caller, "options", option_id, "field.change", missing=NO_OPTION, hold=True
        )
        old = await option(option_id)
        if old is None:
            raise NotFound(NO_OPTION)
        if old.is_system_default:
            raise Invalid("a system default can't be deleted")
        new = await _replacement(old, replacement)
        moment = now()
        touched = await db.fetch_value(
            """
            WITH changed AS (
                UPDATE board.boards SET version = version + 1, updated_at = $5, custom_fields =
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
                WHERE project_id = $1 AND (custom_fields ->> $2 = $3 OR custom_fields -> $2 ? $3)
                RETURNING id, deleted_at
            ) SELECT array_agg(id) FILTER (WHERE deleted_at IS NULL) FROM changed
            """,
            place.project_id,
            old.field_type,
            old.value,
            new,
            moment,
        )
        if touched and old.field_type in BUILT_IN and new is None:
            raise Invalid("boards still have the last option of this field")
        await db.execute("DELETE FROM board.options WHERE id = $1", option_id)
        gone = OptionGone(option_id, place.project_id, old.field_type, old.value, new, moment)
        feed.tell(place.project_id, "FIELD_OPTION_DELETED", gone, actor=caller.user_id)
        await tell_one_of(place.project_id, touched or [], actor=caller.user_id)
        await feed.record(
            place.project_id, "option.deleted", actor=caller.user_id, subject=old.label
        )


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


async def tell_one_of(project_id: UUID, touched: list[UUID], *, actor: UUID) -> None:
    """After a change of many cards that another event tells of: one of the four events that old
    clients know, so that they read the list again."""
    if touched:
        board = await board_queries.board(min(touched))
        if board is not None:
            feed.tell(project_id, "BOARD_UPDATED", board, actor=actor)
