"""How the jobs take what is due: one person's rows at a time, each row by one process only.

A batch leaves as one message. Its id is written down before anything is sent, so that after a
crash the same notifications go again under the same id and the receiver can recognise the repeat.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from msgspec import Struct

from wealist.core import db
from wealist.core.ids import uuid7
from wealist.core.wire import now
from wealist.noti.quiet import Times, leaves

PEOPLE = 20
MOST = 500
"""Rows in a batch; what waits beyond them makes the next one."""

HELD = timedelta(minutes=5)
"""How long a batch is its taker's; longer than any message takes to send."""

RUN_SECONDS = 120.0
"""How long a job goes on taking; what is left then is due at its next run."""

MOST_ATTEMPTS = 8
_FIRST_PAUSE = timedelta(minutes=1)

LOCKS = {"EMAIL": 0x7EA117, "PUSH": 0x7EA118}
"""Advisory locks: one process at a time takes batches of a channel, for milliseconds. Else two
could each take half of one person's rows and send two messages."""


class Batch(Struct):
    """What one person gets in one message. `attempts` is how often any of it was tried, the one
    that is about to be made included."""

    id: UUID
    target_id: UUID
    attempts: int
    notification_ids: list[UUID]


class _Waiting(Struct):
    target_id: UUID
    notification_id: UUID
    batch: UUID | None
    attempts: int
    created_at: datetime
    times: Times


async def take(channel: str) -> list[Batch] | None:
    """Take what is due of up to `PEOPLE` people, each person's as one batch.

    Whoever sleeps or waits for a digest is only looked at again later. None: nothing is due any
    more; an empty list: what was due has moved, ask again. One statement where there is nothing,
    else a constant number.
    """
    moment = now()
    if not await _anything_due(channel, moment):
        return None
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1)", LOCKS[channel])
        waiting = await _due(channel, moment)
        if not waiting:
            return None
        batches: list[Batch] = []
        later: list[tuple[UUID, datetime]] = []
        for target_id, rows in groupby(waiting, key=lambda row: row.target_id):
            mine = list(rows)
            when = min(
                leaves(row.times, row.created_at, moment, digest=channel == "EMAIL") for row in mine
            )
            if when > moment:
                later.append((target_id, when))
            else:
                batches.append(_batch(target_id, mine))
        if later:
            await _postpone(channel, later)
        if batches:
            await _mark_taken(channel, batches, moment + HELD)
    return batches


async def _anything_due(channel: str, moment: datetime) -> bool:
    """A look at an index, so that idle processes don't queue for the lock."""
    found: bool = await db.fetch_value(
        """
        SELECT EXISTS (SELECT FROM noti.deliveries
                       WHERE channel = $1 AND state = 'WAITING' AND due_at <= $2
                         AND (taken_until IS NULL OR taken_until <= $2))
        """,
        channel,
        moment,
    )
    return found


async def _due(channel: str, moment: datetime) -> list[_Waiting]:
    """What waits for the people for whom something is due and nothing is being sent: also what
    isn't due itself, but not what was tried and has to pause."""
    records = await db.fetch_records(
        """
        WITH oldest AS (
            SELECT target_id, due_at FROM noti.deliveries
            WHERE channel = $1 AND state = 'WAITING' AND due_at <= $2
              AND target_id NOT IN (SELECT target_id FROM noti.deliveries
                                    WHERE channel = $1 AND state = 'WAITING' AND taken_until > $2)
            ORDER BY due_at LIMIT $4
        ), people AS (
            SELECT target_id, min(due_at) AS due_at FROM oldest
            GROUP BY target_id ORDER BY due_at LIMIT $3
        )
        SELECT p.target_id, d.notification_id, d.batch, d.attempts, d.created_at,
               s.time_zone, s.quiet_start, s.quiet_end, s.quiet_days, s.paused_until, s.digest,
               s.digest_hour
        FROM people p
        CROSS JOIN LATERAL (
            SELECT * FROM noti.deliveries w
            WHERE w.target_id = p.target_id AND w.channel = $1 AND w.state = 'WAITING'
              AND (w.attempts = 0 OR w.due_at <= $2)
            ORDER BY w.batch NULLS LAST, w.created_at, w.notification_id LIMIT $4
        ) d
        LEFT JOIN noti.settings s ON s.user_id = p.target_id
        ORDER BY p.due_at, p.target_id, d.batch NULLS LAST, d.created_at, d.notification_id
        """,
        channel,
        moment,
        PEOPLE,
        MOST,
    )
    return [
        _Waiting(
            row["target_id"],
            row["notification_id"],
            row["batch"],
            row["attempts"],
            row["created_at"],
            _times(row),
        )
        for row in records
    ]


def _times(row: Any) -> Times:
    """What counts for whoever has chosen nothing, where there is no row of settings."""
    if row["time_zone"] is None:
        return Times()
    return Times(**{name: row[name] for name in Times.__struct_fields__})


