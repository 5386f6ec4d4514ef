"""Two replicas, two processes, one Redis: what one of them is told, both know."""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.core.object_peers import free_port
from wealist.embedded.valkey import Valkey

ROOT = Path(__file__).parents[2]
REFRESH = "/svc/auth/api/auth/refresh"
LOGOUT = "/svc/auth/api/auth/logout"
ME = "/svc/auth/api/auth/me"

Replicas = tuple[httpx.AsyncClient, httpx.AsyncClient]


@contextlib.contextmanager
def replica(redis_url: str, folder: Path) -> Iterator[str]:
    """A replica in a process of its own; yields its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.auth.replica", str(port), redis_url, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
async def replicas(
    valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Replicas]:
    folder = tmp_path_factory.mktemp("replicas")
    with replica(valkey.url, folder) as first, replica(valkey.url, folder) as second:
        async with (
            httpx.AsyncClient(base_url=first, timeout=20) as one,
            httpx.AsyncClient(base_url=second, timeout=20) as two,
        ):
            for client in (one, two):
                await answering(client)
            yield one, two


async def answering(client: httpx.AsyncClient) -> None:
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(httpx.TransportError):
            if (await client.get("/svc/auth/api/test/status")).status_code == 200:
                return
        assert time.monotonic() < deadline, "the replica did not start"
        await asyncio.sleep(0.05)


async def signed_in(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.post("/svc/auth/api/test/token", json={"userId": str(uuid4())})
    assert answer.status_code == 200, answer.text
    session: dict[str, Any] = answer.json()
    return session


def bearer(session: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['accessToken']}"}


async def status_within(
    seconds: float, client: httpx.AsyncClient, session: dict[str, Any], wanted: int
) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (await client.get(ME, headers=bearer(session))).status_code == wanted:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_a_token_of_one_replica_counts_on_the_other(replicas: Replicas) -> None:
    one, two = replicas
    session = await signed_in(one)
    answer = await two.get(ME, headers=bearer(session))
    assert answer.status_code == 200
    assert answer.json()["userId"] == session["userId"]


async def test_a_logout_on_one_replica_is_seen_on_the_other_within_a_second(
    replicas: Replicas,
) -> None:
    one, two = replicas
    session = await signed_in(one)
    for client in replicas:
        assert (await client.get(ME, headers=bearer(session))).status_code == 200
    assert (await one.post(LOGOUT, headers=bearer(session))).status_code == 200
    assert await status_within(1, two, session, 401)
    assert (await one.get(ME, headers=bearer(session))).status_code == 401
    refused = await two.post(REFRESH, json={"refreshToken": session["refreshToken"]})
    assert refused.json()["code"] == "AUTH006"


async def test_forty_refreshes_of_one_token_on_both_replicas_all_get_the_same_pair(
    replicas: Replicas,
) -> None:
    session = await signed_in(replicas[0])
    body = {"refreshToken": session["refreshToken"]}
    answers = await asyncio.gather(
        *(replicas[number % 2].post(REFRESH, json=body) for number in range(40))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    for client in replicas:
        assert (await client.get(ME, headers=bearer(answers[0].json()))).status_code == 200


async def test_replicas_survive_a_redis_that_restarts(replicas: Replicas, valkey: Valkey) -> None:
    one, two = replicas
    session = await signed_in(one)
    await valkey.kill()
    for client in replicas:
        answer = await client.post(REFRESH, json={"refreshToken": session["refreshToken"]})
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
    await valkey.restart()
    assert await status_within(10, two, session, 401), "Redis has lost the session"
    again = await signed_in(one)
    assert (await two.get(ME, headers=bearer(again))).status_code == 200
    await asyncio.sleep(0.5)
    assert (await two.post(LOGOUT, headers=bearer(again))).status_code == 200
    assert await status_within(5, one, again, 401)
