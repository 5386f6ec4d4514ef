"""Piccolo's engine and transaction, without the traps of Piccolo 1.38.

It opens nothing when imported, nests by savepoint, and gives a connection back even when its
commit fails. `core/db.py` is what the rest of the code uses.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from inspect import isawaitable
from time import perf_counter
from typing import Any, Literal, Self

import asyncpg
import structlog
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction

from wealist.core import metrics, tracing
from wealist.core.errors import Unavailable

BeforeCommit = Callable[["Transaction"], Awaitable[None]]

ACQUIRE_TIMEOUT = 5.0
"""Seconds to wait for a connection before a request is told to come back."""

log = structlog.get_logger("wealist.db")


_ending: set[asyncio.Task[None]] = set()
"""Ends of transactions, which outlive requests that are cancelled meanwhile."""

before_commit: list[BeforeCommit] = []
"""What every outermost transaction does last (the event log and idempotency add themselves)."""


class Engine(PostgresEngine):
    """The one engine of the process; `db.open` gives it a pool."""

    async def check_version(self) -> None:
        """Piccolo connects here, at import time; `doctor` and `open` check the version."""

    async def prep_database(self) -> None:
        """Extensions are created by migrations."""

    def transaction(self, allow_nested: bool = True) -> "Transaction":
        return Transaction(self, allow_nested)

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """The connection of the open transaction, else one from the pool."""
        current = self.current_transaction.get()
        if current is not None:
            yield current.connection
        else:
            connection = await self.acquire()
            try:
                yield connection
            finally:
                await self.release(connection)

    async def acquire(self) -> Any:
        """A connection from the pool; `Unavailable` when there is none within 5 seconds."""
        if self.pool is None:
            raise Unavailable("the database is not open")
        started = perf_counter()
        try:
            return await self.pool.acquire(timeout=ACQUIRE_TIMEOUT)
        except TimeoutError as error:
            raise Unavailable("the database is too busy") from error
        finally:
            metrics.observe_pool_wait(perf_counter() - started)

    async def release(self, connection: Any) -> None:
        """Give a connection back; the pool may have been closed meanwhile."""
        if self.pool is not None:
            await self.pool.release(connection)

    async def _run_in_pool(self, query: str, args: Sequence[Any] | None = None) -> Any:
        async with self.connection() as connection:
            return await connection.fetch(query, *(args or ()))


class Transaction(PostgresTransaction):
    """A transaction, or a savepoint when one is already open.

    `events` and `callbacks` belong to the level that made them: rolling back to a savepoint
    forgets them, releasing it hands them to the level above.
    """

    __slots__ = ("callbacks", "depth", "events", "span")

    engine: Engine
    _parent: "Transaction | None"

    def __init__(self, engine: Engine, allow_nested: bool = True) -> None:
        super().__init__(engine, allow_nested)
        self.depth: int = self._parent.depth + 1 if self._parent is not None else 0
        self.events: list[Any] = []
        self.callbacks: list[Callable[[], Awaitable[None] | None]] = []

    async def __aenter__(self) -> Self:
        if self._parent is None:
            self.span = tracing.span("transaction", **{"db.system": "postgresql"})
            self.connection = await self.engine.acquire()
            self.span.__enter__()
            self.transaction = self.connection.transaction()
            try:
                await self.transaction.start()
            except BaseException:
                self.span.__exit__(None, None, None)
                await self.engine.release(self.connection)
                raise
        else:
            self.connection = self._parent.connection
            await self.connection.execute(f"SAVEPOINT level_{self.depth}")
        self.context = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> Literal[False]:
        failed = kind is not None
        try:
            if self._parent is not None:
                await self._finish(failed=failed)
                return False
            # Shielded: a cancelled request must still give its connection back, and what it has
            # committed must be told.
            ending = asyncio.create_task(self._end(failed=failed))
            _ending.add(ending)
            ending.add_done_callback(_ending.discard)
            await asyncio.shield(ending)
        finally:
            self.engine.current_transaction.reset(self.context)
            if self._parent is None:
                self.span.__exit__(kind, error, traceback)
        return False

    async def _end(self, *, failed: bool) -> None:
        """Commit or roll back, give the connection back, and call the callbacks of a commit."""
        try:
            await self._finish(failed=failed)
        finally:
            # Only in this task: the caller's context is the caller's to restore.
            self.engine.current_transaction.set(None)
            try:
                await self.engine.release(self.connection)
            except Exception:  # the pool replaces it; what has been committed stays committed
                log.exception("a connection could not be given back")
        if not failed:
            await self._announce()

    async def _finish(self, *, failed: bool) -> None:
        if failed:
            await self._undo()
            return
        try:
            if self._parent is None:
                for step in before_commit:
                    await step(self)
                await self.transaction.commit()
                return
            await self.connection.execute(f"RELEASE SAVEPOINT level_{self.depth}")
        except BaseException:
            # After a failed COMMIT there is nothing left to undo, and asyncpg says so.
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self._undo()
            raise
        self._parent.events += self.events
        self._parent.callbacks += self.callbacks

    async def _undo(self) -> None:
        if self.connection.is_closed():
            return
        if self._parent is None:
            await self.transaction.rollback()
        else:
            await self.connection.execute(f"ROLLBACK TO SAVEPOINT level_{self.depth}")

    async def _announce(self) -> None:
        for callback in self.callbacks:
            try:
                result = callback()
                if isawaitable(result):
                    await result
            except Exception:
                log.exception("a callback after commit failed")
