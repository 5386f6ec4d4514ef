"""How long a change takes from its commit to 200 sockets, over two replicas and Redis.

200 events a second, written on both replicas in turn, for 20 seconds; the time is from `at` in the
frame (PostgreSQL's clock just before the commit) to the client.
"""

import asyncio
import contextlib
import functools
import itertools
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from time import perf_counter, time
from typing import ClassVar

import msgspec
from benchmarks._servers import serving
from benchmarks._sockets import Client, alive
from benchmarks._table import Row, run
from tests.live.keys import new_private_key

from wealist.doctor.realtime.account import API, Account, Scratch
from wealist.embedded.postgres import Postgres
from wealist.embedded.valkey import Valkey

SOCKETS = 200
PER_SECOND = 200
SECONDS = 20
PENS = 16
MARK = b'"at":"'
LENGTH = 27
"""Of a time with microseconds and `Z`."""
P50_MS, P99_MS = 10.0, 50.0


class Watch(Client):
    """Notes when each frame came, and the time of its commit as it stands in it."""

    seen: ClassVar[list[tuple[float, bytes]]] = []
    _rest = b""

    def data_received(self, data: bytes) -> None:
        moment = time()
        super().data_received(data)
        data = self._rest + data
        at = data.find(MARK)
        while 0 <= at <= len(data) - len(MARK) - LENGTH:
            Watch.seen.append((moment, data[at + len(MARK) : at + len(MARK) + LENGTH]))
            at = data.find(MARK, at + len(MARK))
        # A mark may be cut in two; the rest of it comes with the next read.
        self._rest = data[at:] if at >= 0 else data[1 - len(MARK) :]


async def listen(urls: list[str], project: str, token: str) -> list[Watch]:
    """Half of the sockets on each replica."""
    loop = asyncio.get_running_loop()
    path = f"/svc/board/ws/project/{project}?token={token}"
    clients = []
    for number in range(SOCKETS):
        port = int(urls[number % 2].rpartition(":")[2])
        made = await loop.create_connection(lambda p=port: Watch(path, p), "127.0.0.1", port)  # type: ignore[misc]
        clients.append(made[1])
        await made[1].opened
    return clients


class Pen:
    """A keep-alive connection that sends one change after the other, at little cost."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def at(cls, url: str) -> "Pen":
        return cls(*await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2])))

    async def move(self, card: str, project: str, token: str, value: str) -> None:
        body = msgspec.json.encode(
            {"projectId": project, "groupByFieldName": "stage", "newFieldValue": value}
        )
        self._writer.write(
            f"PUT {API}/boards/{card}/move HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert length is not None
        await self._reader.readexactly(int(length[1]))


async def write(owner: Account, scratch: Scratch) -> int:
    """Changes at a steady pace, on both replicas in turn; how many were made."""
    pens = [await Pen.at(owner.urls[number % 2]) for number in range(PENS)]
    began, numbers = perf_counter(), itertools.count()
    made = 0

    async def scribble(pen: Pen) -> None:
        nonlocal made
        while (number := next(numbers)) < PER_SECOND * SECONDS:
            await asyncio.sleep(began + number / PER_SECOND - perf_counter())
            card = scratch.cards[number % len(scratch.cards)]
            value = ("review", "approved")[number // len(scratch.cards) % 2]
            await pen.move(card, scratch.project_id, owner.token, value)
            made += 1

    await asyncio.gather(*(scribble(pen) for pen in pens))
    return made


@contextlib.contextmanager
def replicas(folder: Path, database_url: str, redis_url: str, **more: str) -> Iterator[list[str]]:
    """The addresses of two replicas."""
    env = {"REDIS_URL": redis_url, "JWT_RSA_PRIVATE_KEY": new_private_key(), **more}
    with contextlib.ExitStack() as stack:
        urls = []
        for place in (folder / "one", folder / "two"):
            place.mkdir()
            _, port = stack.enter_context(serving(place, database_url, **env))
            urls.append(f"http://127.0.0.1:{port}")
        yield urls


async def measure(folder: Path) -> list[Row]:
    postgres = await Postgres.start(folder / "postgres")
    valkey = await Valkey.start(folder / "valkey")
    sockets = {"WEALIST_SOCKETS_PER_USER": "10000"}
    try:
        with replicas(folder, postgres.url, valkey.url, **sockets) as urls:
            owner = Account(urls, "ann")
            await owner.sign_in()
            scratch = Scratch(owner)
            await scratch.make(20)
            clients = await listen(urls, scratch.project_id, owner.token)
            await asyncio.sleep(1)
            began = perf_counter()
            async with alive(clients):
                made = await write(owner, scratch)
            seconds = perf_counter() - began
            await asyncio.sleep(1)
            for client in clients:
                client.transport.abort()
            await owner.close()
    finally:
        await valkey.stop()
        await postgres.stop()
    found = sorted((moment - _seconds(text)) * 1e3 for moment, text in Watch.seen)
    return [
        Row("events a second", made / seconds, "/s"),
        Row("deliveries that are missing", made * SOCKETS - len(found), "", 0),
        Row("commit to client, p50", found[len(found) // 2], "ms", P50_MS),
        Row("commit to client, p99", found[int(len(found) * 0.99)], "ms", P99_MS),
        Row("commit to client, longest", found[-1], "ms"),
    ]


@functools.cache
def _seconds(text: bytes) -> float:
    moment = text.partition(b'"')[0].decode()
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def main() -> int:
    return run(
        f"{PER_SECOND} events/s to {SOCKETS} sockets on two replicas, {SECONDS} seconds", measure
    )


if __name__ == "__main__":
    sys.exit(main())
