"""Any exception, rendered as the error body that the clients of a path's service expect.

The shapes differ per service (contract, common.md §6 and §7); this is the only place that knows.
"""

import asyncio
from typing import Any, NamedTuple

import asyncpg
import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from wealist.core.body import invalid, without_echo
from wealist.core.db import UNREACHABLE
from wealist.core.errors import (
    AlreadyExists,
    AppError,
    BadRequest,
    Invalid,
    NotFound,
    TooMany,
    Unauthorized,
    Unavailable,
)

SERVICES = ("auth", "user", "board", "chat", "noti", "storage", "ops")

CODES: dict[str, dict[str, str]] = {
    "auth": {
        "BAD_REQUEST": "AUTH400",
        "VALIDATION_ERROR": "AUTH400",
        "UNAUTHORIZED": "AUTH001",
        "FORBIDDEN": "AUTH403",
        "NOT_FOUND": "AUTH404",
        "METHOD_NOT_ALLOWED": "AUTH405",
        "TIMEOUT": "AUTH408",
        "CONFLICT": "AUTH409",
        "PAYLOAD_TOO_LARGE": "AUTH413",
        "SERVICE_UNAVAILABLE": "AUTH008",
        "INTERNAL_ERROR": "AUTH999",
    },
    "board": {"BAD_REQUEST": "VALIDATION_ERROR"},
    "chat": {"VALIDATION_ERROR": "BAD_REQUEST"},
    "noti": {"VALIDATION_ERROR": "BAD_REQUEST"},
    "storage": {"VALIDATION_ERROR": "BAD_REQUEST"},
}
"""Where a service's clients know a kind of error by another code."""

SAYS_SUCCESS = ("/svc/noti/api/internal/", "/svc/noti/api/notifications/stream")
"""Where noti's own envelope tells of a 401, too, and not the shared one (noti.md §1.1)."""

SAYS_REQUEST = ("/svc/chat/api/chats/files/",)
"""Where chat's own envelope tells the id of the request, too, and a bad body has a code and a
sentence of its own (chat.md §1.2, §4.3)."""

INTERNAL_ERROR = "something went wrong on our side; the request id helps us to find it"

log = structlog.get_logger("wealist.errors")


