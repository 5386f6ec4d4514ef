"""The ordered event log: what changed, per channel, in commit order and without gaps.

`append` collects; the outermost transaction writes everything just before its commit. The row of
a channel is locked from then until the commit, so its `seq` is gap-free and `seq > cursor` is a
correct cursor. Channels are locked in the order of their names, so writers can't deadlock.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Raw, Struct

from wealist.core import db
from wealist.core.settings import Settings

mutation: ContextVar[str | None] = ContextVar("mutation", default=None)
"""What the client calls its request (`Idempotency-Key`): lets it recognise its own events."""


class Pending(NamedTuple):
    """An event of the open transaction."""

    channel: str
    type: str
    actor: UUID | None
    payload: bytes
    revokes: UUID | None


class Event(Struct, rename="camel"):
    """An event as it was written; `payload` is the JSON of the Struct given to `append`."""

    channel: str
    seq: int
    type: str
    actor_id: UUID | None
    payload: Raw
    mutation_id: str | None
    at: datetime
    revokes: UUID | None = None


class _Written(Struct):
    """Where an event of the transaction has got its place."""

    channel: str
    seq: int
    at: datetime
    epoch: str


class Position(Struct):
    """Where a channel stands: events with `floor < seq <= top` can be read."""

    epoch: str
    top: int
    floor: int


LOCK_MS = 200
"""How long all writers may have to wait for a change of the partitions, each time it is tried."""

_retention_days = 30


def open(settings: Settings) -> None:  # noqa: A001
    """Take how long events are kept from the settings."""
    global _retention_days
    _retention_days = settings.event_retention_days


on_commit: list[Callable[[Sequence[Event], str], None]] = []
"""Called with what a transaction has written and the epoch, after its commit. Must not fail."""


def append(
    channel: str,
    kind: str,
    payload: Struct,
    *,
    actor: UUID | None,
    revokes: UUID | None = None,
) -> None:
    """Record that something changed, in the transaction that changes it.

    `kind` is the event's type, such as `member.added`; `actor` is None for the system. After the
    event the user `revokes` (nil: everybody) may not see the channel any more: his live
    connections end before anything later reaches them. Raises RuntimeError outside a transaction.
    """
    transaction = db.current()
    if transaction is None:
        raise RuntimeError("an event is part of a transaction")
    transaction.events.append(Pending(channel, kind, actor, msgspec.json.encode(payload), revokes))


WRITE = """
    WITH given AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $6::uuid[])
            WITH ORDINALITY AS given (channel, type, actor, payload, revokes, place)
    ), channel AS (
        INSERT INTO core.channel AS c (name, top)
        SELECT channel, count(*) FROM given GROUP BY channel ORDER BY channel
        ON CONFLICT (name) DO UPDATE SET top = c.top + excluded.top
        RETURNING id, name, top
    ), inserted AS (
        INSERT INTO core.event (channel_id, seq, type, actor_id, payload, mutation_id, at, revokes)
        SELECT channel.id,
            channel.top + 1 - row_number() OVER (PARTITION BY channel.id ORDER BY place DESC),
            type, actor, payload::jsonb, $5, clock_timestamp(), revokes
        FROM given JOIN channel ON channel.name = given.channel
        ORDER BY place
        RETURNING channel_id, seq, at
    )
    SELECT channel.name AS channel, seq, at, (SELECT epoch FROM core.installation) AS epoch
    FROM inserted JOIN channel ON channel.id = inserted.channel_id
    ORDER BY channel.name COLLATE "C", seq
"""


async def _write(transaction: db.Transaction) -> None:
    """Number and insert the transaction's events: one statement, however many there are."""
    pending: list[Pending] = transaction.events
    if not pending:
        return
    written = await db.fetch(
        _Written,
        WRITE,
        [event.channel for event in pending],
        [event.type for event in pending],
        [event.actor for event in pending],
        [event.payload.decode() for event in pending],
        mutation.get(),
        [event.revokes for event in pending],
    )
    if on_commit:
        transaction.callbacks.append(partial(_announce, pending, written, mutation.get()))


def _announce(
    pending: Sequence[Pending], written: Sequence[_Written], mutation_id: str | None
) -> None:
    """Tell who has asked to be told. Both lists have the events of a channel in the same order."""
    by_channel = sorted(pending, key=lambda event: event.channel)
    committed = [
        Event(
            place.channel,
            place.seq,
            event.type,
            event.actor,
            Raw(event.payload),
            mutation_id,
            place.at,
            event.revokes,
        )
        for event, place in zip(by_channel, written, strict=True)
    ]
    for listener in on_commit:
        listener(committed, written[0].epoch)


