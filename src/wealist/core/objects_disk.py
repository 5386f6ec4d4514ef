"""Objects on local disk, behind links that this server signs and serves itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from hmac import compare_digest, digest
from typing import BinaryIO, ParamSpec, Self, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import structlog
from msgspec import Struct

from wealist.core import downloads, objects, server_secret
from wealist.core.errors import Forbidden, NotFound
from wealist.core.objects import Page, Presigned, Stored, StoreUnavailable
from wealist.core.objects_files import Draft, Files, already_uploaded
from wealist.core.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger("wealist.objects")


class Link(Struct, frozen=True, kw_only=True):
    """What a signed link allows. `disposition` is empty for uploads, `size` is of uploads alone;
    an empty `content_type` on a download means the type that the object was stored with."""

    method: str
    key: str
    expires: int
    content_type: str = ""
    disposition: str = ""
    size: int = 0


class DiskStore:
    """An `ObjectStore` below the data directory; `base` is the public address of `/objects`."""

    def __init__(self, files: Files, base: str) -> None:
        self._files = files
        self._base = base

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Also forgets drafts of uploads that a crash cut short."""
        files = Files(settings.data_dir / "objects")
        self = cls(files, f"{settings.base_url}/objects")
        await self.run(files.forget_stale_drafts)
        return self

    async def close(self) -> None:
        """Holds nothing open."""

    async def presign_put(
        self, key: str, content_type: str, *, size: int, expires_in: int = 300
    ) -> Presigned:
        link = Link(
            method="PUT",
            key=objects.check_key(key),
            expires=int(time.time()) + objects.check_life(expires_in),
            content_type=objects.check_type(content_type) if content_type else "",
            size=objects.check_size(size),
        )
        return Presigned(url=self._url(link), expires_at=link.expires, expires_in=expires_in)

    async def presign_get(
        self,
        key: str,
        *,
        filename: str | None = None,
        inline: bool = False,
        content_type: str | None = None,
        expires_in: int = 300,
    ) -> str:
        link = Link(
            method="GET",
            key=objects.check_key(key),
            expires=int(time.time()) + objects.check_life(expires_in),
            content_type=objects.check_type(content_type) if content_type else "",
            disposition=downloads.disposition(filename, inline=inline, content_type=content_type),
        )
        return self._url(link)

    def _url(self, link: Link) -> str:
        query = {
            "expires": str(link.expires),
            "type": link.content_type,
            "disposition": link.disposition,
            "size": str(link.size) if link.method == "PUT" else "",
            "signature": _signature(link),
        }
        shown = {name: value for name, value in query.items() if value}
        return f"{self._base}/{link.key}?{urlencode(shown, quote_via=quote)}"

    def allow(self, link: Link, signature: str) -> None:
        """Raises `Forbidden` unless this server signed exactly this link and it is still valid."""
        given = signature.encode("utf-8", "surrogatepass")
        if not compare_digest(given, _signature(link).encode()):
            raise Forbidden("this link is not valid")
        if link.expires < time.time():
            raise Forbidden("this link has expired")

    async def head(self, key: str) -> Stored | None:
        return await self.run(self._files.stored, objects.check_key(key))

    async def get(self, key: str) -> bytes:
        data = await self.run(self._files.read, objects.check_key(key))
        if data is None:
            raise NotFound("no such file")
        return data

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        _, file = await self.open_object(key)
        with file:
            while data := await self.run(file.read, objects.PIECE):
                yield data

    async def open_object(self, key: str) -> tuple[Stored, BinaryIO]:
        """The object and its file at the first byte, which the caller closes. Raises `NotFound`."""
        found = await self.run(self._files.open, objects.check_key(key))
        if found is None:
            raise NotFound("no such file")
        return found

    async def refuse_second(self, key: str) -> None:
        """Raises `Conflict` when the object exists, before its body is sent for nothing."""
        if await self.run(self._files.path(objects.check_key(key)).exists):
            raise already_uploaded()

    async def draft(self) -> Draft:
        """A draft whose methods go through `run`; the caller discards it in the end."""
        return await self.run(Draft, self._files)

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        objects.check_type(content_type)
        await self.run(self._files.write, objects.check_key(key), data, content_type)

    async def delete(self, keys: Sequence[str]) -> None:
        await self.run(self._files.remove, [objects.check_key(key) for key in keys])

    async def list(
        self, prefix: str, *, after: str | None = None, limit: int = objects.PAGE_SIZE
    ) -> Page:
        objects.check_prefix(prefix)
        return await self.run(self._files.page, prefix, after or "", objects.check_limit(limit))

    async def check(self) -> None:
        await objects.probe(self, self._base, "WEALIST_PUBLIC_URL")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do blocking work in a thread. Raises `StoreUnavailable` when the disk refuses it."""
        try:
            return await asyncio.to_thread(work, *args, **kwargs)
        except OSError as error:
            advice = (
                f"the object directory {self._files.root} can't be used ({error.strerror}): "
                "make room, or correct its permissions or WEALIST_DATA_DIR"
            )
            log.warning("object store unavailable", advice=advice, error=type(error).__name__)
            raise StoreUnavailable(advice) from error


def _signature(link: Link) -> str:
    # An array in JSON: no choice of names or values can pass for another link.
    text = msgspec.json.encode(msgspec.structs.astuple(link))
    return digest(server_secret.derive(b"links to local objects"), text, "sha256").hex()
