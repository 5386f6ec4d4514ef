"""Two people look at one project over two replicas, whatever happens to those."""

import asyncio
from pathlib import Path
from time import perf_counter
from uuid import uuid4

from tests.live.conftest import Pair
from tests.live.listening import Kanban, Listener
from tests.live.servers import Replica
from wealist.embedded.valkey import Valkey

CHECKED = 4.0
"""Seconds until a replica without a bus has looked into the log, with a margin."""


async def test_a_move_on_one_replica_is_seen_on_the_other_within_50_ms(pair: Pair) -> None:
    kanban = await Kanban.of(pair.one)
    async with Listener.on(pair.two, kanban.project, kanban.owner) as listener:
        delays = []
        for number, value in enumerate(["review", "approved", "pending", "review", "deleted"]):
            await kanban.move(pair.one, value)
            answered = perf_counter()
            moved = (await listener.heard(number + 1))[number]
            assert (moved["type"], moved["payload"]["to"]) == ("BOARD_MOVED", value)
            assert moved["boardId"] == kanban.card
            delays.append(listener.at[number] - answered)
        # The median, since a busy machine may hold any one of them up.
        assert sorted(delays)[2] < 0.05


async def test_what_happened_while_the_lid_was_closed_comes_in_order_and_once(pair: Pair) -> None:
    kanban = await Kanban.of(pair.one)
    async with Listener.on(pair.two, kanban.project, kanban.owner) as before:
        await kanban.rename(pair.one, "Seen")
        await before.heard(1)
        cursor = before.cursor
    for number in range(20):
        await kanban.rename((pair.one, pair.two)[number % 2], f"Title {number}")
    async with Listener.on(pair.one, kanban.project, kanban.owner, since=cursor) as after:
        missed = await after.heard(20)
        assert [one["payload"]["title"] for one in missed] == [f"Title {n}" for n in range(20)]
        assert [frame["type"] for frame in after.control] == ["RESUMED"]
        await kanban.rename(pair.two, "Afterwards")
        assert (await after.heard(21))[20]["payload"]["title"] == "Afterwards"
        first = int(cursor.partition(":")[2])
        assert after.seqs == list(range(first + 1, first + 22))


async def test_somebody_removed_hears_nothing_more_on_any_replica(pair: Pair) -> None:
    kanban = await Kanban.of(pair.one)
    guest, member_id = await kanban.invite(pair.one, f"guest-{uuid4().hex[:8]}")
    async with (
        Listener.on(pair.one, kanban.project, guest) as here,
        Listener.on(pair.two, kanban.project, guest) as there,
        Listener.on(pair.two, kanban.project, kanban.owner) as owner,
    ):
        await kanban.rename(pair.one, "For everybody")
        for listener in (here, there, owner):
            await listener.heard(1)
        await kanban.remove(pair.one, member_id)
        await kanban.rename(pair.one, "For those inside")
        for listener in (here, there):
            await listener.until(lambda one=listener: one.code is not None, within=1.0)
            assert listener.code == 1000
            assert len(listener.frames) == 1
        assert (await owner.heard(3))[-1]["payload"]["title"] == "For those inside"


async def test_without_the_bus_events_come_a_little_later_and_with_it_at_once(pair: Pair) -> None:
    name = f"ann-{uuid4().hex[:8]}"
    kanban = await Kanban.of(pair.one, name)
    async with Listener.on(pair.two, kanban.project, kanban.owner) as listener:
        await kanban.rename(pair.one, "With the bus")
        await listener.heard(1)
        await pair.valkey.kill()
        await kanban.rename(pair.one, "Without it")
        await kanban.rename(pair.one, "Without it again")
        heard = await listener.heard(3, within=CHECKED)
        assert [one["payload"]["title"] for one in heard[1:]] == ["Without it", "Without it again"]
        await pair.valkey.restart()
        # The store of sessions came back empty, so this one is over, and its socket with it.
        await listener.until(lambda: listener.code is not None, within=30)
        assert listener.code == 4401
        cursor = listener.cursor
    kanban.owner = owner = await pair.one.sign_in(name)
    async with Listener.on(pair.two, kanban.project, owner, since=cursor) as listener:
        assert [frame["type"] for frame in listener.control] == ["RESUMED"]
        await kanban.rename(pair.one, "With the bus again")
        await listener.heard(1, within=CHECKED)
        answered = perf_counter()
        await kanban.rename(pair.one, "At once")
        await listener.heard(2)
        assert perf_counter() - answered < 1.0


async def test_killing_a_replica_loses_nothing(
    database_url: str, private_key: str, tmp_path: Path, pair: Pair
) -> None:
    kanban = await Kanban.of(pair.one)
    async with (
        Replica.start(
            tmp_path / "three",
            database_url=database_url,
            redis_url=pair.valkey.url,
            JWT_RSA_PRIVATE_KEY=private_key,
        ) as third,
        Listener.on(third, kanban.project, kanban.owner) as listener,
    ):
        for number in range(5):
            await kanban.rename((pair.one, third)[number % 2], f"Title {number}")
        await listener.until(lambda: len(listener.frames) >= 2)
        await third.kill()
        await listener.until(lambda: listener.code is not None)
        assert listener.code != 1000
        cursor, seen = listener.cursor, listener.seqs
    for number in range(5):
        await kanban.rename(pair.one, f"Later {number}")
    async with Listener.on(pair.two, kanban.project, kanban.owner, since=cursor) as again:
        await again.heard(10 - len(seen))
        assert seen + again.seqs == list(range(seen[0], seen[0] + 10))


async def test_a_replica_that_starts_without_redis_finds_it_when_it_comes(
    database_url: str, private_key: str, tmp_path: Path
) -> None:
    valkey = await Valkey.start(tmp_path / "late")
    await valkey.kill()
    try:
        async with Replica.start(
            tmp_path / "data",
            database_url=database_url,
            redis_url=valkey.url,
            JWT_RSA_PRIVATE_KEY=private_key,
        ) as replica:
            refused = await replica.http.post(
                "/svc/auth/api/test/token", json={"email": "early@example.com", "name": "early"}
            )
            assert refused.status_code == 503
            await valkey.restart()
            async with asyncio.timeout(30):
                while (
                    await replica.http.post(
                        "/svc/auth/api/test/token",
                        json={"email": "early@example.com", "name": "early"},
                    )
                ).status_code != 200:
                    await asyncio.sleep(0.1)
            kanban = await Kanban.of(replica)
            async with Listener.on(replica, kanban.project, kanban.owner) as listener:
                await kanban.rename(replica, "Here")
                await listener.heard(1)
    finally:
        await valkey.stop()
