"""The addresses of the pages, of their assets and of the OpenAPI document."""

from typing import Any

import msgspec
from litestar import HttpMethod, Request, Response, route
from litestar.params import FromPath

from wealist.core.errors import NotFound
from wealist.pages.files import ASSETS, PAGES, File, answer, file

READ = (HttpMethod.GET, HttpMethod.HEAD)
ACCESS = {"access": "public"}

PAGE_HEADERS = {
    # Pictures and uploads are wherever the object store is, so these two name no host.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' data: blob: http: https:; connect-src 'self' http: https:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
DOCUMENT = "openapi_document"

AnyRequest = Request[Any, Any, Any]


def _send(request: AnyRequest, wanted: File, headers: dict[str, str]) -> Response[Any]:
    return answer(wanted, request.headers.get("if-none-match"), headers)


@route("/", http_method=READ, opt=ACCESS, include_in_schema=False)
async def welcome(request: AnyRequest) -> Response[Any]:
    """What weAlist is; after sign-in, a person's workspaces and profile."""
    return _send(request, PAGES["index.html"], PAGE_HEADERS)


@route("/oauth/callback", http_method=READ, opt=ACCESS, include_in_schema=False)
async def signed_in(request: AnyRequest) -> Response[Any]:
    """Where a sign-in ends: keeps the tokens of the query and goes to the welcome page."""
    return _send(request, PAGES["callback.html"], {**PAGE_HEADERS, "cache-control": "no-store"})


@route("/svc/auth/swagger-ui/index.html", http_method=READ, opt=ACCESS, include_in_schema=False)
async def reference(request: AnyRequest) -> Response[Any]:
    """The API reference, drawn from the OpenAPI document."""
    return _send(request, PAGES["reference.html"], PAGE_HEADERS)


@route("/svc/auth/v3/api-docs", http_method=READ, opt=ACCESS, include_in_schema=False)
async def document(request: AnyRequest) -> Response[Any]:
    """The OpenAPI document, encoded at the first request."""
    state = request.app.state
    if state.get(DOCUMENT) is None:
        schema = request.app.openapi_schema.to_schema()
        state[DOCUMENT] = file(msgspec.json.encode(schema), "application/json")
    return _send(request, state[DOCUMENT], {})


# The second address lies beside the API reference, for gateways that pass only `/svc/` on to us.
@route(
    ["/assets/{name:str}", "/svc/auth/swagger-ui/{name:str}"],
    http_method=READ,
    opt=ACCESS,
    include_in_schema=False,
)
async def asset(request: AnyRequest, name: FromPath[str]) -> Response[Any]:
    """A style sheet, script or picture. Raises `NotFound` for any other name."""
    if name not in ASSETS:
        raise NotFound("there is nothing under this address")
    return _send(request, ASSETS[name], {})


@route(["/favicon.svg", "/favicon.ico"], http_method=READ, opt=ACCESS, include_in_schema=False)
async def icon(request: AnyRequest) -> Response[Any]:
    """Our mark, also for browsers that ask for the older name."""
    return _send(request, ASSETS["favicon.svg"], {})


handlers = [welcome, signed_in, reference, document, asset, icon]
