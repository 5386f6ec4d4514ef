"""Signing in without a provider, in development: the built-in page and the same callback."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from msgspec import structs

from tests.auth.peers import TARGET, Service, opened, query_of, relative
from wealist.core.settings import Settings

START = "/svc/auth/oauth2/authorization/google"
FORM = "/svc/auth/oauth2/dev/sign-in"
CALLBACK = "/svc/auth/oauth2/callback/google"


class Page(HTMLParser):
    """What matters of the page: its form, fields, labels and addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.form: dict[str, Any] = {}
        self.fields: dict[str, dict[str, Any]] = {}
        self.labelled: set[str] = set()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.alert = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        self.alert |= found.get("role") == "alert"
        match tag:
            case "form":
                self.form = found
            case "input":
                self.fields[found["name"] or ""] = found
            case "label":
                self.labelled.add(found["for"] or "")


async def shown(browser: httpx.AsyncClient, **query: str) -> Page:
    answer = await browser.get(START, params=query)
    assert answer.status_code == 200
    return Page(answer.text)


async def filled_in(browser: httpx.AsyncClient, page: Page, **typed: str) -> httpx.Response:
    form = {"state": page.fields["state"]["value"], "name": "Kim", "email": "kim@example.com"}
    return await browser.post(str(page.form["action"]), data=form | typed)


async def test_somebody_signs_in_through_the_page_and_the_callback(
    browser: httpx.AsyncClient,
) -> None:
    answer = await filled_in(browser, await shown(browser))
    assert answer.status_code == 303
    assert urlsplit(answer.headers["location"]).path == CALLBACK
    answer = await browser.get(answer.headers["location"])
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{TARGET}?accessToken=")
    query = query_of(answer.headers["location"])
    assert list(query) == ["accessToken", "refreshToken", "userId", "nickName", "email"]
    headers = {"Authorization": f"Bearer {query['accessToken']}"}
    me = (await browser.get("/svc/auth/api/auth/me", headers=headers)).json()
    assert me == {"userId": query["userId"], "email": "kim@example.com", "name": "Kim"}


async def test_the_built_in_page_is_the_target_when_none_is_configured(
    auth_settings: Settings,
) -> None:
    async with (
        opened(structs.replace(auth_settings, oauth_target_url=None)) as service,
        service.browser() as browser,
    ):
        answer = await filled_in(browser, await shown(browser))
        answer = await browser.get(answer.headers["location"])
        assert answer.headers["location"].startswith("http://test/oauth/callback?accessToken=")


async def test_the_same_address_is_the_same_person(
    auth: Service, browser: httpx.AsyncClient
) -> None:
    for email in ("kim@example.com", "KIM@example.com"):
        answer = await filled_in(browser, await shown(browser), email=email)
        await browser.get(answer.headers["location"])
    assert len(auth.people.all) == 1


