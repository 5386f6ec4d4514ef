"""What somebody with 200 rooms waits for who reads, in a chat of a million messages.

His list of rooms, pages of history at any depth, and searches for words from the most frequent to
one that nobody has said. Words follow Zipf's law over a vocabulary of 20,000, and some rooms are
far busier than others. Times are those of an HTTP client; all requests are made in turns.
"""

import asyncio
import itertools
import random
import statistics
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from benchmarks._servers import serving
from benchmarks._table import Row, run
from benchmarks._teams import CHATS, Person, Town

from wealist.embedded.postgres import Postgres

ROOMS = 200
PEOPLE = 5
MESSAGES = 1_000_000
VOCABULARY = 20_000
DAYS = 365
WARM_UP, ROUNDS = 3, 15
LIST_MS, HISTORY_MS, SEARCH_MS = 25.0, 15.0, 150.0
AT_A_TIME = 100_000
INDEX = "messages_words"
COLUMNS = (
    "id",
    "chat_id",
    "seq",
    "user_id",
    "content",
    "type",
    "created_at",
    "updated_at",
    "version",
)
SETTLE = (
    """
    UPDATE chat.chats c SET last_seq = m.seq, updated_at = m.at
    FROM (SELECT chat_id, max(seq) AS seq, max(created_at) AS at FROM chat.messages GROUP BY 1) m
    WHERE c.id = m.chat_id
    """,
    """
    UPDATE chat.participants p SET last_read_seq = c.last_seq - least(c.last_seq, 7)
    FROM chat.chats c WHERE c.id = p.chat_id
    """,
    "VACUUM ANALYZE",
)


def vocabulary(chance: random.Random) -> list[str]:
    """Words that can be said, the most frequent first."""
    syllables = ["".join(pair) for pair in itertools.product("bdfgklmnprstvz", "aeiou")]
    found: dict[str, None] = {}
    while len(found) < VOCABULARY:
        length = 1 + len(found).bit_length() // 4
        found["".join(chance.choices(syllables, k=chance.randint(length, length + 2)))] = None
    return list(found)


class Messages:
    """Rows for `chat.messages` in the order of their time."""

    def __init__(self, rooms: list[UUID], people: list[UUID], words: list[str]) -> None:
        self._rooms, self._people, self._words = rooms, people, words
        self._weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
        self._chance = random.Random(1)
        self.ids: dict[UUID, list[UUID]] = {room: [] for room in rooms}
        """What was said in each room, oldest first."""
        self._at = datetime.now(UTC) - timedelta(days=DAYS)

    def some(self, count: int) -> list[tuple[Any, ...]]:
        chance, step = self._chance, timedelta(days=DAYS) / (MESSAGES + 1)
        said = iter(chance.choices(self._words, cum_weights=self._weights, k=count * 16))
        rows: list[tuple[Any, ...]] = []
        for _ in range(count):
            self._at += step
            room = self._rooms[int(len(self._rooms) * chance.random() ** 2)]
            content = " ".join(itertools.islice(said, chance.randint(2, 16)))
            message_id = self._id()
            self.ids[room].append(message_id)
            user = self._people[chance.randrange(len(self._people))]
            seq = len(self.ids[room])
            rows.append((message_id, room, seq, user, content, "TEXT", self._at, self._at, 1))
        return rows

    def _id(self) -> UUID:
        """Of version 7, as ours are."""
        milliseconds = int(self._at.timestamp() * 1000)
        return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | self._chance.getrandbits(62))


