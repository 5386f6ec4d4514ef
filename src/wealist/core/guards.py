"""What is refused before a handler sees it: NUL characters, bodies too large or too slow."""

import asyncio
from collections.abc import Mapping

from litestar.types import HTTPReceiveMessage, Receive, WebSocketReceiveMessage

from wealist.core.errors import AppError, BadRequest, Left, TooLarge, TooSlow

DRAINED_BYTES = 16 << 20
"""The server reads a refused body and throws it away, so that a client which writes before it
reads gets its answer instead of a reset connection. One declared as larger than this is cut off."""

BODY_SECONDS = 30.0
"""From the edge's first look at a request until its whole body is there."""

_UNBOUNDED = ("/objects/",)
"""The object store streams and has limits of its own."""


def check_text(path: str, query: bytes) -> None:
    """Raise `BadRequest` for a NUL character, which PostgreSQL can't store, in an address."""
    if "\0" in path or "%00" in path:
        raise BadRequest("the path must not contain a NUL character")
    if b"%00" in query or b"\0" in query:
        raise BadRequest("the query must not contain a NUL character")


def too_large(limit: int, *, close: bool = False) -> TooLarge:
    """The refusal of a body above `limit` bytes; with `close` it ends the connection."""
    return TooLarge(
        f"the body is larger than {limit} bytes",
        headers={"connection": "close"} if close else None,
    )


async def receive_by(
    deadline: float, receive: Receive
) -> HTTPReceiveMessage | WebSocketReceiveMessage:
    """The next message. Raises `TooSlow` if it isn't there at `deadline` on the loop's clock."""
    try:
        async with asyncio.timeout_at(deadline):
            return await receive()
    except TimeoutError:
        raise TooSlow("the body took too long to arrive") from None


class Body:
    """A request's body on its way to the handler, counted and timed.

    `receive` raises `TooLarge` as soon as more than `limit` bytes have arrived, `TooSlow` when
    the end isn't there after `BODY_SECONDS`. `refusal` is what it raised; `gone` says that the
    client left.
    """

    __slots__ = ("_deadline", "_left", "_limit", "_receive", "_whole", "gone", "refusal")

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._left = limit
        self._deadline = asyncio.get_running_loop().time() + BODY_SECONDS
        self._whole = False
        self.refusal: AppError | None = None
        self.gone = False

    async def receive(self) -> HTTPReceiveMessage | WebSocketReceiveMessage:
        if self.refusal is not None:
            raise self.refusal
        if self._whole:  # all that can come is that the client leaves, whenever it likes
            message = await self._receive()
        else:
            try:
                message = await receive_by(self._deadline, self._receive)
            except TooSlow as error:
                self.refusal = error
                raise
        if message["type"] == "http.request":
            self._whole = not message.get("more_body", False)
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self.refusal = too_large(self._limit)
                raise self.refusal
        elif message["type"] == "http.disconnect":
            self.gone = True
            if not self._whole:
                self.refusal = Left("the client left before its body had ended")
                raise self.refusal
        return message


def body(
    path: str, method: str, headers: Mapping[bytes, bytes], receive: Receive, limit: int
) -> Body | None:
    """The counted body of a request, or None when it can't have one or needs no limit.

    Raises `TooLarge` at once when the declared length is too large, `BadRequest` when it is no
    number.
    """
    declared = headers.get(b"content-length")
    if path.startswith(_UNBOUNDED):
        return None
    if declared is None:
        if method in ("GET", "HEAD") and b"transfer-encoding" not in headers:
            return None
        return Body(receive, limit)
    if not declared.isdigit():
        raise BadRequest("the Content-Length is not a number")
    length = int(declared[:20])
    if length > limit:
        raise too_large(limit, close=length > DRAINED_BYTES)
    return Body(receive, limit) if length or b"transfer-encoding" in headers else None
