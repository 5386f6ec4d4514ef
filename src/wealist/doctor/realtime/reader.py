"""A client of live boards that does what docs/live.md says, and keeps what it was told."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import NamedTuple

import httpx
import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from wealist.doctor.realtime.account import API, Account

PAUSE = 0.2
FINAL = 1000


class Heard(Struct):
    """A frame: where it stands, and how many milliseconds after its commit it came."""

    type: str
    seq: int
    epoch: str
    at: datetime | None = None


class Piece(NamedTuple):
    """What arrives at once: the data, and of a stream also the event's name and its id."""

    text: bytes | str
    name: str = ""
    place: str = ""


class Reader:
    """Reads a project over one door of one address after the other, until it is stopped. The list
    of `urls` may change meanwhile; it begins with the one at `first`.

    Other channels have readers of their own, which say where they are (`path`), and what a piece
    means (`hear`).

    `seqs` is what the application would have been given: every event above the last one, each
    once. `repeated` counts frames that had been had already, `holes` those that left some out.
    """

    def __init__(
        self,
        account: Account,
        target: str,
        urls: list[str],
        door: str,
        name: str,
        *,
        first: int = 0,
    ) -> None:
        self.account, self.target, self.door, self.name = account, target, door, name
        self._urls, self._turn = urls, itertools.count(first)
        self.seqs: list[int] = []
        self.delays: list[float] = []
        self.cursor = ""
        self.start: int | None = None
        self.connected = asyncio.Event()
        self.connections = self.resets = self.repeated = self.holes = 0
        self.code: int | None = None
        self.line: ClientConnection | None = None
        self._cut = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def last(self) -> int:
        """The seq up to which everything has been heard."""
        return int(self.cursor.rpartition(":")[2] or 0)

    @property
    def path(self) -> str:
        """Where its channel is found."""
        if self.door == "socket":
            return f"/svc/board/ws/project/{self.target}"
        return f"{API}/projects/{self.target}/events"

    @property
    def place(self) -> str:
        """Where it asks to go on; empty: it asks for nothing."""
        return self.cursor

    async def begin(self) -> None:
        """Start, and wait for the first frame."""
        self._task = asyncio.create_task(self._run(), name=self.name)
        await asyncio.wait_for(self.connected.wait(), 30)

    def cut(self) -> None:
        """Lose the connection, as when a lid is closed; the reader comes back with its cursor."""
        self.connected.clear()
        self._cut.set()

    async def stop(self) -> None:
        """End for good."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self.code != FINAL:
            token = self.account.token
            url = self._urls[next(self._turn) % len(self._urls)]
            self._cut.clear()
            try:
                await self._connect(url, token)
            except InvalidStatus as error:
                await self._refused(error.response.status_code, token, url)
            except httpx.HTTPStatusError as error:
                await self._refused(error.response.status_code, token, url)
            except (OSError, WebSocketException, httpx.HTTPError, TimeoutError):
                pass
            if self.code == 4401:
                await self._refused(401, token, url)
            self.connected.clear()
            if self.code != FINAL:
                await asyncio.sleep(PAUSE)

    async def _refused(self, status: int, token: str, url: str) -> None:
        self.code = None
        if status in (403, 404):
            self.code = FINAL
        elif status == 401:
            with contextlib.suppress(Exception):  # the next round tries again
                await self.account.renewed(token, url)

    async def _connect(self, url: str, token: str) -> None:
        frames = self._socket(url, token) if self.door == "socket" else self._stream(url, token)
        cut = asyncio.create_task(self._cut.wait())
        reading = asyncio.create_task(self._read(frames))
        try:
            await asyncio.wait((cut, reading), return_when=asyncio.FIRST_COMPLETED)
        finally:
            cut.cancel()
            reading.cancel()
            results = await asyncio.gather(reading, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]

    async def _read(self, pieces: AsyncIterator[Piece]) -> None:
        async with contextlib.aclosing(pieces) as arrived:  # type: ignore[type-var]
            async for piece in arrived:
                self.hear(piece)

    async def _socket(self, url: str, token: str) -> AsyncIterator[Piece]:
        since = f"&since={self.place}" if self.place else ""
        address = f"{url}{self.path}?token={token}{since}"
        async with connect(
            address.replace("http", "ws", 1), compression=None, open_timeout=10, max_queue=None
        ) as socket:
            self.connections += 1
            self.line = socket
            try:
                async for message in socket:
                    yield Piece(message)
            except ConnectionClosed:
                pass
            finally:
                self.line = None
            self.code = socket.close_code

    async def _stream(self, url: str, token: str) -> AsyncIterator[Piece]:
        headers = {"Authorization": f"Bearer {token}"}
        if self.place:
            headers["Last-Event-ID"] = self.place
        async with (
            httpx.AsyncClient(timeout=httpx.Timeout(10, read=40)) as http,
            http.stream("GET", url + self.path, headers=headers) as answer,
        ):
            answer.raise_for_status()
            self.connections += 1
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                    continue
                if fields.get("event") == "bye":
                    self.code = msgspec.json.decode(fields["data"])["code"]
                elif "data" in fields:
                    yield Piece(fields["data"], fields.get("event", ""), fields.get("id", ""))
                fields.clear()

    def hear(self, piece: Piece) -> None:
        """What a client does with what arrives."""
        self.take(msgspec.json.decode(piece.text, type=Heard))

    def take(self, frame: Heard) -> None:
        """What a client does with a frame."""
        if frame.at is None:  # a greeting, RESUMED or RESET
            self._control(frame)
        elif frame.seq <= self.last:
            self.repeated += 1
        else:
            self.holes += frame.seq != self.last + 1
            self.seqs.append(frame.seq)
            self.delays.append((datetime.now(UTC) - frame.at).total_seconds() * 1000)
            self.cursor = f"{frame.epoch}:{frame.seq}"
        self.connected.set()

    def _control(self, frame: Heard) -> None:
        if frame.type == "RESET" or not self.cursor:
            # Everything up to here is read by other means; what follows must be complete. Who
            # stood nowhere has lost nothing by being told so.
            self.resets += bool(self.cursor)
            self.start = frame.seq
            self.seqs.clear()
            self.cursor = f"{frame.epoch}:{frame.seq}"

    def complaints(self, log: list[int]) -> list[str]:
        """What is wrong with what was heard, compared with the log; nothing if all is well."""
        assert self.start is not None
        expected = [seq for seq in log if seq > self.start]
        found = []
        if self.resets:  # each excuses everything before it
            found.append(f"{self.resets} resets")
        if self.holes:
            found.append(f"{self.holes} holes")
        if self.repeated:
            found.append(f"{self.repeated} frames twice")
        missing = len(set(expected) - set(self.seqs))
        if missing:
            found.append(f"{missing} of {len(expected)} events missing")
        if self.seqs != sorted(set(self.seqs)):
            found.append("out of order")
        return found
