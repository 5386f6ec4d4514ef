"""Clients of WebSockets that cost next to nothing: they shake hands, and count bytes."""

import asyncio
import os
from base64 import b64encode


class Client(asyncio.Protocol):
    """One connection. `received` counts the bytes after the handshake, of all clients."""

    received = 0

    def __init__(self, path: str, port: int) -> None:
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\n\r\n"
        ).encode()
        self._head = b""
        self._open = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._open:
            Client.received += len(data)
            return
        self._head += data
        head, found, rest = self._head.partition(b"\r\n\r\n")
        if not found:
            return
        if not head.startswith(b"HTTP/1.1 101"):
            self.opened.set_exception(ConnectionError(self._head[:300].decode("latin-1")))
            return
        self._open = True
        Client.received += len(rest)
        self.opened.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionResetError("closed"))


async def connect(paths: list[str], port: int) -> list[Client]:
    """A client for each path, all shaken hands, fifty at a time."""
    loop = asyncio.get_running_loop()
    clients: list[Client] = []
    for start in range(0, len(paths), 50):
        made = [
            (await loop.create_connection(lambda p=path: Client(p, port), "127.0.0.1", port))[1]  # type: ignore[misc]
            for path in paths[start : start + 50]
        ]
        await asyncio.gather(*(client.opened for client in made))
        clients += made
    return clients


async def received(count: int, *, within: float = 60.0) -> None:
    """Wait until all clients together have so many bytes."""
    async with asyncio.timeout(within):
        while Client.received < count:
            await asyncio.sleep(0.005)
