"""The HTTP side of the local object store: what a browser meets where S3 would stand otherwise.

The signature in the query is the authorization, so these routes look at no token. Uploads go to
disk as they arrive, downloads leave it piece by piece, and neither touches a disk on the loop.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import format_datetime
from os import SEEK_CUR
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from litestar import HttpMethod, Request, Response, put, route
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ASGIApp, Receive, Scope, Send

from wealist.core import capability, downloads, objects
from wealist.core.errors import BadRequest, Forbidden, NotFound
from wealist.core.guards import receive_by
from wealist.core.objects import Stored
from wealist.core.objects_disk import DiskStore, Link

PIECE = 256 * 1024
PIECE_SECONDS = 60.0
"""How long each piece of an upload may take: a slow line may send for long, but not nothing."""
ACCESS = {"access": "signed"}

_NUMBER = re.compile(r"[0-9]{1,15}")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_TYPES = {
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "pdf": "application/pdf",
    "png": "image/png",
    "webp": "image/webp",
}

AnyRequest = Request[Any, Any, Any]


@put(
    "/objects/{key:path}",
    opt=ACCESS,
    include_in_schema=False,
    status_code=200,
    request_max_body_size=None,  # the link says the size; the limit of JSON bodies is far lower
)
async def upload(request: AnyRequest, key: FromPath[Path]) -> Response[bytes]:
    """Take the body as the object's content. Nothing is visible, or left, before its end.

    Raises `Forbidden`, as S3 does, for another type or size than the link is for: before the body
    is read, by its `Content-Length`, and again if it turns out to be of another size than that.

    Raises `Conflict` when the object exists: what somebody has confirmed must stay what it was. A
    client that repeats its PUT after a lost answer gets that too.
    """
    store, link = _allowed(request, "PUT", key)
    given = request.headers.get("content-type", "")
    if link.content_type and given != link.content_type:
        raise Forbidden(f"this link is for Content-Type: {link.content_type}")
    if request.content_length != link.size:
        raise _another_size(link)
    await store.refuse_second(link.key)
    draft = await store.draft()
    try:
        async for piece in _pieces(request.receive, link):
            await store.run(draft.write, piece)
        kind = link.content_type or objects.UNTYPED
        etag = await store.run(draft.publish, link.key, kind, replace=False)
    finally:
        draft.discard()
    return Response(b"", headers={"ETag": f'"{etag}"'}, media_type="text/plain")


@route(
    "/objects/{key:path}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    opt=ACCESS,
    include_in_schema=False,
)
async def download(request: AnyRequest, key: FromPath[Path]) -> ASGIApp:
    """Send the object or the one range of it that is asked for."""
    store, link = _allowed(request, "GET", key)
    stored, file = await store.open_object(link.key)
    return _answer(request, store, link, stored, file)


handlers = [upload, download]


async def redirect(
    signed: str,
    shown: Callable[[str], Awaitable[bool]],
    *,
    content_type: str | None = None,
    expires_in: int = 300,
) -> Redirect:
    """The answer to a request for a capability: on to a fresh link that shows the object in place.

    `shown` is asked whether the service, by its rows, shows the object of that key to anybody now.
    Without `content_type` the ending of the key tells the type. Raises `NotFound`, always with
    the same words, for a forged capability and for what isn't shown.
    """
    key = capability.key_of(signed)
    if not await shown(key):
        raise capability.no_file()
    kind = content_type or _TYPES.get(key.rpartition(".")[2])
    url = await objects.store().presign_get(
        key, inline=True, content_type=kind, expires_in=expires_in
    )
    # Browsers may keep this answer for as long as the link is sure to work. So one that has shown
    # the file may go on showing it for `keep` seconds after it was deleted or trashed, whoever has
    # copied the link can load the file until that expires or the object goes, and what somebody
    # has loaded is his. The edge lets nobody keep a 404: what is restored is back at once.
    keep = max(0, expires_in - 60)
    return Redirect(url, status_code=302, headers={"Cache-Control": f"private, max-age={keep}"})


def _allowed(request: AnyRequest, method: str, key: Path) -> tuple[DiskStore, Link]:
    store = objects.store()
    if not isinstance(store, DiskStore):
        raise NotFound("files are not stored here")
    query = request.query_params
    expires, size = query.get("expires", ""), query.get("size", "0")
    if not (_NUMBER.fullmatch(expires) and _NUMBER.fullmatch(size)):
        raise Forbidden("this link is not valid")
    link = Link(
        method=method,
        key=key.as_posix().lstrip("/"),
        expires=int(expires),
        content_type=query.get("type", ""),
        disposition=query.get("disposition", ""),
        size=int(size),
    )
    store.allow(link, query.get("signature", ""))
    return store, link


def _another_size(link: Link) -> Forbidden:
    return Forbidden(f"this link is for a file of {link.size} bytes, with that Content-Length")


async def _pieces(receive: Receive, link: Link) -> AsyncIterator[bytearray]:
    """The body in pieces worth a thread's while. Raises `TooSlow`, `Forbidden` for another size
    than the link's, or `BadRequest` when the client goes away before the end."""
    size, piece = 0, bytearray()
    clock = asyncio.get_running_loop().time
    deadline = clock() + PIECE_SECONDS
    more = True
    while more:
        message = await receive_by(deadline, receive)
        if message["type"] != "http.request":
            raise BadRequest("the upload ended early")
        data = message.get("body", b"")
        size += len(data)
        more = message.get("more_body", False)
        # Servers see to it that a body is as long as it says; whoever bounds, doesn't rely on it.
        if size > link.size or (size < link.size and not more):
            raise _another_size(link)
        piece += data
        if len(piece) >= PIECE or not more:
            yield piece
            piece = bytearray()
            deadline = clock() + PIECE_SECONDS


