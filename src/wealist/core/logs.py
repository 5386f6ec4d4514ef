"""JSON lines on stdout, one an event, for our own log, the access log and the libraries' logs."""

import asyncio
import logging
import sys
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, BinaryIO

import msgspec
import structlog

from wealist.core import redact as secrets
from wealist.core.context import current
from wealist.core.settings import Settings

Fields = MutableMapping[str, Any]

LEVELS = {"debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40, "critical": 50}
_NAMES = {10: "debug", 20: "info", 30: "warn", 40: "error", 50: "error"}
_QUIET_LIBRARIES = (
    "aiobotocore",
    "asyncio",
    "boto3",
    "botocore",
    "hpack",
    "httpcore",
    "httpx",
    "litestar",
    "urllib3",
    "websockets",
)
"""Libraries whose debug and info lines say nothing to an operator, or quote addresses."""

_UNSAID = (
    # After every socket that was refused with an HTTP answer: the edge has logged it.
    "ASGI callable returned without completing handshake.",
    # With a stack, for whatever a client sends; it is closed with 1007.
    "Invalid UTF-8 sequence received from client.",
)
"""What uvicorn says without need."""

redact = secrets.event

_threshold = LEVELS["info"]
_stream: BinaryIO | None = None
_encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode
logger: structlog.stdlib.BoundLogger = structlog.get_logger("wealist")


def configure(settings: Settings, *, stream: BinaryIO | None = None) -> None:
    """Send every log of the process, the libraries' too, to `stream` (stdout) as JSON lines.

    May be called again; the last call counts.
    """
    global _threshold, _stream
    _threshold = LEVELS[settings.log_level]
    _stream = stream
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(0),
        logger_factory=_Sink,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, _Records)]
    root.addHandler(_Records())
    root.setLevel(_threshold)
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(_threshold, LEVELS["warn"]))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    logging.captureWarnings(True)


def enabled(level: str) -> bool:
    """Whether lines of this level are written."""
    return LEVELS[level] >= _threshold


def access(level: str, message: str, fields: dict[str, Any]) -> None:
    """Write one line whose fields hold no secret any more; the hot path's way to the log."""
    if LEVELS[level] >= _threshold:
        _write(
            _line({"timestamp": datetime.now(UTC), "level": level, "message": message, **fields})
        )


class _Sink:
    """structlog's end of the line: writes what the last processor made."""

    def __init__(self, name: str = "wealist") -> None:
        self.name = name

    def msg(self, line: bytes) -> None:
        _write(line)

    debug = info = warning = warn = error = critical = exception = log = msg


def _drop(_logger: Any, method: str, event: Fields) -> Fields:
    if LEVELS.get(method, 20) < _threshold:
        raise structlog.DropEvent
    return event


def _complete(sink: Any, method: str, event: Fields) -> Fields:
    """Add what every line carries; what the caller said under the same name loses."""
    request = current.get()
    service = request.service if request is not None else ""
    fields: dict[str, Any] = {
        "timestamp": datetime.now(UTC),
        "level": _NAMES[LEVELS.get(method, 20)],
        "logger": getattr(sink, "name", "wealist"),
        "message": event.pop("event", ""),
        "service": f"{service}-service" if service else "wealist",
    }
    if request is not None:
        fields["request_id"] = request.request_id
        if request.trace_id:
            fields["trace_id"] = request.trace_id
            fields["span_id"] = request.span_id
    failure = event.pop("exc_info", None)
    if failure:
        fields["stacktrace"] = _stacktrace(failure)
    for name, found in event.items():
        fields.setdefault(name, found)
    return fields


def _stacktrace(failure: Any) -> str:
    kind: type[BaseException] | None
    error: BaseException | None
    trace: TracebackType | None
    if isinstance(failure, BaseException):
        kind, error, trace = type(failure), failure, failure.__traceback__
    elif isinstance(failure, tuple):
        kind, error, trace = failure
    else:
        kind, error, trace = sys.exc_info()
    return "".join(traceback.format_exception(kind, error, trace)) if error is not None else ""


def _render(_logger: Any, _method: str, event: Fields) -> bytes:
    return _line(event)


def _line(fields: Fields) -> bytes:
    try:
        return _encode(fields)
    except Exception:  # a lone surrogate, a key that is no text: never lose the line
        return _encode(
            {str(name): _printable(found) for name, found in fields.items()},
        )


def _printable(found: Any) -> str:
    return str(found).encode("utf-8", "backslashreplace").decode()


def _write(line: bytes) -> None:
    stream = _stream or sys.stdout.buffer
    try:
        stream.write(line + b"\n")
        stream.flush()
    except (OSError, ValueError):
        pass  # nobody reads any more; that must not fail a request


_PROCESSORS: list[Any] = [_drop, _complete, redact, _render]


class _Records(logging.Handler):
    """The standard library's records in the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg in _UNSAID or _is_cancellation(record):
            return
        method = "error" if record.levelno >= logging.ERROR else record.levelname.lower()
        try:
            event: Fields = {
                "event": record.getMessage(),
                "caller": f"{record.module}:{record.lineno}",
                # While PostgreSQL is away, asyncpg's pool would log a stack every few seconds.
                "exc_info": None if record.name == "asyncpg.pool" else record.exc_info,
            }
            event = _complete(_Sink(record.name), method, event)
            _write(_line(redact(None, method, event)))
        except Exception:
            self.handleError(record)


def _is_cancellation(record: logging.LogRecord) -> bool:
    """Whether uvicorn is surprised by a request that was cancelled since the process stops, which
    the edge has answered and logged."""
    return bool(record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def get(name: str) -> Any:
    """A logger whose lines carry `name`."""
    return structlog.get_logger(name)
