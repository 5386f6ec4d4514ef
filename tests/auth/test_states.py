"""A callback counts once, in the browser that has begun it, for what it was begun with."""

import asyncio
import time
from urllib.parse import urlsplit

import httpx
import pytest

from tests.auth.browsing import (
    CALLBACK,
    begun,
    come_back,
    no_tokens,
)
from tests.auth.peers import Provider, Service, query_of, relative
from wealist.auth import states


async def test_a_callback_that_this_browser_has_not_begun_is_refused(
    service: Service, visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    back = await provider.sign_in(await begun(visitor), kim)
    async with service.browser() as victim:
        query = await come_back(victim, back)
    assert query["error"] == "invalid_state"
    assert no_tokens(query)
    assert provider.requests("/oauth2/token") == []


@pytest.mark.parametrize("change", ["another", "none", "empty", "not ASCII", "not UTF-8"])
async def test_a_callback_with_another_state_is_refused(
    change: str, visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    back = urlsplit(await provider.sign_in(await begun(visitor), kim))
    code = query_of(back.geturl())["code"]
    state = {
        "another": "&state=" + "x" * 43,
        "none": "",
        "empty": "&state=",
        "not ASCII": "&state=%C3%A9",
        "not UTF-8": "&state=%FF%FE",
    }[change]
    query = await come_back(visitor, f"{CALLBACK}?code={code}{state}")
    assert query["error"] == "invalid_state"
    assert no_tokens(query)


async def test_a_cookie_of_another_sign_in_under_the_right_name_is_refused(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    await begun(visitor)
    (stolen,) = visitor.cookies.values()
    visitor.cookies.clear()
    back = await provider.sign_in(await begun(visitor), kim)
    (name,) = visitor.cookies
    visitor.cookies.clear()
    for value in (stolen, "junk", "", stolen[:-4]):
        visitor.cookies.set(name, value)
        assert (await come_back(visitor, back))["error"] == "invalid_state"
        visitor.cookies.clear()


async def test_a_callback_cannot_be_replayed_even_with_the_cookie(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    address = await begun(visitor)
    kept = dict(visitor.cookies)
    back = await provider.sign_in(address, kim)
    assert "accessToken" in await come_back(visitor, back)
    visitor.cookies.update(kept)
    assert (await come_back(visitor, back))["error"] == "invalid_state"
    visitor.cookies.update(kept)
    fresh_code = await provider.sign_in(address, kim)
    assert (await come_back(visitor, fresh_code))["error"] == "invalid_state"


async def test_twenty_callbacks_at_once_sign_in_once(
    service: Service, visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    back = relative(await provider.sign_in(await begun(visitor), kim))
    header = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    async with service.browser(headers={"Cookie": header}) as other:
        answers = await asyncio.gather(*(other.get(back) for _ in range(20)))
    assert sum("accessToken=" in answer.headers["location"] for answer in answers) == 1
    assert len(provider.requests("/oauth2/token")) == 1


async def test_a_code_cannot_be_used_in_another_sign_in(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    used = query_of(await provider.sign_in(await begun(visitor), kim))
    other = query_of(await begun(visitor))
    query = await come_back(visitor, f"{CALLBACK}?code={used['code']}&state={other['state']}")
    # The provider takes the code, but its ID token has the nonce of the sign-in it was made for.
    assert query["error"] == "invalid_id_token"
    assert no_tokens(query)


async def test_a_code_that_was_used_is_refused_by_the_provider(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    back = await provider.sign_in(await begun(visitor), kim)
    await come_back(visitor, back)
    state = query_of(await begun(visitor))["state"]
    query = await come_back(visitor, f"{CALLBACK}?code={query_of(back)['code']}&state={state}")
    assert query["error"] == "token_exchange_failed"
    assert no_tokens(query)


async def test_a_sign_in_that_took_too_long_is_refused(
    visitor: httpx.AsyncClient, provider: Provider, kim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wealist.auth.states.SECONDS", -1)
    back = await provider.sign_in(await begun(visitor), kim)
    (name,) = {c.name for c in visitor.cookies.jar} or {""}
    assert name == "" or name.startswith("wealist_oauth_")
    assert (await come_back(visitor, back))["error"] == "invalid_state"


async def test_sign_ins_that_are_left_unfinished_do_not_pile_up(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    target = "https://wealist.co.kr/" + "x" * 470
    begun_here = []
    for _ in range(30):
        begun_here.append(await begun(visitor, redirect_uri=target))
        sent = visitor.build_request("GET", CALLBACK).headers["cookie"]
        assert len(visitor.cookies) <= states.KEPT + 1
        assert len(sent) < 10_000
    # The newest can all still be finished, an old one can't.
    old, *newest = begun_here[-states.KEPT - 2 :]
    assert "error=invalid_state" in await _location(visitor, await provider.sign_in(old, kim))
    for address in newest:
        assert "accessToken=" in await _location(visitor, await provider.sign_in(address, kim))
    assert len(visitor.cookies) == 0


async def test_the_newest_sign_ins_are_kept_in_whatever_order_they_are_sent(
    service: Service, visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, str] = {}
    started = time.time()
    with monkeypatch.context() as patched:
        for age in range(8, 0, -1):
            patched.setattr("time.time", lambda at=started - age: at)
            pending = states.new("http://test/", "http://test/")
            made[states.cookie_name(pending.state)] = states.seal(pending)
    names = list(made)
    assert states.excess(made) == names[:4]
    assert states.excess(dict(reversed(made.items()))) == names[:4]
    forged = {"wealist_oauth_forged": "é", "other": "x", **made}
    assert states.excess(forged) == ["wealist_oauth_forged", *names[:4]]
    assert states.excess(dict(list(made.items())[:4])) == []


async def _location(browser: httpx.AsyncClient, back: str) -> str:
    return str((await browser.get(relative(back))).headers["location"])
