"""From a token to a caller: what is remembered how long, and what makes it forgotten."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from msgspec import structs

from tests.core.mint_peers import SETTINGS, USER, a_pair, signed_in
from wealist.core import identity, redis
from wealist.core.bus import LocalBus, RedisBus
from wealist.core.errors import Unauthorized, Unavailable
from wealist.core.identity import CHANNEL, Caller, Revocation, Verifier
from wealist.core.keys import KeySet
from wealist.core.mint import Mint, TokenError
from wealist.core.tokens import LocalTokenStore, RedisTokenStore, TokenStore
from wealist.embedded.valkey import Valkey


@pytest.fixture
async def store() -> AsyncIterator[LocalTokenStore]:
    store = LocalTokenStore(":memory:")
    yield store
    await store.close()


class Asked:
    """A token store that counts how often it is asked."""

    def __init__(self, store: TokenStore) -> None:
        self.times = 0
        self._store = store
        self.before_answer: Callable[[], None] = lambda: None

    async def revoked(self, family: str) -> bool:
        self.times += 1
        answer = await self._store.revoked(family)
        self.before_answer()
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_a_good_token_becomes_a_caller(mint: Mint, store: LocalTokenStore) -> None:
    pair, token = await signed_in(store, mint)
    assert await Verifier(mint, store).authenticate(token) == Caller(
        user_id=USER,
        email="kim@example.com",
        token_id=pair.access_id,
        family=pair.family,
        scopes=(),
        expires_at=pair.issued_at + 1800,
    )


async def test_a_token_is_asked_about_once_until_it_is_due_again(
    mint: Mint, store: LocalTokenStore
) -> None:
    asked = Asked(store)
    verifier = Verifier(mint, asked, recheck=0.1)
    _, token = await signed_in(store, mint)
    for _ in range(10):
        await verifier.authenticate(token)
    assert asked.times == 1
    await asyncio.sleep(0.12)
    await verifier.authenticate(token)
    assert asked.times == 2


async def test_a_remembered_token_expires_on_time(key_set: KeySet, store: LocalTokenStore) -> None:
    short = Mint(key_set, structs.replace(SETTINGS, access_ms=1000))
    verifier = Verifier(short, store)
    _, token = await signed_in(store, short)
    await verifier.authenticate(token)
    await asyncio.sleep(2.1)
    with pytest.raises(TokenError) as raised:
        await verifier.authenticate(token)
    assert raised.value.code == "AUTH002"


async def test_a_revocation_that_a_replica_never_hears_of_counts_when_the_token_is_due_again(
    mint: Mint, store: LocalTokenStore
) -> None:
    verifier = Verifier(mint, store, recheck=0.1)
    pair, token = await signed_in(store, mint)
    await verifier.authenticate(token)
    await store.revoke_family(pair.family)
    await asyncio.sleep(0.12)
    with pytest.raises(TokenError):
        await verifier.authenticate(token)


async def test_a_revocation_on_the_bus_counts_at_once(mint: Mint, store: LocalTokenStore) -> None:
    verifier, bus = Verifier(mint, store), LocalBus()
    await verifier.attach(bus)
    pair, token = await signed_in(store, mint)
    _, other = await signed_in(store, mint, a_pair(uuid4()))
    await verifier.authenticate(token)
    await verifier.authenticate(other)
    for revoked in (Revocation(family=pair.family), Revocation(user=USER)):
        await store.start(pair, now=time.time(), ttl=60)
        await verifier.authenticate(token)
        await store.revoke_family(pair.family)
        await bus.publish(CHANNEL, msgspec.json.encode(revoked))
        with pytest.raises(TokenError) as raised:
            await verifier.authenticate(token)
        assert raised.value.code == "AUTH006"
        assert await verifier.authenticate(other)


async def test_a_revocation_that_arrives_while_the_store_is_asked_is_not_overlooked(
    mint: Mint, store: LocalTokenStore
) -> None:
    asked = Asked(store)
    verifier = Verifier(mint, asked)
    pair, token = await signed_in(store, mint)
    asked.before_answer = lambda: verifier.forget(Revocation(family=pair.family))
    await verifier.authenticate(token)
    await store.revoke_family(pair.family)
    with pytest.raises(TokenError):
        await verifier.authenticate(token)


async def test_a_message_that_is_no_revocation_changes_nothing(
    mint: Mint, store: LocalTokenStore
) -> None:
    asked = Asked(store)
    verifier, bus = Verifier(mint, asked), LocalBus()
    await verifier.attach(bus)
    _, token = await signed_in(store, mint)
    await verifier.authenticate(token)
    await bus.publish(CHANNEL, b"\xff not JSON")
    await verifier.authenticate(token)
    assert asked.times == 1


async def test_at_most_so_many_tokens_are_remembered_and_the_oldest_go_first(
    mint: Mint, store: LocalTokenStore
) -> None:
    asked = Asked(store)
    verifier = Verifier(mint, asked, most=3)
    minted = [(await signed_in(store, mint))[1] for _ in range(5)]
    for token in minted:
        await verifier.authenticate(token)
    assert len(verifier._known) == len(verifier._families) == 3
    asked.times = 0
    await verifier.authenticate(minted[4])
    assert asked.times == 0
    await verifier.authenticate(minted[0])
    assert asked.times == 1


async def test_tokens_that_are_due_again_are_not_kept_in_memory(
    mint: Mint, store: LocalTokenStore
) -> None:
    verifier = Verifier(mint, store, recheck=0.05)
    for _ in range(5):
        await verifier.authenticate((await signed_in(store, mint))[1])
    await asyncio.sleep(0.06)
    await verifier.authenticate((await signed_in(store, mint))[1])
    assert len(verifier._known) == len(verifier._families) == 1


def caller_in(state: dict[str, Any]) -> Caller:
    scope: Any = {"type": "http", "state": state}
    return identity.caller(scope)


def test_a_handler_gets_the_caller_or_the_reason_why_there_is_none() -> None:
    me = Caller(USER, None, "1", "f", (), 0)
    assert caller_in({"caller": me}) is me
    error = TokenError("AUTH002", "it has expired")
    with pytest.raises(TokenError) as raised:
        caller_in({"caller_error": error})
    assert raised.value is error
    with pytest.raises(Unauthorized, match="Authorization header is required"):
        caller_in({})


# --- replicas that share a Redis -----------------------------------------------------------------


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[Valkey]:
    server = await Valkey.start(tmp_path / "valkey")
    yield server
    await server.stop()


class Replica:
    """A verifier with a Redis client, a store and a bus of its own."""

    def __init__(self, verifier: Verifier, store: RedisTokenStore, bus: RedisBus) -> None:
        self.verifier, self.store, self.bus = verifier, store, bus

    async def revokes(self, revoked: Revocation) -> None:
        if revoked.family is not None:
            await self.store.revoke_family(revoked.family)
        if revoked.user is not None:
            await self.store.revoke_user(revoked.user)
        await self.bus.publish(CHANNEL, msgspec.json.encode(revoked))


@asynccontextmanager
async def replica(url: str, mint: Mint) -> AsyncIterator[Replica]:
    client = redis.connect(url)
    store, bus = RedisTokenStore(client), RedisBus(client)
    await bus.start()
    verifier = Verifier(mint, store)
    await verifier.attach(bus)
    try:
        yield Replica(verifier, store, bus)
    finally:
        verifier.detach()
        await bus.close()
        await client.aclose()


async def refused_within(seconds: float, verifier: Verifier, token: str) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            await verifier.authenticate(token)
        except TokenError:
            return True
        await asyncio.sleep(0.005)
    return False


async def test_a_logout_on_one_replica_is_seen_on_the_other_within_a_second(
    valkey: Valkey, mint: Mint
) -> None:
    async with replica(valkey.url, mint) as one, replica(valkey.url, mint) as two:
        for revoked in ("family", "user"):
            pair, token = await signed_in(one.store, mint)
            await one.verifier.authenticate(token)
            await two.verifier.authenticate(token)
            await one.revokes(
                Revocation(family=pair.family) if revoked == "family" else Revocation(user=USER)
            )
            assert await refused_within(1, two.verifier, token)
            assert await refused_within(1, one.verifier, token)


async def test_a_redis_that_lost_its_data_lets_nobody_in_after_the_gap(
    valkey: Valkey, mint: Mint
) -> None:
    async with replica(valkey.url, mint) as one:
        _, token = await signed_in(one.store, mint)
        await one.verifier.authenticate(token)
        await valkey.kill()
        await valkey.restart()
        assert await refused_within(5, one.verifier, token)


async def test_while_redis_is_away_known_callers_stay_and_unknown_ones_get_503(
    valkey: Valkey, mint: Mint
) -> None:
    async with replica(valkey.url, mint) as one:
        _, known = await signed_in(one.store, mint)
        _, unknown = await signed_in(one.store, mint)
        await one.verifier.authenticate(known)
        await valkey.kill()
        assert (await one.verifier.authenticate(known)).user_id == USER
        with pytest.raises(Unavailable):
            await one.verifier.authenticate(unknown)
        await valkey.restart()
        deadline = time.monotonic() + 5
        while not one.bus.connected:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        _, later = await signed_in(one.store, mint)
        assert (await one.verifier.authenticate(later)).user_id == USER
