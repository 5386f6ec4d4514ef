"""kill -9 in the middle of two hundred writes: what was acknowledged is there, nothing is twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest

from tests.live.servers import WORKSPACES, Replica, Session
from wealist.commands import embedded_url

WRITERS = 200
PEOPLE = 20
CRASH_AFTER = 200
"""Acknowledged writes until the server is killed; each writer has another one under way then."""

CREATE = f"{WORKSPACES}/create"


class Crash:
    """A server that was killed under load, what its clients know of it, and its next life."""

    def __init__(self, people: list[Session]) -> None:
        self.people = people
        self.acknowledged: dict[str, str] = {}
        self.lost: list[str] = []
        self.enough = asyncio.Event()
        self.orphans: list[psutil.Process] = []

    def author(self, name: str) -> Session:
        return self.people[int(name.partition("-")[0]) % PEOPLE]

    def request(self, name: str) -> dict[str, Any]:
        """One write; every other writer sends a key."""
        headers = self.author(name).headers
        if int(name.partition("-")[0]) % 2:
            headers["Idempotency-Key"] = f"key of {name}"
        return {"json": {"workspaceName": name}, "headers": headers}

    async def write_on(self, client: httpx.AsyncClient, writer: int) -> None:
        """Create one workspace after the other until the server is gone."""
        number = 0
        while True:
            name = f"{writer}-{number}"
            try:
                answer = await client.post(CREATE, **self.request(name))
            except httpx.TransportError:
                self.lost.append(name)
                return
            assert answer.status_code == 201, answer.text
            self.acknowledged[name] = answer.json()["workspaceId"]
            if len(self.acknowledged) >= CRASH_AFTER:
                self.enough.set()
            number += 1

    async def found(self, replica: Replica) -> list[dict[str, Any]]:
        """Every workspace of everybody."""
        answers = [await replica.list_workspaces(person) for person in self.people]
        return [workspace for answer in answers for workspace in answer.json()]


@pytest.fixture(scope="module")
async def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crash") / "data"


@pytest.fixture(scope="module")
async def crash(data_dir: Path) -> Crash:
    """The first life and its end."""
    async with Replica.start(data_dir) as replica:
        happened = Crash([await replica.sign_in(f"person{n}") for n in range(PEOPLE)])
        happened.orphans = psutil.Process(replica.pid).children(recursive=True)
        limits = httpx.Limits(max_connections=WRITERS, max_keepalive_connections=WRITERS)
        async with replica.client(limits=limits, timeout=30) as client:
            writers = [happened.write_on(client, number) for number in range(WRITERS)]
            writing = asyncio.gather(*writers)
            enough = asyncio.create_task(happened.enough.wait())
            await asyncio.wait({writing, enough}, return_when=asyncio.FIRST_COMPLETED)
            await replica.kill()
            enough.cancel()
            await writing
    return happened


@pytest.fixture(scope="module")
async def again(crash: Crash, data_dir: Path) -> AsyncIterator[Replica]:
    """The second life on the same data."""
    async with Replica.start(data_dir) as replica:
        yield replica


async def test_kill_9_leaves_no_postgresql_behind(crash: Crash) -> None:
    assert crash.orphans, "the embedded PostgreSQL"
    assert (await asyncio.to_thread(psutil.wait_procs, crash.orphans, 5))[1] == []


async def test_every_acknowledged_write_is_there_after_kill_9(crash: Crash, again: Replica) -> None:
    assert len(crash.acknowledged) >= CRASH_AFTER
    assert len(crash.lost) == WRITERS, "each writer had one under way"
    found = {
        workspace["workspaceName"]: workspace["workspaceId"]
        for workspace in await crash.found(again)
    }
    assert crash.acknowledged.items() <= found.items()


async def test_writes_repeated_with_their_key_after_kill_9_are_carried_out_once(
    crash: Crash, again: Replica, data_dir: Path
) -> None:
    names = [*crash.acknowledged, *crash.lost]
    keyed = [name for name in names if int(name.partition("-")[0]) % 2]
    running = [name for name in keyed if not await is_settled(crash, again, name)]
    await a_minute_passes(data_dir)
    for name in running:
        assert await is_settled(crash, again, name), name
    times = Counter(workspace["workspaceName"] for workspace in await crash.found(again))
    assert {name: times[name] for name in keyed} == dict.fromkeys(keyed, 1)


async def is_settled(crash: Crash, replica: Replica, name: str) -> bool:
    """Repeat a write; False while its key still counts as running."""
    answer = await replica.http.post(CREATE, **crash.request(name))
    if answer.status_code == 201:
        known = crash.acknowledged.get(name)
        assert known is None or answer.json()["workspaceId"] == known
        return True
    assert answer.status_code == 409, answer.text
    code = answer.json()["error"]["code"]
    if code == "IDEMPOTENCY_KEY_IN_USE":
        assert int(answer.headers["Retry-After"]) > 0
        return False
    assert code == "IDEMPOTENCY_ANSWER_LOST"
    return True


async def a_minute_passes(data_dir: Path) -> None:
    """Let the claims of the killed process run out."""
    url = embedded_url(data_dir)
    assert url is not None
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "UPDATE core.idempotency SET locked_until = now() - interval '1 second'"
        )
    finally:
        await connection.close()
