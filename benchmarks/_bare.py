"""The least that answers "my workspaces" over HTTP: Litestar, asyncpg, the same SQL, nothing else.

`python -m benchmarks._bare PORT USER_ID`, with DATABASE_URL in the environment.
"""

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import uvicorn
from litestar import Litestar, get

from wealist.user.queries import MY_WORKSPACES
from wealist.user.wire import UserWorkspace

PATH = "/workspaces"


async def _keep(connection: asyncpg.Connection) -> None:
    """No `RESET ALL` after each use: it would cost a round trip and flatter us."""


def app(database_url: str, user_id: UUID) -> Litestar:
    pool: asyncpg.Pool

    @contextlib.asynccontextmanager
    async def opened(_: Litestar) -> AsyncIterator[None]:
        nonlocal pool
        async with asyncpg.create_pool(
            database_url, min_size=1, max_size=20, reset=_keep, server_settings={"jit": "off"}
        ) as pool:
            yield

    @get(PATH)
    async def workspaces() -> list[UserWorkspace]:
        return [UserWorkspace(*row) for row in await pool.fetch(MY_WORKSPACES, user_id)]

    return Litestar([workspaces], lifespan=[opened], openapi_config=None, logging_config=None)


if __name__ == "__main__":
    uvicorn.run(
        app(os.environ["DATABASE_URL"], UUID(sys.argv[2])),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
