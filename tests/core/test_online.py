"""Who is online anywhere: tabs, replicas, the grace, AWAY; and each change told once."""

import asyncio
import random
from itertools import pairwise
from time import monotonic
from uuid import UUID, uuid4

from tests.core.online_peers import GRACE, Process, heard, told
from tests.people import Server
from wealist.core import online


async def test_a_person_is_online_from_his_first_tab_until_after_his_last(single: Process) -> None:
    user, stranger = uuid4(), uuid4()
    with single.online.here(user):
        assert await single.online.among([user, stranger, user]) == {user: "ONLINE"}
        with single.online.here(user):
            await heard([single], user, "ONLINE")
    began = monotonic()
    assert await single.status(user) == "ONLINE"
    await heard([single], user, "ONLINE", "OFFLINE")
    assert monotonic() - began >= GRACE
    assert await single.online.among([user]) == {}
    assert single.online._people == {}


async def test_a_reload_is_no_change(single: Process) -> None:
    user = uuid4()
    for _ in range(4):
        with single.online.here(user):
            await asyncio.sleep(0.05)
        await asyncio.sleep(GRACE / 2)
    assert told([single], user) == ["ONLINE"]
    await heard([single], user, "ONLINE", "OFFLINE")


async def test_a_person_is_away_when_all_his_tabs_are(single: Process) -> None:
    user = uuid4()
    with single.online.here(user) as left, single.online.here(user) as right:
        left.away(True)
        left.away(True)
        await heard([single], user, "ONLINE")
        right.away(True)
        await heard([single], user, "ONLINE", "AWAY")
        assert await single.online.among([user]) == {user: "AWAY"}
        left.away(False)
        await heard([single], user, "ONLINE", "AWAY", "ONLINE")
    left.away(True)  # has ended
    await heard([single], user, "ONLINE", "AWAY", "ONLINE", "OFFLINE")


async def test_when_only_tabs_are_left_that_nobody_looks_at_a_person_is_away(
    single: Process,
) -> None:
    user = uuid4()
    with single.online.here(user) as background:
        background.away(True)
        await heard([single], user, "AWAY")
        with single.online.here(user):
            await heard([single], user, "AWAY", "ONLINE")
        await heard([single], user, "AWAY", "ONLINE", "AWAY")


async def test_a_person_is_seen_on_all_replicas_and_told_about_once(trio: list[Process]) -> None:
    user = uuid4()
    with trio[0].online.here(user) as first:
        for process in trio:
            await process.sees(user, "ONLINE")
        with trio[1].online.here(user):
            await asyncio.sleep(0.2)
            first.away(True)
            await asyncio.sleep(0.2)
            assert told(trio, user) == ["ONLINE"]
        await trio[2].sees(user, "AWAY")
        await trio[1].sees(user, "AWAY")
    await heard(trio, user, "ONLINE", "AWAY", "OFFLINE")
    assert await trio[2].status(user) == "OFFLINE"


async def test_sixty_connections_that_come_and_go_at_once_are_one_change_each(
    trio: list[Process],
) -> None:
    user = uuid4()
    enough = asyncio.Event()

    async def stays(process: Process) -> None:
        with process.online.here(user):
            await enough.wait()

    tasks = [asyncio.create_task(stays(process)) for process in trio * 20]
    await heard(trio, user, "ONLINE")
    enough.set()
    await asyncio.gather(*tasks)
    await heard(trio, user, "ONLINE", "OFFLINE")


async def test_many_people_who_wander_between_replicas_end_as_the_last_told(
    trio: list[Process],
) -> None:
    users = [uuid4() for _ in range(20)]
    chance = random.Random(7)

    async def wanders(user: UUID) -> None:
        for _ in range(8):
            with chance.choice(trio).online.here(user) as connection:
                connection.away(chance.random() < 0.5)
                await asyncio.sleep(chance.random() * 0.1)
            await asyncio.sleep(chance.random() * 1.5 * GRACE)

    await asyncio.gather(*(wanders(user) for user in users))
    for user in users:
        await trio[0].sees(user, "OFFLINE")
    await asyncio.sleep(0.2)
    for user in users:
        found = told(trio, user)
        assert found[-1] == "OFFLINE"
        assert ("OFFLINE", "OFFLINE") not in pairwise(found)


async def test_who_changes_the_replica_within_the_grace_does_not_flap(trio: list[Process]) -> None:
    user = uuid4()
    for process in trio:
        with process.online.here(user):
            await asyncio.sleep(0.1)
        await asyncio.sleep(GRACE / 3)
    assert told(trio, user) == ["ONLINE"]
    await heard(trio, user, "ONLINE", "OFFLINE")


async def test_the_app_has_it_open(server: Server) -> None:
    user = uuid4()
    with online.here(user) as connection:
        assert await online.among([user]) == {user: "ONLINE"}
        connection.away(True)
        assert await online.among([user]) == {user: "AWAY"}
