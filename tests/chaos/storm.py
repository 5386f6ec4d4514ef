"""A storm over live boards: everything that can fail does, while people write and listen.

Two replicas, one PostgreSQL, one Valkey, all real processes. In turn a replica is killed (-9) and
replaced, Valkey dies and comes back empty, PostgreSQL restarts, and a member is removed; one
client never reads. At the end every reader must have had every event once and in order, no
acknowledged write may be missing, the removed member must have heard nothing after it, and the
client that never reads must have been let go.
"""

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic
from uuid import uuid4

import httpx
from msgspec import Struct

from tests.live.database import Database
from tests.live.servers import Replica
from wealist.doctor.realtime.account import API, Account, RefusedError, Scratch
from wealist.doctor.realtime.reader import Reader
from wealist.embedded.valkey import Valkey

Say = Callable[[str], None]

SETTLE_SECONDS = 60.0
MOST_DROWNING = 1_500
"""Comments of 9 KB: more than all buffers between a server and a client hold together."""
PING_SECONDS = 40.0
"""A socket that answers no ping has ended by then, however little it was sent."""


class Size(Struct, frozen=True):
    """How large a storm is: events × readers are the least deliveries."""

    events: int
    readers: int
    writers: int = 8
    valkey_away: float = 2.0


SMALL = Size(events=400, readers=16)
FULL = Size(events=6000, readers=180, valkey_away=10.0)


class Outcome(Struct):
    """What a storm has left."""

    deliveries: int = 0
    events: int = 0
    acknowledged: int = 0
    refused: int = 0
    resets: int = 0
    connections: int = 0
    seconds: float = 0.0
    complaints: list[str] = []


