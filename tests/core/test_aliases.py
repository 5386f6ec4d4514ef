"""Every row of the contract's alias rule, and every way around what is closed."""

from urllib.parse import unquote

import pytest

from wealist.core import aliases
from wealist.core.aliases import canonical, closed, own_port, probe
from wealist.core.envelopes import SERVICES

ROWS = [
    # Row by row, in the contract's order.
    *((f"/api/svc/{service}/X/y", f"/svc/{service}/X/y") for service in SERVICES),
    *((f"/api/svc/{service}", f"/svc/{service}") for service in SERVICES),
    ("/api/ops/api/users/me", "/svc/ops/api/users/me"),
    ("/api/oauth2/authorization/google", "/svc/auth/oauth2/authorization/google"),
    ("/oauth2/callback/google", "/svc/auth/oauth2/callback/google"),
    ("/login/oauth2/code/google", "/svc/auth/login/oauth2/code/google"),
    ("/api/auth/refresh", "/svc/auth/api/auth/refresh"),
    ("/api/auth/api/auth/refresh", "/svc/auth/api/auth/refresh"),
    ("/api/auth/api/auth/logout", "/svc/auth/api/auth/logout"),
    ("/api/users", "/svc/user/api/users"),
    ("/api/users/me", "/svc/user/api/users/me"),
    ("/api/workspaces", "/svc/user/api/workspaces"),
    ("/api/workspaces/all", "/svc/user/api/workspaces/all"),
    ("/api/profiles", "/svc/user/api/profiles"),
    ("/api/profiles/all/me", "/svc/user/api/profiles/all/me"),
    ("/api/boards/api/projects", "/svc/board/api/projects"),
    ("/api/boards/ws/project/7", "/svc/board/ws/project/7"),
    ("/api/boards", "/svc/board/api"),
    ("/api/boards/boards/project/7", "/svc/board/api/boards/project/7"),
    ("/api/board/api/projects", "/svc/board/api/projects"),
    ("/ws/project/7", "/svc/board/ws/project/7"),
    ("/api/chats", "/svc/chat/api/chats"),
    ("/api/chats/ws/7", "/svc/chat/api/chats/ws/7"),
    ("/api/chats/ws/presence", "/svc/chat/api/chats/ws/presence"),
    ("/api/notifications", "/svc/noti/api/notifications"),
    ("/api/notifications/stream", "/svc/noti/api/notifications/stream"),
    ("/api/internal/notifications", "/svc/noti/api/internal/notifications"),
    ("/api/internal/notifications/bulk", "/svc/noti/api/internal/notifications/bulk"),
    ("/api/storage/api/storage/files/7", "/svc/storage/api/storage/files/7"),
    ("/api/storage/files/7", "/svc/storage/api/storage/files/7"),
    ("/api/storage", "/svc/storage/api/storage"),
    ("/api/public/storage/shares/link/x", "/svc/storage/api/public/storage/shares/link/x"),
    ("/svc/storage/storage/files/7", "/svc/storage/api/storage/files/7"),
    ("/svc/storage/public/storage/share/x", "/svc/storage/api/public/storage/share/x"),
    # The prefix the browser uses, in front of a row that is an alias itself.
    ("/api/svc/storage/storage/files/7", "/svc/storage/api/storage/files/7"),
    ("/api/svc/storage/public/storage/share/x", "/svc/storage/api/public/storage/share/x"),
]

UNCHANGED = [
    "/",
    "/health",
    "/oauth/callback",
    "/objects/user/0190/a.png",
    "/schema/openapi.json",
    "/api/ops-portal",
    "/api/ops-portal/login",
    "/api/svc/unknown/api",
    "/api/usersandmore",
    "/api/opsx",
    "/svc/user/api/users/me",
    "/svc/auth/.well-known/jwks.json",
    "/ws",
]


@pytest.mark.parametrize(("alias", "expected"), ROWS)
def test_each_alias_leads_to_its_canonical_path(alias: str, expected: str) -> None:
    assert canonical(alias) == expected


@pytest.mark.parametrize(("alias", "expected"), ROWS)
def test_a_canonical_path_stays_what_it_is(alias: str, expected: str) -> None:
    assert canonical(expected) == expected


@pytest.mark.parametrize("path", UNCHANGED)
def test_what_no_row_covers_is_left_alone(path: str) -> None:
    assert canonical(path) == path


def test_every_row_of_the_table_is_tested() -> None:
    tested = {alias for alias, _ in ROWS} | set(UNCHANGED)
    for prefix in aliases.ALIASES:
        assert any(path == prefix or path.startswith(f"{prefix}/") for path in tested), prefix


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("/api/svc/auth/", "/svc/auth"),
        ("//api//svc/user///api/users/me", "/svc/user/api/users/me"),
        ("/svc/user/api/users/me/", "/svc/user/api/users/me"),
        ("/api/workspaces/all/", "/svc/user/api/workspaces/all"),
        ("/svc/user/./api/./users", "/svc/user/api/users"),
        ("/svc/user/x/../api/users", "/svc/user/api/users"),
        ("/../../svc/user", "/svc/user"),
        ("", "/"),
        ("///", "/"),
        ("/svc/user/api/x..y/..z", "/svc/user/api/x..y/..z"),
        ("/svc/auth/.well-known/jwks.json/", "/svc/auth/.well-known/jwks.json"),
    ],
)
def test_empty_and_dot_segments_and_a_last_slash_are_dropped(spelling: str, expected: str) -> None:
    assert canonical(spelling) == expected


