"""One contract for both buses, and what only the one over Redis has: a connection that breaks."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from wealist.core import redis
from wealist.core.bus import Bus, LocalBus, RedisBus
from wealist.core.errors import Unavailable
from wealist.embedded.valkey import Valkey

Heard = list[bytes]


@asynccontextmanager
async def replica(url: str) -> AsyncIterator[RedisBus]:
    """A replica's bus with a Redis client of its own."""
    client = redis.connect(url)
    bus = RedisBus(client)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.close()
        await client.aclose()


@pytest.fixture(params=["local", "redis"])
async def bus(request: pytest.FixtureRequest, valkey: Valkey) -> AsyncIterator[Bus]:
    if request.param == "local":
        yield LocalBus()
        return
    async with replica(valkey.url) as over_redis:
        yield over_redis


async def soon(condition: Callable[[], bool], *, within: float = 5.0) -> None:
    """Wait for a condition; fail when it doesn't come."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)


async def settled(bus: Bus) -> None:
    """Wait until everything published before has been delivered."""
    mark: Heard = []
    undo = await bus.subscribe("mark", mark.append)
    await bus.publish("mark", b"")
    await soon(lambda: mark != [])
    undo()


async def test_a_message_reaches_every_subscriber_of_its_channel_and_nobody_else(bus: Bus) -> None:
    one: Heard = []
    two: Heard = []
    other: Heard = []
    await bus.subscribe("board:1", one.append)
    await bus.subscribe("board:1", two.append)
    await bus.subscribe("board:2", other.append)
    await bus.publish("board:1", b"moved \x00\xff")
    await settled(bus)
    assert one == two == [b"moved \x00\xff"]
    assert other == []


async def test_messages_of_a_channel_arrive_in_the_order_they_were_sent(bus: Bus) -> None:
    heard: Heard = []
    await bus.subscribe("board:1", heard.append)
    sent = [str(number).encode() for number in range(1000)]
    for data in sent:
        await bus.publish("board:1", data)
    await soon(lambda: len(heard) == 1000)
    assert heard == sent


async def test_a_subscription_counts_as_soon_as_it_returns(bus: Bus) -> None:
    for number in range(50):
        heard: Heard = []
        undo = await bus.subscribe(f"board:{number}", heard.append)
        await bus.publish(f"board:{number}", b"first")
        await soon(lambda heard=heard: heard == [b"first"])
        undo()


async def test_the_last_one_to_leave_ends_the_subscription_and_leaving_twice_is_harmless(
    bus: Bus,
) -> None:
    first: Heard = []
    second: Heard = []
    leave_first = await bus.subscribe("board:1", first.append)
    leave_second = await bus.subscribe("board:1", second.append)
    leave_first()
    leave_first()
    await bus.publish("board:1", b"1")
    await settled(bus)
    assert (first, second) == ([], [b"1"])
    leave_second()
    await bus.publish("board:1", b"2")
    await settled(bus)
    assert second == [b"1"]


async def test_the_same_callback_may_subscribe_twice(bus: Bus) -> None:
    heard: Heard = []
    leave = await bus.subscribe("board:1", heard.append)
    await bus.subscribe("board:1", heard.append)
    leave()
    await bus.publish("board:1", b"once")
    await settled(bus)
    assert heard == [b"once"]


async def test_leaving_and_coming_back_at_once_loses_nothing(bus: Bus) -> None:
    for number in range(100):
        heard: Heard = []
        leave = await bus.subscribe("board:1", heard.append)
        leave()
        again: Heard = []
        leave = await bus.subscribe("board:1", again.append)
        await bus.publish("board:1", str(number).encode())
        await soon(lambda again=again: len(again) == 1)
        assert heard == []
        leave()


async def test_a_subscriber_that_fails_hinders_nobody(bus: Bus) -> None:
    def fails(_: bytes) -> None:
        raise ValueError

    heard: Heard = []
    await bus.subscribe("board:1", fails)
    await bus.subscribe("board:1", heard.append)
    await bus.publish("board:1", b"1")
    await bus.publish("board:1", b"2")
    await soon(lambda: heard == [b"1", b"2"])


async def test_many_channels_can_come_and_go_at_once(bus: Bus) -> None:
    heard: dict[int, Heard] = {number: [] for number in range(1200)}

    async def stay(number: int) -> None:
        await bus.subscribe(f"many:{number}", heard[number].append)

    async def visit(number: int) -> None:
        (await bus.subscribe(f"many:{number}", lambda _: None))()

    await asyncio.gather(*(stay(n) for n in heard), *(visit(n) for n in heard))
    for number in (0, 1, 600, 1199):
        await bus.publish(f"many:{number}", b"here")
    await settled(bus)
    assert [n for n in heard if heard[n] == [b"here"]] == [0, 1, 600, 1199]


async def test_replicas_hear_each_other_but_not_another_database(valkey: Valkey) -> None:
    foreign_url = valkey.url.removesuffix("/0") + "/1"
    async with (
        replica(valkey.url) as one,
        replica(valkey.url) as two,
        replica(foreign_url) as foreign,
    ):
        heard: Heard = []
        foreign_heard: Heard = []
        await two.subscribe("board:1", heard.append)
        await foreign.subscribe("board:1", foreign_heard.append)
        await one.publish("board:1", b"hello")
        await soon(lambda: heard == [b"hello"])
        await settled(foreign)
        assert foreign_heard == []


async def test_a_redis_that_restarts_is_found_again_and_the_gap_is_told(valkey: Valkey) -> None:
    async with replica(valkey.url) as one, replica(valkey.url) as two:
        heard: Heard = []
        gaps: list[bool] = []
        await one.subscribe("board:1", heard.append)
        one.on_gap(lambda: gaps.append(one.connected))
        await valkey.kill()
        await soon(lambda: not one.connected)
        with pytest.raises(Unavailable):
            await two.publish("board:1", b"lost")
        late: Heard = []
        await asyncio.wait_for(one.subscribe("board:2", late.append), 1)
        await valkey.restart()
        await soon(lambda: gaps == [True])
        await two.publish("board:1", b"found")
        await two.publish("board:2", b"too")
        await soon(lambda: heard == [b"found"] and late == [b"too"])
        assert gaps == [True]


async def test_a_bus_that_starts_without_redis_connects_when_it_comes(tmp_path: Path) -> None:
    valkey = await Valkey.start(tmp_path / "valkey")
    await valkey.kill()
    async with replica(valkey.url) as bus:
        heard: Heard = []
        gaps: list[None] = []
        bus.on_gap(lambda: gaps.append(None))
        await bus.subscribe("board:1", heard.append)
        assert not bus.connected
        await valkey.restart()
        await soon(lambda: bus.connected)
        assert gaps == [None]
        await bus.publish("board:1", b"here")
        await soon(lambda: heard == [b"here"])
    await valkey.stop()


async def test_a_connection_cut_by_redis_is_told_as_a_gap(valkey: Valkey) -> None:
    async with replica(valkey.url) as bus:
        heard: Heard = []
        gaps: list[None] = []
        await bus.subscribe("board:1", heard.append)
        bus.on_gap(lambda: gaps.append(None))
        client = redis.connect(valkey.url)
        await client.execute_command("CLIENT", "KILL", "TYPE", "PUBSUB")
        await soon(lambda: len(gaps) == 1)
        await client.aclose()
        await bus.publish("board:1", b"again")
        await soon(lambda: heard == [b"again"])


async def test_a_connection_on_which_nothing_arrives_any_more_is_replaced(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wealist.core.bus_redis.PING_SECONDS", 0.1)
    async with Passage.to(valkey.url) as passage, replica(passage.url) as bus:
        gaps: list[None] = []
        heard: Heard = []
        await bus.subscribe("board:1", heard.append)
        bus.on_gap(lambda: gaps.append(None))
        await asyncio.sleep(0.5)
        assert gaps == [], "a quiet connection is not a dead one"
        passage.swallow = True
        await soon(lambda: not bus.connected)
        passage.swallow = False
        await soon(lambda: len(gaps) == 1)
        await bus.publish("board:1", b"here")
        await soon(lambda: heard == [b"here"])


async def test_a_subscriber_that_gives_up_waiting_leaves_nothing_behind(valkey: Valkey) -> None:
    async with Passage.to(valkey.url) as passage, replica(passage.url) as bus:
        passage.swallow = True
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(bus.subscribe("board:1", lambda _: None), 0.05)
        assert bus._listeners.channels == {}


class Passage:
    """A TCP passage to Redis that can swallow everything, like a network that is cut."""

    def __init__(self, port: int) -> None:
        self.swallow = False
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str) -> AsyncIterator["Passage"]:
        passage = cls(int(url.rsplit(":", 1)[1].split("/")[0]))
        server = await asyncio.start_server(passage._serve, "127.0.0.1", 0)
        passage.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        with passage._ended():
            yield passage
        server.close()

    url: str

    @contextmanager
    def _ended(self) -> Iterator[None]:
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_connection("127.0.0.1", self._port)
        for work in (self._pump(reader, downstream), self._pump(upstream, writer)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if not self.swallow:
                target.write(data)
        target.close()
