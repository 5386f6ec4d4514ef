"""The least that sends one text to many WebSockets: uvicorn, a queue and a writer per client.

`python -m benchmarks._fanout_bare PORT`; a line `N` on stdin sends N frames of 300 characters.
"""

import asyncio
import sys
from typing import Any

import uvicorn
import uvloop

FRAME = "x" * 300
BURST = 10


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    queue: asyncio.Queue[str] = asyncio.Queue(1000)
    queues[queue] = None

    async def write() -> None:
        while True:
            await send({"type": "websocket.send", "text": await queue.get()})

    writer = asyncio.create_task(write())
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        del queues[queue]
        writer.cancel()


queues: dict[asyncio.Queue[str], None] = {}


async def orders() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        for number in range(int(line)):
            for queue in queues:
                queue.put_nowait(FRAME)
            if number % BURST == BURST - 1:
                await asyncio.sleep(0)
                while any(queue.qsize() for queue in queues):
                    await asyncio.sleep(0)


async def main(port: int) -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=port,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            access_log=False,
            lifespan="off",
            log_level="warning",
        )
    )
    task = asyncio.create_task(orders())
    await server.serve()
    task.cancel()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
