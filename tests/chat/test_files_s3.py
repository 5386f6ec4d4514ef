"""Files of messages in an S3 bucket: the same as on local disk, but for where they are."""

import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec import structs

from tests.chat.making import Office, call, say
from tests.chat.test_files import PATH, PNG, image, wanted
from tests.core.object_peers import ACCESS_KEY, SECRET_KEY, free_port, moto, own_stores
from wealist.core import doomed, objects, server_secret
from wealist.core.settings import Secret, Settings


@pytest.fixture
async def bucket(settings: Settings) -> AsyncIterator[str]:
    """The app with an S3 bucket for a while."""
    name = f"bucket-{uuid.uuid4().hex}"
    with own_stores(), moto(free_port()) as address:
        async with httpx.AsyncClient() as admin:
            assert (await admin.put(f"{address}/{name}")).status_code == 200
        server_secret.open(settings)
        await objects.open(
            structs.replace(
                settings,
                s3_bucket=name,
                s3_access_key=Secret(ACCESS_KEY),
                s3_secret_key=Secret(SECRET_KEY),
                s3_endpoint=address,
            )
        )
        yield address
        await objects.close()


async def test_in_a_bucket_it_is_the_same(office: Office, bucket: str) -> None:
    room = await office.room()
    ticket = await call(office.ann, "POST", PATH, wanted(office))
    assert ticket["uploadUrl"].startswith(bucket)
    async with httpx.AsyncClient() as browser:
        kind = {"Content-Type": "image/png"}
        assert (
            await browser.put(ticket["uploadUrl"], content=PNG, headers=kind)
        ).status_code == 200
        message = await say(office.ann, room, "x", **image(ticket))
        async with office.ann.server.client() as plain:
            redirect = await plain.get(message["fileUrl"])
        assert redirect.headers["location"].startswith(bucket)
        assert (await browser.get(redirect.headers["location"])).content == PNG
    await call(office.ann, "DELETE", f"/messages/{message['messageId']}")
    await doomed.sweep()
    assert await objects.store().head(ticket["fileKey"]) is None
