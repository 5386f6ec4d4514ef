"""Somebody who uses an installation over HTTP, on any of its addresses."""

import asyncio
import itertools
from typing import Any

import httpx

API = "/svc/board/api"
WORKSPACES = "/svc/user/api/workspaces"
PATIENCE = 20.0


class RefusedError(Exception):
    """The installation answered something else than what it must; the text is for people."""

    def __init__(self, what: str, answer: httpx.Response) -> None:
        super().__init__(f"{what}: {answer.status_code} {answer.text[:300]}")
        self.status = answer.status_code


class Account:
    """A signed-in person. `name` is used to sign in again where test sign-in is enabled; with a
    `token` of his own he can't. The list of `urls` may change meanwhile."""

    def __init__(self, urls: list[str], name: str, token: str = "") -> None:
        self.urls = urls
        self.name = name
        self.token = token
        self.user_id = ""
        self._can_sign_in = not token
        self._turn = itertools.count()
        self._http = httpx.AsyncClient(timeout=PATIENCE)
        self._signing = asyncio.Lock()

    async def close(self) -> None:
        await self._http.aclose()

    async def sign_in(self, url: str | None = None) -> str:
        """A new token by the test sign-in. Raises `RefusedError` where that is off."""
        body = {"email": f"{self.name}@example.com", "name": self.name}
        answer = await self._http.post(f"{url or self.urls[0]}/svc/auth/api/test/token", json=body)
        if answer.status_code != 200:
            raise RefusedError("test sign-in", answer)
        found = answer.json()
        self.token, self.user_id = found["accessToken"], found["userId"]
        return self.token

    async def renewed(self, old: str, url: str) -> str:
        """A token that counts, after `old` has been refused; one sign-in for all who ask."""
        async with self._signing:
            if self.token == old and self._can_sign_in:
                await self.sign_in(url)
        return self.token

    async def send(
        self, method: str, path: str, body: Any = None, *, url: str | None = None
    ) -> httpx.Response:
        """One request, to the next address in turn unless one is named."""
        target = url or self.urls[next(self._turn) % len(self.urls)]
        return await self._http.request(
            method,
            target + path,
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
        )

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The payload of an answer that is fine. Raises `RefusedError` for any other."""
        answer = await self.send(method, path, body)
        if answer.status_code not in (200, 201):
            raise RefusedError(f"{method} {path}", answer)
        found = answer.json()
        return found.get("data", found) if isinstance(found, dict) else found


class Scratch:
    """A workspace with a project and cards that exists for a check only."""

    def __init__(self, owner: Account) -> None:
        self.owner = owner
        self.workspace_id = self.project_id = ""
        self.cards: list[str] = []

    async def make(self, cards: int) -> None:
        """Create it all."""
        body = {"workspaceName": "weAlist real-time check", "isPublic": False}
        made = await self.owner.call("POST", f"{WORKSPACES}/create", body)
        self.workspace_id = made["workspaceId"]
        project = {"workspaceId": self.workspace_id, "name": "Real-time check"}
        made = await self.owner.call("POST", f"{API}/projects", project)
        self.project_id = made["projectId"]
        for number in range(cards):
            card = {"projectId": self.project_id, "title": f"Card {number}"}
            self.cards.append((await self.owner.call("POST", f"{API}/boards", card))["boardId"])

    async def invite(self, guest: Account) -> str:
        """Make somebody a colleague; the id of his membership."""
        body = {"email": f"{guest.name}@example.com", "roleName": "MEMBER"}
        path = f"{WORKSPACES}/{self.workspace_id}/members/invite"
        member: str = (await self.owner.call("POST", path, body))["workspaceMemberId"]
        return member

    async def remove(self, member_id: str) -> None:
        """End a membership."""
        path = f"{WORKSPACES}/{self.workspace_id}/members/{member_id}"
        await self.owner.call("DELETE", path)

    async def log(self) -> list[int]:
        """The seq of every event of the project, by the third door."""
        path = f"{API}/projects/{self.project_id}/changes"
        cursor = (await self.owner.call("GET", path))["cursor"]
        cursor = cursor.rpartition(":")[0] + ":0"
        seqs: list[int] = []
        more = True
        while more:
            page = await self.owner.call("GET", f"{path}?since={cursor}")
            seqs += [event["seq"] for event in page["events"]]
            cursor, more = page["cursor"], page["more"]
        return seqs

    async def drop(self) -> None:
        """Delete it all; harmless when there is nothing."""
        if self.workspace_id:
            await self.owner.call("DELETE", f"{WORKSPACES}/{self.workspace_id}")
