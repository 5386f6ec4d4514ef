"""One contract for both token stores: what lets somebody stay signed in, and what ends it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextvars import Context
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from wealist.core import redis
from wealist.core.errors import Unavailable
from wealist.core.settings import SettingsError
from wealist.core.tokens import (
    LocalTokenStore,
    Outcome,
    Pair,
    RedisTokenStore,
    Replayed,
    Reused,
    Rotated,
    TokenStore,
    Unknown,
)
from wealist.embedded.valkey import Valkey

TTL = 3600.0
GRACE = 20.0


@pytest.fixture(scope="module")
async def valkey(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Valkey]:
    server = await Valkey.start(tmp_path_factory.mktemp("valkey"))
    yield server
    await server.stop()


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


class Session:
    """A family of one user and the moments of its life."""

    def __init__(self, store: TokenStore, user_id: UUID | None = None) -> None:
        self.store = store
        self.user_id = user_id or uuid4()
        self.family = uuid4().hex
        self.born = time.time()

    def pair(self, name: str) -> Pair:
        return Pair(
            self.user_id, self.family, f"access-{name}", self.id(name), int(self.born), "a@b.c"
        )

    def id(self, name: str) -> str:
        return f"{self.family}-{name}"

    async def start(self) -> "Session":
        await self.store.start(self.pair("0"), now=self.born, ttl=TTL)
        return self

    async def exchange(self, presented: str, successor: str, *, at: float = 0) -> Outcome:
        return await self.store.rotate(
            self.id(presented), self.pair(successor), now=self.born + at, grace=GRACE, ttl=TTL
        )

    async def ended(self) -> bool:
        return await self.store.revoked(self.family)


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
    await store.start(session.pair("0"), now=time.time(), ttl=0.2)
    assert not await session.ended()
    await asyncio.sleep(0.25)
    assert await session.ended()
    assert await session.exchange("0", "1", at=0.3) == Unknown()


async def test_an_exchange_prolongs_the_life_of_the_family(store: TokenStore) -> None:
    session = Session(store)
    await store.start(session.pair("0"), now=time.time(), ttl=0.2)
    await session.exchange("0", "1")
    await asyncio.sleep(0.25)
    assert not await session.ended()
    await store.revoke_user(session.user_id)
    assert await session.ended()


async def test_what_can_be_used_once_is_refused_the_second_time_until_it_is_over(
    store: TokenStore,
) -> None:
    key = uuid4().hex
    assert await store.use_once(key, ttl=0.2)
    assert not await store.use_once(key, ttl=0.2)
    assert await store.use_once(uuid4().hex, ttl=0.2)
    await asyncio.sleep(0.25)
    assert await store.use_once(key, ttl=0.2)


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


async def test_a_logout_survives_the_restart_of_a_process_that_is_alone(tmp_path: Path) -> None:
    store = LocalTokenStore(tmp_path / "tokens.sqlite")
    gone, there = await Session(store).start(), await Session(store).start()
    await store.revoke_family(gone.family)
    await store.close()
    again = LocalTokenStore(tmp_path / "tokens.sqlite")
    assert await again.revoked(gone.family)
    assert not await again.revoked(there.family)
    await again.close()


async def test_two_processes_on_one_file_see_each_others_changes(tmp_path: Path) -> None:
    one = LocalTokenStore(tmp_path / "tokens.sqlite")
    two = LocalTokenStore(tmp_path / "tokens.sqlite")
    session = await Session(one).start()
    await two.revoke_family(session.family)
    assert await one.revoked(session.family)
    await one.close()
    await two.close()


async def test_the_file_is_readable_by_its_owner_only_and_holds_no_token(tmp_path: Path) -> None:
    path = tmp_path / "data" / "tokens.sqlite"
    store = LocalTokenStore(path)
    await Session(store).start()
    assert {file.stat().st_mode & 0o077 for file in path.parent.iterdir()} == {0}
    assert not any(b"eyJ" in file.read_bytes() for file in path.parent.iterdir())
    await store.close()


async def test_what_is_over_is_removed_from_the_file(tmp_path: Path) -> None:
    store = LocalTokenStore(tmp_path / "tokens.sqlite")
    for _ in range(3):
        session = Session(store)
        await store.start(session.pair("0"), now=time.time() - 10, ttl=5)
        await store.use_once(uuid4().hex, ttl=-1)
    store._purged_at = 0.0
    await Session(store).start()
    counts = [
        store._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("family", "used")
    ]
    assert counts == [1, 0]
    await store.close()


def test_a_file_that_is_none_of_ours_ends_the_start_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "tokens.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(SettingsError, match=r"tokens\.sqlite"):
        LocalTokenStore(path)


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
