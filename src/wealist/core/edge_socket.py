"""WebSockets at the edge: the handshake is judged, measured and logged like a request.

After it frames pass untouched. A refusal before the handshake ends is an HTTP response.
"""

from collections.abc import Awaitable
from time import perf_counter
from typing import Any

import structlog
from litestar.exceptions import NotFoundException
from litestar.types import Receive, Send

from wealist.core import envelopes, errors, report
from wealist.core.arrival import Arrival, Gate, nothing
from wealist.core.context import current

_CLOSE_BASE = 4000
"""Close codes from 4400 to 4599 stand for an HTTP status while the handshake is still open."""

_REFUSALS: dict[int, type[errors.AppError]] = {
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    503: errors.Unavailable,
}
_SWITCHED = 101
_FAILURE = "socket_failure"

log = structlog.get_logger("wealist.edge")


class Handshake(Arrival):
    """One WebSocket, from its request to its end."""

    __slots__ = ("_receive", "_send", "close_code", "failure", "gone", "method", "status")

    def __init__(self, gate: Gate, scope: Any, receive: Receive, send: Send) -> None:
        self.method = "WS"
        super().__init__(gate, scope, self.method)
        self._receive = receive
        self._send = send
        self.status: int | None = None
        self.close_code: int | None = None
        self.failure: BaseException | None = None
        self.gone = False

    async def run(self) -> None:
        """Let the handshake through, or refuse it; report it, and later its end."""
        token = current.set(self.context)
        began = False
        try:
            self.admit()
            self._check_origin()
            await self.limit(self.method, None)
            began = True
            await self.gate.app(self.scope, self._receive, self.send)
            if self.status is None:
                raise RuntimeError("the handler ended without an answer to the handshake")
        except Exception as error:
            if not began:
                await self._receive()  # the protocol wants its `websocket.connect` taken first
            await self._fail(error)
        except BaseException as error:  # cancelled, because the process stops
            self.failure = error
            raise
        finally:
            if self.status == _SWITCHED:
                report.socket_end(self)
            else:
                report.handshake(self, perf_counter() - self.started)
            current.reset(token)

    def _check_origin(self) -> None:
        origin, host = self.headers.get(b"origin"), self.headers.get(b"host")
        if not self.gate.cors.allows_socket(origin, host):
            raise errors.Forbidden("this page may not open a socket here")

    def send(self, message: Any) -> Awaitable[None]:
        """Pass a message on; frames at once, what ends the handshake noted."""
        kind = message["type"]
        if kind == "websocket.send":
            return self._send(message)
        if kind == "websocket.accept":
            mine = (b"x-request-id", self.context.request_id.encode())
            return self._accept({**message, "headers": [*message.get("headers", ()), mine]})
        if kind == "websocket.http.response.start":
            self.status = message["status"]
        elif kind == "websocket.close" and self.gone:
            return nothing()
        elif kind == "websocket.close" and self.status is None:
            return self._fail(self.state.get(_FAILURE) or _refusal(self.scope, message))
        elif kind == "websocket.close":
            self.close_code = message.get("code", 1000)
            self._note(self.state.get(_FAILURE))
        return self._send(message)

    async def _accept(self, message: Any) -> None:
        """Open it, unless the client has gone meanwhile."""
        try:
            await self._send(message)
        except OSError:  # what ASGI servers raise for a client that left
            self.gone, self.status = True, report.LEFT
            raise
        self.status = _SWITCHED
        report.handshake(self, perf_counter() - self.started)
        # All that its end will tell; thousands of sockets may be open.
        agent = self.headers.get(b"user-agent")
        self.headers = {b"user-agent": agent} if agent else {}

    async def _refuse(self, error: Exception) -> None:
        """End the handshake with an HTTP response, where the server can send one (else 403)."""
        status, headers, body = envelopes.render(error, self.path, self.context.request_id)
        self.status = status
        if "websocket.http.response" not in (self.scope.get("extensions") or {}):
            await self._send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        pairs = [(name.lower().encode(), text.encode("latin-1")) for name, text in headers.items()]
        pairs.append((b"x-request-id", self.context.request_id.encode()))
        pairs.append((b"content-length", b"%d" % len(body)))
        start = {"type": "websocket.http.response.start", "status": status, "headers": pairs}
        end = {"type": "websocket.http.response.body", "body": body, "more_body": False}
        try:
            await self._send(start)  # type: ignore[arg-type]
            await self._send(end)  # type: ignore[arg-type]
        except OSError:
            self.gone, self.status = True, report.LEFT

    async def _fail(self, error: Exception) -> None:
        """Answer an exception: as a refusal, or with 1011, which tells clients to come back."""
        self._note(error)
        if self.status is None:
            await self._refuse(error)
        elif self.status == _SWITCHED and self.close_code is None:
            self.close_code = 1011
            await self._send({"type": "websocket.close", "code": 1011, "reason": ""})

    def _note(self, error: Exception | None) -> None:
        """Log what nobody foresaw, once."""
        if error is None or self.gone or self.failure is not None:
            return
        if isinstance(error, errors.AppError):
            return
        if envelopes.translate(error).status >= 500:
            self.failure = error
            log.error("the socket failed", exc_info=error)


async def remember(error: Exception, scope: Any) -> None:
    """Litestar's `after_exception` hook: it turns every exception of a socket's handler into one
    close code, so the exception is kept for the edge, which knows how to answer it."""
    if scope["type"] == "websocket":
        scope["state"][_FAILURE] = error


def _refusal(scope: Any, close: Any) -> Exception:
    """What a close before the handshake's end means, by its code."""
    status, reason = close.get("code", 1000) - _CLOSE_BASE, close.get("reason") or "refused"
    if status == 500 and not scope.get("path_template"):
        return NotFoundException()  # no route took it
    if 500 <= status < 600 and status != 503:
        return RuntimeError(reason)
    if not 400 <= status < 600:
        return errors.Forbidden(reason)
    return _REFUSALS.get(status, errors.BadRequest)(reason)
