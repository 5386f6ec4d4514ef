"""Projects over HTTP (contract: board.md §3.1, §6.1)."""

import asyncio

import pytest

from tests.board.making import Team, ask, call, refused, upload
from tests.people import NIL, Server

LABELS = {
    "stage": ["대기", "진행중", "검토", "완료", "삭제"],
    "importance": ["긴급", "높음", "보통", "낮음"],
    "role": ["개발자", "기획자", "디자이너", "QA"],
}


async def test_a_project_begins_with_the_fields_and_labels_that_clients_know(team: Team) -> None:
    settings = await call(team.owner, "GET", f"/projects/{team.project_id}/init-settings")
    fields = settings["fields"]
    assert [(one["fieldId"], one["fieldName"], one["fieldType"]) for one in fields] == [
        ("stage", "Stage", "select"),
        ("importance", "Importance", "select"),
        ("role", "Role", "select"),
    ]
    for field in fields:
        assert [one["optionLabel"] for one in field["options"]] == LABELS[field["fieldId"]]
        assert [one["displayOrder"] for one in field["options"]] == list(
            range(1, len(field["options"]) + 1)
        )
        assert all(one["fieldId"] == field["fieldId"] for one in field["options"])
    stage = fields[0]["options"]
    assert [one["optionValue"] for one in stage] == [
        "pending",
        "in_progress",
        "review",
        "approved",
        "deleted",
    ]
    assert stage[0]["color"] == "#F59E0B"
    types = {one["typeId"] for one in settings["fieldTypes"]}
    assert types >= {"text", "number", "single_select", "multi_select", "date"}
    assert types >= {"single_user", "multi_user", "select", "user"}
    project = settings["project"]
    assert project["workspaceName"] == "Acme"
    assert project["workspaceEmail"] == project["ownerEmail"] == team.owner.email
    assert project["ownerName"] == "Owner"


async def test_a_project_has_the_members_of_the_contract(team: Team) -> None:
    answer = await ask(team.owner, "GET", f"/projects/{team.project_id}")
    body = answer.json()
    assert body.keys() == {"data", "requestId"}
    assert answer.headers["x-request-id"] == body["requestId"]
    assert answer.headers["etag"] == f'"{body["data"]["version"]}"'
    assert body["data"].keys() == {
        "projectId",
        "workspaceId",
        "ownerId",
        "ownerEmail",
        "ownerName",
        "name",
        "description",
        "isPublic",
        "isDefault",
        "attachments",
        "createdAt",
        "updatedAt",
        "version",
    }
    assert body["data"]["attachments"] == []


async def test_projects_are_listed_newest_first_and_the_first_is_the_default(team: Team) -> None:
    second = await team.project(name="Second")
    path = f"/projects/workspace/{team.workspace_id}"
    listed = await call(team.ann, "GET", path)
    assert [one["projectId"] for one in listed] == [second["projectId"], team.project_id]
    page = await call(team.ann, "GET", f"/projects?workspaceId={team.workspace_id}")
    assert (page["total"], page["page"], page["limit"]) == (2, 1, 2)
    assert page["projects"] == listed
    assert (await call(team.ann, "GET", f"{path}/default"))["projectId"] == team.project_id
    await call(team.owner, "PUT", f"/projects/{second['projectId']}", {"isDefault": True})
    assert (await call(team.ann, "GET", f"{path}/default"))["projectId"] == second["projectId"]


async def test_twenty_first_projects_at_once_make_one_default(team: Team) -> None:
    other = await team.owner.workspace("Other")
    body = {"workspaceId": other["workspaceId"], "name": "First"}
    made = await asyncio.gather(*(call(team.owner, "POST", "/projects", body) for _ in range(20)))
    assert sum(one["isDefault"] for one in made) == 1


async def test_a_search_takes_wildcards_literally(team: Team) -> None:
    await team.project(name="100% done", description="all of it")
    query = f"/projects/search?workspaceId={team.workspace_id}&query="
    assert (await call(team.ann, "GET", f"{query}100%25"))["total"] == 1
    assert (await call(team.ann, "GET", f"{query}%25d"))["total"] == 0
    assert (await call(team.ann, "GET", f"{query}ALL%20OF"))["total"] == 1
    page = await call(team.ann, "GET", f"{query}a&page=0&limit=1000")
    assert (page["page"], page["limit"]) == (1, 10)
    await refused(team.ann, "GET", query, None, 400, says="query")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"description": "x" * 1001}, "description"),
        ({"startDate": "2026-01-02T00:00:00Z", "dueDate": "2026-01-01T00:00:00Z"}, "startDate"),
        ({"dueDate": "tomorrow"}, "dueDate"),
        ({"dueDate": "2026-01-01T00:00:00"}, "dueDate"),
        ({"workspaceId": NIL}, "workspaceId"),
        ({"attachmentIds": [NIL[:-1] + "9"]}, "attachmentIds"),
    ],
)
async def test_bad_input_is_refused_and_named(team: Team, body: dict[str, str], field: str) -> None:
    given = {"workspaceId": team.workspace_id, "name": "Fine", **body}
    await refused(team.owner, "POST", "/projects", given, 400, "VALIDATION_ERROR", field)
    assert len(await call(team.ann, "GET", f"/projects/workspace/{team.workspace_id}")) == 1


