"""People for tests: each is a signed-in HTTP client of the app."""

import time
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
from litestar.types import ASGIApp

from wealist.core import identity, tokens
from wealist.core.settings import Settings
from wealist.user import users

NIL = "00000000-0000-0000-0000-000000000000"


class Server(NamedTuple):
    """The app as its two ports show it."""

    settings: Settings
    public: ASGIApp
    internal: ASGIApp

    def client(self, *, internal: bool = False, **kwargs: Any) -> httpx.AsyncClient:
        """A client without a token."""
        app: Any = self.internal if internal else self.public
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test", **kwargs
        )

    async def person(self, name: str, *, email: str | None = None) -> "Person":
        """Somebody who has just signed in for the first time (or again, by the e-mail)."""
        email = email or f"{name.replace(' ', '.')}-{uuid4().hex[:8]}@example.com"
        user = await users.find_or_create(email=email, name=name, provider="google")
        return Person(self, user.user_id, user.email, name, await self.token(user.user_id, email))

    async def token(self, user_id: UUID, email: str, *, age: float = 0) -> str:
        """An access token of a new session that began `age` seconds ago."""
        now = int(time.time() - age)
        pair = tokens.Pair(user_id, str(uuid4()), str(uuid4()), str(uuid4()), now, email)
        await tokens.store().start(pair, now=now, ttl=3600 + age)
        return identity.sign(pair).access


class Person:
    """A signed-in person. Paths are relative to `/svc/user/api`."""

    def __init__(self, server: Server, user_id: UUID, email: str, name: str, token: str) -> None:
        self.server, self.user_id, self.email, self.name = server, user_id, email, name
        self.id = str(user_id)
        self.token = token
        self.http = server.client(headers={"Authorization": f"Bearer {self.token}"})
        self.get, self.post, self.put = self.http.get, self.http.post, self.http.put
        self.delete = self.http.delete

    async def workspace(self, name: str = "Acme", **members: Any) -> dict[str, Any]:
        """A workspace this person has just created."""
        answer = await self.post(
            "/svc/user/api/workspaces/create", json={"workspaceName": name, **members}
        )
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    async def invites(
        self, workspace_id: str, other: "Person", role: str = "MEMBER"
    ) -> dict[str, Any]:
        """Make another person a member."""
        answer = await self.post(
            f"/svc/user/api/workspaces/{workspace_id}/members/invite",
            json={"email": other.email, "roleName": role},
        )
        assert answer.status_code == 201, answer.text
        member: dict[str, Any] = answer.json()
        return member
