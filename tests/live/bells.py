"""An EventSource for bells that remembers all it was told, as browsers would."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Self
from uuid import uuid4

import httpx
import msgspec

from tests.live.hearing import PATIENCE, Ear
from tests.live.servers import Replica, Session

API = "/svc/noti/api/notifications"
INTERNAL = "/svc/noti/api/internal/notifications"
KEY = "a key for tests only, long enough"


class Bell(Ear):
    """One stream. `events` are (name, id, data) in the order of their arrival."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer = answer
        self.events: list[tuple[str, str, Any]] = []
        self.comments: list[str] = []
        self.retry = ""
        self.ended = False

    @classmethod
    @contextlib.asynccontextmanager
    async def of(
        cls, replica: Replica, session: Session, *, last: str | None = None, **params: str
    ) -> AsyncIterator[Self]:
        """A stream that says it is connected."""
        headers = {"Last-Event-ID": last} if last is not None else {}
        async with replica.client() as http:
            params = {"token": session.access, **params}
            async with http.stream(
                "GET", f"{API}/stream", params=params, headers=headers, timeout=None
            ) as answer:
                assert answer.status_code == 200, await answer.aread()
                async with cls(answer).reading() as bell:
                    await bell.until(lambda: bool(bell.events))
                    yield bell

    async def _read(self) -> None:
        fields: dict[str, str] = {}
        try:
            async for line in self.answer.aiter_lines():
                if line.startswith(":"):
                    self.comments.append(line)
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                else:
                    self._take(fields)
                    fields = {}
        except httpx.HTTPError:
            pass
        finally:
            self.ended = True
            self._news.set()

    def _take(self, fields: dict[str, str]) -> None:
        self.retry = fields.get("retry", self.retry)
        if "data" in fields:
            data = msgspec.json.decode(fields["data"])
            self.events.append((fields.get("event", "message"), fields.get("id", ""), data))
            self._news.set()

    async def heard(self, count: int, *, within: float = PATIENCE) -> list[dict[str, Any]]:
        """The first `count` notifications."""
        await self.until(lambda: len(self.notifications) >= count, within=within)
        return self.notifications[:count]

    @property
    def notifications(self) -> list[dict[str, Any]]:
        return [data for name, _, data in self.events if name == "notification"]

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.events]

    @property
    def cursor(self) -> str:
        """Where an EventSource would go on."""
        return next(place for _, place, _ in reversed(self.events) if place)


class Desk:
    """Somebody who is told things in a workspace of somebody else."""

    def __init__(self, boss: Session, ann: Session, workspace_id: str) -> None:
        self.boss, self.ann, self.workspace_id = boss, ann, workspace_id

    @classmethod
    async def of(cls, replica: Replica, ann: Session | None = None, name: str = "") -> "Desk":
        name = name or f"ann-{uuid4().hex[:8]}"
        boss = await replica.sign_in(f"boss-{uuid4().hex[:8]}")
        ann = ann or await replica.sign_in(name)
        workspace_id = await replica.create_workspace(boss, "Acme")
        desk = cls(boss, ann, workspace_id)
        answer = await replica.http.post(
            f"/svc/user/api/workspaces/{workspace_id}/members/invite",
            json={"email": f"{name}@example.com", "roleName": "MEMBER"},
            headers=boss.headers,
        )
        assert answer.status_code == 201, answer.text
        await desk.settled(replica)
        return desk

    async def settled(self, replica: Replica) -> None:
        """Wait until Ann knows that she is a member."""
        async with asyncio.timeout(PATIENCE):
            while not (await self.listed(replica)):
                await asyncio.sleep(0.02)

    async def listed(self, replica: Replica) -> list[dict[str, Any]]:
        headers = self.ann.headers | {"X-Workspace-Id": self.workspace_id}
        answer = await replica.http.get(API, params={"limit": 100}, headers=headers)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["notifications"]
        return found

    async def tell(self, replica: Replica, count: int = 1) -> list[str]:
        """Have Ann told things by another service; the ids of the notifications."""
        events = [
            {
                "type": "BOARD_UPDATED",
                "actorId": self.boss.user_id,
                "targetUserId": self.ann.user_id,
                "workspaceId": self.workspace_id,
                "resourceType": "board",
                "resourceId": str(uuid4()),
                "resourceName": f"Card {number}",
            }
            for number in range(count)
        ]
        async with replica.client(internal=True) as http:
            answer = await http.post(
                f"{INTERNAL}/bulk",
                json={"notifications": events},
                headers={"x-internal-api-key": KEY},
            )
        assert answer.status_code == 201, answer.text
        return [one["id"] for one in answer.json()["results"]]
