"""The proof that the event log is complete: old snapshot + its events = fresh snapshot.

A view is what one client shows. `folds` takes its snapshot before a change, applies the events
that the change left on the view's channels, and compares with a snapshot taken afterwards.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import msgspec

from tests.people import Person
from wealist.core import events

State = dict[str, Any]
Reducer = Callable[[State, Any], None]


class View(Protocol):
    """Something that a client shows and keeps up to date from channels."""

    reducers: dict[str, Reducer]

    async def channels(self) -> set[str]: ...

    async def snapshot(self) -> State: ...


@asynccontextmanager
async def folds(*views: View) -> AsyncIterator[None]:
    """What happens inside must leave events from which each view can follow it."""
    before = [(view, await view.snapshot(), await view.channels()) for view in views]
    start = {name: (await events.position(name)).top for _, _, names in before for name in names}
    yield
    for view, state, names in before:
        names |= await view.channels()
        happened = [
            event for name in names for event in await events.since(name, start.get(name, 0))
        ]
        for event in sorted(happened, key=lambda event: event.at):
            reducer = view.reducers.get(event.type)
            if reducer is not None:
                reducer(state, msgspec.json.decode(event.payload))
        assert state == await view.snapshot()


def keyed(rows: Iterable[Any], key: str) -> State:
    """Rows by their id: the order of a list is not what events carry."""
    return {row[key]: row for row in rows}


class WorkspaceView:
    """A workspace as its owner's members page shows it."""

    def __init__(self, reader: Person, workspace_id: str) -> None:
        self.reader, self.workspace_id = reader, workspace_id
        self.reducers: dict[str, Reducer] = {
            "workspace.created": self._settings,
            "workspace.updated": self._settings,
            "workspace.deleted": lambda state, _: state.clear(),
            "member.added": self._member,
            "member.updated": self._member,
            "member.removed": lambda state, gone: state["members"].pop(gone["workspaceMemberId"]),
            "join_request.created": self._request,
            "join_request.updated": self._request,
        }

    async def channels(self) -> set[str]:
        return {f"workspace:{self.workspace_id}"}

    async def snapshot(self) -> State:
        root = f"/svc/user/api/workspaces/{self.workspace_id}"
        settings = await self.reader.get(f"{root}/settings")
        if settings.status_code == 404:
            return {}
        members = await self.reader.get(f"{root}/members")
        pending = await self.reader.get(f"{root}/pendingMembers")
        return {
            "settings": settings.json(),
            "members": keyed(members.json(), "workspaceMemberId"),
            "pending": keyed(pending.json(), "joinRequestId"),
        }

    @staticmethod
    def _settings(state: State, settings: Any) -> None:
        state["settings"] = settings
        for request in state.get("pending", {}).values():
            request["workspaceName"] = settings["workspaceName"]

    @staticmethod
    def _member(state: State, member: Any) -> None:
        state["members"][member["workspaceMemberId"]] = member

    @staticmethod
    def _request(state: State, request: Any) -> None:
        state["pending"].pop(request["joinRequestId"], None)
        if request["status"] == "PENDING":
            state["pending"][request["joinRequestId"]] = request


class PersonView:
    """What a person's own start page shows: the account, the workspaces, the profiles."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.reducers: dict[str, Reducer] = {
            "user.updated": self._user,
            "user.restored": self._user,
            "membership.added": self._membership,
            "membership.updated": self._membership,
            "membership.removed": self._no_membership,
            "workspace.updated": self._renamed,
            "workspace.deleted": self._no_workspace,
            "join_request.updated": self._decided,
            "profile.updated": self._profile,
            "profile.deleted": lambda state, gone: state["profiles"].pop(gone["workspaceId"]),
        }

    async def channels(self) -> set[str]:
        mine = await self.person.get("/svc/user/api/workspaces/all")
        joined = [row for row in mine.json() if row["role"] != "PENDING"]
        return {f"user:{self.person.id}", *(f"workspace:{row['workspaceId']}" for row in joined)}

    async def snapshot(self) -> State:
        me = await self.person.get("/svc/user/api/users/me")
        workspaces = await self.person.get("/svc/user/api/workspaces/all")
        profiles = await self.person.get("/svc/user/api/profiles/all/me")
        return {
            "me": me.json(),
            "workspaces": keyed(workspaces.json(), "workspaceId"),
            "profiles": keyed(profiles.json(), "workspaceId"),
        }

    def _user(self, state: State, user: Any) -> None:
        state["me"] = user

    @staticmethod
    def _membership(state: State, row: Any) -> None:
        state["workspaces"][row["workspaceId"]] = row

    @staticmethod
    def _no_membership(state: State, gone: Any) -> None:
        state["workspaces"].pop(gone["workspaceId"], None)

    @staticmethod
    def _renamed(state: State, settings: Any) -> None:
        row = state["workspaces"].get(settings["workspaceId"])
        if row is not None:
            row["workspaceName"] = settings["workspaceName"]
            row["workspaceDescription"] = settings["workspaceDescription"]

    @staticmethod
    def _no_workspace(state: State, gone: Any) -> None:
        state["workspaces"].pop(gone["workspaceId"], None)
        state["profiles"].pop(gone["workspaceId"], None)

    def _decided(self, state: State, request: Any) -> None:
        row = state["workspaces"].get(request["workspaceId"])
        rejected = request["status"] == "REJECTED" and request["userId"] == self.person.id
        if rejected and row is not None and row["role"] == "PENDING":
            del state["workspaces"][request["workspaceId"]]

    @staticmethod
    def _profile(state: State, profile: Any) -> None:
        state["profiles"][profile["workspaceId"]] = profile
