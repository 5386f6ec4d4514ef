"""Who is somewhere: tabs, replicas, crashes, and a Redis that comes back empty."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from time import monotonic
from uuid import UUID, uuid4

import pytest

from tests.core.hub_peers import channel, soon
from tests.core.online_peers import Process, processes
from tests.people import Server
from wealist.core import presence
from wealist.core.replicas import KEY
from wealist.embedded.valkey import Valkey


@pytest.fixture
async def pair(valkey: Valkey, server: Server) -> AsyncIterator[list[Process]]:
    async with processes(valkey.url, 2) as made:
        yield made


async def until(process: Process, topic: str, wanted: set[UUID], *, within: float = 5.0) -> None:
    deadline = monotonic() + within
    while (found := set(await process.presence.online(topic))) != wanted:
        assert monotonic() < deadline, f"there are {found}, not {wanted}"
        await asyncio.sleep(0.02)


async def entries(process: Process, topic: str) -> int:
    assert process.client is not None
    return int(await process.client.scard(f"presence:on:{topic}"))


async def test_somebody_is_there_until_his_last_tab_closes(pair: list[Process]) -> None:
    one, two = pair
    topic, user = channel(), uuid4()
    with one.presence.on(topic, user):
        with two.presence.on(topic, user), two.presence.on(topic, user):
            await until(two, topic, {user})
        with one.presence.on(topic, user):
            pass
        await asyncio.sleep(0.1)
        await until(two, topic, {user})
        await until(one, topic, {user})
    await until(two, topic, set())
    assert await entries(two, topic) == 0


async def test_twenty_tabs_that_come_and_go_at_once_leave_nothing(pair: list[Process]) -> None:
    one, two = pair
    topic, users = channel(), [uuid4() for _ in range(5)]

    async def visits(number: int) -> None:
        with pair[number % 2].presence.on(topic, users[number % 5]):
            await asyncio.sleep(0.001 * (number % 7))

    await asyncio.gather(*(visits(number) for number in range(40)))
    await until(one, topic, set())
    await until(two, topic, set())
    deadline = monotonic() + 5
    while await entries(one, topic):
        assert monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_idling_costs_one_entry_a_process(pair: list[Process]) -> None:
    one, two = pair
    assert one.client is not None
    lost = [monotonic()]
    one.peers.on_lost.append(lambda: lost.append(monotonic()))
    topics = [channel() for _ in range(300)]
    with ExitStack() as stack:
        for topic in topics:
            stack.enter_context(one.presence.on(topic, uuid4()))
        while await entries(two, topics[-1]) == 0:
            await asyncio.sleep(0.02)
        deadline, begun = monotonic() + 30, 0.0
        # With its first sign of life a process tells everything anew, and again when it was so
        # slow that it counted as dead: that is not idling.
        while lost[-1] > begun - 0.5:
            assert monotonic() < deadline, "it never idles"
            await soon(lambda: monotonic() - lost[-1] > 0.5, within=10)
            begun = monotonic()
            before = await one.client.info("commandstats")
            await asyncio.sleep(0.6)
            after = await one.client.info("commandstats")

    def added(name: str) -> int:
        return int(after.get(name, {"calls": 0})["calls"] - before.get(name, {"calls": 0})["calls"])

    assert added("cmdstat_sadd") == added("cmdstat_expire") == 0
    assert added("cmdstat_zadd") <= 8


async def test_what_a_crashed_replica_left_behind_is_over_soon_and_removed(
    pair: list[Process],
) -> None:
    one, two = pair
    topic, user, other = channel(), uuid4(), uuid4()
    held = one.presence.on(topic, user)
    held.__enter__()
    with two.presence.on(topic, other):
        await until(two, topic, {user, other})
        await one.crash()
        await until(two, topic, {other}, within=4)
        assert await entries(two, topic) == 1


async def test_a_stop_takes_everything_back_at_once(pair: list[Process]) -> None:
    one, two = pair
    topic, user = channel(), uuid4()
    with one.presence.on(topic, user):
        await until(two, topic, {user})
        await one.stop()
        assert await two.presence.online(topic) == []


async def test_who_counted_as_dead_by_mistake_is_told_again(pair: list[Process]) -> None:
    one, two = pair
    topic, user = channel(), uuid4()
    assert one.client is not None
    with one.presence.on(topic, user):
        await until(two, topic, {user})
        await one.client.zadd(KEY, {one.peers.process: 1})
        await two.presence.online(topic)  # removes what was left behind
        await until(two, topic, {user})


async def test_presence_comes_back_with_an_empty_redis(pair: list[Process], valkey: Valkey) -> None:
    one, two = pair
    topic, user, gone = channel(), uuid4(), uuid4()
    with one.presence.on(topic, user):
        with one.presence.on(topic, gone):
            await until(two, topic, {user, gone})
            await valkey.kill()
            assert await one.presence.online(topic) == sorted([user, gone])
        assert await one.presence.online(topic) == [user]
        await valkey.restart()
        await until(two, topic, {user}, within=10)


async def test_without_redis_this_process_is_known(server: Server) -> None:
    topic, user = channel(), uuid4()
    async with processes(None, 1) as (alone,):
        with alone.presence.on(topic, user), alone.presence.on(topic, user):
            assert await alone.presence.online(topic) == [user]
        assert await alone.presence.online(topic) == []
    with presence.on(topic, user):
        assert await presence.online(topic) == [user]
