"""What all clients of live tests have in common: they remember what they hear, and wait for it."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PATIENCE = 10.0


class Ear(ABC):
    """Somebody who hears news; `_news` is set with each of them, and with the end."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    @abstractmethod
    async def _read(self) -> None:
        """Take what arrives, to its end."""

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Self]:
        """Hear until the block ends."""
        task = asyncio.create_task(self._read())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, true: Callable[[], bool], *, within: float = PATIENCE) -> None:
        """Wait until something is true of what was heard; fails after `within` seconds."""
        async with asyncio.timeout(within):
            while not true():
                self._news.clear()
                await self._news.wait()


class SocketEar(Ear):
    """A client of a WebSocket; `frames` are those that `_take` keeps, in the order of arrival."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__()
        self._socket = socket
        self.frames: list[dict[str, Any]] = []
        self.code: int | None = None
        """The close code, once there is one."""

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, url: str) -> AsyncIterator[Self]:
        """Connected until the block ends; `url` may begin with `http`."""
        async with (
            connect(url.replace("http", "ws", 1), compression=None) as socket,
            cls(socket).reading() as ear,
        ):
            yield ear

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                self._take(msgspec.json.decode(text))
                self._news.set()
        except ConnectionClosed:
            pass
        finally:
            self.code = self._socket.close_code
            self._news.set()

    def _take(self, frame: dict[str, Any]) -> None:
        self.frames.append(frame)

    async def ended(self, *, within: float = PATIENCE) -> int | None:
        """The close code, once there is one."""
        await self.until(lambda: self.code is not None, within=within)
        return self.code

    def drop(self) -> None:
        """Lose the connection as a broken line does: without a word."""
        self._socket.transport.abort()
