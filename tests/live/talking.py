"""People who talk: clients of chat's sockets that remember all that they were told."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Self
from uuid import uuid4

import msgspec

from tests.live.hearing import PATIENCE, SocketEar
from tests.live.servers import Replica, Session

API = "/svc/chat/api/chats"


class Talker(SocketEar):
    """One socket of a room (or, for `ws/presence`, of a person)."""

    @classmethod
    @contextlib.asynccontextmanager
    async def on(
        cls, replica: Replica, room: str, session: Session, since: str | None = None
    ) -> AsyncIterator[Self]:
        """A talker that is listening: the server has answered its first ping."""
        url = f"{replica.url}{API}/ws/{room}?token={session.access}"
        async with cls.connected(url + (f"&since={since}" if since else "")) as talker:
            await talker.say(type="ping")
            await talker.until(lambda: talker.code is not None or bool(talker.of("pong")))
            yield talker

    async def say(self, **frame: Any) -> None:
        await self._socket.send(msgspec.json.encode(frame).decode())

    async def raw(self, text: str | bytes) -> None:
        await self._socket.send(text)

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """The frames of these types, in the order of their arrival."""
        return [frame for frame in self.frames if frame["type"] in kinds]

    async def heard(self, kind: str, count: int = 1, *, within: float = PATIENCE) -> list[Any]:
        """The frames of one type, once there are `count`."""
        await self.until(lambda: len(self.of(kind)) >= count, within=within)
        return self.of(kind)


class Team:
    """Three people of a workspace, and what they do over any replica."""

    def __init__(self, replica: Replica, people: dict[str, Session], workspace_id: str) -> None:
        self.replica, self.people, self.workspace_id = replica, people, workspace_id
        self.ann, self.bob, self.eve = people.values()
        self.membership: dict[str, str] = {}

    @classmethod
    async def of(cls, replica: Replica) -> "Team":
        tag = uuid4().hex[:8]
        people = {name: await replica.sign_in(f"{name}-{tag}") for name in ("ann", "bob", "eve")}
        workspace_id = await replica.create_workspace(people["ann"], "Talk")
        team = cls(replica, people, workspace_id)
        for name in ("bob", "eve"):
            member = await team.call(
                team.ann,
                "POST",
                f"/svc/user/api/workspaces/{workspace_id}/members/invite",
                {"email": f"{name}-{tag}@example.com", "roleName": "MEMBER"},
            )
            team.membership[people[name].user_id] = member["workspaceMemberId"]
        return team

    async def call(
        self, who: Session, method: str, path: str, body: Any = None, at: Replica | None = None
    ) -> Any:
        """The payload of an answer; paths are chat's unless they begin with `/svc`."""
        url = path if path.startswith("/svc") else f"{API}{path}"
        http = (at or self.replica).http
        answer = await http.request(method, url, json=body, headers=who.headers)
        assert answer.status_code in (200, 201, 204), (path, answer.text)
        found = answer.json() if answer.content else None
        return found["message"] if isinstance(found, dict) and "success" in found else found

    async def room(self, *others: Session, kind: str = "GROUP") -> str:
        made = await self.call(
            self.ann,
            "POST",
            "",
            {
                "workspaceId": self.workspace_id,
                "chatType": kind,
                "chatName": "Talk",
                "participants": [one.user_id for one in others or (self.bob, self.eve)],
            },
        )
        found: str = made["chatId"]
        return found

    async def say(self, who: Session, room: str, text: str, at: Replica | None = None) -> Any:
        return await self.call(who, "POST", f"/messages/{room}", {"content": text}, at)

    async def leaves_workspace(self, who: Session, at: Replica | None = None) -> None:
        member = self.membership[who.user_id]
        path = f"/svc/user/api/workspaces/{self.workspace_id}/members/{member}"
        await self.call(self.ann, "DELETE", path, at=at)