async def fill(database_url: str, messages: Messages) -> None:
    """Write them all. The index over the words is made afterwards, since it would slow it down."""
    connection = await asyncpg.connect(database_url)
    try:
        index = await connection.fetchval(f"SELECT pg_get_indexdef('chat.{INDEX}'::regclass)")
        await connection.execute(f"DROP INDEX chat.{INDEX}")
        for _ in range(MESSAGES // AT_A_TIME):
            await connection.copy_records_to_table(
                "messages",
                schema_name="chat",
                columns=COLUMNS,
                records=messages.some(AT_A_TIME),
            )
        await connection.execute("SET maintenance_work_mem = '512MB'")
        await connection.execute(index)
        for statement in SETTLE:
            await connection.execute(statement)
    finally:
        await connection.close()


async def measure(folder: Path) -> list[Row]:
    postgres = await Postgres.start(folder / "postgres")
    try:
        with serving(folder, postgres.url) as (_, port):
            town = Town(port, postgres.url)
            people = await town.people(PEOPLE)
            workspace_id = await town.workspace(people)
            rooms = [UUID(one) for one in await town.rooms(workspace_id, [people] * ROOMS)]
            await town.close()
            words = vocabulary(random.Random(1))
            messages = Messages(rooms, [UUID(one.id) for one in people], words)
            began = perf_counter()
            await fill(postgres.url, messages)
            filled = Row("to fill it", perf_counter() - began, "s")
            return [filled, *await ask(f"http://127.0.0.1:{port}", people[0], messages, words)]
    finally:
        await postgres.stop()


class Question:
    """A request that is made again and again; its answers hold `hits` things, if that is known."""

    def __init__(self, what: str, path: str, bound: float, hits: int | None, **params: str) -> None:
        self.what, self.path, self.bound, self.hits, self.params = what, path, bound, hits, params
        self.headers: dict[str, str] = {}
        self.status = 200
        self.times: list[float] = []

    async def ask(self, client: httpx.AsyncClient) -> httpx.Response:
        began = perf_counter()
        answer = await client.get(CHATS + self.path, params=self.params, headers=self.headers)
        self.times.append((perf_counter() - began) * 1e3)
        assert answer.status_code == self.status, answer.text
        if self.status == 200:
            found = answer.json()["message"]
            count = len(found["hits"] if isinstance(found, dict) else found)
            assert count == self.hits or self.hits is None, (self.what, count)
        return answer


def questions(messages: Messages, words: list[str]) -> list[Question]:
    """Histories are those of the busiest room."""
    room, ids = max(messages.ids.items(), key=lambda pair: len(pair[1]))
    history, search = f"/messages/{room}", "/messages/search"
    found = [
        Question("my rooms", "/my", LIST_MS, ROOMS),
        Question("history: newest", history, HISTORY_MS, 50),
        Question("history: middle", history, HISTORY_MS, 50, before=str(ids[len(ids) // 2])),
        Question("history: oldest", history, HISTORY_MS, 50, before=str(ids[50])),
    ]
    for what, text, hits in (
        ("the commonest word", words[0], 20),
        ("a middling word", words[VOCABULARY // 40], 20),
        ("a rare word", words[-1], 20),
        ("a word nobody said", "zzyzx", 0),
        ("two common words", f"{words[0]} {words[20]}", 20),
        ("a common and a rare word", f"{words[0]} {words[-1]}", None),
    ):
        found.append(Question(f"search: {what}", search, SEARCH_MS, hits, q=text, limit="20"))
    return found


async def ask(url: str, person: Person, messages: Messages, words: list[str]) -> list[Row]:
    headers = {"Authorization": f"Bearer {person.token}", "Accept-Encoding": "identity"}
    wanted = questions(messages, words)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
        tag = (await wanted[0].ask(client)).headers["ETag"]
        same = Question("my rooms, unchanged (304)", "/my", LIST_MS, None)
        same.headers, same.status = {"If-None-Match": tag}, 304
        wanted.insert(1, same)
        for _ in range(WARM_UP + ROUNDS):
            for one in wanted:
                await one.ask(client)
            await asyncio.sleep(0)
    rows = []
    for one in wanted:
        times = one.times[-ROUNDS:]
        rows.append(Row(one.what, statistics.median(times), "ms", one.bound))
        rows.append(Row(f"{one.what}, worst", max(times), "ms"))
    return rows


def main() -> int:
    return run(
        f"{MESSAGES:,} messages in {ROOMS} rooms, medians and worst of {ROUNDS} rounds", measure
    )


if __name__ == "__main__":
    sys.exit(main())