@pytest.mark.parametrize(
    ("service", "path", "expected"),
    [
        ("user", "/api/internal/oauth/login", "/svc/user/api/internal/oauth/login"),
        ("user", "/health", "/svc/user/health"),
        ("user", "/", "/svc/user"),
        ("ops", "/api/users/me", "/svc/ops/api/users/me"),
        ("board", "/api/boards/7", "/svc/board/api/boards/7"),
        ("board", "/ws/project/7", "/svc/board/ws/project/7"),
        ("storage", "/storage/files/7", "/svc/storage/api/storage/files/7"),
        ("auth", "/.well-known/jwks.json", "/svc/auth/.well-known/jwks.json"),
        ("noti", "/api/svc/user/api/users", "/svc/user/api/users"),
        ("chat", "/svc/user/api/users", "/svc/user/api/users"),
    ],
)
def test_on_a_services_own_host_everything_is_below_that_service(
    service: str, path: str, expected: str
) -> None:
    assert canonical(path, service) == expected


@pytest.mark.parametrize(
    ("host", "service"),
    [
        (b"user-service:8081", "user"),
        (b"auth-service", "auth"),
        (b"NOTI-service.wealist.svc.cluster.local:8002", "noti"),
        (b"wealist.co.kr", None),
        (b"user-service-old", None),
        (b"my-user-service", None),
        (b"", None),
    ],
)
def test_a_services_own_host_is_known_by_its_name(host: bytes, service: str | None) -> None:
    assert own_port(host) == service


CLOSED = [
    *(f"/svc/{service}/metrics" for service in SERVICES),
    "/metrics",
    "/svc/board/api/metrics",
    "/svc/chat/api/chats/metrics",
    "/svc/user/api/internal/oauth/login",
    "/svc/noti/api/internal/notifications/bulk",
    "/svc/noti/api/internal",
    "/api/internal/anything",
    "/actuator",
    "/actuator/prometheus",
    "/svc/auth/actuator",
    "/svc/auth/actuator/info",
    "/svc/auth/actuator/metrics",
    "/svc/auth/actuator/metrics/jvm.memory.used",
    "/svc/auth/actuator/prometheus",
    "/svc/auth/actuator/healthcheck",
    "/svc/user/actuator/env",
]


@pytest.mark.parametrize("path", CLOSED)
def test_what_is_for_the_inside_is_closed_outside(path: str) -> None:
    assert closed(canonical(path))


TRICKS = [
    "/api/svc/user/api/internal/oauth/login",
    "/api/internal/notifications",
    "/api/boards/api/internal/x",
    "/api/boards/metrics",
    "/api/board/metrics",
    "/api/ops/metrics",
    "/svc/user/metrics/",
    "/svc/user//metrics",
    "//svc//user//metrics//",
    "/svc/user/./metrics",
    "/svc/user/x/../metrics",
    "/svc/auth/actuator/health/../prometheus",
    "/svc/auth/actuator/health/x/../../prometheus",
    "/svc/auth/actuator/health/..",
    "/svc/user/api/x/../internal/oauth/login",
    "/objects/../svc/user/api/internal/oauth/login",
    "/SVC/user/METRICS",
    "/svc/user/API/Internal/oauth/login",
    "/svc/auth/Actuator/Prometheus",
    "/svc/user/api%2Finternal/oauth/login",
    "/svc/user/api%2finternal%2Foauth/login",
    "/svc/user/%6detrics",
    "/svc/auth/actuator%2fprometheus",
    "/svc/auth/actuator/health/%2e%2e/prometheus",
    "/svc/auth/actuator/health%2F..%2Fprometheus",
    "/svc/user/api%252Finternal/oauth/login",
    "/svc/auth/actuator/health/%252e%252e/prometheus",
    "/svc/auth/actuator/health/%25252e%25252e/prometheus",
]


@pytest.mark.parametrize("asked", TRICKS)
def test_no_spelling_opens_what_is_closed(asked: str) -> None:
    # A server hands over the path decoded once; a proxy before it may have decoded it already.
    assert closed(canonical(unquote(asked)))


@pytest.mark.parametrize(
    "path",
    [
        "/svc/auth/actuator/health",
        "/svc/auth/actuator/health/liveness",
        "/svc/auth/actuator/health/readiness",
        "/svc/ops/api/monitoring/metrics/cluster",
        "/svc/ops/api/monitoring/metrics/services/user",
        "/svc/user/api/workspaces/public/metrics",
        "/svc/user/api/workspaces/public/actuator",
        "/svc/user/api/workspaces/public/100%",
        "/svc/user/api/workspaces/public/internal",
        "/svc/user/health/ready",
    ],
)
def test_what_only_looks_alike_stays_open(path: str) -> None:
    assert not closed(canonical(path))


def test_probes_are_known_by_their_whole_path() -> None:
    assert probe("/health")
    assert probe("/svc/auth/ready")
    assert probe("/svc/user/api/health/live")
    assert probe("/svc/chat/api/chats/health")
    assert probe("/svc/auth/actuator/health/liveness")
    assert not probe("/svc/ops/api/config/health")
    assert not probe("/svc/user/api/workspaces/public/metrics")
