"""Members over HTTP: list, invite, roles, removal, and coming back."""

import asyncio

import pytest

from tests.fold import PersonView, WorkspaceView, folds
from tests.people import NIL, Person, Server

ALL = "/svc/user/api/workspaces/all"


def at(workspace_id: str, tail: str = "members") -> str:
    return f"/svc/user/api/workspaces/{workspace_id}/{tail}"


async def listed(reader: Person, workspace_id: str) -> list[dict[str, object]]:
    answer = await reader.get(at(workspace_id))
    assert answer.status_code == 200
    rows: list[dict[str, object]] = answer.json()
    return rows


async def test_an_invited_person_is_a_member_at_once(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    async with folds(PersonView(ann), PersonView(ben), WorkspaceView(ann, workspace_id)):
        answer = await ann.post(
            at(workspace_id, "members/invite"), json={"email": ben.email.upper()}
        )
    assert answer.status_code == 201
    member = answer.json()
    assert member["roleName"] == "MEMBER"
    assert member["userEmail"] == ben.email
    assert (member["userId"], member["isActive"], member["isDefault"]) == (ben.id, True, True)
    assert member.keys() >= {"workspaceMemberId", "workspaceId", "joinedAt", "updatedAt"}
    rows = await listed(ben, workspace_id)
    assert [(row["nickName"], row["roleName"]) for row in rows] == [
        ("Ann", "OWNER"),
        ("Ben", "MEMBER"),
    ]
    assert [row["role"] for row in (await ben.get(ALL)).json()] == ["MEMBER"]


async def test_of_twenty_invitations_at_once_one_counts(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    answers = await asyncio.gather(
        *(
            ann.post(at(workspace_id, "members/invite"), json={"email": ben.email})
            for _ in range(20)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert len(await listed(ann, workspace_id)) == 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "VALIDATION_ERROR"),
        ({"email": "no address"}, 400, "VALIDATION_ERROR"),
        ({"email": "nobody@example.com"}, 404, "NOT_FOUND"),
        ({"email": "SELF"}, 409, "ALREADY_EXISTS"),
        ({"email": "BEN", "roleName": "OWNER"}, 403, "FORBIDDEN"),
        ({"email": "BEN", "roleName": "KING"}, 400, "VALIDATION_ERROR"),
        ({"email": "nobody@example.com", "roleName": "KING"}, 400, "VALIDATION_ERROR"),
        ({"email": "SELF", "roleName": "OWNER"}, 409, "ALREADY_EXISTS"),
        ({"email": "system@wealist.internal", "roleName": "OWNER"}, 403, "FORBIDDEN"),
    ],
)
async def test_a_bad_invitation_changes_nothing(
    server: Server, body: dict[str, str], status: int, code: str
) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    real = {"SELF": ann.email, "BEN": ben.email}
    body = {key: real.get(value, value) for key, value in body.items()}
    answer = await ann.post(at(workspace_id, "members/invite"), json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert len(await listed(ann, workspace_id)) == 1


async def test_an_invitation_settles_the_pending_request_of_the_same_person(
    server: Server,
) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    await ben.post("/svc/user/api/workspaces/join-requests", json={"workspaceId": workspace_id})
    async with folds(PersonView(ben), WorkspaceView(ann, workspace_id)):
        await ann.invites(workspace_id, ben)
    assert (await ann.get(at(workspace_id, "pendingMembers"))).json() == []
    assert [row["role"] for row in (await ben.get(ALL)).json()] == ["MEMBER"]


async def test_roles_change_and_members_hear_of_it(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    member = await ann.invites(workspace_id, ben)
    path = at(workspace_id, f"members/{member['workspaceMemberId']}/role")
    async with folds(PersonView(ben), WorkspaceView(ann, workspace_id)):
        answer = await ann.put(path, json={"roleName": "ADMIN"})
    assert answer.status_code == 200
    assert answer.json()["roleName"] == "ADMIN"
    assert answer.json()["userEmail"] == ben.email
    old = {"If-Match": '"1"'}
    assert (await ann.put(path, json={"roleName": "MEMBER"}, headers=old)).status_code == 412
    assert (await ann.put(path, json={"roleName": "OWNER"})).status_code == 403
    assert (await ann.put(path, json={"roleName": "GUEST"})).status_code == 400


async def test_the_owner_keeps_his_role_and_his_seat(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    await ann.invites(workspace_id, ben, "ADMIN")
    owner = (await listed(ann, workspace_id))[0]["workspaceMemberId"]
    path = at(workspace_id, f"members/{owner}")
    for leader in (ann, ben):
        demoted = await leader.put(f"{path}/role", json={"roleName": "MEMBER"})
        assert demoted.status_code == 403
        assert (await leader.delete(path)).status_code == 403
    assert [row["roleName"] for row in await listed(ann, workspace_id)] == ["OWNER", "ADMIN"]


async def test_twenty_promotions_at_once_make_four_admins(server: Server) -> None:
    ann = await server.person("Ann")
    workspace_id = (await ann.workspace())["workspaceId"]
    others = [await server.person(f"P{n}") for n in range(20)]
    ids = [(await ann.invites(workspace_id, other))["workspaceMemberId"] for other in others]
    answers = await asyncio.gather(
        *(
            ann.put(at(workspace_id, f"members/{one}/role"), json={"roleName": "ADMIN"})
            for one in ids
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [403] * 16
    roles = [row["roleName"] for row in await listed(ann, workspace_id)]
    assert roles.count("ADMIN") == 4


async def test_the_fifth_admin_can_not_be_invited_either(server: Server) -> None:
    ann = await server.person("Ann")
    workspace_id = (await ann.workspace())["workspaceId"]
    for n in range(4):
        await ann.invites(workspace_id, await server.person(f"A{n}"), "ADMIN")
    fifth = await server.person("Fifth")
    answer = await ann.post(
        at(workspace_id, "members/invite"), json={"email": fifth.email, "roleName": "ADMIN"}
    )
    assert answer.status_code == 403


async def test_a_member_may_leave_and_loses_the_profile_that_went_with_it(
    server: Server,
) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    member = await ann.invites(workspace_id, ben)
    async with folds(PersonView(ben), WorkspaceView(ann, workspace_id)):
        answer = await ben.delete(at(workspace_id, f"members/{member['workspaceMemberId']}"))
    assert answer.status_code == 200
    assert (await ben.get(ALL)).json() == []
    profiles = (await ben.get("/svc/user/api/profiles/all/me")).json()
    assert [row["workspaceId"] for row in profiles] == [NIL]
    assert (await ben.get(at(workspace_id))).status_code == 404


async def test_somebody_who_comes_back_gets_his_old_seat_with_a_new_role(
    server: Server,
) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    first = await ann.invites(workspace_id, ben, "ADMIN")
    await ann.delete(at(workspace_id, f"members/{first['workspaceMemberId']}"))
    async with folds(PersonView(ben), WorkspaceView(ann, workspace_id)):
        second = await ann.invites(workspace_id, ben)
    assert second["workspaceMemberId"] == first["workspaceMemberId"]
    assert second["roleName"] == "MEMBER"
    assert second["joinedAt"] > first["joinedAt"]
    assert second["nickName"] == "Ben"


async def test_a_member_id_of_another_workspace_is_not_found(server: Server) -> None:
    ann, ben, cat = [await server.person(name) for name in ("Ann", "Ben", "Cat")]
    mine = (await ann.workspace("Mine"))["workspaceId"]
    theirs = (await ben.workspace("Theirs"))["workspaceId"]
    foreign = (await ben.invites(theirs, cat))["workspaceMemberId"]
    owner = (await listed(ben, theirs))[0]["workspaceMemberId"]
    for member_id in (foreign, owner):
        path = at(mine, f"members/{member_id}")
        assert (await ann.put(f"{path}/role", json={"roleName": "ADMIN"})).status_code == 404
        assert (await ann.delete(path)).status_code == 404
    assert [row["roleName"] for row in await listed(ben, theirs)] == ["OWNER", "MEMBER"]


async def test_membership_is_told_strictly(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    yes = await ann.get(at(workspace_id, f"validate-member/{ann.id}"))
    no = await ben.get(at(workspace_id, f"validate-member/{ben.id}"))
    nosy = await ben.get(at(workspace_id, f"validate-member/{ann.id}"))
    unknown = await ben.get(at(ben.id, f"validate-member/{ben.id}"))
    assert yes.json() == {"isMember": True}
    assert no.json() == {"isMember": False}
    assert nosy.status_code == 404
    assert unknown.json() == {"isMember": False}


async def test_a_member_list_can_be_paged(server: Server) -> None:
    ann = await server.person("Ann")
    workspace_id = (await ann.workspace())["workspaceId"]
    for n in range(4):
        await ann.invites(workspace_id, await server.person(f"P{n}"))
    pages = [
        (await ann.get(at(workspace_id), params={"page": page, "limit": 2})) for page in (1, 2, 3)
    ]
    names = [[row["nickName"] for row in page.json()] for page in pages]
    assert names == [["Ann", "P0"], ["P1", "P2"], ["P3"]]
    assert {page.headers["x-total-count"] for page in pages} == {"5"}
    odd = await ann.get(at(workspace_id), params={"page": "x", "limit": "-1"})
    assert len(odd.json()) == 5


@pytest.mark.parametrize("bad", ["x", "123", "ü" * 36, "00000000-0000-0000-0000-00000000000g"])
async def test_a_malformed_id_is_a_bad_request(server: Server, bad: str) -> None:
    ann = await server.person("Ann")
    answer = await ann.get(at(bad))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BAD_REQUEST"
    assert "workspaceId" in answer.json()["error"]["message"]


@pytest.mark.parametrize("form", ["{}", "{{{}}}", "urn:uuid:{}", "hex"])
async def test_an_id_may_be_spelled_in_any_usual_way(server: Server, form: str) -> None:
    ann = await server.person("Ann")
    workspace_id = (await ann.workspace())["workspaceId"]
    text = workspace_id.replace("-", "") if form == "hex" else form.format(workspace_id)
    assert (await ann.get(at(text))).status_code == 200
