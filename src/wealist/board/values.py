"""The fields of a project and what a card may hold in them (contract: board.md §3).

A card holds option *values*, never ids: values don't change. Clients may also send an option's id
or its label.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from wealist.board import dates
from wealist.core import db
from wealist.core.errors import Conflict, Invalid

BUILT_IN = ("stage", "importance", "role")
"""Every card has a value in each of these."""
SELECTS = ("select", "single_select", "multi_select")
LONGEST_TEXT = 2000
MOST_VALUES = 50
MOST_BYTES = 16 << 10
"""All values of a card as JSON; lists show thousands of cards."""


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
        """The new content of `customFields`. A field that `given` doesn't name keeps its value:
        clients that know only the built-in fields shall not erase the others. A null clears a
        field of the project's own; a built-in one has always a value, at first that of its first
        option. Raises `Invalid`."""
        found = dict(old)
        for key, value in given.items():
            if key not in self.types:
                raise Invalid("is no field of this project", field=name_of(key))
            if value is None and key not in BUILT_IN:
                found.pop(key, None)
            else:
                found[key] = self._check(key, self.types[key], value)
        for key in BUILT_IN:
            if key not in found and self.options.get(key):
                found[key] = self.options[key][0].value
        if len(msgspec.json.encode(found)) > MOST_BYTES:
            raise Invalid(f"must have at most {MOST_BYTES >> 10} KB together", field="customFields")
        return found

    def wanted(self, key: str, given: Any) -> list[Any]:
        """The values that a filter asks a field for; options also by id or label. Raises
        `Invalid`."""
        if key not in self.types:
            raise Invalid("is no field of this project", field=name_of(key))
        sought = given if isinstance(given, list) else [given]
        if self.types[key] not in SELECTS:
            return sought
        if not all(isinstance(one, str) for one in sought):
            raise Invalid("must be the value of an option", field=name_of(key))
        return [option.value if (option := self.find(key, one)) else one for one in sought]

    def _check(self, key: str, kind: str, value: Any) -> Any:
        match kind:
            case "select" | "single_select":
                return self._option(key, value)
            case "multi_select":
                return list(dict.fromkeys(self._option(key, one) for one in _several(key, value)))
            case "text":
                if not isinstance(value, str) or len(value) > LONGEST_TEXT:
                    raise Invalid(f"must be text of at most {LONGEST_TEXT}", field=name_of(key))
                return value
            case "number":
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise Invalid("must be a number", field=name_of(key))
                if not abs(value) < 1e15:
                    raise Invalid("must be below 10^15", field=name_of(key))
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
            raise Invalid("must be the value of an option of this field", field=name_of(key))
        return option.value

    def people(self, values: Mapping[str, Any]) -> dict[UUID, str]:
        """Whom the values name, and in which field."""
        found = {}
        for key, value in values.items():
            if self.types.get(key) in ("single_user", "multi_user"):
                for one in value if isinstance(value, list) else [value]:
                    found[UUID(one)] = name_of(key)
        return found

    async def make_room(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        """Raise `Conflict` if a value that is new on a card has as many cards as it may."""
        limited = [
            option
            for key, options in self.options.items()
            if (entered := _set(new.get(key)) - _set(old.get(key)))
            for option in options
            if option.value in entered and option.wip_limit is not None
        ]
        if not limited:
            return
        counts: list[int] = await db.fetch_value(
            """
            SELECT array_agg((
                SELECT count(*) FROM board.boards b
                WHERE b.project_id = $1 AND b.deleted_at IS NULL
                  AND b.custom_fields -> field ? value
            ) ORDER BY place)
            FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS given (field, value, place)
            """,
            self.project_id,
            [option.field for option in limited],
            [option.value for option in limited],
        )
        for option, count in zip(limited, counts, strict=True):
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


def name_of(key: str) -> str:
    """How errors call a field."""
    return f"customFields.{key[:50]}"


def _set(value: Any) -> set[str]:
    return set(value) if isinstance(value, list) else {value} if isinstance(value, str) else set()


def _several(key: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MOST_VALUES:
        raise Invalid(f"must be a list of at most {MOST_VALUES}", field=name_of(key))
    return value


def _person(key: str, value: Any) -> str:
    try:
        return str(UUID(value)) if isinstance(value, str) else _raise()
    except ValueError:
        raise Invalid("must be a user's id", field=name_of(key)) from None


def _raise() -> str:
    raise ValueError


def _day(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Invalid("must be a date", field=name_of(key))
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        moment = dates.parse(value, name_of(key))
        assert moment is not None
        return moment.date().isoformat()
