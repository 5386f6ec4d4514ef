"""Reads cost the same number of statements however many rows they show."""

from collections.abc import Awaitable, Callable

import pytest

from tests.people import Person, Server

Count = Callable[[Awaitable[object]], Awaitable[int]]
ROOT = "/svc/user/api"

MOST = {
    "workspaces/all": 1,
    "workspaces/public/acme": 1,
    "workspaces/{id}": 2,
    "workspaces/{id}/settings": 2,
    "workspaces/{id}/members": 2,
    "workspaces/{id}/pendingMembers": 2,
    "workspaces/{id}/joinRequests": 2,
    "workspaces/{id}/validate-member/{other}": 2,
    "profiles/all/me": 1,
    "users/me": 1,
    "users/{other}": 2,
    "profiles/workspace/{id}/user/{other}": 2,
}


async def populate(ann: Person, workspace_id: str, people: int) -> Person:
    """Members, applicants, and workspaces of Ann's own."""
    member = ann
    for n in range(people):
        member = await ann.server.person(f"Member {n}")
        await ann.invites(workspace_id, member)
        asker = await ann.server.person(f"Asker {n}")
        await asker.post(f"{ROOT}/workspaces/join-requests", json={"workspaceId": workspace_id})
        await ann.workspace(f"Acme {n}")
    return member


@pytest.mark.parametrize("path", MOST)
async def test_a_read_costs_the_same_for_few_and_for_many_rows(
    server: Server, statements: Count, path: str
) -> None:
    ann = await server.person("Ann")
    workspace_id = (await ann.workspace())["workspaceId"]
    other = await populate(ann, workspace_id, 1)
    url = f"{ROOT}/{path.format(id=workspace_id, other=other.id)}"
    few = await statements(ann.get(url))
    await populate(ann, workspace_id, 15)
    many = await statements(ann.get(url))
    assert (await ann.get(url)).status_code == 200
    assert few == many <= MOST[path]


async def write(name: str, ann: Person, workspace_id: str, other: Person) -> object:
    """One change about `other`, who is invited already unless that is the change."""
    root = f"{ROOT}/workspaces/{workspace_id}"
    if name == "invite":
        return await ann.post(f"{root}/members/invite", json={"email": other.email})
    if name == "rename":
        return await ann.put(f"{root}/settings", json={"workspaceName": "B"})
    if name == "nickname":
        return await other.put(
            f"{ROOT}/profiles/me", json={"nickName": "N"}, headers={"X-Workspace-Id": workspace_id}
        )
    members = (await ann.get(f"{root}/members")).json()
    member_id = next(m["workspaceMemberId"] for m in members if m["userId"] == other.id)
    return await ann.put(f"{root}/members/{member_id}/role", json={"roleName": "ADMIN"})


@pytest.mark.parametrize(
    ("name", "most"), [("invite", 18), ("rename", 8), ("role", 14), ("nickname", 12)]
)
async def test_a_write_costs_the_same_for_few_and_for_many_rows(
    server: Server, statements: Count, name: str, most: int
) -> None:
    ann = await server.person("Ann")
    workspace_id = (await ann.workspace())["workspaceId"]
    await populate(ann, workspace_id, 1)
    counts = []
    for n in range(2):
        other = await server.person(f"Other {n}")
        if name != "invite":
            await ann.invites(workspace_id, other)
        counts.append(await statements(write(name, ann, workspace_id, other)))
        await populate(ann, workspace_id, 10)
    assert counts[0] == counts[1] <= most
