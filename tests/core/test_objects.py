"""One contract for both object stores: an S3 bucket behind a gateway, and local disk."""

import asyncio
import hashlib
import os
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from tests.core.object_peers import (
    ACCESS_KEY,
    SECRET_KEY,
    Gateway,
    free_port,
    moto,
    object_routes,
    own_stores,
    serving,
)
from wealist.core import downloads, errors, objects, server_secret
from wealist.core.objects import UNTYPED, ObjectStore
from wealist.core.settings import Secret, Settings

PNG = "image/png"
PREFIX = "/api/minio"


@pytest.fixture(autouse=True)
def stores() -> Iterator[None]:
    with own_stores():
        yield


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    with moto(free_port()) as address:
        yield address


@pytest.fixture(scope="module")
async def s3_public(s3_address: str) -> AsyncIterator[str]:
    async with serving(Gateway(s3_address, PREFIX)) as port:
        yield f"http://localhost:{port}{PREFIX}"


@pytest.fixture(scope="module")
async def disk_port() -> AsyncIterator[int]:
    async with serving(object_routes()) as port:
        yield port


@pytest.fixture(params=["s3", "disk"])
async def settings(
    request: pytest.FixtureRequest, tmp_path: Path, s3_address: str, s3_public: str, disk_port: int
) -> Settings:
    if request.param == "disk":
        return Settings(data_dir=tmp_path, port=disk_port)
    bucket = f"bucket-{uuid.uuid4().hex}"
    async with httpx.AsyncClient() as admin:
        assert (await admin.put(f"{s3_address}/{bucket}")).status_code == 200
    return Settings(
        data_dir=tmp_path,
        s3_bucket=bucket,
        s3_access_key=Secret(ACCESS_KEY),
        s3_secret_key=Secret(SECRET_KEY),
        s3_endpoint=s3_address,
        s3_public_endpoint=s3_public,
    )


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[ObjectStore]:
    server_secret.open(settings)
    await objects.open(settings)
    yield objects.store()
    await objects.close()


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


def fresh(ending: str = ".png") -> str:
    return f"profiles/{uuid.uuid4()}{ending}"


async def send(browser: httpx.AsyncClient, url: str, data: bytes, kind: str) -> httpx.Response:
    """As the clients' pages do: the raw body and nothing but its Content-Type."""
    return await browser.put(url, content=data, headers={"Content-Type": kind})


async def test_a_browser_uploads_with_only_a_content_type_and_head_sees_what_arrived(
    store: ObjectStore, browser: httpx.AsyncClient
) -> None:
    key, data = fresh(), b"picture" * 100_000
    before = datetime.now(UTC) - timedelta(seconds=2)
    ticket = await store.presign_put(key, PNG, size=len(data))
    answer = await send(browser, ticket.url, data, PNG)
    assert answer.status_code == 200
    stored = await store.head(key)
    assert stored is not None
    assert (stored.key, stored.size, stored.content_type) == (key, len(data), PNG)
    assert stored.etag == hashlib.md5(data).hexdigest()
    assert before <= stored.modified <= datetime.now(UTC) + timedelta(seconds=2)
    assert answer.headers["etag"].strip('"') == stored.etag
    assert ticket.expires_in == 300
    assert abs(ticket.expires_at - datetime.now(UTC).timestamp() - 300) < 5


async def test_a_link_without_a_type_takes_what_a_browser_sends(
    store: ObjectStore, browser: httpx.AsyncClient
) -> None:
    """Browsers send no type, or a vague one, for files they don't know."""
    for headers in ({}, {"Content-Type": UNTYPED}, {"Content-Type": "text/markdown"}):
        key = fresh(".md")
        ticket = await store.presign_put(key, "", size=7)
        sent = await browser.put(ticket.url, content=b"# Hello", headers=headers)
        assert sent.status_code == 200, sent.text
        assert await store.get(key) == b"# Hello"


async def test_a_stream_gives_the_content_in_pieces_and_misses_what_is_missing(
    store: ObjectStore,
) -> None:
    key, data = fresh(), os.urandom(3 * objects.PIECE + 17)
    await store.put(key, data, PNG)
    pieces = [piece async for piece in store.stream(key)]
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= objects.PIECE
    with pytest.raises(errors.NotFound):
        await anext(aiter(store.stream(fresh())))


