"""Rooms: how they are made, listed, renamed and deleted (contract: chat.md §4.1)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.chat.making import (
    API,
    Office,
    ask,
    call,
    mine,
    people,
    project,
    refused,
    say,
    upload,
    wanted,
)
from tests.people import NIL
from wealist.core import db, doomed, events, objects


async def test_a_new_room_is_bare_with_its_maker_and_everybody_once(office: Office) -> None:
    ann, bob, eve = office.ann, office.bob, office.eve
    body = wanted(office, bob, eve, bob, ann, chatName="  Lunch  ", topic="Where?", unknown=1)
    made = await call(ann, "POST", "", body, ok=201)
    assert made.keys() == {
        "chatId",
        "workspaceId",
        "chatType",
        "chatName",
        "topic",
        "createdBy",
        "createdAt",
        "updatedAt",
        "lastSeq",
        "version",
        "participants",
    }
    assert (made["chatName"], made["topic"], made["createdBy"]) == ("Lunch", "Where?", ann.id)
    assert people(made) == {ann.id: "OWNER", bob.id: "MEMBER", eve.id: "MEMBER"}
    seat = made["participants"][0]
    assert (seat["chatId"], seat["isActive"]) == (made["chatId"], True)
    assert {one["userName"] for one in made["participants"]} == {"Ann", "Bob", "Eve"}
    assert await call(bob, "GET", f"/{made['chatId']}") == made


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"workspaceId": "x"}, "workspaceId"),
        ({"workspaceId": NIL}, "workspaceId"),
        ({"chatType": "CHANNEL"}, "chatType"),
        ({"chatType": "dm"}, "chatType"),
        ({"chatName": ""}, "chatName"),
        ({"chatName": "  "}, "chatName"),
        ({"chatName": "x" * 101}, "chatName"),
        ({"chatName": "a\0b"}, ""),
        ({"topic": "x" * 501}, "topic"),
        ({"participants": []}, "participants"),
        ({"participants": ["x"]}, "participants"),
        ({"participants": [NIL]}, "participants"),
        ({"projectId": NIL}, "projectId"),
        ({"chatType": "PROJECT"}, "projectId"),
    ],
)
async def test_what_makes_no_room_is_refused_and_named(
    office: Office, change: dict[str, Any], says: str
) -> None:
    body = wanted(office, **change)
    await refused(office.ann, "POST", "", body, 400, says, code="BAD_REQUEST")
    assert await call(office.ann, "GET", "/my") == []


async def test_a_name_has_up_to_100_characters_whatever_they_are(office: Office) -> None:
    made = await call(office.ann, "POST", "", wanted(office, chatName="회" * 100), ok=201)
    assert made["chatName"] == "회" * 100


async def test_only_members_of_the_workspace_make_rooms_and_are_in_them(office: Office) -> None:
    body = wanted(office)
    await refused(office.outsider, "POST", "", body, 403, code="FORBIDDEN")
    body = wanted(office, workspaceId="0190a0e4-0000-7000-8000-000000000000")
    await refused(office.ann, "POST", "", body, 403)
    body = wanted(office, office.bob, office.outsider)
    await refused(office.ann, "POST", "", body, 400, "participants")
    await office.removes(office.eve)
    await refused(office.ann, "POST", "", wanted(office, office.eve), 400, "participants")
    await refused(office.eve, "POST", "", wanted(office), 403)
    assert await db.fetch_value("SELECT count(*) FROM chat.chats") == 0


async def test_a_pair_has_one_direct_room_however_often_both_begin_it(office: Office) -> None:
    ann, bob = office.ann, office.bob
    answers = await asyncio.gather(
        *(
            ask(one, "POST", "", wanted(office, other, chatType="DM", chatName="DM"))
            for one, other in [(ann, bob), (bob, ann)] * 10
        )
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["chatId"] for answer in answers}) == 1
    assert all(people(answer.json()).keys() == {ann.id, bob.id} for answer in answers)
    assert await db.fetch_value("SELECT count(*) FROM chat.chats") == 1
    other = await call(ann, "POST", "", wanted(office, office.eve, chatType="DM"))
    assert other["chatId"] != answers[0].json()["chatId"]


async def test_a_direct_room_is_between_two(office: Office) -> None:
    body = wanted(office, office.bob, office.eve, chatType="DM")
    await refused(office.ann, "POST", "", body, 400, "participants")
    await refused(office.ann, "POST", "", wanted(office, office.ann, chatType="DM"), 400)
    room = await office.room(office.bob, kind="DM")
    path = f"/{room}/participants"
    await refused(office.ann, "POST", path, {"userIds": [office.eve.id]}, 403, "two people")
    await refused(office.ann, "PUT", f"/{room}", {"chatName": "Us"}, 403)
    await refused(office.ann, "PUT", f"{path}/{office.bob.id}/role", {"role": "OWNER"}, 403)


async def test_who_left_a_direct_room_is_back_when_either_begins_it_again(office: Office) -> None:
    ann, bob = office.ann, office.bob
    room = await office.room(bob, kind="DM")
    await say(ann, room, "Before")
    for again in (ann, bob):
        await call(bob, "DELETE", f"/{room}/participants/{bob.id}", ok=204)
        assert await call(bob, "GET", "/my") == []
        # Clients name a direct room after the other one, also if he has left.
        shown = (await mine(ann, room))["participants"]
        assert {one["userId"]: one["isActive"] for one in shown} == {ann.id: True, bob.id: False}
        other = bob if again is ann else ann
        made = await call(again, "POST", "", wanted(office, other, chatType="DM"), ok=201)
        assert made["chatId"] == room
        row = await mine(bob, room)
        assert (row["unreadCount"], row["lastMessage"]["content"]) == (0, "Before")


async def test_a_room_that_all_had_left_has_an_owner_again(office: Office) -> None:
    room = await office.room(office.bob, kind="DM")
    await db.execute("UPDATE chat.participants SET is_active = false, role = 'MEMBER'")
    made = await call(office.bob, "POST", "", wanted(office, office.ann, chatType="DM"))
    assert made["chatId"] == room
    assert sorted(people(made).values()) == ["MEMBER", "OWNER"]


async def test_a_direct_room_that_was_deleted_is_followed_by_a_new_one(office: Office) -> None:
    room = await office.room(office.bob, kind="DM")
    await call(office.ann, "DELETE", f"/{room}", ok=204)
    assert await office.room(office.bob, kind="DM") != room


async def test_a_project_has_one_room_of_all_its_members(office: Office) -> None:
    target = await project(office, office.bob)
    body = wanted(office, chatType="PROJECT", projectId=target)
    answers = await asyncio.gather(
        *(ask(one, "POST", "", body) for one in [office.ann, office.bob] * 10)
    )
    assert {answer.status_code for answer in answers} == {201}
    [chat] = await call(office.bob, "GET", "/my")
    assert {answer.json()["chatId"] for answer in answers} == {chat["chatId"]}
    assert chat["projectId"] == target
    assert people(chat).keys() == {office.ann.id, office.bob.id}
    await refused(office.eve, "POST", "", body, 403, "project")
    body["participants"] = [office.eve.id]
    await refused(office.ann, "POST", "", body, 400, "participants")
    elsewhere = (await office.ann.workspace("Other"))["workspaceId"]
    body = wanted(office, office.ann, projectId=target, workspaceId=elsewhere)
    await refused(office.ann, "POST", "", body, 400, "projectId")


async def test_groups_of_the_same_name_are_different_rooms(office: Office) -> None:
    assert await office.room() != await office.room()


async def test_a_list_of_rooms_begins_with_the_last_active_one(office: Office) -> None:
    first, second, third = [await office.room() for _ in range(3)]
    await say(office.bob, first, "y" * 300)
    await say(office.bob, second)
    elsewhere = (await office.bob.workspace("Other"))["workspaceId"]
    await office.bob.invites(elsewhere, office.ann)
    body = wanted(office, office.ann, workspaceId=elsewhere)
    other = (await call(office.bob, "POST", "", body))["chatId"]
    rows = await call(office.ann, "GET", "/my")
    assert [row["chatId"] for row in rows] == [other, second, first, third]
    assert [row["unreadCount"] for row in rows] == [0, 1, 1, 0]
    assert rows[2]["lastMessage"]["content"] == "y" * 200
    assert rows[2]["lastMessage"]["userName"] == "Bob"
    assert "lastMessage" not in rows[3]
    assert {one["userName"] for one in rows[0]["participants"]} == {"Ann", "Bob"}
    assert await call(office.outsider, "GET", "/my") == []
    here = await call(office.ann, "GET", f"/workspace/{office.workspace_id}")
    assert here == rows[1:]
    path = f"/workspace/{office.workspace_id}"
    await refused(office.outsider, "GET", path, None, 403)
    await refused(office.ann, "GET", "/workspace/x", None, 400, "Invalid workspace ID")


async def test_a_list_that_has_not_changed_is_not_sent_again(office: Office) -> None:
    room = await office.room()
    known = (await ask(office.bob, "GET", "/my")).headers["etag"]

    async def again() -> int:
        answer = await office.bob.get(f"{API}/my", headers={"If-None-Match": known})
        assert (answer.status_code == 304) == (answer.content == b"")
        return answer.status_code

    assert await again() == 304
    await call(office.eve, "PATCH", f"/{room}/settings", {"draft": "Hers"})
    assert await again() == 304
    await say(office.ann, room)
    assert await again() == 200


async def test_a_list_takes_as_many_statements_however_long_it_is(
    office: Office, statements: Callable[[Awaitable[object]], Awaitable[int]]
) -> None:
    await say(office.ann, await office.room())
    one = await statements(call(office.bob, "GET", "/my"))
    for _ in range(199):
        await office.room()
    many = await statements(call(office.bob, "GET", "/my"))
    assert len(await call(office.bob, "GET", "/my")) == 200
    assert one == many <= 4


async def test_a_room_is_renamed_by_its_heads_unless_somebody_was_faster(office: Office) -> None:
    room = await office.room()
    await call(office.ann, "PUT", f"/{room}/participants/{office.bob.id}/role", {"role": "ADMIN"})
    renamed = await call(office.bob, "PUT", f"/{room}", {"name": " Lunch "})
    assert (renamed["chatName"], renamed["version"]) == ("Lunch", 2)
    topic = await call(office.ann, "PUT", f"/{room}", {"topic": "Soup"})
    assert (topic["chatName"], topic["topic"]) == ("Lunch", "Soup")
    stale = await office.ann.put(
        f"{API}/{room}", json={"chatName": "X"}, headers={"If-Match": '"2"'}
    )
    assert stale.status_code == 412
    assert stale.json()["current"]["topic"] == "Soup"
    answers = await asyncio.gather(
        *(
            office.ann.put(
                f"{API}/{room}", json={"chatName": f"N{number}"}, headers={"If-Match": '"3"'}
            )
            for number in range(20)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 19
    await refused(office.eve, "PUT", f"/{room}", {"chatName": "X"}, 403)
    for name in ("", " ", "x" * 101, "a\0b"):
        await refused(office.ann, "PUT", f"/{room}", {"chatName": name}, 400)


async def test_a_deleted_room_is_gone_for_its_people_and_nothing_to_others(
    office: Office,
) -> None:
    room = await office.room(office.bob)
    ticket = await upload(office.bob, office.workspace_id)
    image = {"messageType": "IMAGE", "fileUrl": ticket["downloadUrl"]}
    message = await say(office.bob, room, "Look", **image)
    await refused(office.bob, "DELETE", f"/{room}", None, 403, "Only the chat creator")
    await call(office.ann, "DELETE", f"/{room}", ok=204)
    said = f"/messages/{message['messageId']}"
    for method, path, body in (
        ("GET", f"/{room}", None),
        ("DELETE", f"/{room}", None),
        ("GET", f"/messages/{room}", None),
        ("POST", f"/messages/{room}", {"content": "x"}),
        ("GET", f"/messages/{room}/unread", None),
        ("PUT", f"/messages/{room}/last-read", None),
        ("POST", f"/{room}/participants", {"userIds": [office.eve.id]}),
    ):
        for person in (office.ann, office.bob):
            await refused(person, method, path, body, 404, "Chat not found")
        for person in (office.eve, office.outsider):
            await refused(person, method, path, body, 403)
    await refused(office.bob, "PUT", said, {"content": "x"}, 404)
    assert await call(office.bob, "GET", "/my") == []
    async with office.bob.server.client() as browser:
        assert (await browser.get(message["fileUrl"])).status_code == 404
    await doomed.sweep()
    assert await objects.store().head(ticket["fileKey"]) is None


async def test_an_unknown_room_looks_like_a_foreign_one(office: Office) -> None:
    room = await office.room(office.bob)
    unknown = "0190a0e4-0000-7000-8000-000000000000"
    errors = [
        await refused(office.eve, "GET", f"/{one}", None, 403, "Not a participant")
        for one in (room, unknown)
    ]
    assert errors[0] == errors[1]
    await refused(office.ann, "GET", "/x", None, 400, "Invalid chat ID")


async def test_a_change_that_changes_nothing_is_no_event(office: Office) -> None:
    room = await office.room()
    before = await call(office.ann, "GET", f"/{room}")
    for body in ({}, {"chatName": before["chatName"]}, {"topic": before["topic"]}):
        assert await call(office.ann, "PUT", f"/{room}", body) == before
    assert [e.type for e in await events.since(f"chat:{room}", 0)] == []
