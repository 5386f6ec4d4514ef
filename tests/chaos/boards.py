"""The project of a storm: who comments, who reads along, and two clients that never read."""

import asyncio
import contextlib
import itertools
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from time import monotonic

from tests.chaos.scene import SETTLE_SECONDS, Scene
from tests.live.servers import Replica
from wealist.doctor.realtime.account import API, Account
from wealist.doctor.realtime.reader import Reader

MOST_DROWNING = 1_500
"""Comments of 9 KB: more than all buffers between a server and a client hold together."""
TOGETHER = 10
PING_SECONDS = 55.0
"""A socket that answers no ping has ended by then, however little it was sent."""


class Boards:
    """Comments of the owner, and everybody who hears them."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.acknowledged: set[str] = set()
        self._enough: int | None = None

    async def begin(self, stack: AsyncExitStack) -> None:
        """Have everybody listen, by turns on both replicas."""
        self.guest = self._reader(self._scene.guest, 0)
        self.readers = [self._reader(self._scene.owner, n) for n in range(self._scene.size.readers)]
        for reader in (*self.readers, self.guest):
            stack.push_async_callback(reader.stop)
            await reader.begin()
        await stack.enter_async_context(self._deaf())

    def _reader(self, account: Account, number: int) -> Reader:
        door = "stream" if number % 4 == 3 else "socket"
        project, urls = self._scene.scratch.project_id, self._scene.urls
        name = f"reader {number} ({door})"
        return Reader(account, project, urls, door, name, first=number // 4)

    @contextlib.asynccontextmanager
    async def _deaf(self) -> AsyncIterator[tuple[socket.socket, asyncio.StreamReader]]:
        """A client of the first replica that shakes hands and then never reads."""
        scene = self._scene
        host, _, port = scene.urls[0].removeprefix("http://").partition(":")
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # else it holds megabytes
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, (host, int(port)))
        reader, writer = await asyncio.open_connection(sock=line, limit=1024)
        path = f"/svc/board/ws/project/{scene.scratch.project_id}?token={scene.owner.token}"
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
            "\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head, head
        try:
            yield line, reader
        finally:
            writer.transport.abort()

    async def drown(self, replica: Replica) -> None:
        """Another client that never reads (the faults have ended the session of the first): the
        replica must have enough of it at some time, and then end its connection."""
        scene = self._scene
        async with self._deaf() as (line, deaf):
            began, before = monotonic(), await _overflows(replica)
            for number in range(0, MOST_DROWNING, TOGETHER):
                if await _overflows(replica) > before:
                    break
                comments = [self._comment(number + n, " " + "x" * 9_000) for n in range(TOGETHER)]
                await asyncio.gather(
                    *(scene.owner.call("POST", f"{API}/comments", one) for one in comments)
                )
            else:
                if monotonic() - began < PING_SECONDS:
                    scene.complain("a client that never reads is never too slow")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            try:
                async with asyncio.timeout(SETTLE_SECONDS):
                    while await deaf.read(1 << 20):
                        pass
            except ConnectionError:
                pass
            except TimeoutError:
                scene.complain("a client that never reads is still held")

    def _comment(self, number: int, more: str = "") -> dict[str, str]:
        cards = self._scene.scratch.cards
        return {"boardId": cards[number % len(cards)], "content": f"Comment {number}{more}"}

    async def write(self) -> None:
        """Comments, each of them unique and repeated until it is acknowledged, until the last fault
        is over and has had its share: on a slow machine these are more than `events`."""
        scene, numbers = self._scene, itertools.count()

        async def writer() -> None:
            while self._enough is None or len(self.acknowledged) < self._enough:
                body = self._comment(next(numbers))
                found = await scene.insist(scene.owner, "POST", f"{API}/comments", body)
                self.acknowledged.add(found["commentId"])
                scene.share = len(self.acknowledged) / scene.size.events

        await asyncio.gather(*(writer() for _ in range(scene.size.writers)))

    def enough_soon(self) -> None:
        """The last fault is over: a fifth of all is still to be written."""
        events = self._scene.size.events
        self._enough = max(events, len(self.acknowledged) + events // 5)

    async def judge(self) -> None:
        """Compare what was heard with the log, and the log with what was acknowledged."""
        scene, outcome = self._scene, self._scene.outcome
        events = await self._log()
        seqs = [event["seq"] for event in events]
        if seqs != list(range(1, len(seqs) + 1)):
            scene.complain("the log has gaps")
        await scene.settled(lambda: all(one.last >= seqs[-1] for one in self.readers))
        written = {
            event["payload"]["commentId"] for event in events if event["type"] == "COMMENT_CREATED"
        }
        if lost := self.acknowledged - written:
            scene.complain(f"{len(lost)} acknowledged writes are lost")
        for reader in self.readers:
            outcome.complaints += [f"{reader.name}: {one}" for one in reader.complaints(seqs)]
        left = next(event["seq"] for event in events if event["type"] == "PERSON_LEFT")
        if any(seq > left for seq in self.guest.seqs):
            scene.complain("the removed member has heard what came later")
        if self.guest.code != 1000:
            scene.complain(f"the removed member's connection: {self.guest.code}")
        outcome.events = len(events)
        outcome.acknowledged = len(self.acknowledged)
        outcome.deliveries += sum(len(one.seqs) for one in (*self.readers, self.guest))
        outcome.resets += sum(one.resets for one in self.readers)
        outcome.connections += sum(one.connections for one in self.readers)

    async def _log(self) -> list[dict]:  # type: ignore[type-arg]
        path = f"{API}/projects/{self._scene.scratch.project_id}/changes"
        owner = self._scene.owner
        cursor = (await owner.call("GET", path))["cursor"].rpartition(":")[0] + ":0"
        events, more = [], True
        while more:
            page = await owner.call("GET", f"{path}?since={cursor}")
            events += page["events"]
            cursor, more = page["cursor"], page["more"]
        return events


async def _overflows(replica: Replica) -> float:
    """How many connections a replica has closed because they read too slowly."""
    async with replica.client(internal=True) as http:
        text = (await http.get("/metrics")).text
    found = re.search(r"^wealist_live_overflows_total (\S+)$", text, re.MULTILINE)
    assert found, "the metric is missing"
    return float(found[1])