class _Span(NamedTuple):
    start: int
    length: int


def _span(header: str, size: int) -> _Span | None:
    """The range that a `Range` header asks for. `None`: the whole, because there is no usable
    single range. A length of zero: the range lies outside."""
    match = _RANGE.fullmatch(header.strip())
    if not match or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        return _Span(size - length, length)
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return None
    return _Span(start, max(0, end - start + 1))


def _answer(
    request: AnyRequest, store: DiskStore, link: Link, stored: Stored, file: BinaryIO
) -> "_Answer":
    etag = f'"{stored.etag}"'
    headers = {
        "ETag": etag,
        "Last-Modified": format_datetime(stored.modified, usegmt=True),
        "Cache-Control": "private, max-age=300",
        "Accept-Ranges": "bytes",
        **_safety(link.content_type or stored.content_type, link.disposition),
    }
    span, status = _Span(0, stored.size), 200
    wanted = request.headers.get("range", "")
    if etag in [known.strip() for known in request.headers.get("if-none-match", "").split(",")]:
        span, status = _Span(0, 0), 304
    elif wanted and request.headers.get("if-range", etag) == etag:
        part = _span(wanted, stored.size)
        if part is not None and not part.length:
            span, status = part, 416
            headers["Content-Range"] = f"bytes */{stored.size}"
        elif part is not None:
            span, status = part, 206
            end = part.start + part.length - 1
            headers["Content-Range"] = f"bytes {part.start}-{end}/{stored.size}"
    if status != 304:
        headers["Content-Length"] = str(span.length)
    if request.method == "HEAD":
        span = _Span(0, 0)
    return _Answer(store, status, headers, file, span)


def _safety(content_type: str, disposition: str) -> dict[str, str]:
    """Headers that keep a stranger's file from acting as a page of ours."""
    if not downloads.may_be_shown(content_type):
        disposition = disposition.replace("inline", "attachment", 1) or "attachment"
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": disposition or "attachment",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    # Browsers refuse to start their PDF viewer, which has its own sandbox, in a sandboxed page.
    if downloads.media_type(content_type) != "application/pdf":
        headers["Content-Security-Policy"] = (
            "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; "
            "style-src 'unsafe-inline'"
        )
    return headers


class _Answer:
    """An ASGI response that sends a span of an open file and closes it in every case."""

    def __init__(
        self, store: DiskStore, status: int, headers: dict[str, str], file: BinaryIO, span: _Span
    ) -> None:
        self._store = store
        self._status = status
        self._headers = [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()]
        self._file = file
        self._span = span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn drops what is sent to a client that has gone, so this has to stop by itself.
        gone = asyncio.ensure_future(_departure(receive))
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self._status,
                    "headers": self._headers,
                }
            )
            left = self._span.length
            await self._store.run(self._file.seek, self._span.start, SEEK_CUR)
            while not gone.done():
                data = await self._store.run(self._file.read, min(PIECE, left))
                left = left - len(data) if data else 0
                await send({"type": "http.response.body", "body": data, "more_body": left > 0})
                if not left:
                    break
        finally:
            gone.cancel()
            self._file.close()


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