db.before_commit.append(_write)


async def position(channel: str) -> Position:
    """The channel's position; a channel that never had an event stands at 0."""
    found = await db.fetch_one(
        Position,
        """
        SELECT i.epoch, coalesce(c.top, 0) AS top, coalesce(c.floor, 0) AS floor
        FROM core.installation i LEFT JOIN core.channel c ON c.name = $1
        """,
        channel,
    )
    assert found is not None
    return found


async def since(
    channel: str, seq: int, limit: int = 500, *, most_bytes: int = 1 << 20
) -> list[Event]:
    """Events of a channel after `seq`, in order: at most `limit`, and no more once their payloads
    reach `most_bytes`, but one if there is any."""
    found = await db.fetch(
        Event,
        """
        SELECT channel, seq, type, actor_id, convert_to(payload, 'UTF8') AS payload,
               mutation_id, at, revokes
        FROM (
            SELECT *, sum(octet_length(payload)) OVER (ORDER BY seq) AS bytes
            FROM (
                SELECT c.name AS channel, e.seq, e.type, e.actor_id,
                       e.payload::text AS payload, e.mutation_id, e.at, e.revokes
                FROM core.channel c JOIN core.event e ON e.channel_id = c.id
                WHERE c.name = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3
            ) found
        ) measured
        WHERE bytes - octet_length(payload) < $4 ORDER BY seq
        """,
        channel,
        seq,
        limit,
        most_bytes,
    )
    for event in found:
        event.payload = Raw(event.payload)
    return found


async def keep_partitions(*, ahead: int = 7, today: date | None = None) -> str:
    """Make the coming days' partitions and drop those older than the retention.

    The floor of each channel rises before what is below it goes, so that a client with an older
    cursor is told to start over instead of missing events silently. Returns a sentence for the
    job's log. Idempotent.
    """
    today = today or datetime.now(UTC).date()
    there = await _days()
    coming = [today + timedelta(days=n) for n in range(1, ahead + 1)]
    missing = [day for day in coming if day not in there]
    for day in missing:
        await _make(day)
    oldest = today - timedelta(days=_retention_days)
    expired = [day for day in there if day < oldest]
    for day in expired:
        await _drop(day)
    await _raise_floor("core.event_rest", oldest)
    rest = await db.execute("DELETE FROM core.event_rest WHERE at < $1", _midnight(oldest))
    return f"{len(missing)} partitions made, {len(expired)} dropped, {rest} stray events removed"


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _name(day: date) -> str:
    return f"event_{day:%Y%m%d}"


async def _days() -> list[date]:
    names: list[str] | None = await db.fetch_value(
        """
        SELECT array_agg(c.relname ORDER BY c.relname)
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'core.event'::regclass AND c.relname ~ '^event_[0-9]{8}$'
        """
    )
    return [datetime.strptime(name, "event_%Y%m%d").date() for name in names or ()]


async def _make(day: date) -> None:
    await _reshape(
        f"CREATE TABLE IF NOT EXISTS core.{_name(day)} PARTITION OF core.event "
        f"FOR VALUES FROM ('{_midnight(day)}') TO ('{_midnight(day + timedelta(days=1))}')"
    )


async def _drop(day: date) -> None:
    await _raise_floor(f"core.{_name(day)}", day + timedelta(days=1))
    await _reshape(f"DROP TABLE IF EXISTS core.{_name(day)}")


async def _reshape(statement: str) -> None:
    """Change the partitions. That locks the whole log: it waits for every open writer while all
    others wait behind it, so it gives up soon and tries again. Nothing else may be locked then."""
    for pause in (0.5, 1, 2, 4, 8, 0):
        try:
            async with db.transaction():
                await db.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
                await db.execute(statement)
            return
        except asyncpg.LockNotAvailableError:
            if not pause:
                raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311


async def _raise_floor(table: str, before: date) -> None:
    """Say that events of a table before a day can't be read any more; before they are removed, so
    that an older cursor is told to start over. Locks channels in the order in which writers do."""
    await db.execute(
        f"""
        WITH gone AS (
            SELECT channel_id, max(seq) AS seq FROM {table} WHERE at < $1 GROUP BY 1
        ), locked AS (
            SELECT c.id, gone.seq FROM core.channel c JOIN gone ON gone.channel_id = c.id
            ORDER BY c.name FOR NO KEY UPDATE OF c
        )
        UPDATE core.channel c SET floor = greatest(c.floor, locked.seq)
        FROM locked WHERE c.id = locked.id
        """,  # noqa: S608  # the table's name is made by _name, never by a client
        _midnight(before),
    )
