"""Files of any size under keys that we make: in an S3 bucket, or in a directory on local disk.

Browsers upload and download over signed links; `store()` gives the store that `open` chose.
A key is a path of ASCII names such as `profiles/0190….png` and never holds text of a user.
"""

import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeAlias

from msgspec import Struct

from wealist.core.errors import BadRequest, Unavailable
from wealist.core.settings import Settings

MAX_BYTES = 100 * 1024 * 1024
"""Largest upload that either store signs a link for; services refuse larger declared sizes."""

LONGEST_KEY = 512
LONGEST_LIFE = 7 * 24 * 3600
PAGE_SIZE = 1000
ORPHAN_SECONDS = 24 * 3600
"""How old an object is before it may be an orphan: rows are written after uploads."""
PIECE = 256 * 1024
"""Bytes that are read at a time."""
UNTYPED = "application/octet-stream"

_NAME = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}"
_KEY = re.compile(rf"{_NAME}(?:/{_NAME})*")
_PREFIX = re.compile(rf"(?:{_NAME}/)*(?:{_NAME})?")
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:;[ -~]*[!-~])?")


class Stored(Struct, frozen=True, kw_only=True):
    """An object as the store has it. `etag` is without quotes and, after one plain PUT without
    server-side encryption, the MD5 of the content; `content_type` is empty in listings."""

    key: str
    size: int
    content_type: str
    etag: str
    modified: datetime


Page: TypeAlias = list[Stored]
Known: TypeAlias = Callable[[Sequence[str]], Awaitable[set[str]]]
"""Which of the given keys some row refers to."""


class Presigned(Struct, frozen=True, kw_only=True):
    """A link that lets its bearer PUT one object; `expires_at` is in Unix seconds."""

    url: str
    expires_at: int
    expires_in: int


class StoreUnavailable(Unavailable):
    """The store can't do its work. Clients read a neutral sentence; `advice` is what the log and
    `doctor` tell the operator."""

    def __init__(self, advice: str) -> None:
        super().__init__("the file store is unavailable; try again", retry_after=5)
        self.advice = advice


class ObjectStore(Protocol):
    """The same behaviour over S3 and local disk. Every method that takes a key raises
    `BadRequest` for one that no store of ours can hold; all but the two that sign raise
    `StoreUnavailable`. `expires_in` is in seconds, at most seven days."""

    async def presign_put(
        self, key: str, content_type: str, *, size: int, expires_in: int = 300
    ) -> Presigned:
        """A link for a PUT of exactly `size` bytes whose `Content-Type` header is exactly
        `content_type`, or, if that is empty, whatever the client sends, if anything (browsers
        don't know every type). Needs no network.

        The size is signed as the `Content-Length` that browsers send by themselves. A PUT with
        another one or none is refused, with 403 (AWS says 411 to none), and stores nothing; the
        local store doesn't even read its body. Some servers that call themselves S3 don't check
        what is signed: look at `head` all the same.

        The local store takes one upload: an object that exists is never replaced over a link, the
        second PUT is 409. So is a retry after an answer that got lost, even of the same bytes;
        the object is there then. S3 can't refuse this (it would need a header that browsers
        don't send) and takes every PUT until the link expires: whoever has looked at the object
        remembers its `etag`, and compares it before the object is put to use.
        """

    async def presign_get(
        self,
        key: str,
        *,
        filename: str | None = None,
        inline: bool = False,
        content_type: str | None = None,
        expires_in: int = 300,
    ) -> str:
        """A link that downloads the object, or shows it in place when `inline` is asked for and
        `content_type` (which the answer will carry) can't run script. Needs no network."""

    async def head(self, key: str) -> Stored | None:
        """The object's size and type; `None` if there is no such object."""

    async def get(self, key: str) -> bytes:
        """The whole content, in memory. Raises `NotFound`."""

    def stream(self, key: str) -> AsyncIterator[bytes]:
        """The content in pieces, whatever its size. Raises `NotFound` at the first."""

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Create or replace an object at once: a reader sees the old content or the new."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects, any number of them; those that don't exist are fine."""

    async def list(self, prefix: str, *, after: str | None = None, limit: int = PAGE_SIZE) -> Page:
        """At most `limit` (1 to 1000) objects whose key starts with `prefix`, in the order of
        their keys, behind `after`. A page shorter than `limit` is the last."""

    async def check(self) -> None:
        """Upload, read and delete a small object over the public address. Raises `Unavailable`
        whose message says what to do."""

    async def close(self) -> None: ...


_store: ObjectStore | None = None


async def open(settings: Settings) -> None:  # noqa: A001
    """Choose the store: S3 when `S3_BUCKET` is set, else the data directory. Touches no network.

    `server_secret.open` comes first, since it signs the links of the local store.
    """
    global _store
    # Imported here because botocore alone costs 40 MB, which the local store doesn't need.
    if settings.s3_bucket:
        from wealist.core.objects_s3 import S3Store

        _store = await S3Store.open(settings)
    else:
        from wealist.core.objects_disk import DiskStore

        _store = await DiskStore.open(settings)


