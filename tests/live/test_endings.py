"""How live connections end, and how many one user may hold."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.live.listening import API, Kanban, Listener, address
from tests.live.servers import Replica, Session, until


@pytest.fixture(scope="module")
async def replica(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Replica]:
    folder = tmp_path_factory.mktemp("endings") / "data"
    async with Replica.start(
        folder, database_url=database_url, WEALIST_SOCKETS_PER_USER="6"
    ) as one:
        yield one


async def code_of(socket: ClientConnection) -> int | None:
    """How a socket ends."""
    try:
        async with asyncio.timeout(10):
            while True:
                await socket.recv()
    except ConnectionClosed:
        return socket.close_code


async def test_too_much_is_told_by_its_code(replica: Replica, kanban: Kanban) -> None:
    url = address(replica, kanban.project, kanban.owner.access)
    async with connect(url) as socket:
        await socket.send("x" * 513)
        assert await code_of(socket) == 1009
    async with connect(url) as socket:
        with contextlib.suppress(ConnectionClosed):  # perhaps before the last of them
            for _ in range(130):
                await socket.send("x")
        assert await code_of(socket) == 1008


async def test_one_user_holds_only_so_many_connections(replica: Replica, kanban: Kanban) -> None:
    url = address(replica, kanban.project, kanban.owner.access)
    knocks = await asyncio.gather(*(connect(url) for _ in range(20)), return_exceptions=True)
    sockets = [one for one in knocks if isinstance(one, ClientConnection)]
    refusals = [one for one in knocks if isinstance(one, InvalidStatus)]
    assert len(sockets) == 6
    assert [one.response.status_code for one in refusals] == [429] * 14
    stream = await replica.http.get(
        f"{API}/projects/{kanban.project}/events", headers=kanban.owner.headers
    )
    assert stream.status_code == 429
    await sockets[0].close()

    async def free() -> bool:
        try:
            await (await connect(url)).close()
        except InvalidStatus:
            return False
        return True

    await until(free, within=5, what="a place is free again")
    for socket in sockets:
        await socket.close()


async def test_a_session_that_ends_takes_its_connections_along(
    replica: Replica, kanban: Kanban
) -> None:
    async with connect(address(replica, kanban.project, kanban.owner.access)) as socket:
        await replica.log_out(kanban.owner)
        async with asyncio.timeout(1):
            assert await code_of(socket) == 4401


async def test_a_project_that_is_deleted_ends_its_connections_for_good(
    replica: Replica, kanban: Kanban
) -> None:
    async with Listener.on(replica, kanban.project, kanban.owner) as listener:
        await replica.http.delete(f"{API}/projects/{kanban.project}", headers=kanban.owner.headers)
        await listener.until(lambda: listener.code is not None)
        assert [frame["type"] for frame in listener.frames] == ["PROJECT_DELETED"]
        assert listener.code == 1000


async def test_a_workspace_that_is_deleted_ends_the_connections_to_its_projects(
    replica: Replica, kanban: Kanban
) -> None:
    async with Listener.on(replica, kanban.project, kanban.owner) as listener:
        path = f"/svc/user/api/workspaces/{kanban.workspace_id}"
        gone = await replica.http.delete(path, headers=kanban.owner.headers)
        assert gone.status_code == 200, gone.text
        await listener.until(lambda: listener.code is not None)
        assert [frame["type"] for frame in listener.frames] == ["PROJECT_DELETED"]
        assert listener.code == 1000


async def test_a_replica_that_stops_sends_everybody_elsewhere(
    database_url: str, tmp_path: Path
) -> None:
    async with Replica.start(
        tmp_path / "data", database_url=database_url, WEALIST_DRAIN_SECONDS="0"
    ) as replica:
        kanban = await Kanban.of(replica)
        url = address(replica, kanban.project, kanban.owner.access)
        sockets = [await connect(url) for _ in range(10)]
        path = f"{API}/projects/{kanban.project}/events"
        async with (
            replica.client() as http,
            http.stream("GET", path, headers=kanban.owner.headers) as answer,
        ):
            replica.terminate()
            text = (await answer.aread()).decode()
        assert re.search(r'event: bye\ndata: {"code":1012,', text)
        assert [await code_of(socket) for socket in sockets] == [1012] * 10
        await replica.ended()


async def test_a_token_that_expires_ends_its_connection(database_url: str, tmp_path: Path) -> None:
    async with Replica.start(
        tmp_path / "data", database_url=database_url, JWT_ACCESS_TOKEN_EXPIRATION_MS="3000"
    ) as replica:
        session: Session = await replica.sign_in(f"ann-{uuid4().hex[:8]}")
        kanban = await Kanban.made(replica, session)
        async with connect(address(replica, kanban.project, session.access)) as socket:
            assert await code_of(socket) == 4401
