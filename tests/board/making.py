"""Projects and cards for tests, made over HTTP by the people of the test."""

from typing import Any
from uuid import uuid4

import httpx

from tests.people import Person, Server

API = "/svc/board/api"


async def call(person: Person, method: str, path: str, body: Any = None, ok: int = 0) -> Any:
    """The payload of an answer; `ok` is its status, 200 or 201 unless given."""
    answer = await ask(person, method, path, body)
    assert answer.status_code in ((ok,) if ok else (200, 201)), (path, answer.text)
    return answer.json().get("data")


async def ask(person: Person, method: str, path: str, body: Any = None) -> httpx.Response:
    """An answer, whatever it is."""
    return await person.http.request(method, f"{API}{path}", json=body)


async def refused(
    person: Person, method: str, path: str, body: Any, status: int, code: str = "", says: str = ""
) -> dict[str, Any]:
    """The error of an answer that must be one."""
    answer = await ask(person, method, path, body)
    assert answer.status_code == status, (path, answer.text)
    error: dict[str, Any] = answer.json()["error"]
    assert not code or error["code"] == code, error
    assert says in error["message"], error
    return error


async def upload(person: Person, workspace_id: str, kind: str) -> str:
    """The id of a file that somebody has just uploaded."""
    wanted = {"entityType": kind, "workspaceId": workspace_id}
    wanted |= {"fileName": "a.txt", "fileSize": 5, "contentType": "text/plain"}
    answer = await person.post(f"{API}/attachments/presigned-url", json=wanted)
    link = answer.json()["data"]
    async with person.server.client() as browser:
        sent = await browser.put(
            link["uploadUrl"], content=b"hello", headers={"Content-Type": "text/plain"}
        )
        assert sent.status_code < 300
    made: str = link["attachmentId"]
    return made


class Team:
    """A workspace with its owner and two colleagues, and a project of the owner's."""

    def __init__(self, owner: Person, ann: Person, bob: Person, workspace_id: str) -> None:
        self.owner, self.ann, self.bob = owner, ann, bob
        self.workspace_id = workspace_id
        self.project_id = ""
        self.membership: dict[str, str] = {}

    @classmethod
    async def of(cls, server: Server) -> "Team":
        owner, ann, bob = [await server.person(name) for name in ("Owner", "Ann", "Bob")]
        made = await owner.workspace(isPublic=False)
        team = cls(owner, ann, bob, made["workspaceId"])
        for person in (ann, bob):
            member = await owner.invites(team.workspace_id, person)
            team.membership[person.id] = member["workspaceMemberId"]
        team.project_id = (await team.project())["projectId"]
        return team

    async def project(self, **members: Any) -> dict[str, Any]:
        body = {"workspaceId": self.workspace_id, "name": "Roadmap", **members}
        made: dict[str, Any] = await call(self.owner, "POST", "/projects", body)
        return made

    async def card(self, by: Person | None = None, **members: Any) -> dict[str, Any]:
        body = {"projectId": self.project_id, "title": f"Card {uuid4().hex[:6]}", **members}
        made: dict[str, Any] = await call(by or self.owner, "POST", "/boards", body)
        return made

    async def cards(self) -> list[dict[str, Any]]:
        path = f"/boards?projectId={self.project_id}"
        found: list[dict[str, Any]] = await call(self.owner, "GET", path)
        return found

    async def leaves(self, person: Person) -> None:
        member = self.membership[person.id]
        path = f"/svc/user/api/workspaces/{self.workspace_id}/members/{member}"
        answer = await self.owner.delete(path)
        assert answer.status_code == 200, answer.text

    def moving(self, value: str, field: str = "stage", **members: Any) -> dict[str, Any]:
        """The body of a move."""
        return {
            "projectId": self.project_id,
            "groupByFieldName": field,
            "newFieldValue": value,
            **members,
        }

    async def option(self, field: str, value: str) -> dict[str, Any]:
        path = f"/field-options?fieldType={field}&projectId={self.project_id}"
        found = await call(self.owner, "GET", path)
        one: dict[str, Any] = next(option for option in found if option["value"] == value)
        return one

    async def limit(self, value: str, most: int | None) -> None:
        option = await self.option("stage", value)
        await call(self.owner, "PATCH", f"/field-options/{option['optionId']}", {"wipLimit": most})
