"""A bell as a client shows it: one workspace's list, its archive, and the counts of all."""

from typing import Any

from tests.fold import Reducer, State, keyed
from tests.noti.bells import API, listed
from tests.people import Person


class BellView:
    """What a client keeps up to date from the events of `bell:<user>` alone."""

    def __init__(self, person: Person, workspace_id: str) -> None:
        self.person, self.workspace_id = person, workspace_id
        self.reducers: dict[str, Reducer] = {
            "notification": self._shown,
            "notification-read": self._read,
            "notification-unread": self._shown,
            "notification-archived": self._shown,
            "notification-unarchived": self._shown,
            "notification-deleted": self._deleted,
            "unread-count": self._counted,
        }

    async def channels(self) -> set[str]:
        return {f"bell:{self.person.id}"}

    async def snapshot(self) -> State:
        here = {"workspaceId": self.workspace_id, "limit": "200"}
        away = await self.person.get(f"{API}/inbox", params=here | {"archived": "true"})
        counts = await self.person.get(f"{API}/unread-counts")
        rows = await listed(self.person, self.workspace_id)
        return {
            "rows": keyed(rows, "id"),
            "archive": keyed(away.json()["notifications"], "id"),
            "counts": {one["workspaceId"]: one["count"] for one in counts.json()["counts"]},
        }

    def _shown(self, state: State, one: Any) -> None:
        if one["workspaceId"] == self.workspace_id:
            for place in ("rows", "archive"):
                state[place].pop(one["id"], None)
            state["archive" if "archivedAt" in one else "rows"][one["id"]] = one

    def _read(self, state: State, seen: Any) -> None:
        if seen["workspaceId"] == self.workspace_id:
            for one in state["rows"].values():
                if not one["isRead"] and one["id"] in seen.get("ids", [one["id"]]):
                    one |= {"isRead": True, "readAt": seen["readAt"]}

    def _deleted(self, state: State, gone: Any) -> None:
        if gone["workspaceId"] != self.workspace_id:
            return
        for place in ("rows", "archive"):
            state[place] = {
                key: one
                for key, one in state[place].items()
                if key not in gone.get("ids", [key])
                or (gone.get("readOnly") and not one["isRead"])
                or one["type"] in gone.get("keptTypes", [])
            }

    @staticmethod
    def _counted(state: State, told: Any) -> None:
        state["counts"].pop(told["workspaceId"], None)
        if told["count"]:
            state["counts"][told["workspaceId"]] = told["count"]
