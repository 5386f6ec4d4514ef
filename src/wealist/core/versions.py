"""Optimistic concurrency (RFC 9110): `ETag` on what has a version, `If-Match` on changes of it."""

from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import HeaderParameter
from msgspec import Struct

from wealist.core.errors import BadRequest, PreconditionFailed

Header = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description="The ETag of what is changed; 412 if it is old."),
]


def tag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def if_match(text: Header = None) -> int | None:
    """Litestar dependency: the version that `If-Match` names; None when it is absent or `*`."""
    if text is None or text.strip() == "*":
        return None
    number = text.strip().removeprefix("W/").strip('"')
    if not number.isdecimal() or len(number) > 18:
        raise BadRequest("must be an ETag that this server has sent", field="If-Match")
    return int(number)


def expect(expected: int | None, version: int, current: Struct) -> None:
    """Raise `PreconditionFailed`, carrying `current`, unless `expected` is None or the version."""
    if expected is not None and expected != version:
        raise PreconditionFailed(current, version)


async def add_etag(response: Response[Any]) -> Response[Any]:
    """Litestar's after_request: whatever has a `version` gets its `ETag`."""
    content = getattr(response, "content", None)
    version = getattr(getattr(content, "data", content), "version", None)
    if isinstance(version, int):
        response.headers.setdefault("ETag", tag(version))
    return response


def unless_known(content: Struct, known: str | None) -> Response[bytes]:
    """An answer with a tag of its whole body, or 304 when `known` (`If-None-Match`) has that tag.

    For lists that clients ask for again and again. The tag is weak, since answers are compressed.
    """
    body = msgspec.json.encode(content)
    etag = f'W/"{urlsafe_b64encode(blake2b(body, digest_size=12).digest()).decode()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    tags = [one.strip().removeprefix("W/") for one in (known or "").split(",")]
    if etag.removeprefix("W/") in tags or tags == ["*"]:
        return Response(b"", status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
