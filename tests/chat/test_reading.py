"""What is read and unread, and how a room is set up for oneself (contract: chat.md §4.2, §5)."""

import asyncio
from collections.abc import Awaitable
from random import Random
from typing import Any

import msgspec
import pytest

from tests.chat.making import Office, ask, call, mine, refused, say
from tests.people import Person
from wealist.core import db, events

RECOUNT = """
    SELECT p.user_id::text, count(m.id) FROM chat.participants p
    LEFT JOIN chat.messages m ON m.chat_id = p.chat_id AND m.seq > p.last_read_seq
         AND m.user_id <> p.user_id AND m.deleted_at IS NULL
    WHERE p.chat_id = $1::uuid AND p.is_active GROUP BY p.user_id
"""
"""Who has how many messages of others after what he has read, from the rows themselves."""

UNKNOWN = "0190a0e4-0000-7000-8000-000000000000"


async def told(person: Person, *kinds: str) -> list[dict[str, Any]]:
    """What somebody's own list was told, of these kinds."""
    return [
        msgspec.json.decode(event.payload)
        for event in await events.since(f"chats:{person.id}", 0)
        if event.type in kinds
    ]


async def position(person: Person, room: str) -> int:
    found: int = (await mine(person, room))["lastReadSeq"]
    return found


async def counts(office: Office, room: str) -> dict[str, int]:
    """What everybody's list and the count's own route say; both must be the same."""
    found = {}
    for person in (office.ann, office.bob, office.eve):
        count = await call(person, "GET", f"/messages/{room}/unread")
        assert (await mine(person, room))["unreadCount"] == count["unreadCount"]
        found[person.id] = count["unreadCount"]
    return found


@pytest.mark.parametrize("seed", range(6))
async def test_counts_are_exact_whatever_happens_at_once(office: Office, seed: int) -> None:
    chance, room = Random(seed), await office.room()
    people, messages = [office.ann, office.bob, office.eve], []

    def step() -> Awaitable[Any]:
        person = chance.choice(people)
        match chance.randrange(6 if messages else 3):
            case 0 | 1:
                return ask(person, "POST", f"/messages/{room}", {"content": "x"})
            case 2:
                return ask(person, "PUT", f"/messages/{room}/last-read")
            case 3:
                ids = {"messageIds": chance.sample(messages, min(3, len(messages)))}
                return ask(person, "POST", "/messages/read", ids)
            case 4:
                return ask(office.ann, "DELETE", f"/messages/{chance.choice(messages)}")
            case _:
                content = {"content": "x", "replyToId": chance.choice(messages)}
                return ask(person, "POST", f"/messages/{room}", content)

    for _ in range(6):
        before = [await position(person, room) for person in people]
        answers = await asyncio.gather(*(step() for _ in range(12)))
        assert {answer.status_code for answer in answers} <= {200, 201, 204, 400, 404}
        sent = [answer.json()["messageId"] for answer in answers if answer.status_code == 201]
        messages += sent
        recount = dict(await db.fetch_records(RECOUNT, room))
        assert await counts(office, room) == recount
        after = [await position(person, room) for person in people]
        assert all(new >= old for old, new in zip(before, after, strict=True))


async def test_twenty_who_read_while_twenty_speak_and_delete_lose_no_count(
    office: Office,
) -> None:
    room = await office.room()
    ids = [(await say(office.ann, room))["messageId"] for _ in range(10)]
    await asyncio.gather(
        *(say(office.ann, room) for _ in range(20)),
        *(call(office.bob, "PUT", f"/messages/{room}/last-read") for _ in range(20)),
        *(call(office.eve, "POST", "/messages/read", {"messageIds": [one]}) for one in ids),
        *(call(office.ann, "DELETE", f"/messages/{one}") for one in ids),
    )
    assert await counts(office, room) == dict(await db.fetch_records(RECOUNT, room))


async def test_what_one_says_reads_all_before_it(office: Office) -> None:
    room = await office.room()
    await say(office.ann, room)
    await say(office.bob, room)
    assert await counts(office, room) == {office.ann.id: 1, office.bob.id: 0, office.eve.id: 2}


async def test_a_position_never_moves_back(office: Office) -> None:
    room = await office.room()
    ids = [(await say(office.ann, room))["messageId"] for _ in range(3)]
    await call(office.bob, "POST", "/messages/read", {"messageIds": ids[1:]})
    for again in ([ids[0]], [ids[2]], ids):
        answer = await ask(office.bob, "POST", "/messages/read", {"messageIds": again})
        assert answer.json() == {"success": True, "message": "Messages marked as read"}
    assert await position(office.bob, room) == 3
    [read] = await told(office.bob, "CHAT_READ")
    assert (read["lastReadSeq"], read["unreadCount"], read["chatId"]) == (3, 0, room)


