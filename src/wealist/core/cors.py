"""Which web pages may call us from a browser, and the headers that say so."""

import re
from urllib.parse import urlsplit

from wealist.core.settings import Settings

METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
REQUEST_HEADERS = (
    "Origin, Content-Type, Accept, Authorization, X-Request-ID, X-Workspace-Id, traceparent,"
    " tracestate, baggage, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID"
)
EXPOSED = (
    "X-Request-ID, ETag, X-Total-Count, X-Next-Cursor, Idempotent-Replay, Retry-After,"
    " X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
)
MAX_AGE = "86400"

Pairs = tuple[tuple[bytes, bytes], ...]

_VARY: Pairs = ((b"vary", b"Origin"),)
_LOCAL = ("http://localhost:*", "http://127.0.0.1:*")
_REMEMBERED = 1024


class Cors:
    """The allow-list: `CORS_ORIGINS`, our own origin, and in dev every port of this machine.

    An entry may have `*` as its port or as its first label: `https://*.example.org`.
    """

    def __init__(self, settings: Settings) -> None:
        allowed = [*settings.cors_origins, settings.base_url]
        if not settings.production:
            allowed += _LOCAL
        self._allowed = re.compile("|".join(_pattern(origin) for origin in allowed), re.IGNORECASE)
        self._answers: dict[bytes, Pairs] = {}

    def allows(self, origin: bytes) -> bool:
        """Whether pages of this origin may read our answers."""
        return self._allowed.fullmatch(origin.decode("latin-1")) is not None

    def allows_socket(self, origin: bytes | None, host: bytes | None) -> bool:
        """Whether a WebSocket may be opened: not from a browser, an allowed page, or our own."""
        if origin is None or self.allows(origin):
            return True
        try:
            own = urlsplit(origin.decode("latin-1")).netloc.lower()
        except ValueError:
            return False
        return bool(own) and host is not None and own == host.decode("latin-1").lower()

    def headers(self, origin: bytes | None) -> Pairs:
        """What every response carries."""
        if origin is None:
            return _VARY
        known = self._answers.get(origin)
        if known is None:
            known = self._answer(origin)
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            self._answers[origin] = known
        return known

    def preflight(self, origin: bytes | None) -> Pairs:
        """What the 204 to an OPTIONS carries besides `headers`."""
        if origin is None or not self.allows(origin):
            return ()
        return (
            (b"access-control-allow-methods", METHODS.encode()),
            (b"access-control-allow-headers", REQUEST_HEADERS.encode()),
            (b"access-control-max-age", MAX_AGE.encode()),
        )

    def _answer(self, origin: bytes) -> Pairs:
        if not self.allows(origin):
            return _VARY
        return (
            *_VARY,
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", EXPOSED.encode()),
        )


def _pattern(origin: str) -> str:
    """A regular expression for one entry; only the scheme, host and port of an address count."""
    scheme, _, rest = origin.partition("://")
    host, colon, port = rest.partition("/")[0].partition(":")
    name = rf"[a-z0-9.-]+\.{re.escape(host[2:])}" if host.startswith("*.") else re.escape(host)
    numbers = r"(?::\d+)?" if port == "*" else (re.escape(f":{port}") if colon else "")
    return f"{re.escape(scheme)}://{name}{numbers}"
