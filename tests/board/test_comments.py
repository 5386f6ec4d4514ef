"""Comments and participants (contract: board.md §6.4, §6.5)."""

import asyncio
import json

from tests.board.making import Team, ask, call, refused, upload
from tests.board.told import kinds, told
from wealist.core import events


async def test_comments_are_listed_oldest_first_with_their_files(team: Team) -> None:
    card = await team.card()
    for text in ("first", "second"):
        file = await upload(team.ann, team.workspace_id, "COMMENT")
        body = {"boardId": card["boardId"], "content": text, "attachmentIds": [None, file]}
        made = await call(team.ann, "POST", "/comments", body, ok=201)
        assert [one["attachmentId"] for one in made["attachments"]] == [file]
    listed = await call(team.bob, "GET", f"/comments?boardId={card['boardId']}")
    assert [one["content"] for one in listed] == ["first", "second"]
    assert listed == await call(team.bob, "GET", f"/comments/board/{card['boardId']}")
    detail = await call(team.bob, "GET", f"/boards/{card['boardId']}")
    assert detail["comments"] == listed
    assert detail["updatedAt"] == card["updatedAt"]


async def test_the_files_of_a_comment_are_the_whole_set_that_is_sent(team: Team) -> None:
    card = await team.card()
    one = await upload(team.ann, team.workspace_id, "COMMENT")
    two = await upload(team.ann, team.workspace_id, "COMMENT")
    body = {"boardId": card["boardId"], "content": "x", "attachmentIds": [one]}
    comment = (await call(team.ann, "POST", "/comments", body))["commentId"]

    async def after(given: object) -> list[str]:
        change = {"content": "x", "attachmentIds": given}
        changed = await call(team.ann, "PUT", f"/comments/{comment}", change)
        return [file["id"] for file in changed["attachments"]]

    assert await after([None]) == [one]
    assert await after([one]) == [one]
    assert await after([two]) == [two]
    assert await after([]) == []


async def test_a_comment_tells_the_people_of_the_card_in_whole_characters(team: Team) -> None:
    card = await team.card(assigneeId=team.bob.id, participants=[team.ann.id, team.owner.id])
    text = "가" * 101
    await call(team.ann, "POST", "/comments", {"boardId": card["boardId"], "content": text})
    assert (await kinds(team.ann)).count("BOARD_COMMENT_ADDED") == 0
    for person in (team.owner, team.bob):
        fact = (await told(person))[-1]
        assert fact["type"] == "BOARD_COMMENT_ADDED"
        assert fact["metadata"]["commentPreview"] == "가" * 100 + "..."
        assert fact["metadata"]["projectId"] == team.project_id


async def test_a_repeated_comment_is_said_once(team: Team) -> None:
    card = await team.card()
    body = {"boardId": card["boardId"], "content": "Once"}
    made = await asyncio.gather(*(call(team.ann, "POST", "/comments", body) for _ in range(10)))
    assert len({one["commentId"] for one in made}) == 1
    await call(team.bob, "POST", "/comments", body)
    assert len(await call(team.bob, "GET", f"/comments?boardId={card['boardId']}")) == 2


async def test_bad_comments_are_refused(team: Team) -> None:
    card = await team.card()
    for content in ("", "x" * 10_001):
        body = {"boardId": card["boardId"], "content": content}
        await refused(team.ann, "POST", "/comments", body, 400, says="content")
    await refused(team.ann, "GET", "/comments", None, 400, says="boardId")
    await refused(team.ann, "POST", "/comments", {"boardId": card["boardId"]}, 400, says="content")


async def test_participants_are_added_as_far_as_possible(team: Team) -> None:
    card = await team.card(participants=[team.ann.id])
    stranger = "0190a5b0-0000-7000-8000-000000000000"
    body = {"boardId": card["boardId"], "userIds": [team.bob.id, team.ann.id, stranger]}
    answer = await ask(team.owner, "POST", "/participants", body)
    assert answer.status_code == 207
    found = answer.json()
    assert found["data"]["results"] == found["results"]
    assert [one["success"] for one in found["results"]] == [True, False, False]
    assert found["results"][1]["error"] == "Participant already exists"
    assert (found["totalRequested"], found["totalSuccess"], found["totalFailed"]) == (3, 1, 2)
    listed = await call(team.ann, "GET", f"/participants/board/{card['boardId']}")
    assert [one["userId"] for one in listed] == [team.ann.id, team.bob.id]
    assert all(one["id"] == one["participantId"] for one in listed)
    assert (await kinds(team.bob))[-1] == "BOARD_PARTICIPANT_ADDED"
    await refused(team.owner, "POST", "/participants", body, 400)
    body = {"boardId": card["boardId"], "userIds": [team.owner.id] * 2}
    made = await call(team.owner, "POST", "/participants", body, ok=201)
    assert made["totalRequested"] == 1


async def test_adding_and_removing_the_same_person_at_once_ends_in_one_of_both(team: Team) -> None:
    card = await team.card()
    body = {"boardId": card["boardId"], "userIds": [team.bob.id]}
    path = f"/participants/board/{card['boardId']}/user/{team.bob.id}"
    answers = await asyncio.gather(
        *(ask(team.ann, "POST", "/participants", body) for _ in range(10)),
        *(ask(team.owner, "DELETE", path) for _ in range(10)),
    )
    assert {answer.status_code for answer in answers} <= {200, 201, 400, 404}
    done = sum(answer.status_code in (200, 201) for answer in answers)
    listed = await call(team.ann, "GET", f"/participants/board/{card['boardId']}")
    assert [one["userId"] for one in listed] == [team.bob.id] * (done % 2)
    [*_, last] = await events.since(f"board:{team.project_id}", 0)
    assert json.loads(bytes(last.payload))["participantIds"] == [team.bob.id] * (done % 2)
    assert json.loads(bytes(last.payload))["version"] == done + 1
