"""Clients that read nothing any more: whatever they were sent, they don't hold their connection."""

import asyncio
import socket
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from msgspec import Struct

from tests.live.listening import API
from tests.people import Person
from tests.people import Server as App
from wealist import listener, socket_protocol
from wealist.board.wire import channel
from wealist.core import db, events, live
from wealist.listener import Server, bind

SIZE = 5000


class Much(Struct):
    text: str


@pytest.fixture
async def listening(server: App, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A real port in this process, which loses its patience soon."""
    monkeypatch.setattr(live, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(live, "TICK", 0.1)
    monkeypatch.setattr(listener, "KEEP_ALIVE_SECONDS", 1)
    monkeypatch.setattr(listener, "CLOSE_SECONDS", 0.3)
    monkeypatch.setattr(socket_protocol, "CLOSE_SECONDS", 0.3)
    bound = bind("127.0.0.1", 0, "--port")
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 << 10)  # else the kernel takes it all
    port = Server(server.public, bound, server.settings)
    await port.begin()
    yield port
    port.force_exit = True
    await port.end()


async def project(person: Person) -> str:
    workspace = await person.workspace()
    body = {"workspaceId": workspace["workspaceId"], "name": "Live"}
    made = await person.http.post(f"{API}/projects", json=body)
    found: str = made.json()["data"]["projectId"]
    return found


async def deaf(port: Server, of: str, token: str, door: str) -> socket.socket:
    """Somebody who asks to be let in and reads nothing."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port.port))
    path, upgrade = f"{API}/projects/{of}/events", ""
    if door == "socket":
        path = f"/svc/board/ws/project/{of}"
        upgrade = (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
    head = f"GET {path}?token={token} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n"
    await asyncio.get_running_loop().sock_sendall(made, head.encode())
    return made


async def until_all_have_gone(port: Server) -> None:
    async with asyncio.timeout(10):
        while port.server_state.connections or live.connections().count:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("door", ["socket", "stream"])
@pytest.mark.parametrize(
    ("said", "ends"),
    [
        pytest.param(400, False, id="queue overflows"),
        pytest.param(60, False, id="writer waits"),
        pytest.param(60, True, id="session ends while the writer waits"),
        pytest.param(12, True, id="session ends and the farewell is in the buffer"),
    ],
)
async def test_a_client_that_reads_nothing_is_let_go_of(
    listening: Server, server: App, door: str, said: int, ends: bool
) -> None:
    person = await server.person(f"Ann {uuid4().hex[:8]}")
    of = await project(person)
    client = await deaf(listening, of, person.token, door)
    async with asyncio.timeout(5):
        while live.connections().count < 1:
            await asyncio.sleep(0.01)
    for _ in range(said):
        async with db.transaction():
            events.append(channel(UUID(of)), "SAID", Much("x" * SIZE), actor=None)
    if ends:
        answer = await person.http.post("/svc/auth/api/auth/logout")
        assert answer.status_code == 200
    await until_all_have_gone(listening)
    client.close()
