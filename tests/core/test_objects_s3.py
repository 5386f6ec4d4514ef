"""What only the S3 store can meet: a store that is away, slow, or refuses us."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from tests.core.object_peers import ACCESS_KEY, SECRET_KEY, free_port, moto, own_stores
from wealist.core import errors, objects, objects_s3
from wealist.core.objects import ObjectStore
from wealist.core.settings import Secret, Settings

KEY = "profiles/0190.png"


def settings_for(address: str | None, tmp_path: Path, **changes: object) -> Settings:
    settings = Settings(
        data_dir=tmp_path,
        s3_bucket="files",
        s3_access_key=Secret(ACCESS_KEY),
        s3_secret_key=Secret(SECRET_KEY),
        s3_endpoint=address,
    )
    return msgspec.structs.replace(settings, **changes)


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[ObjectStore]:
    await objects.open(settings)
    try:
        yield objects.store()
    finally:
        await objects.close()


@pytest.fixture(autouse=True)
def stores() -> Iterator[None]:
    with own_stores():
        yield


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with moto(free_port()) as address:
        httpx.put(f"{address}/files").raise_for_status()
        yield address


async def expect_unavailable(store: ObjectStore, advice: str) -> None:
    """Every operation says 503 in neutral words within seconds; `check` tells the operator."""
    for attempt in (
        lambda: store.put(KEY, b"x", "image/png"),
        lambda: store.head(KEY),
        lambda: store.get(KEY),
        lambda: store.list(""),
        lambda: store.delete([KEY]),
    ):
        started = time.monotonic()
        with pytest.raises(errors.Unavailable) as caught:
            await attempt()
        assert time.monotonic() - started < 5
        assert caught.value.message == "the file store is unavailable; try again"
        assert caught.value.headers["Retry-After"] == "5"
    with pytest.raises(errors.Unavailable, match=advice):
        await store.check()


async def test_a_store_that_is_away_is_unavailable_and_used_again_when_it_comes_back(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with opened(settings_for(f"http://127.0.0.1:{port}", tmp_path)) as store:
        await expect_unavailable(store, f"no answer .*127.0.0.1:{port}.* S3_ENDPOINT")
        for _ in range(2):
            with moto(port) as address:
                httpx.put(f"{address}/files").raise_for_status()
                await store.put(KEY, b"x", "image/png")
                assert await store.get(KEY) == b"x"
                await store.check()
            with pytest.raises(errors.Unavailable):
                await store.get(KEY)


async def test_a_store_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects_s3, "ANSWER_SECONDS", 0.5)

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with opened(settings_for(f"http://127.0.0.1:{port}", tmp_path)) as store:
        started = time.monotonic()
        with pytest.raises(errors.Unavailable):
            await store.head(KEY)
        assert time.monotonic() - started < 4
    server.close()


async def test_wrong_keys_are_unavailable_and_the_operator_reads_which_settings(
    address: str, tmp_path: Path
) -> None:
    async with opened(settings_for(address, tmp_path)) as store:
        httpx.post(f"{address}/moto-api/reset-auth", content="0").raise_for_status()
        try:
            await expect_unavailable(store, "refuses our keys .*S3_ACCESS_KEY and S3_SECRET_KEY")
        finally:
            httpx.post(f"{address}/moto-api/reset-auth", content="inf").raise_for_status()
        await store.put(KEY, b"x", "image/png")


async def test_a_missing_bucket_is_named(address: str, tmp_path: Path) -> None:
    async with opened(settings_for(address, tmp_path, s3_bucket="nowhere")) as store:
        for attempt in (lambda: store.put(KEY, b"x", "image/png"), lambda: store.list("")):
            with pytest.raises(objects.StoreUnavailable) as caught:
                await attempt()
            assert caught.value.advice == (
                "there is no bucket nowhere: create it, or correct S3_BUCKET"
            )


async def test_links_are_signed_without_network_for_host_type_and_size_only(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    settings = settings_for(
        nowhere, tmp_path, s3_public_endpoint="https://files.example.org:8443/api/minio/"
    )
    async with opened(settings) as store:
        ticket = await store.presign_put(KEY, "image/png", size=5, expires_in=60)
        url = urlsplit(ticket.url)
        query = parse_qs(url.query)
        assert url.scheme == "https"
        assert url.netloc == "files.example.org:8443"
        assert url.path == f"/api/minio/files/{KEY}"
        assert query["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]
        assert query["X-Amz-Expires"] == ["60"]
        assert set(query) == {
            f"X-Amz-{name}"
            for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
        }
        started = time.perf_counter()
        for _ in range(100):
            await store.presign_get(KEY, filename="a.png")
        assert time.perf_counter() - started < 1


async def test_without_an_endpoint_links_lead_to_the_buckets_own_region_on_aws(
    tmp_path: Path,
) -> None:
    settings = settings_for(None, tmp_path, s3_region="ap-northeast-2", s3_endpoint=None)
    async with opened(settings) as store:
        url = urlsplit(await store.presign_get(KEY))
        assert (url.scheme, url.netloc) == ("https", "files.s3.ap-northeast-2.amazonaws.com")
        assert url.path == f"/{KEY}"


async def test_the_local_store_does_not_load_the_s3_driver(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path\n"
        "from wealist.core import objects, server_secret; from wealist.core.settings import *\n"
        "s = Settings(data_dir=Path(sys.argv[1])); server_secret.open(s)\n"
        "asyncio.run(objects.open(s))\n"
        "print(sorted(set(sys.modules) & {'aioboto3', 'botocore', 'aiohttp', 'httpx'}))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().strip() == "[]"
