"""Members and join requests of projects, and what is left of those who leave the workspace."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.board.making import Team, ask, call, refused
from tests.people import Person, Server


async def members(team: Team, reader: Person | None = None) -> dict[str, str]:
    found = await call(reader or team.owner, "GET", f"/projects/{team.project_id}/members")
    return {one["userName"]: one["roleName"] for one in found}


async def asks(team: Team, person: Person) -> str:
    made = await call(person, "POST", "/join-requests", {"projectId": team.project_id})
    assert made["status"] == "PENDING"
    request: str = made["requestId"]
    return request


async def test_every_colleague_reads_the_members_by_name(team: Team) -> None:
    assert await members(team, team.bob) == {"Owner": "OWNER"}


async def test_a_request_is_approved_once_and_makes_a_member(team: Team) -> None:
    request = await asks(team, team.ann)
    await refused(
        team.ann,
        "POST",
        "/join-requests",
        {"projectId": team.project_id},
        409,
        "PENDING_REQUEST_EXISTS",
    )
    listed = await call(team.owner, "GET", f"/projects/{team.project_id}/join-requests")
    assert [(one["userName"], one["userEmail"]) for one in listed] == [("Ann", team.ann.email)]
    answers = await asyncio.gather(
        *(
            ask(team.owner, "PUT", f"/join-requests/{request}", {"status": "APPROVED"})
            for _ in range(20)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19
    assert await members(team) == {"Owner": "OWNER", "Ann": "MEMBER"}
    await refused(
        team.ann, "POST", "/join-requests", {"projectId": team.project_id}, 409, "ALREADY_MEMBER"
    )


async def test_twenty_requests_at_once_are_one(team: Team) -> None:
    body = {"projectId": team.project_id}
    answers = await asyncio.gather(
        *(ask(team.ann, "POST", "/join-requests", body) for _ in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19


async def test_who_was_rejected_may_ask_again(team: Team) -> None:
    request = await asks(team, team.ann)
    await call(team.owner, "PUT", f"/join-requests/{request}", {"status": "REJECTED"})
    await asks(team, team.ann)
    path = f"/projects/{team.project_id}/join-requests"
    assert len(await call(team.owner, "GET", f"{path}?status=PENDING")) == 1
    assert len(await call(team.owner, "GET", f"{path}?status=REJECTED")) == 1
    assert await call(team.owner, "GET", f"{path}?status=WHATEVER") == []


async def test_making_somebody_owner_hands_the_project_over(team: Team) -> None:
    await call(team.owner, "POST", f"/projects/{team.project_id}/members", {"userId": team.ann.id})
    path = f"/projects/{team.project_id}/members/{team.ann.id}/role"
    await call(team.owner, "PUT", path, {"roleName": "OWNER"})
    assert await members(team) == {"Owner": "ADMIN", "Ann": "OWNER"}
    project = await call(team.ann, "GET", f"/projects/{team.project_id}")
    assert project["ownerId"] == team.ann.id
    await refused(team.owner, "PUT", path, {"roleName": "MEMBER"}, 403)


async def test_twenty_transfers_at_once_leave_one_owner(team: Team) -> None:
    for person in (team.ann, team.bob):
        body = {"userId": person.id}
        await call(team.owner, "POST", f"/projects/{team.project_id}/members", body)
    answers = await asyncio.gather(
        *(
            ask(
                team.owner,
                "PUT",
                f"/projects/{team.project_id}/members/{(team.ann, team.bob)[n % 2].id}/role",
                {"roleName": "OWNER"},
            )
            for n in range(20)
        )
    )
    assert sum(answer.status_code == 200 for answer in answers) == 1
    assert {answer.status_code for answer in answers} <= {200, 403, 400}
    roles = await members(team)
    assert sorted(roles.values()) == ["ADMIN", "MEMBER", "OWNER"]
    owner = next(name for name, role in roles.items() if role == "OWNER")
    project = await call(team.ann, "GET", f"/projects/{team.project_id}")
    assert project["ownerName"] == owner


async def test_neither_the_owner_nor_oneself_can_be_removed(team: Team) -> None:
    here = f"/projects/{team.project_id}/members"
    added = await call(team.owner, "POST", here, {"userId": team.ann.id, "roleName": "ADMIN"})
    await refused(team.owner, "DELETE", f"{here}/{team.owner.id}", None, 400)
    await refused(team.ann, "DELETE", f"{here}/{team.ann.id}", None, 400)
    await refused(team.ann, "DELETE", f"{here}/{team.bob.id}", None, 404)
    await call(team.owner, "DELETE", f"{here}/{added['memberId']}")
    assert await members(team) == {"Owner": "OWNER"}


async def test_only_colleagues_can_be_added(team: Team, server: Server) -> None:
    stranger = await server.person("Stranger")
    path = f"/projects/{team.project_id}/members"
    await refused(team.owner, "POST", path, {"userId": stranger.id}, 400, says="userId")


async def test_who_leaves_the_workspace_is_on_no_card_any_more(team: Team) -> None:
    field = {"fieldName": "Tester", "fieldType": "single_user"}
    key = (await call(team.owner, "POST", f"/projects/{team.project_id}/fields", field))["key"]
    card = await team.card(
        assigneeId=team.ann.id,
        participants=[team.ann.id, team.bob.id],
        customFields={key: team.ann.id},
    )
    await asks(team, team.ann)
    await team.leaves(team.ann)
    found = await call(team.owner, "GET", f"/boards/{card['boardId']}")
    assert found["assigneeId"] is None
    assert found["participantIds"] == [team.bob.id]
    assert key not in found["customFields"]
    assert found["version"] == card["version"] + 1
    requests = await call(team.owner, "GET", f"/projects/{team.project_id}/join-requests")
    assert [one["status"] for one in requests] == ["REJECTED"]
    await refused(team.ann, "GET", f"/boards/{card['boardId']}", None, 404)


async def test_a_project_whose_owner_leaves_goes_to_an_heir(team: Team) -> None:
    body = {"workspaceId": team.workspace_id, "name": "Ann's"}
    alone = (await call(team.ann, "POST", "/projects", body))["projectId"]
    shared = (await call(team.ann, "POST", "/projects", body))["projectId"]
    await call(team.ann, "POST", f"/projects/{shared}/members", {"userId": team.bob.id})
    await team.leaves(team.ann)
    project = await call(team.owner, "GET", f"/projects/{alone}")
    assert project["ownerId"] == team.owner.id
    project = await call(team.owner, "GET", f"/projects/{shared}")
    assert project["ownerId"] == team.bob.id


async def test_leaving_and_being_assigned_at_once_never_leaves_a_stranger_on_a_card(
    team: Team,
) -> None:
    cards = [await team.card() for _ in range(10)]
    answers = await asyncio.gather(
        *(
            ask(team.owner, "PUT", f"/boards/{card['boardId']}", {"assigneeId": team.ann.id})
            for card in cards
        ),
        team.leaves(team.ann),
    )
    assert {answer.status_code for answer in answers if answer is not None} <= {200, 400}
    assert all(card["assigneeId"] != team.ann.id for card in await team.cards())


async def test_deleting_an_account_leaves_its_projects_in_order(team: Team) -> None:
    card = await team.card(by=team.ann, assigneeId=team.ann.id)
    gone = await team.ann.delete("/svc/user/api/users/me")
    assert gone.status_code == 200
    found = await call(team.owner, "GET", f"/boards/{card['boardId']}")
    assert (found["assigneeId"], found["authorId"]) == (None, team.ann.id)


async def test_only_the_owner_makes_admins(team: Team) -> None:
    path = f"/projects/{team.project_id}/members"
    await call(team.owner, "POST", path, {"userId": team.ann.id, "roleName": "ADMIN"})
    new = {"userId": team.bob.id, "roleName": "ADMIN"}
    await refused(team.ann, "POST", path, new, 403)
    await call(team.ann, "POST", path, {"userId": team.bob.id})
    await refused(team.ann, "PUT", f"{path}/{team.bob.id}/role", {"roleName": "ADMIN"}, 403)
    await refused(team.owner, "POST", path, {"userId": team.bob.id}, 409, "ALREADY_MEMBER")


async def test_leaving_costs_the_same_for_one_project_and_for_ten(
    team: Team, statements: Callable[[Awaitable[object]], Awaitable[int]]
) -> None:
    async def joins(person: Person, project: str) -> None:
        path = f"/projects/{project}/members"
        await call(team.owner, "POST", path, {"userId": person.id})
        await call(team.owner, "PUT", f"{path}/{person.id}/role", {"roleName": "OWNER"})

    await joins(team.ann, team.project_id)
    await team.card(assigneeId=team.ann.id)
    one = await statements(team.leaves(team.ann))
    for number in range(10):
        project = (await team.project(name=f"Project {number}"))["projectId"]
        await joins(team.bob, project)
        body = {"projectId": project, "title": "x", "assigneeId": team.bob.id}
        await call(team.owner, "POST", "/boards", body)
    assert await statements(team.leaves(team.bob)) == one
    listed = await call(team.owner, "GET", f"/projects/workspace/{team.workspace_id}")
    assert {project["ownerId"] for project in listed} == {team.owner.id}
