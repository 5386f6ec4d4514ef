"""A project of 4,000 cards: the whole list, and its first page of 50, as a client waits for them.

Beside a bare asyncpg and msgspec program that runs the same statements, in turns.
"""

import statistics
import sys
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4

import asyncpg
import httpx
from benchmarks._servers import free_port, person, project, serving, started, until_ready
from benchmarks._table import Row, run

from wealist.board import ranks
from wealist.embedded.postgres import Postgres

CARDS = 4_000
ROUNDS = 15
ALL_SECONDS, PAGE_SECONDS, RATIO = 0.4, 0.05, 1.6

FILL = """
    INSERT INTO board.boards (id, project_id, author_id, assignee_id, title, content, custom_fields,
        rank, created_at, updated_at, version)
    SELECT id, $1, $2, $2, 'Card ' || n, repeat('What is to be done here. ', 8),
        '{"stage": "pending", "importance": "normal", "role": "developer"}', rank, now(), now(), 1
    FROM unnest($3::uuid[], $4::text[]) WITH ORDINALITY AS given (id, rank, n)
"""
PEOPLE = """
    INSERT INTO board.participants (id, board_id, user_id, created_at)
    SELECT gen_random_uuid(), id, $2, now() FROM board.boards WHERE project_id = $1
"""
ITEMS = """
    INSERT INTO board.checklist (id, board_id, text, is_done, rank, created_at, updated_at, version)
    SELECT gen_random_uuid(), id, 'Step', n = 1, 'a' || n || 'V', now(), now(), 1
    FROM board.boards, generate_series(1, 2) AS n WHERE project_id = $1
"""


async def fill(database_url: str, project_id: UUID, user: UUID) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        ids = [uuid4() for _ in range(CARDS)]
        await connection.execute(FILL, project_id, user, ids, ranks.spread(CARDS))
        await connection.execute(PEOPLE, project_id, user)
        await connection.execute(ITEMS, project_id)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def seconds(
    client: httpx.AsyncClient, url: str, cards: int, headers: dict[str, str] | None = None
) -> float:
    began = perf_counter()
    answer = await client.get(url, headers=headers)
    took = perf_counter() - began
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) in (cards, cards + 1), len(answer.json()["data"])
    return took


async def measure(folder: Path) -> list[Row]:
    postgres = await Postgres.start(folder / "postgres")
    try:
        with serving(folder, postgres.url, LOG_LEVEL="info") as (_, port):
            token, user = person(port)
            of = project(port, token)
            await fill(postgres.url, UUID(of), UUID(user))
            its, log = free_port(), folder / "bare.log"
            command = ["benchmarks._bare_boards", str(its), of, user]
            with started(command, {"DATABASE_URL": postgres.url}, log) as bare:
                until_ready(bare, its, "/page", log)
                return await compare((its, port), of, token)
    finally:
        await postgres.stop()


async def compare(ports: tuple[int, int], of: str, token: str) -> list[Row]:
    """Both, in turns, so that a busy machine is equally unkind to both."""
    bare, ours = (f"http://127.0.0.1:{port}" for port in ports)
    boards = f"{ours}/svc/board/api/boards?projectId={of}"
    rows = []
    # As it is for the comparison, since the bare program compresses nothing.
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        for what, cards, its, our, bound in (
            ("all", CARDS, f"{bare}/all", boards, ALL_SECONDS),
            ("page", 50, f"{bare}/page", f"{boards}&limit=50", PAGE_SECONDS),
        ):
            pairs = [
                (await seconds(client, its, cards), await seconds(client, our, cards))
                for _ in range(ROUNDS + 3)
            ][3:]
            rows += [
                Row(f"{what}: bare", statistics.median(pair[0] for pair in pairs) * 1e3, "ms"),
                Row(
                    f"{what}: wealist serve",
                    statistics.median(pair[1] for pair in pairs) * 1e3,
                    "ms",
                    bound * 1e3,
                ),
                Row(
                    f"{what}: wealist serve / bare",
                    statistics.median(pair[1] / pair[0] for pair in pairs),
                    "×",
                    RATIO,
                ),
            ]
        packed = [
            await seconds(client, boards, CARDS, {"Accept-Encoding": "gzip"}) for _ in range(ROUNDS)
        ]
        bound = ALL_SECONDS * 1e3
        rows.append(Row("all, compressed", statistics.median(packed) * 1e3, "ms", bound))
    return rows


def main() -> int:
    return run(f"{CARDS} cards, medians of {ROUNDS} rounds at the client", measure)


if __name__ == "__main__":
    sys.exit(main())
