"""Channels that are far behind the log, and listeners that are far behind their channel."""

import asyncio
from time import monotonic

import pytest

from tests.core.hub_peers import Client, Deaf, channel, family, hub_on, say, say_much, soon
from tests.people import Server
from wealist.core.bus import LocalBus
from wealist.core.frames import Frame
from wealist.core.hub_channel import Channel
from wealist.core.hub_watch import Pace
from wealist.core.outbox import TOO_SLOW

RARELY = Pace(check=60, alone=60, patience=0.01)


async def test_listeners_of_a_channel_that_is_far_behind_get_all_of_it(server: Server) -> None:
    name = channel()
    with family():
        async with hub_on(Deaf(), hears=False, pace=RARELY) as hub:
            pauses = [0.001] * 10 + [0] * 10
            clients = [await Client.on(hub, name, pause=pause) for pause in pauses]
            await say_much(name, 600, 2000)
            await hub._watch.check()
            everything = list(range(1, 601))
            await soon(lambda: all(client.seqs == everything for client in clients))
            assert [client.codes for client in clients] == [[]] * 20


async def test_somebody_who_reads_nothing_holds_up_nobody_for_long(server: Server) -> None:
    name = channel()
    with family():
        async with hub_on(Deaf(), hears=False, pace=RARELY) as hub:
            deaf = await Client.on(hub, name, deaf=True)
            client = await Client.on(hub, name)
            await say_much(name, 400, 4000)
            began = monotonic()
            await hub._watch.check()
            await soon(lambda: client.seqs == list(range(1, 401)), within=10)
            assert monotonic() - began < 8
            assert client.codes == []
            assert deaf.outbox.code == TOO_SLOW
            await deaf.outbox.finish()


async def test_one_huge_transaction_overflows_nobody_here_or_elsewhere(server: Server) -> None:
    name = channel()
    bus = LocalBus()
    with family():
        async with (
            hub_on(bus, pace=RARELY) as here,
            hub_on(bus, hears=False, pace=RARELY) as there,
        ):
            clients = [await Client.on(hub, name) for hub in (here, there) for _ in range(5)]
            await say_much(name, 1000, 2000)
            await say(name, 1)
            everything = list(range(1, 1002))
            await soon(lambda: all(client.seqs == everything for client in clients))
            assert [client.codes for client in clients] == [[]] * 10


def test_what_comes_before_others_is_kept_up_to_some_bytes_and_the_latest_always() -> None:
    holes: list[Channel] = []
    made = Channel("test:x", holes.append)
    made.start("e", 0)
    for seq in range(2, 1002):
        made.receive(Frame("e", seq, "x" * 2000))
    assert len(made.early) == (128 << 10) // 2000
    assert made.early[-1].seq == 1001
    assert holes
    for seq in range(1, 1002):  # as it is read from the log
        made.receive(Frame("e", seq, "x" * 2000))
    assert (made.last, made.early, made._early_bytes) == (1001, [], 0)


@pytest.mark.parametrize("size", [300, 3000])
async def test_what_is_said_while_a_channel_catches_up_comes_in_order(
    server: Server, size: int
) -> None:
    name = channel()
    bus = Deaf()
    with family():
        async with hub_on(bus), hub_on(bus, hears=False, pace=RARELY) as hub:
            clients = [await Client.on(hub, name) for _ in range(3)]
            await say_much(name, 500, size)
            bus.hears = True
            for _ in range(100):
                await say_much(name, 2, size)
                await asyncio.sleep(0)
            everything = list(range(1, 701))
            await soon(lambda: all(client.seqs == everything for client in clients))
            assert [client.codes for client in clients] == [[]] * 3
