"""The check in front of every route: who is calling, then where to, before anybody reads a body.

That is the order of the contract (user.md §1). It also makes sure that a route which isn't
declared open is never reached without a token, whatever its handler forgets.

An ASGI middleware and not a Litestar guard: a guard costs a tenth of a request, since Litestar
copies the route handler for each call of one.
"""

from litestar.connection import ASGIConnection
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from wealist.core.errors import AppError
from wealist.core.identity import authenticate, caller
from wealist.core.params import uuid, workspace_header

OPEN = frozenset({"public", "signed", "internal"})
"""Kinds of access (`core.access.WORDS`) that need no token."""


class Entrance(ASGIMiddleware):
    """Raises `Unauthorized` without a caller, `BadRequest` for a path id that is no UUID and, where
    a route has `opt["workspace_header"]`, for a missing or malformed `X-Workspace-Id`.

    With `opt["token_in_query"]` a route takes `?token=` where there is no header.

    Sockets show their token in the query, so `live.py` of their service lets them in.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["route_handler"].opt.get("access") not in OPEN:
            if scope["route_handler"].opt.get("token_in_query"):
                await _by_query(scope)
            caller(scope)
            for name, text in scope["path_params"].items():
                if name.endswith("_id"):
                    uuid(str(text), name.removesuffix("_id") + "Id")
            if scope["route_handler"].opt.get("workspace_header"):
                workspace_header(Headers.from_scope(scope).get("x-workspace-id"))
        await next_app(scope, receive, send)


async def _by_query(scope: Scope) -> None:
    """Let `?token=` stand for the header, which an EventSource can't send."""
    state = scope["state"]
    token: str | None = ASGIConnection(scope).query_params.get("token")
    if token and "caller" not in state and "caller_error" not in state:
        try:
            state["caller"], state["token"] = await authenticate(token), token
        except AppError as error:
            state["caller_error"] = error
