"""Signing in at a real OpenID provider process, and every way in which that can be attacked."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec import structs

from tests.auth.peers import (
    TARGET,
    Provider,
    Service,
    challenge,
    opened,
    query_of,
    relative,
)
from wealist.auth import issuer
from wealist.core.errors import Unavailable
from wealist.core.settings import Secret, Settings

START = "/svc/auth/oauth2/authorization/google"
CALLBACK = "/svc/auth/oauth2/callback/google"
ME = "/svc/auth/api/auth/me"


@pytest.fixture
def oidc_settings(auth_settings: Settings, provider: Provider) -> Settings:
    return structs.replace(
        auth_settings,
        oidc_issuer=provider.issuer,
        oidc_client_id="wealist",
        oidc_client_secret=Secret("a secret of ours & theirs"),
        oauth_allowed_origins=("https://wealist.co.kr", "https://ops.wealist.co.kr/"),
    )


@pytest.fixture
async def service(oidc_settings: Settings) -> AsyncIterator[Service]:
    async with opened(oidc_settings) as auth:
        yield auth


@pytest.fixture
async def browser(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.browser() as client:
        yield client


@pytest.fixture
async def kim(provider: Provider) -> str:
    """Somebody with an account at the provider; his subject there."""
    subject = uuid4().hex
    await provider.user(
        subject, email=f"{subject}@example.com", email_verified=True, name="Kim Min-ji"
    )
    return subject


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


async def test_somebody_signs_in_and_the_tokens_work_at_once(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    query = await signed_in(browser, provider, kim)
    assert list(query) == ["accessToken", "refreshToken", "userId", "nickName", "email"]
    assert query["nickName"] == "Kim Min-ji"
    headers = {"Authorization": f"Bearer {query['accessToken']}"}
    me = (await browser.get(ME, headers=headers)).json()
    assert me == {
        "userId": query["userId"],
        "email": f"{kim}@example.com",
        "name": "Kim Min-ji",
    }
    assert not [name for name in browser.cookies if name.startswith("wealist_oauth_")]


async def test_the_request_to_the_provider_carries_pkce_nonce_and_state(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    address = await begun(browser)
    await come_back(browser, await provider.sign_in(address, kim))
    sent = query_of(address)
    assert address.startswith(f"{provider.issuer}/oauth2/authorize?")
    assert sent["response_type"] == "code"
    assert sent["client_id"] == "wealist"
    assert sent["scope"].split() == ["openid", "email", "profile"]
    assert sent["redirect_uri"] == "http://test/oauth2/callback/google"
    assert sent["code_challenge_method"] == "S256"
    assert len(sent["state"]) >= 40
    assert len(sent["nonce"]) >= 40
    (exchanged,) = provider.requests("/oauth2/token")
    assert challenge(exchanged.form["code_verifier"]) == sent["code_challenge"]
    assert exchanged.form["grant_type"] == "authorization_code"
    assert exchanged.form["redirect_uri"] == sent["redirect_uri"]
    assert exchanged.headers["authorization"].startswith("Basic ")
    other = query_of(await begun(browser))
    assert all(other[name] != sent[name] for name in ("state", "nonce", "code_challenge"))


async def test_the_cookie_is_for_this_request_only_and_tells_nothing(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.get(START)
    header = answer.headers["set-cookie"]
    attributes = {part.strip().lower() for part in header.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/", "max-age=600"} <= attributes
    assert "secure" not in attributes, "the browser came over plain http"
    sent = query_of(answer.headers["location"])
    (value,) = browser.cookies.values()
    for secret in (sent["state"], sent["nonce"], TARGET):
        assert secret not in header
        assert secret not in value


async def test_behind_https_the_cookie_is_secure(oidc_settings: Settings) -> None:
    public = structs.replace(
        oidc_settings, public_url="https://wealist.example", trusted_proxies=("127.0.0.1",)
    )
    async with opened(public) as service, service.browser() as browser:
        answer = await browser.get(START)
        assert "; Secure" in answer.headers["set-cookie"]
        assert query_of(answer.headers["location"])["redirect_uri"] == (
            "https://wealist.example/oauth2/callback/google"
        )


async def test_a_trusted_proxy_tells_the_scheme(oidc_settings: Settings) -> None:
    behind = structs.replace(oidc_settings, trusted_proxies=("127.0.0.1",))
    async with opened(behind) as service, service.browser() as browser:
        answer = await browser.get(START, headers={"X-Forwarded-Proto": "https"})
        assert "; Secure" in answer.headers["set-cookie"]


async def test_the_configured_callback_is_the_one_that_is_registered(
    oidc_settings: Settings, provider: Provider, kim: str
) -> None:
    registered = "http://test/api/oauth2/callback/google"
    other = structs.replace(oidc_settings, oauth_callback_url=registered)
    async with opened(other) as service, service.browser() as browser:
        address = await begun(browser)
        assert query_of(address)["redirect_uri"] == registered
        back = await provider.sign_in(address, kim)
        assert back.startswith(f"{registered}?")
        assert "accessToken" in await come_back(browser, back)


async def test_both_callback_paths_are_the_same(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    back = urlsplit(await provider.sign_in(await begun(browser), kim))
    address = f"/login/oauth2/code/google?{back.query}"
    assert "accessToken" in await come_back(browser, address)


async def test_the_same_subject_is_the_same_person_even_with_another_address(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    first = await signed_in(browser, provider, kim)
    await provider.user(kim, email="moved@example.com", email_verified=True, name="Kim")
    second = await signed_in(browser, provider, kim)
    assert second["userId"] == first["userId"]


async def test_the_same_subject_at_another_issuer_is_somebody_else(
    service: Service, browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    await signed_in(browser, provider, kim)
    (person,) = service.people.all.values()
    assert person.subjects == {("oidc", f"{provider.issuer} {kim}")}


async def test_two_sign_ins_in_two_tabs_do_not_disturb_each_other(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    first = await begun(browser)
    second = await begun(browser)
    assert "accessToken" in await come_back(browser, await provider.sign_in(first, kim))
    assert "accessToken" in await come_back(browser, await provider.sign_in(second, kim))


# --- targets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "https://wealist.co.kr/oauth/callback",
        "https://wealist.co.kr:443/x?keep=1&this=%2F#/route",
        "https://ops.wealist.co.kr/api/ops-portal/login",
        "HTTPS://OPS.wealist.co.kr",
        "http://localhost:3000/elsewhere",
        "http://test/oauth/callback",
    ],
)
async def test_tokens_go_to_an_allowed_address_and_its_query_is_kept(
    target: str, browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    back = await provider.sign_in(await begun(browser, redirect_uri=target), kim)
    answer = await browser.get(relative(back))
    wanted, found = urlsplit(target), urlsplit(answer.headers["location"])
    assert found[:3] == wanted[:3]
    assert found.fragment == wanted.fragment
    assert found.query.startswith(
        f"{wanted.query}&accessToken=" if wanted.query else "accessToken="
    )


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.com/",
        "https://wealist.co.kr.evil.com/",
        "https://evil.com/https://wealist.co.kr/",
        "https://wealist.co.kr@evil.com/",
        "https://wealist.co.kr:443@evil.com/",
        "https://user:password@wealist.co.kr/",
        "https://evil.com\\@wealist.co.kr/",
        "https://wealist.co.kr\\.evil.com/",
        "https:\\\\wealist.co.kr/",
        "https://wealist.co.kr\t.evil.com/",
        "https://wealist.co.kr\n.evil.com/",
        " https://wealist.co.kr/",
        "https://wealist.co.kr /",
        "https://wealist.co.kr。evil.com/",
        "https://wealist.co.kr./",
        "https://wealist.co.kr%2eevil.com/",
        "https://wealist.co.kr:8443/",
        "https://wealist.co.kr:0/",
        "https://wealist.co.kr:99999/",
        "https://wealist.co.kr:x/",
        "http://wealist.co.kr/",
        "https://sub.wealist.co.kr/",
        "https://WEALIST.co.kr.evil.com",
        "http://localhost:3002/",
        "http://127.0.0.1:3000/",
        "//wealist.co.kr/",
        "/oauth/callback",
        "oauth/callback",
        "https:wealist.co.kr/",
        "https:///wealist.co.kr/",
        "https://",
        "http://[::1",
        "javascript:alert(1)//https://wealist.co.kr/",
        "data:text/html,x",
        "https://wealist.co.kr/\u202e",
        "https://wealist.co.kr/" + "x" * 3000,
    ],
)
async def test_a_foreign_address_never_gets_tokens(target: str, browser: httpx.AsyncClient) -> None:
    answer = await browser.get(START, params={"redirect_uri": target})
    assert (answer.status_code, answer.json()["code"]) == (400, "AUTH400")
    assert "set-cookie" not in answer.headers


async def test_an_abandoned_sign_in_does_not_lead_the_next_one_to_its_target(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    await begun(browser, redirect_uri="https://ops.wealist.co.kr/login")
    assert "accessToken" in await signed_in(browser, provider, kim)


# --- states and codes ----------------------------------------------------------------------------


async def test_a_callback_that_this_browser_has_not_begun_is_refused(
    service: Service, browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    back = await provider.sign_in(await begun(browser), kim)
    async with service.browser() as victim:
        query = await come_back(victim, back)
    assert query["error"] == "invalid_state"
    assert no_tokens(query)
    assert provider.requests("/oauth2/token") == []


@pytest.mark.parametrize("change", ["another", "none", "empty", "not ASCII", "not UTF-8"])
async def test_a_callback_with_another_state_is_refused(
    change: str, browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    back = urlsplit(await provider.sign_in(await begun(browser), kim))
    code = query_of(back.geturl())["code"]
    state = {
        "another": "&state=" + "x" * 43,
        "none": "",
        "empty": "&state=",
        "not ASCII": "&state=%C3%A9",
        "not UTF-8": "&state=%FF%FE",
    }[change]
    query = await come_back(browser, f"{CALLBACK}?code={code}{state}")
    assert query["error"] == "invalid_state"
    assert no_tokens(query)


async def test_a_cookie_of_another_sign_in_under_the_right_name_is_refused(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    await begun(browser)
    (stolen,) = browser.cookies.values()
    browser.cookies.clear()
    back = await provider.sign_in(await begun(browser), kim)
    (name,) = browser.cookies
    browser.cookies.clear()
    for value in (stolen, "junk", "", stolen[:-4]):
        browser.cookies.set(name, value)
        assert (await come_back(browser, back))["error"] == "invalid_state"
        browser.cookies.clear()


async def test_a_callback_cannot_be_replayed_even_with_the_cookie(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    address = await begun(browser)
    kept = dict(browser.cookies)
    back = await provider.sign_in(address, kim)
    assert "accessToken" in await come_back(browser, back)
    browser.cookies.update(kept)
    assert (await come_back(browser, back))["error"] == "invalid_state"
    browser.cookies.update(kept)
    fresh_code = await provider.sign_in(address, kim)
    assert (await come_back(browser, fresh_code))["error"] == "invalid_state"


async def test_twenty_callbacks_at_once_sign_in_once(
    service: Service, browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    back = relative(await provider.sign_in(await begun(browser), kim))
    header = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    async with service.browser(headers={"Cookie": header}) as other:
        answers = await asyncio.gather(*(other.get(back) for _ in range(20)))
    assert sum("accessToken=" in answer.headers["location"] for answer in answers) == 1
    assert len(provider.requests("/oauth2/token")) == 1


async def test_a_code_cannot_be_used_in_another_sign_in(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    used = query_of(await provider.sign_in(await begun(browser), kim))
    other = query_of(await begun(browser))
    query = await come_back(browser, f"{CALLBACK}?code={used['code']}&state={other['state']}")
    # The provider takes the code, but its ID token has the nonce of the sign-in it was made for.
    assert query["error"] == "invalid_id_token"
    assert no_tokens(query)


async def test_a_code_that_was_used_is_refused_by_the_provider(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    back = await provider.sign_in(await begun(browser), kim)
    await come_back(browser, back)
    state = query_of(await begun(browser))["state"]
    query = await come_back(browser, f"{CALLBACK}?code={query_of(back)['code']}&state={state}")
    assert query["error"] == "token_exchange_failed"
    assert no_tokens(query)


async def test_a_sign_in_that_took_too_long_is_refused(
    browser: httpx.AsyncClient, provider: Provider, kim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wealist.auth.states.SECONDS", -1)
    back = await provider.sign_in(await begun(browser), kim)
    (name,) = {c.name for c in browser.cookies.jar} or {""}
    assert name == "" or name.startswith("wealist_oauth_")
    assert (await come_back(browser, back))["error"] == "invalid_state"


# --- the provider's answers ----------------------------------------------------------------------


async def test_somebody_who_refuses_comes_back_with_that(
    browser: httpx.AsyncClient, provider: Provider
) -> None:
    back = await provider.sign_in(await begun(browser), None)
    state = query_of(await begun(browser))["state"]
    # This provider forgets the state when it refuses, against RFC 6749 §4.1.2.1.
    query = await come_back(browser, f"{back}&state={state}")
    assert query["error"] == "access_denied"
    assert no_tokens(query)


@pytest.mark.parametrize("given", ["server_error", "<script>", ""])
async def test_other_errors_of_the_provider_are_not_repeated(
    given: str, browser: httpx.AsyncClient
) -> None:
    state = query_of(await begun(browser))["state"]
    answer = await browser.get(
        CALLBACK, params={"error": given, "state": state, "error_description": "<script>"}
    )
    query = query_of(answer.headers["location"])
    assert query["error"] == "provider_error"
    assert "script>" not in query["error_description"]


async def test_a_callback_without_code_and_error_is_an_error(browser: httpx.AsyncClient) -> None:
    state = query_of(await begun(browser))["state"]
    assert (await come_back(browser, f"{CALLBACK}?state={state}"))["error"] == "provider_error"


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
    browser: httpx.AsyncClient,
    provider: Provider,
) -> None:
    subject = uuid4().hex
    await provider.user(subject, **claims)
    query = await signed_in(browser, provider, subject)
    assert query["error"] == error
    assert no_tokens(query)
    assert service.people.all == {}


async def test_what_the_id_token_lacks_comes_from_userinfo(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    provider.change["/oauth2/token"] = rewritten(
        provider, lambda claims: drop(claims, "email", "email_verified", "name")
    )
    query = await signed_in(browser, provider, kim)
    assert (query["email"], query["nickName"]) == (f"{kim}@example.com", "Kim Min-ji")


async def test_userinfo_about_somebody_else_is_ignored(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    provider.change["/oauth2/token"] = rewritten(
        provider, lambda claims: drop(claims, "email", "email_verified")
    )
    other = {"sub": "other", "email": "other@example.com", "email_verified": True}
    provider.change["/userinfo"] = lambda _: json.dumps(other).encode()
    assert (await signed_in(browser, provider, kim))["error"] == "email_missing"


async def test_an_unverified_address_is_not_verified_by_another_one(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    provider.change["/oauth2/token"] = rewritten(
        provider, lambda claims: drop(claims, "email_verified") | {"email": "boss@example.com"}
    )
    query = await signed_in(browser, provider, kim)
    assert query["email"] == f"{kim}@example.com"


async def test_a_name_that_nobody_tells_is_made_from_the_address(
    browser: httpx.AsyncClient, provider: Provider
) -> None:
    subject = uuid4().hex
    await provider.user(subject, email="lee.ji@example.com", email_verified="true")
    assert (await signed_in(browser, provider, subject))["nickName"] == "lee.ji"


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
    what: str, browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    provider.change["/oauth2/token"] = rewritten(provider, FORGED[what])
    query = await signed_in(browser, provider, kim)
    assert query["error"] == "invalid_id_token"
    assert no_tokens(query)


@pytest.mark.parametrize(
    "how", ["foreign key", "alg none", "HS256 with the secret", "junk", "none"]
)
async def test_an_id_token_that_the_issuer_has_not_signed_is_refused(
    how: str, browser: httpx.AsyncClient, provider: Provider, kim: str
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
    query = await signed_in(browser, provider, kim)
    assert query["error"] == "invalid_id_token"


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{}", b'"x"', b"<html>", b'{"error":"invalid_grant"}']
)
async def test_a_token_endpoint_that_answers_nonsense_ends_at_the_target(
    answer: bytes, browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    provider.change["/oauth2/token"] = lambda _: answer
    assert no_tokens(await signed_in(browser, provider, kim))


# --- a provider that can't be used ---------------------------------------------------------------


async def test_a_provider_that_is_away_ends_at_the_target(auth_settings: Settings) -> None:
    away = structs.replace(
        auth_settings, oidc_issuer="http://127.0.0.1:9", oidc_client_id="wealist"
    )
    async with opened(away) as service, service.browser() as browser:
        answer = await browser.get(START)
        assert answer.status_code == 302
        query = query_of(answer.headers["location"])
        assert answer.headers["location"].startswith(f"{TARGET}?error=provider_unavailable")
        assert no_tokens(query)


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/oauth2/token", "/jwks"])
async def test_a_provider_that_does_not_answer_is_given_up(
    path: str,
    browser: httpx.AsyncClient,
    provider: Provider,
    kim: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(issuer, "SECONDS", 0.3)
    provider.silent.add(path)
    started = time.monotonic()
    answer = await browser.get(START)
    if path != "/.well-known/openid-configuration":
        back = await provider.sign_in(answer.headers["location"], kim)
        answer = await browser.get(relative(back))
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
    change: dict[str, Any], browser: httpx.AsyncClient, provider: Provider
) -> None:
    provider.change["/.well-known/openid-configuration"] = lambda answer: json.dumps(
        answer.json() | change
    ).encode()
    answer = await browser.get(START)
    assert query_of(answer.headers["location"])["error"] == "provider_unavailable"


async def test_a_provider_that_comes_back_is_used_again(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    path = "/.well-known/openid-configuration"
    provider.change[path] = lambda _: b"down for maintenance"
    assert "error" in query_of((await browser.get(START)).headers["location"])
    del provider.change[path]
    assert "accessToken" in await signed_in(browser, provider, kim)


async def test_discovery_and_keys_are_fetched_once(
    browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    for _ in range(3):
        assert "accessToken" in await signed_in(browser, provider, kim)
    assert len(provider.requests("/.well-known/openid-configuration")) == 1
    assert len(provider.requests("/jwks")) == 1


async def test_new_keys_of_the_issuer_are_found_when_a_token_needs_them(
    browser: httpx.AsyncClient, provider: Provider, kim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "accessToken" in await signed_in(browser, provider, kim)
    change = rewritten(provider, lambda claims: claims)
    provider.change["/oauth2/token"] = change
    assert (await signed_in(browser, provider, kim))["error"] == "invalid_id_token"
    monkeypatch.setattr(issuer, "REFETCH_SECONDS", 0.0)
    assert "accessToken" in await signed_in(browser, provider, kim)


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
    browser: httpx.AsyncClient,
    provider: Provider,
    kim: str,
) -> None:
    service.people.failure = failure
    query = await signed_in(browser, provider, kim)
    assert query["error"] == error
    assert no_tokens(query)
    assert "mistake" not in query["error_description"]


async def test_somebody_who_may_not_sign_in_is_told_so(
    service: Service, browser: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    service.people.banned.add(f"{kim}@example.com")
    query = await signed_in(browser, provider, kim)
    assert query["error"] == "sign_in_refused"
    assert query["error_description"] == "you may not sign in here"


async def test_without_a_provider_production_says_so(auth_settings: Settings) -> None:
    production = structs.replace(auth_settings, env="prod", enable_test_auth=False)
    async with opened(production) as service, service.browser() as browser:
        answer = await browser.get(START)
        assert answer.status_code == 302
        assert query_of(answer.headers["location"])["error"] == "oauth_not_configured"
        refused = await browser.post("/svc/auth/oauth2/dev/sign-in", data={"name": "x"})
        assert refused.status_code == 404


async def test_google_is_used_when_only_google_is_configured(auth_settings: Settings) -> None:
    from wealist.auth.providers import configured

    with_google = structs.replace(
        auth_settings, google_client_id="id", google_client_secret=Secret("secret")
    )
    google = configured(with_google)
    assert google is not None
    assert google.name == "google"
    both = configured(structs.replace(with_google, oidc_issuer="https://x.y", oidc_client_id="z"))
    assert both is not None
    assert both.name == "oidc"


def test_reading_the_routes_does_not_load_the_http_client() -> None:
    import subprocess
    import sys

    program = "import sys, wealist.auth.routes; sys.exit(bool({'authlib', 'httpx'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# --- forging what the provider says --------------------------------------------------------------


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
