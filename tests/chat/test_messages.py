"""Messages: order, idempotency, pages, edits, deletion (contract: chat.md §4.2, §6.3)."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from tests.chat.making import Office, ask, call, mine, refused, say
from wealist.chat import sending
from wealist.chat.message_wire import NewMessage
from wealist.core import envelopes, events, identity


async def test_a_message_is_bare_in_its_answer_and_last_in_its_room(office: Office) -> None:
    room = await office.room()
    made = await say(office.ann, room, "  Hello <b>you</b>  ", clientMessageId="one")
    assert made["content"] == "  Hello <b>you</b>  "
    assert (made["userId"], made["chatId"], made["messageType"]) == (office.ann.id, room, "TEXT")
    assert (made["seq"], made["clientMessageId"], made["userName"]) == (1, "one", "Ann")
    page = await call(office.bob, "GET", f"/messages/{room}?limit=50&offset=0")
    assert page == [made]
    row = await mine(office.bob, room)
    assert row["lastMessage"]["messageId"] == made["messageId"]
    assert (row["unreadCount"], row["lastReadSeq"]) == (1, 0)


async def test_twenty_who_speak_at_once_are_numbered_without_gaps(office: Office) -> None:
    room = await office.room()
    speakers = [office.ann, office.bob, office.eve] * 7
    made = await asyncio.gather(*(say(one, room) for one in speakers))
    assert sorted(one["seq"] for one in made) == list(range(1, 22))
    page = await call(office.ann, "GET", f"/messages/{room}")
    assert [one["seq"] for one in page] == list(range(1, 22))
    log = await events.since(f"chat:{room}", 0)
    assert [event.type for event in log] == ["MESSAGE_RECEIVED"] * 21


async def test_a_repeated_client_id_gives_the_same_message_however_often_it_comes(
    office: Office,
) -> None:
    room = await office.room()
    made = await asyncio.gather(
        *(say(office.ann, room, "Once", clientMessageId="x") for _ in range(20))
    )
    assert len({one["messageId"] for one in made}) == 1
    other = await say(office.bob, room, "Mine", clientMessageId="x")
    assert other["seq"] == 2
    assert len(await call(office.ann, "GET", f"/messages/{room}")) == 2


async def test_sending_takes_two_statements_in_a_transaction(
    office: Office, statements: Callable[[Awaitable[object]], Awaitable[int]]
) -> None:
    room = await office.room()
    # One with an @ goes alone, and can be counted.
    await say(office.ann, room)
    assert await statements(say(office.ann, room, "ann@example.com")) == 4


async def test_pages_go_both_ways_and_around(office: Office) -> None:
    room = await office.room()
    ids = [(await say(office.ann, room))["messageId"] for _ in range(9)]

    async def page(query: str) -> list[str]:
        found = await call(office.bob, "GET", f"/messages/{room}?{query}")
        return [one["messageId"] for one in found]

    assert await page("limit=4") == ids[5:]
    assert await page(f"limit=4&before={ids[5]}") == ids[1:5]
    assert await page(f"limit=4&before={ids[1]}") == ids[:1]
    assert await page(f"limit=4&after={ids[1]}") == ids[2:6]
    assert await page(f"limit=3&around={ids[4]}") == ids[3:6]
    assert await page("limit=3&around=unread") == ids[:2]
    assert await page("limit=200") == ids
    await call(office.ann, "DELETE", f"/messages/{ids[4]}")
    assert await page(f"limit=2&before={ids[4]}") == ids[2:4]
    at = f"/messages/{room}?around=2001-01-01T00:00:00Z&limit=2"
    assert [one["messageId"] for one in await call(office.bob, "GET", at)] == ids[:1]


async def test_a_foreign_or_unknown_cursor_is_refused(office: Office) -> None:
    room, other = await office.room(), await office.room()
    foreign = (await say(office.ann, other))["messageId"]
    for name in ("before", "after", "around"):
        path = f"/messages/{room}?{name}={foreign}"
        await refused(office.ann, "GET", path, None, 400, name, code="BAD_REQUEST")
    await refused(office.ann, "GET", f"/messages/{room}?before=x", None, 400, "before")
    await refused(office.ann, "GET", f"/messages/{room}?around=2026-01T", None, 400, "around")


async def test_only_participants_read_and_speak(office: Office) -> None:
    room = await office.room(office.bob)
    for person in (office.eve, office.outsider):
        await refused(person, "GET", f"/messages/{room}", None, 403, "Not a participant")
        said = "You are not a participant of this chat"
        await refused(person, "POST", f"/messages/{room}", {"content": "Hi"}, 403, said)
    await refused(office.ann, "GET", "/messages/x", None, 400, "Invalid chat ID")


async def test_a_text_must_say_something_and_no_more_than_fits(office: Office) -> None:
    room = await office.room()
    path = f"/messages/{room}"
    await refused(office.ann, "POST", path, {"content": " \n"}, 400, "cannot be empty")
    await refused(office.ann, "POST", path, {"content": "x" * 16_001}, 400, "content")
    await refused(office.ann, "POST", path, {"content": "a\0b"}, 400, "content")
    await refused(office.ann, "POST", path, {"content": "x", "messageType": "Y"}, 400)
    await refused(office.ann, "POST", path, None, 400, code="BAD_REQUEST")
    await say(office.ann, room, "x" * 16_000)


async def test_an_edit_shows_and_keeps_what_was_said_before(office: Office) -> None:
    room = await office.room()
    made = await say(office.ann, room, "Frist")
    path = f"/messages/{made['messageId']}"
    edited = await call(office.ann, "PUT", path, {"content": "First"})
    assert (edited["content"], edited["version"]) == ("First", 2)
    assert edited["editedAt"] == edited["updatedAt"] > made["updatedAt"]
    [page] = await call(office.bob, "GET", f"/messages/{room}")
    assert page == edited
    [before] = await call(office.eve, "GET", f"{path}/edits")
    assert (before["content"], before["version"]) == ("Frist", 1)
    await refused(office.bob, "PUT", path, {"content": "No"}, 403, "Only the message owner")
    await refused(office.outsider, "PUT", path, {"content": "No"}, 404, "Message not found")
    stale = await office.ann.put(
        f"/svc/chat/api/chats{path}", json={"content": "X"}, headers={"If-Match": '"1"'}
    )
    assert stale.status_code == 412


async def test_a_deleted_message_is_gone_for_everybody_and_unread_for_nobody(
    office: Office,
) -> None:
    room = await office.room()
    first, second = [await say(office.ann, room) for _ in range(2)]
    await refused(office.bob, "DELETE", f"/messages/{first['messageId']}", None, 403, "owner")
    await call(office.ann, "DELETE", f"/messages/{second['messageId']}", ok=204)
    assert (await mine(office.bob, room))["unreadCount"] == 1
    assert (await mine(office.bob, room))["lastMessage"]["messageId"] == first["messageId"]
    await refused(office.ann, "DELETE", f"/messages/{second['messageId']}", None, 404)
    spoken = await say(office.bob, room)
    await call(office.ann, "DELETE", f"/messages/{spoken['messageId']}")  # the room is Ann's
    assert (await mine(office.eve, room))["unreadCount"] == 1


async def test_threads_and_answers_quote_what_they_answer(office: Office) -> None:
    room, other = await office.room(), await office.room()
    root = await say(office.ann, room, "Question")
    answer = await say(office.bob, room, "Answer", threadId=root["messageId"])
    assert answer["threadId"] == root["messageId"]
    deeper = await say(office.eve, room, "More", threadId=answer["messageId"])
    assert deeper["threadId"] == root["messageId"]
    quoting = await say(office.eve, room, "See", replyToId=root["messageId"])
    assert quoting["replyTo"]["content"] == "Question"
    assert "threadId" not in quoting
    thread = await call(office.bob, "GET", f"/messages/{root['messageId']}/thread")
    assert [one["content"] for one in thread] == ["Question", "Answer", "More"]
    assert thread[0]["replyCount"] == 2
    elsewhere = {"content": "No", "replyToId": root["messageId"]}
    await refused(office.ann, "POST", f"/messages/{other}", elsewhere, 400, "replyToId")
    await call(office.ann, "DELETE", f"/messages/{root['messageId']}")
    page = await call(office.ann, "GET", f"/messages/{room}")
    assert page[-1]["replyTo"]["content"] == ""
    assert page[-1]["replyTo"]["deleted"] is True


async def test_reactions_are_one_of_a_kind_and_person_and_limited(office: Office) -> None:
    room = await office.room()
    message = (await say(office.ann, room))["messageId"]
    path = f"/messages/{message}/reactions"
    await asyncio.gather(*(call(office.bob, "POST", path, {"emoji": "👍"}) for _ in range(20)))
    found = await call(office.eve, "POST", path, {"emoji": "👍"})
    assert found == [{"emoji": "👍", "userIds": [office.bob.id, office.eve.id]}]
    await call(office.bob, "DELETE", f"{path}/👍", ok=204)
    [page] = await call(office.ann, "GET", f"/messages/{room}")
    assert page["reactions"] == [{"emoji": "👍", "userIds": [office.eve.id]}]
    for number in range(19):
        await call(office.ann, "POST", path, {"emoji": f"e{number}"})
    await refused(office.ann, "POST", path, {"emoji": "one more"}, 400, "emoji")
    await refused(office.ann, "POST", path, {"emoji": "more"}, 409, "20")
    await refused(office.outsider, "POST", path, {"emoji": "👍"}, 404)


async def test_pins_are_for_all_in_the_room(office: Office) -> None:
    room = await office.room()
    message = (await say(office.ann, room))["messageId"]
    pinned = await call(office.bob, "PUT", f"/messages/{message}/pin")
    assert pinned["pinnedAt"]
    again = await call(office.ann, "PUT", f"/messages/{message}/pin")
    assert again["pinnedAt"] == pinned["pinnedAt"]
    assert await call(office.eve, "GET", f"/{room}/pins") == [pinned]
    await call(office.eve, "DELETE", f"/messages/{message}/pin", ok=204)
    assert await call(office.eve, "GET", f"/{room}/pins") == []
    await refused(office.outsider, "GET", f"/{room}/pins", None, 403)


async def test_the_documented_addresses_do_the_same(office: Office) -> None:
    room = await office.room()
    made = await call(office.ann, "POST", f"/{room}/messages", {"content": "Hi"}, ok=201)
    assert await call(office.bob, "GET", f"/{room}/messages") == [made]
    answer = await ask(office.bob, "GET", "")
    assert answer.json() == (await ask(office.bob, "GET", "/my")).json()


async def test_a_page_takes_as_many_statements_however_long_it_is(
    office: Office, statements: Callable[[Awaitable[object]], Awaitable[int]]
) -> None:
    room = await office.room()
    path = f"/messages/{room}?limit=100"
    root = (await say(office.ann, room))["messageId"]
    one = await statements(call(office.bob, "GET", path))
    for number in range(40):
        author = (office.ann, office.bob, office.eve)[number % 3]
        message = await say(author, room, replyToId=root)
        await call(
            office.bob, "POST", f"/messages/{message['messageId']}/reactions", {"emoji": "x"}
        )
    assert await statements(call(office.bob, "GET", path)) == one <= 3


async def test_what_the_database_cannot_hold_is_refused_on_a_socket_too(office: Office) -> None:
    room = UUID(await office.room())
    caller = await identity.authenticate(office.ann.token)
    sent = [
        sending.send(caller, room, NewMessage("a\0b")),
        sending.send(caller, room, NewMessage("x", client_message_id="a\0b")),
        sending.send(caller, room, NewMessage("good")),
        sending.send(caller, room, NewMessage("x", thread_id=room)),
    ]
    found = await asyncio.gather(*sent, return_exceptions=True)
    statuses = [envelopes.translate(one).status for one in found if isinstance(one, Exception)]
    assert statuses == [400, 400, 400]
    [page] = await call(office.bob, "GET", f"/messages/{room}")
    assert page["content"] == "good"
