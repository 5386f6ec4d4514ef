"""What auth's tests stand on: users kept in memory, the service by itself behind the edge, and a
real OpenID provider behind a proxy that writes down what reached it."""

import asyncio
import base64
import contextlib
import hashlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID, uuid4

import httpx
from litestar import Litestar
from litestar.di import Provide
from litestar.types import ASGIApp

from tests.core.object_peers import free_port, serving, wait_for_port
from wealist.auth import api, people, sessions, sign_in, test_tokens
from wealist.auth.routes import router
from wealist.core import (
    bus,
    envelopes,
    identity,
    keys,
    redis,
    server_secret,
    site,
    tokens,
)
from wealist.core.body import JsonBody
from wealist.core.edge import Edge
from wealist.core.errors import Forbidden
from wealist.core.settings import Settings

SITE = "http://test"
TARGET = "http://localhost:3000/oauth/callback"


class Person:
    """A user kept in memory."""

    def __init__(self, user_id: UUID, email: str, name: str) -> None:
        self.user_id, self.email, self.name = user_id, email, name
        self.active = True
        self.subjects: set[tuple[str, str]] = set()


class InMemoryPeople:
    """Users as auth wants them, without a database. `banned` addresses may not sign in."""

    def __init__(self) -> None:
        self.all: dict[UUID, Person] = {}
        self.banned: set[str] = set()
        self.failure: Exception | None = None

    async def find_or_create(
        self,
        *,
        email: str,
        name: str,
        provider: str,
        subject: str | None = None,
        user_id: UUID | None = None,
    ) -> Person:
        if self.failure is not None:
            raise self.failure
        if email in self.banned:
            raise Forbidden("you may not sign in here")
        found = next((p for p in self.all.values() if (provider, subject) in p.subjects), None)
        if found is None and user_id is not None:
            found = self.all.get(user_id)
        if found is None:
            found = next((p for p in self.all.values() if p.email == email), None)
        if found is None:
            found = Person(user_id or uuid4(), email, name)
            self.all[found.user_id] = found
        if subject is not None:
            found.subjects.add((provider, subject))
        return found

    async def find_person(self, user_id: UUID) -> Person | None:
        if self.failure is not None:
            raise self.failure
        found = self.all.get(user_id)
        return found if found is not None and found.active else None


class Service:
    """Auth by itself, opened with some settings."""

    def __init__(self, settings: Settings, app: ASGIApp, users: InMemoryPeople) -> None:
        self.settings, self.app, self.people = settings, app, users

    def browser(self, **options: Any) -> httpx.AsyncClient:
        """A client that keeps cookies and follows nothing by itself."""
        transport: Any = httpx.ASGITransport(self.app)  # type: ignore[arg-type]
        return httpx.AsyncClient(**{"transport": transport, "base_url": SITE, **options})


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Service]:
    """The service in this process. Whatever had been opened before is found again afterwards."""
    users = InMemoryPeople()
    with _own_state():
        site.open(settings)
        server_secret.open(settings)
        keys.open(settings)
        await redis.open(settings)
        await bus.open(settings)
        await tokens.open(settings)
        await identity.open(settings)
        api.open(settings)
        people.use(users)
        try:
            yield Service(settings, Edge(app(), settings=settings), users)
        finally:
            await identity.close()
            await tokens.close()
            await bus.close()
            await redis.close()


def app() -> Litestar:
    """Auth's routes alone, with what the composition root gives them."""
    return Litestar(
        [router],
        dependencies={
            "caller": Provide(identity.caller, sync_to_thread=False),
        },
        dto=JsonBody,
        return_dto=None,
        exception_handlers={Exception: envelopes.handle},
        openapi_config=None,
        logging_config=None,
    )


@contextlib.contextmanager
def _own_state() -> Iterator[None]:
    modules: list[tuple[Any, str]] = [
        (site, "_base"),
        (server_secret, "_secret"),
        (keys, "_keys"),
        (redis, "_client"),
        (bus, "_bus"),
        (tokens, "_store"),
        (identity, "_mint"),
        (identity, "_verifier"),
        (sessions, "_settings"),
        (sign_in, "_sign_in"),
        (test_tokens, "_settings"),
        (people, "_people"),
    ]
    before = [getattr(module, name) for module, name in modules]
    try:
        yield
    finally:
        for (module, name), value in zip(modules, before, strict=True):
            setattr(module, name, value)
        server_secret._derived.clear()


class Asked(NamedTuple):
    """A request that reached the provider."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]


class Provider:
    """An OpenID provider process behind a proxy whose address is the issuer."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.issuer = ""
        self.asked: list[Asked] = []
        self.change: dict[str, Any] = {}
        """Path → function from the upstream's JSON answer to the one that is given instead."""
        self.silent: set[str] = set()
        """Paths that don't answer before the end."""
        self.released = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = scope["query_string"].decode()
        self.asked.append(
            Asked(
                scope["method"],
                scope["path"],
                dict(parse_qsl(query)),
                dict(parse_qsl(body.decode())),
                headers,
            )
        )
        if scope["path"] in self.silent:
            await self.released.wait()
        async with httpx.AsyncClient(base_url=self.upstream, verify=False) as client:
            answer = await client.request(
                scope["method"], f"{scope['path']}?{query}", headers=headers, content=body
            )
        content = answer.content
        if scope["path"] in self.change:
            content = self.change[scope["path"]](answer)
        kept = [
            (k.lower(), v)
            for k, v in answer.headers.raw
            if k.lower() in (b"content-type", b"location")
        ]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": content})

    def requests(self, path: str) -> list[Asked]:
        """What reached one of its endpoints."""
        return [asked for asked in self.asked if asked.path == path]

    async def user(self, subject: str, **claims: Any) -> None:
        """Have somebody an account there."""
        async with httpx.AsyncClient(verify=False) as client:
            answer = await client.put(f"{self.upstream}/users/{subject}", json=claims)
            assert answer.status_code == 204, answer.text

    async def sign_in(self, address: str, subject: str | None) -> str:
        """Sign in on the provider's page (None: refuse); where it sends the browser then."""
        form = {"action": "deny"} if subject is None else {"sub": subject}
        async with httpx.AsyncClient(verify=False) as browser:
            shown = await browser.get(address)
            assert shown.status_code == 200, shown.text
            answer = await browser.post(address, data=form)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])


@contextlib.contextmanager
def provider_process() -> Iterator[str]:
    """The provider's own process; yields its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", str(port)],
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@contextlib.asynccontextmanager
async def provider_behind_proxy(upstream: str) -> AsyncIterator[Provider]:
    """A fresh proxy before the provider's process."""
    provider = Provider(upstream)
    async with serving(provider) as port:
        provider.issuer = f"http://127.0.0.1:{port}"
        yield provider
        provider.released.set()


def challenge(verifier: str) -> str:
    """The PKCE challenge of a verifier (S256)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def relative(address: str) -> str:
    """Path and query of an address."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def query_of(address: str) -> dict[str, str]:
    """The query of an address, in its order."""
    return dict(parse_qsl(urlsplit(address).query, keep_blank_values=True, strict_parsing=True))
