"""Every change in a room can be followed from its events: old snapshot + events = new one."""

import re
from typing import Any
from uuid import UUID

from tests.chat.making import Office, call, say, upload
from tests.chat.views import ChatListView, RoomView
from tests.fold import folds
from tests.matrix.chat_cells import CELLS
from tests.matrix.chat_scene import API
from tests.people import Person
from wealist.chat import reading, sending
from wealist.chat.message_wire import NewMessage
from wealist.core import identity

SILENT = {f"POST {API}/files/presigned-url"}
"""It prepares something that nobody else can see yet."""


class Story:
    """Calls that each must leave events from which every view can follow; and which routes."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.chat_id = ""
        self.told: set[str] = set()

    def views(self) -> list[Any]:
        views: list[Any] = [ChatListView(self.office.ann), ChatListView(self.office.bob)]
        views.append(ChatListView(self.office.eve))
        return [*views, RoomView(self.office.ann, self.chat_id)] if self.chat_id else views

    async def tell(self, actor: Person, method: str, path: str, body: Any = None) -> Any:
        async with folds(*self.views()):
            found = await call(actor, method, path, body)
        self.told.add(_template(method, path))
        return found


def _template(method: str, path: str) -> str:
    """Which of the matrix's routes an address belongs to; names go before parameters."""
    found = [
        name
        for name in CELLS
        if name.startswith(f"{method} ")
        and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", name.split(" ")[1]), f"{API}{path}")
    ]
    assert found, f"no route: {method} {path}"
    return min(found, key=lambda name: name.count("{"))


async def test_every_mutation_can_be_followed_from_its_events(office: Office) -> None:
    ann, bob, eve = office.ann, office.bob, office.eve
    story = Story(office)
    tell = story.tell
    new = {"workspaceId": office.workspace_id, "chatType": "GROUP", "chatName": "Room"}
    made = await tell(ann, "POST", "", new | {"participants": [bob.id]})
    story.chat_id = room = made["chatId"]
    await tell(ann, "PUT", f"/{room}", {"chatName": "Renamed", "topic": "Why"})
    first = (await tell(ann, "POST", f"/messages/{room}", {"content": "One"}))["messageId"]
    await tell(ann, "POST", f"/{room}/messages", {"content": "x" * 300})
    await tell(ann, "POST", f"/{room}/participants", {"userIds": [eve.id, bob.id]})
    answer = {"content": "Two", "threadId": first}
    answered = (await tell(bob, "POST", f"/messages/{room}", answer))["messageId"]
    await tell(eve, "POST", f"/messages/{room}", {"content": "See", "replyToId": first})
    ticket = await upload(bob, office.workspace_id)
    shown = {"content": "Look", "messageType": "IMAGE", "fileUrl": ticket["downloadUrl"]}
    picture = (await tell(bob, "POST", f"/messages/{room}", shown))["messageId"]
    await tell(ann, "POST", "/messages/read", {"messageIds": [answered]})
    await tell(eve, "PUT", f"/messages/{room}/last-read")
    await tell(eve, "PUT", f"/messages/{room}/last-read")
    await tell(bob, "POST", f"/messages/{first}/reactions", {"emoji": "👍"})
    await tell(eve, "POST", f"/messages/{first}/reactions", {"emoji": "👍"})
    await tell(bob, "DELETE", f"/messages/{first}/reactions/👍")
    await tell(bob, "PUT", f"/messages/{first}/pin")
    await tell(bob, "PUT", f"/messages/{picture}/pin")
    await tell(ann, "PUT", f"/messages/{first}", {"content": "One, or " + "y" * 300})
    await tell(bob, "DELETE", f"/messages/{answered}")
    await tell(bob, "DELETE", f"/messages/{first}/pin")
    await tell(bob, "DELETE", f"/messages/{picture}")
    await tell(ann, "DELETE", f"/messages/{first}")
    settings = {"level": "NONE", "draft": "Well", "mutedUntil": "2999-01-01T00:00:00Z"}
    await tell(bob, "PATCH", f"/{room}/settings", settings | {"pinned": True, "archived": True})
    await tell(bob, "PATCH", f"/{room}/settings", {"mutedUntil": None, "pinned": False})
    await tell(ann, "PUT", f"/{room}/participants/{bob.id}/role", {"role": "ADMIN"})
    await tell(ann, "PUT", f"/{room}/participants/{bob.id}/role", {"role": "OWNER"})
    await tell(eve, "DELETE", f"/{room}/participants/{eve.id}")
    await tell(ann, "POST", f"/{room}/participants", {"userIds": [eve.id]})
    async with folds(*story.views()):
        await office.removes(eve)
    await tell(bob, "DELETE", f"/{room}")
    mutations = {name for name in CELLS if not name.startswith(("GET", "WS"))} - SILENT
    assert mutations - story.told == set()


async def test_what_is_said_on_a_socket_can_be_followed(office: Office) -> None:
    story = Story(office)
    story.chat_id = await office.room()
    room = UUID(story.chat_id)
    speaker = await identity.authenticate(office.bob.token)
    reader = await identity.authenticate(office.eve.token)
    async with folds(*story.views()):
        said = await sending.send(speaker, room, NewMessage("", "IMAGE", client_message_id="a"))
    async with folds(*story.views()):
        await reading.read_message(reader, room, said.message_id)


async def test_a_direct_room_that_is_left_and_made_again_can_be_followed(office: Office) -> None:
    story = Story(office)
    new = {"workspaceId": office.workspace_id, "chatType": "DM", "chatName": "DM"}
    with_bob = new | {"participants": [office.bob.id]}
    story.chat_id = (await story.tell(office.ann, "POST", "", with_bob))["chatId"]
    await say(office.ann, story.chat_id)
    await story.tell(office.bob, "DELETE", f"/{story.chat_id}/participants/{office.bob.id}")
    await story.tell(office.ann, "POST", f"/messages/{story.chat_id}", {"content": "There?"})
    await story.tell(office.ann, "POST", "", with_bob)
    await story.tell(office.bob, "POST", f"/messages/{story.chat_id}", {"content": "Here"})


async def test_deleting_a_workspace_can_be_followed(office: Office) -> None:
    story = Story(office)
    story.chat_id = await office.room()
    await say(office.bob, story.chat_id)
    async with folds(*story.views()):
        gone = await office.ann.delete(f"/svc/user/api/workspaces/{office.workspace_id}")
        assert gone.status_code == 200
    assert await call(office.bob, "GET", "/my") == []
