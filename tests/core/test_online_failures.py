"""Who is online while processes crash and stop, Redis is away, or a listener fails."""

import asyncio
import os
import signal
from contextlib import ExitStack
from time import monotonic
from uuid import uuid4

import pytest

from tests.core.hub_peers import soon
from tests.core.online_peers import GRACE, LIFE, Process, heard, processes, told
from tests.people import Server
from wealist.core import online
from wealist.core.online_ledger import Change, Status
from wealist.core.replicas import end
from wealist.embedded.valkey import Valkey


async def test_the_people_of_a_crashed_replica_are_told_about_once(trio: list[Process]) -> None:
    dying, *others = trio
    both, *users = [uuid4() for _ in range(1200)]
    among = {both, *users}

    def heard_of() -> list[Change]:
        # Not of people of tests before, who may be taken over from a process that has ended.
        return [change for change in dying.history if change.user_id in among]

    with ExitStack() as kept, others[0].online.here(both):
        for user in (both, *users):
            kept.enter_context(dying.online.here(user))
        kept.pop_all()  # nobody says good-bye
        await others[1].sees(users[-1], "ONLINE")
        await soon(lambda: len(heard_of()) == 1200)  # `both` is one of them
        await dying.crash()
        assert await others[1].status(users[0]) == "ONLINE"
        await others[1].sees(users[0], "OFFLINE")
        await soon(lambda: len(heard_of()) >= 1200 + len(users))
        await asyncio.sleep(0.3)
        gone = [one.user_id for one in heard_of() if one.status == "OFFLINE"]
        assert sorted(gone) == sorted(users)
        assert told(trio, both) == ["ONLINE"]
        assert dying.client is not None
        assert await dying.client.keys(f"online:{dying.peers.process}*") == []
    await dying.client.aclose()


async def test_who_counted_as_dead_by_mistake_is_told_to_be_back(trio: list[Process]) -> None:
    one, other, _ = trio
    user = uuid4()
    assert other.client is not None
    with one.online.here(user):
        await heard(trio, user, "ONLINE")
        await end(one.peers._tasks[0])  # gives no sign of life any more
        await heard(trio, user, "ONLINE", "OFFLINE")
        one.peers._tasks[0] = asyncio.create_task(one.peers._beat())
        await heard(trio, user, "ONLINE", "OFFLINE", "ONLINE")


async def test_who_comes_back_from_a_stopped_replica_in_time_does_not_flap(
    trio: list[Process],
) -> None:
    stopping, *others = trio
    back, gone = uuid4(), uuid4()
    with stopping.online.here(back), stopping.online.here(gone):
        await others[0].sees(back, "ONLINE")
        await others[0].sees(gone, "ONLINE")
        await stopping.stop()
    with others[0].online.here(back):
        began = monotonic()
        await heard(trio, gone, "ONLINE", "OFFLINE")
        assert monotonic() - began < 2
        assert told(trio, back) == ["ONLINE"]
        assert await others[1].online.among([back, gone]) == {back: "ONLINE"}


async def test_a_process_that_is_alone_tells_all_when_it_stops(server: Server) -> None:
    user = uuid4()
    async with processes(None, 1) as (alone,):
        with alone.online.here(user):
            await heard([alone], user, "ONLINE")
            await alone.stop()
            assert told([alone], user) == ["ONLINE", "OFFLINE"]


async def test_an_outage_of_redis_is_no_change(trio: list[Process], valkey: Valkey) -> None:
    here, there, *_ = trio
    stays, leaves, comes = uuid4(), uuid4(), uuid4()
    with ExitStack() as stack:
        stack.enter_context(here.online.here(stays))
        with here.online.here(leaves):
            await there.sees(stays, "ONLINE")
            await there.sees(leaves, "ONLINE")
            await soon(lambda: told(trio, stays) == told(trio, leaves) == ["ONLINE"])
            await valkey.kill()
        stack.enter_context(here.online.here(comes))
        assert await here.online.among([stays, comes]) == {stays: "ONLINE", comes: "ONLINE"}
        await asyncio.sleep(2 * GRACE)
        await valkey.restart()
        await heard(trio, leaves, "ONLINE", "OFFLINE", within=10)
        await heard(trio, comes, "ONLINE")
        await there.sees(stays, "ONLINE", within=10)
        assert told(trio, stays) == ["ONLINE"]


async def test_nobody_flaps_when_redis_stands_still_for_longer_than_a_process_lives(
    trio: list[Process], valkey: Valkey
) -> None:
    users = [uuid4() for _ in trio]
    with ExitStack() as stack:
        for process, user in zip(trio, users, strict=True):
            stack.enter_context(process.online.here(user))
            await heard(trio, user, "ONLINE")
        os.kill(valkey.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(1.5 * LIFE)
        finally:
            os.kill(valkey.pid, signal.SIGCONT)
        for process in trio:
            for user in users:
                await process.sees(user, "ONLINE")
        await asyncio.sleep(1)
        assert [told(trio, user) for user in users] == [["ONLINE"]] * 3


async def test_a_change_whose_answer_was_lost_is_told_all_the_same(trio: list[Process]) -> None:
    process, user = trio[0], uuid4()
    ledger = process.online._ledger
    settle = ledger._settle  # type: ignore[attr-defined]
    lost: list[bytes] = []

    async def breaks(**call: object) -> bytes:
        answer: bytes = await settle(**call)
        if not lost:
            lost.append(answer)
            raise ConnectionResetError
        return answer

    ledger._settle = breaks  # type: ignore[attr-defined]
    with process.online.here(user):
        await heard(trio, user, "ONLINE")
    assert lost


async def test_who_hears_of_changes_may_fail_or_hang_without_harm(
    single: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online, "TELLING_SECONDS", 0.05)
    user, calm = uuid4(), list[Status]()

    async def fails(change: Change) -> None:
        raise ValueError(change)

    async def breaks_off(change: Change) -> None:
        raise asyncio.CancelledError

    async def hangs(change: Change) -> None:
        await asyncio.Event().wait()

    async def hears(change: Change) -> None:
        if change.user_id == user:  # nobody of a test before
            calm.append(change.status)

    single.online._on_change = [fails, breaks_off, hangs, hears]
    with single.online.here(user):
        await soon(lambda: calm == ["ONLINE"])
    await soon(lambda: calm == ["ONLINE", "OFFLINE"])
