"""The embedded Valkey: answers, keeps nothing, and comes back on the same port after a crash."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Unreachable

from wealist.embedded.process import Child, EmbeddedError
from wealist.embedded.valkey import Valkey


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[Valkey]:
    server = await Valkey.start(tmp_path / "valkey")
    yield server
    await server.stop()
    assert not psutil.pid_exists(server.pid)


@pytest.fixture
async def client(valkey: Valkey) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey.url, retry=None) as connection:
        yield connection


async def test_it_answers_on_loopback_only_and_writes_no_file(
    valkey: Valkey, client: Redis, tmp_path: Path
) -> None:
    await client.set("key", "value")
    assert await client.get("key") == b"value"
    addresses = {c.laddr.ip for c in psutil.Process(valkey.pid).net_connections("inet")}
    assert addresses == {"127.0.0.1"}
    assert [path.name for path in (tmp_path / "valkey").iterdir()] == ["valkey.log"]


async def test_after_a_crash_it_comes_back_empty_on_the_same_port(
    valkey: Valkey, client: Redis
) -> None:
    url = valkey.url
    await client.set("key", "value")
    await valkey.kill()
    with pytest.raises(Unreachable):
        await client.get("key")
    await valkey.restart()
    assert valkey.url == url
    assert await client.get("key") is None


async def test_two_of_them_live_side_by_side(valkey: Valkey, tmp_path: Path) -> None:
    other = await Valkey.start(tmp_path / "other")
    try:
        assert other.url != valkey.url
    finally:
        await other.stop()


async def test_a_program_that_does_not_exist_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="no-such-program cannot be run"):
        Child.start([tmp_path / "no-such-program"], cwd=tmp_path, log=tmp_path / "log")


async def test_a_child_that_ends_early_shows_what_it_said(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    child = Child.start(
        ["/bin/sh", "-c", "echo out of tea; exit 3"], cwd=tmp_path, log=tmp_path / "log"
    )
    with pytest.raises(EmbeddedError, match="sh ended at its start:\nout of tea"):
        await child.wait_ready(never, within=5)
    assert await child.exited(within=1) == 3


async def test_a_child_that_ignores_the_polite_signal_is_ended_all_the_same(
    tmp_path: Path,
) -> None:
    script = "trap '' INT QUIT; echo ready; while :; do sleep 0.01; done"
    log = tmp_path / "log"
    child = Child.start(["/bin/sh", "-c", script], cwd=tmp_path, log=log)

    async def ready() -> bool:
        return "ready" in child.tail()

    await child.wait_ready(ready, within=5)
    await child.stop(patience=0.05)
    assert not child.running
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
