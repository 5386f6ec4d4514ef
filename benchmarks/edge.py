"""What the edge costs: CPU a request, against the bare app it wraps, in one run.

No sockets: the ASGI app is called as a server would call it, so only the edge's own work shows.
The log goes to /dev/null, but through a system call each line, as in production.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks._table import Row, show
from litestar import Litestar, get
from litestar.params import FromPath

from wealist.core import logs
from wealist.core.edge import Edge
from wealist.core.settings import Settings

REQUESTS = 25_000
ROUNDS = 5
BOUND = 60.0
PATH = "/api/svc/user/api/workspaces/0190a0b0-0000-7000-8000-000000000001/members"
HEADERS = [
    (b"host", b"localhost:8080"),
    (b"connection", b"keep-alive"),
    (b"accept", b"application/json, text/plain, */*"),
    (
        b"user-agent",
        b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
    ),
    (b"origin", b"http://localhost:3000"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"accept-language", b"en"),
    (b"referer", b"http://localhost:3000/dashboard"),
]

App = Callable[[Any, Any, Any], Awaitable[None]]


async def bare(scope: Any, receive: Any, send: Any) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")],
        }
    )
    await send({"type": "http.response.body", "body": b"{}", "more_body": False})


@get("/svc/user/api/workspaces/{workspace_id:str}/members")
async def members(workspace_id: FromPath[str]) -> dict[str, str]:
    return {}


def scope_of(path: str, host: int = 1) -> dict[str, Any]:
    """A request from the machine number `host`; each stays below its limit a minute."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"page=1&limit=20",
        "root_path": "",
        "headers": list(HEADERS),
        "client": (f"10.0.0.{host}", 40000),
        "server": ("127.0.0.1", 8080),
        "state": {},
    }


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: dict[str, Any]) -> None:
    pass


async def cost(app: App, path: str) -> float:
    """Microseconds of CPU a request, the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for number in range(REQUESTS // ROUNDS):
            await app(scope_of(path, number % 100), receive, send)
        best = min(best, (time.process_time() - started) / (REQUESTS // ROUNDS))
    return best * 1e6


async def _measure() -> list[Row]:
    plain = Settings()
    limited = Settings(rate_limit_enabled=True, rate_limit_per_minute=1 << 30)
    app = Litestar([members], openapi_config=None)
    canonical = PATH.removeprefix("/api")
    with Path("/dev/null").open("wb", buffering=0) as sink:
        logs.configure(plain, stream=sink)
        nothing, litestar = await cost(bare, canonical), await cost(app, canonical)
        costs = [
            ("around a bare app", await cost(Edge(bare, settings=plain), PATH) - nothing),
            ("the same with rate limits", await cost(Edge(bare, settings=limited), PATH) - nothing),
            ("around a Litestar app", await cost(Edge(app, settings=plain), PATH) - litestar),
        ]
    rows = [
        Row("a bare app, no edge", nothing, "µs"),
        Row("a Litestar app, no edge", litestar, "µs"),
    ]
    return rows + [Row(f"the edge {where}", added, "µs", BOUND) for where, added in costs]


def main() -> int:
    print("CPU of the edge for one request, log line included")
    return show(asyncio.run(_measure()))


if __name__ == "__main__":
    sys.exit(main())