async def close() -> None:
    global _store
    closing, _store = _store, None
    if closing is not None:
        await closing.close()


def store() -> ObjectStore:
    """The open store."""
    if _store is None:
        raise RuntimeError("objects.open has not been called")
    return _store


def check_key(key: str) -> str:
    """`key` itself if a store may hold it: relative, no empty or dotted names, ASCII."""
    if len(key) > LONGEST_KEY or not _KEY.fullmatch(key):
        raise BadRequest("not the key of a file")
    return key


def check_prefix(prefix: str) -> str:
    """`prefix` itself if keys may start with it; the empty one is every key's."""
    if len(prefix) > LONGEST_KEY or not _PREFIX.fullmatch(prefix):
        raise BadRequest("not the prefix of file keys")
    return prefix


def check_type(content_type: str) -> str:
    """`content_type` itself if it can stand in a header unchanged."""
    if len(content_type) > 200 or not _TYPE.fullmatch(content_type):
        raise BadRequest("not a content type")
    return content_type


def check_size(size: int) -> int:
    """`size` itself if an upload may have so many bytes."""
    if not 0 <= size <= MAX_BYTES:
        raise ValueError(f"an upload has 0 to {MAX_BYTES} bytes, not {size}")
    return size


def check_life(expires_in: int) -> int:
    """`expires_in` itself if a signed link may live so long."""
    if not 1 <= expires_in <= LONGEST_LIFE:
        raise ValueError(f"a link lives 1 to {LONGEST_LIFE} seconds, not {expires_in}")
    return expires_in


def check_limit(limit: int) -> int:
    """`limit` itself if a page may be so long."""
    if not 1 <= limit <= PAGE_SIZE:
        raise ValueError(f"a page holds 1 to {PAGE_SIZE} objects, not {limit}")
    return limit


async def delete_orphans(prefix: str, known: Known) -> int:
    """Delete the objects under `prefix` that are older than a day and that nobody `known` refers
    to, see `orphans`; how many."""
    gone = 0
    async for keys in orphans(store(), prefix, known, ORPHAN_SECONDS):
        await store().delete(keys)
        gone += len(keys)
    return gone


async def orphans(
    objects: ObjectStore,
    prefix: str,
    known: Known,
    older_than_seconds: float,
    *,
    page_size: int = PAGE_SIZE,
) -> AsyncIterator[list[str]]:
    """Pages of keys under `prefix` that nobody knows, ready to be deleted while iterating.

    `known` is asked once a page and returns those of the given keys that some row refers to.
    Objects younger than `older_than_seconds` are left alone: their row may not be written yet.
    Keys that are not in our form were put there by somebody else and are left alone too.
    """
    oldest = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
    after: str | None = None
    while True:
        page = await objects.list(prefix, after=after, limit=page_size)
        keys = [one.key for one in page if one.modified < oldest and _KEY.fullmatch(one.key)]
        if keys:
            kept = await known(keys)
            lost = [key for key in keys if key not in kept]
            if lost:
                yield lost
        if len(page) < page_size:
            return
        after = page[-1].key


async def probe(objects: ObjectStore, public: str, setting: str) -> None:
    """The work of `check`: `public` is the address browsers use, `setting` the variable that
    corrects it."""
    import httpx  # only `doctor` comes here

    key, data = f"checks/{secrets.token_hex(16)}.txt", secrets.token_hex(32).encode()
    kind = "text/plain"
    try:
        await objects.head(key)  # first, so that wrong keys are not blamed on the public address
        try:
            async with httpx.AsyncClient(timeout=5) as browser:
                upload = (await objects.presign_put(key, kind, size=len(data))).url
                sent = await browser.put(upload, content=data, headers={"Content-Type": kind})
                _expect(sent.status_code, "PUT", public, setting)
                stored = await objects.head(key)
                if stored is None or stored.size != len(data):
                    raise Unavailable(
                        f"what is uploaded to {public} does not reach our store: correct {setting}"
                    )
                back = await browser.get(await objects.presign_get(key, content_type=kind))
                _expect(back.status_code, "GET", public, setting)
                if back.content != data:
                    raise Unavailable(f"{public} returns other bytes than were sent to it")
        finally:
            await objects.delete([key])
    except StoreUnavailable as error:
        raise Unavailable(error.advice) from error
    except httpx.HTTPError as error:
        raise Unavailable(
            f"no answer from {public} ({type(error).__name__}): start what serves it, "
            f"or correct {setting}"
        ) from error


def _expect(status: int, method: str, public: str, setting: str) -> None:
    if status == 200:
        return
    if status == 403:
        raise Unavailable(
            f"{public} refuses a signed {method}: host, path or Content-Length is changed on the "
            f"way ({setting}), or a clock is off"
        )
    if status == 413:
        raise Unavailable(f"{public} refuses the size of an upload: raise the gateway's body limit")
    raise Unavailable(f"{public} answers a signed {method} with {status}: correct {setting}")
