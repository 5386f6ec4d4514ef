"""A load generator that costs little itself: keep-alive connections that repeat one request."""

import asyncio
import re
from time import perf_counter

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class UnexpectedAnswerError(Exception):
    """The server answered something else than 200; the text is the head of its answer."""


class _Connection(asyncio.Protocol):
    """One keep-alive connection: the next request goes out when the last answer is complete."""

    def __init__(self, request: bytes, left: list[int], done: asyncio.Future[None]) -> None:
        self._request = request
        self._left = left
        self._done = done
        self._buffer = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200") or length is None:
            self._end(UnexpectedAnswerError(self._buffer[:500].decode("latin-1")))
        elif len(body) >= int(length[1]):
            self._buffer = b""
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error or ConnectionResetError("the server closed the connection"))

    def _next(self) -> None:
        if self._left[0] <= 0:
            self._end(None)
            return
        self._left[0] -= 1
        self._transport.write(self._request)

    def _end(self, error: Exception | None) -> None:
        if not self._done.done():
            if error is None:
                self._done.set_result(None)
            else:
                self._done.set_exception(error)
        self._transport.close()


def get(path: str, port: int, **headers: str) -> bytes:
    """The bytes of a request as a browser's `fetch` sends it."""
    lines = {
        "Host": f"127.0.0.1:{port}",
        "Connection": "keep-alive",
        "Accept": "application/json, text/plain, */*",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537",
        "Accept-Encoding": "gzip, deflate, br",
        **headers,
    }
    head = "".join(f"{name}: {text}\r\n" for name, text in lines.items())
    return f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()


async def repeat(request: bytes, port: int, *, times: int, connections: int) -> float:
    """Send `request` that often over that many connections; the seconds it took."""
    loop = asyncio.get_running_loop()
    left = [times]
    ended = [loop.create_future() for _ in range(connections)]
    started = perf_counter()
    for done in ended:
        await loop.create_connection(
            lambda done=done: _Connection(request, left, done),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
    await asyncio.gather(*ended)
    return perf_counter() - started
