"""Signing in at a real OpenID provider process: the way there, and back with tokens."""

import subprocess
import sys
from urllib.parse import urlsplit

import httpx
from msgspec import structs

from tests.auth.browsing import ME, START, begun, come_back, signed_in
from tests.auth.peers import TARGET, Provider, Service, challenge, opened, query_of
from wealist.auth.providers import configured
from wealist.core.settings import Secret, Settings


async def test_somebody_signs_in_and_the_tokens_work_at_once(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    query = await signed_in(visitor, provider, kim)
    assert list(query) == ["accessToken", "refreshToken", "userId", "nickName", "email"]
    assert query["nickName"] == "Kim Min-ji"
    headers = {"Authorization": f"Bearer {query['accessToken']}"}
    me = (await visitor.get(ME, headers=headers)).json()
    assert me == {
        "userId": query["userId"],
        "email": f"{kim}@example.com",
        "name": "Kim Min-ji",
    }
    assert not [name for name in visitor.cookies if name.startswith("wealist_oauth_")]


async def test_the_request_to_the_provider_carries_pkce_nonce_and_state(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    address = await begun(visitor)
    await come_back(visitor, await provider.sign_in(address, kim))
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
    other = query_of(await begun(visitor))
    assert all(other[name] != sent[name] for name in ("state", "nonce", "code_challenge"))


async def test_the_cookie_is_for_this_request_only_and_tells_nothing(
    visitor: httpx.AsyncClient,
) -> None:
    answer = await visitor.get(START)
    header = answer.headers["set-cookie"]
    attributes = {part.strip().lower() for part in header.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/", "max-age=600"} <= attributes
    assert "secure" not in attributes, "the visitor came over plain http"
    sent = query_of(answer.headers["location"])
    (value,) = visitor.cookies.values()
    for secret in (sent["state"], sent["nonce"], TARGET):
        assert secret not in header
        assert secret not in value


async def test_behind_https_the_cookie_is_secure(oidc_settings: Settings) -> None:
    public = structs.replace(
        oidc_settings, public_url="https://wealist.example", trusted_proxies=("127.0.0.1",)
    )
    async with opened(public) as service, service.browser() as visitor:
        answer = await visitor.get(START)
        assert "; Secure" in answer.headers["set-cookie"]
        assert query_of(answer.headers["location"])["redirect_uri"] == (
            "https://wealist.example/oauth2/callback/google"
        )


async def test_a_trusted_proxy_tells_the_scheme(oidc_settings: Settings) -> None:
    behind = structs.replace(oidc_settings, trusted_proxies=("127.0.0.1",))
    async with opened(behind) as service, service.browser() as visitor:
        answer = await visitor.get(START, headers={"X-Forwarded-Proto": "https"})
        assert "; Secure" in answer.headers["set-cookie"]


async def test_the_configured_callback_is_the_one_that_is_registered(
    oidc_settings: Settings, provider: Provider, kim: str
) -> None:
    registered = "http://test/api/oauth2/callback/google"
    other = structs.replace(oidc_settings, oauth_callback_url=registered)
    async with opened(other) as service, service.browser() as visitor:
        address = await begun(visitor)
        assert query_of(address)["redirect_uri"] == registered
        back = await provider.sign_in(address, kim)
        assert back.startswith(f"{registered}?")
        assert "accessToken" in await come_back(visitor, back)


async def test_both_callback_paths_are_the_same(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    back = urlsplit(await provider.sign_in(await begun(visitor), kim))
    address = f"/login/oauth2/code/google?{back.query}"
    assert "accessToken" in await come_back(visitor, address)


async def test_the_same_subject_is_the_same_person_even_with_another_address(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    first = await signed_in(visitor, provider, kim)
    await provider.user(kim, email="moved@example.com", email_verified=True, name="Kim")
    second = await signed_in(visitor, provider, kim)
    assert second["userId"] == first["userId"]


async def test_the_same_subject_at_another_issuer_is_somebody_else(
    service: Service, visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    await signed_in(visitor, provider, kim)
    (person,) = service.people.all.values()
    assert person.subjects == {("oidc", f"{provider.issuer} {kim}")}


async def test_two_sign_ins_in_two_tabs_do_not_disturb_each_other(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    first = await begun(visitor)
    second = await begun(visitor)
    assert "accessToken" in await come_back(visitor, await provider.sign_in(first, kim))
    assert "accessToken" in await come_back(visitor, await provider.sign_in(second, kim))


async def test_without_a_provider_production_says_so(auth_settings: Settings) -> None:
    production = structs.replace(auth_settings, env="prod", enable_test_auth=False)
    async with opened(production) as service, service.browser() as visitor:
        answer = await visitor.get(START)
        assert answer.status_code == 302
        assert query_of(answer.headers["location"])["error"] == "oauth_not_configured"
        refused = await visitor.post("/svc/auth/oauth2/dev/sign-in", data={"name": "x"})
        assert refused.status_code == 404


async def test_google_is_used_when_only_google_is_configured(auth_settings: Settings) -> None:
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
    program = (
        "import sys, wealist.auth.routes; sys.exit(bool({'authlib', 'httpx'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
