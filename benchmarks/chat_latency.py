"""How long a message takes from one person's socket to the others' on another replica.

Two replicas, one PostgreSQL (fsync on), one Redis: 500 messages a second in 100 rooms of five
people, whose sockets are spread over both replicas, senders on both in turn. Each message carries
its number and the moment it was said; all clocks are those of this process.
"""

import asyncio
import gc
import re
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import ClassVar

from benchmarks._cpu import Parts
from benchmarks._sockets import Talker
from benchmarks._table import Row, run
from benchmarks._teams import Town, door
from benchmarks.replicas_latency import replicas

from wealist.embedded.postgres import Postgres
from wealist.embedded.valkey import Valkey

ROOMS = 100
PEOPLE = 5
PER_SECOND = 500
SECONDS = 20
MESSAGES = PER_SECOND * SECONDS
WARM_UP = 2
"""Seconds of the same load before anything counts."""
P50_MS, P99_MS = 10.0, 50.0
STAMP = re.compile(rb'"content":( ?)"(-?\d+) (\d) (\d+) ')
"""The space is there in frames that the hub has read from the log, since nobody brought them."""
WORDS = b"Has anybody seen yesterday's figures? They look better than what we had planned."


class Member(Talker):
    """One socket of a room, on replica 0 or 1. Hears what is said with a number of its own."""

    refused = reread = 0
    times: ClassVar[dict[bool, list[float]]] = {True: [], False: []}
    """Milliseconds to sockets on the sender's replica (True) and on the other one (False)."""

    def __init__(self, path: str, port: int, room: int, replica: int) -> None:
        super().__init__(path, port)
        self.room, self.replica = room, replica
        self.numbers: list[int] = []

    def speak(self, number: int) -> None:
        moment = perf_counter_ns()
        said = b'{"type":"MESSAGE","content":"%d %d %d %s"}'
        self.say(said % (number, self.replica, moment, WORDS))

    def heard(self, text: bytes) -> None:
        now = perf_counter_ns()
        if text.startswith(b'{"type":"MESSAGE_RECEIVED"'):
            stamp = STAMP.search(text)
            assert stamp is not None, text
            number = int(stamp[2])
            self.numbers.append(number)
            if number >= 0:
                same = int(stamp[3]) == self.replica
                Member.times[same].append((now - int(stamp[4])) / 1e6)
                Member.reread += bool(stamp[1])
        elif text.startswith(b'{"type":"ERROR"'):
            Member.refused += 1


async def gather(urls: list[str], database_url: str) -> list[list[Member]]:
    """The rooms with a socket for each of their people, spread evenly over both replicas."""
    ports = [int(url.rpartition(":")[2]) for url in urls]
    town = Town(ports[0], database_url)
    people = await town.people(ROOMS * PEOPLE)
    workspace_id = await town.workspace(people)
    groups = [people[start : start + PEOPLE] for start in range(0, len(people), PEOPLE)]
    ids = await town.rooms(workspace_id, groups)
    await town.close()
    loop = asyncio.get_running_loop()
    rooms: list[list[Member]] = []
    for number, (room_id, group) in enumerate(zip(ids, groups, strict=True)):
        rooms.append([])
        for seat, person in enumerate(group):
            replica = (number + seat) % 2
            path, port = door(room_id, person), ports[replica]
            made = await loop.create_connection(
                lambda p=path, at=port, n=number, r=replica: Member(p, at, n, r),  # type: ignore[misc]
                "127.0.0.1",
                port,
            )
            await made[1].opened
            rooms[-1].append(made[1])
    return rooms


async def talk(rooms: list[list[Member]], first: int, count: int) -> float:
    """Messages at a steady pace, in all rooms and by all people in turn; the seconds it took."""
    began = perf_counter_ns()
    for n in range(count):
        ahead = n / PER_SECOND - (perf_counter_ns() - began) / 1e9
        if ahead > 0:
            await asyncio.sleep(ahead)
        room = rooms[n % ROOMS]
        room[n // ROOMS % PEOPLE].speak(first + n)
    return (perf_counter_ns() - began) / 1e9


def wrong(rooms: list[list[Member]]) -> tuple[int, int]:
    """Deliveries that are missing, and those that came again."""
    missing = twice = 0
    for number, members in enumerate(rooms):
        expected = set(range(number, MESSAGES, ROOMS))
        for member in members:
            numbers = [one for one in member.numbers if one >= 0]
            missing += len(expected - set(numbers))
            twice += len(numbers) - len(set(numbers))
    return missing, twice


async def measure(folder: Path) -> list[Row]:
    postgres = await Postgres.start(folder / "postgres")
    valkey = await Valkey.start(folder / "valkey")
    try:
        with replicas(folder, postgres.url, valkey.url) as urls:
            rooms = await gather(urls, postgres.url)
            await asyncio.sleep(2)
            gc.freeze()
            # Numbers below 0 are not counted.
            await talk(rooms, -WARM_UP * PER_SECOND, WARM_UP * PER_SECOND)
            parts = Parts()
            seconds = await talk(rooms, 0, MESSAGES)
            percent = parts.percent()
            await asyncio.sleep(2)
            for member in [one for members in rooms for one in members]:
                member.transport.abort()
    finally:
        await valkey.stop()
        await postgres.stop()
    missing, twice = wrong(rooms)
    there, here = sorted(Member.times[False]), sorted(Member.times[True])
    return [
        Row("messages a second", MESSAGES / seconds, "/s"),
        Row("refused", Member.refused, "", 0),
        Row("deliveries that are missing", missing, "", 0),
        Row("deliveries that came twice", twice, "", 0),
        Row("deliveries that were read from the log", Member.reread, ""),
        Row("to the same replica, p50", here[len(here) // 2], "ms"),
        Row("to the same replica, p99", here[int(len(here) * 0.99)], "ms"),
        Row("to the other replica, p50", there[len(there) // 2], "ms", P50_MS),
        Row("to the other replica, p99", there[int(len(there) * 0.99)], "ms", P99_MS),
        Row("to the other replica, longest", there[-1], "ms"),
        *(Row(f"CPU of a core: {part}", share, "%") for part, share in percent.items()),
    ]


def main() -> int:
    return run(
        f"{PER_SECOND} messages/s in {ROOMS} rooms of {PEOPLE} on two replicas, {SECONDS} seconds",
        measure,
    )


if __name__ == "__main__":
    sys.exit(main())
