"""Clients of WebSockets that cost next to nothing: they count bytes, or read frames."""

import asyncio
import contextlib
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from struct import unpack_from


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


class Talker(Client):
    """One connection that says something, and hears text frames one by one.

    `heard` is for subclasses. Pings are answered, as browsers do by themselves.
    """

    _rest = b""

    def say(self, text: bytes) -> None:
        """Send a text frame."""
        self.transport.write(frame(text))

    def heard(self, text: bytes) -> None:
        """Called with each text frame of the server."""

    def data_received(self, data: bytes) -> None:
        if not self._open:
            super().data_received(data)
            if not self._open:
                return
            data = self._head.partition(b"\r\n\r\n")[2]
            self._head = b""
        else:
            Client.received += len(data)
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        while end - at >= 2:
            start, size = at + 2, data[at + 1]
            if size >= 126:
                wide = 2 if size == 126 else 8
                if end - start < wide:
                    break
                size = unpack_from(">H" if wide == 2 else ">Q", data, start)[0]
                start += wide
            if end - start < size:
                break
            kind, text, at = data[at] & 15, data[start : start + size], start + size
            if kind == TEXT:
                self.heard(text)
            elif kind == PING:
                self.transport.write(frame(text, PONG))
        self._rest = data[at:]


TEXT, PING, PONG = 1, 9, 10
SIGN_SECONDS = 5.0


def frame(payload: bytes, kind: int = TEXT) -> bytes:
    """A client's frame. It is masked, as it must be, with a mask that changes nothing."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | kind, 0x80 | size))
    else:
        assert size < 1 << 16
        head = bytes((0x80 | kind, 0x80 | 126)) + size.to_bytes(2)
    return head + bytes(4) + payload


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


@contextlib.asynccontextmanager
async def alive(clients: Sequence[Client]) -> AsyncIterator[None]:
    """Have clients give signs of life, since those that don't read frames answer no pings."""

    async def tell() -> None:
        while True:
            for client in clients:
                client.transport.write(frame(b"", PONG))
            await asyncio.sleep(SIGN_SECONDS)

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        task.cancel()


async def received(count: int, *, within: float = 60.0) -> None:
    """Wait until all clients together have so many bytes."""
    async with asyncio.timeout(within):
        while Client.received < count:
            await asyncio.sleep(0.005)
