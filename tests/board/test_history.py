"""Activities, undo, the trash and checklists."""

import asyncio
from typing import Any

from tests.board.making import Team, ask, call, refused, upload
from wealist.board import trash
from wealist.core import db, doomed, objects


async def feed(team: Team, card: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await call(
        team.ann, "GET", f"/boards/{card['boardId']}/activities"
    )
    return found


async def test_a_cards_history_tells_who_changed_what_from_what_to_what(team: Team) -> None:
    card = await team.card(title="Old")
    path = f"/boards/{card['boardId']}"
    change = {"title": "New", "dueDate": "2031-01-02", "participants": [team.bob.id]}
    await call(team.ann, "PUT", path, change)
    await call(team.bob, "PUT", f"{path}/move", team.moving("review"))
    moved, updated, created = await feed(team, card)
    assert created["kind"] == "board.created"
    assert (updated["kind"], updated["actorId"]) == ("board.updated", team.ann.id)
    assert updated["changes"] == [
        {"field": "title", "oldValue": "Old", "newValue": "New"},
        {"field": "dueDate", "oldValue": None, "newValue": "2031-01-02T00:00:00Z"},
        {"field": "participants", "oldValue": [], "newValue": [team.bob.id]},
    ]
    assert moved["changes"] == [{"field": "stage", "oldValue": "pending", "newValue": "review"}]
    project = await call(team.ann, "GET", f"/projects/{team.project_id}/activities")
    assert [one["kind"] for one in project] == [
        "board.moved",
        "board.updated",
        "board.created",
        "project.created",
    ]


async def test_a_long_history_comes_in_pages_without_repetition(team: Team) -> None:
    card = await team.card()
    for number in range(12):
        await call(team.ann, "PUT", f"/boards/{card['boardId']}", {"title": f"{number}"})
    path = f"/boards/{card['boardId']}/activities?limit=5"
    seen: list[str] = []
    cursor = ""
    while True:
        answer = await ask(team.ann, "GET", f"{path}{cursor}")
        seen += [one["activityId"] for one in answer.json()["data"]]
        if "x-next-cursor" not in answer.headers:
            break
        cursor = f"&cursor={answer.headers['x-next-cursor']}"
    assert len(seen) == len(set(seen)) == 13
    await refused(team.ann, "GET", f"{path}&cursor=nonsense", None, 400, says="cursor")
    await refused(team.ann, "GET", f"{path[:-1]}zero", None, 400, says="limit")


async def test_ones_own_last_change_can_be_taken_back_step_by_step(team: Team) -> None:
    card = await team.card(title="One", content="text", assigneeId=team.ann.id)
    path = f"/boards/{card['boardId']}"
    await call(team.ann, "PUT", path, {"title": "Two", "dueDate": "2031-01-02"})
    await call(
        team.ann, "PUT", path, {"content": None, "assigneeId": None, "participants": [team.bob.id]}
    )
    await call(team.ann, "PUT", f"{path}/move", team.moving("approved"))
    for _ in range(3):
        back = await call(team.ann, "POST", f"{path}/undo")
    same = ("title", "content", "assigneeId", "participantIds", "customFields", "rank")
    assert {name: back[name] for name in same} == {name: card[name] for name in same}
    assert "dueDate" not in back
    await refused(team.ann, "POST", f"{path}/undo", None, 404)
    assert [one["undone"] for one in await feed(team, card)] == [False] * 3 + [True] * 3 + [False]


async def test_what_somebody_changed_since_is_never_overwritten(team: Team) -> None:
    card = await team.card(title="One")
    path = f"/boards/{card['boardId']}"
    await call(team.ann, "PUT", path, {"title": "Ann's"})
    await call(team.bob, "PUT", path, {"title": "Bob's"})
    answer = await ask(team.ann, "POST", f"{path}/undo")
    assert answer.status_code == 409
    assert answer.json()["difference"] == [
        {"field": "title", "expected": "Ann's", "current": "Bob's"}
    ]
    assert (await call(team.ann, "GET", path))["title"] == "Bob's"
    await refused(team.owner, "POST", f"{path}/undo", None, 404)


async def test_twenty_undos_at_once_take_back_one_change(team: Team) -> None:
    card = await team.card(title="One")
    path = f"/boards/{card['boardId']}"
    await call(team.ann, "PUT", path, {"title": "Two"})
    answers = await asyncio.gather(
        *(ask(team.ann, "POST", f"{path}/undo") for _ in range(20)),
        ask(team.bob, "PUT", path, {"content": "meanwhile"}),
    )
    statuses = [answer.status_code for answer in answers[:-1]]
    assert sorted(statuses) == [200] + [404] * 19
    found = await call(team.ann, "GET", path)
    assert (found["title"], found["content"]) == ("One", "meanwhile")


async def test_undo_gives_nobody_back_who_has_left_and_no_option_that_is_gone(team: Team) -> None:
    card = await team.card(assigneeId=team.bob.id)
    path = f"/boards/{card['boardId']}"
    await call(team.ann, "PUT", path, {"assigneeId": None})
    await team.leaves(team.bob)
    await refused(team.ann, "POST", f"{path}/undo", None, 409, says="assigneeId")
    other = await team.card()
    path = f"/boards/{other['boardId']}"
    await call(team.ann, "PUT", f"{path}/move", team.moving("review"))
    option = await team.option("stage", "pending")
    await call(team.owner, "DELETE", f"/field-options/{option['optionId']}")
    await refused(team.ann, "POST", f"{path}/undo", None, 409)


async def test_a_deleted_card_comes_back_whole(team: Team) -> None:
    file = await upload(team.owner, team.workspace_id, "BOARD")
    card = await team.card(participants=[team.ann.id], attachmentIds=[file])
    path = f"/boards/{card['boardId']}"
    await call(team.ann, "POST", "/comments", {"boardId": card["boardId"], "content": "Hi"})
    before = await call(team.ann, "GET", path)
    answer = await ask(team.owner, "DELETE", path)
    assert (answer.status_code, answer.json()["data"]) == (200, None)
    for method, where in (("GET", path), ("PUT", path), ("DELETE", path), ("PUT", f"{path}/move")):
        body = team.moving("review") if where.endswith("move") else {}
        await refused(team.owner, method, where, body if method == "PUT" else None, 404)
    for where in (f"{path}/attachments", f"{path}/checklist", f"/comments/board/{card['boardId']}"):
        await refused(team.owner, "GET", where, None, 404)
    assert await team.cards() == []
    [lying] = await call(team.ann, "GET", f"/projects/{team.project_id}/trash")
    assert lying["deletedAt"]
    assert len(lying["attachments"]) == 1
    await refused(team.ann, "POST", f"{path}/restore", None, 403)
    await call(team.owner, "POST", f"{path}/restore")
    after = await call(team.ann, "GET", path)
    same = before.keys() - {"updatedAt", "version"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


async def test_deleting_can_be_undone_and_a_full_column_stays_full(team: Team) -> None:
    card = await team.card()
    path = f"/boards/{card['boardId']}"
    await call(team.owner, "DELETE", path)
    await call(team.owner, "POST", f"{path}/undo")
    await call(team.owner, "DELETE", path)
    await team.card()
    await team.limit("pending", 1)
    await refused(team.owner, "POST", f"{path}/restore", None, 409, "WIP_LIMIT_REACHED")


async def test_after_thirty_days_the_trash_is_emptied_with_its_files(team: Team) -> None:
    file = await upload(team.owner, team.workspace_id, "BOARD")
    card = await team.card(attachmentIds=[file])
    fresh = await team.card()
    for one in (card, fresh):
        await call(team.owner, "DELETE", f"/boards/{one['boardId']}")
    key = await db.fetch_value("SELECT file_key FROM board.attachments WHERE id = $1::uuid", file)
    await db.execute(
        "UPDATE board.boards SET deleted_at = now() - interval '31 days' WHERE id = $1::uuid",
        card["boardId"],
    )
    assert await trash.purge() == "1 boards purged"
    await doomed.sweep()
    assert await objects.store().head(key) is None
    [lying] = await call(team.ann, "GET", f"/projects/{team.project_id}/trash")
    assert lying["boardId"] == fresh["boardId"]
    await refused(team.owner, "POST", f"/boards/{card['boardId']}/restore", None, 404)


async def test_a_checklist_is_kept_in_order_and_counted(team: Team) -> None:
    card = await team.card()
    here = f"/boards/{card['boardId']}/checklist"
    items = [await call(team.ann, "POST", here, {"text": text}) for text in "abc"]
    await call(team.ann, "PATCH", f"/checklist/{items[0]['itemId']}", {"isDone": True})
    last = {"beforeItemId": items[0]["itemId"]}
    await call(team.bob, "PATCH", f"/checklist/{items[2]['itemId']}", last)
    assert [one["text"] for one in await call(team.ann, "GET", here)] == ["c", "a", "b"]
    [found] = await team.cards()
    assert (found["checklistTotal"], found["checklistDone"]) == (3, 1)
    await call(team.bob, "DELETE", f"/checklist/{items[1]['itemId']}")
    await refused(team.bob, "DELETE", f"/checklist/{items[1]['itemId']}", None, 404)
    await refused(team.ann, "POST", here, {"text": ""}, 400, says="text")
    wrong = {"afterItemId": items[1]["itemId"]}
    await refused(team.ann, "PATCH", f"/checklist/{items[0]['itemId']}", wrong, 400, says="after")


async def test_twenty_items_at_once_have_twenty_places(team: Team) -> None:
    card = await team.card()
    here = f"/boards/{card['boardId']}/checklist"
    await asyncio.gather(*(call(team.ann, "POST", here, {"text": f"{n}"}) for n in range(20)))
    found = await call(team.ann, "GET", here)
    assert len({one["rank"] for one in found}) == 20


async def test_comments_and_files_are_part_of_a_cards_history(team: Team) -> None:
    card = await team.card()
    path = f"/boards/{card['boardId']}"
    body = {"boardId": card["boardId"], "content": "First"}
    comment = (await call(team.ann, "POST", "/comments", body))["commentId"]
    await call(team.ann, "PUT", f"/comments/{comment}", {"content": "Second"})
    await call(team.ann, "DELETE", f"/comments/{comment}")
    file = await upload(team.ann, team.workspace_id, "BOARD")
    await call(team.ann, "PUT", path, {"attachmentIds": [file]})
    await call(team.bob, "PUT", path, {"attachmentIds": []})
    file = await upload(team.ann, team.workspace_id, "BOARD")
    await call(team.ann, "PUT", path, {"attachmentIds": [file]})
    await call(team.ann, "DELETE", f"/attachments/{file}")
    found = [(one["kind"], one["actorId"], one["changes"]) for one in await feed(team, card)]

    def change(field: str, old: Any, new: Any) -> list[dict[str, Any]]:
        return [{"field": field, "oldValue": old, "newValue": new}]

    assert found[::-1][1:] == [
        ("comment.created", team.ann.id, change("comment", None, "First")),
        ("comment.updated", team.ann.id, change("comment", "First", "Second")),
        ("comment.deleted", team.ann.id, change("comment", "Second", None)),
        ("attachment.changed", team.ann.id, change("attachments", [], ["a.txt"])),
        ("attachment.changed", team.bob.id, change("attachments", ["a.txt"], [])),
        ("attachment.changed", team.ann.id, change("attachments", [], ["a.txt"])),
        ("attachment.changed", team.ann.id, change("attachments", ["a.txt"], [])),
    ]


async def test_what_changes_many_cards_is_in_the_history_of_each(team: Team) -> None:
    here = f"/projects/{team.project_id}/fields"
    for name, kind in (("Tester", "single_user"), ("Crew", "multi_user"), ("Points", "number")):
        await call(team.owner, "POST", here, {"fieldName": name, "fieldType": kind})
    card = await team.card(
        assigneeId=team.bob.id,
        participants=[team.bob.id],
        customFields={"tester": team.bob.id, "crew": [team.ann.id, team.bob.id], "points": 3},
    )
    other = await team.card()
    option = await team.option("importance", "urgent")
    await call(team.owner, "DELETE", f"/field-options/{option['optionId']}?replacement=low")
    await call(team.owner, "DELETE", f"{here}/points")
    await team.leaves(team.bob)
    found = [(one["kind"], one["changes"]) for one in await feed(team, card)]
    bob = [("assigneeId", None), ("participants", None), ("tester", None), ("crew", None)]
    assert found[::-1][1:] == [
        ("option.replaced", [{"field": "importance", "oldValue": "urgent", "newValue": "low"}]),
        ("field.cleared", [{"field": "points", "oldValue": 3, "newValue": None}]),
        (
            "person.left",
            [{"field": name, "oldValue": team.bob.id, "newValue": new} for name, new in bob],
        ),
    ]
    assert [one["kind"] for one in await feed(team, other)] == ["option.replaced", "board.created"]
    now = await call(team.ann, "GET", f"/boards/{card['boardId']}")
    assert now["customFields"]["crew"] == [team.ann.id]
    assert "tester" not in now["customFields"]
