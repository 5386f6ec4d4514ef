"""Pages of long lists: a cursor names the last row that was seen, so nothing is skipped or shown
twice while the list changes."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Annotated, Any, Generic, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from litestar.params import QueryParameter

from wealist.core.errors import BadRequest

DEFAULT, LONGEST = 50, 200

Limit: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        description=f"How many there are on a page, at most {LONGEST}, else {DEFAULT};"
        " what is no such number is refused.",
        schema_extra={"type": "integer", "minimum": 1, "maximum": 9999},
    ),
]
"""A query parameter for `Window`, read strictly: it is none of the contract's. Its default is
None."""

T = TypeVar("T")


class After(NamedTuple):
    """The sort key and the id of the last row of a page."""

    key: Any
    id: UUID


class Window(NamedTuple):
    """What a request asks for: how many rows, and after which; `kind` tells orders apart."""

    limit: int
    cursor: str | None
    kind: str = ""

    @classmethod
    def of(cls, limit: str | None, cursor: str | None, kind: str = "") -> "Window":
        """From the query. Raises `BadRequest` for a limit that is none."""
        if limit is None:
            return cls(DEFAULT, cursor or None, kind)
        if not (limit.isascii() and limit.isdecimal() and len(limit) < 5 and int(limit) > 0):
            raise BadRequest(f"must be a number from 1 to {LONGEST}", field="limit")
        return cls(min(int(limit), LONGEST), cursor or None, kind)

    def after(self, key: Any) -> After | None:
        """Where to go on; `key` is the type of the sort key. Raises `BadRequest` for a cursor that
        this list hasn't given."""
        if self.cursor is None:
            return None
        try:
            text = urlsafe_b64decode(self.cursor.encode() + b"=" * (-len(self.cursor) % 4))
            kind, found, row = msgspec.json.decode(text, type=tuple[str, key, UUID])
        except (ValueError, msgspec.DecodeError, UnicodeError):
            raise BadRequest("is none that this list has given", field="cursor") from None
        if kind != self.kind:
            raise BadRequest("belongs to another order or list", field="cursor")
        return After(found, row)


class Page(NamedTuple, Generic[T]):
    """Rows, and the cursor of the next page if there is one."""

    rows: list[T]
    cursor: str | None

    @classmethod
    def of(
        cls, rows: list[T], limit: int, place: Callable[[T], tuple[Any, UUID]], kind: str = ""
    ) -> "Page[T]":
        """From up to one row more than the limit; `place` gives a row's sort key and id."""
        if len(rows) <= limit:
            return cls(rows, None)
        text = msgspec.json.encode((kind, *place(rows[limit - 1])))
        return cls(rows[:limit], urlsafe_b64encode(text).rstrip(b"=").decode())
