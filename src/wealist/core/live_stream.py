"""The loop of a stream of server-sent events, written once; an ASGI app that a handler returns."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec
from litestar.params import HeaderParameter
from litestar.types import Scope

from wealist.core import events, hub, live, presence
from wealist.core.frames import NOWHERE, Cursor, Frame, parse
from wealist.core.hub import Authorize, Greeting
from wealist.core.identity import Caller
from wealist.core.live import Kind
from wealist.core.outbox import Outbox

HEARTBEAT_SECONDS = 15.0

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"connection", b"keep-alive"),
    (b"x-accel-buffering", b"no"),
]
_RETRY = b"retry: 3000\n\n"
_HEARTBEAT = Frame.raw(b":ping\n\n")


LastEventId: TypeAlias = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID", description="The cursor of the last event heard."),
]
"""The header of that name, as an EventSource sends it when it comes back. Its default is None."""


def place(last_event_id: str | None, since: str | None) -> Cursor | None:
    """Where a client wants to go on: by the header when it comes back, else by its address."""
    text = last_event_id or since
    return parse(text) if text is not None else None


class Manner(NamedTuple):
    """How streams of a kind differ from others.

    On a `named` one events tell their type beside the data, and the greeting is an event
    `connected` for everybody, not for newcomers alone. Who has missed more than `replayed` events
    begins anew. `seen`: whoever listens is online there.
    """

    kind: Kind = Kind("stream")
    named: bool = False
    replayed: int = hub.MOST_MISSED
    seen: bool = True


USUAL = Manner()


class Stream:
    """The answer to a request for events. Raises `TooMany`, or what `authorize` raises for those
    who may not listen, before anything has been sent. `wanted` says of a frame whether the client
    wants it, `sent` is called with each that was written."""

    def __init__(
        self,
        scope: Scope,
        channel: str,
        cursor: Cursor | None,
        *,
        authorize: Authorize,
        greeting: Greeting,
        manner: Manner = USUAL,
        wanted: Callable[[Frame], bool] | None = None,
        sent: Callable[[Frame], None] | None = None,
    ) -> None:
        state = scope["state"]
        self._caller: Caller = state["caller"]
        self._channel, self._cursor = channel, cursor
        self._authorize, self._greeting = authorize, greeting
        self._manner, self._wanted, self._sent = manner, wanted, sent

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        manner = self._manner

        async def write(frame: Frame) -> None:
            if self._wanted is None or self._wanted(frame):
                body = frame.stream(named=manner.named)
                await send({"type": "http.response.body", "body": body, "more_body": True})
                if self._sent is not None:
                    self._sent(frame)

        async def farewell(code: int, reason: str) -> None:
            text = msgspec.json.encode({"code": code, "reason": reason}).decode()
            body = f"event: bye\ndata: {text}\n\n".encode()
            await send({"type": "http.response.body", "body": body, "more_body": False})
            ended.set()

        ended = asyncio.Event()
        with live.connections().place(manner.kind, self._caller) as connection:
            await self._authorize()
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
            outbox = Outbox(self._caller.user_id, write, farewell)
            with self._presence():
                try:
                    await connection.open(outbox)
                    await self._join(outbox)
                    await self._hold(receive, outbox, ended)
                except asyncio.CancelledError:
                    if outbox.code is None:
                        raise  # the process ends, not the client
                finally:
                    hub.current().leave(self._channel, outbox)
                    await outbox.finish()

    def _presence(self) -> contextlib.AbstractContextManager[None]:
        if self._manner.seen:
            return presence.on(self._channel, self._caller.user_id)
        return contextlib.nullcontext()

    async def _join(self, outbox: Outbox) -> None:
        cursor = self._cursor
        if cursor is not None and self._manner.replayed < hub.MOST_MISSED:
            top = (await events.position(self._channel)).top
            cursor = cursor if top - cursor.seq <= self._manner.replayed else NOWHERE

        def connected(epoch: str, seq: int) -> None:
            text = self._greeting(epoch, seq) or ""
            outbox.push(Frame(epoch, seq, text, name="connected"))

        if self._manner.named and cursor is not None:
            connected(cursor.epoch, cursor.seq)
        await hub.current().join(
            self._channel,
            outbox,
            cursor,
            authorize=self._authorize,
            greeting=connected if self._manner.named else self._greeting,
        )

    @staticmethod
    async def _hold(receive: Any, outbox: Outbox, ended: asyncio.Event) -> None:
        """Beat until the client leaves or the outbox has ended."""
        gone = asyncio.create_task(_gone(receive))
        over = asyncio.create_task(ended.wait())
        try:
            while True:
                done, _ = await asyncio.wait(
                    (gone, over),
                    timeout=HEARTBEAT_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if done:
                    return
                outbox.push(_HEARTBEAT)
        finally:
            gone.cancel()
            over.cancel()


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
