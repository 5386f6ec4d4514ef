"""Writes that share a transaction: none waits for nothing, none suffers from another."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from tests.chat.making import Office, call, say
from tests.people import Server
from wealist.chat.pump import MOST_WAITING, Pump
from wealist.core import db
from wealist.core.errors import Unavailable


async def test_what_comes_during_a_transaction_shares_the_next_one(server: Server) -> None:
    batches: list[int] = []

    async def write(items: Sequence[int]) -> list[int]:
        batches.append(len(items))
        await db.execute("SELECT pg_sleep(0.05)")
        return [item * 2 for item in items]

    pump = Pump(write)
    pump.start()
    results = await asyncio.gather(*(pump.post(number) for number in range(60)))
    await pump.stop()
    assert results == [number * 2 for number in range(60)]
    assert sum(batches) == 60
    assert len(batches) <= 4


async def test_an_item_that_fails_fails_alone(server: Server) -> None:
    async def write(items: Sequence[int]) -> list[int]:
        for item in items:
            await db.execute("SELECT 1 / $1::integer", item)
        return list(items)

    pump = Pump(write)
    pump.start()
    results = await asyncio.gather(
        *(pump.post(number) for number in (1, 2, 0, 3, 0, 4)), return_exceptions=True
    )
    await pump.stop()
    assert [one for one in results if isinstance(one, int)] == [1, 2, 3, 4]
    failures = [one for one in results if not isinstance(one, int)]
    assert [type(one) for one in failures] == [asyncpg.DivisionByZeroError] * 2


async def test_nobody_waits_for_a_pump_that_stops_or_is_full(server: Server) -> None:
    going = asyncio.Event()

    async def write(items: Sequence[int]) -> list[int]:
        await going.wait()
        return list(items)

    pump = Pump(write)
    pump.start()
    posted = [asyncio.create_task(pump.post(number)) for number in range(MOST_WAITING + 500)]
    await asyncio.sleep(0.1)
    refused = [one for one in posted if one.done()]
    assert refused
    assert all(isinstance(one.exception(), Unavailable) for one in refused)
    stopping = asyncio.create_task(pump.stop())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await pump.post(1)
    going.set()
    await stopping
    done = await asyncio.gather(*posted, return_exceptions=True)
    assert sum(isinstance(one, int) for one in done) == len(posted) - len(refused)


async def test_a_batch_with_repetitions_strangers_and_good_messages(office: Office) -> None:
    """The same client id twice in a batch breaks its transaction; nobody else is to notice."""
    room, other = await office.room(), await office.room(office.bob)
    sent = await asyncio.gather(
        *(say(office.ann, room, f"good {number}") for number in range(20)),
        *(say(office.bob, room, "once", clientMessageId="c") for _ in range(20)),
        *(say(office.bob, other, f"there {number}") for number in range(20)),
        *(
            office.eve.post(f"/svc/chat/api/chats/messages/{other}", json={"content": "no"})
            for _ in range(5)
        ),
    )
    assert all(answer.status_code == 403 for answer in sent[60:])
    page = await call(office.ann, "GET", f"/messages/{room}?limit=100")
    assert [one["seq"] for one in page] == list(range(1, 22))
    assert sum(one["content"] == "once" for one in page) == 1
    page = await call(office.bob, "GET", f"/messages/{other}?limit=100")
    assert [one["seq"] for one in page] == list(range(1, 21))


async def test_who_leaves_before_his_item_is_written_has_it_written_all_the_same(
    server: Server,
) -> None:
    written: list[int] = []

    async def write(items: Sequence[int]) -> list[int]:
        await db.execute("SELECT pg_sleep(0.02)")
        written.extend(items)
        return list(items)

    pump = Pump(write)
    pump.start()
    waiting = [asyncio.create_task(pump.post(number)) for number in range(5)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await pump.stop()
    assert sorted(written) == [0, 1, 2, 3, 4]
