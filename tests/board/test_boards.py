"""Cards over HTTP (contract: board.md §3.2, §5, §6.3)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.board.making import API, Team, ask, call, refused, upload
from tests.board.told import kinds, told
from tests.people import NIL, Server

Count = Callable[[Awaitable[object]], Awaitable[int]]
FIRST = {"stage": "pending", "importance": "urgent", "role": "developer"}


async def test_a_card_has_the_members_of_the_contract_and_valid_fields(team: Team) -> None:
    made = await team.card(title="Card")
    assert made.keys() == {
        "id",
        "boardId",
        "projectId",
        "workspaceId",
        "authorId",
        "assigneeId",
        "title",
        "content",
        "customFields",
        "rank",
        "status",
        "isDelayed",
        "participantIds",
        "attachments",
        "checklistTotal",
        "checklistDone",
        "createdAt",
        "updatedAt",
        "version",
    }
    assert made["customFields"] == FIRST
    assert (made["status"], made["isDelayed"]) == ("PENDING", False)
    assert made["assigneeId"] == made["authorId"] == team.owner.id
    assert made["id"] == made["boardId"]
    found = await call(team.ann, "GET", f"/boards/{made['boardId']}")
    assert found == made | {"participants": [], "comments": [], "checklist": []}
    assert await team.cards() == [made]
    assert await call(team.ann, "GET", f"/boards/project/{team.project_id}") == [made]


async def test_fields_are_values_in_every_answer_whatever_was_sent(team: Team) -> None:
    stage = await team.option("stage", "review")
    for given in ("review", stage["optionId"], "검토"):
        made = await team.card(customFields={"stage": given})
        assert made["customFields"]["stage"] == "review"
        changed = await call(
            team.ann,
            "PUT",
            f"/boards/{made['boardId']}",
            {"customFields": {"stage": given, "role": "qa"}},
        )
        assert changed["customFields"] == {
            "stage": "review",
            "role": "qa",
            "importance": "urgent",
        }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"content": "x" * 5001}, "content"),
        ({"customFields": {"stage": "nowhere"}}, "customFields.stage"),
        ({"customFields": {"stage": ""}}, "customFields.stage"),
        ({"customFields": {"stage": 5}}, "customFields.stage"),
        ({"customFields": {"size": "xl"}}, "customFields.size"),
        ({"customFields": []}, "customFields"),
        ({"assigneeId": "somebody"}, "assigneeId"),
        ({"assigneeId": "0190a5b0-0000-7000-8000-000000000000"}, "assigneeId"),
        ({"participants": ["0190a5b0-0000-7000-8000-000000000000"]}, "participants"),
        ({"participants": [NIL] * 51}, "participants"),
        ({"dueDate": "2026-13-01T00:00:00Z"}, "dueDate"),
        ({"startDate": "2026-02-02", "dueDate": "2026-02-01"}, "startDate"),
        ({"attachmentIds": ["0190a5b0-0000-7000-8000-000000000000"]}, "attachmentIds"),
    ],
)
async def test_bad_input_is_refused_and_named_and_changes_nothing(
    team: Team, body: dict[str, Any], field: str
) -> None:
    card = await team.card()
    given = {"projectId": team.project_id, "title": "Fine", **body}
    await refused(team.owner, "POST", "/boards", given, 400, "VALIDATION_ERROR", field)
    path = f"/boards/{card['boardId']}"
    await refused(team.owner, "PUT", path, body, 400, "VALIDATION_ERROR", field)
    assert await team.cards() == [card]


async def test_a_title_of_spaces_is_a_title(team: Team) -> None:
    assert (await team.card(title="  "))["title"] == "  "


async def test_the_names_of_the_load_tests_are_understood(team: Team) -> None:
    body = {"name": "Load", "description": "test", "workspaceId": team.workspace_id}
    made = await call(team.ann, "POST", "/boards", body)
    assert (made["title"], made["content"]) == ("Load", "test")
    assert made["projectId"] == team.project_id
    changed = await call(team.ann, "PUT", f"/boards/{made['id']}", {"name": "N", "description": ""})
    assert (changed["title"], changed["content"]) == ("N", "")
    await refused(team.ann, "POST", "/boards", {"name": "Load"}, 400, says="projectId")


async def test_a_change_writes_only_what_it_names(team: Team) -> None:
    card = await team.card(content="text", dueDate="2031-01-02", participants=[team.ann.id])
    path = f"/boards/{card['boardId']}"
    changed = await call(team.ann, "PUT", path, {"title": "New"})
    assert changed == card | {
        "title": "New",
        "version": 2,
        "updatedAt": changed["updatedAt"],
    }
    empty = await call(team.ann, "PUT", path, {})
    assert (empty["version"], empty["updatedAt"] > changed["updatedAt"]) == (3, True)
    cleared = {"content": None, "assigneeId": NIL, "dueDate": None, "participants": []}
    changed = await call(team.ann, "PUT", path, cleared)
    assert (changed["content"], changed["assigneeId"], changed["participantIds"]) == ("", None, [])
    assert "dueDate" not in changed


async def test_two_people_who_change_different_members_both_keep_theirs(team: Team) -> None:
    card = await team.card()
    path = f"/boards/{card['boardId']}"
    changes: list[dict[str, Any]] = [
        {"title": "New"},
        {"content": "Text"},
        {"dueDate": "2031-01-02T00:00:00Z"},
        {"assigneeId": team.bob.id},
    ]
    await asyncio.gather(*(call(team.ann, "PUT", path, change) for change in changes))
    moved = team.moving("qa", "role")
    await asyncio.gather(
        call(team.ann, "PUT", f"{path}/move", moved),
        call(team.bob, "PUT", f"{path}/move", team.moving("review")),
    )
    found = await call(team.ann, "GET", path)
    for change in changes:
        assert found | change == found
    assert found["customFields"] == {**FIRST, "role": "qa", "stage": "review"}
    assert found["version"] == 7


async def test_a_change_that_races_a_deletion_never_brings_the_card_back(team: Team) -> None:
    for _ in range(5):
        card = await team.card()
        path = f"/boards/{card['boardId']}"
        answers = await asyncio.gather(
            *(ask(team.ann, "PUT", path, {"title": f"{n}"}) for n in range(5)),
            ask(team.owner, "DELETE", path),
        )
        assert {answer.status_code for answer in answers} <= {200, 404}
        await refused(team.ann, "GET", path, None, 404)


async def test_a_lost_race_is_told_with_the_current_state(team: Team) -> None:
    card = await team.card()
    path = f"/svc/board/api/boards/{card['boardId']}"
    body = {"title": "Mine"}
    answers = await asyncio.gather(
        *(team.ann.http.put(path, json=body, headers={"If-Match": '"1"'}) for _ in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 19
    lost = next(answer for answer in answers if answer.status_code == 412)
    assert lost.json()["current"]["title"] == "Mine"
    assert lost.headers["etag"] == '"2"'


async def test_a_repeated_post_makes_one_card(team: Team) -> None:
    body = {"projectId": team.project_id, "title": "Once", "participants": [team.ann.id]}
    made = await asyncio.gather(*(call(team.owner, "POST", "/boards", body) for _ in range(10)))
    assert len({one["boardId"] for one in made}) == 1
    assert len(await team.cards()) == 1
    await call(team.ann, "POST", "/boards", body)
    await call(team.owner, "POST", "/boards", body | {"content": "another"})
    assert len(await team.cards()) == 3


async def test_a_filter_takes_values_and_ids(team: Team) -> None:
    review = await team.card(customFields={"stage": "review"})
    await team.card()
    stage = await team.option("stage", "review")
    for value in ("review", stage["optionId"]):
        path = f'/boards?projectId={team.project_id}&customFields={{"stage":"{value}"}}'
        assert [one["boardId"] for one in await call(team.ann, "GET", path)] == [review["boardId"]]
    path = f"/boards?projectId={team.project_id}&customFields=[1]"
    await refused(team.ann, "GET", path, None, 400, says="customFields")


async def test_own_cards_are_those_of_all_reachable_projects(team: Team, server: Server) -> None:
    mine = await team.card(assigneeId=team.ann.id)
    shared = await team.card(participants=[team.ann.id])
    await team.card()
    stranger = await server.person("Stranger")
    place = (await stranger.workspace())["workspaceId"]
    await stranger.invites(place, team.ann)
    project = await call(stranger, "POST", "/projects", {"workspaceId": place, "name": "Far"})
    far = await call(
        stranger,
        "POST",
        "/boards",
        {"projectId": project["projectId"], "title": "Far", "assigneeId": team.ann.id},
    )
    ids = {one["boardId"] for one in await call(team.ann, "GET", "/boards")}
    assert ids == {mine["boardId"], shared["boardId"], far["boardId"]}
    await stranger.delete(f"/svc/user/api/workspaces/{place}")
    ids = {one["boardId"] for one in await call(team.ann, "GET", "/boards")}
    assert ids == {mine["boardId"], shared["boardId"]}


async def test_lists_cost_the_same_for_one_card_and_for_two_hundred(
    team: Team, statements: Count
) -> None:
    await team.card(participants=[team.ann.id])
    path = f"/boards?projectId={team.project_id}"
    one = await statements(call(team.ann, "GET", path))
    page = await statements(call(team.ann, "GET", f"{path}&limit=50"))
    for number in range(200):
        await team.card(title=f"{number}", participants=[team.ann.id])
    assert await statements(call(team.ann, "GET", path)) == one <= 6
    assert await statements(call(team.ann, "GET", f"{path}&limit=50")) == page <= 6


async def test_a_late_card_is_delayed_until_it_is_done(team: Team) -> None:
    card = await team.card(dueDate="2020-01-01")
    assert card["isDelayed"]
    await call(team.ann, "PUT", f"/boards/{card['boardId']}/move", team.moving("approved"))
    found = await call(team.ann, "GET", f"/boards/{card['boardId']}")
    assert (found["isDelayed"], found["status"]) == (False, "APPROVED")


async def test_each_person_is_told_once_and_the_actor_never(team: Team) -> None:
    card = await team.card(assigneeId=team.ann.id, participants=[team.ann.id, team.bob.id])
    assert await kinds(team.ann) == ["BOARD_ASSIGNED"]
    assert await kinds(team.bob) == ["BOARD_PARTICIPANT_ADDED"]
    assert await kinds(team.owner) == []
    [fact] = await told(team.ann)
    assert fact["resourceId"] == card["boardId"]
    assert fact["metadata"] == {
        "projectId": team.project_id,
        "projectName": "Roadmap",
        "boardTitle": card["title"],
    }
    path = f"/boards/{card['boardId']}"
    change = {"assigneeId": team.bob.id, "title": "New", "content": "Secret"}
    await call(team.owner, "PUT", path, change)
    assert await kinds(team.bob) == ["BOARD_PARTICIPANT_ADDED", "BOARD_ASSIGNED"]
    assert await kinds(team.ann) == ["BOARD_ASSIGNED", "BOARD_UNASSIGNED"]
    await call(team.bob, "PUT", f"{path}/move", team.moving("in_progress"))
    assert (await kinds(team.ann))[-1] == "BOARD_UPDATED"
    assert len(await kinds(team.bob)) == 2
    # The author, whom the card doesn't concern otherwise, hears of its stage.
    last = (await told(team.owner))[-1]
    assert last["type"] == "BOARD_STATUS_CHANGED"
    assert (last["metadata"]["oldStatus"], last["metadata"]["newStatus"]) == ("대기", "진행중")
    last = (await told(team.ann))[-1]
    assert last["metadata"]["changes"] == [
        {"field": "stage", "oldValue": "대기", "newValue": "진행중"}
    ]
    await call(team.owner, "PUT", path, {"content": "More", "dueDate": "2031-01-02"})
    assert (await told(team.ann))[-1]["metadata"]["changes"] == [
        {"field": "content", "oldValue": "(내용 변경)", "newValue": "(내용 변경)"},
        {"field": "dueDate", "oldValue": "", "newValue": "2031-01-02"},
    ]


async def test_clients_that_know_three_fields_erase_no_others(team: Team) -> None:
    field = {"fieldName": "Points", "fieldType": "number"}
    key = (await call(team.owner, "POST", f"/projects/{team.project_id}/fields", field))["key"]
    card = await team.card(customFields={key: 5})
    path = f"/boards/{card['boardId']}"
    three = {"stage": "review", "role": "qa", "importance": "low"}
    assert (await call(team.ann, "PUT", path, {"customFields": three}))["customFields"] == (
        three | {key: 5}
    )
    cleared = await call(team.ann, "PUT", path, {"customFields": {key: None}})
    assert cleared["customFields"] == three


async def test_a_repetition_is_one_in_everything_or_says_that_it_is_none(team: Team) -> None:
    body = {"projectId": team.project_id, "title": "Same"}
    first = await call(team.ann, "POST", "/boards", body)
    file = await upload(team.ann, team.workspace_id, "BOARD")
    with_file = body | {"attachmentIds": [file]}
    second = await call(team.ann, "POST", "/boards", with_file)
    again = await call(team.ann, "POST", "/boards", with_file)
    assert [one["id"] for one in second["attachments"]] == [file]
    assert first["boardId"] != second["boardId"] == again["boardId"]
    keyed = [
        await team.ann.http.post(
            f"{API}/boards", json=body, headers={"Idempotency-Key": f"{key}-{team.project_id}"}
        )
        for key in ("one", "one", "two")
    ]
    ids = [answer.json()["data"]["boardId"] for answer in keyed]
    assert ids[0] == ids[1] != ids[2]
    assert first["boardId"] not in ids


async def test_nulls_and_empty_texts_in_a_new_card_mean_nothing(team: Team) -> None:
    card = await team.card(attachmentIds=[None], assigneeId="", startDate="", dueDate=None)
    assert (card["assigneeId"], card["attachments"]) == (None, [])
    mine = await team.card(by=team.ann, assigneeId=None)
    assert mine["assigneeId"] == team.ann.id
    path = f"/boards?projectId={team.project_id}&customFields="
    assert len(await call(team.ann, "GET", path)) == 2
