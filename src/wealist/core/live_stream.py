"""The loop of a stream of server-sent events, written once; an ASGI app that a handler returns."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

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


def token_of(scope: Any) -> str:
    """The token of a request, from its header or, as an EventSource sends it, from the query."""
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    given = headers.get(b"authorization", b"").decode("latin-1").partition(" ")[2]
    return given or query(scope, "token") or ""


def query(scope: Any, name: str) -> str | None:
    """The first value of a query parameter."""
    found = parse_qs(scope["query_string"].decode("latin-1")).get(name)
    return found[0] if found else None


def cursor_of(scope: Any) -> Cursor | None:
    """Where the client wants to go on: `Last-Event-ID` when it comes back, else `?since=`."""
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    last = headers.get(b"last-event-id")
    text = last.decode("latin-1") if last else query(scope, "since")
    return parse(text) if text is not None else None


class Stream:
    """The answer to a request for events; `authorize` raises for those who may not listen.

    Make it with `begin`, which refuses before anything has been sent.
    """

    def __init__(
        self, caller: Caller, channel: str, *, authorize: Authorize, greeting: Greeting
    ) -> None:
        self._caller, self._channel = caller, channel
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
        outbox = Outbox(self._caller.user_id, write, farewell)
        holding = live.connections().holding("stream", self._caller, token_of(scope), outbox)
        with holding, presence.on(self._channel, self._caller.user_id):
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await write(_RETRY)
            try:
                await hub.current().join(
                    self._channel,
                    outbox,
                    cursor_of(scope),
                    authorize=self._authorize,
                    greeting=self._greeting,
                )
                await self._hold(receive, outbox, ended)
            except asyncio.CancelledError:
                if outbox.code is None:
                    raise  # the process ends, not the client
            finally:
                hub.current().leave(self._channel, outbox)
                if not ended.is_set():
                    await outbox.finish()

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


async def begin(
    caller: Caller, channel: str, *, authorize: Authorize, greeting: Greeting
) -> Stream:
    """A stream for somebody who may listen. Raises `TooMany`, or what `authorize` raises."""
    live.connections().check(caller)
    await authorize()
    return Stream(caller, channel, authorize=authorize, greeting=greeting)
