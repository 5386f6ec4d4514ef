"""People for benchmarks: many of them, in workspaces and in rooms of chat."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import httpx

TOGETHER = 16
"""Requests at once."""
WORKSPACES = "/svc/user/api/workspaces"
CHATS = "/svc/chat/api/chats"

JOIN = """
    INSERT INTO "user".members (id, workspace_id, user_id, role, is_default, is_active, joined_at,
        updated_at, version)
    SELECT gen_random_uuid(), $1, one, 'MEMBER', false, true, now(), now(), 1
    FROM unnest($2::uuid[]) AS one
"""


class Person(NamedTuple):
    """Somebody who is signed in."""

    token: str
    id: str


class Town:
    """What people do over HTTP with the server on a port, many at once."""

    def __init__(self, port: int, database_url: str) -> None:
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self._database_url = database_url
        self._turn = asyncio.Semaphore(TOGETHER)

    async def close(self) -> None:
        await self._http.aclose()

    async def post(self, path: str, body: Any, token: str = "") -> Any:
        """The payload of the answer."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._turn:
            answer = await self._http.post(path, json=body, headers=headers)
        if answer.status_code >= 300:
            raise SystemExit(f"POST {path}: {answer.status_code} {answer.text}")
        found = answer.json()
        return found.get("message", found)

    async def people(self, count: int) -> list[Person]:
        """So many people who sign in for the first time."""

        async def sign_in(number: int) -> Person:
            body = {"email": f"person{number}@example.com", "name": f"Person {number}"}
            found = await self.post("/svc/auth/api/test/token", body)
            return Person(found["accessToken"], found["userId"])

        return list(await asyncio.gather(*map(sign_in, range(count))))

    async def workspace(self, people: Sequence[Person]) -> str:
        """A workspace of these people, owned by the first. The others come in by SQL."""
        made = await self.post(f"{WORKSPACES}/create", {"workspaceName": "Bench"}, people[0].token)
        connection = await asyncpg.connect(self._database_url)
        try:
            found = UUID(made["workspaceId"])
            await connection.execute(JOIN, found, [UUID(one.id) for one in people[1:]])
        finally:
            await connection.close()
        return str(found)

    async def room(self, workspace_id: str, people: Sequence[Person], name: str = "Bench") -> str:
        """A group of these people, made by the first."""
        body = {
            "workspaceId": workspace_id,
            "chatType": "GROUP",
            "chatName": name,
            "participants": [one.id for one in people[1:]],
        }
        made = await self.post(CHATS, body, people[0].token)
        found: str = made["chatId"]
        return found

    async def rooms(self, workspace_id: str, groups: Sequence[Sequence[Person]]) -> list[str]:
        """A room for each group."""
        made = (
            self.room(workspace_id, one, f"Room {number}") for number, one in enumerate(groups, 1)
        )
        return list(await asyncio.gather(*made))


def door(room_id: str, person: Person) -> str:
    """The path of a room's socket."""
    return f"{CHATS}/ws/{room_id}?token={person.token}"
