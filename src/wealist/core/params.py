"""Parameters that several handlers read in the contract's way."""

from typing import Any, TypeAlias
from uuid import UUID

from litestar import Request
from litestar.di import NamedDependency

from wealist.core.errors import BadRequest
from wealist.core.identity import Caller
from wealist.core.ids import NIL

Me: TypeAlias = NamedDependency[Caller]
"""Who is calling. Name the parameter `caller`; strangers get 401."""

IfMatch: TypeAlias = NamedDependency[int | None]
"""The version that `If-Match` names. Name the parameter `if_match`."""

LONGEST_PAGE = 1000


def uuid(text: str, name: str) -> UUID:
    """A UUID in any of the spellings of common.md §8. Raises `BadRequest` naming `name`."""
    try:
        if not text.isascii():
            raise ValueError
        return UUID(text)
    except ValueError:
        raise BadRequest(f"{name}: must be a UUID") from None


def workspace_header(request: Request[Any, Any, Any]) -> UUID:
    """`X-Workspace-Id`; the nil UUID means the default profile. Raises `BadRequest`."""
    text = request.headers.get("x-workspace-id")
    if not text:
        raise BadRequest(f"X-Workspace-Id: required; a workspace's id, or {NIL}")
    return uuid(text, "X-Workspace-Id")


def number(request: Request[Any, Any, Any], name: str, default: int, most: int) -> int:
    """A positive number of the query; anything else is the default (common.md §9)."""
    text = request.query_params.get(name, "")
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) < 1:
        return default
    return min(int(text), most)
