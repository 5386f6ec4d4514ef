"""The API document: what a caller has to show at each endpoint, and what it may answer."""

from typing import Any

import msgspec
import pytest

from wealist.app import create_app
from wealist.core import access, aliases, envelopes
from wealist.core.environment import from_env
from wealist.core.errors import (
    AppError,
    Invalid,
    Mismatch,
    NotFound,
    PreconditionFailed,
    TooMany,
    Unauthorized,
    Unavailable,
)
from wealist.core.health import Health
from wealist.core.internal import HEADER


@pytest.fixture(scope="module")
def app() -> Any:
    return create_app(from_env({}))


@pytest.fixture(scope="module")
def document(app: Any) -> dict[str, Any]:
    schema: dict[str, Any] = app.openapi_schema.to_schema()
    return schema


def test_a_token_is_needed_unless_an_endpoint_says_otherwise(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert document["security"] == [{"bearer": []}]
    bearer = schemes["bearer"]
    assert (bearer["type"], bearer["scheme"], bearer["bearerFormat"]) == ("http", "bearer", "JWT")
    key = schemes["internalKey"]
    assert (key["type"], key["in"], key["name"]) == ("apiKey", "header", HEADER)


def test_each_endpoint_asks_for_what_its_access_says(app: Any, document: dict[str, Any]) -> None:
    seen = set()
    for method, path, kind in access.routes(app):
        operation = document["paths"].get(path, {}).get(method.lower())
        if operation is None:
            continue
        asked = operation.get("security", document["security"])
        if kind in ("public", "signed"):
            assert asked == [{}], path
        elif kind != "internal":
            assert asked == [{"bearer": []}], path
        seen.add(kind)
    assert {"public", "caller", "internal", "workspace.read"} <= seen


def test_internal_endpoints_ask_for_the_key_where_they_check_it(document: dict[str, Any]) -> None:
    paths = document["paths"]
    assert paths["/svc/user/api/users"]["post"]["security"] == [{"internalKey": []}]
    assert paths["/metrics"]["get"]["security"] == [{}]


Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[Operation]:
    """Method, path and description of every endpoint."""
    return [
        (method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def content(document: dict[str, Any], method: str, path: str, status: int) -> dict[str, Any]:
    """The schemas of an answer by its content types, with the one reference resolved."""
    found: dict[str, Any] = document["paths"][path][method]["responses"][str(status)]["content"]
    return {kind: resolved(document, body["schema"]) for kind, body in found.items()}


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = document["components"]["schemas"][name] if name else schema
    return found


def parameters(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in operation.get("parameters", ())}


def test_every_endpoint_tells_its_errors(app: Any, operations: list[Operation]) -> None:
    kinds = {(method.lower(), path): kind for method, path, kind in access.routes(app)}
    for method, path, operation in operations:
        kind, told = kinds[method, path], set(operation["responses"])
        where = method, path, sorted(told)
        guarded = operation.get("security") == [{"internalKey": []}]
        writes = method != "get" and kind != "public"
        assert {"400", "429", "503"} <= told, where
        if kind != "public":
            assert "404" in told, where
            assert ("401" in told) == (guarded or kind not in ("internal", "signed")), where
        if kind not in access.WORDS or writes:
            assert "403" in told, where
        if kind != "public":
            assert ("409" in told) == writes, where
        assert ("412" in told) == ("If-Match" in parameters(operation)), where
        assert ({"408", "413"} <= told) == ("requestBody" in operation), where
        repeatable = method == "post" and not path.startswith("/svc/auth/")
        assert ("422" in told) == repeatable, where
        assert ("Idempotency-Key" in parameters(operation)) == repeatable, where


def test_public_endpoints_tell_the_errors_of_their_own(document: dict[str, Any]) -> None:
    for path, errors in {
        "/svc/auth/api/auth/refresh": {"401"},
        "/svc/auth/api/auth/logout": {"401"},
        "/svc/auth/api/auth/validate": set(),
        "/svc/auth/api/test/token": {"401", "403", "404", "409"},
    }.items():
        told = set(document["paths"][path]["post"]["responses"])
        assert told == errors | {"200", "400", "408", "413", "429", "503"}, path
    assert "404" in document["paths"]["/svc/auth/api/test/status"]["get"]["responses"]


ERRORS: list[tuple[str, str, AppError]] = [
    ("get", "/svc/auth/api/auth/me", Unauthorized("no")),
    ("get", "/svc/auth/api/auth/me", TooMany("wait", retry_after=1)),
    ("get", "/svc/user/api/users/{user_id}", NotFound("no")),
    ("put", "/svc/user/api/users/{user_id}", PreconditionFailed(Health("UP", {}), 2)),
    ("post", "/svc/board/api/boards", Invalid("no", field="title")),
    ("post", "/svc/board/api/boards", Unauthorized("no")),
    ("post", "/svc/board/api/boards", Mismatch("no")),
    ("put", "/svc/board/api/boards/{board_id}", PreconditionFailed(Health("UP", {}), 2)),
    ("get", "/metrics", Unavailable("no")),
]


@pytest.mark.parametrize(("method", "path", "error"), ERRORS)
def test_errors_have_the_envelope_that_is_sent(
    document: dict[str, Any], method: str, path: str, error: AppError
) -> None:
    def check(body: dict[str, Any], schema: dict[str, Any]) -> None:
        members = resolved(document, schema)["properties"]
        assert set(resolved(document, schema)["required"]) <= set(body)
        # Board's request id is told where its errors are, not where they are another's.
        assert set(body) - {"requestId"} <= set(members)
        if "error" in body and isinstance(body["error"], dict):
            check(body["error"], members["error"])

    sent = envelopes.render(error, path, "id")
    (schema,) = content(document, method, path, sent.status).values()
    check(msgspec.json.decode(sent.body), schema)


def test_probes_show_objects_whether_all_is_well_or_not(document: dict[str, Any]) -> None:
    probes = [path for path in document["paths"] if aliases.probe(path) and "health" in path]
    probes.append("/svc/auth/ready")
    assert len(probes) >= 12
    for path in probes:
        (found,) = content(document, "get", path, 200).values()
        assert found["properties"]["status"] == {"type": "string"}, path
        (down,) = content(document, "get", path, 503).values()
        if path.endswith(("ready", "readiness")):
            assert down == found, path
    for path in ("info", "metrics", "metrics/{name}"):
        assert content(document, "get", f"/svc/auth/actuator/{path}", 200)["application/json"][
            "properties"
        ]


def test_what_is_not_json_says_what_it_is(document: dict[str, Any]) -> None:
    text = {"type": "string"}
    for path, status, kind in [
        ("/metrics", 200, "text/plain"),
        ("/svc/user/metrics", 200, "text/plain"),
        ("/svc/board/metrics", 200, "text/plain"),
        ("/svc/auth/actuator/prometheus", 200, "text/plain"),
        ("/svc/auth/oauth2/authorization/google", 200, "text/html"),
        ("/svc/auth/oauth2/authorization/google", 302, "text/html"),
        ("/svc/auth/oauth2/callback/google", 302, "text/html"),
        ("/svc/auth/login/oauth2/code/google", 302, "text/html"),
        ("/svc/board/api/projects/{project_id}/events", 200, "text/event-stream"),
        ("/svc/board/api/attachments/{attachment_id}/download", 200, "*/*"),
    ]:
        assert content(document, "get", path, status) == {kind: text}, path


def test_every_success_of_a_route_is_told(document: dict[str, Any]) -> None:
    for path, statuses in {
        "/svc/board/api/participants": (201, 207),
        "/svc/board/api/field-options": (200, 201),
    }.items():
        one, other = (content(document, "post", path, status) for status in statuses)
        assert one == other
        assert one["application/json"]["properties"].keys() == {"data", "requestId"}


def test_no_answer_is_left_open(document: dict[str, Any], operations: list[Operation]) -> None:
    for method, path, operation in operations:
        for status in operation["responses"]:
            bare = status == "204" or "openid" in path or "jwks" in path
            if int(status) < 300 and not bare:
                assert all(content(document, method, path, int(status)).values()), path


def test_ids_are_uuids_and_nothing_that_may_be_absent_is_null(operations: list[Operation]) -> None:
    seen = set()
    for _, path, operation in operations:
        for name, one in parameters(operation).items():
            assert "oneOf" not in one["schema"], (path, name)
            is_id = name.endswith(("_id", "Id")) and name not in ("assigneeId", "lastEventId")
            assert (one["schema"].get("format") == "uuid") == is_id, (path, name)
            if name == "X-Workspace-Id":
                assert one["required"], path
            seen.add(name)
    assert {"board_id", "projectId", "workspaceId", "boardId", "X-Workspace-Id"} <= seen


def test_numbers_say_how_they_are_read(operations: list[Operation]) -> None:
    seen = set()
    for _, path, operation in operations:
        given = parameters(operation)
        for name in given.keys() & {"limit", "page"}:
            strict = "cursor" in given
            said, schema = given[name]["description"], given[name]["schema"]
            assert ("no such number is refused" in said) == strict, path
            assert ("Nothing is refused" in said) != strict, path
            assert schema["type"] == ("integer" if strict else ["integer", "string"]), path
            seen.add((name, strict))
    assert seen == {("limit", True), ("limit", False), ("page", False)}


def test_text_says_how_short_it_may_be(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for kind, member, least in [
        ("NewProject", "name", 2),
        ("ProjectChange", "name", 2),
        ("NewBoard", "title", 1),
        ("NewComment", "content", 1),
        ("NewItem", "text", 1),
        ("NewOption", "label", 1),
        ("NewWorkspace", "workspaceName", 1),
        ("NewProfile", "nickName", 1),
    ]:
        assert schemas[kind]["properties"][member]["minLength"] == least, kind


def test_a_body_is_required_unless_it_has_a_default(operations: list[Operation]) -> None:
    optional = {
        path
        for _, path, operation in operations
        if not operation.get("requestBody", {"required": True})["required"]
    }
    assert optional == {"/svc/auth/api/test/token", "/svc/auth/api/auth/logout"}