async def test_an_upload_of_another_type_is_refused_and_leaves_nothing(
    store: ObjectStore, browser: httpx.AsyncClient
) -> None:
    key = fresh()
    url = (await store.presign_put(key, PNG, size=1)).url
    for kind in ("text/html", "image/jpeg", f"{PNG}; charset=utf-8", "IMAGE/PNG"):
        assert (await send(browser, url, b"x", kind)).status_code == 403
    assert (await browser.put(url, content=b"x")).status_code == 403
    assert await store.head(key) is None


async def chunks(*data: bytes) -> AsyncIterator[bytes]:
    """A body that httpx sends without a Content-Length."""
    for one in data:
        yield one


@pytest.mark.parametrize("kind", [PNG, ""])
async def test_an_upload_of_another_size_is_refused_and_leaves_nothing(
    store: ObjectStore, browser: httpx.AsyncClient, kind: str
) -> None:
    key = fresh()
    url = (await store.presign_put(key, kind, size=100_000)).url
    bodies: list[bytes | AsyncIterator[bytes]] = [
        *(bytes(size) for size in (100_001, 99_999, 9_000_000, 1, 0)),
        chunks(bytes(100_000)),
    ]
    for data in bodies:
        answer = await browser.put(url, content=data, headers={"Content-Type": kind or UNTYPED})
        assert answer.status_code == 403
        assert await store.list("") == []
    assert (await send(browser, url, bytes(100_000), kind or UNTYPED)).status_code == 200
    stored = await store.head(key)
    assert stored is not None
    assert stored.size == 100_000


async def test_an_empty_upload_is_a_size_like_any_other(
    store: ObjectStore, browser: httpx.AsyncClient
) -> None:
    key = fresh()
    url = (await store.presign_put(key, PNG, size=0)).url
    assert (await send(browser, url, b"x", PNG)).status_code == 403
    assert await store.head(key) is None
    assert (await send(browser, url, b"", PNG)).status_code == 200
    assert await store.get(key) == b""


async def test_no_link_is_signed_for_a_size_that_no_upload_may_have(store: ObjectStore) -> None:
    for size in (-1, objects.MAX_BYTES + 1):
        with pytest.raises(ValueError, match="an upload has 0 to"):
            await store.presign_put(fresh(), PNG, size=size)


async def test_a_link_that_was_changed_anywhere_is_refused(
    store: ObjectStore, browser: httpx.AsyncClient
) -> None:
    key, other = fresh(), fresh()
    await store.put(key, b"mine", PNG)
    await store.put(other, b"another's", PNG)
    get = await store.presign_get(key, filename="a.png", content_type=PNG)
    put = (await store.presign_put(key, PNG, size=len(b"theirs"))).url
    assert (await browser.get(get)).content == b"mine"
    forged = [
        get.replace(key, other),
        get.replace("a.png", "b.png"),
        get.replace("image%2Fpng", "text%2Fhtml").replace("image/png", "text/html"),
        get[:-1] + ("0" if get[-1] != "0" else "1"),
        get.replace("=300&", "=3000&").replace("expires=", "expires=9"),
        get.partition("?")[0],
        put,
    ]
    for url in forged:
        assert url != get
        assert (await browser.get(url)).status_code == 403, url
    for url in (put.replace(key, other), get, put.partition("?")[0]):
        assert (await send(browser, url, b"theirs", PNG)).status_code == 403, url
    assert await store.get(key) == b"mine"
    assert await store.get(other) == b"another's"


async def test_a_link_ends_at_its_expiry(store: ObjectStore, browser: httpx.AsyncClient) -> None:
    key = fresh()
    await store.put(key, b"data", PNG)
    get = await store.presign_get(key, expires_in=1)
    put = (await store.presign_put(key, PNG, size=len(b"late"), expires_in=1)).url
    await asyncio.sleep(2.1)
    assert (await browser.get(get)).status_code == 403
    assert (await send(browser, put, b"late", PNG)).status_code == 403
    assert await store.get(key) == b"data"


async def test_a_link_cannot_live_longer_than_s3_allows(store: ObjectStore) -> None:
    for expires_in in (0, -1, 7 * 24 * 3600 + 1):
        with pytest.raises(ValueError, match="link lives"):
            await store.presign_put(fresh(), PNG, size=1, expires_in=expires_in)
        with pytest.raises(ValueError, match="link lives"):
            await store.presign_get(fresh(), expires_in=expires_in)


