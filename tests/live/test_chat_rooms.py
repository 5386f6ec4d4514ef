"""Rooms over two replicas: everybody hears everything once, in order, whatever happens."""

import asyncio

import httpx
import msgspec
import pytest

from tests.live.conftest import Pair
from tests.live.servers import until
from tests.live.talking import API, Talker, Team


@pytest.fixture
async def team(pair: Pair) -> Team:
    return await Team.of(pair.one)


async def test_all_sockets_hear_a_message_once_the_senders_too(pair: Pair, team: Team) -> None:
    room = await team.room()
    async with (
        Talker.on(pair.one, room, team.ann) as ann,
        Talker.on(pair.one, room, team.ann) as tab,
        Talker.on(pair.two, room, team.bob) as bob,
    ):
        await ann.say(type="MESSAGE", content="", messageType="IMAGE", clientMessageId="a")
        await ann.say(type="MESSAGE", content=" Hi ", chatId="ignored", clientMessageId="b")
        await ann.heard("MESSAGE_RECEIVED", 2)
        await team.say(team.bob, room, "By REST", at=pair.two)
        for talker in (ann, tab, bob):
            heard = await talker.heard("MESSAGE_RECEIVED", 3)
            messages = [frame["message"] for frame in heard]
            assert [one["content"] for one in messages] == ["", " Hi ", "By REST"]
            assert [one["seq"] for one in messages] == [1, 2, 3]
            assert [frame["seq"] for frame in heard] == [1, 2, 3]
            assert [one.get("clientMessageId") for one in messages] == ["a", "b", None]
            assert messages[0]["userId"] == team.ann.user_id
        await asyncio.sleep(0.2)
        assert len(bob.of("MESSAGE_RECEIVED")) == len(ann.of("MESSAGE_RECEIVED")) == 3


async def test_nothing_is_sent_on_connect_and_pings_are_answered(pair: Pair, team: Team) -> None:
    room = await team.room()
    await team.say(team.ann, room, "Before")
    async with Talker.on(pair.one, room, team.bob) as bob:
        await bob.say(type="heartbeat")
        await bob.heard("pong", 2)
        assert [frame["type"] for frame in bob.frames] == ["pong", "pong"]


async def test_what_makes_no_sense_is_answered_and_the_socket_stays(pair: Pair, team: Team) -> None:
    room = await team.room()
    async with Talker.on(pair.one, room, team.ann) as ann:
        await ann.raw("{")
        await ann.raw(b"\xff\xfe")
        await ann.say(type="MESSAGE", content=5)
        await ann.say(type="MESSAGE", content="  ", clientMessageId="c")
        await ann.say(type="READ_MESSAGE", messageId="x")
        await ann.say(type="READ_MESSAGE", messageId="0190a0e4-0000-7000-8000-000000000000")
        await ann.say(type="UNHEARD_OF")
        errors = await ann.heard("ERROR", 6)
        assert [error["code"] for error in errors] == [
            "INVALID_MESSAGE",
            "INVALID_MESSAGE",
            "INVALID_MESSAGE",
            "SEND_FAILED",
            "INVALID_MESSAGE_ID",
            "INVALID_MESSAGE_ID",
        ]
        assert errors[3]["clientMessageId"] == "c"
        assert errors[0]["message"] == "Invalid message format"
        await ann.say(type="MESSAGE", content="nul \0 nul")
        assert (await ann.heard("ERROR", 7))[-1]["reason"].startswith("content: ")
        await ann.say(type="MESSAGE", content="Still here")
        await ann.heard("MESSAGE_RECEIVED")
        await ann.raw("x" * 65_537)
        assert await ann.ended() == 1009


async def test_strangers_are_refused_before_the_upgrade(pair: Pair, team: Team) -> None:
    room = await team.room(team.bob)
    gone = await team.room()
    await team.call(team.ann, "DELETE", f"/{gone}")
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    for path, status, says in (
        (f"{room}?token={team.eve.access}", 403, "Not a participant"),
        (f"{gone}?token={team.ann.access}", 404, "Chat not found"),
        (f"x?token={team.ann.access}", 400, "Invalid chat ID"),
        (f"{room}", 401, ""),
        (f"{room}?token=forged", 401, ""),
    ):
        answer = await pair.one.http.get(f"{API}/ws/{path}", headers=upgrade)
        assert (answer.status_code, says in answer.text) == (status, True), answer.text


async def test_typing_is_told_at_once_and_seldom_and_ends_by_itself(pair: Pair, team: Team) -> None:
    room = await team.room()
    async with Talker.on(pair.one, room, team.ann) as ann, Talker.on(pair.two, room, team.bob) as b:
        for _ in range(30):
            await ann.say(type="TYPING_START")
        [told] = await b.heard("USER_TYPING")
        assert (told["userId"], told["chatId"]) == (team.ann.user_id, room)
        await ann.say(type="TYPING_STOP")
        await b.heard("TYPING_STOP")
        assert len(b.of("USER_TYPING")) == len(b.of("USER_TYPING_STOP")) == 1
        await ann.say(type="TYPING_START")
        await b.heard("USER_TYPING", 2)
        await ann.say(type="MESSAGE", content="Sent")
        await b.heard("TYPING_STOP", 2)
        await ann.say(type="TYPING_START")
        await b.heard("USER_TYPING", 3)
        ann.drop()
        await b.heard("TYPING_STOP", 3)
    page = await team.call(team.bob, "GET", f"/messages/{room}")
    assert [one["content"] for one in page] == ["Sent"]


