"""What the provider says is believed only when it is genuine, for us, and verified."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.auth.browsing import CALLBACK, begun, come_back, drop, no_tokens, rewritten, signed_in
from tests.auth.peers import Provider, Service, query_of


async def test_somebody_who_refuses_comes_back_with_that(
    visitor: httpx.AsyncClient, provider: Provider
) -> None:
    back = await provider.sign_in(await begun(visitor), None)
    state = query_of(await begun(visitor))["state"]
    # This provider forgets the state when it refuses, against RFC 6749 §4.1.2.1.
    query = await come_back(visitor, f"{back}&state={state}")
    assert query["error"] == "access_denied"
    assert no_tokens(query)


@pytest.mark.parametrize("given", ["server_error", "<script>", ""])
async def test_other_errors_of_the_provider_are_not_repeated(
    given: str, visitor: httpx.AsyncClient
) -> None:
    state = query_of(await begun(visitor))["state"]
    answer = await visitor.get(
        CALLBACK, params={"error": given, "state": state, "error_description": "<script>"}
    )
    query = query_of(answer.headers["location"])
    assert query["error"] == "provider_error"
    assert "script>" not in query["error_description"]


async def test_a_callback_without_code_and_error_is_an_error(visitor: httpx.AsyncClient) -> None:
    state = query_of(await begun(visitor))["state"]
    assert (await come_back(visitor, f"{CALLBACK}?state={state}"))["error"] == "provider_error"


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"email": "x@example.com", "email_verified": False}, "email_unverified"),
        ({"email": "x@example.com"}, "email_unverified"),
        ({"email": "x@example.com", "email_verified": "yes"}, "email_unverified"),
        ({"email": "x@example.com", "email_verified": 1}, "email_unverified"),
        ({"email_verified": True}, "email_missing"),
        ({"email": "", "email_verified": True}, "email_missing"),
        ({"email": ["x@example.com"], "email_verified": True}, "email_missing"),
    ],
)
async def test_only_an_address_that_the_provider_has_verified_counts(
    claims: dict[str, Any],
    error: str,
    service: Service,
    visitor: httpx.AsyncClient,
    provider: Provider,
) -> None:
    subject = uuid4().hex
    await provider.user(subject, **claims)
    query = await signed_in(visitor, provider, subject)
    assert query["error"] == error
    assert no_tokens(query)
    assert service.people.all == {}


async def test_what_the_id_token_lacks_comes_from_userinfo(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    provider.change["/oauth2/token"] = rewritten(
        provider, lambda claims: drop(claims, "email", "email_verified", "name")
    )
    query = await signed_in(visitor, provider, kim)
    assert (query["email"], query["nickName"]) == (f"{kim}@example.com", "Kim Min-ji")


async def test_userinfo_about_somebody_else_is_ignored(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    provider.change["/oauth2/token"] = rewritten(
        provider, lambda claims: drop(claims, "email", "email_verified")
    )
    other = {"sub": "other", "email": "other@example.com", "email_verified": True}
    provider.change["/userinfo"] = lambda _: json.dumps(other).encode()
    assert (await signed_in(visitor, provider, kim))["error"] == "email_missing"


async def test_an_unverified_address_is_not_verified_by_another_one(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    provider.change["/oauth2/token"] = rewritten(
        provider, lambda claims: drop(claims, "email_verified") | {"email": "boss@example.com"}
    )
    query = await signed_in(visitor, provider, kim)
    assert query["email"] == f"{kim}@example.com"


async def test_a_name_that_nobody_tells_is_made_from_the_address(
    visitor: httpx.AsyncClient, provider: Provider
) -> None:
    subject = uuid4().hex
    await provider.user(subject, email="lee.ji@example.com", email_verified="true")
    assert (await signed_in(visitor, provider, subject))["nickName"] == "lee.ji"


FORGED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "foreign issuer": lambda claims: claims | {"iss": "https://evil.com"},
    "for another client": lambda claims: claims | {"aud": "another"},
    "for several, issued to another": lambda claims: (
        claims | {"aud": ["wealist", "another"], "azp": "another"}
    ),
    "for several, issued to nobody": lambda claims: claims | {"aud": ["wealist", "another"]},
    "expired": lambda claims: claims | {"exp": int(time.time()) - 60},
    "never expires": lambda claims: drop(claims, "exp"),
    "another nonce": lambda claims: claims | {"nonce": "x"},
    "no nonce": lambda claims: drop(claims, "nonce"),
    "no subject": lambda claims: drop(claims, "sub"),
}


@pytest.mark.parametrize("what", FORGED)
async def test_an_id_token_that_says_something_wrong_is_refused(
    what: str, visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    provider.change["/oauth2/token"] = rewritten(provider, FORGED[what])
    query = await signed_in(visitor, provider, kim)
    assert query["error"] == "invalid_id_token"
    assert no_tokens(query)


@pytest.mark.parametrize(
    "how", ["foreign key", "alg none", "HS256 with the secret", "junk", "none"]
)
async def test_an_id_token_that_the_issuer_has_not_signed_is_refused(
    how: str, visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def forge(answer: httpx.Response) -> bytes:
        body = answer.json()
        header = jwt.get_unverified_header(body["id_token"])
        claims = jwt.decode(body["id_token"], options={"verify_signature": False})
        kid = {"kid": header["kid"]} if "kid" in header else {}
        body["id_token"] = {
            "foreign key": lambda: jwt.encode(claims, foreign, "RS256", headers=kid),
            "alg none": lambda: jwt.encode(claims, None, "none", headers=kid),
            "HS256 with the secret": lambda: jwt.encode(
                claims, "a secret of ours & theirs" * 2, "HS256", headers=kid
            ),
            "junk": lambda: "junk",
            "none": lambda: None,
        }[how]()
        return json.dumps(body).encode()

    provider.change["/oauth2/token"] = forge
    query = await signed_in(visitor, provider, kim)
    assert query["error"] == "invalid_id_token"


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{}", b'"x"', b"<html>", b'{"error":"invalid_grant"}']
)
async def test_a_token_endpoint_that_answers_nonsense_ends_at_the_target(
    answer: bytes, visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    provider.change["/oauth2/token"] = lambda _: answer
    assert no_tokens(await signed_in(visitor, provider, kim))
