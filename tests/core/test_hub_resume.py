"""Coming back to a hub with a cursor: exactly what was missed, or the order to start over."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.core.hub_peers import (
    Client,
    Deaf,
    Ear,
    allowed,
    channel,
    epoch,
    family,
    hub_on,
    listens,
    say,
    say_much,
    silent,
    soon,
)
from tests.people import Server
from wealist.core import changes, db, events
from wealist.core.frames import Cursor, Frame, parse
from wealist.core.hub import Hub
from wealist.core.hub_channel import RESTART, Channel
from wealist.core.hub_watch import Pace


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
    where_it_stands = 1
    assert await statements(listens(hub, name, at)) == where_it_stands  # type: ignore[operator]


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


@pytest.mark.parametrize(("count", "size"), [(300, 2000), (500, 1100), (100, 6000), (3, 300_000)])
async def test_who_missed_more_than_fits_into_his_queue_gets_all_of_it_at_once(
    hub: Hub, count: int, size: int
) -> None:
    name = channel()
    await say_much(name, count, size)
    client = await Client.on(hub, name, Cursor(await epoch(), 0))
    await soon(lambda: client.seqs == list(range(1, count + 1)))
    await say(name, 1)
    await soon(lambda: client.seqs[-1] == count + 1)
    assert client.codes == []


async def test_who_reads_slowly_gets_all_that_he_missed_as_he_takes_it(hub: Hub) -> None:
    name = channel()
    await say_much(name, 600, 2000)
    client = await Client.on(hub, name, Cursor(await epoch(), 0), pause=0.001)
    await soon(lambda: client.seqs == list(range(1, 601)))
    assert client.codes == []


async def test_who_comes_back_while_much_is_said_hears_it_in_order(hub: Hub) -> None:
    name = channel()
    await say_much(name, 300, 2000)
    talking = asyncio.gather(*(say_much(name, 20, 2000) for _ in range(10)))
    client = await Client.on(hub, name, Cursor(await epoch(), 0))
    await talking
    await soon(lambda: client.seqs == list(range(1, 501)))
    assert client.codes == []


# --- access that was lost and given back --------------------------------------------------------


async def test_somebody_taken_back_stays_though_this_replica_hears_of_his_removal_late(
    server: Server,
) -> None:
    name = channel()
    with family():
        async with hub_on(Deaf(), hears=False, pace=Pace(check=60, alone=60)) as hub:
            behind = await listens(hub, name)
            ear = Ear()
            await say(name, 1, revokes=ear.user_id)
            await say(name, 2)
            await hub.join(name, ear, None, authorize=allowed, greeting=silent)
            await hub._watch.check()
            await soon(lambda: behind.seqs == [1, 2])
            assert ear.ended is None
            await say(name, 3, revokes=ear.user_id)
            await hub._watch.check()
            await soon(lambda: ear.ended is not None)
            assert 3 not in ear.seqs


@pytest.mark.parametrize("door", ["ring", "log"])
async def test_somebody_taken_back_is_told_of_his_removal_like_of_everything_else(
    hub: Hub, door: str
) -> None:
    name = channel()
    if door == "ring":
        await listens(hub, name)
    ear = Ear()
    await say(name, 1)
    await say(name, 2, revokes=ear.user_id)
    await say(name, 3)
    await hub.join(name, ear, Cursor(await epoch(), 0), authorize=allowed, greeting=silent)
    assert ear.seqs == [1, 2, 3]
    assert ear.ended is None


# --- a log that is another one than before ------------------------------------------------------


@pytest.fixture
async def restores() -> AsyncIterator[None]:
    before = await epoch()
    yield
    await db.execute("UPDATE core.installation SET epoch = $1", before)


async def restore() -> None:
    await db.execute("UPDATE core.installation SET epoch = 'restored'")


async def test_after_a_restore_everybody_comes_back_is_authorized_and_starts_over(
    hub: Hub, restores: None
) -> None:
    name = channel()
    ear = await listens(hub, name)
    await say(name, 1, 2)
    before = Cursor(await epoch(), 2)
    await restore()
    await soon(lambda: ear.ended is not None, within=3)
    assert ear.ended is not None
    assert ear.ended[0] == 1012
    again = await listens(hub, name, before)
    assert '"RESET"' in again.control[0]
    assert again.frames[-1].epoch == "restored"
    await say(name, 3)
    await soon(lambda: again.seqs == [3])
    assert ear.seqs == [1, 2]


async def test_a_restore_while_somebody_reads_what_he_missed_sends_him_back(
    hub: Hub, restores: None
) -> None:
    class Slow(Ear):
        async def room(self) -> None:
            if len(self.frames) == 1:
                await restore()
                await db.execute("DELETE FROM core.event WHERE seq > 100")
                await db.execute("UPDATE core.channel SET top = 100 WHERE name = $1", name)
                await hub._watch.check()
                await soon(lambda: self.ended is not None)

    name = channel()
    for _ in range(3):
        await say(name, *range(400))
    since = Cursor(await epoch(), 0)
    await listens(hub, name)
    ear = Slow()
    joined = await hub.join(name, ear, since, authorize=allowed, greeting=silent)
    assert (joined.outcome, ear.control, ear.seqs) == ("ended", [], [1])
    assert ear.ended is not None
    assert ear.ended[0] == 1012


def test_what_a_new_log_says_before_the_channel_knows_of_it_is_kept() -> None:
    made = Channel("test:x", lambda _: None)
    made.start("old", 7)
    for seq in (4, 5):
        made.receive(Frame("new", seq, f'{{"payload":{seq}}}'))
    made.receive(Frame("old", 9, '{"payload":"lost"}'))
    made.restart("new", 3)
    assert (made.last, made.early) == (5, [])
    assert [frame.seq for frame in made.recent(3) or ()] == [4, 5]


@pytest.fixture
def retention(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Has events up to a seq removed just before the log is read for them the next time."""

    def prepare(name: str, floor: int) -> None:
        since = events.since

        async def removed(*args: Any, **named: Any) -> Any:
            await db.execute("UPDATE core.channel SET floor = $2 WHERE name = $1", name, floor)
            await db.execute(
                """
                DELETE FROM core.event e USING core.channel c
                WHERE c.id = e.channel_id AND c.name = $1 AND e.seq <= $2
                """,
                name,
                floor,
            )
            return await since(*args, **named)

        monkeypatch.setattr(events, "since", removed)

    return prepare


async def test_what_retention_takes_meanwhile_is_no_silent_gap(
    hub: Hub, retention: Callable[[str, int], None]
) -> None:
    name = channel()
    await say(name, *range(6))
    cursor = Cursor(await epoch(), 1)
    retention(name, 3)
    ear = await listens(hub, name, cursor)
    assert ear.seqs == []
    assert "RESET" in ear.control[0]


async def test_nor_at_the_third_door(server: Server, retention: Callable[[str, int], None]) -> None:
    name = channel()
    with family():
        await say(name, *range(6))
        cursor = Cursor(await epoch(), 1)
        retention(name, 3)
        found = await changes.since(name, cursor, 100)
    assert (found.reset, found.events) == (True, [])


async def test_who_is_removed_and_taken_back_while_he_joins_comes_back(hub: Hub) -> None:
    name, ear = channel(), Ear()
    await listens(hub, name)

    async def authorize() -> None:
        await say(name, 1, revokes=ear.user_id)
        await say(name, 2)

    await hub.join(name, ear, None, authorize=authorize, greeting=silent)
    assert ear.ended is not None
    assert ear.ended[0] == RESTART
