"""Every type of notification is caused by what the table says, or the table says why it isn't."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.board.making import Team, call
from tests.chat import making as chats
from tests.noti.bells import API, listed
from tests.people import Person, Server
from wealist.board import due
from wealist.chat import reminders
from wealist.core import db
from wealist.noti import reader
from wealist.noti.rules import RULES

WORKSPACES = "/svc/user/api/workspaces"


class Stage:
    """A team, and somebody new; `told` are all notifications that a change has caused."""

    def __init__(self, team: Team, newcomer: Person) -> None:
        self.team, self.new = team, newcomer
        self.people = (team.owner, team.ann, team.bob, newcomer)
        self.seen: set[str] = set()

    @classmethod
    async def of(cls, server: Server) -> "Stage":
        stage = cls(await Team.of(server), await server.person("Newcomer"))
        await stage.told()
        return stage

    async def told(self) -> list[tuple[str, str]]:
        """(name, type) of what is new since the last time, oldest first; every notification of a
        project says which one."""
        await reader.catch_up()
        found = []
        for person in self.people:
            inbox = await person.get(f"{API}/inbox", params={"limit": "200"})
            for one in reversed(inbox.json()["notifications"]):
                if one["id"] not in self.seen:
                    self.seen.add(one["id"])
                    found.append((person.name, one["type"]))
                    if one["resourceType"] in ("board", "project"):
                        assert one["metadata"]["projectId"] == self.team.project_id
                        assert one["metadata"]["projectName"] == "Roadmap"
                    assert one["actorId"] != person.id
        return found

    def mention(self, person: Person) -> str:
        return f"Hello @[{person.name}]({person.id})"


Act = Callable[[Stage], Awaitable[Any]]
PRODUCED: dict[str, tuple[Act, list[tuple[str, str]]]] = {}
"""Type → what causes it, and all that people are told then."""


def causes(kind: str, *told: tuple[str, str]) -> Callable[[Act], Act]:
    def keep(act: Act) -> Act:
        PRODUCED[kind] = act, list(told or [("Ann", kind)])
        return act

    return keep


@causes("BOARD_ASSIGNED")
async def _assign(stage: Stage) -> None:
    await stage.team.card(assigneeId=stage.team.ann.id)


@causes("BOARD_UNASSIGNED")
async def _unassign(stage: Stage) -> None:
    card = await stage.team.card(assigneeId=stage.team.ann.id)
    await stage.told()
    await call(stage.team.owner, "PUT", f"/boards/{card['boardId']}", {"assigneeId": None})


@causes("BOARD_PARTICIPANT_ADDED")
async def _participate(stage: Stage) -> None:
    card = await stage.team.card()
    body = {"boardId": card["boardId"], "userIds": [stage.team.ann.id]}
    await call(stage.team.owner, "POST", "/participants", body)


@causes("BOARD_UPDATED")
async def _update(stage: Stage) -> None:
    card = await stage.team.card(assigneeId=stage.team.ann.id)
    await stage.told()
    await call(stage.team.owner, "PUT", f"/boards/{card['boardId']}", {"title": "New"})


@causes("BOARD_STATUS_CHANGED", ("Owner", "BOARD_STATUS_CHANGED"), ("Ann", "BOARD_UPDATED"))
async def _move(stage: Stage) -> None:
    """The author hears of it, whom the card does not concern otherwise."""
    card = await stage.team.card(assigneeId=stage.team.ann.id)
    await stage.told()
    path = f"/boards/{card['boardId']}/move"
    await call(stage.team.bob, "PUT", path, stage.team.moving("in_progress"))


@causes("BOARD_COMMENT_ADDED")
async def _comment(stage: Stage) -> None:
    card = await stage.team.card(assigneeId=stage.team.ann.id)
    await stage.told()
    said = {"boardId": card["boardId"], "content": "Hi"}
    await call(stage.team.owner, "POST", "/comments", said)


def _in(hours: int) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


@causes("BOARD_DUE_SOON")
async def _due_soon(stage: Stage) -> None:
    await stage.team.card(assigneeId=stage.team.ann.id, dueDate=_in(3))
    await stage.told()
    await due.announce()


@causes("BOARD_OVERDUE")
async def _overdue(stage: Stage) -> None:
    await stage.team.card(assigneeId=stage.team.ann.id, dueDate=_in(-3))
    await stage.told()
    await due.announce()


@causes("TASK_MENTIONED", ("Bob", "TASK_MENTIONED"))
async def _mention(stage: Stage) -> None:
    """Those alone who were not mentioned before."""
    content = stage.mention(stage.team.ann)
    card = await stage.team.card(content=content)
    assert await stage.told() == [("Ann", "TASK_MENTIONED")]
    content += stage.mention(stage.team.bob) + stage.mention(stage.new)
    await call(stage.team.owner, "PUT", f"/boards/{card['boardId']}", {"content": content})


@causes("COMMENT_MENTIONED", ("Ann", "COMMENT_MENTIONED"), ("Bob", "BOARD_COMMENT_ADDED"))
async def _mention_in_a_comment(stage: Stage) -> None:
    """Whoever is mentioned isn't told of the comment as well."""
    people = [stage.team.ann.id, stage.team.bob.id]
    card = await stage.team.card(participants=people)
    await stage.told()
    said = {"boardId": card["boardId"], "content": stage.mention(stage.team.ann)}
    comment = await call(stage.team.owner, "POST", "/comments", said)
    assert comment["content"] == said["content"]