async def test_dates_keep_their_moment_and_null_clears_them(team: Team) -> None:
    path = f"/projects/{team.project_id}"
    dates = {"startDate": "2026-01-31T09:00:00+09:00", "dueDate": "2026-02-01"}
    changed = await call(team.owner, "PUT", path, dates)
    assert changed["startDate"] == "2026-01-31T00:00:00Z"
    assert changed["dueDate"] == "2026-02-01T00:00:00Z"
    changed = await call(team.owner, "PUT", path, {"name": "Only the name"})
    assert changed["dueDate"] == "2026-02-01T00:00:00Z"
    changed = await call(team.owner, "PUT", path, {"startDate": None, "dueDate": None})
    assert not {"startDate", "dueDate"} & changed.keys()


async def test_an_old_version_is_refused_with_the_current_state(team: Team) -> None:
    answer = await team.owner.http.put(
        f"/svc/board/api/projects/{team.project_id}",
        json={"name": "x y"},
        headers={"If-Match": '"9"'},
    )
    assert answer.status_code == 412
    assert answer.json()["current"]["name"] == "Roadmap"


async def test_the_files_of_a_project_are_the_whole_set_that_is_sent(team: Team) -> None:
    path = f"/projects/{team.project_id}"
    one = await upload(team.owner, team.workspace_id, "PROJECT")
    two = await upload(team.owner, team.workspace_id, "PROJECT")
    changed = await call(team.owner, "PUT", path, {"attachmentIds": [one]})
    assert [file["attachmentId"] for file in changed["attachments"]] == [one]
    changed = await call(team.owner, "PUT", path, {"attachmentIds": [two]})
    assert [file["id"] for file in changed["attachments"]] == [two]
    assert await call(team.ann, "GET", f"{path}/attachments") != []
    changed = await call(team.owner, "PUT", path, {"attachmentIds": []})
    assert changed["attachments"] == []


async def test_a_deleted_project_takes_everything_along(team: Team) -> None:
    card = await team.card()
    await call(team.owner, "DELETE", f"/projects/{team.project_id}")
    await refused(team.owner, "GET", f"/boards/{card['boardId']}", None, 404)
    await refused(team.owner, "DELETE", f"/projects/{team.project_id}", None, 404)
    await refused(team.owner, "GET", f"/boards?projectId={team.project_id}", None, 404)


async def test_deleting_a_project_and_making_cards_at_once_leaves_nothing(team: Team) -> None:
    answers = await asyncio.gather(
        *(
            ask(team.ann, "POST", "/boards", {"projectId": team.project_id, "title": f"{n}"})
            for n in range(10)
        ),
        ask(team.owner, "DELETE", f"/projects/{team.project_id}"),
    )
    assert {answer.status_code for answer in answers} <= {200, 201, 404}
    await refused(team.ann, "GET", f"/boards?projectId={team.project_id}", None, 404)


async def test_lists_cost_the_same_for_one_project_and_for_many(
    team: Team, statements: object
) -> None:
    path = f"/projects/workspace/{team.workspace_id}"
    one = await statements(call(team.ann, "GET", path))  # type: ignore[operator]
    for number in range(10):
        await team.project(name=f"Project {number}")
    assert await statements(call(team.ann, "GET", path)) == one  # type: ignore[operator]


async def test_a_former_member_of_a_public_workspace_is_told_403(server: Server) -> None:
    owner, stranger = await server.person("Owner"), await server.person("Stranger")
    place = (await owner.workspace(isPublic=True))["workspaceId"]
    await refused(
        stranger, "POST", "/projects", {"workspaceId": place, "name": "Mine"}, 403, "FORBIDDEN"
    )
    await refused(stranger, "GET", f"/projects?workspaceId={place}", None, 403, "FORBIDDEN")
    await refused(owner, "GET", "/projects", None, 400, "VALIDATION_ERROR", "workspaceId")
