"""The Redis client: optional, checked at start by its address only, and 503 while it is away."""

import asyncio
import time
from pathlib import Path

import pytest
from msgspec import structs
from redis.exceptions import ResponseError

from tests.core.object_peers import free_port
from wealist.core import redis
from wealist.core.errors import Unavailable
from wealist.core.settings import Secret, Settings, SettingsError
from wealist.embedded.valkey import Valkey


@pytest.fixture(autouse=True)
def own_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "_client", None)


def at(address: str | None) -> Settings:
    return structs.replace(Settings(), redis_url=Secret(address) if address else None)


async def test_without_an_address_there_is_none() -> None:
    await redis.open(at(None))
    assert redis.client() is None


@pytest.mark.parametrize("address", ["localhost:6379", "http://localhost", "redis://localhost:x"])
async def test_an_address_that_is_none_ends_the_start_in_one_line(address: str) -> None:
    with pytest.raises(SettingsError) as raised:
        await redis.open(at(address))
    (line,) = raised.value.problems
    assert line.startswith("REDIS_URL: ")


async def test_a_start_does_not_wait_for_redis() -> None:
    started = time.monotonic()
    await redis.open(at(f"redis://127.0.0.1:{free_port()}/0"))
    assert time.monotonic() - started < 0.5
    client = redis.client()
    assert client is not None
    with pytest.raises(Unavailable) as raised:
        async with redis.guard():
            await client.ping()
    assert raised.value.status == 503
    assert "127.0.0.1" not in raised.value.message
    await redis.close()
    assert redis.client() is None


async def test_connections_that_a_restart_has_cut_are_replaced_silently(tmp_path: Path) -> None:
    valkey = await Valkey.start(tmp_path / "valkey")
    client = redis.connect(valkey.url)
    await asyncio.gather(*(client.ping() for _ in range(20)))
    await valkey.kill()
    await valkey.restart()
    assert all(await asyncio.gather(*(client.ping() for _ in range(20))))
    await client.aclose()
    await valkey.stop()


async def test_more_commands_than_connections_wait_for_their_turn(tmp_path: Path) -> None:
    valkey = await Valkey.start(tmp_path / "valkey")
    client = redis.connect(valkey.url)
    answers = await asyncio.gather(*(client.incr("x") for _ in range(500)))
    assert sorted(answers) == list(range(1, 501))
    await client.aclose()
    await valkey.stop()


async def test_a_mistake_of_ours_is_no_unreachable_redis(tmp_path: Path) -> None:
    valkey = await Valkey.start(tmp_path / "valkey")
    client = redis.connect(valkey.url)
    with pytest.raises(ResponseError):
        async with redis.guard():
            await client.execute_command("NO SUCH COMMAND")
    await client.aclose()
    await valkey.stop()
