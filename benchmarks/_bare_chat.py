"""The least that takes messages over WebSockets and echoes them: asyncpg, msgspec, uvicorn.

`python -m benchmarks._bare_chat PORT MODE`, with DATABASE_URL in the environment. A socket opens
`/ROOM/USER`. Each message runs the statements that ours runs, in a transaction of its own when MODE
is `alone`; with `together` those that wait share one, as ours do.
"""

import asyncio
import os
import sys
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
import uvicorn
import uvloop

from wealist.chat.message_wire import Message, NewMessage, Received
from wealist.chat.pump import MOST_TOGETHER, PUMPS
from wealist.chat.sending import SEND
from wealist.chat.wire import room_channel
from wealist.core.events import WRITE
from wealist.core.ids import uuid7

POOL = 20
"""As many as ours has (`WEALIST_DATABASE_POOL`)."""


class Said(NamedTuple):
    """A message that somebody waits for."""

    id: UUID
    room: UUID
    user: UUID
    new: NewMessage
    echo: asyncio.Future[str]


async def write(connection: asyncpg.Connection, said: list[Said]) -> None:
    """Carry out what has been said, in one transaction."""
    async with connection.transaction():
        nothing = [None] * len(said)
        places = await connection.fetch(
            SEND,
            [one.id for one in said],
            [one.room for one in said],
            [one.user for one in said],
            [one.new.content for one in said],
            [one.new.message_type for one in said],
            nothing,
            nothing,
            nothing,
        )
        payloads = [
            msgspec.json.encode(
                Received(
                    Message(
                        one.id,
                        one.room,
                        one.user,
                        one.new.content,
                        one.new.message_type,
                        place["at"],
                        place["at"],
                        place["seq"],
                        1,
                        user_name="Ann",
                    )
                )
            ).decode()
            for one, place in zip(said, places, strict=True)
        ]
        await connection.fetch(
            WRITE,
            [room_channel(one.room) for one in said],
            ["MESSAGE_RECEIVED"] * len(said),
            [one.user for one in said],
            payloads,
            None,
            nothing,
        )
    for one, payload in zip(said, payloads, strict=True):
        one.echo.set_result(f'{{"type":"MESSAGE_RECEIVED",{payload[1:]}')


class Chat:
    """The application; `together` says whether what waits shares a transaction."""

    def __init__(self, pool: asyncpg.Pool, *, together: bool) -> None:
        self._pool, self._most = pool, MOST_TOGETHER if together else 1
        self._waiting: asyncio.Queue[Said] = asyncio.Queue()
        self.writers = [
            asyncio.create_task(self._write()) for _ in range(PUMPS if together else POOL)
        ]

    async def _write(self) -> None:
        while True:
            said = [await self._waiting.get()]
            while len(said) < self._most and not self._waiting.empty():
                said.append(self._waiting.get_nowait())
            async with self._pool.acquire() as connection:
                await write(connection, said)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"ok"})
            return
        room, user = (UUID(part) for part in scope["path"].strip("/").split("/"))
        await receive()
        await send({"type": "websocket.accept"})
        loop = asyncio.get_running_loop()
        while (message := await receive())["type"] != "websocket.disconnect":
            new = msgspec.json.decode(message["text"], type=NewMessage)
            echo: asyncio.Future[str] = loop.create_future()
            self._waiting.put_nowait(Said(uuid7(), room, user, new, echo))
            await send({"type": "websocket.send", "text": await echo})


async def _keep(connection: asyncpg.Connection) -> None:
    """No `RESET ALL` after each use: it would cost a round trip and flatter us."""


async def main(port: int, mode: str) -> None:
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"],
        min_size=1,
        max_size=POOL,
        reset=_keep,
        server_settings={"jit": "off"},
    ) as pool:
        app = Chat(pool, together=mode == "together")
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=port,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            access_log=False,
            lifespan="off",
            log_level="warning",
        )
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