async def test_a_download_names_the_file_safely(
    store: ObjectStore, browser: httpx.AsyncClient
) -> None:
    key = fresh(".pdf")
    await store.put(key, b"data", "application/pdf")
    for name in ("plan.pdf", "보고서 1.pdf", 'a"; filename=b\r\nSet-Cookie: c=d', "\udc80", None):
        answer = await browser.get(await store.presign_get(key, filename=name))
        assert answer.status_code == 200
        expected = downloads.disposition(name, inline=False, content_type=None)
        assert answer.headers["content-disposition"] == expected
        assert "set-cookie" not in answer.headers


async def test_only_what_cannot_run_script_is_shown_in_place(
    store: ObjectStore, browser: httpx.AsyncClient
) -> None:
    key = fresh("")
    for kind, shown in (
        (PNG, "inline"),
        ("text/plain; charset=utf-8", "inline"),
        ("text/html", "attachment"),
        ("IMAGE/SVG+XML; charset=utf-8", "attachment"),
        (None, "attachment"),
    ):
        await store.put(key, b"<script>", kind or "text/html")
        answer = await browser.get(await store.presign_get(key, inline=True, content_type=kind))
        assert answer.headers["content-disposition"] == shown
        assert answer.headers["content-type"] == (kind or "text/html")


async def test_a_download_can_ask_for_a_range(
    store: ObjectStore, browser: httpx.AsyncClient
) -> None:
    key = fresh()
    await store.put(key, b"0123456789", PNG)
    url = await store.presign_get(key)
    for asked, content, span in [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ]:
        part = await browser.get(url, headers={"Range": asked})
        assert (part.status_code, part.content) == (206, content)
        assert part.headers["content-range"] == span
    assert (await browser.get(url, headers={"Range": "bytes=10-"})).status_code == 416


async def test_what_is_put_can_be_got_and_replaced(store: ObjectStore) -> None:
    key = fresh()
    await store.put(key, b"older and of another length", "text/plain")
    for data in (b"", b"x", b"\x00\xff\n" * 1_000_000):
        await store.put(key, data, PNG)
        stored = await store.head(key)
        assert stored is not None
        assert (stored.size, stored.content_type) == (len(data), PNG)
        assert await store.get(key) == data


async def test_a_second_upload_over_a_link_is_refused_or_shows_in_the_etag(
    store: ObjectStore, settings: Settings, browser: httpx.AsyncClient
) -> None:
    key = fresh()
    url = (await store.presign_put(key, PNG, size=4)).url
    assert (await send(browser, url, b"seen", PNG)).status_code == 200
    seen = await store.head(key)
    assert seen is not None
    again = await send(browser, url, b"else", PNG)
    assert again.status_code == (200 if settings.s3_bucket else 409), "see presign_put"
    stored = await store.head(key)
    assert stored is not None
    assert (stored.etag == seen.etag) == (await store.get(key) == b"seen")


async def test_twenty_writers_of_one_object_leave_one_of_their_contents_whole(
    store: ObjectStore,
) -> None:
    key = fresh()
    contents = [bytes([65 + i]) * (10_000 + i) for i in range(20)]
    await asyncio.gather(*(store.put(key, content, PNG) for content in contents))
    final = await store.get(key)
    stored = await store.head(key)
    assert final in contents
    assert stored is not None
    assert (stored.size, stored.etag) == (len(final), hashlib.md5(final).hexdigest())


async def test_a_missing_object_has_no_head_and_no_content(
    store: ObjectStore, browser: httpx.AsyncClient
) -> None:
    key = fresh()
    assert await store.head(key) is None
    with pytest.raises(errors.NotFound):
        await store.get(key)
    assert (await browser.get(await store.presign_get(key))).status_code == 404


async def test_a_delete_takes_any_number_of_keys_and_can_be_repeated(store: ObjectStore) -> None:
    there = [f"drive/{i:04}/{uuid.uuid4()}" for i in range(5)]
    kept = "drive/kept"
    for key in [*there, kept]:
        await store.put(key, b"x", PNG)
    # The last ones are beyond what S3 takes in one call.
    keys = [*(fresh() for _ in range(1200)), *there]
    for _ in range(2):
        await store.delete(keys)
        assert [one.key for one in await store.list("drive/")] == [kept]
    await store.delete([])


