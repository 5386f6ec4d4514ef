"""Rooms and messages for tests, made over HTTP by the people of the test."""

from typing import Any
from uuid import uuid4

import httpx

from tests.board.making import call as on_board
from tests.people import Person, Server

API = "/svc/chat/api/chats"


async def ask(person: Person, method: str, path: str, body: Any = None) -> httpx.Response:
    """An answer, whatever it is."""
    return await person.http.request(method, f"{API}{path}", json=body)


async def call(person: Person, method: str, path: str, body: Any = None, ok: int = 0) -> Any:
    """The payload of an answer; `ok` is its status, 200, 201 or 204 unless given."""
    answer = await ask(person, method, path, body)
    assert answer.status_code in ((ok,) if ok else (200, 201, 204)), (path, answer.text)
    if answer.status_code == 204:
        assert answer.content == b""
        return None
    found = answer.json()
    if isinstance(found, dict) and "success" in found:
        assert found["success"] is True
        return found["message"]
    return found


async def refused(
    person: Person, method: str, path: str, body: Any, status: int, says: str = "", code: str = ""
) -> dict[str, Any]:
    """The error of an answer that must be one, in chat's envelope."""
    answer = await ask(person, method, path, body)
    assert answer.status_code == status, (path, answer.text)
    found = answer.json()
    assert found["success"] is False
    error: dict[str, Any] = found["error"]
    assert says in error["message"], error
    assert not code or error["code"] == code, error
    return error


async def upload(
    person: Person, workspace_id: str, *, content: bytes = b"\x89PNG...", **wanted: Any
) -> dict[str, Any]:
    """The ticket of a picture that somebody has just uploaded."""
    body = {
        "workspaceId": workspace_id,
        "fileName": "a.png",
        "contentType": "image/png",
        "fileSize": len(content),
        **wanted,
    }
    ticket: dict[str, Any] = await call(person, "POST", "/files/presigned-url", body)
    async with person.server.client() as browser:
        headers = {"Content-Type": body["contentType"]}
        sent = await browser.put(ticket["uploadUrl"], content=content, headers=headers)
        assert sent.status_code < 300, sent.text
    return ticket


class Office:
    """A workspace of three, and an outsider."""

    def __init__(self, people: list[Person], workspace_id: str) -> None:
        self.ann, self.bob, self.eve, self.outsider = people
        self.workspace_id = workspace_id
        self.membership: dict[str, str] = {}

    @classmethod
    async def of(cls, server: Server) -> "Office":
        people = [await server.person(name) for name in ("Ann", "Bob", "Eve", "Outsider")]
        made = await people[0].workspace(isPublic=False)
        office = cls(people, made["workspaceId"])
        for person in people[1:3]:
            member = await people[0].invites(office.workspace_id, person)
            office.membership[person.id] = member["workspaceMemberId"]
        return office

    async def room(self, *others: Person, kind: str = "GROUP", **members: Any) -> str:
        """A room of Ann's with these others, or with Bob and Eve."""
        body = {
            "workspaceId": self.workspace_id,
            "chatType": kind,
            "chatName": "Room",
            "participants": [one.id for one in others or (self.bob, self.eve)],
            **members,
        }
        made = await call(self.ann, "POST", "", body, ok=201)
        found: str = made["chatId"]
        return found

    async def removes(self, person: Person) -> None:
        """End a membership of the workspace."""
        path = f"/svc/user/api/workspaces/{self.workspace_id}/members/{self.membership[person.id]}"
        assert (await self.ann.delete(path)).status_code == 200


async def say(person: Person, chat_id: str, content: str = "", **members: Any) -> dict[str, Any]:
    """A message that somebody has just sent."""
    body = {"content": content or f"Hello {uuid4().hex[:6]}", **members}
    made: dict[str, Any] = await call(person, "POST", f"/messages/{chat_id}", body, ok=201)
    return made


async def mine(person: Person, chat_id: str) -> dict[str, Any]:
    """A room as somebody's own list shows it."""
    found = await call(person, "GET", "/my")
    row: dict[str, Any] = next(one for one in found if one["chatId"] == chat_id)
    return row


def wanted(office: Office, *others: Person, **members: Any) -> dict[str, Any]:
    """The body of a request for a room of these people, or of Bob."""
    body = {"workspaceId": office.workspace_id, "chatType": "GROUP", "chatName": "Room"}
    return body | {"participants": [one.id for one in others or (office.bob,)]} | members


async def project(office: Office, *members: Person) -> str:
    """A project of Ann's with these members."""
    body = {"workspaceId": office.workspace_id, "name": "Roadmap"}
    made: str = (await on_board(office.ann, "POST", "/projects", body))["projectId"]
    for person in members:
        await on_board(office.ann, "POST", f"/projects/{made}/members", {"userId": person.id})
    return made


def people(chat: dict[str, Any]) -> dict[str, str]:
    """The roles of those in a room, by their ids."""
    return {one["userId"]: one["role"] for one in chat["participants"]}
