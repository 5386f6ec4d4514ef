"""Knocking at a door that stays open: the answer's status, without what would never end."""

import asyncio
from typing import Any

from tests.people import Server


async def at_a_socket(server: Server, path: str, token: str) -> int:
    """101 when a WebSocket is let in, else the status of the refusal."""
    scope = _scope("websocket", path, f"token={token}" if token else "")
    scope |= {"scheme": "ws", "subprotocols": [], "extensions": {"websocket.http.response": {}}}
    return await _knock(
        server,
        scope,
        [{"type": "websocket.connect"}],
        {"type": "websocket.disconnect", "code": 1000},
    )


async def at_a_stream(server: Server, path: str, token: str) -> int:
    """The status of an answer whose body may never end."""
    scope = _scope("http", path, "")
    scope |= {"method": "GET", "scheme": "http"}
    if token:
        scope["headers"].append((b"authorization", f"Bearer {token}".encode()))
    first = [{"type": "http.request", "body": b"", "more_body": False}]
    return await _knock(server, scope, first, {"type": "http.disconnect"})


def _scope(kind: str, path: str, query: str) -> dict[str, Any]:
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"test")],
        "client": ("127.0.0.1", 4000),
        "server": ("127.0.0.1", 80),
    }


async def _knock(
    server: Server, scope: dict[str, Any], first: list[dict[str, Any]], last: dict[str, Any]
) -> int:
    answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def receive() -> dict[str, Any]:
        if first:
            return first.pop(0)
        await answered
        return last

    async def send(message: dict[str, Any]) -> None:
        status = {"websocket.accept": 101, "websocket.close": 403}.get(
            message["type"], message.get("status")
        )
        if status is not None and not answered.done():
            answered.set_result(status)

    public: Any = server.public
    async with asyncio.timeout(10):
        await public(scope, receive, send)
        return await answered