async def test_foreign_and_unknown_ids_count_for_nothing(office: Office) -> None:
    room, foreign = await office.room(), await office.room(office.bob)
    mine_id = (await say(office.ann, room))["messageId"]
    theirs = (await say(office.ann, foreign))["messageId"]
    body = {"messageIds": [UNKNOWN, theirs, mine_id, mine_id]}
    await call(office.eve, "POST", "/messages/read", body, ok=200)
    assert await position(office.eve, room) == 1
    await call(office.eve, "POST", "/messages/read", {"messageIds": [UNKNOWN, theirs]}, ok=200)
    assert await position(office.bob, foreign) == 0
    for ids in ([], ["x"], [UNKNOWN] * 501):
        error = await refused(office.eve, "POST", "/messages/read", {"messageIds": ids}, 400)
        assert "messageIds" in error["message"]
    for method, path in (("GET", "unread"), ("PUT", "last-read")):
        await refused(office.eve, method, f"/messages/{foreign}/{path}", None, 403, "Not a part")
        await refused(office.eve, method, f"/messages/{UNKNOWN}/{path}", None, 403, "Not a part")


async def test_a_count_is_where_either_kind_of_client_looks(office: Office) -> None:
    room = await office.room()
    await say(office.ann, room)
    count = await ask(office.bob, "GET", f"/messages/{room}/unread")
    assert count.json() == {
        "success": True,
        "message": {"unreadCount": 1},
        "data": {"unreadCount": 1},
    }
    read = await ask(office.bob, "PUT", f"/messages/{room}/last-read")
    assert read.json() == {"success": True, "message": "Last read updated"}
    assert (await mine(office.bob, room))["unreadCount"] == 0


async def test_in_a_room_of_more_than_50_nobody_is_told_who_has_read_how_far(
    office: Office,
) -> None:
    room = await office.room()
    message = (await say(office.ann, room))["messageId"]
    await db.execute(
        """
        INSERT INTO chat.participants (id, chat_id, user_id, role, joined_at, is_active,
            last_read_seq, hidden, reminded_seq, level, draft, version)
        SELECT gen_random_uuid(), $1::uuid, gen_random_uuid(), 'MEMBER', now(), true, 0, 0, 0,
               'ALL', '', 1
        FROM generate_series(1, 48)
        """,
        room,
    )
    await call(office.bob, "POST", "/messages/read", {"messageIds": [message]})
    row = await mine(office.bob, room)
    assert (row["unreadCount"], row["lastReadSeq"], len(row["participants"])) == (0, 1, 51)
    assert all("lastReadSeq" not in one for one in row["participants"])
    assert len(await told(office.bob, "CHAT_READ")) == 1
    log = await events.since(f"chat:{room}", 0)
    assert [event.type for event in log] == ["MESSAGE_RECEIVED"]


async def test_settings_are_ones_own_and_reach_ones_other_devices(office: Office) -> None:
    room = await office.room()
    path = f"/{room}/settings"
    change = {"level": "MENTIONS", "mutedUntil": "2999-01-01T09:00:00+09:00", "pinned": True}
    changed = await call(office.bob, "PATCH", path, change | {"archived": True, "draft": " Hm "})
    assert changed["mutedUntil"] == "2999-01-01T00:00:00Z"
    assert (changed["level"], changed["draft"]) == ("MENTIONS", " Hm ")
    assert changed["pinnedAt"] == changed["archivedAt"] is not None
    assert await call(office.bob, "GET", path) == changed
    assert await told(office.bob, "CHAT_SETTINGS") == [changed]
    row = await mine(office.bob, room)
    assert {name: row[name] for name in changed} == changed
    again = await call(office.bob, "PATCH", path, {"pinned": True, "archived": False})
    assert (again["pinnedAt"], again["archivedAt"]) == (changed["pinnedAt"], None)
    again = await call(office.bob, "PATCH", path, {"mutedUntil": None, "draft": ""})
    assert (again["mutedUntil"], again["draft"], again["level"]) == (None, "", "MENTIONS")
    assert (await call(office.eve, "GET", path))["level"] == "ALL"
    assert await told(office.eve, "CHAT_SETTINGS") == []
    for wrong in (
        {"level": "SOME"},
        {"mutedUntil": "2999-01-01T09:00:00"},
        {"mutedUntil": "soon"},
        {"pinned": "yes"},
        {"draft": "x" * 16_001},
    ):
        error = await refused(office.bob, "PATCH", path, wrong, 400)
        assert next(iter(wrong)) in error["message"]
    await refused(office.outsider, "PATCH", path, {"pinned": True}, 403)


async def test_changes_of_different_settings_at_once_are_all_kept(office: Office) -> None:
    room = await office.room()
    path = f"/{room}/settings"
    changes = [{"level": "NONE"}, {"pinned": True}, {"archived": True}, {"draft": "Hm"}]
    await asyncio.gather(*(call(office.bob, "PATCH", path, one) for one in changes * 5))
    found = await call(office.bob, "GET", path)
    assert (found["level"], found["draft"]) == ("NONE", "Hm")
    assert None not in (found["pinnedAt"], found["archivedAt"])
    assert (await told(office.bob, "CHAT_SETTINGS"))[-1] == found
