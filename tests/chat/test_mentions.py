"""Mentions in messages: who is notified, of what, and who isn't (chat.md §10, expectations)."""

from tests.board.told import kinds, told
from tests.chat.making import Office, call, project, say, wanted
from tests.people import Person


def at(*people: Person) -> str:
    return "Look " + " ".join(f"@[{one.name}]({one.id})" for one in people)


async def test_a_mention_is_told_to_whom_it_names_with_where_and_what(office: Office) -> None:
    room = await office.room()
    message = await say(office.ann, room, at(office.bob, office.bob) + "!" * 200)
    [fact] = await told(office.bob)
    assert (fact["type"], fact["actorId"]) == ("CHAT_MENTIONED", office.ann.id)
    assert fact["workspaceId"] == office.workspace_id
    assert (fact["resourceType"], fact["resourceId"]) == ("chat", room)
    assert fact["resourceName"] == "Room"
    assert fact["metadata"] == {
        "chatId": room,
        "messageId": message["messageId"],
        "preview": message["content"][:100] + "...",
    }
    assert await told(office.eve) == []


async def test_only_others_in_the_room_are_told(office: Office) -> None:
    room = await office.room(office.bob)
    everybody = (office.ann, office.bob, office.eve, office.outsider)
    await say(office.ann, room, at(*everybody))
    assert await kinds(office.bob) == ["CHAT_MENTIONED"]
    for person in (office.ann, office.eve, office.outsider):
        assert await told(person) == []


async def test_who_wants_quiet_is_left_in_peace(office: Office) -> None:
    room = await office.room()
    path = f"/{room}/settings"
    await call(office.bob, "PATCH", path, {"level": "NONE"})
    await call(office.eve, "PATCH", path, {"mutedUntil": "2999-01-01T00:00:00Z"})
    await say(office.ann, room, at(office.bob, office.eve))
    assert await told(office.bob) == await told(office.eve) == []
    await call(office.bob, "PATCH", path, {"level": "MENTIONS"})
    await call(office.eve, "PATCH", path, {"mutedUntil": "2001-01-01T00:00:00Z"})
    await say(office.ann, room, at(office.bob, office.eve))
    assert await kinds(office.bob) == await kinds(office.eve) == ["CHAT_MENTIONED"]


async def test_an_edit_tells_only_those_whom_it_names_anew(office: Office) -> None:
    room = await office.room()
    path = f"/messages/{(await say(office.ann, room, at(office.bob)))['messageId']}"
    await call(office.ann, "PUT", path, {"content": at(office.bob) + " again"})
    assert await kinds(office.bob) == ["CHAT_MENTIONED"]
    await call(office.ann, "PUT", path, {"content": at(office.bob, office.eve)})
    assert await kinds(office.bob) == await kinds(office.eve) == ["CHAT_MENTIONED"]
    assert (await told(office.eve))[0]["metadata"]["preview"].startswith("Look @[Bob]")


async def test_a_repetition_with_its_client_id_tells_once(office: Office) -> None:
    room = await office.room()
    for _ in range(3):
        await say(office.ann, room, at(office.bob), clientMessageId="one")
    assert await kinds(office.bob) == ["CHAT_MENTIONED"]


async def test_a_mention_in_a_projects_room_names_the_project(office: Office) -> None:
    target = await project(office, office.bob)
    body = wanted(office, office.bob, chatType="PROJECT", projectId=target)
    room = (await call(office.ann, "POST", "", body))["chatId"]
    await say(office.ann, room, at(office.bob))
    fact = (await told(office.bob))[-1]
    assert (fact["type"], fact["metadata"]["projectId"]) == ("CHAT_MENTIONED", target)
