"""The hub: every event once and in order, whatever the bus loses, doubles or mixes up."""

import asyncio
import random
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.hub_peers import (
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
from wealist.core import changes, db, events
from wealist.core.bus import LocalBus
from wealist.core.errors import Forbidden, Unavailable
from wealist.core.frames import Cursor, Frame, pack, parse, unpack
from wealist.core.hub import Hub
from wealist.core.hub_channel import Channel
from wealist.core.ids import NIL


@pytest.fixture
async def hub(server: Server) -> AsyncIterator[Hub]:
    with family():
        async with hub_on(LocalBus()) as made:
            yield made


class Lossy(LocalBus):
    """A bus that loses everything while it is `deaf`, and tells nobody."""

    deaf = False

    async def publish_many(self, messages: object) -> None:
        if not self.deaf:
            await super().publish_many(messages)  # type: ignore[arg-type]


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


@pytest.mark.parametrize("before", [0, 1, 300])
async def test_a_cursor_brings_exactly_what_was_missed(hub: Hub, before: int) -> None:
    """From the ring when somebody listened meanwhile, else from the log."""
    name = channel()
    if before == 1:
        await listens(hub, name)
    await say(name, *range(10 + before))
    ear = await listens(hub, name, Cursor(await epoch(), 4))
    assert ear.seqs == list(range(5, 11 + before))
    assert ear.control == [ear.frames[-1].text]
    assert '"RESUMED"' in ear.control[0]
    await say(name, 0)
    await soon(lambda: ear.seqs[-1] == 11 + before)


async def test_a_resume_from_the_ring_reads_no_events(hub: Hub, statements: object) -> None:
    name = channel()
    await listens(hub, name)
    await say(name, *range(20))
    at = Cursor(await epoch(), 3)
    assert await statements(listens(hub, name, at)) == 0  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["other epoch", "above the top", "too far behind", "nonsense"])
async def test_a_cursor_that_leads_nowhere_is_told_to_start_over(hub: Hub, kind: str) -> None:
    name = channel()
    await say(name, 1, 2, 3)
    mine = await epoch()
    cursor = {
        "other epoch": Cursor("another", 2),
        "above the top": Cursor(mine, 9),
        "too far behind": Cursor(mine, 0),
        "nonsense": parse("what:ever:x"),
    }[kind]
    if kind == "too far behind":
        await db.execute("UPDATE core.channel SET top = 6000 WHERE name = $1", name)
    ear = await listens(hub, name, cursor)
    assert len(ear.frames) == 1
    assert '"RESET"' in ear.control[0]
    top = (await events.position(name)).top
    assert ear.frames[0].seq == top
    await say(name, 4)
    await soon(lambda: ear.seqs == [top + 1])


async def test_a_cursor_below_the_floor_is_told_to_start_over(hub: Hub) -> None:
    name = channel()
    await say(name, *range(5))
    await db.execute("UPDATE core.channel SET floor = 3 WHERE name = $1", name)
    assert (await listens(hub, name, Cursor(await epoch(), 3))).seqs == [4, 5]
    assert (await listens(hub, name, Cursor(await epoch(), 2))).seqs == []


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
    bus = Lossy()
    name = channel()
    with family():
        async with hub_on(bus) as writer, hub_on(bus, hears=False) as other:
            ear = await listens(other, name)
            await listens(writer, name)
            await say(name, 1)
            await soon(lambda: ear.seqs == [1])
            bus.deaf = True
            await say(name, 2, 3)
            await asyncio.sleep(0.02)
            bus.deaf = False
            await say(name, 4)
            await soon(lambda: ear.seqs == [1, 2, 3, 4])


async def test_a_last_message_that_was_lost_is_found_by_the_regular_look(server: Server) -> None:
    bus = Lossy()
    name = channel()
    with family():
        async with hub_on(bus), hub_on(bus, hears=False) as other:
            ear = await listens(other, name)
            bus.deaf = True
            await say(name, 1)
            await soon(lambda: ear.seqs == [1], within=3)


async def test_a_restored_database_makes_everybody_start_over(hub: Hub) -> None:
    name = channel()
    ear = await listens(hub, name)
    await say(name, 1, 2)
    before = await epoch()
    try:
        await db.execute("UPDATE core.installation SET epoch = 'restored'")
        await soon(lambda: bool(ear.control), within=3)
        assert '"RESET"' in ear.control[0]
        assert ear.frames[-1].epoch == "restored"
    finally:
        await db.execute("UPDATE core.installation SET epoch = $1", before)


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
    bus = Lossy()
    name = channel()
    with family():
        async with hub_on(bus), hub_on(bus, hears=False) as other:
            gone, stays = await listens(other, name), await listens(other, name)
            bus.deaf = True
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


async def test_a_hub_that_stops_takes_nobody_in(hub: Hub) -> None:
    hub.draining = True
    with pytest.raises(Unavailable):
        await listens(hub, channel())


async def test_a_plain_request_tells_what_happened_after_a_cursor(hub: Hub) -> None:
    name = channel()
    await say(name, 1, 2, 3)
    mine = await epoch()
    first = await changes.since(name, Cursor(mine, 0), 2)
    assert ([f.seq for f in first.frames], first.more, first.cursor) == (
        [1, 2],
        True,
        Cursor(mine, 2),
    )
    rest = await changes.since(name, first.cursor, 2)
    assert ([f.seq for f in rest.frames], rest.more) == ([3], False)
    lost = await changes.since(name, Cursor("other", 1), 2)
    assert (lost.reset, lost.frames, lost.cursor) == (True, [], Cursor(mine, 3))
    assert (await changes.since(name, None, 2)).cursor == Cursor(mine, 3)


@given(st.permutations(range(1, 13)), st.lists(st.integers(1, 12), max_size=20))
def test_frames_in_any_order_and_number_are_delivered_in_order_and_once(
    order: list[int], doubled: list[int]
) -> None:
    holes: list[Channel] = []
    made = Channel("test:x", holes.append)
    ear = Ear()
    made.live[ear] = None
    made.start("e", 0)
    for seq in [*order, *doubled]:
        made.receive(Frame("e", seq, f'{{"payload":{seq}}}'))
    assert ear.seqs == list(range(1, 13))


@given(st.text(max_size=40))
def test_any_text_is_a_cursor_or_none(text: str) -> None:
    cursor = parse(text)
    assert cursor.seq >= 0
    assert parse(str(Cursor("abc", cursor.seq))) == Cursor("abc", cursor.seq)


def test_frames_survive_the_bus() -> None:
    user = uuid4()
    for frame in (Frame("e", 7, '{"ä":1}', 12.5, user), Frame("e", 8, "{}\n", None, None)):
        back = unpack(pack(frame))
        assert (back.epoch, back.seq, back.text, back.committed, back.revokes) == (
            frame.epoch,
            frame.seq,
            frame.text,
            frame.committed,
            frame.revokes,
        )
