"""Verbs that meet: whatever order they commit in, nobody keeps what was taken away."""

import asyncio

import pytest

from tests.people import NIL, Person, Server
from wealist.core import db

ROOT = "/svc/user/api"


async def listed(reader: Person, workspace_id: str) -> list[str]:
    rows = (await reader.get(f"{ROOT}/workspaces/{workspace_id}/members")).json()
    return [row["nickName"] for row in rows]


@pytest.mark.parametrize("round_", range(5))
async def test_a_removed_admin_can_not_put_himself_back(server: Server, round_: int) -> None:
    ann, eve = await server.person("Ann"), await server.person("Eve")
    workspace_id = (await ann.workspace())["workspaceId"]
    seat = await ann.invites(workspace_id, eve, "ADMIN")
    root = f"{ROOT}/workspaces/{workspace_id}"

    async def insist() -> None:
        for _ in range(6):
            await eve.post(f"{root}/members/invite", json={"email": eve.email, "roleName": "ADMIN"})

    removal = ann.delete(f"{root}/members/{seat['workspaceMemberId']}")
    answers = await asyncio.gather(removal, *(insist() for _ in range(6)))
    assert answers[0].status_code == 200
    assert await listed(ann, workspace_id) == ["Ann"]


@pytest.mark.parametrize("round_", range(5))
async def test_a_deleted_account_becomes_a_member_of_nothing(server: Server, round_: int) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    ids = [(await ann.workspace(f"W{n}"))["workspaceId"] for n in range(6)]
    gone, *invited = await asyncio.gather(
        ben.delete(f"{ROOT}/users/me"),
        *(
            ann.post(f"{ROOT}/workspaces/{one}/members/invite", json={"email": ben.email})
            for one in ids
        ),
    )
    assert gone.status_code == 200
    assert {answer.status_code for answer in invited} <= {201, 404}
    for one in ids:
        assert await listed(ann, one) == ["Ann"]


async def test_a_profile_comes_and_goes_without_a_failure(server: Server) -> None:
    ann = await server.person("Ann")
    workspace_id = (await ann.workspace())["workspaceId"]
    here = {"X-Workspace-Id": workspace_id}
    answers = await asyncio.gather(
        *(
            work
            for n in range(20)
            for work in (
                ann.put(f"{ROOT}/profiles/me", headers=here, json={"nickName": f"N{n}"}),
                ann.delete(f"{ROOT}/profiles/workspace/{workspace_id}"),
            )
        )
    )
    assert {answer.status_code for answer in answers} == {200}


async def test_no_profile_is_left_behind_by_somebody_who_leaves(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    seat = await ann.invites(workspace_id, ben)
    here = {"X-Workspace-Id": workspace_id}
    await asyncio.gather(
        *(ben.put(f"{ROOT}/profiles/me", headers=here, json={"nickName": "B"}) for _ in range(15)),
        ann.delete(f"{ROOT}/workspaces/{workspace_id}/members/{seat['workspaceMemberId']}"),
    )
    rows = (await ben.get(f"{ROOT}/profiles/all/me")).json()
    assert [row["workspaceId"] for row in rows] == [NIL]


async def test_leaving_everything_while_joining_everything_never_deadlocks(
    server: Server,
) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    ids = [(await ann.workspace(f"W{n}", needApproved=False))["workspaceId"] for n in range(8)]
    answers = await asyncio.gather(
        *(ben.post(f"{ROOT}/workspaces/join-requests", json={"workspaceId": one}) for one in ids),
        *(ben.post(f"{ROOT}/workspaces/create", json={"workspaceName": "Mine"}) for _ in range(4)),
        ben.delete(f"{ROOT}/users/me"),
    )
    assert all(answer.status_code < 500 or answer.status_code == 503 for answer in answers)
    assert "deadlock" not in "".join(answer.text for answer in answers)
    left = await db.fetch_value(
        """
        SELECT count(*) FROM "user".members m JOIN "user".users u ON u.id = m.user_id
        WHERE m.is_active AND NOT u.is_active
        """
    )
    assert left == 0


@pytest.mark.parametrize("round_", range(5))
async def test_no_token_outlives_its_account(server: Server, round_: int) -> None:
    ann = await server.person("Ann")
    body = {"email": ann.email, "userId": ann.id}
    async with server.client() as stranger:
        gone, *signed_in = await asyncio.gather(
            ann.delete(f"{ROOT}/users/me"),
            *(stranger.post("/svc/auth/api/test/token", json=body) for _ in range(4)),
        )
        assert gone.status_code == 200
        active = await db.fetch_value(
            'SELECT is_active FROM "user".users WHERE id = $1', ann.user_id
        )
        for answer in signed_in:
            if answer.status_code == 200:
                bearer = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
                seen = await stranger.get(f"{ROOT}/users/me", headers=bearer)
                assert seen.status_code == 401 or active