@causes("WORKSPACE_INVITED", ("Newcomer", "WORKSPACE_INVITED"))
async def _invite(stage: Stage) -> None:
    await stage.team.owner.invites(stage.team.workspace_id, stage.new)


@causes("WORKSPACE_ROLE_CHANGED")
async def _promote(stage: Stage) -> None:
    member = stage.team.membership[stage.team.ann.id]
    answer = await stage.team.owner.put(
        f"{WORKSPACES}/{stage.team.workspace_id}/members/{member}/role",
        json={"roleName": "ADMIN"},
    )
    assert answer.status_code == 200


@causes("WORKSPACE_REMOVED")
async def _remove(stage: Stage) -> None:
    await stage.team.leaves(stage.team.ann)


@causes(
    "WORKSPACE_JOIN_REQUESTED",
    ("Owner", "WORKSPACE_JOIN_REQUESTED"),
    ("Ann", "WORKSPACE_JOIN_REQUESTED"),
)
async def _ask(stage: Stage) -> None:
    """The owner and the admins hear of it."""
    team = stage.team
    await _promote(stage)
    opened = await team.owner.put(
        f"{WORKSPACES}/{team.workspace_id}", json={"isPublic": True, "needApproved": True}
    )
    assert opened.status_code == 200, opened.text
    await stage.told()
    asked = await stage.new.post(
        f"{WORKSPACES}/join-requests", json={"workspaceId": team.workspace_id}
    )
    assert asked.status_code == 201, asked.text


async def _seat(stage: Stage, person: Person) -> str:
    body = {"userId": person.id, "roleName": "MEMBER"}
    path = f"/projects/{stage.team.project_id}/members"
    made = await call(stage.team.owner, "POST", path, body)
    member_id: str = made["memberId"]
    return member_id


@causes("PROJECT_INVITED")
async def _seat_ann(stage: Stage) -> None:
    await _seat(stage, stage.team.ann)


@causes("PROJECT_ROLE_CHANGED")
async def _promote_in_a_project(stage: Stage) -> None:
    member = await _seat(stage, stage.team.ann)
    await stage.told()
    path = f"/projects/{stage.team.project_id}/members/{member}/role"
    await call(stage.team.owner, "PUT", path, {"roleName": "ADMIN"})


@causes("PROJECT_REMOVED")
async def _unseat(stage: Stage) -> None:
    member = await _seat(stage, stage.team.ann)
    await stage.told()
    path = f"/projects/{stage.team.project_id}/members/{member}"
    await call(stage.team.owner, "DELETE", path)


