"""The API document: what Litestar can't know of our answers."""

from litestar import Litestar
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.router import Router
from msgspec import Struct

from wealist import __version__
from wealist.core.envelopes import service_of


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
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        openapi_router=Router(
            path, route_handlers=[], opt={"access": "public"}, include_in_schema=False
        ),
    )


def describe_errors(app: Litestar) -> None:
    """Give each endpoint of a service the error body that its clients read."""
    for route in app.routes:
        service = service_of(route.path_format)
        body = Problem if service == "auth" else ErrorBody
        for handler in getattr(route, "route_handlers", ()):
            if service and getattr(handler, "responses", ...) is None:
                handler.responses = {
                    400: ResponseSpec(body, description="Bad request", generate_examples=False)
                }
