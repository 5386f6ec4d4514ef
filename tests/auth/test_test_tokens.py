"""Tokens for tests: for whom, with which secret, and never where they are off."""

import asyncio
import re
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from msgspec import structs

from tests.auth.peers import Service, opened
from wealist.core.environment import from_env
from wealist.core.settings import Secret, Settings, SettingsError

TOKEN = "/svc/auth/api/test/token"
STATUS = "/svc/auth/api/test/status"
DEFAULT = "00000000-0000-0000-0000-000000000002"


async def me(browser: httpx.AsyncClient, session: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {session['accessToken']}"}
    found: dict[str, Any] = (await browser.get("/svc/auth/api/auth/me", headers=headers)).json()
    return found


async def test_without_a_body_it_is_the_default_user(browser: httpx.AsyncClient) -> None:
    answer = await browser.post(TOKEN)
    session = answer.json()
    assert answer.status_code == 200
    assert list(session) == ["accessToken", "refreshToken", "userId", "expiresIn", "tokenType"]
    assert session["userId"] == DEFAULT
    assert (session["expiresIn"], session["tokenType"]) == (1800, "Bearer")
    assert await me(browser, session) == {
        "userId": DEFAULT,
        "email": "loadtest@wealist.co.kr",
        "name": "loadtest",
    }


@pytest.mark.parametrize(
    "body", [{}, {"userId": None}, {"userId": "not a UUID"}, {"userId": "", "email": None}]
)
async def test_a_body_that_names_nobody_is_the_default_user_too(
    body: dict[str, Any], browser: httpx.AsyncClient
) -> None:
    assert (await browser.post(TOKEN, json=body)).json()["userId"] == DEFAULT


async def test_somebody_who_does_not_exist_yet_is_created_and_can_work_at_once(
    auth: Service, browser: httpx.AsyncClient
) -> None:
    wanted = {"userId": str(uuid4()), "email": "kim@example.com", "name": "Kim"}
    session = (await browser.post(TOKEN, json=wanted)).json()
    assert await me(browser, session) == wanted
    assert UUID(wanted["userId"]) in auth.people.all
    refreshed = await browser.post(
        "/svc/auth/api/auth/refresh", json={"refreshToken": session["refreshToken"]}
    )
    assert refreshed.status_code == 200


async def test_the_token_carries_the_address(browser: httpx.AsyncClient) -> None:
    session = (await browser.post(TOKEN, json={"email": "ops@example.com"})).json()
    claims = jwt.decode(session["accessToken"], options={"verify_signature": False})
    assert claims["email"] == "ops@example.com"
    assert claims["sub"] == session["userId"] != DEFAULT


async def test_the_same_address_is_the_same_person_and_another_is_another(
    browser: httpx.AsyncClient,
) -> None:
    ids = [
        (await browser.post(TOKEN, json={"email": email})).json()["userId"]
        for email in ("a@example.com", "b@example.com", "a@example.com")
    ]
    assert ids[0] == ids[2] != ids[1]


async def test_users_named_by_id_only_get_addresses_of_their_own(
    browser: httpx.AsyncClient,
) -> None:
    ids = [str(uuid4()) for _ in range(3)]
    sessions = [(await browser.post(TOKEN, json={"userId": i})).json() for i in ids]
    people = [await me(browser, session) for session in sessions]
    assert [person["userId"] for person in people] == ids
    assert len({person["email"] for person in people}) == 3


async def test_an_address_of_somebody_else_is_a_conflict(browser: httpx.AsyncClient) -> None:
    await browser.post(TOKEN, json={"userId": str(uuid4()), "email": "kim@example.com"})
    answer = await browser.post(TOKEN, json={"userId": str(uuid4()), "email": "kim@example.com"})
    assert answer.status_code == 409


async def test_tokens_of_the_same_second_are_different_sessions(
    browser: httpx.AsyncClient,
) -> None:
    answers = await asyncio.gather(*(browser.post(TOKEN) for _ in range(5)))
    assert len({answer.json()["refreshToken"] for answer in answers}) == 5


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"email":"x"}', b'{"userId":5}', b'{"name":[]}'])
async def test_a_body_that_cannot_be_read_is_a_bad_request(
    body: bytes, browser: httpx.AsyncClient
) -> None:
    answer = await browser.post(TOKEN, content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "AUTH400")


async def test_the_secret_must_match_when_there_is_one(auth_settings: Settings) -> None:
    guarded = structs.replace(auth_settings, test_auth_secret=Secret("open sesame"))
    async with opened(guarded) as service, service.browser() as browser:
        for headers in ({}, {"X-Test-Auth-Secret": "x"}, {"X-Test-Auth-Secret": b"\xe9\xff"}):
            answer = await browser.post(TOKEN, headers=headers)  # type: ignore[arg-type]
            assert (answer.status_code, answer.json()["code"]) == (403, "AUTH403")
            assert "accessToken" not in answer.text
        answer = await browser.post(TOKEN, headers={"X-Test-Auth-Secret": "open sesame"})
        assert answer.status_code == 200


async def test_the_status_warns(browser: httpx.AsyncClient) -> None:
    answer = await browser.get(STATUS)
    assert answer.status_code == 200
    assert answer.json()["testAuthEnabled"] is True
    assert answer.json()["message"]


@pytest.mark.parametrize("changes", [{"enable_test_auth": False}, {"env": "prod"}])
async def test_where_they_are_off_there_is_nothing(
    changes: dict[str, Any], auth_settings: Settings
) -> None:
    async with opened(structs.replace(auth_settings, **changes)) as service:
        async with service.browser() as browser:
            for answer in (await browser.post(TOKEN), await browser.get(STATUS)):
                assert (answer.status_code, answer.json()["code"]) == (404, "AUTH404")
        assert service.people.all == {}


def test_production_does_not_start_with_them() -> None:
    with pytest.raises(SettingsError, match=re.escape("ENABLE_TEST_AUTH")):
        from_env({"ENV": "prod", "ENABLE_TEST_AUTH": "true"})