async def test_the_page_can_be_used_on_a_phone_and_with_a_screen_reader(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.get(START)
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in answer.text
    assert '<html lang="en">' in answer.text
    page = Page(answer.text)
    visible = {n for n, field in page.fields.items() if field.get("type") != "hidden"}
    assert visible == {"name", "email"}
    for name in visible:
        assert page.fields[name]["id"] in page.labelled
        assert page.fields[name]["autocomplete"] == name
    assert page.form == {"method": "post", "action": FORM}


async def test_the_page_needs_no_script_and_no_other_host(browser: httpx.AsyncClient) -> None:
    answer = await browser.get(START)
    page = Page(answer.text)
    assert page.addresses == []
    assert "script" not in page.tags
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    # Chrome applies form-action to the redirects that follow the form.
    assert "form-action 'self' http://localhost:3000;" in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"


async def test_the_style_is_the_one_that_the_policy_allows(browser: httpx.AsyncClient) -> None:
    import base64
    import hashlib

    answer = await browser.get(START)
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "typed",
    [
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 101},
        {"name": "a\x00b"},
        {"email": ""},
        {"email": "kim"},
        {"email": "kim@"},
        {"email": "a b@example.com"},
        {"email": "kim@example.com\r\nSet-Cookie: x=1"},
    ],
)
async def test_what_cannot_be_used_is_asked_again_and_kept(
    typed: dict[str, str], browser: httpx.AsyncClient
) -> None:
    page = await shown(browser)
    answer = await filled_in(browser, page, **typed)
    assert answer.status_code == 400
    again = Page(answer.text)
    assert again.alert
    assert again.fields["state"]["value"] == page.fields["state"]["value"]
    good = await filled_in(browser, again)
    assert good.status_code == 303


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b""),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="name"\r\n'
            b"Content-Type: text/plain; charset=bogus\r\n\r\nx\r\n--b--\r\n",
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\r\n--b--\r\n',
        ),
        ("application/json", b"{}"),
        ("", b"name=x"),
        ("application/x-www-form-urlencoded", b"name=\xff"),
        ("application/x-www-form-urlencoded", b"name=%FF"),
        ("application/x-www-form-urlencoded", b"a=1&" * 1000),
    ],
)
async def test_a_form_that_no_browser_sends_is_a_bad_request(
    kind: str, body: bytes, browser: httpx.AsyncClient
) -> None:
    answer = await browser.post(FORM, content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (400, "AUTH400")


async def test_in_production_the_form_is_not_even_read(auth_settings: Settings) -> None:
    production = structs.replace(auth_settings, env="prod", enable_test_auth=False)
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(True)
        yield b"name=x"

    async with opened(production) as service, service.browser() as browser:
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain"):
            answer = await browser.post(FORM, content=body(), headers={"Content-Type": kind})
            assert (answer.status_code, answer.json()["code"]) == (404, "AUTH404")
    assert read == []


async def test_what_was_typed_is_shown_as_text(browser: httpx.AsyncClient) -> None:
    page = await shown(browser)
    answer = await filled_in(browser, page, name='"><script>alert(1)</script>', email="<b>")
    assert answer.status_code == 400
    assert "<script>" not in answer.text
    assert Page(answer.text).fields["name"]["value"] == '"><script>alert(1)</script>'


async def test_a_form_from_another_browser_is_refused(
    auth: Service, browser: httpx.AsyncClient
) -> None:
    page = await shown(browser)
    async with auth.browser() as victim:
        answer = await filled_in(victim, page)
        assert query_of(answer.headers["location"])["error"] == "invalid_state"
    for state in ("", "x", "é"):
        answer = await filled_in(browser, page, state=state)
        assert query_of(answer.headers["location"])["error"] == "invalid_state"


async def test_a_code_is_good_once_and_for_its_own_sign_in_only(browser: httpx.AsyncClient) -> None:
    first = (await filled_in(browser, await shown(browser))).headers["location"]
    kept = dict(browser.cookies)
    await browser.get(first)
    browser.cookies.update(kept)
    replayed = await browser.get(first)
    assert query_of(replayed.headers["location"])["error"] == "invalid_state"
    page = await shown(browser)
    code, state = query_of(first)["code"], page.fields["state"]["value"]
    stolen = await browser.get(CALLBACK, params={"code": code, "state": state})
    assert query_of(stolen.headers["location"])["error"] == "token_exchange_failed"


@pytest.mark.parametrize("code", ["junk", "é", "gAAAAA", "x" * 5000])
async def test_a_forged_code_is_refused(code: str, browser: httpx.AsyncClient) -> None:
    page = await shown(browser)
    answer = await browser.get(
        CALLBACK, params={"code": code, "state": page.fields["state"]["value"]}
    )
    assert query_of(answer.headers["location"])["error"] == "token_exchange_failed"


async def test_a_code_is_good_for_a_minute_only(
    browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await filled_in(browser, await shown(browser))
    monkeypatch.setattr("wealist.auth.dev_provider.CODE_SECONDS", -1)
    answer = await browser.get(answer.headers["location"])
    assert query_of(answer.headers["location"])["error"] == "token_exchange_failed"


async def test_a_state_is_no_code_and_a_cookie_neither(browser: httpx.AsyncClient) -> None:
    page = await shown(browser)
    (cookie,) = browser.cookies.values()
    answer = await browser.get(
        CALLBACK, params={"code": cookie, "state": page.fields["state"]["value"]}
    )
    assert query_of(answer.headers["location"])["error"] == "token_exchange_failed"


async def test_the_aliases_lead_to_the_same_page(browser: httpx.AsyncClient) -> None:
    for alias in (
        "/api/oauth2/authorization/google",
        "/oauth2/authorization/google",
        "/api/svc/auth/oauth2/authorization/google",
    ):
        answer = await browser.get(alias)
        assert answer.status_code == 200
        assert Page(answer.text).form["action"] == FORM
    done = await filled_in(browser, await shown(browser))
    answer = await browser.get(relative(done.headers["location"]).replace("/svc/auth", "/api", 1))
    assert "accessToken" in query_of(answer.headers["location"])
