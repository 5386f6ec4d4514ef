"""The life of a server process: how it starts, what it says, how it ends."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.platform.processes import Serving, environment, launched, serving, wealist


@pytest.fixture(scope="module")
async def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that has been used once, so that later starts are quick."""
    folder = tmp_path_factory.mktemp("used")
    async with serving(env=environment(WEALIST_DATA_DIR=folder)) as first:
        assert await first.stop() == 0
    return folder


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[Serving]:
    async with serving(env=environment(WEALIST_DATA_DIR=data_dir)) as running:
        yield running


async def test_a_started_server_says_where_it_is_and_answers_there(server: Serving) -> None:
    async with server.client() as client:
        answer = await client.get("/svc/user/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert "server" not in answer.headers
    assert any("in /" in line for line in server.lines), "it tells where the data is"


async def test_a_monitor_may_ask_for_readiness_with_head(server: Serving) -> None:
    async with server.client() as client:
        head = await client.head("/svc/user/health/ready")
        whole = await client.get("/svc/user/health/ready")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers.keys() == whole.headers.keys()


async def test_the_internal_port_serves_what_the_public_one_hides(server: Serving) -> None:
    async with server.client() as public, server.client(internal=True) as internal:
        assert (await public.get("/svc/user/metrics")).status_code == 404
        assert (await internal.get("/svc/user/metrics")).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_good_order(server: Serving, number: signal.Signals) -> None:
    children = psutil.Process(server.pid).children(recursive=True)
    assert children, "the embedded PostgreSQL"
    server.send(number)
    assert await server.ended() == 0
    assert not any("Traceback" in line for line in server.lines)
    assert psutil.wait_procs(children, timeout=3)[1] == []


async def test_while_it_drains_it_is_not_ready_but_answers(data_dir: Path) -> None:
    env = environment(WEALIST_DATA_DIR=data_dir, WEALIST_DRAIN_SECONDS="2.5")
    async with serving(env=env) as server, server.client() as client:
        server.send(signal.SIGTERM)
        await asyncio.sleep(0.5)
        assert (await client.get("/svc/user/health/ready")).status_code == 503
        assert (await client.get("/svc/user/health/live")).status_code == 200
        assert await server.ended() == 0
        with pytest.raises(httpx.TransportError):
            await client.get("/svc/user/health/live")


async def test_a_second_signal_does_not_wait(data_dir: Path) -> None:
    env = environment(WEALIST_DATA_DIR=data_dir, WEALIST_DRAIN_SECONDS="60")
    async with serving(env=env) as server:
        server.send(signal.SIGTERM)
        await asyncio.sleep(0.3)
        server.send(signal.SIGTERM)
        assert await asyncio.wait_for(server.ended(), 10) == 0


async def test_a_signal_before_it_is_ready_ends_it_too(data_dir: Path) -> None:
    async with launched("--port", "0", env=environment(WEALIST_DATA_DIR=data_dir)) as server:
        await asyncio.sleep(0.9)
        status = await server.stop()
    assert status in (0, -signal.SIGTERM), "before Python listens to signals, it just dies"
    assert not (data_dir / "cluster" / "postmaster.pid").exists()


async def test_a_second_server_on_the_same_data_gives_one_clear_line(
    server: Serving, data_dir: Path
) -> None:
    second = await wealist("serve", "--port", "0", env=environment(WEALIST_DATA_DIR=data_dir))
    assert second.status == 1
    assert len(second.complaints) == 1
    assert str(data_dir) in second.err
    async with server.client() as client:
        assert (await client.get("/svc/user/health/ready")).status_code == 200


async def test_a_taken_port_gives_one_clear_line(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        env = environment(WEALIST_DATA_DIR=data_dir)
        refused = await wealist("serve", "--port", port, env=env)
    assert refused.status == 1
    assert len(refused.complaints) == 1
    assert port in refused.err
    assert "--port" in refused.err


async def test_an_unreachable_database_gives_one_clear_line(tmp_path: Path) -> None:
    env = environment(
        WEALIST_DATA_DIR=tmp_path, DATABASE_URL="postgresql://a:secret@127.0.0.1:1/none"
    )
    refused = await wealist("serve", "--port", "0", env=env)
    assert refused.status == 1
    assert len(refused.complaints) == 1
    assert "PostgreSQL" in refused.err
    assert "secret" not in refused.err + refused.out


async def test_kill_9_leaves_no_postgresql_behind_and_data_that_starts_again(
    data_dir: Path,
) -> None:
    env = environment(WEALIST_DATA_DIR=data_dir)
    async with serving(env=env) as server:
        children = psutil.Process(server.pid).children(recursive=True)
        server.send(signal.SIGKILL)
        await server.ended()
        assert psutil.wait_procs(children, timeout=10)[1] == []
    async with serving(env=env) as again:
        assert await again.stop() == 0


async def test_a_key_that_cannot_be_read_is_a_wrong_setting(data_dir: Path) -> None:
    env = environment(WEALIST_DATA_DIR=data_dir, JWT_RSA_PRIVATE_KEY="nonsense")
    refused = await wealist("serve", "--port", "0", env=env)
    assert refused.status == 2
    assert "JWT_RSA_PRIVATE_KEY" in refused.complaints[-1]
    assert "nonsense" not in refused.err
