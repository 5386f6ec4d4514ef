"""The loop of a stream of server-sent events, written once; an ASGI app that a handler returns."""

import asyncio
from typing import Annotated, Any, TypeAlias

import msgspec
from litestar.params import HeaderParameter
from litestar.types import Scope

from wealist.core import hub, live, presence
from wealist.core.frames import Cursor, Frame, parse
from wealist.core.hub import Authorize, Greeting
from wealist.core.identity import Caller
from wealist.core.outbox import Outbox

HEARTBEAT_SECONDS = 15.0

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_HEARTBEAT = Frame("", 0, "")
_HEARTBEAT.stream = b": still here\n\n"
_RETRY = Frame("", 0, "")
_RETRY.stream = b"retry: 3000\n\n"


LastEventId: TypeAlias = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID", description="The cursor of the last event heard."),
]
"""The header of that name, as an EventSource sends it when it comes back. Its default is None."""


def place(last_event_id: str | None, since: str | None) -> Cursor | None:
    """Where a client wants to go on: by the header when it comes back, else by its address."""
    text = last_event_id or since
    return parse(text) if text is not None else None


class Stream:
    """The answer to a request for events. Raises `TooMany`, or what `authorize` raises for those
    who may not listen, before anything has been sent."""

    def __init__(
        self,
        scope: Scope,
        channel: str,
        cursor: Cursor | None,
        *,
        authorize: Authorize,
        greeting: Greeting,
    ) -> None:
        state = scope["state"]
        self._caller: Caller = state["caller"]
        self._token: str = state["token"]
        self._channel, self._cursor = channel, cursor
        self._authorize, self._greeting = authorize, greeting

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def write(frame: Frame) -> None:
            await send({"type": "http.response.body", "body": frame.stream, "more_body": True})

        async def farewell(code: int, reason: str) -> None:
            text = msgspec.json.encode({"code": code, "reason": reason}).decode()
            body = f"event: bye\ndata: {text}\n\n".encode()
            await send({"type": "http.response.body", "body": body, "more_body": False})
            ended.set()

        ended = asyncio.Event()
        with live.connections().place("stream", self._caller, self._token) as connection:
            await self._authorize()
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await write(_RETRY)
            outbox = Outbox(self._caller.user_id, write, farewell)
            with presence.on(self._channel, self._caller.user_id):
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

    async def _join(self, outbox: Outbox) -> None:
        await hub.current().join(
            self._channel,
            outbox,
            self._cursor,
            authorize=self._authorize,
            greeting=self._greeting,
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