async def test_who_comes_back_without_a_cursor_is_sent_what_he_missed(
    pair: Pair, team: Team
) -> None:
    room = await team.room()
    async with Talker.on(pair.one, room, team.bob) as bob:
        await team.say(team.ann, room, "Heard")
        await bob.heard("MESSAGE_RECEIVED")
        await bob.say(type="ping")
        await bob.heard("pong", 2)
        await asyncio.sleep(1.5)  # places are written every second
        bob.drop()
        await bob.ended()
    for number in range(60):
        await team.say(team.ann, room, f"Missed {number}")
    async with Talker.on(pair.two, room, team.bob) as bob:
        heard = await bob.heard("MESSAGE_RECEIVED", 50)
        assert [frame["message"]["content"] for frame in heard] == [
            f"Missed {number}" for number in range(10, 60)
        ]
        assert bob.of("RESUMED", "RESET") == []
        await team.say(team.ann, room, "Live")
        assert (await bob.heard("MESSAGE_RECEIVED", 51))[-1]["message"]["content"] == "Live"
    async with Talker.on(pair.one, room, team.eve) as eve:
        await asyncio.sleep(0.2)
        assert eve.of("MESSAGE_RECEIVED") == []


async def test_who_comes_back_with_a_cursor_has_all_of_it_once(pair: Pair, team: Team) -> None:
    room = await team.room()
    async with Talker.on(pair.one, room, team.bob) as bob:
        await team.say(team.ann, room, "0")
        [frame] = await bob.heard("MESSAGE_RECEIVED")
        cursor = f"{frame['epoch']}:{frame['seq']}"
    for number in range(1, 80):
        await team.say(team.ann, room, str(number))
    async with Talker.on(pair.two, room, team.bob, since=cursor) as bob:
        heard = await bob.heard("MESSAGE_RECEIVED", 79)
        assert [frame["message"]["content"] for frame in heard] == [
            str(number) for number in range(1, 80)
        ]
        await bob.heard("RESUMED")


async def test_who_is_removed_hears_why_and_nothing_more(pair: Pair, team: Team) -> None:
    room = await team.room()
    async with (
        Talker.on(pair.two, room, team.eve) as eve,
        Talker.on(pair.two, room, team.bob) as bob,
    ):
        await team.call(team.ann, "DELETE", f"/{room}/participants/{team.eve.user_id}")
        assert await eve.ended(within=1) == 1000
        await team.say(team.ann, room, "Without Eve")
        [left] = await bob.heard("USER_LEFT")
        assert left["payload"] == {
            "chatId": room,
            "userId": team.eve.user_id,
            "byUserId": team.ann.user_id,
        }
        await bob.heard("MESSAGE_RECEIVED")
        assert eve.of("MESSAGE_RECEIVED") == []
        await team.leaves_workspace(team.bob)
        assert await bob.ended(within=1) == 1000


async def test_a_deleted_room_says_so_and_ends_for_good(pair: Pair, team: Team) -> None:
    room = await team.room()
    async with Talker.on(pair.two, room, team.bob) as bob:
        await team.call(team.ann, "DELETE", f"/{room}")
        assert await bob.ended(within=1) == 1000
        [gone] = bob.of("CHAT_DELETED")
        assert gone["chatId"] == room


async def test_comings_edits_deletions_and_receipts_are_seen(pair: Pair, team: Team) -> None:
    room = await team.room(team.bob)
    async with Talker.on(pair.two, room, team.bob) as bob:
        body = {"userIds": [team.eve.user_id]}
        await team.call(team.ann, "POST", f"/{room}/participants", body)
        [joined] = await bob.heard("USER_JOINED")
        assert joined["userId"] == joined["payload"]["userId"] == team.eve.user_id
        made = await team.say(team.ann, room, "One")
        path = f"/messages/{made['messageId']}"
        await team.call(team.ann, "PUT", path, {"content": "Two"})
        [updated] = await bob.heard("MESSAGE_UPDATED")
        assert updated["message"]["content"] == "Two"
        async with Talker.on(pair.one, room, team.eve) as eve:
            await eve.say(type="READ_MESSAGE", messageId=made["messageId"])
            [read] = await bob.heard("MESSAGE_READ")
            assert read["messageId"] == made["messageId"]
            assert read["userId"] == team.eve.user_id
            await eve.heard("MESSAGE_READ")
        await team.call(team.ann, "DELETE", path)
        [gone] = await bob.heard("MESSAGE_DELETED")
        assert (gone["messageId"], gone["chatId"]) == (made["messageId"], room)


async def test_an_expired_session_ends_its_sockets_with_4401(pair: Pair, team: Team) -> None:
    room = await team.room()
    async with (
        Talker.on(pair.two, room, team.bob) as bob,
        Talker.on(pair.two, "presence", team.bob) as presence,
    ):
        await pair.one.log_out(team.bob)
        assert await bob.ended(within=3) == 4401
        assert await presence.ended(within=3) == 4401


async def test_tokens_are_in_no_log(pair: Pair, team: Team) -> None:
    room = await team.room()
    async with Talker.on(pair.one, room, team.bob):
        pass
    await until(lambda: f"/ws/{room}" in pair.one.output, within=5, what="the socket in the log")
    assert team.bob.access not in pair.one.output


async def test_no_cross_site_page_may_open_a_socket(pair: Pair, team: Team) -> None:
    room = await team.room()
    headers = {
        "Origin": "https://evil.example",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    path = f"{API}/ws/{room}?token={team.ann.access}"
    answer: httpx.Response = await pair.one.http.get(path, headers=headers)
    assert answer.status_code == 403
    assert msgspec.json.decode(answer.content)["success"] is False
