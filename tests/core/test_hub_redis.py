"""Two hubs over one Redis, as two replicas have them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import NamedTuple

import pytest

from tests.core.hub_peers import channel, family, hub_on, listens, say, soon
from tests.core.test_bus import replica
from tests.people import Server
from wealist.core.hub import Hub
from wealist.embedded.valkey import Valkey


class Replicas(NamedTuple):
    writer: Hub
    other: Hub


@pytest.fixture
async def replicas(server: Server, valkey: Valkey) -> AsyncIterator[Replicas]:
    async with AsyncExitStack() as stack:
        stack.enter_context(family())
        buses = [await stack.enter_async_context(replica(valkey.url)) for _ in range(2)]
        yield Replicas(
            await stack.enter_async_context(hub_on(buses[0])),
            await stack.enter_async_context(hub_on(buses[1], hears=False)),
        )


async def test_events_of_one_replica_reach_the_listeners_of_the_other(replicas: Replicas) -> None:
    name = channel()
    here, there = await listens(replicas.writer, name), await listens(replicas.other, name)
    for number in range(50):
        await say(name, number)
    await soon(lambda: here.seqs == there.seqs == list(range(1, 51)))


async def test_what_is_written_while_redis_is_away_arrives_once_and_in_order(
    replicas: Replicas, valkey: Valkey
) -> None:
    name = channel()
    here, there = await listens(replicas.writer, name), await listens(replicas.other, name)
    await say(name, 1)
    await soon(lambda: there.seqs == [1])
    await valkey.kill()
    await say(name, 2, 3)
    assert here.seqs == [1, 2, 3]
    await soon(lambda: there.seqs == [1, 2, 3], within=3)
    await valkey.restart()
    await say(name, 4)
    await soon(lambda: there.seqs == [1, 2, 3, 4], within=10)
    late = await listens(replicas.other, name)
    await say(name, 5)
    await soon(lambda: late.seqs == [5], within=10)


async def test_somebody_who_comes_while_very_many_leave_is_not_left_deaf(valkey: Valkey) -> None:
    async with replica(valkey.url) as bus:
        names = [f"many:{number:04}" for number in range(1500)]
        undos = await asyncio.gather(*(bus.subscribe(name, lambda _: None) for name in names))
        assert bus._session is not None
        send = bus._session._connection.send_command
        heard: list[bytes] = []

        async def slowly(command: str, *rest: object, **more: object) -> None:
            if command == "UNSUBSCRIBE" and not waiting:
                waiting.append(asyncio.create_task(bus.subscribe(names[-1], heard.append)))
            await asyncio.sleep(0.02)
            await send(command, *rest, **more)

        waiting: list[object] = []
        bus._session._connection.send_command = slowly
        for undo in undos:
            undo()
        await soon(lambda: bus._session is not None and len(bus._session._sent) <= 2)
        await bus.subscribe("later", lambda _: None)  # confirmed after all that was sent before
        await bus.publish(names[-1], b"here")
        await soon(lambda: heard == [b"here"])
