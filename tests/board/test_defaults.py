"""The default project of a workspace, and where a card goes that names none."""

import asyncio

from tests.board.making import Team, ask, call


async def default_of(team: Team) -> str:
    found = await call(team.ann, "GET", f"/projects/workspace/{team.workspace_id}/default")
    project: str = found["projectId"]
    return project


async def test_the_oldest_project_is_the_default_when_that_one_is_deleted(team: Team) -> None:
    second = (await team.project(name="Second"))["projectId"]
    await team.project(name="Third")
    await call(team.owner, "DELETE", f"/projects/{team.project_id}")
    assert await default_of(team) == second


async def test_a_card_for_a_workspace_without_projects_begins_one(team: Team) -> None:
    """As the load tests do (contract: board.md §11)."""
    await call(team.owner, "DELETE", f"/projects/{team.project_id}")
    body = {"name": "n", "description": "d", "workspaceId": team.workspace_id}
    made = await asyncio.gather(
        *(call(team.ann, "POST", "/boards", body | {"name": f"{n}"}) for n in range(20))
    )
    assert {card["projectId"] for card in made} == {await default_of(team)}
    [project] = await call(team.ann, "GET", f"/projects/workspace/{team.workspace_id}")
    assert (project["name"], project["ownerId"]) == ("Acme", team.ann.id)


async def test_choosing_a_default_and_removing_people_never_wait_for_each_other(
    team: Team,
) -> None:
    projects = [(await team.project(name=f"Project {n}"))["projectId"] for n in range(6)]
    root = f"/svc/user/api/workspaces/{team.workspace_id}/members"
    for _ in range(8):
        answers = await asyncio.gather(
            *(ask(team.owner, "PUT", f"/projects/{one}", {"isDefault": True}) for one in projects),
            team.owner.delete(f"{root}/{team.membership[team.ann.id]}"),
        )
        assert {answer.status_code for answer in answers} == {200}
        again = await team.owner.invites(team.workspace_id, team.ann)
        team.membership[team.ann.id] = again["workspaceMemberId"]
    listed = await call(team.bob, "GET", f"/projects/workspace/{team.workspace_id}")
    assert sum(one["isDefault"] for one in listed) == 1


async def test_choosing_and_deleting_defaults_at_once_leaves_one(team: Team) -> None:
    projects = [team.project_id]
    projects += [(await team.project(name=f"Project {n}"))["projectId"] for n in range(7)]
    answers = await asyncio.gather(
        *(ask(team.owner, "PUT", f"/projects/{one}", {"isDefault": True}) for one in projects),
        *(ask(team.owner, "DELETE", f"/projects/{one}") for one in projects[:6]),
    )
    assert {answer.status_code for answer in answers} <= {200, 404}
    listed = await call(team.bob, "GET", f"/projects/workspace/{team.workspace_id}")
    assert len(listed) == 2
    assert sum(one["isDefault"] for one in listed) == 1
