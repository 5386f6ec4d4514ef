"""From a token to a caller: every way a token can be wrong, and what is remembered how long."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import structs

from wealist.core import identity, keys, redis
from wealist.core.bus import LocalBus, RedisBus
from wealist.core.errors import Unauthorized, Unavailable
from wealist.core.identity import CHANNEL, Caller, Revocation, Verifier
from wealist.core.keys import KeySet
from wealist.core.mint import Mint, TokenError
from wealist.core.settings import Settings
from wealist.core.tokens import LocalTokenStore, Pair, RedisTokenStore, TokenStore
from wealist.embedded.valkey import Valkey

SETTINGS = Settings()
USER = UUID("0190a0b0-0000-7000-8000-000000000001")


@pytest.fixture(scope="module")
def key_set(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return keys.load(structs.replace(SETTINGS, data_dir=tmp_path_factory.mktemp("keys")))


@pytest.fixture(scope="module")
def mint(key_set: KeySet) -> Mint:
    return Mint(key_set, SETTINGS)


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


def a_pair(user_id: UUID = USER, **changes: Any) -> Pair:
    made = Pair(
        user_id, uuid4().hex, str(uuid4()), str(uuid4()), int(time.time()), "kim@example.com", "Kim"
    )
    return structs.replace(made, **changes)


async def signed_in(store: TokenStore, mint: Mint, pair: Pair | None = None) -> tuple[Pair, str]:
    pair = pair or a_pair()
    await store.start(pair, now=time.time(), ttl=3600)
    return pair, mint.mint(pair).access


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {
        "sub": str(USER),
        "iss": SETTINGS.jwt_issuer,
        "iat": now,
        "exp": now + 60,
        "type": "access",
        "jti": "1",
        "fid": "f",
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def signed(key_set: KeySet, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key_set.private, "RS256", headers={"kid": key_set.kid})


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_says_what_the_contract_says_and_nothing_is_hidden_in_it(
    key_set: KeySet, mint: Mint
) -> None:
    pair = a_pair()
    minted = mint.mint(pair)
    assert jwt.get_unverified_header(minted.access) == {
        "alg": "RS256",
        "typ": "JWT",
        "kid": "wealist-auth-key-1",
    }
    access, refresh = (
        jwt.decode(token, key_set.private.public_key(), ["RS256"]) for token in minted
    )
    common = {
        "sub": str(USER),
        "iss": "wealist-auth-service",
        "iat": pair.issued_at,
        "fid": pair.family,
        "email": "kim@example.com",
    }
    assert access == {
        **common,
        "exp": pair.issued_at + 1800,
        "type": "access",
        "jti": pair.access_id,
        "name": "Kim",
    }
    assert refresh == {
        **common,
        "exp": pair.issued_at + 604800,
        "type": "refresh",
        "jti": pair.refresh_id,
    }


def test_the_same_pair_is_minted_to_the_same_bytes(mint: Mint) -> None:
    pair = a_pair()
    assert mint.mint(pair) == mint.mint(pair)


def test_a_token_without_an_address_has_no_such_claim(key_set: KeySet, mint: Mint) -> None:
    token = mint.mint(a_pair(email=None, name=None)).access
    assert {"email", "name"}.isdisjoint(jwt.decode(token, key_set.private.public_key(), ["RS256"]))


def wrong_tokens(key_set: KeySet) -> dict[str, tuple[str, str]]:
    """What is wrong → the token and the code that says so."""
    foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public_pem = key_set.private.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    good = signed(key_set)
    head, body, signature = good.split(".")
    hs256 = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': key_set.kid})}.{encoded(claims())}"
    mac = hmac.digest(public_pem, hs256.encode(), hashlib.sha256)
    flipped = ("B" if signature[0] != "B" else "C") + signature[1:]
    key_id = {"kid": key_set.kid}
    return {
        "empty": ("", "AUTH001"),
        "one word": ("token", "AUTH004"),
        "two parts": (f"{head}.{body}", "AUTH004"),
        "four parts": (f"{good}.x", "AUTH004"),
        "header is no JSON": (f"e30e30.{body}.{signature}", "AUTH004"),
        "header is a list": (f"{encoded([])}.{body}.{signature}", "AUTH004"),
        "payload is no JSON": (f"{head}.AAAA.{signature}", "AUTH004"),
        "payload is text": (f"{head}.{encoded('x')}.{signature}", "AUTH004"),
        "illegal base64": (f"{head}.{body}.%%%", "AUTH004"),
        "not ASCII": (f"{head}.{body}.\xe9\xff", "AUTH004"),
        "huge": (f"{head}.{'A' * 9000}.{signature}", "AUTH004"),
        "deeply nested": (f"{head}.{'W1tb' * 1500}.{signature}", "AUTH004"),
        "truncated": (good[:-42], "AUTH003"),
        "no signature": (f"{head}.{body}.", "AUTH003"),
        "forged signature": (f"{head}.{body}.{flipped}", "AUTH003"),
        "changed payload": (
            f"{head}.{encoded(claims(sub=str(uuid4())))}.{signature}",
            "AUTH003",
        ),
        "foreign key under our kid": (
            jwt.encode(claims(), foreign, "RS256", headers=key_id),
            "AUTH003",
        ),
        "unknown kid": (
            jwt.encode(claims(), key_set.private, "RS256", headers={"kid": "other"}),
            "AUTH003",
        ),
        "no kid": (jwt.encode(claims(), key_set.private, "RS256"), "AUTH003"),
        "kid is a list": (
            f"{encoded({'alg': 'RS256', 'kid': ['x']})}.{body}.{signature}",
            "AUTH003",
        ),
        "alg none": (f"{encoded({'alg': 'none', **key_id})}.{body}.", "AUTH005"),
        "alg nOnE": (f"{encoded({'alg': 'nOnE', **key_id})}.{body}.", "AUTH005"),
        "no alg": (f"{encoded(key_id)}.{body}.{signature}", "AUTH005"),
        "HS256 with the public key": (
            f"{hs256}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
            "AUTH005",
        ),
        "RS512": (jwt.encode(claims(), key_set.private, "RS512", headers=key_id), "AUTH005"),
        "PS256": (jwt.encode(claims(), key_set.private, "PS256", headers=key_id), "AUTH005"),
        "expired": (signed(key_set, exp=int(time.time()) - 10), "AUTH002"),
        "never expires": (signed(key_set, exp=None), "AUTH001"),
        "foreign issuer": (signed(key_set, iss="someone-else"), "AUTH001"),
        "no issuer": (signed(key_set, iss=None), "AUTH001"),
        "for somebody else": (signed(key_set, aud="another app"), "AUTH001"),
        "not valid yet": (signed(key_set, nbf=int(time.time()) + 1000), "AUTH001"),
        "subject is no UUID": (signed(key_set, sub="admin"), "AUTH001"),
        "no subject": (signed(key_set, sub=None), "AUTH001"),
        "refresh token": (signed(key_set, type="refresh"), "AUTH001"),
        "no type": (signed(key_set, type=None), "AUTH001"),
        "other type": (signed(key_set, type="admin"), "AUTH001"),
        "no id": (signed(key_set, jti=None), "AUTH001"),
        "no family": (signed(key_set, fid=None), "AUTH001"),
        "unknown family": (good, "AUTH006"),
    }


@pytest.fixture(scope="module")
def wrong(key_set: KeySet) -> dict[str, tuple[str, str]]:
    return wrong_tokens(key_set)


WRONG = [
    *("empty", "one word", "two parts", "four parts", "header is no JSON", "header is a list"),
    *("payload is no JSON", "payload is text", "illegal base64", "not ASCII", "huge"),
    *("deeply nested", "truncated", "no signature", "forged signature", "changed payload"),
    *("foreign key under our kid", "unknown kid", "no kid", "kid is a list", "alg none"),
    *("alg nOnE", "no alg", "HS256 with the public key", "RS512", "PS256", "expired"),
    *("never expires", "foreign issuer", "no issuer", "for somebody else", "not valid yet"),
    *("subject is no UUID", "no subject", "refresh token", "no type", "other type", "no id"),
    *("no family", "unknown family"),
]


@pytest.mark.parametrize("what", WRONG)
async def test_a_token_that_is_wrong_is_refused_with_its_code(
    what: str, wrong: dict[str, tuple[str, str]], mint: Mint, store: LocalTokenStore
) -> None:
    token, code = wrong[what]
    verifier = Verifier(mint, store)
    for _ in range(2):
        with pytest.raises(TokenError) as raised:
            await verifier.authenticate(token)
        assert raised.value.code == code
        assert raised.value.status == 401
        assert raised.value.message == "Invalid or expired token"
        assert raised.value.reason
    assert verifier._known == {}


def test_the_list_of_wrong_tokens_is_complete(wrong: dict[str, tuple[str, str]]) -> None:
    assert set(wrong) == set(WRONG)


async def test_an_access_token_is_no_refresh_token(mint: Mint, store: LocalTokenStore) -> None:
    pair, access = await signed_in(store, mint)
    with pytest.raises(TokenError) as raised:
        mint.read(access, "refresh")
    assert raised.value.code == "AUTH001"
    assert mint.read(mint.mint(pair).refresh, "refresh").jti == pair.refresh_id


async def test_a_token_of_a_retired_key_counts_until_the_key_is_removed(
    key_set: KeySet, store: LocalTokenStore
) -> None:
    old = Mint(key_set, SETTINGS)
    _, token = await signed_in(store, old)
    new_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    both = KeySet("new", new_key, {"new": new_key.public_key(), **key_set.public})
    assert (await Verifier(Mint(both, SETTINGS), store).authenticate(token)).user_id == USER
    only = KeySet("new", new_key, {"new": new_key.public_key()})
    with pytest.raises(TokenError):
        await Verifier(Mint(only, SETTINGS), store).authenticate(token)


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
