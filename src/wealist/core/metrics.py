"""What happens, counted under the contract's names (common.md §13) and our own `wealist_*`.

Services share one process, one pool and one registry. What can be told apart (requests,
statements) is counted under the service's namespace; what is shared (the pool) is shown under
each. Labels come from closed sets: route templates, table names, classes of status.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from wealist.core.context import current
from wealist.core.series import (
    NAMESPACES,
    SECONDS,
    SHORT_SECONDS,
    common,
    count,
    counter,
    gauge,
    registry,
    set_gauge,
)

__all__ = [
    "count",
    "counter",
    "exposition",
    "gauge",
    "job_finished",
    "observe_pool_wait",
    "observe_query",
    "observe_request",
    "rate_limited",
    "registry",
    "set_gauge",
    "set_pool_probe",
    "start",
    "stop",
]

WAITED = 0.001
"""Seconds from which getting a connection counts as having waited for one."""

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WS"))

_spring = Histogram(
    "http_server_requests_seconds",
    "Requests to auth, under the names of its dashboards.",
    ("method", "uri", "status", "outcome", "exception", "error", "application"),
    buckets=SECONDS,
    registry=registry,
)
_ops_requests = Counter(
    "ops_http_requests_total", "Requests.", ("method", "path", "status"), registry=registry
)
_ops_seconds = Histogram(
    "ops_http_request_duration_seconds", "Time to answer.", ("method", "path"), registry=registry
)

pool_wait = Histogram(
    "wealist_db_pool_wait_seconds",
    "Waiting for a database connection.",
    buckets=SHORT_SECONDS,
    registry=registry,
)
loop_lag = Histogram(
    "wealist_event_loop_lag_seconds",
    "How late the event loop is.",
    buckets=SHORT_SECONDS,
    registry=registry,
)
job_runs = Counter("wealist_job_runs_total", "Job runs.", ("job", "outcome"), registry=registry)
job_seconds = Histogram(
    "wealist_job_duration_seconds",
    "Job runs.",
    ("job",),
    buckets=(*SECONDS, 30, 60, 300),
    registry=registry,
)
rate_limited = Counter(
    "wealist_rate_limited_total", "Calls refused by a rate limit.", ("rule",), registry=registry
)


def status_class(status: int | None) -> str:
    """`2xx` … `5xx`; anything else is `unknown`."""
    return f"{status // 100}xx" if status is not None and 200 <= status < 600 else "unknown"


Observe = Callable[[float], object]
_requests: dict[tuple[str, str, str, int | None], tuple[Callable[[], object], list[Observe]]] = {}


def observe_request(
    service: str, method: str, endpoint: str, status: int | None, seconds: float
) -> None:
    """Count an answered request. `endpoint` is a route's template in colon style.

    A `status` of None is a request that ended without an answer.
    """
    key = (service, method, endpoint, status)
    known = _requests.get(key)
    if known is None:
        known = _requests[key] = _request_series(*key)
    known[0]()
    for observe in known[1]:
        observe(seconds)


def _request_series(
    service: str, method: str, endpoint: str, status: int | None
) -> tuple[Callable[[], object], list[Observe]]:
    method = method if method in METHODS else "OTHER"
    if service == "ops":
        total = _ops_requests.labels(method, endpoint, str(status or 0))
        return total.inc, [_ops_seconds.labels(method, endpoint).observe]
    of = common.get(service, common[""])
    found = of.requests.labels(method, endpoint, status_class(status))
    observers: list[Observe] = [of.request_seconds.labels(method, endpoint).observe]
    if service == "auth":
        outcome = {"2xx": "SUCCESS", "3xx": "REDIRECTION", "4xx": "CLIENT_ERROR"}.get(
            status_class(status), "SERVER_ERROR"
        )
        observers.append(
            _spring.labels(
                method, endpoint, str(status or 0), outcome, "none", "none", "wealist-auth"
            ).observe
        )
    return found.inc, observers


_queries: dict[tuple[str, str, str], Observe] = {}


def observe_query(
    operation: str,
    table: str,
    seconds: float,
    error: bool,
    service: str | None = None,
) -> None:
    """Count a SQL statement, for the service that the current request belongs to."""
    if service is None:
        request = current.get()
        service = request.service if request is not None else ""
    key = (service, operation, table)
    observe = _queries.get(key)
    if observe is None:
        of = common.get(service, common[""])
        observe = _queries[key] = of.query_seconds.labels(operation, table).observe
    observe(seconds)
    if error:
        common.get(service, common[""]).query_errors.labels(operation, table).inc()


class _Waits(NamedTuple):
    times: int = 0
    seconds: float = 0.0


_waits: dict[str, _Waits] = {}


def observe_pool_wait(seconds: float) -> None:
    """Note how long getting a database connection took."""
    pool_wait.observe(seconds)
    if seconds >= WAITED:
        request = current.get()
        service = request.service if request is not None else ""
        service = service if service in NAMESPACES else ""
        before = _waits.get(service, _Waits())
        _waits[service] = _Waits(before.times + 1, before.seconds + seconds)


def job_finished(job: str, outcome: str, seconds: float) -> None:
    """Count a finished run of a job."""
    job_runs.labels(job, outcome).inc()
    job_seconds.labels(job).observe(seconds)


_pool_probe: Callable[[], Mapping[str, float]] | None = None


def set_pool_probe(probe: Callable[[], Mapping[str, float]] | None) -> None:
    """Where the pool's gauges come from: a function that returns `open, in_use, idle, max`."""
    global _pool_probe
    _pool_probe = probe


class _Pool:
    """The one pool, shown under every namespace; read when somebody asks."""

    def collect(self) -> Iterable[Metric]:
        state = _pool_probe() if _pool_probe is not None else {}
        for service, prefix in NAMESPACES.items():
            for name in ("open", "in_use", "idle", "max"):
                yield GaugeMetricFamily(
                    f"{prefix}_db_connections_{name}",
                    "Connections of the shared pool.",
                    value=state.get(name, 0),
                )
            waits = _waits.get(service, _Waits())
            yield CounterMetricFamily(
                f"{prefix}_db_connection_wait", "Waits for a connection.", value=waits.times
            )
            yield CounterMetricFamily(
                f"{prefix}_db_connection_wait_duration_seconds",
                "Seconds waited for a connection.",
                value=waits.seconds,
            )


registry.register(_Pool())
ProcessCollector(registry=registry)
PlatformCollector(registry=registry)
GCCollector(registry=registry)


def exposition() -> tuple[bytes, str]:
    """Everything in Prometheus' text format, and its media type."""
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


LAG_PERIOD = 0.25
_sampler: asyncio.Task[None] | None = None


def start() -> None:
    """Begin to measure how late the event loop is."""
    global _sampler
    if _sampler is None:
        _sampler = asyncio.create_task(_sample(), name="event-loop-lag")


async def stop() -> None:
    """End it."""
    global _sampler
    sampler, _sampler = _sampler, None
    if sampler is not None:
        sampler.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sampler


async def _sample() -> None:
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(LAG_PERIOD)
        loop_lag.observe(max(0.0, loop.time() - before - LAG_PERIOD))