def _batch(target_id: UUID, rows: list[_Waiting]) -> Batch:
    """The batch that was begun before, exactly as it was, else all there is as a new one."""
    begun = rows[0].batch
    mine = [row for row in rows if row.batch == begun]
    attempts = min(max(row.attempts for row in mine) + 1, MOST_ATTEMPTS)
    return Batch(begun or uuid7(), target_id, attempts, [row.notification_id for row in mine])


async def _postpone(channel: str, later: list[tuple[UUID, datetime]]) -> None:
    targets, moments = zip(*later, strict=True)
    await db.execute(
        """
        UPDATE noti.deliveries d SET due_at = given.due_at
        FROM unnest($2::uuid[], $3::timestamptz[]) AS given (target_id, due_at)
        WHERE d.target_id = given.target_id AND d.channel = $1 AND d.state = 'WAITING'
          AND d.due_at < given.due_at
        """,
        channel,
        list(targets),
        list(moments),
    )


async def _mark_taken(channel: str, batches: list[Batch], until: datetime) -> None:
    rows = [(row_id, batch.id) for batch in batches for row_id in batch.notification_ids]
    ids, batch_ids = zip(*rows, strict=True)
    await db.execute(
        """
        UPDATE noti.deliveries d
        SET batch = given.batch, attempts = d.attempts + 1, taken_until = $2
        FROM unnest($3::uuid[], $4::uuid[]) AS given (id, batch)
        WHERE d.notification_id = given.id AND d.channel = $1
        """,
        channel,
        until,
        list(ids),
        list(batch_ids),
    )


async def sent(channel: str, batch: Batch) -> None:
    """It has been accepted; right after that, since a crash in between would send it again."""
    await _finish(channel, batch, "SENT", None)


async def failed(channel: str, batch: Batch, problem: str) -> None:
    """It will never be accepted."""
    await _finish(channel, batch, "FAILED", problem)


async def _finish(channel: str, batch: Batch, state: str, problem: str | None) -> None:
    await db.execute(
        """
        UPDATE noti.deliveries SET state = $3, problem = $4, taken_until = NULL,
               sent_at = CASE $3 WHEN 'SENT' THEN now() END
        WHERE channel = $1 AND notification_id = ANY($2) AND state = 'WAITING'
        """,
        channel,
        batch.notification_ids,
        state,
        problem,
    )


async def drop(channel: str, notification_ids: Iterable[UUID]) -> None:
    """Nobody needs these any more: read meanwhile, or no longer his to read."""
    await db.execute(
        """
        UPDATE noti.deliveries SET state = 'DROPPED', taken_until = NULL
        WHERE channel = $1 AND notification_id = ANY($2) AND state = 'WAITING'
        """,
        channel,
        list(notification_ids),
    )


async def again(channel: str, batch: Batch, problem: str, *, unclear: bool = False) -> bool:
    """Try later, at growing intervals; what was tried `MOST_ATTEMPTS` times has failed. Whether
    anything is left to try.

    `unclear`: it may have been accepted, so it goes again exactly as it was. Else it may go
    together with what has come since.
    """
    left: bool | None = await db.fetch_value(
        """
        WITH tried AS (
            UPDATE noti.deliveries SET taken_until = NULL, due_at = $3, problem = $4,
                   batch = CASE WHEN $5 THEN batch END,
                   state = CASE WHEN attempts < $6 THEN 'WAITING' ELSE 'FAILED' END
            WHERE channel = $1 AND notification_id = ANY($2) AND state = 'WAITING'
            RETURNING state
        ) SELECT bool_or(state = 'WAITING') FROM tried
        """,
        channel,
        batch.notification_ids,
        now() + _FIRST_PAUSE * 2 ** (batch.attempts - 1),
        problem,
        unclear,
        MOST_ATTEMPTS,
    )
    return bool(left)


async def release(channel: str, batches: Iterable[Batch]) -> None:
    """Give back what was taken and not tried: it is due at once, the attempt doesn't count, and
    what was begun before stays the batch that it was."""
    ids = [row_id for batch in batches for row_id in batch.notification_ids]
    await db.execute(
        """
        UPDATE noti.deliveries SET taken_until = NULL, attempts = attempts - 1,
               batch = CASE WHEN attempts > 1 THEN batch END
        WHERE channel = $1 AND notification_id = ANY($2) AND state = 'WAITING'
        """,
        channel,
        ids,
    )


async def hurry(user_id: UUID) -> None:
    """A person's times have changed: look again at all that waits for him, now."""
    await db.execute(
        """
        UPDATE noti.deliveries SET due_at = now()
        WHERE target_id = $1 AND state = 'WAITING' AND due_at > now() AND attempts = 0
        """,
        user_id,
    )
