"""The bells of a storm: mentions and assignments, and everybody's stream of notifications."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from msgspec import Struct, field

from tests.chaos.rooms import Rooms
from tests.chaos.scene import Scene
from wealist.core.wire import now
from wealist.doctor.realtime.account import API, Account
from wealist.doctor.realtime.reader import Heard, Piece, Reader

NOTIFICATIONS = "/svc/noti/api/notifications"
STREAMS = 2
"""Of each person, so that there is one on each replica in quiet times."""

Kind = tuple[str, str]
"""What somebody is told: the type, and the id of the message or card."""


class Notification(Struct, rename="camel"):
    """What a person is told."""

    id: str
    type: str
    actor_id: str
    target_user_id: str
    resource_id: str
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return self.type, self.metadata.get("messageId", self.resource_id)


class BellReader(Reader):
    """An EventSource of somebody's bell. `rings` are the events that were new, in order: each with
    its name, and a notification if it is one; `count` is the last count of what is unread."""

    def __init__(self, account: Account, urls: list[str], number: int) -> None:
        name = f"{account.name}'s bell {number}"
        super().__init__(account, "", urls, "stream", name, first=number)
        self.rings: list[tuple[str, Notification | None]] = []
        self.count = 0

    @property
    def path(self) -> str:
        return f"{NOTIFICATIONS}/stream"

    @property
    def notifications(self) -> list[Notification]:
        return [told for _, told in self.rings if told is not None]

    def hear(self, piece: Piece) -> None:
        epoch, _, seq = piece.place.rpartition(":")
        if piece.name in ("connected", "resumed", "reset"):
            self.take(Heard(piece.name.upper(), int(seq), epoch))
            return
        before = self.last
        self.take(Heard(piece.name, int(seq), epoch, now()))
        if int(seq) > before:
            self._learn(piece)

    def _learn(self, piece: Piece) -> None:
        told = None
        if piece.name == "notification":
            told = msgspec.json.decode(piece.text, type=Notification)
        elif piece.name == "unread-count":
            self.count = msgspec.json.decode(piece.text)["count"]
        self.rings.append((piece.name, told))


class Bells:
    """Streams of everybody, and cards that are assigned to the members in turn."""

    def __init__(self, scene: Scene, rooms: Rooms) -> None:
        self._scene, self._rooms = scene, rooms
        self._cards: list[str] = []
        self._assigned: list[tuple[str, str]] = []

    async def begin(self, stack: AsyncExitStack) -> None:
        """Make the cards, and have everybody listen on both replicas."""
        scene = self._scene
        for number in range(scene.size.assignments):
            body = {"projectId": scene.scratch.project_id, "title": f"To be assigned {number}"}
            self._cards.append((await scene.owner.call("POST", f"{API}/boards", body))["boardId"])
        self._people = [scene.owner, *scene.members, scene.guest, scene.stranger]
        self._readers = {
            account.user_id: [BellReader(account, scene.urls, n) for n in range(STREAMS)]
            for account in self._people
        }
        for reader in self._all_readers():
            stack.push_async_callback(reader.stop)
            await reader.begin()

    def _all_readers(self) -> list[BellReader]:
        return [reader for streams in self._readers.values() for reader in streams]

    async def assign(self) -> None:
        """Assign each card once, spread over the whole storm. A repetition changes nothing."""
        scene = self._scene
        for number, card in enumerate(self._cards):
            while scene.share < number / len(self._cards):
                await asyncio.sleep(0.02)
            member = scene.members[number % len(scene.members)].user_id
            body = {"assigneeId": member}
            await scene.insist(scene.owner, "PUT", f"{API}/boards/{card}", body)
            self._assigned.append((card, member))

    # --- what is left ------------------------------------------------------------------------

    async def judge(self) -> None:
        """Compare the lists with what must have been told, and what was heard with the lists."""
        scene, outcome = self._scene, self._scene.outcome
        mentions = self._rooms.mentions()
        outcome.mentions = len(mentions)
        for person in (scene.owner, *scene.members):
            wanted = Counter(
                ("CHAT_MENTIONED", one) for one, who in mentions if who == person.user_id
            )
            wanted.update(
                ("BOARD_ASSIGNED", one) for one, who in self._assigned if who == person.user_id
            )
            if person is not scene.owner:
                wanted["WORKSPACE_INVITED", scene.scratch.workspace_id] = 1
            await self._judge(person, wanted)
        removed = Counter({("WORKSPACE_REMOVED", scene.scratch.workspace_id): 1})
        await self._judge(scene.guest, removed)
        self._judge_guest(removed)
        await self._judge(scene.stranger, Counter())
        readers = self._all_readers()
        outcome.rung = sum(len(one.seqs) for one in readers)
        outcome.deliveries += outcome.rung
        outcome.resets += sum(one.resets for one in readers)
        outcome.connections += sum(one.connections for one in readers)

    async def _judge(self, person: Account, wanted: Counter[Kind]) -> None:
        """One person's list, his exact count, and each of his streams."""
        scene, streams = self._scene, self._readers[person.user_id]

        async def arrived() -> bool:
            count = len(await self._listed(person))
            heard = all(one.count == count for one in streams)
            return count >= wanted.total() and heard and len({one.last for one in streams}) == 1

        await scene.settled(arrived)
        listed = await self._listed(person)
        scene.outcome.notifications += len(listed)
        kinds = Counter(one.kind for one in listed)
        for what, difference in (("not told", wanted - kinds), ("told too much", kinds - wanted)):
            if difference:
                scene.complain(f"{person.name}: {what}: {dict(difference.most_common(3))}")
        unread = (await person.call("GET", f"{NOTIFICATIONS}/unread-counts"))["total"]
        if unread != len(listed):
            scene.complain(f"{person.name}: {unread} unread of {len(listed)}")
        top = max(one.last for one in streams)
        for reader in streams:
            found = reader.complaints(list(range(1, top + 1)))
            found += misdelivered(reader, person)
            if reader.rings and reader.count != unread:
                found.append(f"the last count is {reader.count} instead of {unread}")
            if person is not scene.guest:
                found += compared(reader, listed)
            scene.outcome.complaints += [f"{reader.name}: {one}" for one in found]

    def _judge_guest(self, removed: Counter[Kind]) -> None:
        """Once he has lost what he was told there, he hears of his removal and nothing else."""
        for reader in self._readers[self._scene.guest.user_id]:
            names = [name for name, _ in reader.rings]
            if "notification-deleted" not in names:
                self._scene.complain(f"{reader.name}: nothing was taken from him")
                continue
            after = reader.rings[names.index("notification-deleted") :]
            heard = Counter(told.kind for _, told in after if told is not None)
            if heard != removed:
                self._scene.complain(f"{reader.name}: after the removal: {dict(heard)}")

    async def _listed(self, person: Account) -> list[Notification]:
        """All of somebody's notifications, newest first."""
        listed: list[Notification] = []
        cursor = ""
        while True:
            page = await person.call("GET", f"{NOTIFICATIONS}/inbox?limit=100{cursor}")
            listed += msgspec.convert(page["notifications"], list[Notification])
            if page["nextCursor"] is None:
                return listed
            cursor = f"&cursor={page['nextCursor']}"


def misdelivered(reader: BellReader, person: Account) -> list[str]:
    """What a stream has told although it is not for this person."""
    told = reader.notifications
    found = []
    if any(one.target_user_id != person.user_id for one in told):
        found.append("was told what is for others")
    if any(one.actor_id == person.user_id for one in told):
        found.append("was told of his own doings")
    return found


def compared(reader: BellReader, listed: list[Notification]) -> list[str]:
    """What a stream lacks of the list, or has beyond it; of his invitation he was told before."""
    heard = Counter(one.id for one in reader.notifications)
    wanted = Counter(one.id for one in listed)
    early = {one.id for one in listed if one.type == "WORKSPACE_INVITED"}
    found = []
    if missing := [one for one in wanted - heard if one not in early]:
        found.append(f"{len(missing)} notifications missing")
    if more := heard - wanted:
        found.append(f"{more.total()} notifications twice or from nowhere")
    return found
