"""Our tokens as bytes: what they say, and every way in which one can be wrong."""

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.core.mint_peers import SETTINGS, USER, a_pair, claims, encoded, signed, signed_in
from wealist.core.identity import Verifier
from wealist.core.keys import KeySet
from wealist.core.mint import Mint, TokenError
from wealist.core.tokens import LocalTokenStore


@pytest.fixture
async def store() -> AsyncIterator[LocalTokenStore]:
    store = LocalTokenStore(":memory:")
    yield store
    await store.close()


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
