"""Which pages may call: the allow-list, what it answers, and what it keeps to itself."""

import pytest

from wealist.core.cors import Cors
from wealist.core.settings import Settings

PROD = Settings(
    env="prod",
    public_url="https://wealist.example",
    cors_origins=("https://ops.wealist.example", "https://*.team.example", "http://127.0.0.1:*"),
)


@pytest.mark.parametrize(
    "origin",
    [
        b"https://wealist.example",
        b"https://ops.wealist.example",
        b"https://a.team.example",
        b"https://a.b.team.example",
        b"http://127.0.0.1:5173",
        b"http://127.0.0.1",
    ],
)
def test_a_listed_origin_is_echoed_with_credentials(origin: bytes) -> None:
    headers = dict(Cors(PROD).headers(origin))
    assert headers[b"access-control-allow-origin"] == origin
    assert headers[b"access-control-allow-credentials"] == b"true"
    assert headers[b"vary"] == b"Origin"
    exposed = headers[b"access-control-expose-headers"].split(b", ")
    for name in (b"X-Request-ID", b"ETag", b"X-Total-Count", b"Retry-After", b"X-RateLimit-Reset"):
        assert name in exposed
    assert {b"X-Next-Cursor", b"Idempotent-Replay"} <= set(exposed)


@pytest.mark.parametrize(
    "origin",
    [
        b"http://wealist.example",
        b"https://wealist.example.evil.example",
        b"https://evil.example",
        b"https://xteam.example",
        b"https://team.example",
        b"https://evil.example/.team.example",
        b"https://evil.example#.team.example",
        b"https://user@a.team.example",
        b"https://wealist.example:8443",
        b"http://localhost:3000",
        b"http://127.0.0.1:99x",
        b"null",
        b"",
        b"\xff",
    ],
)
def test_any_other_origin_learns_nothing(origin: bytes) -> None:
    cors = Cors(PROD)
    assert cors.headers(origin) == ((b"vary", b"Origin"),)
    assert cors.preflight(origin) == ()


def test_in_development_every_port_of_this_machine_is_allowed() -> None:
    cors = Cors(Settings())
    assert cors.allows(b"http://localhost:5173")
    assert cors.allows(b"http://127.0.0.1:8080")
    assert cors.allows(b"http://localhost")
    assert not cors.allows(b"http://localhost.evil.example")
    assert not cors.allows(b"https://wealist.co.kr")


def test_a_preflight_names_the_contracts_methods_and_headers() -> None:
    headers = dict(Cors(PROD).preflight(b"https://wealist.example"))
    methods = b"GET, POST, PUT, PATCH, DELETE, OPTIONS"
    assert headers[b"access-control-allow-methods"] == methods
    assert headers[b"access-control-max-age"] == b"86400"
    names = headers[b"access-control-allow-headers"].split(b", ")
    for name in (
        b"Origin",
        b"Content-Type",
        b"Accept",
        b"Authorization",
        b"X-Request-ID",
        b"X-Workspace-Id",
        b"traceparent",
        b"Idempotency-Key",
        b"If-Match",
        b"If-None-Match",
        b"Last-Event-ID",
    ):
        assert name in names


def test_a_request_without_origin_is_told_only_that_answers_vary() -> None:
    cors = Cors(PROD)
    assert cors.headers(None) == ((b"vary", b"Origin"),)
    assert cors.preflight(None) == ()


def test_many_different_origins_do_not_fill_the_memory() -> None:
    cors = Cors(PROD)
    for number in range(5000):
        cors.headers(f"https://{number}.evil.example".encode())
    assert len(cors._answers) <= 1024


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, b"wealist.example", True),
        (b"https://wealist.example", b"internal:8080", True),
        (b"http://192.168.1.5:8080", b"192.168.1.5:8080", True),
        (b"http://evil.example", b"192.168.1.5:8080", False),
        (b"null", b"192.168.1.5:8080", False),
        (b"http://[broken", b"192.168.1.5:8080", False),
        (b"http://evil.example", None, False),
    ],
)
def test_a_socket_opens_for_programs_allowed_pages_and_our_own_page(
    origin: bytes | None, host: bytes | None, allowed: bool
) -> None:
    assert Cors(PROD).allows_socket(origin, host) is allowed
