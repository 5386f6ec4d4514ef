"""The errors a verb may raise. `envelopes.py` turns them into what each service's clients expect.

AppError
├── BadRequest          400  malformed path, header or query
├── Invalid             400  a body that breaks a rule; names the field
├── Unauthorized        401  only for a missing, invalid or expired token
├── Forbidden           403
├── NotFound            404
├── Conflict            409
│   └── AlreadyExists   409
├── TooSlow             408  the body took too long to arrive
├── PreconditionFailed  412  If-Match lost the race; carries the current state
├── TooLarge            413
├── Mismatch            422  Idempotency-Key reused for another request
├── TooMany             429
└── Unavailable         503  a dependency is unreachable; try again
"""

from typing import Any, ClassVar


class AppError(Exception):
    """An expected failure: a status, a stable code for programs, a sentence for people.

    `code` overrides the class's code where a contract names a special one; `headers` are added
    to the response; `extra` are further members of the error body, already encodable. `field` is
    the wire name of the member or parameter at fault, if one is; board tells it by itself.
    """

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "INTERNAL_ERROR"
    field: str | None = None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.kind
        self.coded = code is not None
        """Whether the contract names this code: services know others under codes of their own."""
        self.headers = headers or {}
        self.extra = extra or {}


class _Faulty(AppError):
    """Input that breaks a rule; the message begins with the name of what is at fault."""

    status = 400

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(f"{field}: {message}" if field else message, code=code)
        self.field = field


class BadRequest(_Faulty):
    """An address, query or header; `field` is the name of the parameter."""

    kind = "BAD_REQUEST"


class Invalid(_Faulty):
    """A body; `field` is the wire name of the member."""

    kind = "VALIDATION_ERROR"


class Unauthorized(AppError):
    status = 401
    kind = "UNAUTHORIZED"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message, code=code, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(AppError):
    status = 403
    kind = "FORBIDDEN"


class NotFound(AppError):
    status = 404
    kind = "NOT_FOUND"


class Conflict(AppError):
    status = 409
    kind = "CONFLICT"


class AlreadyExists(Conflict):
    kind = "ALREADY_EXISTS"


class TooSlow(AppError):
    """The body took too long. Ends the connection, since its rest could come at any time."""

    status = 408
    kind = "TIMEOUT"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"Connection": "close"})


class Left(AppError):
    """The client went away before its body had ended; nobody reads this."""

    status = 499
    kind = "CLIENT_LEFT"


class PreconditionFailed(AppError):
    """`If-Match` named an older version; `current` is the state the client should merge with."""

    status = 412
    kind = "PRECONDITION_FAILED"

    def __init__(self, current: Any, version: int) -> None:
        super().__init__(
            "somebody else changed this in the meantime; look at the current state and try again",
            headers={"ETag": f'"{version}"'},
            extra={"current": current},
        )


class TooLarge(AppError):
    status = 413
    kind = "PAYLOAD_TOO_LARGE"


class Mismatch(AppError):
    status = 422
    kind = "IDEMPOTENCY_KEY_REUSED"


class TooMany(AppError):
    """Rate limit exceeded; `retry_after` is in whole seconds."""

    status = 429
    kind = "TOO_MANY_REQUESTS"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})
        self.retry_after = retry_after


class Unavailable(AppError):
    """A dependency is unreachable. `retry_after` is in whole seconds."""

    status = 503
    kind = "SERVICE_UNAVAILABLE"

    def __init__(self, message: str, *, retry_after: int = 2) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})