class Rendered(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Unexpected(AppError):
    """A failure nobody foresaw."""


class Unrouted(AppError):
    """404, 405 and the like from the router; the status is the instance's."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str]) -> None:
        super().__init__(message, code=code, headers=headers)
        self.status = status  # type: ignore[misc]  # one class for every status of the router


def service_of(path: str) -> str:
    """The service a canonical path belongs to, or "" for what lies outside `/svc/`."""
    parts = path.split("/", 3)
    return parts[2] if len(parts) > 2 and parts[1] == "svc" and parts[2] in SERVICES else ""


def render(error: BaseException, path: str, request_id: str) -> Rendered:
    """Status, headers and JSON body for `error`, in the envelope of the service of `path`."""
    known = translate(error)
    if path.startswith(SAYS_REQUEST) and isinstance(known, Invalid) and not known.coded:
        known = Invalid(f"Invalid request body: {known.message}", code=Invalid.kind)
    service = service_of(path)
    body = _body(known, service, request_id)
    if known.status == 401 and path.startswith(SAYS_SUCCESS):
        body = {"success": False, **body}
    if path.startswith(SAYS_REQUEST):
        body = {**body, "requestId": request_id}
    headers = {"content-type": "application/json", **known.headers}
    return Rendered(known.status, headers, msgspec.json.encode(body))


def _body(error: AppError, service: str, request_id: str) -> dict[str, Any]:
    code = error.code if error.coded else CODES.get(service, {}).get(error.code, error.code)
    if isinstance(error, TooMany):
        return {
            "error": "Too Many Requests",
            "message": error.message,
            "retryAfter": error.retry_after,
        }
    if service == "auth":
        return {"code": code, "message": error.message, **error.extra}
    inner = {"code": code, "message": error.message}
    if isinstance(error, Unauthorized):
        # The shared middleware of the reference answers 401 alike for all resource services.
        return {"error": {"code": "UNAUTHORIZED", "message": error.message}}
    if service == "board" and error.field:
        inner["details"] = error.field
    if isinstance(error, Unexpected) or service == "board":
        return {"error": inner, "requestId": request_id, **error.extra}
    if service in ("chat", "noti"):
        return {"success": False, "error": inner, **error.extra}
    if service == "ops":
        return {"success": False, "message": error.message, **error.extra}
    return {"error": inner, **error.extra}


def translate(error: BaseException) -> AppError:
    """The expected error that an exception means; `Unexpected` when it means none."""
    match error:
        case AppError():
            return error
        case ValidationException():
            return _bad_input(error)
        case HTTPException():
            return _from_router(error)
        case asyncpg.UniqueViolationError():
            return AlreadyExists("this already exists")
        case asyncpg.ForeignKeyViolationError():
            return NotFound("what this refers to does not exist")
        case asyncpg.CheckViolationError() | asyncpg.NotNullViolationError():
            return Invalid("a value is outside of what is allowed")
        case asyncpg.DataError():
            return BadRequest("a value can't be stored as it is")
        case asyncpg.SerializationError() | asyncpg.DeadlockDetectedError():
            return Unavailable("too many changes at once; try again", retry_after=1)
        case asyncpg.QueryCanceledError() | asyncpg.LockNotAvailableError():
            return Unavailable("this took too long; try again", retry_after=2)
        case TimeoutError() | asyncio.CancelledError():
            return Unavailable("this took too long; try again", retry_after=2)
        case _ if isinstance(error, UNREACHABLE):
            return Unavailable("the database can't be reached at the moment; try again")
    return Unexpected(INTERNAL_ERROR)


def _bad_input(error: ValidationException) -> AppError:
    problems = error.extra if isinstance(error.extra, list) else []
    if not problems:
        return BadRequest(error.detail)
    first = problems[0]
    message, field, source = first.get("message", ""), first.get("key"), first.get("source")
    if field == "data" or source == "body" or message == "'data'":
        return invalid(message) if message != "'data'" else Invalid("a JSON body is required")
    return BadRequest(_plain_parameter(message) if field else message, field=field or None)


def _plain_parameter(message: str) -> str:
    if "UUID" in message or "uuid" in message or "badly formed" in message:
        return "must be a UUID"
    return without_echo(message[:1].lower() + message[1:])


def _from_router(error: HTTPException) -> AppError:
    headers = dict(error.headers or {})
    match error.status_code:
        case 404:
            return NotFound("there is nothing under this address")
        case 405:
            return Unrouted(405, "METHOD_NOT_ALLOWED", "this address has no such method", headers)
        case 400 if error.detail == "'data'" or "JSON" in error.detail:
            return Invalid("a JSON body is required")
        case 400:
            return BadRequest(error.detail)
        case 413:
            return Unrouted(413, "PAYLOAD_TOO_LARGE", "the body is too large", headers)
        case status if status < 500:
            return Unrouted(status, "BAD_REQUEST", error.detail, headers)
    return Unexpected(INTERNAL_ERROR)


def log_failure(error: BaseException) -> None:
    """Tell the operator what a client isn't told: all of a surprise, a line of an outage."""
    known = translate(error)
    if isinstance(known, Unexpected):
        log.error("request failed", exc_info=error)
    elif known.status >= 500 and known is not error:
        log.warning("request refused", error=f"{type(error).__name__}: {error}")


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for everything; registered once, on the app."""
    request_id = request.scope.get("state", {}).get("request_id", "")
    rendered = render(error, request.scope["path"], request_id)
    log_failure(error)
    return Response(
        content=rendered.body,
        status_code=rendered.status,
        headers={k: v for k, v in rendered.headers.items() if k != "content-type"},
        media_type="application/json",
    )
