"""The rooms of a storm: who talks there in which way, who hears it, and who tries in vain to."""

import asyncio
import itertools
import random
from collections import Counter
from contextlib import AsyncExitStack
from uuid import uuid4

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from tests.chaos.room_readers import CHATS, Message, OldReader, RoomReader
from tests.chaos.scene import Scene
from wealist.doctor.realtime.account import Account
from wealist.doctor.realtime.reader import FINAL

PAUSE = 0.05
QUIET_PAUSE = 0.4
INTRUSION_SECONDS = 0.5
PAGE = 100
MENTION_EVERY = 6
MOST_UNHEARD = 30
"""Messages in the quiet room that its old client may not have; 50 are sent to it again."""


class Room:
    """A room, who takes part in it, and what was said there, by `clientMessageId`."""

    def __init__(self, room_id: str, people: list[Account], *, quiet: bool) -> None:
        self.id, self.people, self.quiet = room_id, people, quiet
        self.said: dict[str, tuple[str, str]] = {}
        self.acknowledged: set[str] = set()
        self.mentions: list[tuple[str, str]] = []
        """`clientMessageId` and whom the message is to be told."""
        self.readers: list[RoomReader] = []
        self.history: list[Message] = []

    def compose(self, author: Account, also: Account) -> tuple[str, str]:
        """A new message: its `clientMessageId` and text. Now and then it names another
        participant, its author, and somebody who is not in the room."""
        client_id = str(uuid4())
        content = f"Message {client_id}"
        if len(self.said) % MENTION_EVERY == 0:
            others = [one for one in self.people if one is not author]
            target = others[len(self.mentions) % len(others)].user_id
            content += f" for @[you]({target}), not <@{author.user_id}> or <@{also.user_id}>"
            self.mentions.append((client_id, target))
        self.said[client_id] = author.user_id, content
        return client_id, content


