"""The loop of a WebSocket, written once: let in, attend, listen to the client, let go."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, TypeAlias, TypeVar

import msgspec
from litestar import WebSocket
from msgspec import Struct

from wealist.core import hub, identity, live, presence
from wealist.core.errors import Unauthorized
from wealist.core.frames import Cursor, Frame, parse
from wealist.core.hub import Authorize, Greeting
from wealist.core.identity import Caller
from wealist.core.outbox import Outbox
from wealist.core.quick import QUICK

Socket = WebSocket[Any, Any, Any]

PONG = Frame("", 0, '{"type":"pong"}')
PINGS = frozenset({"ping", "heartbeat"})
_USUAL = frozenset({b'{"type":"ping"}', b'{"type":"heartbeat"}'})
"""As clients write them; others are found by whoever hears them."""


class Limits(Struct, frozen=True):
    """What a client may send: characters of a frame, and frames in a minute."""

    size: int = 512
    per_minute: int = 120


SHORT = Limits()
"""For sockets on which clients only ask whether we are there."""

Hear: TypeAlias = Callable[[str], Awaitable[None]]
"""Gets each frame of the client, one after the other. What it raises ends the socket with 1011."""
Attend: TypeAlias = Callable[[Outbox], AbstractAsyncContextManager[Hear]]
"""The life of an open socket: joins what it is about, and leaves it at the end of the block."""


async def caller_of(socket: Socket) -> Caller:
    """Who opens a socket, by `?token=`. Raises `Unauthorized` before the accept.

    Browsers can't send a header with a WebSocket.
    """
    token = socket.query_params.get("token", "")
    if not token:
        raise Unauthorized("token is required")
    caller = await identity.authenticate(token)
    socket.scope["state"]["caller"] = caller
    return caller


def cursor_of(socket: Socket) -> Cursor | None:
    """The place after which the client wants to hear everything (`?since=`)."""
    since = socket.query_params.get("since")
    return parse(since) if since is not None else None


async def serve(
    socket: Socket,
    caller: Caller,
    *,
    authorize: Authorize,
    attend: Attend,
    limits: Limits = SHORT,
) -> None:
    """Hold a socket until either side ends it. `authorize` raises for those who may not listen;
    it is asked before the handshake ends, and `attend` asks again once it follows a channel."""
    with live.connections().place("socket", caller) as connection:
        await authorize()
        await socket.accept()
        send, receive = socket.send, socket.receive
        scope: Any = socket.scope
        quick = scope.get("extensions", {}).get(QUICK)
        _slim(socket)

        def write(frame: Frame) -> Awaitable[None]:  # no coroutine of its own: it is called most
            return send(frame.message)  # type: ignore[arg-type]

        async def farewell(code: int, reason: str) -> None:
            await send({"type": "websocket.close", "code": code, "reason": reason})

        outbox = Outbox(caller.user_id, write, farewell)
        try:
            await connection.open(outbox)
            async with attend(outbox) as hear:
                if quick is not None:  # not before: a pong says that one is listening
                    quick["register"](partial(_answer, outbox))
                await _listen(receive, outbox, hear, limits)
        except asyncio.CancelledError:
            if outbox.code is None:
                raise  # the process ends, not the client
        finally:
            await outbox.finish()


@contextlib.asynccontextmanager
async def follow(
    outbox: Outbox,
    channel: str,
    cursor: Cursor | None,
    *,
    authorize: Authorize,
    greeting: Greeting,
) -> AsyncIterator[Hear]:
    """Be on a channel: be seen there, hear what happens, answer pings."""
    with presence.on(channel, outbox.user_id):
        try:
            await hub.current().join(
                channel, outbox, cursor, authorize=authorize, greeting=greeting
            )
            yield answering(outbox)
        finally:
            hub.current().leave(channel, outbox)


def answering(outbox: Outbox) -> Hear:
    """Answers pings and takes no notice of anything else."""

    async def hear(text: str) -> None:
        if decoded(text, Said).type in PINGS:
            outbox.push(PONG)

    return hear


class Said(Struct):
    """The least that a frame of a client says."""

    type: str = ""


S = TypeVar("S", bound=Said)


def decoded(text: str, kind: type[S]) -> S:
    """A frame of a client; what makes no sense says nothing."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return kind()


def _answer(outbox: Outbox, data: bytes) -> bytes | None:
    """The answer to a usual ping, without waking anybody."""
    if data not in _USUAL or outbox.code is not None:
        return None
    outbox.hear()
    outbox.written += 1
    return PONG.text.encode()


def _slim(socket: Socket) -> None:
    """Let go of what only the handshake needed; thousands of sockets may be open."""
    scope: Any = socket.scope
    for name in ("headers", "subprotocols", "extensions", "raw_path", "query_string"):
        scope[name] = type(scope[name])() if name in scope else None


async def _listen(receive: Any, outbox: Outbox, hear: Hear, limits: Limits) -> None:
    """Hand over what the client says until it leaves, misbehaves, or the outbox has ended."""
    window, heard = 0.0, 0
    loop = asyncio.get_running_loop()
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            outbox.left = message.get("code")
            return
        if outbox.code is not None:
            continue
        text, data = message.get("text") or "", message.get("bytes") or b""
        if len(text) > limits.size or len(data) > limits.size:
            outbox.end(live.TOO_LARGE, f"a frame may have {limits.size} characters")
            continue
        now = loop.time()
        if now - window > 60:
            window, heard = now, 0
        heard += 1
        outbox.hear()
        if heard > limits.per_minute:
            outbox.end(live.ABUSE, "too many frames")
            continue
        await hear(text or data.decode(errors="replace"))
