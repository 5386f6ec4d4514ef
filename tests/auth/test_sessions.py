"""Refreshing a session and signing out of it, over HTTP."""

import asyncio
import time
from contextvars import Context
from typing import Any

import httpx
import pytest
from msgspec import structs

from tests.auth.peers import Service, opened
from tests.auth.tokens_in_hand import (
    LOGOUT,
    REFRESH,
    VALIDATE,
    bearer,
    claims_of,
    counts,
    refresh,
    signed,
    signed_in,
)
from wealist.core.settings import Settings


async def test_a_refresh_gives_a_new_pair_of_the_same_session(browser: httpx.AsyncClient) -> None:
    first = await signed_in(browser, email="kim@example.com", name="Kim")
    answer = await refresh(browser, first["refreshToken"])
    assert answer.status_code == 200
    second = answer.json()
    assert list(second) == ["accessToken", "refreshToken", "userId", "expiresIn", "tokenType"]
    assert second["userId"] == first["userId"]
    assert (second["tokenType"], second["expiresIn"]) == ("Bearer", 1800)
    assert second["accessToken"] != first["accessToken"]
    assert second["refreshToken"] != first["refreshToken"]
    families = {claims_of(s[t])["fid"] for s in (first, second) for t in s if t.endswith("Token")}
    assert len(families) == 1
    assert claims_of(second["accessToken"])["email"] == "kim@example.com"
    assert answer.headers["cache-control"] == "no-store"


async def test_a_refresh_takes_the_address_from_the_users_not_from_the_old_token(
    auth: Service, browser: httpx.AsyncClient
) -> None:
    session = await signed_in(browser, email="old@example.com")
    (person,) = auth.people.all.values()
    person.email = "new@example.com"
    answer = await refresh(browser, session["refreshToken"])
    assert claims_of(answer.json()["accessToken"])["email"] == "new@example.com"


async def test_twenty_refreshes_of_one_token_at_once_all_get_the_same_pair(
    browser: httpx.AsyncClient,
) -> None:
    session = await signed_in(browser)
    tasks = [
        asyncio.create_task(refresh(browser, session["refreshToken"]), context=Context())
        for _ in range(20)
    ]
    answers = await asyncio.gather(*tasks)
    assert {answer.status_code for answer in answers} == {200}
    (pair,) = {answer.text for answer in answers}
    assert pair
    assert await counts(browser, answers[0].json())


async def test_a_late_tab_gets_the_pair_that_is_live_now(browser: httpx.AsyncClient) -> None:
    session = await signed_in(browser)
    second = (await refresh(browser, session["refreshToken"])).json()
    third = (await refresh(browser, second["refreshToken"])).json()
    assert (await refresh(browser, session["refreshToken"])).json() == third
    assert (await refresh(browser, second["refreshToken"])).json() == third
    fourth = await refresh(browser, third["refreshToken"])
    assert fourth.status_code == 200
    assert fourth.json() != third


async def test_a_reused_refresh_token_revokes_its_family(auth_settings: Settings) -> None:
    short = structs.replace(auth_settings, refresh_grace_seconds=1)
    async with opened(short) as service, service.browser() as browser:
        session = await signed_in(browser)
        second = (await refresh(browser, session["refreshToken"])).json()
        assert await counts(browser, second)
        await asyncio.sleep(1.05)
        stolen = await refresh(browser, session["refreshToken"])
        assert (stolen.status_code, stolen.json()["code"]) == (401, "AUTH006")
        assert not await counts(browser, second), "the access token ends with its family"
        rightful = await refresh(browser, second["refreshToken"])
        assert (rightful.status_code, rightful.json()["code"]) == (401, "AUTH006")


async def test_another_session_of_the_same_person_is_not_touched(
    browser: httpx.AsyncClient,
) -> None:
    one, other = await signed_in(browser), await signed_in(browser)
    assert one["userId"] == other["userId"]
    await browser.post(LOGOUT, headers=bearer(one))
    assert not await counts(browser, one)
    assert await counts(browser, other)
    assert (await refresh(browser, other["refreshToken"])).status_code == 200


async def test_a_person_who_is_gone_cannot_refresh(
    auth: Service, browser: httpx.AsyncClient
) -> None:
    session = await signed_in(browser)
    (person,) = auth.people.all.values()
    person.active = False
    answer = await refresh(browser, session["refreshToken"])
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTH001")
    person.active = True
    assert (await refresh(browser, session["refreshToken"])).status_code == 401


