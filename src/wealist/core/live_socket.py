"""The loop of a WebSocket, written once: let in, join, listen to the client, let go."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec
from litestar import WebSocket
from msgspec import Struct

from wealist.core import hub, identity, live, presence
from wealist.core.errors import Unauthorized
from wealist.core.frames import Frame, parse
from wealist.core.hub import Authorize, Greeting
from wealist.core.identity import Caller
from wealist.core.outbox import Outbox

Socket = WebSocket[Any, Any, Any]

MOST_INBOUND = 512
"""Characters of a frame that a client may send."""
INBOUND_PER_MINUTE = 120

_PONG = Frame("", 0, '{"type":"pong"}')


class _Inbound(Struct):
    type: str = ""


async def caller_of(socket: Socket) -> tuple[Caller, str]:
    """Who opens a socket, by `?token=`, and that token. Raises `Unauthorized` before the accept.

    Browsers can't send a header with a WebSocket.
    """
    token = socket.query_params.get("token", "")
    if not token:
        raise Unauthorized("token is required")
    caller = await identity.authenticate(token)
    socket.scope["state"]["caller"] = caller
    return caller, token


async def serve(
    socket: Socket,
    caller: Caller,
    token: str,
    channel: str,
    *,
    authorize: Authorize,
    greeting: Greeting,
) -> None:
    """Hold a socket on a channel until either side ends it. `authorize` raises for those who may
    not listen; it is asked before the handshake ends and again once the channel is followed."""
    with live.connections().place("socket", caller, token) as connection:
        await authorize()
        since = socket.query_params.get("since")
        cursor = parse(since) if since is not None else None
        await socket.accept()
        send, receive = socket.send, socket.receive
        _slim(socket)

        def write(frame: Frame) -> Awaitable[None]:  # no coroutine of its own: it is called most
            return send(frame.message)  # type: ignore[arg-type]

        async def farewell(code: int, reason: str) -> None:
            await send({"type": "websocket.close", "code": code, "reason": reason})

        outbox = Outbox(caller.user_id, write, farewell)
        with presence.on(channel, caller.user_id):
            try:
                await connection.open(outbox)
                await hub.current().join(
                    channel, outbox, cursor, authorize=authorize, greeting=greeting
                )
                await _listen(receive, outbox)
            except asyncio.CancelledError:
                if outbox.code is None:
                    raise  # the process ends, not the client
            finally:
                hub.current().leave(channel, outbox)
                await outbox.finish()


def _slim(socket: Socket) -> None:
    """Let go of what only the handshake needed; thousands of sockets may be open."""
    scope: Any = socket.scope
    for name in ("headers", "subprotocols", "extensions", "raw_path", "query_string"):
        scope[name] = type(scope[name])() if name in scope else None


async def _listen(receive: Any, outbox: Outbox) -> None:
    """Answer pings until the client leaves, misbehaves, or the outbox has ended."""
    window, heard = 0.0, 0
    loop = asyncio.get_running_loop()
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text") or ""
        if len(text) > MOST_INBOUND or len(message.get("bytes") or b"") > MOST_INBOUND:
            outbox.end(live.TOO_LARGE, "a frame may have 512 characters")
            continue
        now = loop.time()
        if now - window > 60:
            window, heard = now, 0
        heard += 1
        if heard > INBOUND_PER_MINUTE:
            outbox.end(live.ABUSE, "too many frames")
            continue
        if _is_ping(text):
            outbox.push(_PONG)


def _is_ping(text: str) -> bool:
    try:
        return msgspec.json.decode(text, type=_Inbound).type == "ping"
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False
