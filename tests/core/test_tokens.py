"""One contract for both token stores: what lets somebody stay signed in, and what ends it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextvars import Context
from pathlib import Path
from uuid import uuid4

import pytest

from tests.core.token_peers import GRACE, Session
from wealist.core import redis
from wealist.core.tokens import (
    LocalTokenStore,
    RedisTokenStore,
    Replayed,
    Reused,
    Rotated,
    TokenStore,
    Unknown,
)
from wealist.embedded.valkey import Valkey


@pytest.fixture(params=["memory", "file", "redis"])
async def store(
    request: pytest.FixtureRequest, valkey: Valkey, tmp_path: Path
) -> AsyncIterator[TokenStore]:
    if request.param == "redis":
        client = redis.connect(valkey.url)
        yield RedisTokenStore(client)
        await client.aclose()
        return
    local = LocalTokenStore(":memory:" if request.param == "memory" else tmp_path / "tokens.sqlite")
    yield local
    await local.close()


async def test_a_refresh_token_is_exchanged_for_its_successor(store: TokenStore) -> None:
    session = await Session(store).start()
    assert await session.exchange("0", "1") == Rotated()
    assert await session.exchange("1", "2", at=1000) == Rotated()
    assert not await session.ended()


async def test_an_exchanged_token_yields_the_live_pair_again_within_the_window(
    store: TokenStore,
) -> None:
    session = await Session(store).start()
    await session.exchange("0", "1")
    assert await session.exchange("0", "other", at=GRACE - 1) == Replayed(session.pair("1"))
    assert not await session.ended()


async def test_a_chain_of_exchanges_within_the_window_leads_everybody_to_the_live_pair(
    store: TokenStore,
) -> None:
    session = await Session(store).start()
    await session.exchange("0", "1", at=0)
    await session.exchange("1", "2", at=5)
    await session.exchange("2", "3", at=10)
    for late in ("0", "1", "2"):
        assert await session.exchange(late, "x", at=15) == Replayed(session.pair("3"))
    assert await session.exchange("3", "4", at=1000) == Rotated()


async def test_an_exchanged_token_after_the_window_ends_the_family(store: TokenStore) -> None:
    session = await Session(store).start()
    await session.exchange("0", "1")
    assert await session.exchange("0", "x", at=GRACE + 1) == Reused()
    assert await session.ended()
    assert await session.exchange("1", "2", at=GRACE + 2) == Reused()


async def test_the_window_of_an_old_token_is_not_prolonged_by_later_exchanges(
    store: TokenStore,
) -> None:
    session = await Session(store).start()
    await session.exchange("0", "1", at=0)
    await session.exchange("1", "2", at=GRACE - 1)
    await session.exchange("2", "3", at=GRACE + 5)
    assert await session.exchange("0", "x", at=GRACE + 6) == Reused()


async def test_a_token_that_was_never_issued_ends_the_family_it_claims(store: TokenStore) -> None:
    session = await Session(store).start()
    assert await session.exchange("invented", "x") == Reused()
    assert await session.ended()


async def test_a_family_that_is_not_known_is_refused(store: TokenStore) -> None:
    session = Session(store)
    assert await session.exchange("0", "1") == Unknown()
    assert await session.ended()
    await store.revoke_family(session.family)
    assert await session.ended()


async def test_an_ended_family_exchanges_nothing_and_ending_it_again_is_harmless(
    store: TokenStore,
) -> None:
    session = await Session(store).start()
    await session.exchange("0", "1")
    await store.revoke_family(session.family)
    await store.revoke_family(session.family)
    assert await session.ended()
    assert await session.exchange("0", "x") == Reused()
    assert await session.exchange("1", "2") == Reused()


async def test_ending_all_families_of_a_user_spares_other_users_and_later_sign_ins(
    store: TokenStore,
) -> None:
    user_id = uuid4()
    first = await Session(store, user_id).start()
    second = await Session(store, user_id).start()
    other = await Session(store).start()
    await second.exchange("0", "1")
    await store.revoke_user(user_id)
    later = await Session(store, user_id).start()
    ended = [await session.ended() for session in (first, second, other, later)]
    assert ended == [True, True, False, False]
    assert await second.exchange("1", "2") == Reused()
    await store.revoke_user(user_id)
    assert await later.ended()


async def test_a_family_is_forgotten_when_its_time_is_over(store: TokenStore) -> None:
    session = Session(store)
    await store.start(session.pair("0"), now=time.time(), ttl=0.6)
    assert not await session.ended()
    await asyncio.sleep(0.65)
    assert await session.ended()
    assert await session.exchange("0", "1", at=0.7) == Unknown()


async def test_an_exchange_prolongs_the_life_of_the_family(store: TokenStore) -> None:
    session = Session(store)
    await store.start(session.pair("0"), now=time.time(), ttl=0.6)
    await session.exchange("0", "1")
    await asyncio.sleep(0.65)
    assert not await session.ended()
    await store.revoke_user(session.user_id)
    assert await session.ended()


async def test_what_can_be_used_once_is_refused_the_second_time_until_it_is_over(
    store: TokenStore,
) -> None:
    key = uuid4().hex
    assert await store.use_once(key, ttl=0.6)
    assert not await store.use_once(key, ttl=0.6)
    assert await store.use_once(uuid4().hex, ttl=0.6)
    await asyncio.sleep(0.65)
    assert await store.use_once(key, ttl=0.6)


async def test_of_many_concurrent_exchanges_one_wins_and_the_others_get_its_pair(
    store: TokenStore,
) -> None:
    session = await Session(store).start()
    tasks = [
        asyncio.create_task(session.exchange("0", str(number)), context=Context())
        for number in range(1, 41)
    ]
    outcomes = await asyncio.gather(*tasks)
    (winner,) = [number for number, found in enumerate(outcomes, 1) if found == Rotated()]
    rest = [found for found in outcomes if found != Rotated()]
    assert rest == [Replayed(session.pair(str(winner)))] * 39


async def test_of_many_concurrent_uses_one_is_the_first(store: TokenStore) -> None:
    key = uuid4().hex
    tasks = [asyncio.create_task(store.use_once(key, ttl=60), context=Context()) for _ in range(40)]
    assert sorted(await asyncio.gather(*tasks)) == [False] * 39 + [True]


async def test_an_exchange_that_races_with_a_logout_never_revives_the_family(
    store: TokenStore,
) -> None:
    for _ in range(20):
        session = await Session(store).start()
        await asyncio.gather(
            session.exchange("0", "1"), store.revoke_family(session.family), return_exceptions=False
        )
        assert await session.ended()
        assert await session.exchange("1", "2") in (Reused(), Unknown())


async def test_many_sessions_are_asked_about_at_once(store: TokenStore) -> None:
    sessions = [await Session(store).start() for _ in range(50)]
    gone = {one.family for one in sessions[::3]}
    for family in gone:
        await store.revoke_family(family)
    families = [one.family for one in sessions]
    assert await store.revoked_among([*families, "unknown"]) == gone | {"unknown"}
    assert await store.revoked_among([]) == set()
