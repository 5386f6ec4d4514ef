"""The built-in pages: what a browser gets, and that it never has to ask another host."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar, get
from litestar.openapi import OpenAPIConfig

from wealist.app import create_app
from wealist.core import envelopes
from wealist.core.environment import from_env
from wealist.pages import handlers
from wealist.pages.files import ASSETS, FILES

PAGES = ("/", "/oauth/callback", "/svc/auth/swagger-ui/index.html")
SCRIPTS = sorted(name for name in ASSETS if name.endswith(".js"))
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob: http: https:",
    "connect-src": "'self' http: https:",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


@get("/svc/user/api/pets", tags=["user"], summary="My pets")
async def pets() -> list[str]:
    return []


def an_app() -> Litestar:
    return Litestar(
        [*handlers, pets],
        openapi_config=OpenAPIConfig("weAlist", "1.2.3"),
        exception_handlers={Exception: envelopes.handle},
        logging_config=None,
    )


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(an_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://wealist.test") as client:
        yield client


class Page(HTMLParser):
    """What an HTML page refers to, and whatever the policy would keep from working."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.ids: set[str] = set()
        self.inline: list[str] = []
        self._in: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._in = tag if tag in ("script", "style") else None
        self.links += [(tag, link) for name in ("href", "src") if (link := given.get(name))]
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        self.ids.add(given.get("id") or "")

    def handle_data(self, data: str) -> None:
        if self._in and data.strip():
            self.inline.append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        self._in = None


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_html_under_a_policy_that_allows_only_our_own_files(
    browser: httpx.AsyncClient, path: str
) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    directives = answer.headers["content-security-policy"].split(";")
    assert dict(directive.strip().split(" ", 1) for directive in directives) == POLICY
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_holds_no_inline_script_style_or_handler(
    browser: httpx.AsyncClient, path: str
) -> None:
    assert Page((await browser.get(path)).text).inline == []


@pytest.mark.parametrize("path", PAGES)
async def test_everything_a_page_loads_exists(browser: httpx.AsyncClient, path: str) -> None:
    page = Page((await browser.get(path)).text)
    loaded = [link for tag, link in page.links if tag in ("script", "link", "img")]
    assert any(link.endswith(".js") for link in loaded)
    for link in loaded:
        answer = await browser.get(urljoin(path, link))
        assert answer.status_code == 200, link


@pytest.mark.parametrize("path", ["/oauth/callback", "/svc/auth/swagger-ui/index.html"])
async def test_under_a_gateway_prefix_the_reference_finds_its_files_beside_itself(
    browser: httpx.AsyncClient, path: str
) -> None:
    """Links of the reference are relative; those of a page of our own origin are absolute."""
    page = Page((await browser.get(path)).text)
    loaded = [link for tag, link in page.links if tag in ("script", "link", "img")]
    assert all(link.startswith("/") for link in loaded) == (path == "/oauth/callback")


@pytest.mark.parametrize("name", SCRIPTS)
async def test_every_module_a_script_imports_exists(browser: httpx.AsyncClient, name: str) -> None:
    text = ASSETS[name].content.decode()
    for module in re.findall(r"from '([^']+)'", text):
        assert (await browser.get(urljoin(f"/assets/{name}", module))).status_code == 200, module


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_never_turns_text_into_markup_or_code(name: str) -> None:
    text = ASSETS[name].content.decode()
    risky = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc"
    assert re.findall(risky, text) == []


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_file_names_another_host(name: str) -> None:
    text = FILES[name].content.decode().replace('xmlns="http://www.w3.org/2000/svg"', "")
    code = re.sub(r"^\s*//.*$|\s// .*$|/\*.*?\*/", "", text, flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"(?:https?:)?//[\w.-]+", code) == []


def test_every_element_that_a_script_looks_up_is_on_its_page() -> None:
    for script, page in (
        ("home.js", "index.html"),
        ("dom.js", "index.html"),
        ("reference.js", "reference.html"),
        ("callback.js", "callback.html"),
    ):
        text = ASSETS[script].content.decode()
        wanted = re.findall(r"(?:byId|getElementById|show|tell)\('([a-z]+)'", text)
        missing = set(wanted) - Page(FILES[page].content.decode()).ids
        assert not missing, f"{script}: {missing}"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("style.css", "text/css; charset=utf-8"),
        ("home.js", "text/javascript; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
    ],
)
async def test_an_asset_has_its_type_and_is_revalidated(
    browser: httpx.AsyncClient, name: str, kind: str
) -> None:
    answer = await browser.get(f"/assets/{name}")
    assert answer.headers["content-type"] == kind
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.content == ASSETS[name].content
    assert answer.headers["etag"] == ASSETS[name].etag


@pytest.mark.parametrize("path", ["/assets/style.css", "/", "/svc/auth/v3/api-docs"])
async def test_what_has_not_changed_is_not_sent_again(
    browser: httpx.AsyncClient, path: str
) -> None:
    first = await browser.get(path)
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await browser.get(path, headers={"If-None-Match": known})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == tag
        policy = first.headers.get("content-security-policy")
        assert again.headers.get("content-security-policy") == policy
    assert (await browser.get(path, headers={"If-None-Match": '"old"'})).status_code == 200


async def test_the_callback_is_never_stored(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/oauth/callback?accessToken=a.b.c&refreshToken=d.e.f")
    assert answer.headers["cache-control"] == "no-store"
    assert "a.b.c" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/assets/nothing.js",
        "/assets/index.html",
        "/assets/../routes.py",
        "/assets/%2e%2e%2froutes.py",
        "/assets/..%2f__init__.py",
        "/svc/auth/swagger-ui/routes.py",
    ],
)
async def test_only_known_assets_are_served(browser: httpx.AsyncClient, path: str) -> None:
    assert (await browser.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/favicon.svg", "/favicon.ico"])
async def test_browsers_find_our_mark(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.content.startswith(b"<svg")


@pytest.mark.parametrize("path", [*PAGES, "/assets/style.css"])
async def test_head_tells_what_get_would(browser: httpx.AsyncClient, path: str) -> None:
    head, whole = await browser.head(path), await browser.get(path)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers == whole.headers


async def test_the_document_describes_the_service_and_not_the_pages(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.get("/svc/auth/v3/api-docs")
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert document["openapi"].startswith("3.")
    assert document["info"] == {"title": "weAlist", "version": "1.2.3"}
    assert list(document["paths"]) == ["/svc/user/api/pets"]


def test_the_app_serves_no_page_of_the_framework_which_would_load_scripts_from_elsewhere() -> None:
    routes = {route.path for route in create_app(from_env({})).routes}
    ours = {"", "/api-docs", "/openapi.json", "/{path:str}"}
    assert {path for path in routes if path.startswith("/svc/auth/v3")} == {
        f"/svc/auth/v3{end}" for end in ours
    }


def test_pages_are_for_anybody() -> None:
    assert {handler.opt.get("access") for handler in handlers} == {"public"}
