"""The key that other services show on internal endpoints."""

from hmac import compare_digest
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from wealist.core.errors import Unauthorized
from wealist.core.settings import Secret, Settings

HEADER = "x-internal-api-key"

_key: Secret | None = None


def open(settings: Settings) -> None:  # noqa: A001
    """Take the key from the settings; without one, internal endpoints let nobody in."""
    global _key
    _key = settings.internal_api_key


async def internal_key(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Litestar guard: raises `Unauthorized` unless the header has the configured key."""
    given = connection.headers.get(HEADER, "").encode("utf-8", "replace")
    if _key is None or not compare_digest(given, _key.reveal().encode()):
        raise Unauthorized("Invalid internal API key")
