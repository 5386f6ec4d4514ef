"""What it costs to bring one event to 500 sockets, and what 5,000 idle sockets keep in memory.

Beside a bare uvicorn program that puts the same text into a queue per client. Frames have 300
characters. What counts is the CPU of the server's process.
"""

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
import uvloop
from benchmarks import _sockets
from benchmarks._table import Row, show
from benchmarks.start import free_port
from benchmarks.workspaces_list import person, post, until_ready

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


def started(module: str, port: int, env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", module, str(port)],
            cwd=Path(__file__).parents[1],
            env=env,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
        )


class Target:
    """A server, and how to have it send frames to everybody."""

    def __init__(self, process: subprocess.Popen[bytes], order: str) -> None:
        self.process, self.order = process, order
        self.seen = psutil.Process(process.pid)

    def cpu(self) -> float:
        times = self.seen.cpu_times()
        return float(times.user + times.system)

    async def round(self, frames: int) -> float:
        """Deliveries for each second of CPU."""
        before, heard = self.cpu(), _sockets.Client.received
        assert self.process.stdin is not None
        self.process.stdin.write(f"{self.order}{frames}\n".encode())
        self.process.stdin.flush()
        await _sockets.received(heard + frames * SOCKETS * WIRE)
        return frames * SOCKETS / (self.cpu() - before)


def project(port: int, token: str) -> str:
    workspace = post(port, "/svc/user/api/workspaces/create", {"workspaceName": "Bench"}, token)
    body = {"workspaceId": workspace["workspaceId"], "name": "Bench"}
    made: str = post(port, "/svc/board/api/projects", body, token)["data"]["projectId"]
    return made


async def measure(folder: Path) -> list[Row]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    postgres = await Postgres.start(folder / "postgres")
    env = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": postgres.url,
        "ENABLE_TEST_AUTH": "true",
        "RATE_LIMIT_ENABLED": "false",
        "WEALIST_DATA_DIR": str(folder / "data"),
        "WEALIST_SOCKETS_PER_USER": "100000",
    }
    ports = free_port(), free_port()
    bare = started("benchmarks._fanout_bare", ports[0], env, folder / "bare.log")
    ours = started("benchmarks._fanout_ours", ports[1], env, folder / "ours.log")
    clients: list[Any] = []
    try:
        until_ready(psutil.Process(bare.pid), ports[0], "/", folder / "bare.log")
        until_ready(
            psutil.Process(ours.pid), ports[1], "/svc/user/health/ready", folder / "ours.log"
        )
        token, _ = person(ports[1])
        of = project(ports[1], token)
        door = f"/svc/board/ws/project/{of}?token={token}"
        targets = Target(bare, ""), Target(ours, f"{of} ")
        rates: tuple[list[float], list[float]] = [], []
        groups = [
            await _sockets.connect(["/"] * SOCKETS, ports[0]),
            await _sockets.connect([door] * SOCKETS, ports[1]),
        ]
        await asyncio.sleep(0.5)
        for target in targets:
            await target.round(FRAMES // 4)
        for _ in range(ROUNDS):
            for target, found in zip(targets, rates, strict=True):
                found.append(await target.round(FRAMES))
        for client in [one for group in groups for one in group]:
            client.transport.abort()
        await asyncio.sleep(1)
        before = targets[1].seen.memory_info().rss
        clients += await _sockets.connect([door] * IDLE, ports[1])
        await asyncio.sleep(1)
        idle = (targets[1].seen.memory_info().rss - before) / IDLE / 1024
    finally:
        for client in clients:
            client.transport.abort()
        for process in (bare, ours):
            process.terminate()
            process.wait(30)
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


def main() -> int:
    print(f"{FRAMES} frames to {SOCKETS} sockets, median of {ROUNDS} rounds")
    with (
        tempfile.TemporaryDirectory(prefix="wealist-bench-") as place,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return show(runner.run(measure(Path(place))))


if __name__ == "__main__":
    sys.exit(main())
