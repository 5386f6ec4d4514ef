"""Metrics under the contract's names, with labels from closed sets."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from wealist.core import metrics, outgoing
from wealist.core.context import Context, current
from wealist.core.series import NAMESPACES

COMMON = [
    "db_connections_open",
    "db_connections_in_use",
    "db_connections_idle",
    "db_connections_max",
    "db_connection_wait_total",
    "db_connection_wait_duration_seconds_total",
]


def value(name: str, **labels: str) -> float:
    """The current value of one series, 0 when there is none yet."""
    return metrics.registry.get_sample_value(name, labels) or 0


@pytest.fixture(autouse=True)
def _no_probe() -> Iterator[None]:
    before = metrics._pool_probe
    yield
    metrics.set_pool_probe(before)


def test_the_exposition_is_valid_prometheus_text() -> None:
    body, content_type = metrics.exposition()
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in text_string_to_metric_families(body.decode())}
    assert {"python_info", "process_cpu_seconds", "wealist_event_loop_lag_seconds"} <= names
    assert "http_requests_created" not in body.decode()  # creation times double the text


@pytest.mark.parametrize("service", ["auth", "user", "board", "chat", "noti", "storage"])
def test_a_request_counts_under_its_services_names(service: str) -> None:
    labels = {"method": "GET", "endpoint": "/api/x/:xId", "status": "2xx"}
    name = f"{service}_service_http_requests_total"
    before = value(name, **labels)
    metrics.observe_request(service, "GET", "/api/x/:xId", 200, 0.02)
    metrics.observe_request(service, "GET", "/api/x/:xId", 201, 0.02)
    assert value(name, **labels) == before + 2
    bucket = f"{service}_service_http_request_duration_seconds_bucket"
    assert value(bucket, method="GET", endpoint="/api/x/:xId", le="0.025") >= 2
    assert value(bucket, method="GET", endpoint="/api/x/:xId", le="0.01") == 0


def test_the_request_histogram_has_the_contracts_buckets() -> None:
    metrics.observe_request("chat", "PUT", "/buckets", 200, 0.001)
    found = [
        sample.labels["le"]
        for family in metrics.registry.collect()
        if family.name == "chat_service_http_request_duration_seconds"
        for sample in family.samples
        if sample.name.endswith("_bucket") and sample.labels["endpoint"] == "/buckets"
    ]
    assert [float(text) for text in found[:-1]] == [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, "2xx"), (302, "3xx"), (404, "4xx"), (499, "4xx"), (503, "5xx"), (101, "unknown")],
)
def test_a_status_is_shown_as_its_class(status: int, kind: str) -> None:
    assert metrics.status_class(status) == kind


def test_a_request_without_an_answer_is_unknown() -> None:
    metrics.observe_request("noti", "GET", "/gone", None, 0.1)
    name = "noti_service_http_requests_total"
    assert value(name, method="GET", endpoint="/gone", status="unknown") == 1


def test_auth_also_speaks_the_names_of_its_old_dashboards() -> None:
    metrics.observe_request("auth", "POST", "/api/auth/refresh", 401, 0.2)
    labels = {
        "method": "POST",
        "uri": "/api/auth/refresh",
        "status": "401",
        "outcome": "CLIENT_ERROR",
        "exception": "none",
        "error": "none",
        "application": "wealist-auth",
    }
    assert value("http_server_requests_seconds_count", **labels) >= 1
    assert value("http_server_requests_seconds_sum", **labels) >= 0.2
    assert value("http_server_requests_seconds_bucket", **labels, le="0.25") >= 1


def test_ops_counts_numeric_statuses_under_names_of_its_own() -> None:
    metrics.observe_request("ops", "GET", "/api/test-only", 403, 0.1)
    labels = {"method": "GET", "path": "/api/test-only"}
    assert value("ops_http_requests_total", **labels, status="403") == 1
    assert value("ops_http_request_duration_seconds_count", **labels) == 1


def test_what_no_service_claims_is_ours() -> None:
    metrics.observe_request("", "GET", "/nobodys", 200, 0.1)
    metrics.observe_request("unheard-of", "GET", "/nobodys", 200, 0.1)
    name = "wealist_http_requests_total"
    assert value(name, method="GET", endpoint="/nobodys", status="2xx") == 2


def test_made_up_methods_do_not_make_up_series() -> None:
    for number in range(50):
        metrics.observe_request("board", f"M{number}", "unmatched", 405, 0.1)
    found = {
        sample.labels["method"]
        for family in metrics.registry.collect()
        if family.name == "board_service_http_requests"
        for sample in family.samples
    }
    assert "OTHER" in found
    assert found <= metrics.METHODS | {"OTHER"}


def test_a_statement_counts_for_the_service_of_its_request() -> None:
    token = current.set(Context("r", "board"))
    try:
        metrics.observe_query("select", "test_boards", 0.002, False)
        metrics.observe_query("insert", "test_boards", 0.002, True)
    finally:
        current.reset(token)
    metrics.observe_query("select", "test_lease", 0.002, False)
    metrics.observe_query("select", "test_rooms", 0.002, False, "chat")
    name = "service_db_query_duration_seconds_count"
    assert value(f"board_{name}", operation="select", table="test_boards") == 1
    assert value(f"chat_{name}", operation="select", table="test_rooms") == 1
    outside = "wealist_db_query_duration_seconds_count"
    assert value(outside, operation="select", table="test_lease") == 1
    errors = "board_service_db_query_errors_total"
    assert value(errors, operation="insert", table="test_boards") == 1
    assert value(errors, operation="select", table="test_boards") == 0


def test_the_pool_is_shown_under_each_namespace_when_somebody_asks() -> None:
    metrics.set_pool_probe(lambda: {"open": 5, "in_use": 2, "idle": 3, "max": 20})
    for prefix in NAMESPACES.values():
        assert value(f"{prefix}_db_connections_open") == 5
        assert value(f"{prefix}_db_connections_in_use") == 2
        assert value(f"{prefix}_db_connections_idle") == 3
        assert value(f"{prefix}_db_connections_max") == 20


def test_without_a_database_the_pool_is_empty_but_there() -> None:
    metrics.set_pool_probe(None)
    text = metrics.exposition()[0].decode()
    for name in COMMON:
        assert f"\nuser_service_{name} " in text


def test_only_real_waits_count_as_waits() -> None:
    times, seconds = (
        f"storage_service_db_connection_wait{what}_total" for what in ("", "_duration_seconds")
    )
    before = value(times), value(seconds)
    token = current.set(Context("r", "storage"))
    try:
        metrics.observe_pool_wait(0.0001)
        metrics.observe_pool_wait(0.25)
    finally:
        current.reset(token)
    assert value(times) - before[0] == 1
    assert value(seconds) - before[1] == pytest.approx(0.25)
    assert value("wealist_db_pool_wait_seconds_count") >= 2


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (200, None, None),
        (302, None, None),
        (400, None, "bad_request"),
        (401, None, "unauthorized"),
        (418, None, "client_error"),
        (429, None, "rate_limit"),
        (500, None, "internal_server_error"),
        (502, None, "bad_gateway"),
        (504, None, "gateway_timeout"),
        (599, None, "server_error"),
        (None, TimeoutError(), "timeout"),
        (None, ConnectionRefusedError("no"), "connection"),
        (None, socket.gaierror(-2, "Name or service not known"), "dns"),
        (None, ssl.SSLError("certificate verify failed"), "tls"),
        (None, ValueError("?"), "unknown"),
        (None, None, "unknown"),
    ],
)
def test_failed_calls_to_others_have_the_contracts_error_types(
    status: int | None, error: BaseException | None, expected: str | None
) -> None:
    assert outgoing.error_type(status, error) == expected


def test_calls_to_others_are_counted() -> None:
    outgoing.observe("auth", "test-peer", "POST", 0.3, status=200)
    outgoing.observe("auth", "test-peer", "POST", 5.0, error=TimeoutError())
    name = "auth_service_external_api"
    labels = {"endpoint": "test-peer", "method": "POST"}
    assert value(f"{name}_requests_total", **labels, status="2xx") == 1
    assert value(f"{name}_requests_total", **labels, status="unknown") == 1
    assert value(f"{name}_errors_total", endpoint="test-peer", error_type="timeout") == 1
    seconds = f"{name}_request_duration_seconds_count"
    assert value(seconds, endpoint="test-peer", status="2xx") == 1


@pytest.mark.parametrize(
    "name", ["users_total", "workspaces_total", "profiles_total", "join_requests_pending_total"]
)
def test_the_user_service_has_its_gauges(name: str) -> None:
    metrics.set_gauge(f"user_service_{name}", 7)
    assert value(f"user_service_{name}") == 7


@pytest.mark.parametrize("noun", ["user", "workspace", "profile"])
def test_the_user_service_counts_what_is_created(noun: str) -> None:
    name = f"user_service_{noun}_created_total"
    before = value(name)
    metrics.count(name)
    assert value(name) == before + 1


def test_a_misspelt_counter_is_an_error_and_no_new_series() -> None:
    with pytest.raises(KeyError):
        metrics.count("user_service_usr_created_total")


def test_jobs_are_counted_by_outcome() -> None:
    metrics.job_finished("test.job", "ok", 1.5)
    metrics.job_finished("test.job", "failed", 0.5)
    assert value("wealist_job_runs_total", job="test.job", outcome="ok") == 1
    assert value("wealist_job_runs_total", job="test.job", outcome="failed") == 1
    assert value("wealist_job_duration_seconds_count", job="test.job") == 2


async def test_a_blocked_event_loop_shows_as_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "LAG_PERIOD", 0.01)
    name = "wealist_event_loop_lag_seconds_bucket"
    below = value(name, le="0.25")
    total = value("wealist_event_loop_lag_seconds_count")
    metrics.start()
    metrics.start()  # twice is once
    await asyncio.sleep(0.015)
    time.sleep(0.4)
    await asyncio.sleep(0.05)
    await metrics.stop()
    await metrics.stop()
    late = value("wealist_event_loop_lag_seconds_count") - total - (value(name, le="0.25") - below)
    assert late == 1


def test_observing_is_cheap_enough_for_every_request() -> None:
    metrics.observe_request("user", "GET", "/cheap", 200, 0.01)
    best = min(_microseconds_each() for _ in range(5))
    assert best < 20


def _microseconds_each() -> float:
    started = time.process_time()
    for _ in range(2000):
        metrics.observe_request("user", "GET", "/cheap", 200, 0.01)
    return (time.process_time() - started) / 2000 * 1e6
