"""A conversation as its people live it: chat on one replica, the bell on the other."""

from tests.live.bells import Bell
from tests.live.conftest import Pair
from tests.live.talking import Talker, Team

BOARD = "/svc/board/api"


async def test_a_mention_rings_the_bell_of_who_is_in_the_room_and_of_nobody_else(
    pair: Pair,
) -> None:
    team = await Team.of(pair.one)
    room = await team.room(team.bob)
    async with Bell.of(pair.two, team.bob) as bob, Bell.of(pair.two, team.eve) as eve:
        both = f"@[Bob]({team.bob.user_id}) and <@{team.eve.user_id}>, look"
        async with Talker.on(pair.one, room, team.ann) as ann:
            await ann.say(type="MESSAGE", content=both)
            [frame] = await ann.heard("MESSAGE_RECEIVED")
        [told] = await bob.heard(1)
        assert (told["type"], told["resourceId"]) == ("CHAT_MENTIONED", room)
        assert told["metadata"]["messageId"] == frame["message"]["messageId"]
        # Eve is no participant; what she is told next shows that nothing was before it.
        await team.call(team.ann, "POST", f"/{room}/participants", {"userIds": [team.eve.user_id]})
        await team.say(team.ann, room, f"<@{team.eve.user_id}> welcome")
        [first] = await eve.heard(1)
        assert first["metadata"]["preview"].endswith("welcome")
        assert len(bob.notifications) == 1


async def test_a_projects_room_lets_people_in_and_out_with_the_project(pair: Pair) -> None:
    team = await Team.of(pair.one)
    body = {"workspaceId": team.workspace_id, "name": "Roadmap"}
    made = await team.call(team.ann, "POST", f"{BOARD}/projects", body)
    project = made["data"]["projectId"]
    body = {"workspaceId": team.workspace_id, "projectId": project, "chatType": "PROJECT"}
    body |= {"chatName": "Roadmap", "participants": [team.ann.user_id]}
    room = (await team.call(team.ann, "POST", "", body))["chatId"]
    async with Talker.on(pair.two, "presence", team.bob) as presence:
        member = {"userId": team.bob.user_id}
        path = f"{BOARD}/projects/{project}/members"
        member = (await team.call(team.ann, "POST", path, member))["data"]["memberId"]
        [created] = await presence.heard("CHAT_CREATED")
        assert created["chat"]["chatId"] == room
        async with Talker.on(pair.two, room, team.bob) as bob:
            await team.say(team.ann, room, "Welcome")
            await bob.heard("MESSAGE_RECEIVED")
            await team.call(team.ann, "DELETE", f"{path}/{member}")
            assert await bob.ended(within=1) == 1000
        await presence.heard("CHAT_DELETED")
    assert await team.call(team.bob, "GET", "/my") == []
