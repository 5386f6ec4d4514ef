"""Writes that come at the same time share a transaction.

A commit costs a write to disk, and each statement a round trip; while one transaction is under way
more items come, and the next takes them all. When nothing is under way an item waits for nothing.
A transaction that fails is repeated for each of its items alone, so that none suffers from another.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from wealist.core import db
from wealist.core.errors import Unavailable
from wealist.core.tasks import end

PUMPS = 3
"""Transactions under way at once in a process."""
MOST_TOGETHER = 64
MOST_WAITING = 5000
STOP_SECONDS = 5.0

I = TypeVar("I")  # noqa: E741
R = TypeVar("R")

log = structlog.get_logger("wealist.chat")


class Pump(Generic[I, R]):
    """`write` carries out any number of items in the open transaction, and returns as many
    results. `start` and `stop` begin and end it."""

    def __init__(self, write: Callable[[Sequence[I]], Awaitable[list[R]]]) -> None:
        self._write = write
        self._waiting: list[tuple[I, asyncio.Future[R]]] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(self._run(), name=f"pump {n}") for n in range(PUMPS)]

    async def stop(self) -> None:
        """Carry out what waits, and end."""
        self._stopping = True
        self._wake.set()
        _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        await end(*late)

    async def post(self, item: I) -> R:
        """The result of an item. It is carried out even when the caller goes away meanwhile.

        Raises `Unavailable` when thousands wait already, or this server stops; else what `write`
        raises for this item alone.
        """
        if self._stopping or len(self._waiting) >= MOST_WAITING:
            raise Unavailable("too much is being written; try again", retry_after=1)
        result: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        self._wake.set()
        return await result

    async def _run(self) -> None:
        while True:
            while not self._waiting:
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
            batch = self._waiting[:MOST_TOGETHER]
            del self._waiting[:MOST_TOGETHER]
            try:
                await self._carry_out(batch)
            finally:
                for _, result in batch:
                    if not result.done():
                        result.set_exception(Unavailable("this server stops", retry_after=1))

    async def _carry_out(self, batch: list[tuple[I, asyncio.Future[R]]]) -> None:
        try:
            async with db.transaction():
                results = await self._write([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, db.UNREACHABLE):
                log.info("items are written alone", error=f"{type(error).__name__}: {error}")
                for one in batch:
                    await self._carry_out([one])
                return
            for _, result in batch:
                if not result.done():
                    result.set_exception(error)
            return
        for (_, waiting), done in zip(batch, results, strict=True):
            if not waiting.done():
                waiting.set_result(done)
