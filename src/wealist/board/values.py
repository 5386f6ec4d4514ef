"""The fields of a project and what a card may hold in them (contract: board.md §3).

A card holds option *values*, never ids: values don't change. Clients may also send an option's id
or its label.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Self
from uuid import UUID

from msgspec import Struct

from wealist.board import dates
from wealist.core import db
from wealist.core.errors import Conflict, Invalid

BUILT_IN = ("stage", "importance", "role")
"""Every card has a value in each of these."""
SELECTS = ("select", "single_select", "multi_select")
LONGEST_TEXT = 2000
MOST_VALUES = 50


class Option(Struct, frozen=True):
    id: UUID
    field: str
    value: str
    label: str
    wip_limit: int | None


class _Field(Struct, frozen=True):
    key: str
    type: str


class Schema:
    """A project's fields and options at the moment of a write; read it under the lock."""

    def __init__(self, project_id: UUID, fields: list[_Field], options: list[Option]) -> None:
        self.project_id = project_id
        self.types = {field.key: field.type for field in fields}
        self.options: dict[str, list[Option]] = {field.key: [] for field in fields}
        for option in options:
            self.options[option.field].append(option)

    @classmethod
    def of(cls, project_id: UUID, field: str, options: list[Option]) -> Self:
        """A part of a schema: one field with the options that matter."""
        return cls(project_id, [_Field(field, "select")], options)

    def find(self, field: str, given: str) -> Option | None:
        """The option that a value, an id or a label names."""
        of = self.options.get(field, [])
        for name in ("value", "id", "label"):
            for option in of:
                if str(getattr(option, name)) == given:
                    return option
        return None

    def label(self, field: str, value: Any) -> str:
        """What people read for a value: the label of an option; several joined by commas."""
        values = value if isinstance(value, list) else [value]
        known = {option.value: option.label for option in self.options.get(field, [])}
        return ", ".join(str(known.get(one, one)) for one in values if one not in (None, ""))

    def check(self, given: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
        """The whole new content of `customFields`: `given` replaces `old`, except that a built-in
        field that is absent keeps its value, or gets the first option. Raises `Invalid`."""
        found: dict[str, Any] = {}
        for key, value in given.items():
            if key not in self.types:
                raise Invalid("is no field of this project", field=_name(key))
            if value is None and key not in BUILT_IN:
                continue
            found[key] = self._check(key, self.types[key], value)
        for key in BUILT_IN:
            if key not in found and (key in old or self.options.get(key)):
                found[key] = old[key] if key in old else self.options[key][0].value
        return found

    def _check(self, key: str, kind: str, value: Any) -> Any:
        match kind:
            case "select" | "single_select":
                return self._option(key, value)
            case "multi_select":
                return list(dict.fromkeys(self._option(key, one) for one in _several(key, value)))
            case "text":
                if not isinstance(value, str) or len(value) > LONGEST_TEXT:
                    raise Invalid(f"must be text of at most {LONGEST_TEXT}", field=_name(key))
                return value
            case "number":
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise Invalid("must be a number", field=_name(key))
                if not abs(value) < 1e15:
                    raise Invalid("must be below 10^15", field=_name(key))
                return value
            case "date":
                return _day(key, value)
            case "single_user":
                return _person(key, value)
            case _:
                return list(dict.fromkeys(_person(key, one) for one in _several(key, value)))

    def _option(self, key: str, given: Any) -> str:
        option = self.find(key, given) if isinstance(given, str) else None
        if option is None:
            raise Invalid("must be the value of an option of this field", field=_name(key))
        return option.value

    def people(self, values: Mapping[str, Any]) -> dict[UUID, str]:
        """Whom the values name, and in which field."""
        found = {}
        for key, value in values.items():
            if self.types.get(key) in ("single_user", "multi_user"):
                for one in value if isinstance(value, list) else [value]:
                    found[UUID(one)] = _name(key)
        return found

    def require_present(self, fields: Mapping[str, Any]) -> None:
        """Raise `Conflict` if a value is no longer one: its option or field has been deleted."""
        for key, value in fields.items():
            known = {option.value for option in self.options.get(key, [])}
            lost = self.types.get(key) in SELECTS and not _set(value) <= known
            if key not in self.types or lost:
                raise Conflict(f"the old value of {key} doesn't exist any more")

    async def make_room(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        """Raise `Conflict` if a value that is new on a card has as many cards as it may."""
        for key, options in self.options.items():
            entered = _set(new.get(key)) - _set(old.get(key))
            for option in options:
                if option.value in entered and option.wip_limit is not None:
                    await _require_room(self.project_id, option)


async def _require_room(project_id: UUID, option: Option) -> None:
    count = await db.fetch_value(
        """
        SELECT count(*) FROM board.boards
        WHERE project_id = $1 AND deleted_at IS NULL
          AND (custom_fields ->> $2 = $3 OR custom_fields -> $2 ? $3)
        """,
        project_id,
        option.field,
        option.value,
    )
    require_room(option.label, option.wip_limit, count)


def require_room(label: str, limit: int | None, count: int | None) -> None:
    """Raise `Conflict` if a column holds `count` cards already and may hold no more."""
    if limit is not None and count is not None and count >= limit:
        raise Conflict(
            f"“{label}” holds {count} cards already; its limit is {limit}",
            code="WIP_LIMIT_REACHED",
        )


async def schema(project_id: UUID) -> Schema:
    """The fields and options of a project."""
    fields = await db.fetch(
        _Field, "SELECT key, type FROM board.fields WHERE project_id = $1", project_id
    )
    options = await db.fetch(
        Option,
        """
        SELECT id, field, value, label, wip_limit FROM board.options
        WHERE project_id = $1 ORDER BY display_order, created_at, id
        """,
        project_id,
    )
    return Schema(project_id, fields, options)


def _name(key: str) -> str:
    return f"customFields.{key}"


def _set(value: Any) -> set[str]:
    return set(value) if isinstance(value, list) else {value} if isinstance(value, str) else set()


def _several(key: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MOST_VALUES:
        raise Invalid(f"must be a list of at most {MOST_VALUES}", field=_name(key))
    return value


def _person(key: str, value: Any) -> str:
    try:
        return str(UUID(value)) if isinstance(value, str) else _raise()
    except ValueError:
        raise Invalid("must be a user's id", field=_name(key)) from None


def _raise() -> str:
    raise ValueError


def _day(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Invalid("must be a date", field=_name(key))
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        moment = dates.parse(value, _name(key))
        assert moment is not None
        return moment.date().isoformat()