@pytest.mark.parametrize(
    "body", [{}, {"refreshToken": ""}, {"refreshToken": "  "}, {"refreshToken": None}]
)
async def test_a_refresh_without_a_token_is_unauthorized(
    body: dict[str, Any], browser: httpx.AsyncClient
) -> None:
    answer = await browser.post(REFRESH, json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTH001")
    assert answer.json().keys() == {"code", "message"}


@pytest.mark.parametrize("path", [REFRESH, VALIDATE])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"refreshToken":5,"token":5}']
)
async def test_a_body_that_cannot_be_read_is_a_bad_request(
    path: str, body: bytes, browser: httpx.AsyncClient
) -> None:
    answer = await browser.post(path, content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "AUTH400")


async def test_names_in_another_case_and_unknown_members_are_accepted(
    browser: httpx.AsyncClient,
) -> None:
    session = await signed_in(browser)
    body = {"REFRESHTOKEN": session["refreshToken"], "more": [1]}
    assert (await browser.post(REFRESH, json=body)).status_code == 200


async def test_every_wrong_refresh_token_is_told_by_its_code(browser: httpx.AsyncClient) -> None:
    session = await signed_in(browser)
    head, body, signature = session["refreshToken"].split(".")
    wrong = {
        "x": "AUTH004",
        f"{head}.{body}": "AUTH004",
        f"{head}.{body}.{signature[:-42]}": "AUTH003",
        f"eyJhbGciOiJub25lIn0.{body}.": "AUTH005",
        session["accessToken"]: "AUTH001",
        signed(exp=int(time.time()) - 10): "AUTH002",
        signed(iss="other"): "AUTH001",
        signed(sub="admin"): "AUTH001",
    }
    for token, code in wrong.items():
        answer = await refresh(browser, token)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert (await refresh(browser, session["refreshToken"])).status_code == 200


async def test_a_genuine_token_of_an_unknown_session_is_refused(
    auth: Service, browser: httpx.AsyncClient
) -> None:
    session = await signed_in(browser)
    answer = await refresh(browser, signed(sub=session["userId"]))
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTH006")


# --- signing out ---------------------------------------------------------------------------------


async def test_signing_out_ends_access_and_refresh_token_and_can_be_repeated(
    browser: httpx.AsyncClient,
) -> None:
    session = await signed_in(browser)
    newer = (await refresh(browser, session["refreshToken"])).json()
    for _ in range(2):
        answer = await browser.post(LOGOUT, headers=bearer(session))
        assert (answer.status_code, answer.json()["success"]) == (200, True)
    for tokens in (session, newer):
        assert not await counts(browser, tokens)
        refused = await refresh(browser, tokens["refreshToken"])
        assert (refused.status_code, refused.json()["code"]) == (401, "AUTH006")


async def test_signing_out_with_an_expired_access_token_needs_the_refresh_token(
    browser: httpx.AsyncClient,
) -> None:
    session = await signed_in(browser)
    old = claims_of(session["accessToken"])
    expired = {"Authorization": f"Bearer {signed(**(old | {'exp': int(time.time()) - 9}))}"}
    answer = await browser.post(LOGOUT, headers=expired)
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTH002")
    assert await counts(browser, session)
    body = {"refreshToken": session["refreshToken"]}
    assert (await browser.post(LOGOUT, headers=expired, json=body)).status_code == 200
    assert not await counts(browser, session)


async def test_signing_out_with_the_refresh_token_of_another_session_ends_both(
    browser: httpx.AsyncClient,
) -> None:
    one, other = await signed_in(browser), await signed_in(browser)
    body = {"refreshToken": other["refreshToken"]}
    assert (await browser.post(LOGOUT, headers=bearer(one), json=body)).status_code == 200
    assert not await counts(browser, one)
    assert not await counts(browser, other)


async def test_a_wrong_refresh_token_does_not_keep_anybody_signed_in(
    browser: httpx.AsyncClient,
) -> None:
    session = await signed_in(browser)
    for body in ({"refreshToken": "junk"}, {"refreshToken": None}, {}):
        answer = await browser.post(LOGOUT, headers=bearer(session), json=body)
        assert answer.status_code == 200
    assert not await counts(browser, session)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic eDp5", "token"])
async def test_signing_out_without_a_token_is_unauthorized(
    header: str | None, browser: httpx.AsyncClient
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await browser.post(LOGOUT, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTH001")


async def test_signing_out_with_a_forged_token_ends_nothing(browser: httpx.AsyncClient) -> None:
    session = await signed_in(browser)
    forged = session["accessToken"][:-42]
    answer = await browser.post(LOGOUT, headers={"Authorization": f"Bearer {forged}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTH003")
    assert await counts(browser, session)
