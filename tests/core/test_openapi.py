"""The API document: what a caller has to show at each endpoint."""

from typing import Any

import pytest

from wealist.app import create_app
from wealist.core import access
from wealist.core.environment import from_env
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
