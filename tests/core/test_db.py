"""The engine: savepoints, and connections that always come back."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context

import asyncpg
import pytest
from msgspec import Struct

from tests.people import Server
from wealist.core import db


class Number(Struct):
    n: int


async def test_rows_become_structs(server: Server) -> None:
    assert await db.fetch(Number, "SELECT n::int FROM generate_series(1, $1) n", 2) == [
        Number(1),
        Number(2),
    ]
    assert await db.fetch_one(Number, "SELECT 1 AS n WHERE false") is None
    with pytest.raises(TypeError, match="Number has the fields"):
        await db.fetch(Number, "SELECT 1 AS other")


async def test_a_failing_commit_gives_its_connection_back(server: Server) -> None:
    await db.execute("CREATE TABLE IF NOT EXISTS public.parent (id int PRIMARY KEY)")
    await db.execute(
        "CREATE TABLE IF NOT EXISTS public.child (id int REFERENCES public.parent"
        " DEFERRABLE INITIALLY DEFERRED)"
    )
    try:
        for _ in range(server.settings.database_pool + 5):
            with pytest.raises(asyncpg.ForeignKeyViolationError):
                async with db.transaction():
                    await db.execute("INSERT INTO public.child VALUES (1)")
        assert db.current() is None
        assert db.pool_state()["in_use"] == 0
    finally:
        await db.execute("DROP TABLE public.child, public.parent")


async def test_a_cancelled_transaction_gives_its_connection_back(server: Server) -> None:
    async def long() -> None:
        async with db.transaction():
            await db.execute("SELECT pg_sleep(10)")

    tasks = [asyncio.create_task(long(), context=Context()) for _ in range(5)]
    await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert db.pool_state()["in_use"] == 0
    assert await db.fetch_value("SELECT 1") == 1


async def test_a_killed_backend_is_replaced(server: Server) -> None:
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        async with db.transaction():
            await db.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert await db.fetch_value("SELECT 1") == 1
    assert db.pool_state()["in_use"] == 0


async def test_an_inner_failure_leaves_the_outer_transaction_usable(server: Server) -> None:
    async with db.transaction():
        with pytest.raises(asyncpg.PostgresError):
            async with db.transaction():
                await db.execute("SELECT 1/0")
        assert await db.fetch_value("SELECT 1") == 1


async def test_statements_and_lock_waits_end(server: Server) -> None:
    shown = await db.fetch_value("SELECT current_setting('statement_timeout')")
    assert shown == "10s"
    assert await db.fetch_value("SELECT current_setting('lock_timeout')") == "5s"


async def test_statements_of_other_tasks_are_not_counted(
    server: Server, statements: Callable[[Awaitable[object]], Awaitable[int]]
) -> None:
    async def background() -> None:
        while True:
            await db.fetch_value("SELECT 2")

    async def work() -> None:
        for _ in range(5):
            await db.fetch_value("SELECT 1")

    other = asyncio.create_task(background())
    await asyncio.sleep(0.01)
    try:
        assert await statements(work()) == 5
    finally:
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)
