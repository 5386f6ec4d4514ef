"""OpenTelemetry spans. Without a collector configured nothing of it is imported or paid for.

A trace that comes in from outside still names its id in our logs.
"""

import asyncio
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from typing import Any, NamedTuple

import structlog

from wealist.core import redact
from wealist.core.settings import Settings

FLUSH_SECONDS = 3.0
"""How long the last spans may take to leave when the process stops."""

Value = str | int | float | bool

log = structlog.get_logger("wealist.tracing")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_provider: Any = None
_tracer: Any = None


class Parent(NamedTuple):
    """The caller's place in a trace (W3C trace context)."""

    trace_id: str
    span_id: str
    sampled: bool


class _Nothing:
    """Stands for a span when there is none."""

    def set_attribute(self, name: str, value: Value) -> None:
        pass


_NOTHING = nullcontext(_Nothing())


def parent(traceparent: bytes | None) -> Parent | None:
    """The caller's place, or None when the header is missing or broken."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None or not found[1].strip(b"0") or not found[2].strip(b"0"):
        return None
    return Parent(found[1].decode(), found[2].decode(), bool(int(found[3], 16) & 1))


def enabled() -> bool:
    """Whether spans are recorded."""
    return _tracer is not None


def open(settings: Settings) -> None:  # noqa: A001
    """Start exporting when a collector is configured. Never raises: a broken exporter is logged."""
    if not settings.otlp_endpoint or settings.otel_disabled or _tracer is not None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        base = settings.otlp_endpoint.rstrip("/")
        address = base if base.endswith("/v1/traces") else f"{base}/v1/traces"
        exporter = OTLPSpanExporter(endpoint=address, timeout=FLUSH_SECONDS)
        use(BatchSpanProcessor(exporter), settings)
    except Exception:
        log.warning("tracing is off: it could not be started", exc_info=True)


def use(processor: Any, settings: Settings) -> None:
    """Send finished spans to an SDK span processor."""
    global _provider, _tracer
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    resource = Resource.create(
        {
            "service.name": "wealist",
            "service.version": settings.service_version,
            "deployment.environment.name": settings.deployment_env,
        }
    )
    _provider = TracerProvider(resource=resource)
    _provider.add_span_processor(processor)
    _tracer = _provider.get_tracer("wealist")


async def close() -> None:
    """Send what is left, for at most `FLUSH_SECONDS`, and stop."""
    global _provider, _tracer
    provider, _provider, _tracer = _provider, None, None
    if provider is None:
        return
    # A thread of its own: a collector that hangs must not hold up the end of the process.
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        try:
            provider.force_flush(int(FLUSH_SECONDS * 1000))
            provider.shutdown()
        except Exception:
            log.warning("the last spans could not be sent", exc_info=True)
        with suppress(RuntimeError):  # the loop may be gone by then
            loop.call_soon_threadsafe(stopped.set)

    threading.Thread(target=stop, daemon=True).start()
    with suppress(TimeoutError):
        await asyncio.wait_for(stopped.wait(), FLUSH_SECONDS)


def span(name: str, **attributes: Value) -> AbstractContextManager[Any]:
    """A span around a block: `with span("SELECT boards", **{"db.system": "postgresql"}) as s`.

    An exception that leaves the block marks it as failed.
    """
    return _NOTHING if _tracer is None else _span(name, attributes)


@contextmanager
def _span(name: str, attributes: Mapping[str, Value]) -> Iterator[Any]:
    from opentelemetry.trace import SpanKind

    with _tracer.start_as_current_span(
        name,
        kind=SpanKind.CLIENT,
        attributes=dict(attributes),
        record_exception=False,
        set_status_on_exception=False,
    ) as started:
        try:
            yield started
        except Exception as error:
            _fail(started, error)
            raise


def _fail(failed: Any, error: BaseException) -> None:
    """Mark a span as failed. The exception's own words go through the redaction of the logs."""
    from opentelemetry.trace import Status, StatusCode

    said = {"exception.type": type(error).__name__, "exception.message": redact.text(str(error))}
    failed.add_event("exception", said)
    failed.set_status(Status(StatusCode.ERROR))


def inject(headers: dict[str, str]) -> None:
    """Add the current trace to the headers of an outgoing request."""
    if _tracer is not None:
        _propagator().inject(headers)


class ServerSpan:
    """The span of one incoming request, the parent of every span made while it is handled."""

    def __init__(self, method: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
        from opentelemetry import context, trace

        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in headers
            if name in (b"traceparent", b"tracestate", b"baggage")
        }
        outer = _propagator().extract(carrier)
        self._span = _tracer.start_span(method, context=outer, kind=trace.SpanKind.SERVER)
        self._token = context.attach(trace.set_span_in_context(self._span, outer))
        found = self._span.get_span_context()
        self.trace_id = format(found.trace_id, "032x")
        self.span_id = format(found.span_id, "016x")
        self.sampled = bool(found.trace_flags.sampled)

    def end(
        self, name: str, attributes: Mapping[str, Value], failure: BaseException | None = None
    ) -> None:
        """Name it after the route and finish it; `failure` is what escaped the handler."""
        from opentelemetry import context
        from opentelemetry.trace import Status, StatusCode

        context.detach(self._token)
        self._span.update_name(name)
        for key, value in attributes.items():
            self._span.set_attribute(key, value)
        if failure is not None:
            _fail(self._span, failure)
        elif int(attributes.get("http.response.status_code", 0)) >= 500:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


@cache
def _propagator() -> Any:
    from opentelemetry.baggage.propagation import W3CBaggagePropagator
    from opentelemetry.propagators.composite import CompositePropagator
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
