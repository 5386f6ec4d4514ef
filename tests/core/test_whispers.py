"""Whispers: told now or never, once to each listener on every replica."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest

from tests.core.hub_peers import soon
from tests.core.test_bus import replica
from tests.people import Server
from wealist.core.bus import Bus, LocalBus
from wealist.core.frames import Frame
from wealist.core.outbox import ROOM_FRAMES, Outbox
from wealist.core.whispers import Whispers
from wealist.embedded.valkey import Valkey


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def whisper(self, frame: Frame) -> None:
        self.heard.append(frame.text)


@contextlib.asynccontextmanager
async def whispering(to: Bus) -> AsyncIterator[Whispers]:
    whispers = Whispers(to)
    whispers.start()
    try:
        yield whispers
    finally:
        await whispers.stop()


@pytest.fixture
async def both(valkey: Valkey) -> AsyncIterator[list[Whispers]]:
    """Two replicas that share a Redis."""
    async with AsyncExitStack() as stack:
        buses = [await stack.enter_async_context(replica(valkey.url)) for _ in range(2)]
        yield [await stack.enter_async_context(whispering(bus)) for bus in buses]


async def test_each_listener_hears_a_whisper_once_on_whatever_replica(
    both: list[Whispers],
) -> None:
    topic, ears = str(uuid4()), [Ear(), Ear(), Ear()]
    with (
        both[0].listen(topic, ears[0]),
        both[0].listen(topic, ears[1]),
        both[1].listen(topic, ears[2]),
    ):
        await asyncio.sleep(0.3)  # the subscription needs a moment
        for number in range(20):
            both[number % 2].tell(topic, str(number))
        await soon(lambda: all(len(ear.heard) == 20 for ear in ears))
        await asyncio.sleep(0.1)
        for ear in ears:
            assert sorted(ear.heard, key=int) == [str(number) for number in range(20)]
        both[0].tell(f"another {topic}", "nobody")
    both[1].tell(topic, "late")
    await asyncio.sleep(0.1)
    assert all(len(ear.heard) == 20 for ear in ears)


async def test_redis_away_loses_whispers_to_others_and_nothing_else(
    both: list[Whispers], valkey: Valkey
) -> None:
    topic, here, there = str(uuid4()), Ear(), Ear()
    with both[0].listen(topic, here), both[1].listen(topic, there):
        await asyncio.sleep(0.3)
        await valkey.kill()
        both[0].tell(topic, "unheard")
        assert here.heard == ["unheard"]
        await valkey.restart()

        async def again() -> bool:
            both[0].tell(topic, "heard")
            await asyncio.sleep(0.1)
            return "heard" in there.heard

        async with asyncio.timeout(15):
            while not await again():
                pass


async def test_who_comes_and_goes_all_the_time_leaves_nothing_behind() -> None:
    bus = LocalBus()
    async with whispering(bus) as whispers:
        ears = [Ear() for _ in range(50)]
        for _ in range(20):
            for number, ear in enumerate(ears):
                whispers.join(str(number % 5), ear)
            await asyncio.sleep(0)
            for number, ear in enumerate(ears):
                whispers.leave(str(number % 5), ear)
            whispers.leave("never joined", ears[0])
        await soon(lambda: not bus._listeners.channels)
        assert not whispers._ears
        assert not whispers._subscriptions


async def test_who_reads_too_slowly_misses_whispers_but_stays(server: Server) -> None:
    blocked = asyncio.Event()

    async def write(frame: Frame) -> None:
        await blocked.wait()

    async def close(code: int, reason: str) -> None:
        """Nothing to close."""

    outbox = Outbox(uuid4(), write, close)
    frame = Frame("", 0, "x")
    for _ in range(ROOM_FRAMES * 10):
        outbox.whisper(frame)
    assert outbox.code is None
    assert len(outbox._queue or ()) <= ROOM_FRAMES + 1
    await outbox.finish()
