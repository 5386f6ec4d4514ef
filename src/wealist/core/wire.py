"""The base of every Struct a client sees, and the shapes that many of them share."""

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct

from wealist.core.context import current

T = TypeVar("T")


class Wire(Struct, rename="camel", kw_only=False):
    """A request, response or event member: camelCase on the wire, UTC times with `Z`."""


Email = Annotated[
    str,
    Meta(
        pattern=r"^[^@\s\x00-\x1f\"(),:;<>\[\\\]]+@[^@\s\x00-\x1f\"(),:;<>\[\\\]]+\.[^@\s.]+\Z",
        max_length=254,
        description="an e-mail address",
    ),
]


def least(length: int) -> Meta:
    """How short a text may be, for the API document only: the verb checks it, in its own words."""
    return Meta(extra_json_schema={"extra": {"min_length": length}})


class Done(Wire):
    """The answer to an action that has nothing to show."""

    message: str


def now() -> datetime:
    """The current time in UTC; PostgreSQL and the wire both keep microseconds."""
    return datetime.now(UTC)


class Data(Wire, Generic[T]):
    """The envelope around what board answers (contract: board.md §1.3)."""

    data: T
    request_id: str


def answer(payload: T) -> Data[T]:
    """Put an answer into its envelope."""
    context = current.get()
    return Data(payload, context.request_id if context is not None else "")
