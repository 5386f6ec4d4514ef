"""The edge around small apps: what it lets in, what it adds, what it says about it."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
import structlog
from litestar import Litestar, get, post
from litestar.params import FromPath, JSONBody
from msgspec import structs

from tests.core.edge_peers import DEV, Echo, client, exchange, http_scope, logged, serving
from wealist.core import envelopes, identity, keys, metrics
from wealist.core.context import current
from wealist.core.edge import Edge
from wealist.core.errors import Conflict
from wealist.core.ids import uuid7
from wealist.core.mint import Mint
from wealist.core.settings import Settings
from wealist.core.token_pairs import Pair
from wealist.core.tokens_local import LocalTokenStore

PROD = Settings(env="prod", public_url="https://wealist.example")
LIMITED = Settings(rate_limit_enabled=True, rate_limit_per_minute=2)


@pytest.fixture(scope="module")
def user_id() -> UUID:
    return uuid7()


@pytest.fixture(scope="module")
async def token(user_id: UUID, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A valid access token, and a process that can tell."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("keys"))
    mint, store = Mint(keys.load(settings), settings), LocalTokenStore(":memory:")
    pair = Pair(
        user_id=user_id,
        family="a family",
        access_id="an access token",
        refresh_id="a refresh token",
        issued_at=int(time.time()),
    )
    await store.start(pair, now=time.time(), ttl=600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "_verifier", identity.Verifier(mint, store))
        yield mint.mint(pair).access
    await store.close()


# --- ids and paths -------------------------------------------------------------------------------


async def test_a_sane_request_id_is_kept_everywhere() -> None:
    app = Echo()
    with logged() as lines:
        async with client(app) as http:
            response = await http.get("/svc/user/x", headers={"X-Request-ID": "job-1.a_B"})
    assert response.headers["x-request-id"] == "job-1.a_B"
    assert app.state["request_id"] == "job-1.a_B"
    assert lines.access()[0]["request_id"] == lines.access()[0]["http.request_id"] == "job-1.a_B"


@pytest.mark.parametrize("given", [None, "", "with space", "a" * 129, "line\tbreak", "é", "a;b"])
async def test_any_other_request_id_is_replaced(given: str | None) -> None:
    headers = {} if given is None else {"X-Request-ID": given.encode("latin-1")}
    async with client(Echo()) as http:
        response = await http.get("/svc/user/x", headers=headers)
        again = await http.get("/svc/user/x", headers=headers)
    made = UUID(response.headers["x-request-id"])
    assert made.version == 4
    assert made.variant == "specified in RFC 4122"
    assert again.headers["x-request-id"] != response.headers["x-request-id"]


async def test_the_app_sees_the_canonical_path_and_the_untouched_query() -> None:
    app = Echo()
    async with client(app) as http:
        await http.get("/api/svc/user//api/users/?a=%2F..%2F&a=2&redirect=//x/")
    assert app.scope["path"] == "/svc/user/api/users"
    assert app.scope["query_string"] == b"a=%2F..%2F&a=2&redirect=//x/"
    assert app.state["original_path"] == "/api/svc/user//api/users/"


async def test_a_services_own_host_name_stands_for_its_prefix() -> None:
    app = Echo()
    async with client(app, internal=True) as http:
        await http.post("/api/internal/oauth/login", headers={"Host": "user-service:8081"})
    assert app.scope["path"] == "/svc/user/api/internal/oauth/login"


async def test_the_gateways_own_health_needs_no_app() -> None:
    app = Echo()
    async with client(app) as http:
        response = await http.get("/health")
    assert (response.status_code, response.text) == (200, "healthy\n")
    assert response.headers["content-type"].startswith("text/plain")
    assert app.scopes == []


async def test_other_messages_than_requests_pass_through() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    await exchange(Edge(app, settings=DEV), {"type": "lifespan"})
    assert seen == ["lifespan"]


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/svc/user/metrics",
        "/api/svc/user/api/internal/oauth/login",
        "/svc/user/api%2Finternal%2Foauth/login",
        "/svc/auth/actuator/prometheus",
        "/svc/auth/actuator/health/%2e%2e/prometheus",
        "/svc/auth/actuator/health%2F..%2Fprometheus",
        "/api/internal/notifications",
    ],
)
async def test_a_closed_path_looks_like_one_that_does_not_exist(path: str) -> None:
    app = Echo()
    async with client(app) as http:
        response = await http.get(path)
        missing = await http.get("/svc/user/no/such/path")
    assert response.status_code == 404
    assert app.scopes == [app.scope]  # only the other one arrived
    assert app.scope["path"] == "/svc/user/no/such/path"
    assert missing.status_code == 200


async def test_a_closed_path_is_answered_in_its_services_envelope() -> None:
    async with client(Echo()) as http:
        noti = await http.get("/api/internal/notifications")
        board = await http.get("/svc/board/metrics", headers={"X-Request-ID": "r-1"})
    assert noti.json()["success"] is False
    assert noti.json()["error"]["code"] == "NOT_FOUND"
    assert board.json()["requestId"] == "r-1"


async def test_the_internal_edge_serves_what_is_closed_outside() -> None:
    app = Echo()
    async with client(app, internal=True) as http:
        assert (await http.get("/svc/user/metrics")).status_code == 200
        assert (await http.get("/api/internal/notifications")).status_code == 200
    assert app.scope["path"] == "/svc/noti/api/internal/notifications"


@pytest.mark.parametrize(
    "address", ["/svc/user/a%00b", "/svc/user/a?b=%00", "/svc/user/a%2500", "/svc/user/a?b%00=1"]
)
async def test_a_nul_in_an_address_is_a_bad_request(address: str) -> None:
    app = Echo()
    async with client(app) as http:
        response = await http.get(address)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "BAD_REQUEST"
    assert app.scopes == []


# --- who calls -----------------------------------------------------------------------------------


async def test_a_forwarded_address_counts_only_from_a_trusted_proxy() -> None:
    app = Echo()
    headers = {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https"}
    async with client(app, address="10.0.0.1") as http:
        response = await http.get("/svc/user/x", headers=headers)
    assert app.state["client_address"] == "10.0.0.1"
    assert "strict-transport-security" not in response.headers
    trusting = structs.replace(DEV, trusted_proxies=("10.0.0.0/8",))
    async with client(app, trusting, address="10.0.0.1") as http:
        response = await http.get("/svc/user/x", headers=headers)
    assert app.state["client_address"] == "198.51.100.1"
    assert app.scope["scheme"] == "https"
    assert response.headers["strict-transport-security"].startswith("max-age=")


async def test_a_valid_token_puts_the_caller_into_the_state(token: str, user_id: UUID) -> None:
    app = Echo()
    async with client(app) as http:
        for scheme in ("Bearer", "bearer", "BEARER"):
            await http.get("/svc/user/x", headers={"Authorization": f"{scheme} {token}"})
            assert app.state["caller"].user_id == user_id
            assert "caller_error" not in app.state


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Bearer  x", "Bearer a b", "Basic abc", "abc", " Bearer x"]
)
async def test_a_malformed_authorization_is_noted_but_not_refused(value: str) -> None:
    app = Echo()
    await exchange(
        Edge(app, settings=DEV),
        http_scope("/svc/user/x", headers=[(b"authorization", value.encode())]),
    )
    assert app.state["caller_error"].message == "Invalid authorization header format"
    assert app.state["caller_error"].status == 401
    assert "caller" not in app.state


@pytest.mark.parametrize("value", ["Bearer nonsense", "Bearer \xff\xfe", "Bearer a.b.c"])
async def test_a_bad_token_is_noted_but_not_refused(value: str, token: str) -> None:
    app = Echo()
    scope = http_scope("/svc/user/x", headers=[(b"authorization", value.encode("latin-1"))])
    await exchange(Edge(app, settings=DEV), scope)
    assert app.state["caller_error"].status == 401
    assert "caller" not in app.state


async def test_without_a_token_there_is_neither_caller_nor_error() -> None:
    app = Echo()
    async with client(app) as http:
        await http.get("/svc/user/x")
        await http.get("/svc/user/x", headers={"Authorization": ""})
    for scope in app.scopes:
        assert not {"caller", "caller_error"} & scope["state"].keys()


# --- preflight and limits ------------------------------------------------------------------------


async def test_a_preflight_is_answered_before_anything_else() -> None:
    app = Echo()
    settings = structs.replace(LIMITED, cors_origins=("https://spa.example",))
    async with client(app, settings) as http:
        for _ in range(1000):
            response = await http.options(
                "/api/svc/user/api/users/me",
                headers={"Origin": "https://spa.example", "Authorization": "Bearer nonsense"},
            )
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["access-control-allow-origin"] == "https://spa.example"
    assert response.headers["access-control-allow-credentials"] == "true"
    assert response.headers["access-control-max-age"] == "86400"
    assert "Idempotency-Key" in response.headers["access-control-allow-headers"]
    assert response.headers["vary"] == "Origin"
    assert app.scopes == []


async def test_a_preflight_from_a_foreign_page_is_204_without_permission() -> None:
    async with client(Echo(), PROD) as http:
        response = await http.options("/svc/user/x", headers={"Origin": "https://evil.example"})
    assert response.status_code == 204
    assert not [name for name in response.headers if name.startswith("access-control-")]
    assert response.headers["vary"] == "Origin"


async def test_an_error_of_the_edge_can_be_read_by_an_allowed_page() -> None:
    async with client(Echo(), PROD) as http:
        response = await http.get("/metrics", headers={"Origin": "https://wealist.example"})
    assert response.status_code == 404
    assert response.headers["access-control-allow-origin"] == "https://wealist.example"
    assert "X-Request-ID" in response.headers["access-control-expose-headers"]


async def test_a_limited_caller_is_told_how_much_is_left_and_when(token: str) -> None:
    app = Echo()
    headers = {"Authorization": f"Bearer {token}"}
    settings = structs.replace(LIMITED, rate_limit_burst=1)
    async with client(app, settings) as http:
        seen = [await http.get("/svc/user/x", headers=headers) for _ in range(4)]
    assert [response.status_code for response in seen] == [200, 200, 200, 429]
    assert [int(each.headers["x-ratelimit-remaining"]) for each in seen] == [2, 1, 0, 0]
    assert {each.headers["x-ratelimit-limit"] for each in seen} == {"2"}
    refused = seen[-1]
    retry = int(refused.headers["retry-after"])
    assert 1 <= retry <= 120
    assert int(refused.headers["x-ratelimit-reset"]) == retry
    assert refused.json()["error"] == "Too Many Requests"
    assert refused.json()["retryAfter"] == retry
    assert len(app.scopes) == 3


async def test_probes_are_not_limited() -> None:
    async with client(Echo(), LIMITED) as http:
        for path in (
            "/health",
            "/svc/user/health/ready",
            "/svc/auth/ready",
            "/api/svc/user/health",
        ):
            for _ in range(1000):
                response = await http.get(path)
            assert response.status_code == 200
            assert "x-ratelimit-limit" not in response.headers


async def test_limits_are_off_in_development_and_inside(token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    for settings, internal in ((DEV, False), (LIMITED, True)):
        async with client(Echo(), settings, internal=internal) as http:
            responses = [await http.get("/svc/user/x", headers=headers) for _ in range(300)]
        assert {response.status_code for response in responses} == {200}
        assert "x-ratelimit-limit" not in responses[0].headers


# --- headers of the answer -----------------------------------------------------------------------


async def test_every_answer_carries_the_security_headers() -> None:
    async with client(Echo(), PROD) as http:
        for path in ("/svc/user/x", "/metrics", "/health"):
            headers = (await http.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "no-referrer"
            policy = "default-src 'none'; frame-ancestors 'none'"
            assert headers["content-security-policy"] == policy
            assert headers["x-request-id"]


async def test_json_of_a_service_is_not_stored_by_caches() -> None:
    async with client(Echo()) as http:
        assert (await http.get("/svc/user/x")).headers["cache-control"] == "no-store"
        assert "cache-control" not in (await http.get("/elsewhere")).headers
    async with client(Echo(headers=((b"content-type", b"image/png"),))) as http:
        assert "cache-control" not in (await http.get("/svc/user/x")).headers


async def test_what_the_handler_set_itself_stays() -> None:
    own = (
        (b"content-type", b"application/json"),
        (b"cache-control", b"private, max-age=240"),
        (b"content-security-policy", b"default-src 'self'"),
        (b"x-frame-options", b"SAMEORIGIN"),
    )
    async with client(Echo(headers=own)) as http:
        headers = (await http.get("/svc/user/x")).headers
    for name, value in own:
        assert headers.get_list(name.decode()) == [value.decode()]


async def test_the_apps_own_message_is_not_changed() -> None:
    shared = {"type": "http.response.start", "status": 200, "headers": []}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(shared)
        await send({"type": "http.response.body", "body": b""})

    edge = Edge(app, settings=DEV)
    await exchange(edge, http_scope())
    sent = await exchange(edge, http_scope())
    assert shared["headers"] == []
    assert [name for name, _ in sent[0]["headers"]].count(b"x-request-id") == 1


# --- failures ------------------------------------------------------------------------------------


async def _boom(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("password=s3cr3t in the driver's words")


async def test_an_escaped_exception_is_a_500_with_the_id_and_a_log_line() -> None:
    with logged() as lines:
        async with client(_boom) as http:
            response = await http.get("/svc/user/x", headers={"X-Request-ID": "r-1"})
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "INTERNAL_ERROR"
    assert response.json()["requestId"] == "r-1"
    assert "driver" not in response.text
    failure = next(line for line in lines.all() if line["message"] == "request failed")
    assert "RuntimeError" in failure["stacktrace"]
    assert failure["request_id"] == "r-1"
    access = lines.access()[0]
    assert (access["level"], access["message"]) == ("error", "Server error")
    assert access["error.type"] == "RuntimeError"
    assert "s3cr3t" not in lines.getvalue().decode()


async def test_an_expected_error_that_escapes_is_answered_as_it_is() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise Conflict("taken", code="ALREADY_MEMBER", headers={"X-Why": "twice"})

    with logged() as lines:
        async with client(app) as http:
            response = await http.get("/svc/board/x")
    assert response.status_code == 409
    assert response.json()["error"] == {"code": "ALREADY_MEMBER", "message": "taken"}
    assert response.headers["x-why"] == "twice"
    assert [line["message"] for line in lines.all()] == ["Client error"]


async def test_an_answer_that_breaks_off_is_logged_and_not_completed() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("broken pipe to the store")

    with logged() as lines:
        sent = await exchange(Edge(app, settings=DEV), http_scope("/svc/user/x"))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"] is True
    assert any(line["message"] == "the answer broke off" for line in lines.all())
    assert lines.access()[0]["error.type"] == "RuntimeError"


@pytest.mark.parametrize("begun", [False, True])
async def test_a_cancelled_request_is_answered_if_it_can_be_and_stays_cancelled(
    begun: bool,
) -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        sent.append(message)

    with logged() as lines:
        edge = Edge(app, settings=DEV)
        running = asyncio.create_task(edge(http_scope("/svc/user/x"), asyncio.Event().wait, send))
        await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    [line] = lines.access()
    assert line["error.type"] == "CancelledError"
    assert (sent[0]["status"], line["http.status_code"]) == ((200, 200) if begun else (503, 503))
    if not begun:
        assert (b"retry-after", b"2") in sent[0]["headers"]
        assert sent[-1].get("more_body", False) is False


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error() -> None:
    """Litestar raises something of its own for it."""

    @post("/svc/user/api/things")
    async def things(data: JSONBody[dict[str, str]]) -> None: ...

    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.disconnect"})

    app = Litestar([things], openapi_config=None, logging_config=None)
    headers = [(b"content-length", b"10"), (b"content-type", b"application/json")]
    scope = http_scope("/svc/user/api/things", method="POST", headers=headers)
    with logged() as lines:
        await exchange(Edge(app, settings=DEV), scope, receive)
    assert [line["level"] for line in lines.all()] == ["warn"]
    assert lines.access()[0]["http.status_code"] == 499


async def test_a_client_that_leaves_during_its_upload_is_no_failure_of_ours() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        raise RuntimeError("the body ended early")

    messages = iter([{"type": "http.request", "body": b"ab", "more_body": True}])

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.disconnect"})

    scope = http_scope("/svc/user/x", method="POST", headers=[(b"content-length", b"10")])
    with logged() as lines:
        await exchange(Edge(app, settings=DEV), scope, receive)
    assert lines.access()[0]["http.status_code"] == 499
    assert lines.access()[0]["level"] == "warn"


# --- context, log, metrics -----------------------------------------------------------------------


async def test_lines_of_the_handler_and_of_its_tasks_carry_the_request() -> None:
    log = structlog.get_logger("wealist.test")
    tasks = []

    async def later() -> None:
        await asyncio.sleep(0.01)
        log.info("later")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log.info("now")
        tasks.append(asyncio.create_task(later()))
        await Echo()(scope, receive, send)

    parent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    with logged() as lines:
        async with client(app) as http:
            headers = {"X-Request-ID": "r-1", "traceparent": parent}
            await http.get("/api/boards/x", headers=headers)
        assert current.get() is None
        await asyncio.gather(*tasks)
    assert {line["request_id"] for line in lines.all()} == {"r-1"}
    assert {line["trace_id"] for line in lines.all()} == {"ab" * 16}
    assert {line["service"] for line in lines.all()} == {"board-service"}


async def test_concurrent_requests_do_not_mix_their_ids() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.005)
        request = current.get()
        assert request is not None
        assert request.request_id == scope["state"]["request_id"]
        await Echo()(scope, receive, send)

    async with client(app) as http:
        answers = await asyncio.gather(
            *(http.get("/svc/user/x", headers={"X-Request-ID": f"r-{n}"}) for n in range(30))
        )
    assert [answer.headers["x-request-id"] for answer in answers] == [f"r-{n}" for n in range(30)]


@pytest.mark.parametrize(
    ("status", "level", "message"),
    [
        (200, "info", "Request completed"),
        (302, "info", "Request completed"),
        (404, "warn", "Client error"),
        (503, "error", "Server error"),
    ],
)
async def test_the_access_line_is_worded_by_the_class_of_the_status(
    status: int, level: str, message: str
) -> None:
    with logged() as lines:
        async with client(Echo(status)) as http:
            await http.get("/svc/user/x")
    assert (lines.access()[0]["level"], lines.access()[0]["message"]) == (level, message)


async def test_the_access_line_has_the_contracts_fields(token: str, user_id: UUID) -> None:
    app = Echo(template="/svc/user/api/workspaces/{workspace_id:uuid}/members")
    with logged() as lines:
        async with client(app, address="192.0.2.9") as http:
            await http.get(
                f"/api/svc/user/api/workspaces/7/members?page=2&token={token}&code=s3cr3t",
                headers={
                    "Authorization": f"Bearer {token}",
                    "User-Agent": "Tests/1.0",
                    "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01",
                },
            )
    line = lines.access()[0]
    assert line.pop("timestamp").endswith("Z")
    assert 0 <= line.pop("http.duration") < 5
    assert line.pop("request_id") == line.pop("http.request_id")
    assert line == {
        "level": "info",
        "message": "Request completed",
        "logger": "wealist.access",
        "service": "user-service",
        "trace_id": "ab" * 16,
        "span_id": "cd" * 8,
        "trace_sampled": True,
        "http.method": "GET",
        "http.route": "/api/workspaces/:workspaceId/members",
        "http.target": "/api/svc/user/api/workspaces/7/members",
        "http.query": "page=2&token=***&code=***",
        "http.status_code": 200,
        "http.client_ip": "192.0.2.9",
        "http.user_agent": "Tests/1.0",
        "http.response_content_length": 2,
        "enduser.id": str(user_id),
    }
    assert token not in lines.getvalue().decode()


async def test_an_address_that_is_a_secret_itself_is_not_written_down() -> None:
    app = Echo(template="/svc/user/images/{capability:str}")
    with logged() as lines:
        async with client(app) as http:
            await http.get("/svc/user/images/s3cr3t~capability")
    assert lines.access()[0]["http.target"] == "/images/:capability"
    assert "s3cr3t" not in lines.getvalue().decode()


async def test_probes_are_logged_at_debug_level_and_not_counted() -> None:
    name = "user_service_http_requests_total"
    labels = {"method": "GET", "endpoint": "/health/ready", "status": "2xx"}
    for level, expected in (("debug", 2), ("info", 0)):
        with logged(level) as lines:
            async with client(Echo(template="/svc/user/health/ready"), internal=True) as http:
                await http.get("/svc/user/health/ready")
                await http.get("/svc/user/metrics")
        assert len(lines.access()) == expected
    assert metrics.registry.get_sample_value(name, labels) is None


def _count(service: str, endpoint: str, status: str, method: str = "GET") -> float:
    labels = {"method": method, "endpoint": endpoint, "status": status}
    return metrics.registry.get_sample_value(f"{service}_http_requests_total", labels) or 0


async def test_a_stream_counts_with_the_time_to_its_first_byte() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["path_template"] = "/svc/noti/api/notifications/test-stream"
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await asyncio.sleep(0.2)
        await send({"type": "http.response.body", "body": b"data: 1\n\n"})

    with logged() as lines:
        async with client(app) as http:
            await http.get("/api/notifications/stream")
    name = "noti_service_http_request_duration_seconds_sum"
    labels = {"method": "GET", "endpoint": "/api/notifications/test-stream"}
    assert (metrics.registry.get_sample_value(name, labels) or 9) < 0.1
    assert lines.access()[0]["http.duration"] >= 0.2


# --- a Litestar app behind it --------------------------------------------------------------------


@get("/svc/chat/api/chats/{chat_id:str}")
async def chat(chat_id: FromPath[str]) -> dict[str, str]:
    if chat_id == "boom":
        raise RuntimeError("driver text")
    return {"id": chat_id}


@post("/svc/chat/api/chats")
async def new_chat(data: JSONBody[dict[str, Any]]) -> dict[str, int]:
    return {"members": len(data)}


def _litestar() -> Litestar:
    return Litestar(
        [chat, new_chat],
        exception_handlers={Exception: envelopes.handle},
        openapi_config=None,
        logging_config=None,
    )


async def test_litestars_routes_become_labels() -> None:
    before = _count("chat_service", "/api/chats/:chatId", "2xx")
    async with client(_litestar()) as http:
        assert (await http.get("/api/chats/7/")).json() == {"id": "7"}
        assert (await http.get("/api/svc/chat/api/chats/8")).json() == {"id": "8"}
    assert _count("chat_service", "/api/chats/:chatId", "2xx") == before + 2


async def test_what_litestar_does_not_know_is_one_label() -> None:
    before = _count("chat_service", "unmatched", "4xx")
    async with client(_litestar()) as http:
        for number in range(5):
            response = await http.get(f"/svc/chat/made/up/{number}")
            assert response.status_code == 404
            assert response.json()["success"] is False
        wrong = await http.delete("/svc/chat/api/chats")
    assert wrong.status_code == 405
    assert _count("chat_service", "unmatched", "4xx") == before + 5
    assert _count("chat_service", "unmatched", "4xx", "DELETE") >= 1


async def test_litestars_failures_are_rendered_and_reported_once() -> None:
    with logged() as lines:
        async with client(_litestar()) as http:
            response = await http.get("/api/chats/boom")
    assert response.status_code == 500
    assert "driver" not in response.text
    assert response.json()["requestId"] == response.headers["x-request-id"]
    assert [line["message"] for line in lines.all() if line["level"] == "error"] == [
        "request failed",
        "Server error",
    ]


@pytest.mark.parametrize("chunked", [False, True])
async def test_litestar_answers_413_for_a_body_that_is_too_large(chunked: bool) -> None:
    async def pieces() -> Any:
        for _ in range(40):
            yield b"x" * 65_536

    content: Any = pieces() if chunked else b"x" * 40 * 65_536
    async with client(_litestar()) as http:
        response = await http.post("/api/chats", content=content)
        after = await http.post("/api/chats", json={"a": 1})
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "PAYLOAD_TOO_LARGE"
    assert after.json() == {"members": 1}


async def test_a_head_request_is_answered_like_a_get_without_body() -> None:
    async with client(Echo()) as http:
        response: httpx.Response = await http.head("/health")
    assert response.status_code == 200


async def test_every_get_under_svc_also_answers_head_and_is_reported_as_that() -> None:
    before = _count("chat_service", "/api/chats/:chatId", "2xx", "HEAD")
    with logged() as lines:
        async with serving(_litestar()) as port, httpx.AsyncClient() as http:
            url = f"http://127.0.0.1:{port}/api/svc/chat/api/chats"
            given = {"X-Request-ID": "the-same"}
            # Over one connection: whatever was sent too much would be taken for the next answer.
            head, whole = await http.head(f"{url}/7", headers=given), await http.get(f"{url}/7")
            failed, missing = await http.head(f"{url}/boom"), await http.head(f"{url}/a/b")
            other = await http.head(url)
    assert (head.status_code, head.content) == (200, b"")
    changing = {"date", "x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in changing} == {
        k: v for k, v in whole.headers.items() if k not in changing
    }
    assert head.headers["content-length"] == str(len(whole.content))
    statuses = [answer.status_code for answer in (failed, missing, other)]
    assert statuses == [500, 404, 405]
    assert _count("chat_service", "/api/chats/:chatId", "2xx", "HEAD") == before + 1
    line = next(line for line in lines.access() if line["request_id"] == "the-same")
    assert (line["http.method"], line["http.response_content_length"]) == ("HEAD", 0)


async def test_a_head_of_a_stream_ends_with_its_headers() -> None:
    ended = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        kind = (b"content-type", b"text/event-stream")
        await send({"type": "http.response.start", "status": 200, "headers": [kind]})
        while (await receive())["type"] != "http.disconnect":
            await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        ended.set()

    async with serving(app) as port, httpx.AsyncClient(timeout=5) as http:
        for _ in range(2):
            answer = await http.head(f"http://127.0.0.1:{port}/api/notifications/stream")
            assert answer.headers["content-type"] == "text/event-stream"
        await asyncio.wait_for(ended.wait(), 5)


async def test_a_head_counts_against_the_limit_of_its_get() -> None:
    async with client(Echo(), LIMITED) as http:
        left = [
            int(
                (await ask("/svc/auth/oauth2/authorization/google")).headers[
                    "x-ratelimit-remaining"
                ]
            )
            for ask in (http.get, http.head)
        ]
    assert left[1] == left[0] - 1
