"""A browser's way through a sign-in at the provider, step by step, and forged answers of it."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.auth.peers import TARGET, Provider, query_of, relative

START = "/svc/auth/oauth2/authorization/google"
CALLBACK = "/svc/auth/oauth2/callback/google"
ME = "/svc/auth/api/auth/me"


async def begun(browser: httpx.AsyncClient, **query: str) -> str:
    """Begin to sign in; the provider's address to go to."""
    answer = await browser.get(START, params=query)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


async def come_back(browser: httpx.AsyncClient, address: str) -> dict[str, str]:
    """Follow the provider's redirect to our callback; the query the target gets."""
    answer = await browser.get(relative(address))
    assert answer.status_code == 302, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    location = str(answer.headers["location"])
    assert location.startswith(f"{TARGET}?"), location
    return query_of(location)


async def signed_in(browser: httpx.AsyncClient, provider: Provider, subject: str) -> dict[str, str]:
    return await come_back(browser, await provider.sign_in(await begun(browser), subject))


def no_tokens(query: dict[str, str]) -> bool:
    return query.keys() == {"error", "error_description"} and bool(query["error_description"])


def drop(claims: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in names}


def rewritten(
    provider: Provider, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> Callable[[httpx.Response], bytes]:
    """Have the issuer publish a key of ours, and its ID tokens say what `change` makes of them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    entry = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    published = {"keys": [entry | {"kid": "ours", "alg": "RS256", "use": "sig"}]}
    provider.change["/jwks"] = lambda _: json.dumps(published).encode()

    def rewrite(answer: httpx.Response) -> bytes:
        body = answer.json()
        claims = jwt.decode(body["id_token"], options={"verify_signature": False})
        body["id_token"] = jwt.encode(change(claims), key, "RS256", headers={"kid": "ours"})
        return json.dumps(body).encode()

    return rewrite
