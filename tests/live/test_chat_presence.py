"""The presence socket over two replicas: who is there, and what is new in one's list of rooms."""

import asyncio
from time import time
from typing import Any

import pytest

from tests.live.conftest import Pair
from tests.live.servers import Session
from tests.live.talking import Talker, Team

NEWS = "NEW_MESSAGE_NOTIFICATION"
QUIET = 0.4
"""Seconds in which everything that was on its way has arrived."""


@pytest.fixture
async def team(pair: Pair) -> Team:
    return await Team.of(pair.one)


def statuses(talker: Talker, of: Session) -> list[str]:
    """What a socket has heard of somebody."""
    found = talker.of("USER_STATUS")
    return [frame["status"] for frame in found if frame["userId"] == of.user_id]


async def hears(talker: Talker, of: Session, *wanted: str, within: float = 5) -> None:
    await talker.until(lambda: statuses(talker, of) == list(wanted), within=within)


async def test_heartbeats_are_answered_and_nonsense_is_not(pair: Pair, team: Team) -> None:
    async with Talker.on(pair.one, "presence", team.ann) as ann:
        for text in ("{", "[]", '"x"', '{"type":5}', '{"type":"UNHEARD_OF"}'):
            await ann.raw(text)
        await ann.say(type="STATUS", status="INVISIBLE")
        await ann.say(type="heartbeat")
        pongs = await ann.heard("pong", 2)
        assert pongs == [{"type": "pong"}] * 2


async def test_colleagues_hear_each_change_once_whatever_tabs_and_replicas_there_are(
    pair: Pair, team: Team
) -> None:
    others = await Team.of(pair.one)
    # Ann and Bob share a second workspace, too.
    second = await pair.one.create_workspace(team.ann, "Second")
    invited = {"email": await _email(team, team.bob), "roleName": "MEMBER"}
    path = f"/svc/user/api/workspaces/{second}/members/invite"
    await team.call(team.ann, "POST", path, invited)
    async with (
        Talker.on(pair.one, "presence", team.ann) as ann,
        Talker.on(pair.two, "presence", team.ann) as tab,
        Talker.on(pair.two, "presence", others.ann) as stranger,
    ):
        async with Talker.on(pair.two, "presence", team.bob) as bob:
            await hears(ann, team.bob, "ONLINE")
            told = ann.of("USER_STATUS")[-1]
            assert abs(told["order"] / 1e6 - time()) < 60
            assert told == {
                "type": "USER_STATUS",
                "userId": team.bob.user_id,
                "order": told["order"],
                "status": "ONLINE",
                "payload": {"status": "ONLINE"},
            }
            async with Talker.on(pair.one, "presence", team.bob) as phone:
                await bob.say(type="STATUS", status="AWAY")
                await asyncio.sleep(QUIET)
                assert statuses(ann, team.bob) == ["ONLINE"]
                await phone.say(type="STATUS", status="AWAY")
                await hears(ann, team.bob, "ONLINE", "AWAY")
                await bob.say(type="STATUS", status="ONLINE")
                await hears(ann, team.bob, "ONLINE", "AWAY", "ONLINE")
        room = await team.room(team.bob)
        async with Talker.on(pair.one, room, team.bob):
            await asyncio.sleep(QUIET)
            assert statuses(ann, team.bob) == ["ONLINE", "AWAY", "ONLINE"]
        await hears(ann, team.bob, "ONLINE", "AWAY", "ONLINE", "OFFLINE", within=11)
        await hears(tab, team.bob, *statuses(ann, team.bob))
        assert statuses(stranger, team.bob) == []
    found = await team.call(team.ann, "GET", f"/presence/status/{team.bob.user_id}")
    assert (found["status"], "lastSeen" in found) == ("OFFLINE", True)


async def _email(team: Team, session: Session) -> str:
    me = await team.call(session, "GET", "/svc/user/api/users/me")
    found: str = me["email"]
    return found


async def test_a_message_is_hinted_at_to_all_others_in_the_room(pair: Pair, team: Team) -> None:
    room = await team.room(team.bob)
    async with (
        Talker.on(pair.one, "presence", team.ann) as ann,
        Talker.on(pair.one, "presence", team.bob) as bob,
        Talker.on(pair.two, "presence", team.bob) as tab,
        Talker.on(pair.two, "presence", team.eve) as eve,
    ):
        message = await team.say(team.ann, room, "News")
        told = {
            "chatId": room,
            "workspaceId": team.workspace_id,
            "messageId": message["messageId"],
            "userId": team.ann.user_id,
        }
        for talker in (bob, tab):
            assert await talker.heard(NEWS) == [{"type": NEWS, **told, "payload": told}]
        await asyncio.sleep(QUIET)
        assert ann.of(NEWS) == eve.of(NEWS) == []


