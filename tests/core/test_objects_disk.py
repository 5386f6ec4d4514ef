"""What only the local store must see to: limits, half uploads, strangers' files on our origin."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.core.object_peers import object_routes, own_stores, serving
from wealist.core import capability, errors, objects, objects_http, server_secret
from wealist.core.objects import MAX_BYTES, ObjectStore
from wealist.core.objects_http import redirect
from wealist.core.settings import Settings

PNG = "image/png"
KEY = "profiles/0190.png"


@pytest.fixture(autouse=True)
def stores() -> Iterator[None]:
    with own_stores():
        yield


@pytest.fixture(scope="module")
async def port() -> AsyncIterator[int]:
    async with serving(object_routes()) as port:
        yield port


@pytest.fixture
async def store(port: int, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    settings = Settings(data_dir=tmp_path, port=port)
    server_secret.open(settings)
    await objects.open(settings)
    yield objects.store()
    await objects.close()


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=60) as client:
        yield client


def files(tmp_path: Path) -> list[str]:
    root = tmp_path / "objects"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def settle(tmp_path: Path, expected: list[str]) -> None:
    deadline = time.monotonic() + 5
    while files(tmp_path) != expected and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert files(tmp_path) == expected


async def test_an_upload_beyond_the_limit_is_refused_and_leaves_nothing(
    store: ObjectStore, browser: httpx.AsyncClient, tmp_path: Path
) -> None:
    url = (await store.presign_put(KEY, PNG, size=MAX_BYTES)).url
    block = bytes(1024 * 1024)

    async def too_much() -> AsyncIterator[bytes]:
        for _ in range(MAX_BYTES // len(block)):
            yield block
        yield b"x"

    announced = {"Content-Length": str(MAX_BYTES + 1)}
    for headers in ({}, announced):
        answer = await browser.put(url, content=too_much(), headers={"Content-Type": PNG} | headers)
        assert answer.status_code == 403
        assert answer.json() == {
            "message": f"this link is for a file of {MAX_BYTES} bytes, with that Content-Length"
        }
        await settle(tmp_path, [])


async def test_an_upload_of_another_size_is_refused_before_its_body_is_read(
    store: ObjectStore, tmp_path: Path, port: int
) -> None:
    url = urlsplit((await store.presign_put(KEY, PNG, size=5)).url)
    for length in ("Content-Length: 6", "Content-Length: 4", "Transfer-Encoding: chunked"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {PNG}\r\n"
            f"Expect: 100-continue\r\n{length}\r\n\r\n".encode()
        )
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert answer.startswith(b"HTTP/1.1 403"), "and not 100, send me the body"
        writer.close()
        assert files(tmp_path) == []


async def test_a_body_of_another_length_than_its_header_says_leaves_nothing(
    store: ObjectStore, tmp_path: Path
) -> None:
    """HTTP servers don't let that through; an ASGI server might."""
    url = (await store.presign_put(KEY, PNG, size=5)).url
    headers = {"Content-Type": PNG, "Content-Length": "5"}
    app: Any = object_routes()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as browser:
        for data in (b"123456", b"1234", b"", bytes(2 * objects_http.PIECE)):
            answer = await browser.put(url, content=data, headers=headers)
            assert answer.status_code == 403
            assert files(tmp_path) == []
        assert (await browser.put(url, content=b"12345", headers=headers)).status_code == 200
    assert await store.get(KEY) == b"12345"


async def test_the_size_in_a_link_cant_be_changed(
    store: ObjectStore, browser: httpx.AsyncClient, tmp_path: Path
) -> None:
    url = (await store.presign_put(KEY, PNG, size=5)).url
    assert url.count("size=5") == 1
    for forged in ("size=6", "size=6&size=5", "size=5&size=6", "size=-6", "size=x", "size=", ""):
        answer = await browser.put(
            url.replace("size=5", forged), content=b"123456", headers={"Content-Type": PNG}
        )
        assert answer.status_code == 403, forged
    assert files(tmp_path) == []


