"""One open WebSocket in uvicorn, with less to keep and an end in every case."""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from wealist.core.quick import QUICK, Quick

PING_SECONDS = 35.0
"""How long a client may be silent before it is asked whether it is there. Those that say something
every 30 s, as shipped clients do, are never asked; to ask costs as much as to hear."""
PONG_SECONDS = 20.0
"""How long it may take to answer."""
CLOSE_SECONDS = 15.0
"""How long a client may take to read what was sent before its connection is cut."""


QUICK_SECONDS = 0.5
"""Whoever sends more often is heard by the handler, which counts what he sends."""
QUICK_BYTES = 64


class SocketProtocol(WebSocketsSansIOProtocol):
    """Forgets the handshake once it is over: thousands of sockets may be open. When its handler
    has ended, a client that takes nothing any more can't hold the connection: uvicorn would wait
    for ever until it has read all."""

    _cut: asyncio.TimerHandle | None = None
    _heard = 0.0
    _quick: Quick | None = None
    _answered = 0.0

    def data_received(self, data: bytes) -> None:
        self._heard = self.loop.time()
        super().data_received(data)

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            self.scope["extensions"][QUICK] = {"register": self._register}

    def _register(self, quick: Quick) -> None:
        self._quick = quick

    def handle_text(self, event: Any) -> None:
        """What is asked most, whether we are there, wakes no task: for thousands of idle sockets
        that is most of what they cost."""
        if (
            self._quick is not None
            and event.fin
            and len(event.data) <= QUICK_BYTES
            and self._heard - self._answered >= QUICK_SECONDS
            and self.writable.is_set()
            and not self.close_sent
            and (answer := self._quick(bytes(event.data))) is not None
        ):
            self._answered = self._heard
            self.conn.send_text(answer)
            self.transport.write(b"".join(self.conn.data_to_send()))
        else:
            super().handle_text(event)

    def send_keepalive_ping(self) -> None:
        """Called by uvicorn when it is time; put off while the client speaks by itself."""
        assert self.ping_interval is not None
        left = self._heard + self.ping_interval - self.loop.time()
        if left > 0:
            self.ping_timer = self.loop.call_later(left, self.send_keepalive_ping)
        else:
            super().send_keepalive_ping()

    def start_keepalive(self) -> None:
        """Called by uvicorn when the handshake is complete."""
        super().start_keepalive()
        del self.request, self.response

    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        super().on_task_complete(task)
        if not self.disconnected:
            self._cut = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._cut is not None:
            self._cut.cancel()
        super().connection_lost(exc)
