"""What 5,000 people cost who only are there: CPU of the server, and memory of each socket.

Each has a presence socket and says `heartbeat` every 30 s, as the shipped client does, evenly
spread; they are colleagues of a hundred in 50 workspaces. With Redis, as replicas have it.
"""

import asyncio
import itertools
import resource
import sys
from pathlib import Path
from time import perf_counter

import psutil
from benchmarks._servers import serving
from benchmarks._sockets import Talker
from benchmarks._table import Row, run
from benchmarks._teams import CHATS, Person, Town

from wealist.embedded.postgres import Postgres
from wealist.embedded.valkey import Valkey

WORKSPACES, PEOPLE = 50, 100
SOCKETS = WORKSPACES * PEOPLE
HEARTBEAT_SECONDS = 30
SECONDS = 60
EMPTY_SECONDS = 10
CPU_PERCENT = 5.0
QUIET_PERCENT = 10.0
"""CPU below which all have heard of each other."""
PATIENCE = 180
HEARTBEAT = b'{"type":"heartbeat"}'


class Present(Talker):
    """Somebody who is there; `answers` counts what came back for all heartbeats together."""

    answers = 0
    lost = 0

    def heard(self, text: bytes) -> None:
        Present.answers += text == b'{"type":"pong"}'

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        Present.lost += 1


async def connect(people: list[Person], port: int) -> list[Present]:
    loop = asyncio.get_running_loop()
    sockets = []
    for person in people:
        path = f"{CHATS}/ws/presence?token={person.token}"
        made = await loop.create_connection(lambda p=path: Present(p, port), "127.0.0.1", port)  # type: ignore[misc]
        await made[1].opened
        sockets.append(made[1])
    return sockets


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def quiet(process: psutil.Process) -> None:
    """Wait until the server has little to do any more."""
    async with asyncio.timeout(PATIENCE):
        while True:
            before = cpu(process)
            await asyncio.sleep(2)
            if (cpu(process) - before) / 2 * 100 < QUIET_PERCENT:
                return


async def beat(sockets: list[Present], seconds: float) -> int:
    """Heartbeats of all, in turn; how many."""
    pause, began = HEARTBEAT_SECONDS / len(sockets), perf_counter()
    turn, count = itertools.cycle(sockets), 0
    while (passed := perf_counter() - began) < seconds:
        while count * pause <= passed:
            next(turn).say(HEARTBEAT)
            count += 1
        await asyncio.sleep(pause)
    return count


async def measure(folder: Path) -> list[Row]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    postgres = await Postgres.start(folder / "postgres")
    valkey = await Valkey.start(folder / "valkey")
    try:
        with serving(folder, postgres.url, REDIS_URL=valkey.url) as (server, port):
            return await watch(server, Town(port, postgres.url), port)
    finally:
        await valkey.stop()
        await postgres.stop()


async def watch(server: psutil.Popen, town: Town, port: int) -> list[Row]:
    began = perf_counter()
    people = await town.people(SOCKETS)
    for start in range(0, SOCKETS, PEOPLE):
        await town.workspace(people[start : start + PEOPLE])
    await town.close()
    signed_in = perf_counter() - began
    await quiet(server)
    before = cpu(server)
    await asyncio.sleep(EMPTY_SECONDS)
    alone = (cpu(server) - before) / EMPTY_SECONDS * 100
    empty = server.memory_info().rss
    began = perf_counter()
    sockets = await connect(people, port)
    connected = perf_counter() - began
    await quiet(server)
    # A while as in daily life, so that what comes later than the sockets themselves is counted.
    await beat(sockets, HEARTBEAT_SECONDS)
    answered, before = Present.answers, cpu(server)
    beats = await beat(sockets, SECONDS)
    used = cpu(server) - before
    await asyncio.sleep(1)
    kilobytes = (server.memory_info().rss - empty) / SOCKETS / 1024
    lost = Present.lost
    for socket in sockets:
        socket.transport.abort()
    return [
        Row("sign-ins", SOCKETS / signed_in, "/s"),
        Row("sockets opened", SOCKETS / connected, "/s"),
        Row("sockets lost", lost, "", 0),
        Row("heartbeats", beats / SECONDS, "/s"),
        Row("heartbeats without an answer", max(0, beats - (Present.answers - answered)), "", 0),
        Row("CPU of the server for a heartbeat", used / beats * 1e6, "µs"),
        Row("CPU of the server before they came", alone, "%"),
        Row("CPU of the server", used / SECONDS * 100, "%", CPU_PERCENT),
        Row("memory of a socket", kilobytes, "KB"),
    ]


def main() -> int:
    return run(f"{SOCKETS} idle presence sockets for {SECONDS} seconds", measure)


if __name__ == "__main__":
    sys.exit(main())
