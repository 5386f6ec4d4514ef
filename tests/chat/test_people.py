"""Who takes part in a room: invitations, removal, roles, and what it follows (chat.md §4.1, §5)."""

import asyncio
from typing import Any

from tests.board.making import call as on_board
from tests.chat.making import Office, ask, call, mine, people, project, refused, say, wanted
from tests.people import Person
from wealist.core import db, events

OWNERS = "SELECT count(*) FROM chat.participants WHERE role = 'OWNER' AND is_active"


async def seats(person: Person, room: str) -> dict[str, str]:
    """The roles of those who take part, by their ids."""
    return people(await call(person, "GET", f"/{room}"))


async def types(room: str) -> list[str]:
    return [event.type for event in await events.since(f"chat:{room}", 0)]


async def test_any_participant_lets_colleagues_in(office: Office) -> None:
    room = await office.room(office.bob)
    await say(office.ann, room, "Before")
    path, body = f"/{room}/participants", {"userIds": [office.eve.id, office.ann.id]}
    chat = await call(office.bob, "POST", path, body)
    assert people(chat)[office.eve.id] == "MEMBER"
    assert await call(office.eve, "GET", path) == chat["participants"]
    assert (await mine(office.eve, room))["unreadCount"] == 0
    assert await call(office.bob, "POST", path, body) == chat
    assert (await types(room)).count("USER_JOINED") == 1
    for ids in ([], ["x"], [office.outsider.id]):
        await refused(office.ann, "POST", path, {"userIds": ids}, 400, "userIds")
    await refused(office.outsider, "POST", path, body, 403, "Not a participant")


