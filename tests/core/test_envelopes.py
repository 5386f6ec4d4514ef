"""Each service's error body, for each kind of failure (contract: common.md §6 and §7)."""

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from litestar import Litestar, get
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.testing import TestClient

from wealist.core import body, envelopes
from wealist.core.errors import (
    AlreadyExists,
    AppError,
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionFailed,
    TooLarge,
    TooMany,
    TooSlow,
    Unauthorized,
    Unavailable,
)
from wealist.user.wire import UserRef


def shape(service: str, code: str, message: str) -> Any:
    """The body that a service's clients read."""
    inner = {"code": code, "message": message}
    return {
        "auth": inner,
        "user": {"error": inner},
        "board": {"error": inner, "requestId": "r-1"},
        "chat": {"success": False, "error": inner},
        "noti": {"success": False, "error": inner},
        "storage": {"error": inner},
        "ops": {"success": False, "message": message},
    }[service]


def rendered(error: BaseException, service: str) -> tuple[int, dict[str, str], Any]:
    answer = envelopes.render(error, f"/svc/{service}/api/x", "r-1")
    return answer.status, answer.headers, json.loads(answer.body)


@pytest.mark.parametrize("service", envelopes.SERVICES)
@pytest.mark.parametrize(
    ("error", "status", "codes"),
    [
        (
            BadRequest("m"),
            400,
            {"": "BAD_REQUEST", "auth": "AUTH400", "board": "VALIDATION_ERROR"},
        ),
        (
            Invalid("m"),
            400,
            {
                "": "BAD_REQUEST",
                "auth": "AUTH400",
                "user": "VALIDATION_ERROR",
                "board": "VALIDATION_ERROR",
            },
        ),
        (Forbidden("m"), 403, {"": "FORBIDDEN", "auth": "AUTH403"}),
        (NotFound("m"), 404, {"": "NOT_FOUND", "auth": "AUTH404"}),
        (Conflict("m"), 409, {"": "CONFLICT", "auth": "AUTH409"}),
        (AlreadyExists("m"), 409, {"": "ALREADY_EXISTS"}),
        (Conflict("m", code="ALREADY_MEMBER"), 409, {"": "ALREADY_MEMBER"}),
        (TooSlow("m"), 408, {"": "TIMEOUT", "auth": "AUTH408"}),
        (TooLarge("m"), 413, {"": "PAYLOAD_TOO_LARGE", "auth": "AUTH413"}),
        (Unavailable("m"), 503, {"": "SERVICE_UNAVAILABLE", "auth": "AUTH008"}),
    ],
)
def test_an_expected_error_has_its_services_shape(
    service: str, error: AppError, status: int, codes: dict[str, str]
) -> None:
    code = codes.get(service, codes[""])
    assert rendered(error, service)[0] == status
    assert rendered(error, service)[2] == shape(service, code, "m")


@pytest.mark.parametrize("service", sorted(set(envelopes.SERVICES) - {"auth"}))
def test_all_resource_services_answer_401_alike(service: str) -> None:
    status, headers, body = rendered(Unauthorized("m"), service)
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert body == {"error": {"code": "UNAUTHORIZED", "message": "m"}}


@pytest.mark.parametrize("service", envelopes.SERVICES)
def test_a_rate_limit_looks_the_same_everywhere(service: str) -> None:
    status, headers, body = rendered(TooMany("slow down", retry_after=7), service)
    assert (status, headers["Retry-After"]) == (429, "7")
    assert body == {"error": "Too Many Requests", "message": "slow down", "retryAfter": 7}


@pytest.mark.parametrize("service", envelopes.SERVICES)
def test_what_nobody_foresaw_shows_nothing_of_itself(service: str) -> None:
    status, _, body = rendered(ZeroDivisionError("secret at /etc"), service)
    assert status == 500
    assert "secret" not in json.dumps(body)


