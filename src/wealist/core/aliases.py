"""Every address of an endpoint, translated to its one canonical path `/svc/{service}/X`.

The table is the contract's alias rule (common.md, last section). Paths are taken as they are
after percent-decoding. They are cleaned first (empty and dot segments, trailing slash), so what
is routed is exactly what was looked at when deciding what is closed.
"""

import re
from urllib.parse import unquote

from wealist.core.envelopes import SERVICES

ALIASES: dict[str, str] = {
    **{f"/api/svc/{service}": f"/svc/{service}" for service in SERVICES},
    "/api/ops-portal": "/api/ops-portal",
    "/api/ops": "/svc/ops",
    "/api/oauth2": "/svc/auth/oauth2",
    "/oauth2": "/svc/auth/oauth2",
    "/login/oauth2": "/svc/auth/login/oauth2",
    "/api/auth/api/auth": "/svc/auth/api/auth",
    "/api/auth": "/svc/auth/api/auth",
    "/api/users": "/svc/user/api/users",
    "/api/workspaces": "/svc/user/api/workspaces",
    "/api/profiles": "/svc/user/api/profiles",
    "/api/boards/api": "/svc/board/api",
    "/api/boards/ws": "/svc/board/ws",
    "/api/boards": "/svc/board/api",
    "/api/board": "/svc/board",
    "/ws/project": "/svc/board/ws/project",
    "/api/chats": "/svc/chat/api/chats",
    "/api/notifications": "/svc/noti/api/notifications",
    "/api/internal/notifications": "/svc/noti/api/internal/notifications",
    "/api/storage/api": "/svc/storage/api",
    "/api/storage": "/svc/storage/api/storage",
    "/api/public/storage": "/svc/storage/api/public/storage",
    "/svc/storage/storage": "/svc/storage/api/storage",
    "/svc/storage/public/storage": "/svc/storage/api/public/storage",
    "/api/svc/storage/storage": "/svc/storage/api/storage",
    "/api/svc/storage/public/storage": "/svc/storage/api/public/storage",
}
"""Prefix → canonical prefix. A prefix matches whole segments; the longest one wins."""

_PREFIX = re.compile(
    "("
    + "|".join(re.escape(prefix) for prefix in sorted(ALIASES, key=len, reverse=True))
    + ")(?=/|$)"
)
_HOST = re.compile(rb"(%s)-service(?:[.:]|$)" % "|".join(SERVICES).encode(), re.IGNORECASE)
_CLOSED = re.compile(
    r"/api/internal(?:/|$)"
    r"|^(?:/svc/[a-z]+)?(?:/api(?:/chats)?)?/(?:metrics(?:/|$)|actuator(?!/health(?:/|$)))",
    re.IGNORECASE,
)
_BASES = ("", *(f"/svc/{service}{base}" for service in SERVICES for base in ("", "/api")))
_PROBES = frozenset(
    f"{base}/{name}"
    for base in (*_BASES, "/svc/chat/api/chats")
    for name in (
        "metrics",
        "health",
        "health/live",
        "health/ready",
        "ready",
        "live",
        "readyz",
        "livez",
        "healthz",
        "actuator/health",
        "actuator/health/liveness",
        "actuator/health/readiness",
        "actuator/prometheus",
    )
)
_DECODINGS = 3


def canonical(path: str, service: str | None = None) -> str:
    """The canonical form of a percent-decoded path; what no alias covers is only cleaned.

    With `service`, the path was asked on that service's own host: everything that doesn't name
    a service itself is below it.
    """
    if "//" in path or "/." in path or path[-1:] == "/" or path[:1] != "/":
        path = _clean(path)
    if service is not None and not path.startswith(("/svc/", "/api/svc/")):
        path = f"/svc/{service}{path}" if path != "/" else f"/svc/{service}"
    if found := _PREFIX.match(path):
        return ALIASES[found[1]] + path[found.end() :]
    return path


def _clean(path: str) -> str:
    """Without empty and dot segments, and without a trailing slash (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept)


def own_port(host: bytes) -> str | None:
    """The service whose own host name this is (`user-service:8081`), if it is one."""
    found = _HOST.match(host)
    return found[1].decode().lower() if found else None


def closed(path: str) -> bool:
    """Whether a canonical path is for the internal port only.

    A path that still holds percent signs was encoded twice; it is judged by what it would become
    if somebody decoded it again.
    """
    lower = path.lower()
    if not ("internal" in lower or "metrics" in lower or "actuator" in lower or "%" in lower):
        return False
    for _ in range(_DECODINGS):
        if _CLOSED.search(path):
            return True
        if "%" not in path:
            return False
        path = canonical(unquote(path))
    return _CLOSED.search(path) is not None


def probe(path: str) -> bool:
    """Whether a canonical path is a health or metrics endpoint, which is neither limited, counted
    nor logged above debug level."""
    return path in _PROBES
