"""What it costs to bring one event to 500 sockets, and what 5,000 idle sockets keep in memory.

Beside a bare uvicorn program that puts the same text into a queue per client. Frames have 300
characters. What counts is the CPU of the server's process.
"""

import asyncio
import contextlib
import resource
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
from benchmarks import _sockets
from benchmarks._servers import free_port, person, project, started, until_ready
from benchmarks._table import Row, run

from wealist.embedded.postgres import Postgres

SOCKETS = 500
FRAMES = 400
ROUNDS = 5
IDLE = 5_000
PER_SECOND = 60_000
RATIO = 0.8
IDLE_KB = 25.0
WIRE = 304
"""Bytes of a frame of 300 characters."""


class Target:
    """A server, and how to have it send frames to everybody."""

    def __init__(self, process: psutil.Popen, order: str) -> None:
        self.process, self.order = process, order

    def cpu(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    async def round(self, frames: int) -> float:
        """Deliveries for each second of CPU."""
        before, heard = self.cpu(), _sockets.Client.received
        self.process.stdin.write(f"{self.order}{frames}\n".encode())
        self.process.stdin.flush()
        await _sockets.received(heard + frames * SOCKETS * WIRE)
        return frames * SOCKETS / (self.cpu() - before)


async def measure(folder: Path) -> list[Row]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    postgres = await Postgres.start(folder / "postgres")
    try:
        with both(folder, postgres.url) as (bare, ours, door, ports):
            rates = await race((bare, ours), (["/"] * SOCKETS, [door] * SOCKETS), ports)
            idle = await kilobytes(ours, door, ports[1])
    finally:
        await postgres.stop()
    ratio = statistics.median(our / its for our, its in zip(rates[1], rates[0], strict=True))
    bare_rate, our_rate = statistics.median(rates[0]), statistics.median(rates[1])
    lowest = min(PER_SECOND, RATIO * bare_rate)
    return [
        Row("bare uvicorn, deliveries a second of CPU", bare_rate, "/s"),
        Row("wealist serve, deliveries a second of CPU", our_rate, "/s"),
        Row("wealist serve / bare uvicorn", ratio, "×"),
        Row("what is required / what wealist does", lowest / our_rate, "×", 1.0),
        Row(f"one of {IDLE} idle sockets", idle, "KB", IDLE_KB),
    ]


@contextlib.contextmanager
def both(folder: Path, database_url: str) -> Iterator[tuple[Target, Target, str, tuple[int, int]]]:
    """The bare server and ours, the path of ours that a socket opens, and their ports."""
    env = {
        "DATABASE_URL": database_url,
        "ENABLE_TEST_AUTH": "true",
        "RATE_LIMIT_ENABLED": "false",
        "WEALIST_DATA_DIR": str(folder / "data"),
        "WEALIST_SOCKETS_PER_USER": "100000",
    }
    ports = free_port(), free_port()
    logs = folder / "bare.log", folder / "ours.log"
    with (
        started(["benchmarks._fanout_bare", str(ports[0])], {}, logs[0]) as bare,
        started(["benchmarks._fanout_ours", str(ports[1])], env, logs[1]) as ours,
    ):
        until_ready(bare, ports[0], "/", logs[0])
        until_ready(ours, ports[1], "/svc/user/health/ready", logs[1])
        token, _ = person(ports[1])
        of = project(ports[1], token)
        door = f"/svc/board/ws/project/{of}?token={token}"
        yield Target(bare, ""), Target(ours, f"{of} "), door, ports


async def race(
    targets: tuple[Target, Target], paths: tuple[list[str], list[str]], ports: tuple[int, int]
) -> tuple[list[float], list[float]]:
    """Rounds of each, in turns, so that a busy machine is equally unkind to both."""
    rates: tuple[list[float], list[float]] = [], []
    groups = [await _sockets.connect(*one) for one in zip(paths, ports, strict=True)]
    clients = [one for group in groups for one in group]
    async with _sockets.alive(clients):
        await asyncio.sleep(0.5)
        for target in targets:
            await target.round(FRAMES // 4)
        for _ in range(ROUNDS):
            for target, found in zip(targets, rates, strict=True):
                found.append(await target.round(FRAMES))
    for client in clients:
        client.transport.abort()
    await asyncio.sleep(1)
    return rates


async def kilobytes(ours: Target, door: str, port: int) -> float:
    """What an idle socket keeps in the server's memory."""
    before = ours.process.memory_info().rss
    clients = await _sockets.connect([door] * IDLE, port)
    await asyncio.sleep(1)
    found = (ours.process.memory_info().rss - before) / IDLE / 1024
    for client in clients:
        client.transport.abort()
    return float(found)


def main() -> int:
    return run(f"{FRAMES} frames to {SOCKETS} sockets, median of {ROUNDS} rounds", measure)


if __name__ == "__main__":
    sys.exit(main())
