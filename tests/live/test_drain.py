"""SIGTERM: what has begun is finished, nothing new begins."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from tests.live.servers import WORKSPACES, Replica, until


@contextlib.asynccontextmanager
async def locked(database_url: str, workspace_id: str) -> AsyncIterator[asyncpg.Connection]:
    """The row of a workspace is held by somebody else, so that who changes it has to wait."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute(
                'SELECT FROM "user".workspaces WHERE id = $1 FOR UPDATE', workspace_id
            )
            yield connection
    finally:
        await connection.close()


async def test_a_request_under_way_is_finished_and_a_new_connection_refused(
    database_url: str, data_dir: Path
) -> None:
    async with Replica.start(data_dir, database_url=database_url) as replica:
        ann = await replica.sign_in("ann")
        workspace = await replica.create_workspace(ann, "Before")

        async def refuses_new() -> bool:
            address = urlsplit(replica.url)
            try:
                _, writer = await asyncio.open_connection(address.hostname, address.port)
            except ConnectionRefusedError:
                return True
            except ConnectionResetError:  # it stood in the queue when the door was closed
                return False
            writer.close()
            return False

        async with locked(database_url, workspace) as other:

            async def waits() -> bool:
                waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                return bool(await other.fetchval(waiting))

            change = asyncio.create_task(
                replica.http.put(
                    f"{WORKSPACES}/{workspace}",
                    json={"workspaceName": "After"},
                    headers=ann.headers,
                )
            )
            await until(waits, within=5, what="the change waits for the row")
            replica.terminate()
            await until(refuses_new, within=2, what="a new connection is refused")
            assert not change.done()

        answer = await change
        assert (answer.status_code, answer.json()["workspaceName"]) == (200, "After")
        assert await replica.ended() == 0
        assert "Traceback" not in replica.output
