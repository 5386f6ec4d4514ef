"""The world of chat's matrix: rooms in two workspaces, and everybody who may knock."""

from dataclasses import dataclass

import httpx

from tests.chat.making import call, say, upload
from tests.matrix.scene import refused
from tests.people import NIL, Person, Server
from wealist.chat.access import Part

API = "/svc/chat/api/chats"

PARTS: dict[str, set[Part]] = {
    "outsider": set(),
    "colleague": set(),
    "participant": {Part.PARTICIPANT},
    "admin": {Part.PARTICIPANT, Part.ADMIN},
    "owner": {Part.PARTICIPANT, Part.OWNER},
    "author": {Part.PARTICIPANT, Part.AUTHOR},
    "leaver": {Part.AUTHOR},
}
"""What each signed-in persona is to a room and its message. The leaver's message is another one,
and he is in the room no more."""

COLLEAGUES = frozenset(PARTS) - {"outsider"}
REFUSED = ("anonymous", "revoked", "expired")
PERSONAS = (*REFUSED, *PARTS)
WORD = "matrixword"


@dataclass
class Spot:
    """A room with the ids that paths, queries and bodies may name."""

    workspace_id: str = NIL
    chat_id: str = NIL
    message_id: str = NIL
    left_id: str = NIL
    """The message of who has left."""
    guest_id: str = NIL
    """Somebody in the room."""
    applicant_id: str = NIL
    """A member of the workspace who isn't in the room."""
    file_url: str = ""


@dataclass
class Scene:
    server: Server
    people: dict[str, Person]
    clients: dict[str, httpx.AsyncClient]
    tokens: dict[str, str]
    spots: dict[str, Spot]


async def build(server: Server) -> Scene:
    """The same people in a living room and a deleted one of a workspace; strangers in theirs."""
    people = {name: await server.person(name) for name in (*PARTS, "guest", "applicant")}
    strangers = [await server.person(name) for name in ("Stranger", "Neighbour", "Lodger")]
    spots = {"own": await _home(people)}
    spots["deleted"] = await _room(people, spots["own"].workspace_id)
    await call(people["owner"], "DELETE", f"/{spots['deleted'].chat_id}")
    spots["foreign"] = await _abroad(*strangers)
    clients = {name: people[name].http for name in PARTS}
    tokens = {name: people[name].token for name in PARTS}
    clients["anonymous"] = server.client()
    tokens["anonymous"] = ""
    for name in ("revoked", "expired"):
        clients[name] = await refused(server, people["owner"], revoked=name == "revoked")
        tokens[name] = clients[name].headers["Authorization"].removeprefix("Bearer ")
    return Scene(server, people, clients, tokens, spots)


async def _home(people: dict[str, Person]) -> Spot:
    owner = people["owner"]
    workspace_id = (await owner.workspace(isPublic=False))["workspaceId"]
    for name, person in people.items():
        if name not in ("owner", "outsider"):
            await owner.invites(workspace_id, person)
    return await _room(people, workspace_id)


async def _room(people: dict[str, Person], workspace_id: str) -> Spot:
    owner, author, leaver = people["owner"], people["author"], people["leaver"]
    inside = [people[name] for name in ("participant", "admin", "author", "leaver", "guest")]
    body = {"workspaceId": workspace_id, "chatType": "GROUP", "chatName": "Matrix"}
    made = await call(owner, "POST", "", body | {"participants": [one.id for one in inside]})
    spot = Spot(workspace_id, made["chatId"])
    spot.guest_id, spot.applicant_id = people["guest"].id, people["applicant"].id
    role = f"/{spot.chat_id}/participants/{people['admin'].id}/role"
    await call(owner, "PUT", role, {"role": "ADMIN"})
    ticket = await upload(author, workspace_id)
    shown = {"messageType": "IMAGE", "fileUrl": ticket["downloadUrl"]}
    message = await say(author, spot.chat_id, f"Hello {WORD}", **shown)
    spot.message_id, spot.file_url = message["messageId"], message["fileUrl"]
    spot.left_id = (await say(leaver, spot.chat_id, "Bye"))["messageId"]
    await call(leaver, "DELETE", f"/{spot.chat_id}/participants/{leaver.id}")
    return spot


async def _abroad(stranger: Person, neighbour: Person, lodger: Person) -> Spot:
    workspace_id = (await stranger.workspace(isPublic=False))["workspaceId"]
    for person in (neighbour, lodger):
        await stranger.invites(workspace_id, person)
    body = {"workspaceId": workspace_id, "chatType": "GROUP", "chatName": "Abroad"}
    made = await call(stranger, "POST", "", body | {"participants": [neighbour.id]})
    spot = Spot(workspace_id, made["chatId"])
    spot.guest_id, spot.applicant_id = neighbour.id, lodger.id
    ticket = await upload(stranger, workspace_id)
    shown = {"messageType": "IMAGE", "fileUrl": ticket["downloadUrl"]}
    message = await say(stranger, spot.chat_id, f"Secret {WORD}", **shown)
    spot.message_id = spot.left_id = message["messageId"]
    spot.file_url = message["fileUrl"]
    return spot
