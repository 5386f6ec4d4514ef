"""Everything at once in several rooms: nobody waits for ever, and nothing contradicts the rows."""

import asyncio
from collections.abc import Awaitable
from random import Random
from typing import Any

import pytest

from tests.chat.making import Office, ask, call, say
from tests.chat.test_reading import RECOUNT
from wealist.chat import reminders, uploads
from wealist.core import db, events

LAST = "SELECT last_seq FROM chat.chats WHERE id = $1::uuid"
OWNERS = """
    SELECT chat_id, count(*) FILTER (WHERE role = 'OWNER') FROM chat.participants
    WHERE is_active GROUP BY chat_id
"""


def _step(chance: Random, office: Office, rooms: list[str], ids: list[str]) -> Awaitable[Any]:
    person = chance.choice([office.ann, office.bob, office.eve])
    other = chance.choice([office.ann, office.bob, office.eve])
    room, one = chance.choice(rooms), chance.choice(ids)
    seat = f"/{room}/participants/{other.id}"
    mention = {"content": f"@[{other.name}]({other.id})"}
    calls: list[tuple[str, str, Any]] = [
        ("POST", f"/messages/{room}", {"content": "x"}),
        ("POST", f"/messages/{room}", {"content": "y"}),
        ("POST", f"/messages/{room}", mention | {"clientMessageId": "same"}),
        ("POST", f"/messages/{room}", {"content": "z", "threadId": one}),
        ("PUT", f"/messages/{one}", mention),
        ("DELETE", f"/messages/{one}", None),
        ("PUT", f"/messages/{one}/pin", None),
        ("POST", f"/messages/{one}/reactions", {"emoji": "👍"}),
        ("POST", "/messages/read", {"messageIds": chance.sample(ids, 5)}),
        ("PUT", f"/messages/{room}/last-read", None),
        ("PATCH", f"/{room}/settings", {"draft": "x"}),
        ("PUT", f"/{room}", {"topic": "x"}),
        ("DELETE", seat, None),
        ("POST", f"/{room}/participants", {"userIds": [other.id]}),
        ("PUT", f"{seat}/role", {"role": chance.choice(["OWNER", "ADMIN", "MEMBER"])}),
    ]
    return ask(person, *chance.choice(calls))


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize("seed", range(3))
async def test_a_crowd_meets_no_deadlock_and_leaves_consistent_rooms(
    office: Office, seed: int, analyzed: bool
) -> None:
    chance = Random(seed)
    rooms = [await office.room() for _ in range(3)]
    ids = [(await say(office.ann, room))["messageId"] for room in rooms * 10]
    await db.execute("UPDATE chat.messages SET created_at = created_at - interval '10 minutes'")
    if analyzed:  # other plans, which take locks in their own order
        await db.execute("ANALYZE")
    steps = [_step(chance, office, rooms, ids) for _ in range(240)]
    jobs = [reminders.remind() for _ in range(5)] + [uploads.drop_expired() for _ in range(5)]
    answers: list[Any] = (await asyncio.gather(*steps, *jobs))[: len(steps)]
    assert [one.text for one in answers if one.status_code >= 500] == []
    for room in rooms:
        seqs = await db.fetch_value(
            "SELECT array_agg(seq ORDER BY seq) FROM chat.messages WHERE chat_id = $1::uuid", room
        )
        assert seqs == list(range(1, await db.fetch_value(LAST, room) + 1))
        log = await events.since(f"chat:{room}", 0, limit=5000)
        received = [event for event in log if event.type == "MESSAGE_RECEIVED"]
        assert len(received) == len(seqs)
    for _, owners in await db.fetch_records(OWNERS):
        assert owners == 1
    for person in (office.ann, office.bob, office.eve):
        for row in await call(person, "GET", "/my"):
            recount = dict(await db.fetch_records(RECOUNT, row["chatId"]))
            assert row["unreadCount"] == recount[person.id]


async def test_members_go_while_everybody_speaks(office: Office) -> None:
    rooms = [await office.room() for _ in range(5)]
    speech = [
        ask(person, "POST", f"/messages/{room}", {"content": "x"})
        for room in rooms * 4
        for person in (office.ann, office.bob, office.eve)
    ]
    answers: list[Any] = await asyncio.gather(
        *speech[:30], office.removes(office.bob), office.removes(office.eve), *speech[30:]
    )
    statuses = {answer.status_code for answer in answers if answer is not None}
    assert statuses <= {201, 403}
    for room in rooms:
        [seat] = await call(office.ann, "GET", f"/{room}/participants")
        assert (seat["userId"], seat["role"]) == (office.ann.id, "OWNER")


async def test_who_speaks_together_and_who_speaks_alone_do_not_block_each_other(
    office: Office,
) -> None:
    """With one room in its statistics the planner would find the room by the first seat, and lock
    it before the other seats."""
    room = await office.room()
    first = (await say(office.ann, room))["messageId"]
    await db.execute("ANALYZE chat.chats, chat.participants")
    answer = {"content": "y", "replyToId": first}  # in a transaction of its own
    for _ in range(10):
        answers = await asyncio.gather(
            *(
                ask(person, "POST", f"/messages/{room}", body)
                for person in (office.ann, office.bob, office.eve) * 3
                for body in ({"content": "x"}, answer)
            )
        )
        assert {one.status_code for one in answers} == {201}
