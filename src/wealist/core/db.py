"""PostgreSQL: one engine, one pool, transactions that know what happens after their commit.

Tables are Piccolo's (`db=engine`); lists and hot paths are SQL read into Structs by `fetch`.
Both run on the connection of the transaction that is open in the current context, if one is.

    async with transaction():               begins, or sets a savepoint inside another
        ...
        events.append(...)                  written last, just before the commit
        after_commit(announce, board_id)    runs when the outermost transaction has committed
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

import asyncpg
from msgspec import Struct

from wealist.core import metrics
from wealist.core.engine import Engine, Transaction, before_commit
from wealist.core.errors import Unavailable
from wealist.core.settings import Settings

__all__ = [
    "UNREACHABLE",
    "Transaction",
    "after_commit",
    "before_commit",
    "close",
    "connect_args",
    "current",
    "engine",
    "execute",
    "fetch",
    "fetch_one",
    "fetch_record",
    "fetch_records",
    "fetch_value",
    "on_statement",
    "open",
    "pool_state",
    "transaction",
]

S = TypeVar("S", bound=Struct)

engine = Engine(config={})


def transaction() -> Transaction:
    """Begin a transaction, or a savepoint inside the open one. Use it in verbs only."""
    return Transaction(engine)


def current() -> Transaction | None:
    """The transaction open in this context."""
    return cast("Transaction | None", engine.current_transaction.get())


def after_commit(function: Callable[..., Awaitable[None] | None], *args: Any) -> None:
    """Call `function(*args)` once the outermost transaction has committed.

    Dropped on rollback; its failure is logged, not raised. Raises RuntimeError when no
    transaction is open.
    """
    open_transaction = current()
    if open_transaction is None:
        raise RuntimeError("after_commit needs an open transaction")
    open_transaction.callbacks.append(lambda: function(*args))


_checked: set[tuple[type[Struct], str]] = set()


def _rows(kind: type[S], sql: str, records: Sequence[Any]) -> list[S]:
    if records and (kind, sql) not in _checked:
        columns, fields = list(records[0].keys()), list(kind.__struct_fields__)
        if columns != fields[: len(columns)]:
            raise TypeError(f"{kind.__name__} has the fields {fields}, the query gives {columns}")
        _checked.add((kind, sql))
    return [kind(*record) for record in records]


async def fetch(kind: type[S], sql: str, *args: Any) -> list[S]:
    """Run a query and return its rows as Structs: columns in the order of the Struct's fields."""
    async with engine.connection() as connection:
        return _rows(kind, sql, await connection.fetch(sql, *args))


async def fetch_one(kind: type[S], sql: str, *args: Any) -> S | None:
    """The first row as a Struct, or None."""
    async with engine.connection() as connection:
        record = await connection.fetchrow(sql, *args)
    return None if record is None else _rows(kind, sql, [record])[0]


async def fetch_records(sql: str, *args: Any) -> list[Any]:
    """Run a query whose rows hold more than one Struct; returns them as they are."""
    async with engine.connection() as connection:
        found: list[Any] = await connection.fetch(sql, *args)
    return found


async def fetch_record(sql: str, *args: Any) -> Any:
    """The first row as it is, or None."""
    async with engine.connection() as connection:
        return await connection.fetchrow(sql, *args)


async def fetch_value(sql: str, *args: Any) -> Any:
    """The first column of the first row, or None."""
    async with engine.connection() as connection:
        return await connection.fetchval(sql, *args)


async def execute(sql: str, *args: Any) -> int:
    """Run a statement; returns how many rows it touched."""
    async with engine.connection() as connection:
        status: str = await connection.execute(sql, *args)
    last = status.rsplit(" ", 1)[-1]
    return int(last) if last.isdecimal() else 0


def connect_args(settings: Settings) -> dict[str, Any]:
    """What asyncpg needs for a connection with our timeouts."""
    assert settings.database_url is not None
    return {
        "dsn": settings.database_url.reveal(),
        "timeout": 5,
        "server_settings": {
            "application_name": "wealist",
            "statement_timeout": str(settings.statement_timeout_ms),
            "lock_timeout": str(settings.lock_timeout_ms),
            "idle_in_transaction_session_timeout": "60000",
            "timezone": "UTC",
            "jit": "off",
        },
    }


async def open(settings: Settings) -> None:  # noqa: A001
    """Open the pool. Raises `Unavailable` when PostgreSQL can't be reached."""
    engine.config = connect_args(settings)
    try:
        await engine.start_connection_pool(
            min_size=1,
            max_size=settings.database_pool,
            max_inactive_connection_lifetime=120,
            init=_prepare_connection,
            reset=_reset_connection,
        )
    except UNREACHABLE as error:
        raise Unavailable(f"PostgreSQL can't be reached: {error}") from error
    metrics.set_pool_probe(pool_state)


async def close() -> None:
    """Close the pool; waits up to 5 seconds for connections in use."""
    pool, engine.pool = engine.pool, None
    if pool is None:
        return
    try:
        await asyncio.wait_for(pool.close(), 5)
    except TimeoutError:
        pool.terminate()


def pool_state() -> dict[str, float]:
    """Sizes for the pool's gauges: open, idle, in_use, max."""
    pool = engine.pool
    if pool is None:
        return {"open": 0, "idle": 0, "in_use": 0, "max": 0}
    size, idle = pool.get_size(), pool.get_idle_size()
    return {"open": size, "idle": idle, "in_use": size - idle, "max": pool.get_max_size()}


async def _prepare_connection(connection: Any) -> None:
    connection.add_query_logger(_observe)


on_statement: list[Callable[[str], None]] = []
"""Called with the text of each statement, BEGIN and COMMIT included."""

_OPERATION = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
_TABLE = re.compile(
    r'\b(?:FROM|INTO|UPDATE)\s+(?:ONLY\s+)?(?:"?\w+"?\.)?"?([a-z_]\w*)"?', re.IGNORECASE
)
_statements: dict[str, tuple[str, str] | None] = {}


def _observe(query: Any) -> None:
    """Count a statement by operation and table; BEGIN, COMMIT and SET are not worth a series."""
    sql = query.query
    for listener in on_statement:
        listener(sql)
    if sql not in _statements and len(_statements) < 5000:
        operation, table = _OPERATION.match(sql), _TABLE.search(sql)
        _statements[sql] = (
            (operation[1].lower().replace("with", "select"), table[1].lower())
            if operation and table
            else None
        )
    if statement := _statements.get(sql):
        metrics.observe_query(*statement, query.elapsed, query.exception is not None)


async def _reset_connection(connection: Any) -> None:
    """Nothing to reset: settings are only ever SET LOCAL, and session locks have a connection of
    their own. asyncpg's default costs every read another round trip."""
    if connection.is_in_transaction():
        await connection.reset()


UNREACHABLE: tuple[type[BaseException], ...] = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a farewell has been read on this connection, its end not yet
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
"""What asyncpg raises when the database is away, stopping, or refuses connections."""