async def test_hints_come_at_most_once_a_second_and_the_last_one_comes(
    pair: Pair, team: Team
) -> None:
    room = await team.room(team.bob)
    async with Talker.on(pair.two, "presence", team.bob) as bob:
        for _ in range(40):
            last = await team.say(team.ann, room, "x")
            await asyncio.sleep(0.03)
        await bob.until(
            lambda: bool(bob.of(NEWS)) and bob.of(NEWS)[-1]["messageId"] == last["messageId"]
        )
        assert 2 <= len(bob.of(NEWS)) <= 5


def _bare(frame: dict[str, Any]) -> dict[str, Any]:
    return {name: frame[name] for name in ("type", "chatId", "workspaceId")}


async def test_ones_list_of_rooms_is_followed_on_all_devices(pair: Pair, team: Team) -> None:
    async with (
        Talker.on(pair.one, "presence", team.bob) as bob,
        Talker.on(pair.two, "presence", team.bob) as phone,
        Talker.on(pair.two, "presence", team.eve) as eve,
    ):
        room = await team.room(team.bob)
        await team.say(team.ann, room, "One")
        await team.call(team.bob, "PUT", f"/messages/{room}/last-read", at=pair.two)
        await team.call(team.bob, "PATCH", f"/{room}/settings", {"draft": "Hm"})
        await team.call(team.ann, "PUT", f"/{room}", {"chatName": "Renamed"}, at=pair.two)
        await bob.heard("CHAT_UPDATED")
        await team.call(team.ann, "DELETE", f"/{room}")
        kinds = ("CHAT_CREATED", "CHAT_READ", "CHAT_SETTINGS", "CHAT_DELETED")
        for talker in (bob, phone):
            await talker.heard("CHAT_DELETED")
            heard = talker.of(*kinds)
            assert [frame["type"] for frame in heard] == list(kinds)
            assert [frame["seq"] for frame in heard] == sorted(frame["seq"] for frame in heard)
            where = {"chatId": room, "workspaceId": team.workspace_id}
            assert all(_bare(frame) == {"type": frame["type"], **where} for frame in heard)
            assert heard[0]["chat"]["chatName"] == "Talk"
            assert (heard[1]["unreadCount"], heard[1]["lastReadSeq"]) == (0, 1)
            assert heard[2]["draft"] == "Hm"
        assert eve.of(*kinds, "CHAT_UPDATED") == []
        cursor = f"{heard[0]['epoch']}:{heard[0]['seq']}"
    async with Talker.on(pair.one, "presence", team.bob, since=cursor) as bob:
        await bob.heard("CHAT_DELETED")
        assert [frame["type"] for frame in bob.of(*kinds)] == list(kinds[1:])


async def test_colleagues_come_and_go_with_the_workspace(pair: Pair, team: Team) -> None:
    room = await team.room(team.bob, team.eve)
    async with (
        Talker.on(pair.one, "presence", team.eve) as eve,
        Talker.on(pair.two, "presence", team.ann) as ann,
    ):
        await hears(eve, team.ann, "ONLINE")
        await team.leaves_workspace(team.eve, at=pair.two)
        [gone] = await eve.heard("CHAT_DELETED")
        assert gone["chatId"] == room
        await eve.heard("WORKSPACES_CHANGED", 1)
        await asyncio.sleep(QUIET)
        await ann.say(type="STATUS", status="AWAY")
        async with Talker.on(pair.one, "presence", team.bob):
            await hears(ann, team.bob, "ONLINE")
            await team.say(team.bob, room, "Without Eve")
            await ann.heard(NEWS)
            await asyncio.sleep(QUIET)
            assert statuses(eve, team.ann) == ["ONLINE"]
            assert statuses(eve, team.bob) == []
            assert eve.of(NEWS) == []
        invited = {"email": await _email(team, team.eve), "roleName": "MEMBER"}
        path = f"/svc/user/api/workspaces/{team.workspace_id}/members/invite"
        await team.call(team.ann, "POST", path, invited)
        await eve.heard("WORKSPACES_CHANGED", 2)
        await asyncio.sleep(QUIET)
        await ann.say(type="STATUS", status="ONLINE")
        await hears(eve, team.ann, "ONLINE", "ONLINE")


async def test_one_is_there_with_the_socket_of_a_room_alone(pair: Pair, team: Team) -> None:
    room = await team.room()
    async with Talker.on(pair.two, room, team.bob):
        query = f"/presence/online?workspaceId={team.workspace_id}"
        for replica in (pair.one, pair.two):
            found = await team.call(team.ann, "GET", query, at=replica)
            assert [row["userId"] for row in found] == [team.bob.user_id]
