"""How many messages a second one process takes over WebSockets, each durable before it is heard.

A hundred people in a hundred rooms say something again as soon as they have heard their own words,
with a few on their way at any time. Beside two bare programs (asyncpg and uvicorn) that run the
same statements on the same PostgreSQL with fsync on, in turns: one with a transaction for each
message, and one that shares transactions as ours does.
"""

import asyncio
import contextlib
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import psutil
from benchmarks._servers import free_port, serving, started, until_ready
from benchmarks._sockets import Talker
from benchmarks._table import Row, run
from benchmarks._teams import Person, Town, door

from wealist.embedded.postgres import Postgres

ROOMS = 100
PEOPLE = 5
"""In a room; each of them is in as many rooms."""
WINDOW = 8
MESSAGES = 50
"""A socket in a round. All rounds stay below what one connection may say in a minute."""
ROUNDS = 5
PER_SECOND = 1_500
RATIO = 0.6
PATIENCE = 120.0
WORDS = b"Has anybody seen yesterday's figures? They look better than what we had planned."
CONTENT = re.compile(rb'"content": ?"(\d+) ')
"""With a space when the hub has read it from the log."""


class Sender(Talker):
    """Says something, with at most `WINDOW` messages on their way, until it has heard them all.

    Its messages are numbered: it fails unless it hears its own, each once, in their order.
    """

    said = heard_so_far = goal = surplus = 0

    def begin(self, count: int) -> asyncio.Future[None]:
        """Done when all are heard."""
        self.goal += count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for _ in range(WINDOW):
            self._next()
        return self.done

    def heard(self, text: bytes) -> None:
        if text.startswith(b'{"type":"MESSAGE_RECEIVED"'):
            number = CONTENT.search(text)
            expected = number is not None and int(number[1]) == self.heard_so_far
            if expected and not self.done.done():
                self.heard_so_far += 1
                self._next()
                if self.heard_so_far == self.goal:
                    self.done.set_result(None)
                return
        elif not text.startswith(b'{"type":"ERROR"'):
            return
        if self.done.done():
            self.surplus += 1
        else:
            self.done.set_exception(ConnectionError(text.decode()))

    def _next(self) -> None:
        if self.said < self.goal:
            self.say(b'{"type":"MESSAGE","content":"%d %s"}' % (self.said, WORDS))
            self.said += 1


class Target(NamedTuple):
    """A server under load, and its sockets."""

    process: psutil.Popen
    senders: list[Sender]

    @classmethod
    async def of(cls, process: psutil.Popen, port: int, paths: list[str]) -> "Target":
        loop = asyncio.get_running_loop()
        senders = []
        for path in paths:
            made = await loop.create_connection(lambda p=path: Sender(p, port), "127.0.0.1", port)  # type: ignore[misc]
            senders.append(made[1])
            await made[1].opened
        return cls(process, senders)

    async def round(self, count: int) -> tuple[float, float]:
        """Messages a second, and the CPU of the server for one of them in microseconds."""
        before, began = self._cpu(), perf_counter()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*[one.begin(count) for one in self.senders])
        messages = count * len(self.senders)
        return messages / (perf_counter() - began), (self._cpu() - before) / messages * 1e6

    def _cpu(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


async def fill(town: Town, targets: int) -> list[list[tuple[str, Person]]]:
    """For each program rooms of its own, and who speaks in each: what others write into a room
    would be heard there too, since it is in the log."""
    people = await town.people(ROOMS)
    workspace_id = await town.workspace(people)
    groups = [[people[(n + k) % ROOMS] for k in range(PEOPLE)] for n in range(ROOMS)]
    found = [await town.rooms(workspace_id, groups) for _ in range(targets)]
    return [list(zip(rooms, people, strict=True)) for rooms in found]


@contextlib.contextmanager
def bare(folder: Path, database_url: str, mode: str) -> Iterator[tuple[psutil.Popen, int]]:
    port, log = free_port(), folder / f"{mode}.log"
    command = ["benchmarks._bare_chat", str(port), mode]
    with started(command, {"DATABASE_URL": database_url}, log) as process:
        until_ready(process, port, "/", log)
        yield process, port


async def measure(folder: Path) -> list[Row]:
    postgres = await Postgres.start(folder / "postgres")
    try:
        with contextlib.ExitStack() as stack:
            ours, port = stack.enter_context(serving(folder, postgres.url))
            town = Town(port, postgres.url)
            *theirs, seats = await fill(town, 3)
            await town.close()
            targets = []
            for mode, its in zip(("alone", "together"), theirs, strict=True):
                process, its_port = stack.enter_context(bare(folder, postgres.url, mode))
                paths = [f"/{room}/{person.id}" for room, person in its]
                targets.append(await Target.of(process, its_port, paths))
            targets.append(await Target.of(ours, port, [door(*seat) for seat in seats]))
            return await compare(targets)
    finally:
        await postgres.stop()


async def compare(targets: list[Target]) -> list[Row]:
    """Rounds of each, in turns, so that a busy machine is equally unkind to all."""
    for target in targets:
        await target.round(MESSAGES // 2)
    rounds = [[await target.round(MESSAGES) for target in targets] for _ in range(ROUNDS)]
    await asyncio.sleep(1)
    senders = [sender for target in targets for sender in target.senders]
    for sender in senders:
        sender.transport.abort()
    alone, together, ours = (
        statistics.median(one[n][0] for one in rounds) for n in range(len(targets))
    )
    lowest = min(PER_SECOND, RATIO * together)
    ratios = [
        statistics.median(one[2][0] / one[n][0] for one in rounds) for n in range(len(targets) - 1)
    ]
    return [
        Row("bare, a transaction for each", alone, "/s"),
        Row("bare, transactions shared", together, "/s"),
        Row("wealist serve", ours, "/s"),
        Row("wealist serve / bare, a transaction for each", ratios[0], "×"),
        Row("wealist serve / bare, transactions shared", ratios[1], "×"),
        Row("bare, shared: CPU a message", statistics.median(one[1][1] for one in rounds), "µs"),
        Row("wealist serve: CPU a message", statistics.median(one[2][1] for one in rounds), "µs"),
        Row("messages heard twice", sum(one.surplus for one in senders), "", 0),
        Row("what is required / what wealist does", lowest / ours, "×", 1.0),
    ]


def main() -> int:
    return run(
        f"{ROOMS} sockets in as many rooms, {MESSAGES} messages each, median of {ROUNDS} rounds",
        measure,
    )


if __name__ == "__main__":
    sys.exit(main())
