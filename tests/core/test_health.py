"""The health endpoints: the contract's shapes, found out in the background, told for free."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import structs

from tests.people import Server
from wealist.core import db, migrate, readiness, redis
from wealist.core.settings import Secret
from wealist.embedded.valkey import Valkey

READY = {"status": "ready", "checks": {"database": "ok", "redis": "not_configured"}}
NOT_READY = {"status": "not_ready", "checks": {"database": "ok", "redis": "not_configured"}}
UP = {"status": "UP"}


@pytest.fixture(autouse=True)
async def probing(server: Server) -> AsyncIterator[None]:
    await readiness.open(server.settings)
    yield
    await readiness.close()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/svc/user/health/live", {"status": "alive"}),
        ("/svc/user/api/health/live", {"status": "alive"}),
        ("/svc/user/health", READY),
        ("/svc/user/health/ready", READY),
        ("/svc/user/api/health", READY),
        ("/svc/user/api/health/ready", READY),
        ("/svc/auth/health", {"status": "ok", "service": "auth-service"}),
        ("/svc/auth/ready", {"status": "ready", "service": "auth-service", "details": "UP"}),
        ("/svc/auth/health/live", {"status": "alive"}),
        ("/svc/auth/health/ready", READY),
        (
            "/svc/auth/actuator/health",
            {
                "status": "UP",
                "components": {
                    "db": UP,
                    "livenessState": UP,
                    "readinessState": UP,
                    "redis": {"status": "UNKNOWN"},
                },
            },
        ),
        (
            "/svc/auth/actuator/health/liveness",
            {"status": "UP", "components": {"livenessState": UP}},
        ),
        (
            "/svc/auth/actuator/health/readiness",
            {"status": "UP", "components": {"readinessState": UP, "redis": {"status": "UNKNOWN"}}},
        ),
    ],
)
async def test_a_healthy_process_says_so_in_the_shape_of_each_service(
    client: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.json() == body
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/svc/user/health", NOT_READY),
        ("/svc/user/health/ready", NOT_READY),
        ("/svc/user/api/health", NOT_READY),
        ("/svc/user/api/health/ready", NOT_READY),
        ("/svc/auth/ready", {"status": "not_ready", "service": "auth-service", "details": "DOWN"}),
        ("/svc/auth/health/ready", NOT_READY),
    ],
)
async def test_a_process_that_stops_is_not_ready_before_it_refuses_anybody(
    client: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    readiness.state.draining = True
    answer = await client.get(path)
    assert answer.status_code == 503
    assert answer.json() == body
    assert (await client.get("/svc/user/health/live")).status_code == 200


async def test_the_actuator_of_a_process_that_stops_is_down(client: httpx.AsyncClient) -> None:
    readiness.state.draining = True
    for path in ("", "/readiness"):
        answer = await client.get(f"/svc/auth/actuator/health{path}")
        assert answer.status_code == 503
        assert answer.json()["status"] == "DOWN"
        assert answer.json()["components"]["readinessState"] == {"status": "OUT_OF_SERVICE"}
    assert (await client.get("/svc/auth/actuator/health/liveness")).status_code == 200


async def test_a_database_that_is_silent_for_too_long_makes_everything_unready(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db.engine, "pool", None)
    await readiness.state.probe()
    assert (await client.get("/svc/user/health/ready")).status_code == 200, "one miss is no outage"
    monkeypatch.setattr(readiness, "FRESH", 0.05)
    await asyncio.sleep(0.1)
    answer = await client.get("/svc/user/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "disconnected"
    assert (await client.get("/svc/auth/ready")).status_code == 503


async def test_a_database_that_comes_back_is_noticed(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "FRESH", 0.3)
    with monkeypatch.context() as away:
        away.setattr(db.engine, "pool", None)
        await asyncio.sleep(0.4)
        await readiness.state.probe()
        assert (await client.get("/svc/user/health/ready")).status_code == 503
    await readiness.state.probe()
    assert (await client.get("/svc/user/health/ready")).status_code == 200


async def test_health_asks_no_database(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db.engine, "pool", None)
    for path in ("/svc/user/health/ready", "/svc/auth/ready", "/svc/auth/actuator/health"):
        assert (await client.get(path)).status_code == 200


async def test_a_schema_that_lacks_a_migration_is_an_error_until_it_has_run(
    client: httpx.AsyncClient, server: Server
) -> None:
    name = await db.fetch_value("SELECT name FROM public.migration WHERE app_name = 'user'")
    await db.execute("UPDATE public.migration SET app_name = 'away' WHERE name = $1", name)
    try:
        await readiness.open(server.settings)
        answer = await client.get("/svc/user/health/ready")
        assert answer.status_code == 503
        assert answer.json()["checks"]["database"] == "error"
    finally:
        await db.execute("UPDATE public.migration SET app_name = 'user' WHERE name = $1", name)
    assert await migrate.pending() == []
    await readiness.state.probe()
    assert (await client.get("/svc/user/health/ready")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/svc/user/metrics",
        "/svc/auth/actuator/info",
        "/svc/auth/actuator/metrics",
        "/svc/auth/actuator/metrics/python_info",
        "/svc/auth/actuator/prometheus",
    ],
)
async def test_metrics_and_actuator_are_for_the_internal_port(
    client: httpx.AsyncClient, inside: httpx.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).status_code == 404
    assert (await inside.get(path)).status_code == 200


async def test_every_exposition_is_prometheus_text(inside: httpx.AsyncClient) -> None:
    for path in ("/metrics", "/svc/user/metrics", "/svc/auth/actuator/prometheus"):
        answer = await inside.get(path)
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert "\nuser_service_db_connections_open " in answer.text


async def test_a_metric_of_the_actuator_has_measurements_and_tags(
    inside: httpx.AsyncClient,
) -> None:
    await inside.get("/svc/user/api/users/me")
    names = (await inside.get("/svc/auth/actuator/metrics")).json()["names"]
    assert "user_service_http_requests" in names
    one = (await inside.get("/svc/auth/actuator/metrics/user_service_http_requests")).json()
    assert one["name"] == "user_service_http_requests"
    assert one["measurements"][0]["statistic"] == "COUNT"
    assert one["measurements"][0]["value"] >= 1
    assert {tag["tag"] for tag in one["availableTags"]} == {"method", "endpoint", "status"}


async def test_an_unknown_metric_is_404_in_the_envelope_of_auth(inside: httpx.AsyncClient) -> None:
    answer = await inside.get("/svc/auth/actuator/metrics/no.such")
    assert answer.status_code == 404
    assert set(answer.json()) == {"code", "message"}


async def test_the_actuator_tells_name_and_version(
    inside: httpx.AsyncClient, server: Server
) -> None:
    body = (await inside.get("/svc/auth/actuator/info")).json()
    assert body["app"]["name"] == "wealist-auth"
    assert body["build"]["version"] == server.settings.service_version


async def test_draining_goes_on_when_one_of_the_live_parts_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drained: list[str] = []

    async def broken() -> None:
        raise ValueError("no")

    async def working() -> None:
        drained.append("sockets")

    monkeypatch.setattr(readiness, "on_drain", [broken, working])
    await readiness.drain()
    assert drained == ["sockets"]


async def test_a_redis_that_is_away_makes_only_auth_unready(
    client: httpx.AsyncClient,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    valkey = await Valkey.start(tmp_path)
    settings = structs.replace(server.settings, redis_url=Secret(valkey.url))
    await redis.open(settings)
    try:
        await readiness.open(settings)
        answer = await client.get("/svc/auth/health/ready")
        assert (answer.status_code, answer.json()["checks"]["redis"]) == (200, "ok")

        await valkey.kill()
        monkeypatch.setattr(readiness, "FRESH", 0.2)
        await asyncio.sleep(0.3)
        await readiness.state.probe()
        answer = await client.get("/svc/auth/health/ready")
        assert (answer.status_code, answer.json()["checks"]["redis"]) == (503, "disconnected")
        assert (await client.get("/svc/auth/ready")).status_code == 503
        health = (await client.get("/svc/auth/actuator/health")).json()
        assert health["components"]["redis"] == {"status": "DOWN"}
        assert (await client.get("/svc/user/health/ready")).status_code == 200
    finally:
        await redis.close()
        await valkey.stop()
