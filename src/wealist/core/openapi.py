"""The API document: what Litestar can't know of our answers."""

from litestar import Litestar
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, Reference, SecurityRequirement, SecurityScheme
from litestar.router import Router
from msgspec import Struct

from wealist import __version__
from wealist.core import entrance, internal
from wealist.core.envelopes import service_of

_TOKEN: SecurityRequirement = {"bearer": []}
_KEY: SecurityRequirement = {"internalKey": []}
_NOTHING: SecurityRequirement = {}

_SCHEMES: dict[str, SecurityScheme | Reference] = {
    "bearer": SecurityScheme(
        type="http",
        scheme="bearer",
        bearer_format="JWT",
        description="The access token of a sign-in.",
    ),
    "internalKey": SecurityScheme(
        type="apiKey",
        name=internal.HEADER,
        security_scheme_in="header",
        description="The key that services share; at the internal port only.",
    ),
}


class Problem(Struct):
    """What went wrong: a code for programs, a sentence for people."""

    code: str
    message: str


class ErrorBody(Struct):
    """The error envelope of most services (contract, common.md §6)."""

    error: Problem


def config() -> OpenAPIConfig:
    """Title and address of the document. Without a plugin of ours Litestar would add its pages,
    which load scripts from other hosts."""
    path = "/svc/auth/v3"
    return OpenAPIConfig(
        title="weAlist",
        version=__version__,
        path=path,
        components=Components(security_schemes=_SCHEMES),
        security=[_TOKEN],
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        openapi_router=Router(
            path, route_handlers=[], opt={"access": "public"}, include_in_schema=False
        ),
    )


def describe(app: Litestar) -> None:
    """Give each endpoint of a service the error body that its clients read, and say what the
    caller has to show where that isn't a token."""
    for route in app.routes:
        service = service_of(route.path_format)
        body = Problem if service == "auth" else ErrorBody
        for handler in getattr(route, "route_handlers", ()):
            if service and getattr(handler, "responses", ...) is None:
                handler.responses = {
                    400: ResponseSpec(body, description="Bad request", generate_examples=False)
                }
            if handler.opt.get("access") in entrance.OPEN:
                guarded = internal.internal_key in handler.resolve_guards()
                handler.security = [_KEY if guarded else _NOTHING]
