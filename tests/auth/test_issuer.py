"""A provider that is away, silent or wrong about itself, and failures behind the callback."""

import json
import time
from typing import Any

import asyncpg
import httpx
import pytest
from msgspec import structs

from tests.auth.browsing import START, no_tokens, rewritten, signed_in
from tests.auth.peers import TARGET, Provider, Service, opened, query_of, relative
from wealist.auth import issuer
from wealist.core.errors import Unavailable
from wealist.core.settings import Settings


async def test_a_provider_that_is_away_ends_at_the_target(auth_settings: Settings) -> None:
    away = structs.replace(
        auth_settings, oidc_issuer="http://127.0.0.1:9", oidc_client_id="wealist"
    )
    async with opened(away) as service, service.browser() as visitor:
        answer = await visitor.get(START)
        assert answer.status_code == 302
        query = query_of(answer.headers["location"])
        assert answer.headers["location"].startswith(f"{TARGET}?error=provider_unavailable")
        assert no_tokens(query)


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/oauth2/token", "/jwks"])
async def test_a_provider_that_does_not_answer_is_given_up(
    path: str,
    visitor: httpx.AsyncClient,
    provider: Provider,
    kim: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(issuer, "SECONDS", 0.3)
    provider.silent.add(path)
    started = time.monotonic()
    answer = await visitor.get(START)
    if path != "/.well-known/openid-configuration":
        back = await provider.sign_in(answer.headers["location"], kim)
        answer = await visitor.get(relative(back))
    assert query_of(answer.headers["location"])["error"] == "provider_unavailable"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://evil.com"},
        {"token_endpoint": "ftp://example.com/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": 5},
    ],
)
async def test_a_provider_that_describes_itself_wrongly_is_not_used(
    change: dict[str, Any], visitor: httpx.AsyncClient, provider: Provider
) -> None:
    provider.change["/.well-known/openid-configuration"] = lambda answer: json.dumps(
        answer.json() | change
    ).encode()
    answer = await visitor.get(START)
    assert query_of(answer.headers["location"])["error"] == "provider_unavailable"


async def test_a_provider_that_comes_back_is_used_again(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    path = "/.well-known/openid-configuration"
    provider.change[path] = lambda _: b"down for maintenance"
    assert "error" in query_of((await visitor.get(START)).headers["location"])
    del provider.change[path]
    assert "accessToken" in await signed_in(visitor, provider, kim)


async def test_discovery_and_keys_are_fetched_once(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    for _ in range(3):
        assert "accessToken" in await signed_in(visitor, provider, kim)
    assert len(provider.requests("/.well-known/openid-configuration")) == 1
    assert len(provider.requests("/jwks")) == 1


async def test_new_keys_of_the_issuer_are_found_when_a_token_needs_them(
    visitor: httpx.AsyncClient, provider: Provider, kim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "accessToken" in await signed_in(visitor, provider, kim)
    change = rewritten(provider, lambda claims: claims)
    provider.change["/oauth2/token"] = change
    assert (await signed_in(visitor, provider, kim))["error"] == "invalid_id_token"
    monkeypatch.setattr(issuer, "REFETCH_SECONDS", 0.0)
    assert "accessToken" in await signed_in(visitor, provider, kim)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (Unavailable("away"), "temporarily_unavailable"),
        (asyncpg.CannotConnectNowError("starting"), "temporarily_unavailable"),
        (RuntimeError("a mistake of ours"), "server_error"),
    ],
)
async def test_a_failure_behind_the_callback_ends_at_the_target(
    failure: Exception,
    error: str,
    service: Service,
    visitor: httpx.AsyncClient,
    provider: Provider,
    kim: str,
) -> None:
    service.people.failure = failure
    query = await signed_in(visitor, provider, kim)
    assert query["error"] == error
    assert no_tokens(query)
    assert "mistake" not in query["error_description"]


async def test_somebody_who_may_not_sign_in_is_told_so(
    service: Service, visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    service.people.banned.add(f"{kim}@example.com")
    query = await signed_in(visitor, provider, kim)
    assert query["error"] == "sign_in_refused"
    assert query["error_description"] == "you may not sign in here"
