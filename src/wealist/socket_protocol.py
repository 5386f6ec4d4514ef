"""One open WebSocket in uvicorn, with less to keep and an end in every case."""

import asyncio

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

CLOSE_SECONDS = 15.0
"""How long a client may take to read what was sent before its connection is cut."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """Forgets the handshake once it is over: thousands of sockets may be open. When its handler
    has ended, a client that takes nothing any more can't hold the connection: uvicorn would wait
    for ever until it has read all."""

    _cut: asyncio.TimerHandle | None = None

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
