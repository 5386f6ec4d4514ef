"""The verbs on options: the columns, levels and labels of a project (contract: board.md §6.6)."""

import re
from uuid import UUID

from msgspec import UNSET, UnsetType

from wealist.board import access, feed, option_queries
from wealist.board.access import NO_OPTION, Place
from wealist.board.option_queries import OPTION, option
from wealist.board.project_wire import FieldOption, NewOption, OptionChange
from wealist.board.values import BUILT_IN, SELECTS
from wealist.board.wire import Change
from wealist.core import db
from wealist.core.errors import Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import NIL, uuid7
from wealist.core.text import verbatim
from wealist.core.versions import expect
from wealist.core.wire import now
from wealist.user import api as user

MOST = 100
"""Options of one field."""

_COLOR = re.compile(r"#(?:[0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})")
_INT4 = 2**31


async def list_options(
    caller: Caller, field: str | None, project_id: UUID | None
) -> list[FieldOption]:
    """The options of a field: of one project, or of all that the caller can see."""
    if not field:
        raise Invalid("is required", field="fieldType")
    if project_id is not None:
        await access.project(caller, project_id, "project.read")
        await _require_field(project_id, field)
        return await option_queries.of_project(project_id, field)
    if field not in BUILT_IN:
        raise Invalid("must be stage, role or importance", field="fieldType")
    return await option_queries.of_workspaces(await user.workspaces_of(caller.user_id), field)


async def _require_field(project_id: UUID, field: str) -> None:
    kind = await db.fetch_value(
        "SELECT type FROM board.fields WHERE project_id = $1 AND key = $2", project_id, field
    )
    if kind not in SELECTS:
        raise Invalid("must be a field with options", field="fieldType")


async def put_option(caller: Caller, new: NewOption) -> tuple[FieldOption, bool]:
    """Add an option, or change the one that has this value or label; the second of the answer
    tells whether it is new.

    Clients send all options of a field again to add one (frontend need 16), and don't name the
    project: it is then the one whose settings the caller read last.
    """
    value = verbatim(new.value, field="value", least=1, most=100)
    label = verbatim(new.label, field="label", least=1, most=200)
    color, order = _color(new.color), _order(new.display_order)
    project_id = await _project_of(caller, new.project_id)
    async with db.transaction():
        place = await access.project(caller, project_id, "field.change", hold=True)
        await _require_field(project_id, new.field_type)
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
            change = OptionChange(label, color, order, new.wip_limit)
            return await _write(caller, place, known, change), False
        return await _insert(caller, place, new, value, label), True


def _color(text: str) -> str:
    if not _COLOR.fullmatch(text):
        raise Invalid("must be a color such as #3B82F6", field="color")
    return text


def _order(number: int) -> int:
    if not -_INT4 <= number < _INT4:
        raise Invalid("is too large", field="displayOrder")
    return number


def _limit(number: int | UnsetType | None) -> int | None:
    if number is UNSET or number is None:
        return None
    if number >= _INT4:
        raise Invalid("is too large", field="wipLimit")
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
        _limit(new.wip_limit),
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


async def hold(caller: Caller, option_id: UUID) -> tuple[Place, FieldOption]:
    """An option that the caller may change, and its project, which is locked. Raises `NotFound`
    or `Forbidden`."""
    place = await access.within(
        caller, "options", option_id, "field.change", missing=NO_OPTION, hold=True
    )
    found = await option(option_id)
    if found is None:
        raise NotFound(NO_OPTION)
    return place, found


async def change_option(
    caller: Caller, option_id: UUID, change: OptionChange, expected: int | None
) -> FieldOption:
    """Rename, recolor, reorder, or limit an option. Its value never changes."""
    async with db.transaction():
        place, old = await hold(caller, option_id)
        expect(expected, old.version, old)
        return await _write(caller, place, old, change)


async def _write(
    caller: Caller, place: Place, old: FieldOption, change: OptionChange
) -> FieldOption:
    label = old.label
    if change.label is not None and change.label != old.label:
        label = verbatim(change.label, field="label", least=1, most=200)
        await _require_new(old, label)
    color = old.color if change.color is None else _color(change.color)
    order = old.display_order if change.display_order is None else _order(change.display_order)
    limit = old.wip_limit if change.wip_limit is UNSET else _limit(change.wip_limit)
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


async def _require_new(old: FieldOption, label: str) -> None:
    """Raise `Conflict` if another option of the field is called so: clients tell them apart, and
    hide what is completed, by their labels."""
    taken = await db.fetch_value(
        """
        SELECT EXISTS (SELECT FROM board.options
                       WHERE project_id = $1 AND field = $2 AND label = $3 AND id <> $4)
        """,
        old.project_id,
        old.field_type,
        label,
        old.option_id,
    )
    if taken:
        raise Conflict("another option of this field has this label")
