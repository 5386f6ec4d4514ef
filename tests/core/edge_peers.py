"""Peers of the edge's tests: small apps behind it, clients before it, the lines it writes."""

import asyncio
import contextlib
import io
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import uvicorn

from wealist.core import logs
from wealist.core.edge import Edge
from wealist.core.settings import Settings

DEV = Settings()


class Lines(io.BytesIO):
    """What was logged."""

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def access(self) -> list[dict[str, Any]]:
        return [line for line in self.all() if line["logger"] == "wealist.access"]


@contextlib.contextmanager
def logged(level: Any = "debug") -> Any:
    """The lines written inside the block."""
    stream = Lines()
    logs.configure(Settings(log_level=level), stream=stream)
    try:
        yield stream
    finally:
        logs.configure(Settings(log_level="error"))


class Echo:
    """A bare ASGI app that answers with what it saw, and remembers the scope."""

    def __init__(
        self,
        status: int = 200,
        headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),),
        template: str | None = None,
    ) -> None:
        self.status = status
        self.headers = headers
        self.template = template
        self.scopes: list[Any] = []
        self.bodies: list[bytes] = []

    @property
    def scope(self) -> Any:
        return self.scopes[-1]

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.scope["state"]
        return state

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        if self.template is not None:
            scope["path_template"] = self.template
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        await send({"type": "http.response.body", "body": b"{}"})


def client(
    app: Any,
    settings: Settings = DEV,
    *,
    internal: bool = False,
    address: str = "127.0.0.1",
    raise_errors: bool = True,
) -> httpx.AsyncClient:
    """A client of `app` behind an edge, without sockets."""
    transport = httpx.ASGITransport(
        Edge(app, settings=settings, internal=internal),
        raise_app_exceptions=raise_errors,
        client=(address, 40000),
    )
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@contextlib.asynccontextmanager
async def serving(app: Any, settings: Settings = DEV) -> AsyncIterator[int]:
    """The port of a real server that has `app` behind an edge."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            Edge(app, settings=settings),
            log_config=None,
            log_level="warning",
            access_log=False,
            ws="websockets-sansio",
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
    )
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    running = asyncio.create_task(server.serve([listening]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await running


def http_scope(path: str = "/", **other: Any) -> dict[str, Any]:
    """A request as a server would hand it over."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "replace"),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 80),
        **other,
    }


async def exchange(
    app: Any, scope: dict[str, Any], receive: Callable[[], Any] | None = None
) -> list[dict[str, Any]]:
    """The messages an app sends for one request."""
    sent: list[dict[str, Any]] = []

    async def nothing() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive or nothing, send)
    return sent