@causes(
    "PROJECT_JOIN_REQUESTED",
    ("Owner", "PROJECT_JOIN_REQUESTED"),
    ("Bob", "PROJECT_JOIN_REQUESTED"),
)
async def _ask_in_a_project(stage: Stage) -> None:
    """The owner and the admins of the project hear of it."""
    team = stage.team
    body = {"userId": team.bob.id, "roleName": "ADMIN"}
    await call(team.owner, "POST", f"/projects/{team.project_id}/members", body)
    await stage.told()
    await call(team.ann, "POST", "/join-requests", {"projectId": team.project_id})


async def _room(stage: Stage) -> str:
    team = stage.team
    body = {
        "workspaceId": team.workspace_id,
        "chatType": "GROUP",
        "chatName": "Lunch",
        "participants": [team.ann.id],
    }
    room: str = (await chats.call(team.owner, "POST", "", body))["chatId"]
    return room


@causes("CHAT_MENTIONED")
async def _mention_in_a_room(stage: Stage) -> None:
    """Bob is not in the room."""
    content = stage.mention(stage.team.ann) + stage.mention(stage.team.bob)
    await chats.say(stage.team.owner, await _room(stage), content)


@causes("CHAT_MESSAGE")
async def _say_to_somebody_who_is_away(stage: Stage) -> None:
    await chats.say(stage.team.owner, await _room(stage), "Hello")
    await db.execute("UPDATE chat.messages SET created_at = created_at - interval '10 minutes'")
    await reminders.remind()


def test_every_type_has_a_producer_or_a_reason() -> None:
    for kind, rule in RULES.items():
        assert bool(rule.producer) != bool(rule.reason), kind
    produced = {kind for kind, rule in RULES.items() if rule.producer}
    assert produced == PRODUCED.keys()


@pytest.mark.parametrize("kind", PRODUCED)
async def test_what_is_said_to_cause_it_causes_it(server: Server, kind: str) -> None:
    act, told = PRODUCED[kind]
    stage = await Stage.of(server)
    await act(stage)
    assert await stage.told() == told


async def test_who_comes_or_goes_by_himself_is_not_told(server: Server) -> None:
    stage = await Stage.of(server)
    team = stage.team
    await team.owner.put(
        f"{WORKSPACES}/{team.workspace_id}", json={"isPublic": True, "needApproved": False}
    )
    joined = await stage.new.post(
        f"{WORKSPACES}/join-requests", json={"workspaceId": team.workspace_id}
    )
    assert joined.status_code == 201
    member = team.membership[team.ann.id]
    left = await team.ann.delete(f"{WORKSPACES}/{team.workspace_id}/members/{member}")
    assert left.status_code == 200
    assert await stage.told() == []


async def test_who_is_assigned_and_mentioned_at_once_is_told_once(server: Server) -> None:
    stage = await Stage.of(server)
    ann = stage.team.ann
    card = await stage.team.card(
        assigneeId=ann.id, participants=[ann.id], content=stage.mention(ann)
    )
    assert await stage.told() == [("Ann", "BOARD_ASSIGNED")]
    change = {"assigneeId": stage.team.bob.id, "content": stage.mention(stage.team.bob)}
    await call(stage.team.owner, "PUT", f"/boards/{card['boardId']}", change)
    assert await stage.told() == [("Ann", "BOARD_UNASSIGNED"), ("Bob", "BOARD_ASSIGNED")]


async def test_a_comment_that_is_changed_tells_those_who_are_new_in_it(server: Server) -> None:
    stage = await Stage.of(server)
    card = await stage.team.card()
    said = {"boardId": card["boardId"], "content": stage.mention(stage.team.ann)}
    comment = await call(stage.team.owner, "POST", "/comments", said)
    assert await stage.told() == [("Ann", "COMMENT_MENTIONED")]
    change = {"content": said["content"] + f" and <@{stage.team.bob.id}>"}
    await call(stage.team.owner, "PUT", f"/comments/{comment['commentId']}", change)
    assert await stage.told() == [("Bob", "COMMENT_MENTIONED")]
    [one] = await listed(stage.team.bob, stage.team.workspace_id, type="COMMENT_MENTIONED", limit=1)
    assert one["metadata"]["boardId"] == card["boardId"] == one["resourceId"]
    assert one["body"].startswith("Hello @[Ann]")
