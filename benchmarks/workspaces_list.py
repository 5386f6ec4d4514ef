"""What `GET /svc/user/api/workspaces/all` costs, against a bare handler that runs the same SQL.

Ours is the real `wealist serve` as production runs it: token, rate limit, metrics, access log.
Both answer the same keep-alive load from the same PostgreSQL, in turns. What counts is the CPU that
the server's process used for a request (user and system), so PostgreSQL and the load generator
don't.
"""

import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import uvloop
from benchmarks import _bare, _load
from benchmarks._servers import WORKSPACES, free_port, person, serving, started, until_ready
from benchmarks._table import Row, show

from wealist.embedded.postgres import Postgres

BOUND = 2.5
CONNECTIONS = 16
WARM_UP = 2_000
REQUESTS = 6_000
ROUNDS = 7
PATIENCE = 60.0
USER = "/svc/user/api/workspaces"


class Target(NamedTuple):
    """A server under load."""

    process: psutil.Process
    port: int
    request: bytes

    def cpu(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


class Round(NamedTuple):
    """What one round showed."""

    micros: float
    per_second: float


async def load(target: Target, times: int) -> Round:
    before = target.cpu()
    async with asyncio.timeout(PATIENCE):
        seconds = await _load.repeat(
            target.request, target.port, times=times, connections=CONNECTIONS
        )
    return Round((target.cpu() - before) / times * 1e6, times / seconds)


async def compare(bare: Target, ours: Target) -> tuple[list[Round], list[Round]]:
    """Rounds of each, in turns, so that a busy machine is equally unkind to both."""
    for target in (bare, ours):
        await load(target, WARM_UP)
    rounds: tuple[list[Round], list[Round]] = [], []
    for _ in range(ROUNDS):
        for target, results in zip((bare, ours), rounds, strict=True):
            results.append(await load(target, REQUESTS))
    return rounds


@contextlib.contextmanager
def both(folder: Path, database_url: str) -> Iterator[tuple[Target, Target]]:
    """The bare server and ours, on one database, with the same rows to show."""
    limits = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_PER_MINUTE": "1000000000"}
    with serving(folder, database_url, LOG_LEVEL="info", **limits) as (ours, port):
        token, user = person(port)
        its, log = free_port(), folder / "bare.log"
        command = ["benchmarks._bare", str(its), user]
        with started(command, {"DATABASE_URL": database_url}, log) as bare:
            until_ready(bare, its, _bare.PATH, log)
            request = _load.get(f"{USER}/all", port, Authorization=f"Bearer {token}")
            yield Target(bare, its, _load.get(_bare.PATH, its)), Target(ours, port, request)


async def measure() -> tuple[list[Round], list[Round]]:
    with tempfile.TemporaryDirectory(prefix="wealist-bench-") as place:
        postgres = await Postgres.start(Path(place) / "postgres")
        try:
            with both(Path(place), postgres.url) as (bare, ours):
                return await compare(bare, ours)
        finally:
            await postgres.stop()


def main() -> int:
    print(f"CPU of the server for one list of {WORKSPACES} workspaces, median of {ROUNDS} rounds")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        bare, ours = runner.run(measure())
    # Each pair of rounds by itself: what else the machine does changes from round to round.
    ratios = [our.micros / its.micros for our, its in zip(ours, bare, strict=True)]
    rows = [
        row
        for who, rounds in (("bare handler", bare), ("wealist serve", ours))
        for row in (
            Row(f"{who}, CPU a request", statistics.median(r.micros for r in rounds), "µs"),
            Row(f"{who}, requests", statistics.median(r.per_second for r in rounds), "/s"),
        )
    ]
    return show([*rows, Row("wealist serve / bare handler", statistics.median(ratios), "×", BOUND)])


if __name__ == "__main__":
    sys.exit(main())
