"""Authorization as data: who may do what, and what the others are told.

A service's `access.py` maps each action to a `Rule`. Every route names its access in `opt`:
an action of such a table, or one of the words in `WORDS`. The table makes
`docs/permissions.md` and the expectations of the test matrix, so neither can lag behind.
"""

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from wealist.core.errors import Forbidden, NotFound

WORDS = {
    "public": "anybody, no token needed",
    "signed": "anybody who holds the signed link",
    "caller": "any signed-in person, about what is his own",
    "internal": "other services at the internal port; what touches users wants a key too",
}


class Role(StrEnum):
    """A person's role in a workspace."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"


ANYONE_INSIDE = frozenset(Role)
LEADERS = frozenset({Role.OWNER, Role.ADMIN})


class Rule(NamedTuple):
    """Which roles may do an action: any one is enough. `says` is told to those who may not.

    Outsiders get 404, except in a *public* workspace, whose existence is no secret: there
    `told` gives them 403 (clients of the contract expect it) and `open` lets them in.
    """

    roles: frozenset[StrEnum]
    says: str = "you may not do this here"
    told: bool = False
    open: bool = False


Table = Mapping[str, Rule]


def require(rule: Rule, roles: Collection[StrEnum], *, visible: bool, missing: str) -> None:
    """Raise unless one of `roles` (none: an outsider) may act; `visible`: he may know it exists.

    Raises `NotFound(missing)` or `Forbidden`.
    """
    if not rule.roles.isdisjoint(roles) or (not roles and rule.open and visible):
        return
    if not roles and not (rule.told and visible):
        raise NotFound(missing)
    raise Forbidden(rule.says)


class RouteAccess(NamedTuple):
    """One route of the application and who may use it."""

    method: str
    path: str
    access: str


def routes(app: Any) -> Iterator[RouteAccess]:
    """Every HTTP and WebSocket route of a Litestar app with its declared access ("" if none)."""
    for route in app.routes:
        handlers = getattr(route, "route_handlers", None) or [route.route_handler]
        for handler in handlers:
            access = str(handler.opt.get("access", ""))
            methods = getattr(handler, "http_methods", None) or {"WS"}
            for method in sorted(methods - {"OPTIONS"} if len(methods) > 1 else methods):
                if method != "OPTIONS":
                    yield RouteAccess(method, route.path_format, access)
