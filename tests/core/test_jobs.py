"""Leases and background jobs: one of many runs, none is forgotten, all of it ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import Context
from itertools import pairwise

import pytest

from tests.people import Server
from wealist.core import db, jobs, leases, metrics
from wealist.core.errors import NotFound
from wealist.core.jobs import Job, Runner

pytestmark = pytest.mark.usefixtures("server")


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for something that happens soon."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


def counted(job: str, outcome: str) -> float:
    labels = {"job": job, "outcome": outcome}
    return metrics.registry.get_sample_value("wealist_job_runs_total", labels) or 0.0


async def nothing() -> str | None:
    return None


def job(name: str, run: Callable[[], Awaitable[str | None]] = nothing, **rest: object) -> Job:
    return Job(name, rest.pop("every", 0.05), run, **rest)  # type: ignore[arg-type]


async def test_of_twenty_who_reach_for_a_lease_one_gets_it() -> None:
    takes = [
        asyncio.create_task(leases.take("one", 60, holder=f"holder {n}"), context=Context())
        for n in range(20)
    ]
    taken = await asyncio.gather(*takes)
    assert taken.count(True) == 1
    assert await leases.holder_of("one") == f"holder {taken.index(True)}"


async def test_a_lease_is_renewed_by_its_holder_and_refused_to_others() -> None:
    assert await leases.take("one", 60, holder="a")
    assert not await leases.take("one", 60, holder="b")
    assert await leases.take("one", 60, holder="a")


async def test_a_lease_that_nobody_renews_ends_by_itself() -> None:
    assert await leases.take("one", 0.1, holder="dead")
    await asyncio.sleep(0.15)
    assert await leases.holder_of("one") is None
    assert await leases.take("one", 60, holder="b")


async def test_releasing_what_somebody_else_holds_by_now_changes_nothing() -> None:
    await leases.take("one", 60, holder="b")
    await leases.release("one", holder="a")
    assert await leases.holder_of("one") == "b"


async def test_of_twenty_runners_only_one_runs_a_job_and_never_twice_at_once() -> None:
    ran: list[str] = []
    inside = 0

    def work(holder: str) -> Callable[[], Awaitable[str | None]]:
        async def run() -> str | None:
            nonlocal inside
            inside += 1
            try:
                assert inside == 1
                ran.append(holder)
                await asyncio.sleep(0.02)
            finally:
                inside -= 1
            return None

        return run

    runners = [Runner([job("sweep", work(f"r{n}"))], holder=f"r{n}") for n in range(20)]
    for runner in runners:
        runner.start()
    await until(lambda: len(ran) >= 10)
    assert len(set(ran)) == 1
    for runner in runners:
        await runner.stop()
    assert counted("sweep", "failed") == 0


async def test_when_a_runner_stops_another_takes_its_turn() -> None:
    ran: list[str] = []

    def work(holder: str) -> Callable[[], Awaitable[str | None]]:
        async def run() -> str | None:
            ran.append(holder)
            return None

        return run

    first = Runner([job("sweep", work("first"))], holder="first")
    second = Runner([job("sweep", work("second"))], holder="second")
    first.start()
    await until(lambda: "first" in ran)
    second.start()
    await asyncio.sleep(0.3)
    assert "second" not in ran
    await first.stop()
    await until(lambda: "second" in ran)
    await second.stop()
    assert await db.fetch_value("SELECT count(*) FROM core.lease") == 0


async def test_a_job_that_something_cancels_from_inside_has_failed_and_runs_again() -> None:
    ran: list[int] = []

    async def stray() -> str | None:
        ran.append(1)
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone
        return None

    before = counted("stray", "failed")
    runner = Runner([job("stray", stray, leased=False)])
    with pytest.raises(jobs.Interrupted):
        await runner.run_once("stray")
    assert counted("stray", "failed") == before + 1
    runner.start()
    await until(lambda: len(ran) == 2)
    await asyncio.sleep(0.05)
    assert not any(loop.done() for loop in runner._loops)
    await runner.stop()


async def test_a_job_that_is_not_leased_runs_in_every_process() -> None:
    ran: set[str] = set()

    def work(holder: str) -> Callable[[], Awaitable[str | None]]:
        async def run() -> str | None:
            ran.add(holder)
            return None

        return run

    runners = [Runner([job("local", work(h), leased=False)], holder=h) for h in ("a", "b")]
    for runner in runners:
        runner.start()
    await until(lambda: ran == {"a", "b"})
    for runner in runners:
        await runner.stop()


async def test_a_job_beyond_its_deadline_is_cancelled_and_counted_as_late() -> None:
    cancelled = asyncio.Event()

    async def slow() -> str | None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return None

    runner = Runner([job("slow", slow, deadline=0.1)])
    before = counted("slow", "late")
    with pytest.raises(jobs.Late, match="longer than its"):
        await runner.run_once("slow")
    assert cancelled.is_set()
    assert counted("slow", "late") == before + 1
    assert await leases.holder_of("slow:run") is None


async def test_a_job_that_fails_is_tried_again_later_and_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "RETRY", 0.05)
    tries: list[float] = []

    async def broken() -> str | None:
        tries.append(time.monotonic())
        if len(tries) < 4:
            raise ValueError("no")
        return "at last"

    before = counted("broken", "failed")
    runner = Runner([job("broken", broken, every=0.01)])
    runner.start()
    await until(lambda: len(tries) >= 4)
    await runner.stop()
    pauses = [later - earlier for earlier, later in pairwise(tries[:4])]
    assert all(pause >= 0.045 * 2**n for n, pause in enumerate(pauses))
    assert counted("broken", "failed") == before + 3


async def test_a_loop_outlives_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "RETRY", 0.05)
    ran = asyncio.Event()

    async def run() -> str | None:
        ran.set()
        return None

    runner = Runner([job("sweep", run)])
    with monkeypatch.context() as away:
        away.setattr(db.engine, "pool", None)
        runner.start()
        await asyncio.sleep(0.3)
        assert not ran.is_set()
    async with asyncio.timeout(5):
        await ran.wait()
    await runner.stop()


async def test_a_run_that_loses_its_lease_is_ended() -> None:
    began = asyncio.Event()

    async def long() -> str | None:
        began.set()
        await asyncio.sleep(60)
        return None

    runner = Runner([job("long", long)], holder="a", lease_seconds=0.4)
    running = asyncio.create_task(runner.run_once("long"))
    await began.wait()
    await db.execute("UPDATE core.lease SET holder = 'b', expires_at = now() + interval '1 min'")
    with pytest.raises(jobs.LeaseLost):
        await asyncio.wait_for(running, 5)
    assert await leases.holder_of("long:run") == "b"


async def test_a_run_keeps_its_lease_for_as_long_as_it_takes() -> None:
    async def long() -> str | None:
        await asyncio.sleep(2)
        return "done"

    runner = Runner([job("long", long)], holder="a", lease_seconds=1)
    running = asyncio.create_task(runner.run_once("long"))
    await asyncio.sleep(1.5)
    with pytest.raises(jobs.Busy, match="runs on a"):
        await Runner([job("long", long)], holder="b").run_once("long")
    assert await running == "done"


async def test_a_job_can_be_run_by_hand_while_another_process_has_the_turn() -> None:
    async def run() -> str | None:
        return "3 removed"

    await leases.take("sweep:turn", 3600, holder="a server")
    assert await Runner([job("sweep", run)]).run_once("sweep") == "3 removed"


async def test_an_unknown_job_is_answered_with_the_names_there_are() -> None:
    runner = Runner([job("a.purge"), job("b.sweep")])
    with pytest.raises(NotFound, match=r"a\.purge, b\.sweep"):
        await runner.run_once("purge")


async def test_two_jobs_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="same name"):
        Runner([job("a"), job("a")])


async def test_stopping_cancels_what_runs_and_leaves_no_lease(server: Server) -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def long() -> str | None:
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return None

    runner = Runner([job("long", long)])
    runner.start()
    await began.wait()
    await asyncio.wait_for(runner.stop(), 5)
    assert cancelled.is_set()
    assert await db.fetch_value("SELECT count(*) FROM core.lease") == 0