async def test_a_listing_is_in_key_order_and_pages_without_gaps(store: ObjectStore) -> None:
    keys = ["a", "a-b", "a.b", "a/b", "a/b/c", "a/c", "a0", "aa/x", "b/a", "b/a1", "b/a_", "c"]
    for key in reversed(keys):
        await store.put(key, key.encode(), PNG)
    assert [one.key for one in await store.list("")] == keys
    assert [one.key for one in await store.list("a/")] == ["a/b", "a/b/c", "a/c"]
    assert [one.key for one in await store.list("b/a")] == ["b/a", "b/a1", "b/a_"]
    assert await store.list("nothing/") == []
    for limit in (1, 2, 5):
        seen: list[str] = []
        while page := await store.list("", after=seen[-1] if seen else None, limit=limit):
            seen += [one.key for one in page]
        assert seen == keys
    first = (await store.list("", limit=1))[0]
    assert (first.size, first.content_type) == (1, "")
    assert first.etag == hashlib.md5(b"a").hexdigest()


async def test_a_key_that_is_not_in_our_form_is_refused_by_every_operation(
    store: ObjectStore,
) -> None:
    for key in (
        *("", "/etc/passwd", "a/../b", "..", "a//b", "a/", "a\x00b", "a b", "가", "a/.b", "a\n"),
        *("a~b", "a@", "x" * 201, "/".join(["a"] * 300)),
    ):
        for attempt in (
            store.head(key),
            store.get(key),
            store.put(key, b"x", PNG),
            store.delete([key]),
            store.presign_put(key, PNG, size=1),
            store.presign_get(key),
        ):
            with pytest.raises(errors.BadRequest):
                await attempt


async def test_a_type_that_cannot_stand_in_a_header_is_refused(store: ObjectStore) -> None:
    for kind in ("png", "image/png\r\nX-A: b", "image/파이", "a/" + "b" * 300):
        for attempt in (
            store.presign_put(fresh(), kind, size=1),
            store.put(fresh(), b"x", kind),
        ):
            with pytest.raises(errors.BadRequest):
                await attempt
    with pytest.raises(errors.BadRequest):
        await store.put(fresh(), b"x", "")


async def test_orphans_are_old_objects_that_nobody_knows(store: ObjectStore) -> None:
    keys = [f"drive/{i:02}" for i in range(10)]
    for key in [*keys, "profiles/other"]:
        await store.put(key, b"x", PNG)
    asked: list[Sequence[str]] = []

    async def known(some: Sequence[str]) -> set[str]:
        asked.append(some)
        return {key for key in some if int(key[-2:]) % 3 == 0}

    young = [page async for page in objects.orphans(store, "drive/", known, 3600, page_size=4)]
    assert (young, asked) == ([], [])
    found: list[str] = []
    async for page in objects.orphans(store, "drive/", known, -5, page_size=4):
        await store.delete(page)
        found += page
    assert found == [key for key in keys if int(key[-2:]) % 3]
    assert [key for some in asked for key in some] == keys
    assert [one.key for one in await store.list("")] == [*keys[::3], "profiles/other"]


async def test_the_check_leaves_nothing_behind(store: ObjectStore) -> None:
    await store.check()
    assert await store.list("") == []


async def test_the_check_says_what_to_do_when_the_public_address_is_wrong(
    settings: Settings,
) -> None:
    nobody = f"http://localhost:{free_port()}"
    changed = msgspec.structs.replace(settings, public_url=nobody, s3_public_endpoint=nobody)
    server_secret.open(changed)
    await objects.open(changed)
    try:
        setting = "S3_PUBLIC_ENDPOINT" if settings.s3_bucket else "WEALIST_PUBLIC_URL"
        with pytest.raises(errors.Unavailable, match=f"no answer from {nobody}.*{setting}"):
            await objects.store().check()
        assert await objects.store().list("") == []
    finally:
        await objects.close()


async def test_a_link_leads_to_the_public_address(store: ObjectStore, settings: Settings) -> None:
    key = fresh()
    public = urlsplit(settings.s3_public_endpoint or settings.base_url)
    inside = f"{PREFIX}/{settings.s3_bucket}" if settings.s3_bucket else "/objects"
    for url in ((await store.presign_put(key, PNG, size=1)).url, await store.presign_get(key)):
        assert urlsplit(url)[:3] == ("http", public.netloc, f"{inside}/{key}")