async def test_twenty_who_let_the_same_person_in_seat_him_once(office: Office) -> None:
    room = await office.room(office.bob)
    body = {"userIds": [office.eve.id]}
    answers = await asyncio.gather(
        *(ask(one, "POST", f"/{room}/participants", body) for one in [office.ann, office.bob] * 10)
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len(await seats(office.ann, room)) == 3
    assert (await types(room)).count("USER_JOINED") == 1
    created = [event.type for event in await events.since(f"chats:{office.eve.id}", 0)]
    assert created == ["WORKSPACES_CHANGED", "CHAT_CREATED"]


async def test_people_leave_and_are_removed_but_the_owner_hands_over_first(office: Office) -> None:
    ann, bob, eve = office.ann, office.bob, office.eve
    room = await office.room()
    path = f"/{room}/participants"
    await refused(bob, "DELETE", f"{path}/{eve.id}", None, 403, "Only the chat creator")
    await refused(ann, "DELETE", f"{path}/{ann.id}", None, 403, "creator cannot leave chat")
    await refused(ann, "DELETE", f"{path}/x", None, 400, "Invalid user ID")
    await call(eve, "DELETE", f"{path}/{eve.id}", ok=204)
    await refused(eve, "GET", f"/messages/{room}", None, 403)
    await call(ann, "DELETE", f"{path}/{eve.id}", ok=204)
    await call(ann, "DELETE", f"{path}/{office.outsider.id}", ok=204)
    assert (await types(room)).count("USER_LEFT") == 1
    moved = await call(ann, "PUT", f"{path}/{bob.id}/role", {"role": "OWNER"})
    assert (moved["userId"], moved["role"]) == (bob.id, "OWNER")
    assert await seats(ann, room) == {ann.id: "ADMIN", bob.id: "OWNER"}
    await refused(ann, "DELETE", f"{path}/{bob.id}", None, 403, "creator cannot leave chat")
    await refused(ann, "DELETE", f"/{room}", None, 403)
    await call(ann, "DELETE", f"{path}/{ann.id}", ok=204)
    await call(bob, "DELETE", f"/{room}", ok=204)


async def test_admins_keep_order_but_only_the_owner_touches_them(office: Office) -> None:
    ann, bob, eve = office.ann, office.bob, office.eve
    room = await office.room()
    path = f"/{room}/participants"
    for person in (bob, eve):
        await call(ann, "PUT", f"{path}/{person.id}/role", {"role": "ADMIN"})
    await refused(bob, "DELETE", f"{path}/{eve.id}", None, 403, "admin")
    await refused(bob, "PUT", f"{path}/{eve.id}/role", {"role": "MEMBER"}, 403)
    await refused(ann, "PUT", f"{path}/{ann.id}/role", {"role": "MEMBER"}, 400, "role")
    await refused(ann, "PUT", f"{path}/{office.outsider.id}/role", {"role": "ADMIN"}, 404)
    await refused(ann, "PUT", f"{path}/{eve.id}/role", {"role": "KING"}, 400, "role")
    await call(ann, "PUT", f"{path}/{eve.id}/role", {"role": "MEMBER"})
    await call(bob, "DELETE", f"{path}/{eve.id}", ok=204)


async def test_who_comes_back_has_read_everything_and_has_no_old_settings(office: Office) -> None:
    ann, eve = office.ann, office.eve
    room = await office.room()
    await call(ann, "PUT", f"/{room}/participants/{eve.id}/role", {"role": "ADMIN"})
    await call(eve, "PATCH", f"/{room}/settings", {"level": "NONE", "pinned": True, "draft": "x"})
    old = next(one for one in (await mine(eve, room))["participants"] if one["userId"] == eve.id)
    await call(eve, "DELETE", f"/{room}/participants/{eve.id}")
    for _ in range(5):
        await say(ann, room)
    await call(ann, "POST", f"/{room}/participants", {"userIds": [eve.id]})
    row = await mine(eve, room)
    assert (row["unreadCount"], row["lastReadSeq"]) == (0, 5)
    assert (row["level"], row["draft"], "pinnedAt" in row) == ("ALL", "", False)
    seat = next(one for one in row["participants"] if one["userId"] == eve.id)
    assert (seat["participantId"], seat["role"]) == (old["participantId"], "MEMBER")
    assert seat["joinedAt"] > old["joinedAt"]
    assert len(await call(eve, "GET", f"/messages/{room}")) == 5


async def test_twenty_hand_overs_at_once_leave_one_owner(office: Office) -> None:
    ann, bob, eve = office.ann, office.bob, office.eve
    room = await office.room()
    answers = await asyncio.gather(
        *(
            ask(one, "PUT", f"/{room}/participants/{other.id}/role", {"role": "OWNER"})
            for one, other in [(ann, bob), (bob, eve), (eve, ann), (ann, eve)] * 5
        )
    )
    assert {answer.status_code for answer in answers} <= {200, 400, 403}
    assert any(answer.status_code == 200 for answer in answers)
    assert await db.fetch_value(OWNERS) == 1
    held = sorted((await seats(ann, room)).values())
    assert held.count("OWNER") == 1
    told = [
        event for event in await events.since(f"chat:{room}", 0) if event.type == "ROLE_CHANGED"
    ]
    assert len(told) % 2 == 0


async def test_twenty_removals_of_the_same_person_are_one(office: Office) -> None:
    room = await office.room()
    path = f"/{room}/participants/{office.eve.id}"
    answers = await asyncio.gather(
        *(ask(one, "DELETE", path) for one in [office.ann] * 10 + [office.eve] * 10)
    )
    assert {answer.status_code for answer in answers} <= {204, 403}
    assert (await types(room)).count("USER_LEFT") == 1
    gone = [event.type for event in await events.since(f"chats:{office.eve.id}", 0)]
    assert gone.count("CHAT_DELETED") == 1


async def test_a_new_owner_who_leaves_at_that_moment_leaves_no_room_without_one(
    office: Office,
) -> None:
    ann, bob = office.ann, office.bob
    for _ in range(10):
        room = await office.room()
        path = f"/{room}/participants/{bob.id}"
        await asyncio.gather(
            ask(ann, "PUT", f"{path}/role", {"role": "OWNER"}), ask(bob, "DELETE", path)
        )
        assert list((await seats(office.eve, room)).values()).count("OWNER") == 1


async def test_nothing_is_said_by_somebody_who_has_been_removed(office: Office) -> None:
    room = await office.room()
    answered: dict[str, bool] = {}

    async def speak(number: int) -> None:
        await asyncio.sleep(number * 0.002)
        answer = await ask(office.eve, "POST", f"/messages/{room}", {"content": f"{number}"})
        answered[f"{number}"] = answer.status_code == 201

    async def remove() -> None:
        await asyncio.sleep(0.03)
        await call(office.ann, "DELETE", f"/{room}/participants/{office.eve.id}", ok=204)
        late = await ask(office.eve, "POST", f"/messages/{room}", {"content": "late"})
        assert late.status_code == 403

    await asyncio.gather(remove(), *(speak(number) for number in range(30)))
    page = await call(office.ann, "GET", f"/messages/{room}?limit=100")
    assert {one["content"] for one in page} == {text for text, sent in answered.items() if sent}
    told = await types(room)
    assert "MESSAGE_RECEIVED" not in told[told.index("USER_LEFT") :]


async def test_a_removed_person_edits_nothing_that_he_said_but_may_take_it_back(
    office: Office,
) -> None:
    room = await office.room()
    path = f"/messages/{(await say(office.eve, room))['messageId']}"
    await call(office.ann, "DELETE", f"/{room}/participants/{office.eve.id}")
    await refused(office.eve, "PUT", path, {"content": "News"}, 403, "Not a participant")
    await call(office.eve, "DELETE", path, ok=204)


async def test_who_leaves_the_workspace_leaves_its_rooms_and_his_go_to_others(
    office: Office,
) -> None:
    ann, bob, eve = office.ann, office.bob, office.eve
    group = await office.room()
    direct = await office.room(eve, kind="DM")
    hers = (await call(eve, "POST", "", wanted(office, ann, bob)))["chatId"]
    await call(eve, "PUT", f"/{hers}/participants/{bob.id}/role", {"role": "ADMIN"})
    said = await say(eve, group, "I was here")
    await office.removes(eve)
    for room in (group, direct, hers):
        await refused(eve, "GET", f"/{room}", None, 403, "Not a participant")
    assert await call(eve, "GET", "/my") == []
    assert (await call(bob, "GET", f"/messages/{group}"))[0]["messageId"] == said["messageId"]
    assert await seats(ann, hers) == {ann.id: "MEMBER", bob.id: "OWNER"}
    assert len((await mine(ann, direct))["participants"]) == 2
    await refused(ann, "POST", f"/{group}/participants", {"userIds": [eve.id]}, 400, "userIds")


async def test_nobody_gets_into_a_room_while_he_is_taken_out_of_its_workspace(
    office: Office,
) -> None:
    room = await office.room(office.bob)
    body = {"userIds": [office.eve.id]}
    path = f"/{room}/participants"
    invitations = [ask(one, "POST", path, body) for one in [office.ann, office.bob] * 10]
    pair = wanted(office, office.eve, chatType="DM")
    direct = [ask(office.bob, "POST", "", pair) for _ in range(5)]
    answers: list[Any] = await asyncio.gather(*invitations, office.removes(office.eve), *direct)
    statuses = {answer.status_code for answer in answers if answer is not None}
    assert statuses <= {200, 201, 400}
    assert office.eve.id not in await seats(office.ann, room)
    active = "SELECT count(*) FROM chat.participants WHERE user_id = $1 AND is_active"
    assert await db.fetch_value(active, office.eve.user_id) == 0


async def test_a_deleted_account_is_in_no_room_and_what_it_said_stays(office: Office) -> None:
    room = await office.room()
    said = await say(office.eve, room, "I was here")
    gone = await office.eve.delete("/svc/user/api/users/me")
    assert gone.status_code == 200, gone.text
    assert office.eve.id not in await seats(office.ann, room)
    assert (await types(room))[-1] == "USER_LEFT"
    [page] = await call(office.bob, "GET", f"/messages/{room}")
    assert page["messageId"] == said["messageId"]
    refusal = await ask(office.eve, "POST", f"/messages/{room}", {"content": "x"})
    assert refusal.status_code in (401, 403)


async def test_the_rooms_of_a_deleted_workspace_are_gone(office: Office) -> None:
    room = await office.room()
    await say(office.bob, room)
    gone = await office.ann.delete(f"/svc/user/api/workspaces/{office.workspace_id}")
    assert gone.status_code == 200
    for person in (office.ann, office.bob):
        assert await call(person, "GET", "/my") == []
        found = await ask(person, "GET", f"/messages/{room}")
        assert found.status_code == 404
    assert (await types(room))[-1] == "CHAT_DELETED"


async def test_a_projects_room_has_the_projects_members_always(office: Office) -> None:
    ann, bob, eve = office.ann, office.bob, office.eve
    target = await project(office)
    made = await call(
        ann, "POST", "", wanted(office, ann, chatType="PROJECT", projectId=target), ok=201
    )
    room = made["chatId"]
    path = f"/{room}/participants"
    await refused(ann, "POST", path, {"userIds": [bob.id]}, 403, "members of the project")
    members = f"/projects/{target}/members"
    await on_board(ann, "POST", members, {"userId": bob.id})
    assert (await seats(bob, room)).keys() == {ann.id, bob.id}
    await refused(bob, "DELETE", f"{path}/{bob.id}", None, 403, "members of the project")
    asked = await on_board(eve, "POST", "/join-requests", {"projectId": target})
    await refused(eve, "GET", f"/{room}", None, 403)
    decided = {"status": "APPROVED"}
    await on_board(ann, "PUT", f"/join-requests/{asked['requestId']}", decided)
    assert len(await seats(eve, room)) == 3
    side = await office.room(bob, projectId=target)
    await on_board(ann, "DELETE", f"{members}/{bob.id}")
    for left in (room, side):
        await refused(bob, "GET", f"/{left}", None, 403)
    await on_board(ann, "DELETE", f"/projects/{target}")
    for gone in (room, side):
        await refused(ann, "GET", f"/{gone}", None, 404, "Chat not found")


async def test_a_member_who_comes_while_the_projects_room_is_made_is_in_it(
    office: Office,
) -> None:
    for _ in range(5):
        target = await project(office)
        body = wanted(office, office.ann, chatType="PROJECT", projectId=target)
        member = {"userId": office.bob.id}
        made, _ = await asyncio.gather(
            call(office.ann, "POST", "", body),
            on_board(office.ann, "POST", f"/projects/{target}/members", member),
        )
        assert office.bob.id in await seats(office.ann, made["chatId"])


async def test_nobody_takes_the_other_one_out_of_a_direct_room(office: Office) -> None:
    room = await office.room(office.bob, kind="DM")
    path = f"/{room}/participants/{office.bob.id}"
    await refused(office.ann, "DELETE", path, None, 403, "between two people")
    await call(office.bob, "DELETE", path, ok=204)
