"""The least that answers a list of cards: asyncpg, msgspec, the same statements, nothing else.

`python -m benchmarks._bare_boards PORT PROJECT USER`, with DATABASE_URL in the environment. `/all`
is the whole list, `/page` its first 50.
"""

import asyncio
import os
import sys
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import uvicorn

from wealist.board import access, board_queries, files
from wealist.board.wire import Board
from wealist.core.wire import Data

PLACE = f"{access.PLACE} FROM board.projects p {access.MEMBER} WHERE p.id = $1"
ALL = (
    f"SELECT {board_queries.MANY} {board_queries.FROM} "
    "WHERE b.project_id = $1 AND b.deleted_at IS NULL ORDER BY b.rank, b.id"
)
PAGE = (
    f"SELECT {board_queries.MANY}, b.rank AS sort_key {board_queries.FROM} "
    "WHERE b.project_id = $1 AND b.deleted_at IS NULL ORDER BY b.rank ASC, b.id ASC LIMIT 51"
)
FILES_OF_ALL = f"""
    SELECT {files.COLUMNS}, a.entity_id FROM board.attachments a
    WHERE a.project_id = $1 AND a.entity_type = 'BOARD' ORDER BY a.created_at DESC, a.id DESC
"""
FILES = f"""
    SELECT {files.COLUMNS}, a.entity_id FROM board.attachments a
    WHERE a.entity_type = 'BOARD' AND a.entity_id = ANY($1) ORDER BY a.created_at DESC, a.id DESC
"""


async def answer(pool: asyncpg.Pool, path: str, project: UUID, user: UUID) -> bytes:
    await pool.fetchrow(PLACE, project, user)
    records = await pool.fetch(ALL if path == "/all" else PAGE, project)
    boards = [Board(*record[: board_queries.WIDTH]) for record in records]
    if path == "/all":
        await pool.fetch(FILES_OF_ALL, project)
    else:
        await pool.fetch(FILES, [board.id for board in boards])
    for board in boards:
        board.custom_fields = msgspec.Raw(board.custom_fields)
        board.attachments = []
    return msgspec.json.encode(Data(boards, "x"))


async def _keep(connection: asyncpg.Connection) -> None:
    """No `RESET ALL` after each use: it would cost a round trip and flatter us."""


async def main(port: int, project: UUID, user: UUID) -> None:
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=1, max_size=8, reset=_keep
    ) as pool:

        async def app(scope: Any, receive: Any, send: Any) -> None:
            body = await answer(pool, scope["path"], project, user)
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        config = uvicorn.Config(
            app, host="127.0.0.1", port=port, lifespan="off", access_log=False, log_level="warning"
        )
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), UUID(sys.argv[2]), UUID(sys.argv[3])))
