"""Background work: supervised loops in the process, shared out among replicas by leases.

Every job is idempotent, has a deadline, and can be run once from the command line. Two leases
guard one that is `leased`: its *turn* decides which replica runs it on schedule (it outlasts the
pause between two runs, so that ten replicas don't run it ten times as often), and its *run*
keeps two runs apart, whoever began them.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog
from msgspec import Struct

from wealist.core import envelopes, leases, metrics
from wealist.core.errors import Conflict, NotFound

RETRY, MAX_RETRY = 10.0, 600.0
"""Pause after a failure, doubled by each further one up to the second number."""

log = structlog.get_logger("wealist.jobs")


class Job(Struct, frozen=True):
    """Something to do every `every` seconds, for at most `deadline` seconds.

    `run` returns a sentence about what it did, or None when there was nothing to do. It may be
    cancelled at any `await`, and run again from the start. `leased=False` runs it in each process.
    """

    name: str
    every: float
    run: Callable[[], Awaitable[str | None]]
    leased: bool = True
    deadline: float = 300.0


class LeaseLost(Exception):
    """The run was ended because another process may have begun one."""


class Interrupted(Exception):
    """The job ended itself as if somebody had cancelled it."""


class Late(TimeoutError):
    """The run was ended at its deadline."""


class Busy(Conflict):
    """Another process runs it."""


class Runner:
    """The loops of one process.

    `holder` names the process in leases. `lease_seconds` is how long a run's lease lasts without
    being renewed: the longest that a run whose process died blocks the next.
    """

    def __init__(
        self, jobs: Sequence[Job], *, holder: str = leases.HOLDER, lease_seconds: float = 60.0
    ) -> None:
        self.jobs = {job.name: job for job in jobs}
        if len(self.jobs) != len(jobs):
            raise ValueError("two jobs have the same name")
        self.holder = holder
        self.lease_seconds = lease_seconds
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin all loops; each waits a random part of its first period (at most 30 s)."""
        self._loops = [
            asyncio.create_task(self._loop(job), name=f"job {job.name}")
            for job in self.jobs.values()
        ]

    async def stop(self) -> None:
        """Cancel what runs and hand the turns to the other replicas."""
        loops, self._loops = self._loops, []
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        names = [name for job in self.jobs.values() if job.leased for name in _leases(job)]
        if loops and names:
            # Also the run's: a loop may have been cancelled just when it was taking it.
            with contextlib.suppress(Exception):
                await leases.release(*names, holder=self.holder)

    async def run_once(self, name: str) -> str | None:
        """Run a job now, on schedule or not, and return what it says.

        Raises `NotFound` for an unknown name, `Busy` when it runs elsewhere, `Late`, `LeaseLost`,
        else what the job raises.
        """
        return await self._run(self.named(name))

    def named(self, name: str) -> Job:
        """A job by its name. Raises `NotFound`, which lists the names there are."""
        job = self.jobs.get(name)
        if job is None:
            raise NotFound(f"there is no job {name!r}; there are: {', '.join(sorted(self.jobs))}")
        return job

    async def _loop(self, job: Job) -> None:
        failures = 0
        name, _ = _leases(job)
        await asyncio.sleep(random.uniform(0, min(job.every, 30)))  # noqa: S311
        while True:
            try:
                # The turn outlasts the pause, else it would wander between the replicas.
                turn = job.every * 1.5 + job.deadline
                if not job.leased or await leases.take(name, turn, holder=self.holder):
                    await self._run(job)
                failures = 0
            except Busy:
                log.info("job skipped, it runs elsewhere", job=job.name)
            except Exception as error:
                failures += 1
                _tell(job, error)
            pause = min(RETRY * 2 ** min(failures - 1, 10), MAX_RETRY) if failures else job.every
            await asyncio.sleep(pause * random.uniform(0.9, 1.1))  # noqa: S311

    async def _run(self, job: Job) -> str | None:
        started = time.monotonic()
        outcome = "failed"
        try:
            said = await self._under_lease(job)
            outcome = "ok"
        except Busy:
            outcome = "busy"
            raise
        except Late:
            outcome = "late"
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            metrics.job_finished(job.name, outcome, time.monotonic() - started)
        if said:
            log.info("job done", job=job.name, said=said)
        return said

    async def _under_lease(self, job: Job) -> str | None:
        _, name = _leases(job)
        if job.leased and not await leases.take(name, self.lease_seconds, holder=self.holder):
            raise Busy(f"{job.name} runs on {await leases.holder_of(name)} at the moment")
        tasks: list[asyncio.Task[str | None]] = [asyncio.create_task(_begin(job))]
        if job.leased:
            tasks.append(asyncio.create_task(self._until_lost(name)))
        try:
            await asyncio.wait(tasks, timeout=job.deadline, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].cancelled():
                # By itself. Raised as it is, this would end the job's loop for good.
                raise Interrupted("was cancelled by something that it waited for")
            if tasks[0].done():
                return tasks[0].result()
            if any(task.done() for task in tasks):
                raise LeaseLost("its lease was lost; another process may run it")
            raise Late(f"took longer than its {job.deadline:g} s")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if job.leased:
                with contextlib.suppress(Exception):
                    await leases.release(name, holder=self.holder)

    async def _until_lost(self, name: str) -> None:
        """Renew the lease; return when it is lost or can't be renewed in time."""
        quarter = self.lease_seconds / 4
        held_until = time.monotonic() + self.lease_seconds
        while time.monotonic() < held_until - quarter:
            await asyncio.sleep(quarter)
            asked = time.monotonic()
            try:
                async with asyncio.timeout(quarter):
                    if not await leases.take(name, self.lease_seconds, holder=self.holder):
                        return
                held_until = asked + self.lease_seconds
            except Exception as error:
                log.warning("a job's lease can't be renewed", lease=name, error=str(error))


async def _begin(job: Job) -> str | None:
    return await job.run()


def _leases(job: Job) -> tuple[str, str]:
    """The names of its turn and of its run."""
    return f"{job.name}:turn", f"{job.name}:run"


def _tell(job: Job, error: Exception) -> None:
    surprise = isinstance(envelopes.translate(error), envelopes.Unexpected)
    expected = isinstance(error, LeaseLost | Late) or not surprise
    log.error("job failed", job=job.name, error=str(error), exc_info=None if expected else error)