class Rooms:
    """Three rooms: two busy ones, and a quiet one with a client of the old kind."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.rooms: list[Room] = []
        self.refusals = 0

    async def begin(self, stack: AsyncExitStack) -> None:
        """Make the rooms, and have everybody listen, by turns on both replicas."""
        scene = self._scene
        one, two, three, four = scene.members
        first = await self._make([one, two, three, scene.guest])
        second = await self._make([two, three, four, scene.guest])
        third = await self._make([one, four], quiet=True)
        self._talkers = [(first, one, two), (second, three, four), (third, scene.owner, one)]
        self._intruders = [(scene.stranger, first), (four, first), (one, second), (two, third)]
        for room in self.rooms:
            for number, person in enumerate(room.people * scene.size.ears):
                name = f"{person.name}'s socket {number} of room {self.rooms.index(room)}"
                turn = number % len(room.people) + number // len(room.people)
                room.readers.append(RoomReader(person, room.id, scene.urls, name, turn))
        self.old = OldReader(four, third.id, scene.urls, "the client of the old kind", 1)
        for reader in (*self._all_readers(), self.old):
            stack.push_async_callback(reader.stop)
            await reader.begin()

    def _all_readers(self) -> list[RoomReader]:
        return [reader for room in self.rooms for reader in room.readers]

    async def _make(self, others: list[Account], *, quiet: bool = False) -> Room:
        owner = self._scene.owner
        body = {
            "workspaceId": self._scene.scratch.workspace_id,
            "chatType": "GROUP",
            "chatName": "Storm",
            "participants": [one.user_id for one in others],
        }
        made = await owner.call("POST", CHATS, body)
        room = Room(made["chatId"], [owner, *others], quiet=quiet)
        self.rooms.append(room)
        return room

    # --- what people do ----------------------------------------------------------------------

    async def talk(self) -> None:
        """In each room one talks over REST and one over a socket, until the storm is over."""
        async with asyncio.TaskGroup() as tasks:
            for room, writer, speaker in self._talkers:
                tasks.create_task(self._talk(room, writer, None))
                socket = next(one for one in room.readers if one.account is speaker)
                tasks.create_task(self._talk(room, speaker, socket))

    async def _talk(self, room: Room, author: Account, socket: RoomReader | None) -> None:
        while not self._scene.over:
            await asyncio.sleep(QUIET_PAUSE if room.quiet else PAUSE)
            if room.quiet and len(room.said) - len(self.old.messages) > MOST_UNHEARD:
                continue
            client_id, content = room.compose(author, self._scene.stranger)
            if socket is None or not await socket.say(client_id, content):
                body = {"content": content, "clientMessageId": client_id}
                path = f"{CHATS}/messages/{room.id}"
                await self._scene.insist(author, "POST", path, body)
            room.acknowledged.add(client_id)

    async def intrude(self) -> None:
        """Try to listen in rooms of others, until the storm is over."""
        scene = self._scene
        for account, room in itertools.cycle(self._intruders):
            if scene.over:
                return
            token, url = account.token, random.choice(scene.urls)
            address = f"{url}{CHATS}/ws/{room.id}?token={token}".replace("http", "ws", 1)
            try:
                async with connect(address, compression=None, open_timeout=5):
                    scene.complain(f"{account.name} was let into a room of others")
            except InvalidStatus as error:
                self.refusals += error.response.status_code == 403
                if error.response.status_code == 401:
                    await scene.renew(account, token)
            except (OSError, WebSocketException, TimeoutError):
                pass
            await asyncio.sleep(INTRUSION_SECONDS)

    # --- what is left ------------------------------------------------------------------------

    async def judge(self) -> None:
        """Compare the histories with what was said, and what was heard with the histories."""
        outcome = self._scene.outcome
        for room in self.rooms:
            await self._judge_room(room)
        for complaint in self._strays():
            self._scene.complain(complaint)
        if not self.refusals:
            self._scene.complain("nobody was kept out of the rooms of others")
        readers = self._all_readers()
        outcome.told = sum(len(one.seqs) for one in readers) + len(self.old.messages)
        outcome.deliveries += outcome.told
        outcome.resets += sum(one.resets for one in readers)
        outcome.connections += sum(one.connections for one in (*readers, self.old))

    def _strays(self) -> list[str]:
        return [
            f"{one.name} has heard of other rooms"
            for one in (*self._all_readers(), self.old)
            if one.strays
        ]

    async def _judge_room(self, room: Room) -> None:
        history = room.history = await self._history(room)
        self._scene.outcome.messages += len(history)
        self._scene.outcome.complaints += complaints(room)
        guest = self._scene.guest
        staying = [one for one in room.readers if one.account is not guest]
        old = [self.old] if room.quiet else []
        await self._scene.settled(
            lambda: (
                all(len(one.messages) >= len(history) for one in (*staying, *old))
                and len({one.last for one in staying}) == 1
            )
        )
        top = max(one.last for one in staying)
        for reader in staying:
            found = reader.complaints(list(range(1, top + 1)))
            self._complain(reader, found, reader.messages == history)
        for reader in old:
            self._complain(reader, [], reader.messages == history)
        for reader in room.readers:
            if reader.account is guest:
                self._judge_guest(reader, staying[0].left.get(guest.user_id, 0), history)

    def _complain(self, reader: RoomReader, found: list[str], agrees: bool) -> None:
        if not agrees:
            found = [*found, "other messages than in the history"]
        for complaint in found:
            self._scene.complain(f"{reader.name}: {complaint}")

    def _judge_guest(self, reader: RoomReader, left: int, history: list[Message]) -> None:
        """He hears everything in order up to his removal, and nothing after it."""
        found = reader.complaints([])
        if reader.last > left:
            found.append("has heard what came after the removal")
        if reader.code != FINAL:
            found.append(f"ended with {reader.code}")
        self._complain(reader, found, reader.messages == history[: len(reader.messages)])

    async def _history(self, room: Room) -> list[Message]:
        """A whole room, oldest first, page by page."""
        history: list[Message] = []
        before = ""
        while True:
            path = f"{CHATS}/messages/{room.id}?limit={PAGE}{before}"
            page = (await self._scene.owner.call("GET", path))["message"]
            history[:0] = msgspec.convert(page, list[Message])
            if len(page) < PAGE:
                return history
            before = f"&before={history[0].message_id}"

    def mentions(self) -> list[tuple[str, str]]:
        """All mentions as pairs of the message's id and the person who must have been told."""
        ids = {
            message.client_message_id: message.message_id
            for room in self.rooms
            for message in room.history
        }
        return [(ids.get(one, ""), who) for room in self.rooms for one, who in room.mentions]


def complaints(room: Room) -> list[str]:
    """What is wrong with a room's history, compared with what was said; nothing if all is well."""
    found = []
    times = Counter(message.client_message_id for message in room.history)
    if lost := room.acknowledged - times.keys():
        found.append(f"{len(lost)} acknowledged messages are lost")
    if twice := [one for one, count in times.items() if count > 1]:
        found.append(f"{len(twice)} messages are there twice")
    if any(
        room.said.get(one.client_message_id) != (one.user_id, one.content) for one in room.history
    ):
        found.append("a message is there that nobody said so")
    if [one.seq for one in room.history] != list(range(1, len(room.history) + 1)):
        found.append("the numbers of a room's messages have gaps")
    return found
