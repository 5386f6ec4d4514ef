"""Asking whether a token counts, whose it is and which keys check it; and a Redis that is away."""

import time
from pathlib import Path

import httpx
import jwt
from msgspec import structs

from tests.auth.peers import Service, opened
from tests.auth.tokens_in_hand import (
    LOGOUT,
    ME,
    TOKEN,
    VALIDATE,
    bearer,
    counts,
    refresh,
    signed,
    signed_in,
)
from wealist.core import identity
from wealist.core.settings import Secret, Settings
from wealist.embedded.valkey import Valkey


async def test_validate_tells_whose_token_it_is(browser: httpx.AsyncClient) -> None:
    session = await signed_in(browser)
    answer = await browser.post(VALIDATE, json={"token": session["accessToken"]})
    assert answer.status_code == 200
    assert answer.json() == {
        "userId": session["userId"],
        "valid": True,
        "message": "Token is valid",
    }


async def test_validate_answers_200_with_the_reason_for_every_token_that_does_not_count(
    browser: httpx.AsyncClient,
) -> None:
    session = await signed_in(browser)
    ended = await signed_in(browser)
    await browser.post(LOGOUT, headers=bearer(ended))
    reasons = {}
    for token in (
        "",
        None,
        "junk",
        session["refreshToken"],
        ended["accessToken"],
        signed(type="access", exp=int(time.time()) - 9),
        session["accessToken"][:-42],
    ):
        answer = await browser.post(VALIDATE, json={"token": token})
        assert answer.status_code == 200
        body = answer.json()
        assert body.keys() == {"valid", "message"}
        assert body["valid"] is False
        reasons[token] = body["message"]
    assert reasons[""] == reasons[None] == "Token is required"
    assert "expired" in next(r for t, r in reasons.items() if t and "expired" in r)
    assert len(set(reasons.values())) == 6


async def test_me_is_who_the_users_say_and_ends_with_the_account(
    auth: Service, browser: httpx.AsyncClient
) -> None:
    session = await signed_in(browser, email="kim@example.com", name="Kim")
    answer = await browser.get(ME, headers=bearer(session))
    assert answer.json() == {
        "userId": session["userId"],
        "email": "kim@example.com",
        "name": "Kim",
    }
    (person,) = auth.people.all.values()
    person.active = False
    answer = await browser.get(ME, headers=bearer(session))
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTH001")


async def test_me_is_told_to_nobody_else(browser: httpx.AsyncClient) -> None:
    session = await signed_in(browser)
    refresh_token = {"Authorization": f"Bearer {session['refreshToken']}"}
    for headers, code in (({}, "AUTH001"), (refresh_token, "AUTH001")):
        answer = await browser.get(ME, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_published_keys_check_our_tokens(browser: httpx.AsyncClient) -> None:
    session = await signed_in(browser)
    answer = await browser.get("/svc/auth/.well-known/jwks.json")
    published = jwt.PyJWKSet.from_dict(answer.json())
    kid = jwt.get_unverified_header(session["accessToken"])["kid"]
    claims = jwt.decode(session["accessToken"], published[kid], algorithms=["RS256"])
    assert claims["sub"] == session["userId"]


async def test_the_configuration_names_addresses_under_the_public_one(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.get("/svc/auth/.well-known/openid-configuration")
    body = answer.json()
    assert body["issuer"] == "wealist-auth-service"
    assert body["response_types_supported"] == ["code"]
    assert body["scopes_supported"] == ["openid", "email", "profile"]
    for name in ("jwks_uri", "authorization_endpoint", "userinfo_endpoint", "token_endpoint"):
        assert body[name].startswith("http://test/")
    assert (await browser.get(body["jwks_uri"])).status_code == 200
    assert (await browser.get(body["userinfo_endpoint"])).status_code == 401


# --- Redis ---------------------------------------------------------------------------------------


async def test_while_redis_is_away_nobody_is_let_in_and_it_recovers_by_itself(
    auth_settings: Settings, tmp_path: Path
) -> None:
    valkey = await Valkey.start(tmp_path / "valkey")
    shared = structs.replace(auth_settings, redis_url=Secret(valkey.url))
    async with opened(shared) as service, service.browser() as browser:
        session = await signed_in(browser)
        other = await signed_in(browser)
        assert await counts(browser, session)
        await valkey.kill()
        identity.verifier().clear()
        for answer in (
            await refresh(browser, session["refreshToken"]),
            await browser.post(LOGOUT, headers=bearer(session)),
            await browser.post(VALIDATE, json={"token": other["accessToken"]}),
            await browser.get(ME, headers=bearer(session)),
            await browser.post(TOKEN),
        ):
            assert answer.status_code == 503
            assert answer.json()["code"] == "AUTH008"
            assert int(answer.headers["retry-after"]) > 0
        await valkey.restart()
        again = await signed_in(browser)
        assert await counts(browser, again)
        assert (await refresh(browser, again["refreshToken"])).status_code == 200
        lost = await refresh(browser, session["refreshToken"])
        assert (lost.status_code, lost.json()["code"]) == (401, "AUTH006")
    await valkey.stop()