@pytest.mark.parametrize("service", sorted(set(envelopes.SERVICES) - {"auth"}))
def test_an_unforeseen_failure_names_its_request(service: str) -> None:
    body = rendered(ZeroDivisionError(), service)[2]
    assert body.keys() == {"error", "requestId"}
    assert body["requestId"] == "r-1"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (asyncpg.UniqueViolationError("x"), 409, "ALREADY_EXISTS"),
        (asyncpg.ForeignKeyViolationError("x"), 404, "NOT_FOUND"),
        (asyncpg.CheckViolationError("x"), 400, "VALIDATION_ERROR"),
        (asyncpg.CharacterNotInRepertoireError("x"), 400, "BAD_REQUEST"),
        (asyncpg.StringDataRightTruncationError("x"), 400, "BAD_REQUEST"),
        (asyncpg.DeadlockDetectedError("x"), 503, "SERVICE_UNAVAILABLE"),
        (asyncpg.QueryCanceledError("x"), 503, "SERVICE_UNAVAILABLE"),
        (asyncpg.LockNotAvailableError("x"), 503, "SERVICE_UNAVAILABLE"),
        (asyncpg.CannotConnectNowError("x"), 503, "SERVICE_UNAVAILABLE"),
        (asyncpg.TooManyConnectionsError("x"), 503, "SERVICE_UNAVAILABLE"),
        (asyncpg.ConnectionDoesNotExistError("x"), 503, "SERVICE_UNAVAILABLE"),
        (asyncpg.InterfaceError("x"), 503, "SERVICE_UNAVAILABLE"),
        (ConnectionRefusedError("x"), 503, "SERVICE_UNAVAILABLE"),
        (TimeoutError(), 503, "SERVICE_UNAVAILABLE"),
        (NotFoundException(), 404, "NOT_FOUND"),
        (MethodNotAllowedException(), 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_failures_of_what_is_below_mean_something(
    error: BaseException, status: int, code: str
) -> None:
    found, headers, body = rendered(error, "user")
    assert (found, body["error"]["code"]) == (status, code)
    assert body["error"]["message"] != "x"
    assert (status == 503) == ("Retry-After" in headers)


def test_a_lost_race_carries_the_current_state() -> None:
    current = UserRef(UUID(int=7))
    status, headers, body = rendered(PreconditionFailed(current, 3), "user")
    assert (status, headers["ETag"]) == (412, '"3"')
    assert body["current"] == {"userId": "00000000-0000-0000-0000-000000000007"}


@pytest.mark.parametrize("path", ["/", "/objects/x", "/svc", "/svc/", "/svc/nobody/x", "/api/x"])
def test_paths_outside_the_services_have_a_plain_shape(path: str) -> None:
    assert envelopes.service_of(path) == ""
    body = json.loads(envelopes.render(NotFound("m"), path, "r-1").body)
    assert body == {"error": {"code": "NOT_FOUND", "message": "m"}}


@pytest.mark.parametrize("service", envelopes.SERVICES)
@pytest.mark.parametrize(
    "error",
    [
        Invalid("m", field="title"),
        Invalid("m", field="title", code="FILE_TOO_LARGE"),
        BadRequest("m", field="title"),
        body.invalid("Expected `str`, got `int` - at `$.title`"),
        body.invalid("Object missing required field `title`"),
    ],
)
def test_board_names_the_field_by_itself(service: str, error: AppError) -> None:
    found = rendered(error, service)[2]
    assert error.field == "title"
    assert error.message.startswith("title: ")
    if service == "board":
        assert found["error"].pop("details") == "title"
    code = error.code if error.code == "FILE_TOO_LARGE" else ""
    code = code or envelopes.CODES.get(service, {}).get(error.code, error.code)
    assert found == shape(service, code, error.message)


def test_without_a_field_board_has_no_details() -> None:
    for error in (Invalid("m"), BadRequest("m"), NotFound("m"), ZeroDivisionError("m")):
        assert rendered(error, "board")[2]["error"].keys() == {"code", "message"}


@get("/svc/{service:str}/api/x")
async def counted(service: FromPath[str], count: FromQuery[int]) -> None: ...


def test_board_names_a_parameter_by_itself() -> None:
    app = Litestar([counted], exception_handlers={Exception: envelopes.handle}, openapi_config=None)
    with TestClient(app) as http:
        board = http.get("/svc/board/api/x?count=many")
        user = http.get("/svc/user/api/x?count=many")
    assert (board.status_code, user.status_code) == (400, 400)
    assert board.json()["error"].pop("details") == "count"
    assert board.json()["error"]["message"].startswith("count: ")
    assert user.json()["error"].keys() == {"code", "message"}
