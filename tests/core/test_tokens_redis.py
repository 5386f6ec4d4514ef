"""The token store in Redis: closed while that is away or has lost its data."""

import time
from pathlib import Path

import pytest

from tests.core.token_peers import TTL, Session
from wealist.core import redis
from wealist.core.errors import Unavailable
from wealist.core.tokens import (
    RedisTokenStore,
    Replayed,
    Rotated,
    Unknown,
)
from wealist.embedded.valkey import Valkey


async def test_an_unreachable_redis_refuses_everything_and_recovers_by_itself(
    tmp_path: Path,
) -> None:
    valkey = await Valkey.start(tmp_path / "valkey")
    client = redis.connect(valkey.url)
    store = RedisTokenStore(client)
    session = await Session(store).start()
    await valkey.kill()
    for operation in (
        session.exchange("0", "1"),
        session.ended(),
        store.revoke_family(session.family),
        store.revoke_user(session.user_id),
        store.use_once("x", ttl=1),
        Session(store).start(),
    ):
        with pytest.raises(Unavailable):
            await operation
    await valkey.restart()
    assert await session.ended(), "a Redis that lost its data lets nobody in"
    assert await session.exchange("0", "1") == Unknown()
    await session.start()
    assert not await session.ended()
    await client.aclose()
    await valkey.stop()


async def test_an_exchange_carried_out_twice_over_a_broken_connection_is_one(
    valkey: Valkey,
) -> None:
    client = redis.connect(valkey.url)
    store = RedisTokenStore(client)
    session = await Session(store).start()
    assert await session.exchange("0", "1") == Rotated()
    assert await session.exchange("0", "1") == Replayed(session.pair("1"))
    await client.aclose()


async def test_redis_keeps_nothing_for_ever(valkey: Valkey) -> None:
    client = redis.connect(valkey.url)
    await client.flushdb()
    store = RedisTokenStore(client)
    session = await Session(store).start()
    await session.exchange("0", "1")
    await store.use_once("x", ttl=60)
    await store.revoke_family(session.family)
    names = await client.keys()
    assert len(names) == 3
    for name in names:
        assert 0 < await client.pttl(name) <= TTL * 1000
    for number in range(5):
        old = Session(store, session.user_id)
        await store.start(old.pair(str(number)), now=time.time() - 100, ttl=1)
    await Session(store, session.user_id).start()
    families = await client.zcard(f"auth:families:{session.user_id}")
    assert families == 2
    await client.aclose()
