"""One listening port: uvicorn with our limits, without its signal handling.

`server.py` runs two of these in one loop (public and internal) and decides when they end.
"""

import asyncio
import contextvars
import errno
import socket
from functools import partial
from typing import Any

import uvicorn
from litestar.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from websockets import http11

from wealist.core.settings import Settings
from wealist.socket_protocol import CLOSE_SECONDS, PING_SECONDS, PONG_SECONDS, SocketProtocol

HEAD_BYTES = 32 << 10
"""Largest request line and headers together, and the most that may come between two pieces of a
body: lengths of chunks with their extensions, and what follows the last one (trailers)."""

# 8 KB unless an environment variable says otherwise when it is imported: less than our own limit,
# and a socket's address may hold a token.
http11.MAX_LINE_LENGTH = HEAD_BYTES

HEAD_SECONDS = 20.0
"""How long a client may take to send a complete head."""

KEEP_ALIVE_SECONDS = 75
"""Idle life of a connection: longer than a load balancer's 60 s, so that we never close first."""

BACKLOG = 2048


class StartError(Exception):
    """Why the process can't start, as one line for the operator."""


class _HeadTooLargeError(Exception):
    pass


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 whose request head is bounded in bytes and in time; uvicorn bounds neither.

    Trailers are thrown away: uvicorn would add them to the headers of the request, behind the
    back of a proxy that has checked those. A client that takes nothing of its answer any more is
    cut off some seconds after that has ended: a closed transport would wait for it for ever.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._in_head = True
        self._received = 0
        self._too_large = False
        self._upgraded = False
        self._deadline: asyncio.TimerHandle | None = None
        self._cut: asyncio.TimerHandle | None = None
        self._running: set[RequestResponseCycle] = set()
        self._expect(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        if self._cut is not None:
            self._cut.cancel()
        for cycle in self._running:  # uvicorn tells only the last of pipelined requests
            cycle.disconnected = not cycle.response_complete
            cycle.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # uvicorn's own, which tells nobody when it has ended.
        self._running.add(cycle)
        task = self.loop.create_task(cycle.run_asgi(app), context=contextvars.Context())
        self.tasks.add(task)
        task.add_done_callback(partial(self._answered, cycle))

    def _answered(self, cycle: RequestResponseCycle, task: "asyncio.Task[None]") -> None:
        self._running.discard(cycle)
        self.tasks.discard(task)
        if self.transport.is_closing() and not cycle.disconnected:
            self._close()

    def timeout_keep_alive_handler(self) -> None:
        """Called by uvicorn when no other request has come for a while."""
        self._close()

    def _close(self) -> None:
        self.transport.close()
        if self._cut is None:
            self._cut_unless_read(None)

    def _cut_unless_read(self, before: int | None) -> None:
        left = self.transport.get_write_buffer_size()
        if left == before:
            self.transport.abort()
        else:
            self._cut = self.loop.call_later(CLOSE_SECONDS, self._cut_unless_read, left)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._upgraded:
            return
        if self._received > HEAD_BYTES:
            self._too_large = True
            self.send_400_response("")
        elif self._deadline is None:
            if self._in_head:
                self._expect(HEAD_SECONDS)
            elif self.cycle is None or self.cycle.response_complete:
                # A body nobody waits for, or blank lines: uvicorn's own timer has ended with it.
                self._expect(KEEP_ALIVE_SECONDS)

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._received = 0
        self._arrived()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
            self._too_large = True
            raise _HeadTooLargeError  # the parser stops and uvicorn asks for a refusal
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._received = 0
        super().on_body(body)

    def handle_websocket_upgrade(self) -> None:
        self._arrived()
        self._upgraded = True
        super().handle_websocket_upgrade()
        successor: Any = self.transport.get_protocol()
        if not successor.handshake_initiated:
            # websockets takes no handshake with a body or with too many headers. uvicorn would
            # neither answer that nor close it, and would trip over it when the server ends.
            successor.close_sent = True
            self.send_400_response("This is no handshake of a WebSocket.")

    def send_400_response(self, msg: str) -> None:
        if not self._too_large:
            super().send_400_response(msg)
            return
        text = b"The request line and headers are too large."
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n"
            b"content-type: text/plain; charset=utf-8\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(text), text)
        )
        self.transport.close()

    def _expect(self, seconds: float) -> None:
        self._deadline = self.loop.call_later(seconds, self._close)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Server(uvicorn.Server):
    """uvicorn's server, begun and ended by its owner, who also handles the signals."""

    def __init__(self, app: ASGIApp, listening: socket.socket, settings: Settings) -> None:
        config = uvicorn.Config(
            app,
            loop="none",
            http=Protocol,
            ws=SocketProtocol,
            ws_max_size=64 << 10,
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PONG_SECONDS,
            ws_per_message_deflate=False,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=settings.stop_seconds,
            reset_contextvars=True,
        )
        super().__init__(config)
        self.listening = listening
        self._ticking: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        port: int = self.listening.getsockname()[1]
        return port

    async def begin(self) -> None:
        """Accept connections from now on."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup([self.listening])
        self._ticking = asyncio.create_task(self.main_loop())

    def refuse_new(self) -> None:
        """Stop accepting; what is connected goes on."""
        for server in self.servers:
            server.close()

    async def end(self) -> None:
        """Tell sockets to come back (1012), let requests finish, and return when they have.

        After `stop_seconds` (or at once with `force_exit`) they are cancelled.
        """
        self.should_exit = True
        if self._ticking is None:
            self.listening.close()
            return
        await self._ticking
        await self.shutdown([self.listening])
        left: set[asyncio.Task[Any]] = set(self.server_state.tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1)


def bind(host: str, port: int, setting: str) -> socket.socket:
    """A bound TCP socket. Raises `StartError` with what to do when the address can't be had.

    `setting` is the option that chooses the port, as the operator types it.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise StartError(f"{host!r} is no address of this machine: {error.strerror}") from error
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" then takes both families.
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind(address)
        # From here on the port is ours: a second process fails above, not at its first request.
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise StartError(_why_not(host, port, setting, error)) from error
    return listening


def _why_not(host: str, port: int, setting: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is taken by another program:"
            f" stop that one, or choose another port with {setting} (0 takes a free one)"
        )
    if error.errno == errno.EACCES:
        return f"port {port} needs special rights: choose one above 1023 with {setting}"
    return f"can't listen on {host} port {port}: {error.strerror}"