class Storm:
    """One storm over one project."""

    def __init__(self, size: Size, folder: Path, private_key: str, say: Say) -> None:
        self.size, self.folder, self.say = size, folder, say
        self._key = private_key
        self.urls: list[str] = []
        self.outcome = Outcome()
        self.acknowledged: set[str] = set()
        self._enough: int | None = None

    async def run(self) -> Outcome:
        """Let it blow, and look at what is left."""
        began = monotonic()
        async with AsyncExitStack() as stack:
            self.database = Database(self.folder / "pg")
            await self.database.start()
            stack.push_async_callback(self.database.stop)
            self.valkey = await Valkey.start(self.folder / "valkey")
            stack.push_async_callback(self.valkey.stop)
            self._replicas = stack
            self.replicas = [await self._replica(f"replica-{n}") for n in range(2)]
            self.urls[:] = [replica.url for replica in self.replicas]
            await self._blow(stack)
        self.outcome.seconds = monotonic() - began
        return self.outcome

    async def _replica(self, name: str) -> Replica:
        return await self._replicas.enter_async_context(
            Replica.start(
                self.folder / name,
                database_url=self.database.url,
                redis_url=self.valkey.url,
                JWT_RSA_PRIVATE_KEY=self._key,
                WEALIST_SOCKETS_PER_USER="1000",
                LOG_LEVEL="warn",
            )
        )

    async def _blow(self, stack: AsyncExitStack) -> None:
        owner, guest = self._account("owner"), self._account("guest")
        for account in (owner, guest):
            stack.push_async_callback(account.close)
            await account.sign_in()
        self.scratch = Scratch(owner)
        await self.scratch.make(20)
        member = await self.scratch.invite(guest)
        self.guest = self._reader(guest, 0)
        self.readers = [self._reader(owner, n) for n in range(self.size.readers)]
        for reader in (*self.readers, self.guest):
            stack.push_async_callback(reader.stop)
            await reader.begin()
        await stack.enter_async_context(self._deaf(owner))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._faults(member))
            tasks.create_task(self._write(owner))
        await self._drown(owner)
        await self._judge()

    def _account(self, name: str) -> Account:
        return Account(self.urls, f"{name}-{uuid4().hex[:8]}")

    def _reader(self, account: Account, number: int) -> Reader:
        door = "stream" if number % 4 == 3 else "socket"
        project = self.scratch.project_id
        return Reader(account, project, self.urls, door, f"reader {number} ({door})")

    @contextlib.asynccontextmanager
    async def _deaf(self, owner: Account) -> AsyncIterator[asyncio.StreamReader]:
        """A client that shakes hands and then never reads."""
        host, _, port = self.urls[0].removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        path = f"/svc/board/ws/project/{self.scratch.project_id}?token={owner.token}"
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
            "\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head, head
        try:
            yield reader
        finally:
            writer.transport.abort()

    async def _drown(self, owner: Account) -> None:
        """Another client that never reads (the faults have ended the session of the first): the
        replica must have enough of it at some time, and then end its connection."""
        async with self._deaf(owner) as deaf:
            began = monotonic()
            for number in range(MOST_DROWNING):
                if await self._overflows() > 0:
                    break
                text = f"{number} " + "x" * 9_000
                body = {"boardId": self.scratch.cards[number % len(self.scratch.cards)]}
                await owner.call("POST", f"{API}/comments", body | {"content": text})
            else:
                if monotonic() - began < PING_SECONDS:
                    self.outcome.complaints.append("a client that never reads is never too slow")
            try:
                async with asyncio.timeout(SETTLE_SECONDS):
                    while await deaf.read(1 << 20):
                        pass
            except ConnectionError:
                pass
            except TimeoutError:
                self.outcome.complaints.append("a client that never reads is still held")

    async def _overflows(self) -> float:
        """How many connections the first replica has closed because they read too slowly."""
        async with self.replicas[0].client(internal=True) as http:
            text = (await http.get("/metrics")).text
        found = re.search(r"^wealist_live_overflows_total (\S+)$", text, re.MULTILINE)
        assert found, "the metric is missing"
        return float(found[1])

    # --- what people do ----------------------------------------------------------------------

    async def _write(self, owner: Account) -> None:
        """Comments, each of them unique and repeated until it is acknowledged, until the last fault
        is over and has had its share: on a slow machine these are more than `events`."""
        numbers = itertools.count()

        async def writer() -> None:
            while self._enough is None or len(self.acknowledged) < self._enough:
                await self._say_until_heard(owner, next(numbers))

        await asyncio.gather(*(writer() for _ in range(self.size.writers)))

    async def _say_until_heard(self, owner: Account, number: int) -> None:
        card = self.scratch.cards[number % len(self.scratch.cards)]
        body = {"boardId": card, "content": f"Comment {number}"}
        while True:
            token = owner.token
            try:
                found = await owner.call("POST", f"{API}/comments", body)
            except RefusedError as error:
                self.outcome.refused += 1
                if error.status not in (401, 408, 503):
                    raise
                if error.status == 401:
                    with contextlib.suppress(RefusedError, httpx.HTTPError):
                        await owner.renewed(token, self.urls[number % len(self.urls)])
            except httpx.HTTPError:
                self.outcome.refused += 1
            else:
                self.acknowledged.add(found["commentId"])
                return
            await asyncio.sleep(0.1)

    # --- what fails --------------------------------------------------------------------------

    async def _faults(self, member: str) -> None:
        for share, what, fault in (
            (0.15, "a replica is killed and replaced", self._kill_a_replica),
            (0.35, "Valkey dies and comes back empty", self._restart_valkey),
            (0.60, "PostgreSQL restarts", self._restart_postgres),
            (0.80, "a member is removed", lambda: self._remove(member)),
        ):
            while len(self.acknowledged) < share * self.size.events:
                await asyncio.sleep(0.02)
            self.say(f"{len(self.acknowledged):>6} writes: {what}")
            await fault()
        rest = len(self.acknowledged) + self.size.events // 5
        self._enough = max(self.size.events, rest)

    async def _kill_a_replica(self) -> None:
        victim = self.replicas[1]
        await victim.kill()
        self.urls[:] = [self.urls[0]]
        self.replicas[1] = await self._replica(f"replica-{uuid4().hex[:4]}")
        self.urls[:] = [self.urls[0], self.replicas[1].url]

    async def _restart_valkey(self) -> None:
        await self.valkey.kill()
        await asyncio.sleep(self.size.valkey_away)
        await self.valkey.restart()

    async def _restart_postgres(self) -> None:
        await self.database.stop()
        await self.database.start()

    async def _remove(self, member: str) -> None:
        path = f"/svc/user/api/workspaces/{self.scratch.workspace_id}/members/{member}"
        owner = self.scratch.owner
        while True:
            token = owner.token
            with contextlib.suppress(httpx.HTTPError, RefusedError):
                answer = await owner.send("DELETE", path)
                if answer.status_code in (200, 404):
                    return
                if answer.status_code == 401:
                    await owner.renewed(token, self.urls[0])
            await asyncio.sleep(0.1)

    # --- what is left ------------------------------------------------------------------------

    async def _judge(self) -> None:
        outcome = self.outcome
        events = await self._log()
        seqs = [event["seq"] for event in events]
        if seqs != list(range(1, len(seqs) + 1)):
            outcome.complaints.append("the log has gaps")
        deadline = monotonic() + SETTLE_SECONDS
        while any(one.last < seqs[-1] for one in self.readers) and monotonic() < deadline:
            await asyncio.sleep(0.05)
        written = {
            event["payload"]["commentId"] for event in events if event["type"] == "COMMENT_CREATED"
        }
        if lost := self.acknowledged - written:
            outcome.complaints.append(f"{len(lost)} acknowledged writes are lost")
        for reader in self.readers:
            outcome.complaints += [f"{reader.name}: {one}" for one in reader.complaints(seqs)]
        left = next(event["seq"] for event in events if event["type"] == "PERSON_LEFT")
        if any(seq > left for seq in self.guest.seqs):
            outcome.complaints.append("the removed member has heard what came later")
        if self.guest.code != 1000:
            outcome.complaints.append(f"the removed member's connection: {self.guest.code}")
        outcome.events = len(events)
        outcome.acknowledged = len(self.acknowledged)
        outcome.deliveries = sum(len(one.seqs) for one in (*self.readers, self.guest))
        outcome.resets = sum(one.resets for one in self.readers)
        outcome.connections = sum(one.connections for one in self.readers)

    async def _log(self) -> list[dict]:  # type: ignore[type-arg]
        path = f"{API}/projects/{self.scratch.project_id}/changes"
        owner = self.scratch.owner
        cursor = (await owner.call("GET", path))["cursor"].rpartition(":")[0] + ":0"
        events, more = [], True
        while more:
            page = await owner.call("GET", f"{path}?since={cursor}")
            events += page["events"]
            cursor, more = page["cursor"], page["more"]
        return events
