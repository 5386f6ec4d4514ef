"""The embedded PostgreSQL dies while it is needed, and is started again."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.embedded.peers import run, value
from wealist.embedded import supervision
from wealist.embedded.postgres import Postgres
from wealist.embedded.supervision import keep_running

AGAIN = "PostgreSQL has ended; starting it again"


class Watched:
    """A PostgreSQL under supervision, and what was said about it."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.said: list[str] = []
        self.stopping = False

    def crash(self) -> int:
        """`kill -9` for its main process alone; the pid that it had."""
        pid = self.server.pid
        psutil.Process(pid).send_signal(signal.SIGKILL)
        return pid

    async def again(self, dead: int) -> None:
        """Wait until another one answers."""
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(Exception):
                    if self.server.pid != dead and await value(self.server, "SELECT 1") == 1:
                        return
                await asyncio.sleep(0.02)


@pytest.fixture(params=["short", "long"])
async def watched(
    request: pytest.FixtureRequest, short: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Watched]:
    """In a data directory whose socket can be addressed, or needs a short link."""
    monkeypatch.setattr(supervision, "CHECK_SECONDS", 0.05)
    name = "supervised" if request.param == "short" else "x" * 120
    server = await Postgres.start(short / name)
    found = Watched(server)
    watching = asyncio.create_task(
        keep_running(server, found.said.append, stopping=lambda: found.stopping)
    )
    yield found
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await server.stop()


async def test_a_killed_server_is_started_again_under_its_address_with_its_data(
    watched: Watched,
) -> None:
    url = watched.server.url
    await run(watched.server, "CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS n")
    await watched.again(watched.crash())
    assert watched.server.url == url
    assert await value(watched.server, "SELECT n FROM kept") == 1
    slow = "PostgreSQL recovers from a crash, this may take a minute"  # said after two seconds
    assert [line for line in watched.said if line != slow] == [AGAIN]


async def test_one_that_keeps_dying_is_started_after_growing_pauses(watched: Watched) -> None:
    for _ in range(4):
        await watched.again(watched.crash())
    # One killed between its first answer and the supervisor's look has not started, it thinks.
    ended = [line for line in watched.said if line.startswith(AGAIN)]
    assert ended == [AGAIN, *(f"{AGAIN} in {pause} s" for pause in ("0.05", "0.1", "0.2"))]


async def test_one_that_cannot_start_is_tried_until_it_can(
    watched: Watched, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = Path(watched.server.url.partition("host=")[2].partition("&")[0]) / "PG_VERSION"
    text = version.read_text()
    dead = watched.crash()
    version.write_text("3")
    async with asyncio.timeout(20):
        while not any("can't be started" in line for line in watched.said):
            await asyncio.sleep(0.02)
    version.write_text(text)
    await watched.again(dead)


async def test_nothing_is_started_while_the_process_stops(watched: Watched) -> None:
    watched.stopping = True
    dead = watched.crash()
    await asyncio.sleep(0.5)
    assert watched.said == []
    assert watched.server.pid == dead
    assert not watched.server.running
