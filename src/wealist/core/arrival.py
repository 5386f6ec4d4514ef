"""What the edge finds out about a request or a handshake before anybody else sees it."""

import random
import re
from time import perf_counter
from typing import Any

from litestar.exceptions import NotFoundException
from litestar.types import ASGIApp

from wealist.core import aliases, envelopes, guards, identity, tracing
from wealist.core.context import Context
from wealist.core.cors import Cors
from wealist.core.errors import AppError, TooMany, Unauthorized
from wealist.core.limits import Limits
from wealist.core.proxies import Proxies
from wealist.core.settings import Settings

Pairs = list[tuple[bytes, bytes]]

_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_VERSION_4 = 0x4000_8000_0000_0000_0000
_WITHOUT_VERSION = (1 << 128) - 1 - 0xF000_C000_0000_0000_0000


class Gate:
    """What one edge lets through, and how. The `internal` one serves everything, unlimited.

    Raises `SettingsError` for trusted proxies that are no addresses.
    """

    def __init__(self, app: ASGIApp, settings: Settings, *, internal: bool) -> None:
        self.app = app
        self.internal = internal
        self.cors = Cors(settings)
        self.proxies = Proxies(settings.trusted_proxies)
        self.limits = Limits(settings) if settings.limits_on and not internal else None
        self.max_body = settings.max_body_bytes


class Arrival:
    """A request or handshake on its way in; puts what it learns into the scope."""

    __slots__ = ("context", "gate", "headers", "path", "scope", "span", "started", "state")

    def __init__(self, gate: Gate, scope: Any, method: str) -> None:
        self.started = perf_counter()
        self.gate = gate
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        original: str = scope["path"]
        self.path = scope["path"] = aliases.canonical(
            original, aliases.own_port(self.headers.get(b"host", b""))
        )
        given = self.headers.get(b"x-request-id")
        request_id = given.decode() if given is not None and _ID.fullmatch(given) else new_id()
        self.context = Context(request_id, envelopes.service_of(self.path))
        self.state: dict[str, Any] = scope.setdefault("state", {})
        self.state["request_id"] = request_id
        self.state["original_path"] = original
        self.state["started"] = self.started
        self.state["client_address"] = ""
        self.span = self._trace(method)

    def _trace(self, method: str) -> tracing.ServerSpan | None:
        context = self.context
        if tracing.enabled() and not aliases.probe(self.path):
            span = tracing.ServerSpan(method, self.scope["headers"])
            context.trace_id, context.span_id = span.trace_id, span.span_id
            context.sampled = span.sampled
            return span
        if above := tracing.parent(self.headers.get(b"traceparent")):
            context.trace_id, context.span_id, context.sampled = above
        return None

    def admit(self) -> None:
        """Refuse what is closed here or can't be an address; learn who is at the other end."""
        scope = self.scope
        client = scope.get("client")
        self.state["client_address"], scope["scheme"] = self.gate.proxies.origin(
            client[0] if client else None, scope["scheme"], scope["headers"]
        )
        if not self.gate.internal and aliases.closed(self.path):
            raise NotFoundException
        guards.check_text(self.path, scope["query_string"])

    async def identify(self) -> str | None:
        """Put the caller and his token, or why there is none, into the state. The user's id, for
        the limits."""
        given = self.headers.get(b"authorization")
        if not given:
            return None
        scheme, _, token = given.partition(b" ")
        try:
            if scheme.lower() != b"bearer" or not token or b" " in token:
                raise Unauthorized("Invalid authorization header format")
            text = token.decode("latin-1")
            caller = await identity.authenticate(text)
        except AppError as error:
            self.state["caller_error"] = error
            return None
        self.state["caller"], self.state["token"] = caller, text
        return str(caller.user_id)

    async def limit(self, method: str, user: str | None) -> Pairs:
        """Count the call; the headers that tell how many are left. Raises `TooMany`."""
        limits = self.gate.limits
        if limits is None or aliases.probe(self.path):
            return []
        verdict = await limits.check(method, self.path, user, self.state["client_address"])
        if verdict is None:
            return []
        headers = verdict.headers()
        if not verdict.allowed:
            refusal = TooMany(
                "too many calls; wait a little and try again", retry_after=verdict.reset
            )
            refusal.headers |= {name.decode(): value.decode() for name, value in headers}
            raise refusal
        return headers


async def nothing() -> None:
    """Takes the place of a send: a HEAD's answer has no body, or nobody is there any more."""


def new_id() -> str:
    """A UUID version 4. Nobody has to guess it, so it need not cost a system call."""
    number = random.getrandbits(128) & _WITHOUT_VERSION | _VERSION_4
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
