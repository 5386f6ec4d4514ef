"""The hub: every event once and in order, whatever the bus loses, doubles or mixes up."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.hub_peers import (
    Deaf,
    Ear,
    allowed,
    channel,
    epoch,
    family,
    hub_on,
    listens,
    say,
    silent,
    soon,
)
from tests.people import Server
from wealist.core import db
from wealist.core.errors import Forbidden
from wealist.core.frames import Cursor, Frame
from wealist.core.hub import Hub
from wealist.core.hub_channel import Channel
from wealist.core.ids import NIL


async def test_what_is_committed_reaches_every_listener_of_its_channel_once(hub: Hub) -> None:
    here, elsewhere = channel(), channel()
    ears = [await listens(hub, here) for _ in range(3)]
    stranger = await listens(hub, elsewhere)
    await say(here, 1, 2)
    await say(here, 3)
    await soon(lambda: all(ear.seqs == [1, 2, 3] for ear in ears))
    assert stranger.seqs == []


async def test_what_is_rolled_back_reaches_nobody(hub: Hub) -> None:
    name = channel()
    ear = await listens(hub, name)
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            await say(name, 1)
            raise ZeroDivisionError
    await say(name, 2)
    await soon(lambda: ear.seqs == [1])
    assert '"number": 2' in ear.frames[-1].text.replace('":2', '": 2')


async def test_a_greeting_comes_first_for_a_client_without_a_cursor(hub: Hub) -> None:
    name = channel()
    await say(name, 1, 2)
    ear = Ear()
    joined = await hub.join(
        name, ear, None, authorize=allowed, greeting=lambda epoch, seq: f"hello {seq}"
    )
    await say(name, 3)
    assert (joined.outcome, joined.seq) == ("fresh", 2)
    assert ear.frames[0].text == "hello 2"
    await soon(lambda: ear.seqs == [3])


async def test_fifty_writers_and_listeners_that_come_and_go(hub: Hub) -> None:
    name = channel()
    mine = await epoch()
    steady = [await listens(hub, name) for _ in range(3)]
    late: list[tuple[int, Ear]] = []

    async def comes_and_goes() -> None:
        for _ in range(6):
            await asyncio.sleep(random.random() * 0.02)
            since = max(0, steady[0].frames[-1].seq - 5) if steady[0].frames else 0
            ear = await listens(hub, name, Cursor(mine, since))
            late.append((since, ear))
            if random.random() < 0.3:
                hub.leave(name, ear)
                late.pop()

    await asyncio.gather(
        *(say(name, number) for number in range(50)), *(comes_and_goes() for _ in range(5))
    )
    await soon(lambda: all(ear.seqs == list(range(1, 51)) for ear in steady))
    await soon(lambda: all(ear.seqs == list(range(since + 1, 51)) for since, ear in late))


async def test_a_hole_is_read_from_the_log(server: Server) -> None:
    bus = Deaf(hears=True)
    name = channel()
    with family():
        async with hub_on(bus) as writer, hub_on(bus, hears=False) as other:
            ear = await listens(other, name)
            await listens(writer, name)
            await say(name, 1)
            await soon(lambda: ear.seqs == [1])
            bus.hears = False
            await say(name, 2, 3)
            await asyncio.sleep(0.02)
            bus.hears = True
            await say(name, 4)
            await soon(lambda: ear.seqs == [1, 2, 3, 4])


async def test_a_last_message_that_was_lost_is_found_by_the_regular_look(server: Server) -> None:
    bus = Deaf(hears=True)
    name = channel()
    with family():
        async with hub_on(bus), hub_on(bus, hears=False) as other:
            ear = await listens(other, name)
            bus.hears = False
            await say(name, 1)
            await soon(lambda: ear.seqs == [1], within=3)


async def test_who_loses_access_hears_nothing_from_that_event_on(hub: Hub) -> None:
    name = channel()
    gone, stays = await listens(hub, name), await listens(hub, name)
    await say(name, 1)
    async with db.transaction():
        await say(name, 2)
        await say(name, 3, revokes=gone.user_id)
        await say(name, 4)
    await soon(lambda: stays.seqs == [1, 2, 3, 4])
    assert gone.seqs == [1, 2]
    assert gone.ended is not None
    assert gone.ended[0] == 1000


async def test_when_a_channel_ends_everybody_hears_its_last_event(hub: Hub) -> None:
    name = channel()
    ears = [await listens(hub, name) for _ in range(2)]
    await say(name, 1, revokes=NIL)
    await soon(lambda: all(ear.ended is not None for ear in ears))
    assert [ear.seqs for ear in ears] == [[1], [1]]


async def test_access_that_is_lost_while_the_bus_is_away_is_lost_all_the_same(
    server: Server,
) -> None:
    bus = Deaf(hears=True)
    name = channel()
    with family():
        async with hub_on(bus), hub_on(bus, hears=False) as other:
            gone, stays = await listens(other, name), await listens(other, name)
            bus.hears = False
            await say(name, 1, revokes=gone.user_id)
            await say(name, 2)
            await soon(lambda: stays.seqs == [1, 2], within=3)
            assert gone.seqs == []
            assert gone.ended is not None


async def test_access_that_is_lost_while_somebody_joins_counts(hub: Hub) -> None:
    name = channel()
    await say(name, 1)
    ear = Ear()

    async def authorize() -> None:
        # He may still; a moment later he may not any more.
        await say(name, 2, revokes=ear.user_id)

    await hub.join(name, ear, Cursor(await epoch(), 0), authorize=authorize, greeting=silent)
    await say(name, 3)
    assert ear.ended is not None
    assert 3 not in ear.seqs


async def test_somebody_who_may_not_listen_leaves_nothing_behind(hub: Hub) -> None:
    async def refuse() -> None:
        raise Forbidden("no")

    name = channel()
    with pytest.raises(Forbidden):
        await hub.join(name, Ear(), None, authorize=refuse, greeting=silent)
    assert hub.channels == 0
    ear = await listens(hub, name)
    hub.leave(name, ear)
    hub.leave(name, ear)
    assert hub.channels == 0


async def test_a_listener_that_fails_hinders_nobody(hub: Hub) -> None:
    class Broken(Ear):
        def push(self, frame: Frame) -> None:
            raise RuntimeError("broken")

    name = channel()
    await hub.join(name, Broken(), None, authorize=allowed, greeting=silent)
    ear = await listens(hub, name)
    await say(name, 1, 2)
    await soon(lambda: ear.seqs == [1, 2])


@given(st.permutations(range(1, 13)), st.lists(st.integers(1, 12), max_size=20))
def test_frames_in_any_order_and_number_are_delivered_in_order_and_once(
    order: list[int], doubled: list[int]
) -> None:
    holes: list[Channel] = []
    made = Channel("test:x", holes.append)
    ear = Ear()
    made.live[ear] = 0
    made.start("e", 0)
    for seq in [*order, *doubled]:
        made.receive(Frame("e", seq, f'{{"payload":{seq}}}'))
    assert ear.seqs == list(range(1, 13))
