"""The world of the board's matrix: projects in four workspaces, and everybody who may knock."""

from dataclasses import dataclass, replace
from typing import Any

import httpx

from tests.matrix.scene import refused
from tests.people import NIL, Person, Server
from wealist.board.access import Part

API = "/svc/board/api"
USER = "/svc/user/api/workspaces"

PARTS: dict[str, set[Part]] = {
    "outsider": set(),
    "colleague": {Part.COLLEAGUE},
    "leader": {Part.COLLEAGUE, Part.LEADER},
    "member": {Part.COLLEAGUE, Part.MEMBER},
    "head": {Part.COLLEAGUE, Part.ADMIN},
    "owner": {Part.COLLEAGUE, Part.OWNER},
    "author": {Part.COLLEAGUE, Part.AUTHOR},
}
"""What each signed-in persona is to a place. The author made the card, comment, file and item."""

REFUSED = ("anonymous", "revoked", "expired")
PERSONAS = (*REFUSED, *PARTS)


@dataclass
class Spot:
    """A project with the ids that paths, queries and bodies may name."""

    workspace_id: str = NIL
    project_id: str = NIL
    board_id: str = NIL
    trashed_id: str = NIL
    comment_id: str = NIL
    option_id: str = NIL
    attachment_id: str = NIL
    file_key: str = "board/none"
    request_id: str = NIL
    member_id: str = NIL
    item_id: str = NIL
    field_key: str = "none"
    participant_id: str = NIL


@dataclass
class Scene:
    server: Server
    people: dict[str, Person]
    clients: dict[str, httpx.AsyncClient]
    tokens: dict[str, str]
    spots: dict[str, Spot]


async def call(person: Person, method: str, path: str, ok: int, body: Any = None) -> Any:
    """The payload of an answer that has the status `ok`."""
    answer = await person.http.request(method, path, json=body)
    assert answer.status_code == ok, (path, answer.text)
    found = answer.json()
    return found.get("data", found) if isinstance(found, dict) else found


async def build(server: Server) -> Scene:
    """The same people in a private and a public workspace; a foreign place; a deleted project."""
    names = (*PARTS, "boss", "applicant", "stranger", "neighbour", "lodger")
    people = {name: await server.person(name) for name in names}
    spots = {
        "own": await _spot(people, "boss", public=False),
        "public": await _spot(people, "boss", public=True),
        "deleted": await _spot(people, "boss", public=True),
    }
    strangers = dict.fromkeys(PARTS, people["stranger"]) | {
        "boss": people["stranger"],
        "applicant": people["lodger"],
        "member": people["neighbour"],
    }
    spots["foreign"] = await _spot(strangers, "boss", public=False)
    spots["nested"] = replace(spots["foreign"], project_id=spots["own"].project_id)
    await call(people["owner"], "DELETE", f"{API}/projects/{spots['deleted'].project_id}", 200)
    another = {"workspaceId": spots["deleted"].workspace_id, "name": "Another"}
    await call(people["owner"], "POST", f"{API}/projects", 201, another)
    clients = {name: people[name].http for name in PARTS}
    tokens = {name: people[name].token for name in PARTS}
    clients["anonymous"] = server.client()
    tokens["anonymous"] = ""
    for name in ("revoked", "expired"):
        clients[name] = await refused(server, people["owner"], revoked=name == "revoked")
        tokens[name] = clients[name].headers["Authorization"].removeprefix("Bearer ")
    return Scene(server, people, clients, tokens, spots)


async def _spot(people: dict[str, Person], boss: str, *, public: bool) -> Spot:
    spot = Spot()
    made = await people[boss].workspace(isPublic=public)
    spot.workspace_id = made["workspaceId"]
    inside = {person.id: person for name, person in people.items() if _is_inside(name)}
    for person in inside.values():
        if person is not people[boss]:
            role = "ADMIN" if person is people["leader"] else "MEMBER"
            await people[boss].invites(spot.workspace_id, person, role)
    owner, author, member = people["owner"], people["author"], people["member"]
    project = await call(
        owner,
        "POST",
        f"{API}/projects",
        201,
        {"workspaceId": spot.workspace_id, "name": "Matrix"},
    )
    spot.project_id = project["projectId"]
    for name, role in (("member", "MEMBER"), ("head", "ADMIN")):
        if people[name] is not owner:
            added = await call(
                owner,
                "POST",
                f"{API}/projects/{spot.project_id}/members",
                201,
                {"userId": people[name].id, "roleName": role},
            )
            if name == "member":
                spot.member_id = added["memberId"]
    asked = {"projectId": spot.project_id}
    request = await call(people["applicant"], "POST", f"{API}/join-requests", 201, asked)
    spot.request_id = request["requestId"]
    await _fill(spot, owner, author, member)
    return spot


async def _fill(spot: Spot, owner: Person, author: Person, member: Person) -> None:
    card = {"projectId": spot.project_id, "title": "Card", "participants": [member.id]}
    spot.board_id = (await call(author, "POST", f"{API}/boards", 201, card))["boardId"]
    spot.participant_id = member.id
    trashed = {"projectId": spot.project_id, "title": "Trashed"}
    spot.trashed_id = (await call(author, "POST", f"{API}/boards", 201, trashed))["boardId"]
    await call(author, "DELETE", f"{API}/boards/{spot.trashed_id}", 200)
    said = {"boardId": spot.board_id, "content": "Hello"}
    spot.comment_id = (await call(author, "POST", f"{API}/comments", 201, said))["commentId"]
    line = {"text": "Do it"}
    made = await call(author, "POST", f"{API}/boards/{spot.board_id}/checklist", 201, line)
    spot.item_id = made["itemId"]
    key = f"labels_{spot.project_id[-6:]}"
    field = {"fieldName": "Labels", "fieldType": "multi_select", "key": key}
    made = await call(owner, "POST", f"{API}/projects/{spot.project_id}/fields", 201, field)
    spot.field_key = made["key"]
    option = {
        "projectId": spot.project_id,
        "fieldType": "stage",
        "value": "extra",
        "label": "Extra",
        "color": "#112233",
    }
    made = await call(owner, "POST", f"{API}/field-options", 201, option)
    spot.option_id = made["optionId"]
    await _upload(spot, author)
    changed = {"title": "Card 2", "attachmentIds": [spot.attachment_id]}
    await call(author, "PUT", f"{API}/boards/{spot.board_id}", 200, changed)


async def _upload(spot: Spot, author: Person) -> None:
    wanted = {
        "entityType": "BOARD",
        "workspaceId": spot.workspace_id,
        "fileName": "a.txt",
        "fileSize": 5,
        "contentType": "text/plain",
    }
    link = await call(author, "POST", f"{API}/attachments/presigned-url", 200, wanted)
    async with author.server.client() as browser:
        sent = await browser.put(
            link["uploadUrl"], content=b"hello", headers={"Content-Type": "text/plain"}
        )
        assert sent.status_code in (200, 201, 204), sent.text
    spot.attachment_id, spot.file_key = link["attachmentId"], link["fileKey"]


def _is_inside(name: str) -> bool:
    return (name in PARTS and name != "outsider") or name == "applicant"