async def test_an_upload_of_exactly_the_limit_is_taken_and_the_loop_stays_free(
    store: ObjectStore, browser: httpx.AsyncClient
) -> None:
    lags: list[float] = []

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - before - 0.005)

    async def blocks() -> AsyncIterator[bytes]:
        for _ in range(MAX_BYTES // 65536):
            yield bytes(65536)

    watching = asyncio.create_task(watch())
    url = (await store.presign_put(KEY, PNG, size=MAX_BYTES)).url
    headers = {"Content-Type": PNG, "Content-Length": str(MAX_BYTES)}
    answer = await browser.put(url, content=blocks(), headers=headers)
    watching.cancel()
    assert answer.status_code == 200
    stored = await store.head(KEY)
    assert stored is not None
    assert stored.size == MAX_BYTES
    assert sorted(lags)[len(lags) * 9 // 10] < 0.05


async def test_what_was_uploaded_over_a_link_is_never_replaced_over_one(
    store: ObjectStore, browser: httpx.AsyncClient, tmp_path: Path
) -> None:
    url = (await store.presign_put(KEY, PNG, size=4)).url
    first = await browser.put(url, content=b"four", headers={"Content-Type": PNG})
    assert first.status_code == 200
    for data in (bytes(60_000_000), b"four", b"else", b""):
        another = (await store.presign_put(KEY, PNG, size=len(data))).url
        again = url if len(data) == 4 else another
        answer = await browser.put(again, content=data, headers={"Content-Type": PNG})
        assert answer.status_code == 409
        assert "uploaded already" in answer.json()["message"]
    assert await store.get(KEY) == b"four"
    assert files(tmp_path) == [f"{KEY}@"]


async def test_of_twenty_uploads_over_one_link_at_once_one_stays(
    store: ObjectStore, browser: httpx.AsyncClient, tmp_path: Path
) -> None:
    url = (await store.presign_put(KEY, PNG, size=3)).url
    begun = asyncio.Barrier(20)

    async def body(number: int) -> AsyncIterator[bytes]:
        yield b"%02d" % number
        await begun.wait()  # all have passed the look at what exists
        yield b"."

    async def upload(number: int) -> int:
        headers = {"Content-Type": PNG, "Content-Length": "3"}
        return (await browser.put(url, content=body(number), headers=headers)).status_code

    answers = await asyncio.gather(*(upload(number) for number in range(20)))
    assert sorted(answers) == [200] + [409] * 19
    assert await store.get(KEY) == b"%02d." % answers.index(200)
    await settle(tmp_path, [f"{KEY}@"])


async def test_an_abandoned_upload_leaves_nothing_and_its_link_can_be_used_again(
    store: ObjectStore, browser: httpx.AsyncClient, tmp_path: Path, port: int
) -> None:
    link = (await store.presign_put(KEY, PNG, size=9_000_000)).url
    url = urlsplit(link)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {PNG}\r\n"
        "Content-Length: 9000000\r\n\r\n".encode()
        + bytes(3_000_000)
    )
    await writer.drain()
    deadline = time.monotonic() + 5
    while not files(tmp_path) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert len(files(tmp_path)) == 1
    writer.close()
    await settle(tmp_path, [])
    whole = b"whole" * 1_800_000
    answer = await browser.put(link, content=whole, headers={"Content-Type": PNG})
    assert answer.status_code == 200
    assert await store.get(KEY) == whole


async def test_an_upload_that_stops_arriving_is_given_up_but_a_slow_one_is_not(
    store: ObjectStore, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects_http, "PIECE", 1024)
    monkeypatch.setattr(objects_http, "PIECE_SECONDS", 0.3)
    for key, piece, status in ((KEY, bytes(1024), b"200"), ("profiles/2.png", b"x", b"408")):
        url = urlsplit((await store.presign_put(key, PNG, size=10240)).url)
        head = (
            f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {PNG}\r\n"
            "Content-Length: 10240\r\n\r\n"
        ).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        answer = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
        for _ in range(10):
            writer.write(piece)
            await asyncio.sleep(0.1)
        assert (await asyncio.wait_for(answer, 5)).startswith(b"HTTP/1.1 " + status)
        writer.close()
        await settle(tmp_path, [f"{KEY}@"])


async def test_drafts_of_a_crashed_process_are_removed_at_the_next_start(
    store: ObjectStore, tmp_path: Path, port: int
) -> None:
    drafts = tmp_path / "objects" / "~drafts"
    (drafts / "crashed").write_bytes(b"half")
    os.utime(drafts / "crashed", (0, 0))
    (drafts / "running").write_bytes(b"half")
    await objects.open(Settings(data_dir=tmp_path, port=port))
    assert files(tmp_path) == ["~drafts/running"]
    assert await objects.store().list("") == []


async def test_deleting_the_last_object_removes_its_directories_while_others_write(
    store: ObjectStore, tmp_path: Path
) -> None:
    async def come_and_go(i: int) -> None:
        for _ in range(20):
            await store.put(f"a/b/{i}", b"x", PNG)
            await store.delete([f"a/b/{i}"])

    await asyncio.gather(*(come_and_go(i) for i in range(8)))
    assert [path.name for path in (tmp_path / "objects").iterdir()] == ["~drafts"]


async def test_a_strangers_page_cannot_act_under_our_origin(
    store: ObjectStore, browser: httpx.AsyncClient
) -> None:
    await store.put(KEY, b"<script>alert(1)</script>", "text/html")
    # Even a link signed for showing a picture: the stored type decides when the link has none.
    for inline in (True, False):
        answer = await browser.get(await store.presign_get(KEY, inline=inline))
        assert answer.headers["content-disposition"] == "attachment"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["cache-control"].startswith("private")
    as_picture = await store.presign_get(KEY, inline=True, content_type=PNG)
    answer = await browser.get(as_picture)
    assert answer.headers["content-disposition"] == "inline"
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == (
        PNG,
        "nosniff",
    )


async def test_a_download_can_be_asked_for_by_head_and_by_condition(
    store: ObjectStore, browser: httpx.AsyncClient
) -> None:
    await store.put(KEY, b"0123456789", PNG)
    url = await store.presign_get(KEY)
    head = await browser.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == "10"
    etag = head.headers["etag"]
    again = await browser.get(url, headers={"If-None-Match": f'"other", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    for condition, status in ((etag, 206), ('"other"', 200)):
        part = await browser.get(url, headers={"Range": "bytes=0-0", "If-Range": condition})
        assert part.status_code == status
    for unusable in ("bytes=4-2", "bytes=-", "bytes=0-1,3-4", "lines=1-2", "bytes=a-b"):
        whole = await browser.get(url, headers={"Range": unusable})
        assert (whole.status_code, whole.content) == (200, b"0123456789")


async def test_a_download_that_is_cut_short_closes_its_file(
    store: ObjectStore, port: int, tmp_path: Path
) -> None:
    await store.put(KEY, bytes(50_000_000), PNG)
    url = urlsplit(await store.presign_get(KEY))

    def open_objects() -> int:
        links = [fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
        return sum(link.is_relative_to(tmp_path) for link in links)

    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while not open_objects():
            await asyncio.sleep(0.005)
        client.recv(1000)
    deadline = time.monotonic() + 5
    while open_objects() and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert open_objects() == 0


async def test_a_query_that_is_not_ours_is_forbidden(
    store: ObjectStore, browser: httpx.AsyncClient, port: int
) -> None:
    for query in (
        *("", "expires=x&signature=1", "expires=²", "expires=99999999999999999", "expires=-1"),
        *("signature=%ED%B2%80", "expires=9999999999&signature=가"),
    ):
        for path in (KEY, "..%2f..%2fserver-secret", "%2e%2e/%2e%2e/etc/passwd", "a%00b"):
            url = f"http://localhost:{port}/objects/{path}?{query}"
            assert (await browser.get(url)).status_code == 403
            assert (await browser.put(url, headers={"Content-Type": PNG})).status_code == 403


async def test_an_unwritable_data_directory_is_unavailable_with_advice(
    store: ObjectStore, tmp_path: Path
) -> None:
    drafts = tmp_path / "objects" / "~drafts"
    drafts.rmdir()
    drafts.write_bytes(b"a file where the directory should be")
    with pytest.raises(objects.StoreUnavailable) as caught:
        await store.put(KEY, b"x", PNG)
    assert caught.value.message == "the file store is unavailable; try again"
    assert "WEALIST_DATA_DIR" in caught.value.advice


async def test_a_capability_redirects_to_a_fresh_link_that_shows_the_picture(
    store: ObjectStore, browser: httpx.AsyncClient
) -> None:
    await store.put(KEY, b"picture", PNG)
    answer = await redirect(capability.sign(KEY), _shown)
    assert answer.status_code == 302
    assert answer.headers["Cache-Control"] == "private, max-age=240"
    shown = await browser.get(answer.url)
    assert shown.content == b"picture"
    assert shown.headers["content-disposition"] == "inline"


async def _shown(key: str) -> bool:
    return key == KEY


async def test_what_is_forged_and_what_is_not_shown_get_the_same_answer(
    store: ObjectStore,
) -> None:
    other = "profiles/0191.png"
    asked: list[str] = []

    async def shown(key: str) -> bool:
        asked.append(key)
        return await _shown(key)

    for key in (KEY, other):
        await store.put(key, b"picture", PNG)
    said = set()
    signed = capability.sign(KEY)
    forged = ("y" if signed[0] == "x" else "x") + signed[1:]
    for given in (forged, capability.sign(other)):
        with pytest.raises(errors.NotFound) as caught:
            await redirect(given, shown)
        said.add((caught.value.message, caught.value.code, str(caught.value.headers)))
    assert said == {("no such file", "NOT_FOUND", "{}")}
    assert asked == [other], "nobody is asked about what is forged"
