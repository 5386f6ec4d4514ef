"""The check in front of every route: who is calling, then where to, before anybody reads a body.

That is the order of the contract (user.md §1). It also makes sure that a route which isn't
declared open is never reached without a token, whatever its handler forgets.

An ASGI middleware and not a Litestar guard: a guard costs a tenth of a request, since Litestar
copies the route handler for each call of one.
"""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from wealist.core.errors import AppError, BadRequest, Unauthorized
from wealist.core.identity import authenticate, caller
from wealist.core.params import uuid, workspace_header

OPEN = frozenset({"public", "signed", "internal"})
"""Kinds of access (`core.access.WORDS`) that need no token."""


class Entrance(ASGIMiddleware):
    """Raises `Unauthorized` without a caller, `BadRequest` for a path id that is no UUID and, where
    a route has `opt["workspace_header"]`, for a missing or malformed `X-Workspace-Id`.

    `opt["bad_id"]` is how a service's clients know the refusal of an id.

    With `opt["token_in_query"]` a route takes `?token=`, and the header only without it. What it
    says to strangers may be its own: `opt["strangers"]`, without a token and with a wrong one.

    Sockets show their token in the query, so `live.py` of their service lets them in.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["route_handler"].opt.get("access") not in OPEN:
            if scope["route_handler"].opt.get("token_in_query"):
                await _by_query(scope)
            _caller(scope)
            for name, text in scope["path_params"].items():
                if name.endswith("_id"):
                    _check_id(str(text), name.removesuffix("_id"), scope["route_handler"].opt)
            if scope["route_handler"].opt.get("workspace_header"):
                workspace_header(Headers.from_scope(scope).get("x-workspace-id"))
        await next_app(scope, receive, send)


def _check_id(text: str, noun: str, opt: dict[str, Any]) -> None:
    try:
        uuid(text, f"{noun}Id")
    except BadRequest:
        if says := opt.get("bad_id"):
            raise BadRequest(says.format(noun)) from None
        raise


def _caller(scope: Scope) -> None:
    """Raise `Unauthorized` without a caller, in the words of the route if it has some."""
    try:
        caller(scope)
    except Unauthorized as error:
        if says := scope["route_handler"].opt.get("strangers"):
            without, wrong = says
            raise Unauthorized(wrong if "caller_error" in scope["state"] else without) from error
        raise


async def _by_query(scope: Scope) -> None:
    """Let `?token=` stand for the header, which an EventSource can't send (noti.md §1.1)."""
    state = scope["state"]
    token: str | None = ASGIConnection(scope).query_params.get("token")
    if token:
        state.pop("caller", None)
        state.pop("caller_error", None)
        try:
            state["caller"], state["token"] = await authenticate(token), token
        except AppError as error:
            state["caller_error"] = error
