"""The one wrapper around the app: everything that is true of every request, whatever service.

    request id → canonical path → client address → closed paths → NUL → preflight → caller
    → rate limit → body limit → app → response headers → gzip → metrics, span, access log

Nothing is refused here for lack of a caller: routes decide that. `scope["state"]` carries
`request_id, client_address, original_path, started` and `caller` or `caller_error`.
"""

from collections.abc import Awaitable, Iterable
from time import perf_counter
from typing import Any

import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from wealist.core import compression, envelopes, guards, report
from wealist.core.arrival import Arrival, Gate, Pairs, nothing
from wealist.core.context import current
from wealist.core.edge_socket import Handshake
from wealist.core.errors import AppError
from wealist.core.settings import Settings

_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_NO_STORE = (b"cache-control", b"no-store")

log = structlog.get_logger("wealist.edge")


class Edge:
    """Wraps an ASGI app. The `internal` one also serves what is closed to the public.

    Raises `SettingsError` for trusted proxies that are no addresses.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, internal: bool = False) -> None:
        self._gate = Gate(app, settings, internal=internal)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind: str = scope["type"]
        if kind == "http":
            await Exchange(self._gate, scope, receive, send).run()
        elif kind == "websocket":
            await Handshake(self._gate, scope, receive, send).run()
        else:
            await self._gate.app(scope, receive, send)


class Exchange(Arrival):
    """One HTTP request and its response."""

    __slots__ = (
        "_receive",
        "_send",
        "body",
        "failure",
        "held",
        "limits",
        "method",
        "packs",
        "sent",
        "status",
        "stream_seconds",
    )

    def __init__(self, gate: Gate, scope: Any, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        super().__init__(gate, scope, self.method)
        self._receive = receive
        self._send = send
        self.body: guards.Body | None = None
        self.limits: Pairs = []
        self.failure: BaseException | None = None
        self.held: Any = None
        self.packs = False
        self.sent = 0
        self.status: int | None = None
        self.stream_seconds: float | None = None

    async def run(self) -> None:
        """Carry the request out, answer whatever goes wrong, and report."""
        token = current.set(self.context)
        try:
            self.admit()
            if self.method == "OPTIONS":
                await self._answer(204, self.gate.cors.preflight(self.headers.get(b"origin")), b"")
            elif self.path == "/health":
                await self._answer(200, [(b"content-type", b"text/plain")], b"healthy\n")
            else:
                await self._forward()
        except Exception as error:
            await self._fail(error)
        except BaseException as error:  # cancelled, because the process stops
            self.failure = error
            if self.status is None:
                await self._fail(error)  # the client may come back elsewhere
            raise
        finally:
            report.exchange(self)
            current.reset(token)

    async def _forward(self) -> None:
        if self.method == "HEAD" and self.path.startswith("/svc/"):
            self.scope["method"] = "GET"  # its routes know no HEAD, which monitors like to ask
        method = self.scope["method"]
        self.limits = await self.limit(method, await self.identify())
        self.body = guards.body(self.path, method, self.headers, self._receive, self.gate.max_body)
        receive = self._receive if self.body is None else self.body.receive
        await self.gate.app(self.scope, receive, self.send)

    def send(self, message: Any) -> Awaitable[None]:
        """Pass a message on; the head of the response gets our headers."""
        if message["type"] == "http.response.start":
            body = self.body
            refusal = body.refusal if body is not None else None
            if refusal is not None and message["status"] != refusal.status:
                # The handler swallowed it and is about to answer as if the body had been whole.
                raise refusal
            self.status = message["status"]
            message = {**message, "headers": self._dress(message.get("headers", ()))}
            if self.method == "HEAD":
                return self._send_head(message)
            if self.packs:
                self.held = message  # until the body is there, and with it the length
                return nothing()
        elif self.method == "HEAD":
            return nothing()
        else:
            if message["type"] == "http.response.body":
                self.sent += len(message.get("body", b""))  # compressed or not: what was answered
            if self.held is not None:
                return self._send_held(message)
        return self._send(message)

    async def _send_held(self, message: Any) -> None:
        """The head that waited, and the body, compressed if all of it is here."""
        start = self.held
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            body = await compression.pack(message.get("body", b""))
            start = {**start, "headers": compression.relabel(start["headers"], len(body))}
            message = {**message, "body": body}
        self.held = None
        await self._send(start)
        await self._send(message)

    async def _send_head(self, start: Any) -> None:
        """The whole answer to a HEAD. It ends here, since a stream's body would never."""
        # The server compares the length of the body with the headers unless this says HEAD.
        self.scope["method"] = "HEAD"
        if self.packs:  # a GET would have had the length of the compressed body
            start["headers"] = [each for each in start["headers"] if each[0] != b"content-length"]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _dress(self, given: Iterable[tuple[bytes, bytes]]) -> Pairs:
        """The handler's headers and ours; what the handler set itself stays."""
        headers = list(given)
        names = dict(headers)
        kind = names.get(b"content-type", b"")
        headers.append((b"x-request-id", self.context.request_id.encode()))
        for pair in _SECURITY:
            if pair[0] not in names:
                headers.append(pair)
        if self.context.service and b"json" in kind:
            if b"cache-control" not in names:
                headers.append(_NO_STORE)
            if compression.possible(self.context.service, self.status, names):
                headers.append(compression.VARY)
                self.packs = compression.accepted(self.scope["headers"])
        if self.scope["scheme"] == "https":
            headers.append(_HSTS)
        if self.limits:
            headers += self.limits
        if kind.startswith(b"text/event-stream"):
            self.stream_seconds = perf_counter() - self.started
        headers += self.gate.cors.headers(self.headers.get(b"origin"))
        return headers

    async def _fail(self, error: BaseException) -> None:
        """Answer an exception in its service's envelope, or only log it when that is too late."""
        if self.held is not None:  # nothing of the answer has left yet
            self.held, self.status, self.packs, self.sent = None, None, False, 0
        if self.status is not None:
            self.failure = error
            # The server closes a connection whose answer has no end, so the client notices.
            log.error("the answer broke off", exc_info=error)
            return
        if self.body is not None and self.body.refusal is not None:
            error = self.body.refusal
        status, headers, body = envelopes.render(error, self.path, self.context.request_id)
        envelopes.log_failure(error)
        if status >= 500 and not isinstance(error, AppError):
            self.failure = error
        pairs = [(name.lower().encode(), text.encode("latin-1")) for name, text in headers.items()]
        await self._answer(status, pairs, body)

    async def _answer(
        self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> None:
        pairs = list(headers)
        if status != 204:
            pairs.append((b"content-length", b"%d" % len(body)))
        await self.send({"type": "http.response.start", "status": status, "headers": pairs})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})
