"""Parameters that several handlers read in the contract's way."""

from typing import Annotated, TypeAlias
from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import HeaderParameter, QueryParameter

from wealist.core.errors import BadRequest
from wealist.core.identity import Caller
from wealist.core.ids import NIL

Me: TypeAlias = NamedDependency[Caller]
"""Who is calling. Name the parameter `caller`; strangers get 401."""

IfMatch: TypeAlias = NamedDependency[int | None]
"""The version that `If-Match` names. Name the parameter `if_match`."""

Known: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="If-None-Match", description="The ETag of what the client has; 304 if it is the same."
    ),
]
"""The header of that name, for `versions.unless_known`. Its default is None."""

WorkspaceId: TypeAlias = Annotated[
    str | None,
    HeaderParameter(name="X-Workspace-Id", description="A workspace's id; nil: everywhere else."),
]
"""The header of that name, for `workspace_header`. Its default is None."""

Text: TypeAlias = Annotated[str | None, QueryParameter()]
"""A query parameter that is read leniently. Its default is None."""

Number: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        description="A positive number. Nothing is refused: what is none, or too large, is read as"
        " one that this list offers.",
        schema_extra={"type": ["integer", "string"]},
    ),
]
"""A query parameter for `number`, read leniently as the contract has it. Its default is None."""

LONGEST_PAGE = 1000


def uuid(text: str, name: str) -> UUID:
    """A UUID in any of the spellings of common.md §8. Raises `BadRequest` naming `name`."""
    try:
        if not text.isascii():
            raise ValueError
        return UUID(text)
    except ValueError:
        raise BadRequest("must be a UUID", field=name) from None


def workspace_header(text: str | None) -> UUID:
    """`X-Workspace-Id`; the nil UUID means the default profile. Raises `BadRequest`."""
    if not text:
        raise BadRequest(f"required; a workspace's id, or {NIL}", field="X-Workspace-Id")
    return uuid(text, "X-Workspace-Id")


def number(text: str | None, default: int, most: int) -> int:
    """A positive number of the query; anything else is the default (common.md §9)."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 9:
        return default
    return min(int(text), most) or default
