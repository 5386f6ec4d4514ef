"""Spans: nothing of them when no collector is configured, and the right ones when one is."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from litestar import Litestar, get
from litestar.params import FromPath
from msgspec import structs
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from wealist.core import tracing
from wealist.core.edge import Edge
from wealist.core.errors import Conflict
from wealist.core.settings import Settings

TRACE, ABOVE = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{ABOVE}-01"


class Collector:
    """An OTLP/HTTP collector that keeps what it is sent."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.paths: list[str] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    import gzip

                    body = gzip.decompress(body)
                collector.paths.append(self.path)
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def spans(self) -> dict[str, Any]:
        return {
            span.name: span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }

    def resource(self) -> dict[str, str]:
        attributes = self.requests[0].resource_spans[0].resource.attributes
        return {each.key: each.value.string_value for each in attributes}


def _attributes(span: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
    }


@pytest.fixture
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
async def traced(collector: Collector) -> AsyncIterator[Collector]:
    tracing.open(
        Settings(
            otlp_endpoint=collector.url, service_version="1.2.3", deployment_env="test-installation"
        )
    )
    yield collector
    await tracing.close()


@get("/svc/board/api/boards/{board_id:str}")
async def board(board_id: FromPath[str]) -> dict[str, str]:
    with tracing.span("SELECT boards", **{"db.system": "postgresql"}):
        await asyncio.sleep(0)
    return {}


@get("/svc/board/api/broken")
async def broken() -> None:
    with tracing.span("bus publish"):
        raise Conflict("password=s3cr3t")


@get("/svc/board/health/ready")
async def ready() -> dict[str, str]:
    return {}


def _client() -> httpx.AsyncClient:
    app: Any = Edge(Litestar([board, broken, ready]), settings=Settings())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_a_request_is_a_span_named_after_its_route(traced: Collector) -> None:
    async with _client() as client:
        await client.get("/api/board/api/boards/7?token=s3cr3t", headers={"X-Request-ID": "req-1"})
    await tracing.close()
    spans = traced.spans()
    server = spans["GET /svc/board/api/boards/:boardId"]
    attributes = _attributes(server)
    assert attributes["http.request.method"] == "GET"
    assert attributes["http.route"] == "/svc/board/api/boards/:boardId"
    assert attributes["http.response.status_code"] == 200
    assert attributes["wealist.request_id"] == "req-1"
    inner = spans["SELECT boards"]
    assert inner.parent_span_id == server.span_id
    assert _attributes(inner) == {"db.system": "postgresql"}
    assert traced.resource()["service.name"] == "wealist"
    assert traced.resource()["service.version"] == "1.2.3"
    assert traced.resource()["deployment.environment.name"] == "test-installation"
    assert set(traced.paths) == {"/v1/traces"}


async def test_a_trace_from_outside_goes_on(traced: Collector) -> None:
    async with _client() as client:
        await client.get("/svc/board/api/boards/7", headers={"traceparent": TRACEPARENT})
    await tracing.close()
    span = traced.spans()["GET /svc/board/api/boards/:boardId"]
    assert span.trace_id.hex() == TRACE
    assert span.parent_span_id.hex() == ABOVE


async def test_a_failure_marks_its_spans_and_tells_no_secret(traced: Collector) -> None:
    async with _client() as client:
        await client.get("/svc/board/api/broken")
    await tracing.close()
    spans = traced.spans()
    assert spans["bus publish"].status.code == 2
    assert spans["GET /svc/board/api/broken"].status.code == 2
    assert "s3cr3t" not in str(traced.requests)


async def test_probes_make_no_spans(traced: Collector) -> None:
    async with _client() as client:
        await client.get("/svc/board/health/ready")
        await client.get("/health")
    await tracing.close()
    assert traced.spans() == {}


async def test_an_unknown_address_does_not_name_a_span(traced: Collector) -> None:
    async with _client() as client:
        await client.get("/svc/board/api/made-up/7")
    await tracing.close()
    assert list(traced.spans()) == ["GET unmatched"]


async def test_concurrent_requests_keep_their_own_traces(traced: Collector) -> None:
    async with _client() as client:
        await asyncio.gather(*(client.get(f"/svc/board/api/boards/{n}") for n in range(20)))
    await tracing.close()
    ids = {
        span.trace_id
        for request in traced.requests
        for scope in request.resource_spans[0].scope_spans
        for span in scope.spans
        if span.name.startswith("GET")
    }
    assert len(ids) == 20


async def test_an_outgoing_request_carries_the_trace(traced: Collector) -> None:
    headers: dict[str, str] = {}
    with tracing.span("call"):
        tracing.inject(headers)
    assert tracing.parent(headers["traceparent"].encode()) is not None


async def test_a_missing_collector_neither_fails_nor_delays_us() -> None:
    tracing.open(Settings(otlp_endpoint="http://127.0.0.1:9"))
    async with _client() as client:
        response = await client.get("/svc/board/api/boards/7")
    assert response.status_code == 200
    started = time.monotonic()
    await tracing.close()
    assert time.monotonic() - started < tracing.FLUSH_SECONDS + 0.5


@pytest.mark.parametrize(
    "off", [Settings(), Settings(otlp_endpoint="http://127.0.0.1:9", otel_disabled=True)]
)
async def test_without_a_collector_there_are_no_spans(off: Settings) -> None:
    tracing.open(off)
    assert not tracing.enabled()
    headers: dict[str, str] = {}
    with tracing.span("x", a=1) as span:
        span.set_attribute("b", 2)
        tracing.inject(headers)
    assert headers == {}
    await tracing.close()


def test_without_a_collector_the_sdk_is_not_even_imported() -> None:
    program = (
        "import sys; from wealist.core import tracing; from wealist.core.settings import Settings;"
        "tracing.open(Settings());"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"nonsense",
        b"ff-" + TRACEPARENT[3:].encode(),
        b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-" + b"0" * 16 + b"-01",
        TRACEPARENT.upper().encode(),
        TRACEPARENT.encode() + b"x",
    ],
)
def test_a_broken_traceparent_is_ignored(header: bytes | None) -> None:
    assert tracing.parent(header) is None


def test_a_traceparent_is_read() -> None:
    assert tracing.parent(TRACEPARENT.encode()) == (TRACE, ABOVE, True)
    assert tracing.parent(TRACEPARENT[:-1].encode() + b"0") == (TRACE, ABOVE, False)
    assert tracing.parent(b"01" + TRACEPARENT[2:].encode() + b"-more") == (TRACE, ABOVE, True)


def test_an_endpoint_may_already_name_the_traces() -> None:
    collector = Collector()
    try:
        tracing.open(Settings(otlp_endpoint=f"{collector.url}/v1/traces"))
        with tracing.span("x"):
            pass
        asyncio.run(tracing.close())
        assert collector.paths == ["/v1/traces"]
    finally:
        collector.server.shutdown()
        collector.server.server_close()


async def test_settings_can_be_replaced_between_two_lives(collector: Collector) -> None:
    on = Settings(otlp_endpoint=collector.url)
    tracing.open(on)
    await tracing.close()
    tracing.open(structs.replace(on, otel_disabled=True))
    assert not tracing.enabled()
