"""A client of live boards that does what docs/live.md says, and remembers all that it was told."""

import contextlib
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Any, Self
from uuid import uuid4

from websockets.asyncio.client import ClientConnection

from tests.live.hearing import PATIENCE, SocketEar
from tests.live.servers import Replica, Session

API = "/svc/board/api"


def address(replica: Replica, project: str, token: str) -> str:
    """Where a project's socket is opened."""
    url = f"{replica.url}/svc/board/ws/project/{project}?token={token}"
    return url.replace("http", "ws", 1)


class Listener(SocketEar):
    """One connection to a project; `frames` are its events in the order of their arrival."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__(socket)
        self.at: list[float] = []
        self.control: list[dict[str, Any]] = []
        self.cursor = ""

    @classmethod
    @contextlib.asynccontextmanager
    async def on(
        cls, replica: Replica, project: str, session: Session, since: str | None = None
    ) -> AsyncIterator[Self]:
        """A listener that has had its first frame: the greeting, or RESUMED, or RESET."""
        url = address(replica, project, session.access) + (f"&since={since}" if since else "")
        async with cls.connected(url) as listener:
            await listener.until(lambda: bool(listener.control) or listener.code is not None)
            yield listener

    def _take(self, frame: dict[str, Any]) -> None:
        greeting = frame["type"] == "BOARD_UPDATED" and "at" not in frame
        if greeting or frame["type"] in ("RESUMED", "RESET"):
            self.control.append(frame)
        else:
            self.frames.append(frame)
            self.at.append(perf_counter())
        self.cursor = f"{frame['epoch']}:{frame['seq']}"

    async def heard(self, count: int, *, within: float = PATIENCE) -> list[dict[str, Any]]:
        """The first `count` events."""
        await self.until(lambda: len(self.frames) >= count, within=within)
        return self.frames[:count]

    @property
    def seqs(self) -> list[int]:
        return [frame["seq"] for frame in self.frames]


class Kanban:
    """A project with a card, and what its owner does to it over any replica."""

    def __init__(self, owner: Session, workspace_id: str, project: str) -> None:
        self.owner, self.workspace_id, self.project = owner, workspace_id, project
        self.card = ""

    @classmethod
    async def made(cls, replica: Replica, owner: Session) -> "Kanban":
        workspace_id = await replica.create_workspace(owner, "Live")
        made = await _data(
            replica, owner, "POST", "/projects", {"workspaceId": workspace_id, "name": "Live"}
        )
        kanban = cls(owner, workspace_id, made["projectId"])
        kanban.card = (await kanban.add(replica, "First"))["boardId"]
        return kanban

    @classmethod
    async def of(cls, replica: Replica, name: str = "") -> "Kanban":
        """With an owner of that name, else somebody new."""
        return await cls.made(replica, await replica.sign_in(name or f"ann-{uuid4().hex[:8]}"))

    async def add(self, replica: Replica, title: str) -> dict[str, Any]:
        body = {"projectId": self.project, "title": title}
        return await _data(replica, self.owner, "POST", "/boards", body)

    async def rename(self, replica: Replica, title: str) -> None:
        await _data(replica, self.owner, "PUT", f"/boards/{self.card}", {"title": title})

    async def move(self, replica: Replica, value: str) -> None:
        body = {"projectId": self.project, "groupByFieldName": "stage", "newFieldValue": value}
        await _data(replica, self.owner, "PUT", f"/boards/{self.card}/move", body)

    async def invite(self, replica: Replica, name: str) -> tuple[Session, str]:
        """Somebody who is a colleague now, and the id of his membership."""
        guest = await replica.sign_in(name)
        answer = await replica.http.post(
            f"/svc/user/api/workspaces/{self.workspace_id}/members/invite",
            json={"email": f"{name}@example.com", "roleName": "MEMBER"},
            headers=self.owner.headers,
        )
        assert answer.status_code == 201, answer.text
        return guest, answer.json()["workspaceMemberId"]

    async def remove(self, replica: Replica, member_id: str) -> None:
        answer = await replica.http.delete(
            f"/svc/user/api/workspaces/{self.workspace_id}/members/{member_id}",
            headers=self.owner.headers,
        )
        assert answer.status_code == 200, answer.text


async def _data(
    replica: Replica, session: Session, method: str, path: str, body: dict[str, Any]
) -> Any:
    answer = await replica.http.request(method, f"{API}{path}", json=body, headers=session.headers)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["data"]
