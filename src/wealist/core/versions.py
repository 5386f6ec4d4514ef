"""Optimistic concurrency: `ETag` on what has a version, `If-Match` on what changes it (RFC 9110)."""

from typing import Annotated, Any

from litestar import Request, Response
from msgspec import Struct

from wealist.core.errors import BadRequest, PreconditionFailed


def tag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


async def if_match(request: Request[Any, Any, Any]) -> int | None:
    """The version named by `If-Match`; None when the header is absent or `*`."""
    text = request.headers.get("if-match")
    if text is None or text.strip() == "*":
        return None
    number = text.strip().removeprefix("W/").strip('"')
    if not number.isdecimal() or len(number) > 18:
        raise BadRequest("If-Match: must be an ETag that this server has sent")
    return int(number)


def expect(expected: int | None, version: int, current: Struct) -> None:
    """Raise `PreconditionFailed`, carrying `current`, unless `expected` is None or the version."""
    if expected is not None and expected != version:
        raise PreconditionFailed(current, version)


async def add_etag(response: Response[Any]) -> Response[Any]:
    """Litestar's after_request: whatever has a `version` gets its `ETag`."""
    version = getattr(getattr(response, "content", None), "version", None)
    if isinstance(version, int):
        response.headers.setdefault("ETag", tag(version))
    return response
