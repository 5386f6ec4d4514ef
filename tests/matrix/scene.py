"""The world in which the matrix plays: three tenants and everybody who may knock."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.people import Person, Server
from wealist.core import identity

ROOT = "/svc/user/api/workspaces"


@dataclass
class Place:
    """A workspace with the ids that paths may name."""

    workspace_id: str
    member_id: str
    """Of the subject."""
    request_id: str
    """Of the applicant."""


@dataclass
class Scene:
    """Personas and places. The subject is the member whom paths are about."""

    clients: dict[str, httpx.AsyncClient]
    people: dict[str, Person]
    places: dict[str, Place]
    subject: Person
    applicant: Person
    extras: dict[str, Any] = field(default_factory=dict)


SIGNED_IN = ("outsider", "member", "admin", "owner", "author")
REFUSED = ("anonymous", "revoked", "expired")
PERSONAS = (*REFUSED, *SIGNED_IN)
ROLES = {"member": "MEMBER", "admin": "ADMIN", "owner": "OWNER", "author": "MEMBER"}
TARGETS = ("own", "public", "foreign", "nested", "deleted")


async def build(server: Server) -> Scene:
    """A private and a public workspace with the same people, a foreign one, a deleted one."""
    names = ("Outsider", "Member", "Admin", "Owner", "Author", "Stranger", "Applicant")
    people = {name.lower(): await server.person(name) for name in names}
    owner, stranger = people["owner"], people["stranger"]
    places = {
        "own": await _place(owner, people, isPublic=False),
        "public": await _place(owner, people, isPublic=True),
        "deleted": await _place(owner, people, isPublic=True),
        "foreign": await _place(stranger, {"author": people["applicant"]}, isPublic=False),
    }
    foreign = places["foreign"]
    places["nested"] = Place(places["own"].workspace_id, foreign.member_id, foreign.request_id)
    gone = await owner.delete(f"{ROOT}/{places['deleted'].workspace_id}")
    assert gone.status_code == 200
    clients = {name: people[name].http for name in SIGNED_IN}
    clients["anonymous"] = server.client()
    clients["revoked"] = await refused(server, owner, revoked=True)
    clients["expired"] = await refused(server, owner, revoked=False)
    return Scene(clients, people, places, people["author"], people["applicant"])


async def _place(owner: Person, people: dict[str, Person], *, isPublic: bool) -> Place:  # noqa: N803
    """Requests can only be made to a public workspace, so it is hidden at the end."""
    made = await owner.workspace(isPublic=True)
    workspace_id = made["workspaceId"]
    member_id = ""
    for name, role in (("member", "MEMBER"), ("admin", "ADMIN"), ("author", "MEMBER")):
        if name in people:
            member = await owner.invites(workspace_id, people[name], role)
            if name == "author":
                member_id = member["workspaceMemberId"]
    applicant = people.get("applicant") or await owner.server.person("Somebody")
    asked = await applicant.post(f"{ROOT}/join-requests", json={"workspaceId": workspace_id})
    assert asked.status_code == 201
    if not isPublic:
        await owner.put(f"{ROOT}/{workspace_id}", json={"isPublic": False})
    return Place(workspace_id, member_id, asked.json()["joinRequestId"])


async def refused(server: Server, person: Person, *, revoked: bool) -> httpx.AsyncClient:
    """A client with the owner's rights in a token that doesn't count any more."""
    token = await server.token(person.user_id, person.email, age=0 if revoked else 7200)
    if revoked:
        caller = await identity.authenticate(token)
        assert caller.family is not None
        await identity.revoke_family(caller.family)
    return server.client(headers={"Authorization": f"Bearer {token}"})
