"""Notifications for tests: made by what really happens, and read as their people read them."""

from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.people import Person, Server
from wealist.core import db
from wealist.noti import api, reader

API = "/svc/noti/api/notifications"
INTERNAL = "/svc/noti/api/internal/notifications"


class Office:
    """A workspace of two people; Ann is told what the boss does."""

    def __init__(self, boss: Person, ann: Person, workspace_id: str, member_id: str) -> None:
        self.boss, self.ann = boss, ann
        self.workspace_id, self.member_id = workspace_id, member_id

    @classmethod
    async def of(cls, server: Server, ann: Person | None = None) -> "Office":
        """With nothing told yet."""
        boss = await server.person("Boss")
        ann = ann or await server.person("Ann")
        made = await boss.workspace("Acme")
        member = await boss.invites(made["workspaceId"], ann)
        office = cls(boss, ann, made["workspaceId"], member["workspaceMemberId"])
        await reader.catch_up()
        for one in await listed(ann, office.workspace_id):
            await ann.delete(f"{API}/{one['id']}")
        return office

    @property
    def here(self) -> dict[str, str]:
        """The header that names the workspace."""
        return {"X-Workspace-Id": self.workspace_id}

    async def happens(self, count: int = 1, kind: str = "BOARD_UPDATED", **members: Any) -> None:
        """The boss does something that Ann is told of, and she is."""
        await self.asks(count, kind, **members)
        await reader.catch_up()

    async def asks(self, count: int = 1, kind: str = "BOARD_UPDATED", **members: Any) -> None:
        """The same, but nobody has read the log yet."""
        async with db.transaction():
            for number in range(count):
                given = {
                    "targets": [self.ann.user_id],
                    "actor": self.boss.user_id,
                    "workspace_id": UUID(self.workspace_id),
                    "resource_type": "board",
                    "resource_id": uuid4(),
                    "resource_name": f"Card {number}",
                    "metadata": {"projectId": str(uuid4()), "projectName": "Roadmap"},
                }
                api.notify(kind, **(given | members))

    async def list(self, **params: Any) -> list[dict[str, Any]]:
        return await listed(self.ann, self.workspace_id, **params)

    async def unread(self) -> int:
        answer = await self.ann.get(f"{API}/unread-count", headers=self.here)
        assert answer.status_code == 200, answer.text
        assert answer.json()["workspaceId"] == self.workspace_id
        count: int = answer.json()["count"]
        return count

    def event(self, **members: Any) -> dict[str, Any]:
        """The body of the internal endpoint."""
        return {
            "type": "BOARD_UPDATED",
            "actorId": self.boss.id,
            "targetUserId": self.ann.id,
            "workspaceId": self.workspace_id,
            "resourceType": "board",
            "resourceId": str(uuid4()),
            "resourceName": "Card",
            "metadata": {"projectId": str(uuid4())},
            **members,
        }


async def listed(person: Person, workspace_id: str, **params: Any) -> list[dict[str, Any]]:
    """A page of a workspace's list, up to 100 unless told otherwise."""
    answer = await page(person, workspace_id, **({"limit": 100} | params))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["notifications"]
    return found


async def page(person: Person, workspace_id: str, **params: Any) -> httpx.Response:
    return await person.get(API, params=params, headers={"X-Workspace-Id": workspace_id})


async def miscounted() -> int:
    """How many counters don't say how many rows are unread, among all people and workspaces."""
    wrong: int = await db.fetch_value(
        """
        SELECT count(*) FROM noti.unread u FULL JOIN (
            SELECT target_id, workspace_id, count(*) AS rows FROM noti.notifications
            WHERE shown AND read_at IS NULL GROUP BY 1, 2
        ) n USING (target_id, workspace_id)
        WHERE coalesce(u.count, 0) <> coalesce(n.rows, 0)
        """
    )
    return wrong
