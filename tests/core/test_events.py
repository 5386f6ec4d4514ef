"""The event log: gap-free, in commit order, all or nothing."""

import asyncio
from contextvars import Context
from datetime import date, timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from msgspec import Struct

from tests.people import Server
from wealist.core import db, events


class Said(Struct):
    text: str


async def say(channel: str, text: str, pause: float = 0) -> None:
    async with db.transaction():
        events.append(channel, "said", Said(text), actor=None)
        await asyncio.sleep(pause)


def apart(coroutine: Any) -> "asyncio.Task[Any]":
    """A task with a context, and so a transaction, of its own."""
    return asyncio.create_task(coroutine, context=Context())


async def test_a_transaction_numbers_its_events_in_order(server: Server) -> None:
    actor = uuid4()
    async with db.transaction():
        for n in range(3):
            events.append("a", "said", Said(str(n)), actor=actor)
        events.append("b", "said", Said("else"), actor=None)
    found = await events.since("a", 0)
    assert [(event.seq, event.type, event.actor_id) for event in found] == [
        (1, "said", actor),
        (2, "said", actor),
        (3, "said", actor),
    ]
    assert bytes(found[0].payload) == b'{"text": "0"}'
    assert (await events.position("b")).top == 1
    assert [event.seq for event in await events.since("a", 1, limit=1)] == [2]


async def test_what_is_rolled_back_leaves_no_event_and_no_gap(server: Server) -> None:
    await say("a", "one")
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            events.append("a", "said", Said("lost"), actor=None)
            raise ZeroDivisionError
    async with db.transaction():
        events.append("a", "said", Said("kept"), actor=None)
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                events.append("a", "said", Said("lost"), actor=None)
                raise ZeroDivisionError
        async with db.transaction():
            events.append("a", "said", Said("inner"), actor=None)
    found = await events.since("a", 0)
    texts = [bytes(event.payload).decode() for event in found]
    assert [event.seq for event in found] == [1, 2, 3]
    assert texts == ['{"text": "one"}', '{"text": "kept"}', '{"text": "inner"}']


async def test_fifty_writers_at_once_leave_no_gap_and_no_deadlock(server: Server) -> None:
    async def write(n: int) -> None:
        async with db.transaction():
            for channel in ("abc", "bca", "cab")[n % 3]:
                events.append(channel, "said", Said(str(n)), actor=None)

    await asyncio.gather(*(apart(write(n)) for n in range(50)))
    for channel in "abc":
        found = await events.since(channel, 0)
        assert [event.seq for event in found] == list(range(1, 51))


async def test_a_reader_never_skips_an_event_that_commits_late(server: Server) -> None:
    """A cursor that has seen seq n has seen everything before n, whoever commits first."""
    cursor, seen = 0, []
    writers = [apart(say("a", str(n), pause=0.002 * (n % 7))) for n in range(40)]
    while len(seen) < 40:
        for event in await events.since("a", cursor):
            assert event.seq == cursor + 1
            cursor = event.seq
            seen.append(event.seq)
        await asyncio.sleep(0)
    await asyncio.gather(*writers)


async def test_events_need_a_transaction(server: Server) -> None:
    with pytest.raises(RuntimeError):
        events.append("a", "said", Said("x"), actor=None)
    with pytest.raises(RuntimeError):
        db.after_commit(print)


async def test_retention_drops_whole_days_and_says_where_history_begins(server: Server) -> None:
    await events.keep_partitions(ahead=3)
    await say("a", "old")
    await say("a", "old too")
    await say("b", "untouched by age")
    future = date.today() + timedelta(days=100)
    await db.execute("UPDATE core.event SET at = at + interval '1 day' WHERE seq = 2")
    await events.keep_partitions(ahead=1, today=future)
    position = await events.position("a")
    assert (position.floor, position.top) == (2, 2)
    assert await events.since("a", 0) == []
    await say("a", "new")
    assert [event.seq for event in await events.since("a", 2)] == [3]
    await events.keep_partitions(ahead=2)


async def test_retention_and_writers_of_old_channels_never_wait_for_each_other(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that holds the log and wants the channel, when retention has had the channel."""
    day = date(2020, 1, 1)
    await events._make(day)
    await say("a", "old")
    await db.execute("UPDATE core.event SET at = '2020-01-01 12:00Z'")
    raise_floor = events._raise_floor
    writers: list[asyncio.Task[Any]] = []

    async def raised(table: str, before: date) -> None:
        await raise_floor(table, before)
        writers.append(apart(say("a", "new", pause=0.3)))
        await asyncio.sleep(0.1)

    monkeypatch.setattr(events, "_raise_floor", raised)
    await events._drop(day)
    await asyncio.gather(*writers)
    position = await events.position("a")
    assert (position.floor, position.top) == (1, 2)
    assert day not in await events._days()


async def test_retention_waits_for_a_long_transaction_without_making_writers_wait(
    server: Server,
) -> None:
    day = date(2020, 1, 1)
    await events._make(day)

    async def long() -> None:
        async with db.transaction():
            await db.fetch_value("SELECT count(*) FROM core.event")
            await asyncio.sleep(1.5)

    holding = apart(long())
    await asyncio.sleep(0.1)
    dropping = apart(events._drop(day))
    slowest = 0.0
    while not holding.done():
        began = monotonic()
        await say("a", "quick")
        slowest = max(slowest, monotonic() - began)
        await asyncio.sleep(0.01)
    await dropping
    assert slowest < 1
    assert day not in await events._days()


async def test_callbacks_run_after_the_outermost_commit_only(server: Server) -> None:
    calls: list[str] = []

    async def later(text: str) -> None:
        calls.append(text)

    async with db.transaction():
        db.after_commit(calls.append, "outer")
        async with db.transaction():
            db.after_commit(later, "inner")
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                db.after_commit(calls.append, "rolled back")
                raise ZeroDivisionError
        assert calls == []
    assert calls == ["outer", "inner"]


async def test_a_failing_callback_does_not_undo_the_commit(server: Server) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    done: list[int] = []
    async with db.transaction():
        events.append("a", "said", Said("x"), actor=None)
        db.after_commit(fail)
        db.after_commit(done.append, 1)
    assert done == [1]
    assert (await events.position("a")).top == 1


@pytest.mark.parametrize("when", ["before", "while"])
async def test_what_is_committed_is_told_though_the_request_is_cancelled(
    server: Server, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    release, entered = db.engine.release, asyncio.Event()

    async def slowly(connection: Any) -> None:
        entered.set()
        await asyncio.sleep(0.05)
        await release(connection)

    told: list[str] = []

    async def write() -> None:
        async with db.transaction():
            events.append("a", "said", Said("x"), actor=None)
            db.after_commit(told.append, "x")
            if when == "before":
                entered.set()

    monkeypatch.setattr(db.engine, "release", slowly)
    task = apart(write())
    await entered.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    async with asyncio.timeout(2):
        while told != ["x"]:
            await asyncio.sleep(0.01)
    assert (await events.position("a")).top == 1
    assert db.pool_state()["in_use"] == 0


async def test_a_connection_that_cannot_be_given_back_hides_no_commit(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = db.engine.release

    async def fail(connection: Any) -> None:
        await release(connection)
        raise OSError("broken")

    monkeypatch.setattr(db.engine, "release", fail)
    told: list[str] = []
    async with db.transaction():
        db.after_commit(told.append, "x")
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                raise ZeroDivisionError
    assert told == ["x"]
