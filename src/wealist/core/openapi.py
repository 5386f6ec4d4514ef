"""The API document: what Litestar can't know of our answers and parameters."""

from dataclasses import fields
from functools import partial
from typing import Any, cast

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIFormat,
    OpenAPIType,
    Operation,
    Parameter,
    Reference,
    Schema,
    SecurityRequirement,
    SecurityScheme,
)
from litestar.router import Router
from msgspec import UNSET, Struct, UnsetType

from wealist import __version__
from wealist.core import access, entrance, internal
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

_SAID = {
    400: "A path, query, header or body that can't be what was meant",
    401: "No token or key, or one that doesn't count any more",
    403: "The caller may not do this",
    404: "There is no such thing, or the caller may not know of it",
    408: "The body took too long to arrive",
    409: "What is there already, or has changed in the meantime, is in the way",
    412: "`If-Match` names an older version; `current` is how it looks now",
    413: "The body is too large",
    422: "This `Idempotency-Key` was used for another request",
    429: "Too many calls, or too much that waits; `Retry-After` says how long to wait",
    503: "Something that is needed can't be reached; `Retry-After` says when to try again",
}
"""What each error means, on whatever route."""

_IDEMPOTENCY = "Makes it safe to repeat this: it is carried out once, and answered alike each time."
_NOT_IDS = frozenset({"assigneeId", "lastEventId"})
"""Query parameters that take something else than an id, or words beside one."""


class Problem(Struct):
    """What went wrong: a code for programs, a sentence for people."""

    code: str
    message: str


class ErrorBody(Struct):
    """The error envelope of most services (contract, common.md §6)."""

    error: Problem


class FieldProblem(Problem):
    """A problem that may name the member or parameter at fault."""

    details: str | UnsetType = UNSET


class BoardErrorBody(Struct, rename="camel"):
    """The error envelope of board."""

    error: FieldProblem
    request_id: str


class Outdated(ErrorBody):
    """The error of a change to an older version, with the state to merge with."""

    current: dict[str, Any]


class TooManyBody(Struct, rename="camel"):
    """The body of every 429."""

    error: str
    message: str
    retry_after: int


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


def shows(kind: Any, said: str, media_type: str = "application/json") -> ResponseSpec:
    """An answer for a route's `responses`, which win over what is found out here."""
    return ResponseSpec(kind, description=said, media_type=media_type, generate_examples=False)


def describe(app: Litestar) -> None:
    """Complete what each endpoint says of itself: the errors by what it is (`opt["errors"]` adds
    to those), what the caller has to show where that isn't a token, and its parameters."""
    for route in app.routes:
        service = service_of(route.path_format)
        for handler in getattr(route, "route_handlers", ()):
            if not handler.resolve_include_in_schema():
                continue
            guarded = internal.internal_key in handler.resolve_guards()
            if handler.opt.get("access") in entrance.OPEN:
                handler.security = [_KEY if guarded else _NOTHING]
            found = _errors(handler, service, guarded=guarded)
            errors = {status: shows(_body(service, status), _SAID[status]) for status in found}
            handler.responses = errors | (handler.responses or {})
            handler.operation_class = cast("type[Operation]", partial(_operation, handler))


def _errors(handler: HTTPRouteHandler, service: str, *, guarded: bool) -> list[int]:
    """The statuses of the errors that a route may answer."""
    kind, takes = handler.opt.get("access"), handler.parsed_fn_signature.parameters
    post, writes = "POST" in handler.http_methods, "GET" not in handler.http_methods
    known = kind != "public"  # the caller, or the other service
    rules = {
        401: guarded or kind not in entrance.OPEN,
        403: kind not in access.WORDS or (known and writes),
        404: known,  # internal routes aren't there for the public
        408: "data" in takes,
        409: known and writes,
        412: "if_match" in takes,
        413: "data" in takes,
        422: post and service != "auth",
    }
    asked: tuple[int, ...] = handler.opt.get("errors", ())
    return sorted({400, 429, 503, *asked, *(status for status, may in rules.items() if may)})


def _body(service: str, status: int) -> type[Struct]:
    """The envelope of an error, as `envelopes.py` makes it."""
    if status == 429:
        return TooManyBody
    if service == "auth":
        return Problem
    if status == 412:
        return Outdated
    return BoardErrorBody if service == "board" and status != 401 else ErrorBody


def _operation(handler: HTTPRouteHandler, **given: Any) -> Operation:
    """Litestar's description of an endpoint, made exact where it knows only of text."""
    operation = Operation(**given)
    parameters = cast("list[Parameter]", operation.parameters or [])
    for parameter in parameters:
        parameter.schema = _plain(cast("Schema", parameter.schema))
        if parameter.name == "X-Workspace-Id":
            parameter.required = True  # `entrance.py` asks for it
        if _is_id(parameter):
            parameter.schema.format = OpenAPIFormat.UUID
    operation.responses = dict(sorted((operation.responses or {}).items()))
    if "422" in operation.responses:
        text = Schema(type=OpenAPIType.STRING, min_length=1, max_length=255)
        parameters.append(
            Parameter("Idempotency-Key", "header", schema=text, description=_IDEMPOTENCY)
        )
    operation.parameters = [*parameters] or None
    if operation.request_body is not None:
        data = handler.parsed_fn_signature.parameters["data"]
        operation.request_body.required = not data.has_default  # type: ignore[union-attr]
    return operation


def _is_id(parameter: Parameter) -> bool:
    """Whether the handler, or `entrance.py`, reads a parameter as a UUID; its name tells."""
    name = parameter.name
    return name.endswith(("_id", "Id")) and name not in _NOT_IDS


def _plain(schema: Schema) -> Schema:
    """The schema of a parameter without null: what is absent isn't sent."""
    inner = [one for one in schema.one_of or () if getattr(one, "type", "") != OpenAPIType.NULL]
    if len(inner) != 1 or not isinstance(inner[0], Schema):
        return schema
    for field in fields(Schema):
        if field.name != "one_of" and getattr(schema, field.name) is None:
            setattr(schema, field.name, getattr(inner[0], field.name))
    schema.one_of = None
    return schema
