"""What waits to leave the building: rows of `noti.deliveries`, taken by the jobs that send.

A row is one notification on its way through one channel. `due_at` is when to look at it next: a
job that finds that its person sleeps, or wants a digest later, only moves it. So what a person
changes about times counts for what waits already.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from wealist.core import db
from wealist.noti.channels import EMAIL, PUSH, offered
from wealist.noti.preferences import Choice


class Delivery(NamedTuple):
    """A notification that was just written, and by which channels its person wants to know."""

    notification_id: UUID
    target_id: UUID
    kind: str
    choice: Choice


async def plan(rows: Sequence[Delivery]) -> None:
    """Have the jobs send what shall leave, in the transaction that wrote the notifications.

    One statement, or none. Nothing is planned for a channel that isn't configured, an e-mail of
    somebody who wants none at all, a push to somebody who has no subscription. Harmless when
    repeated. Call it after the rows of `noti.notifications` are there.
    """
    wanted = [
        (row.notification_id, row.target_id, channel)
        for row in rows
        for channel, chosen in ((EMAIL, row.choice.email), (PUSH, row.choice.push))
        if chosen and offered(channel)
    ]
    if not wanted:
        return
    ids, targets, channels = zip(*wanted, strict=True)
    await db.execute(
        """
        INSERT INTO noti.deliveries
            (notification_id, target_id, channel, state, due_at, attempts, created_at)
        SELECT id, target_id, channel, 'WAITING', now(), 0, now()
        FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS given (id, target_id, channel)
        WHERE CASE channel
            WHEN 'PUSH' THEN EXISTS (SELECT FROM noti.push_subscriptions s
                                     WHERE s.user_id = target_id)
            ELSE NOT EXISTS (SELECT FROM noti.settings s
                             WHERE s.user_id = target_id AND s.digest = 'OFF')
        END
        ON CONFLICT DO NOTHING
        """,
        list(ids),
        list(targets),
        list(channels),
    )


async def purge() -> str:
    """Forget what has been dealt with a week ago, in steps; the job's sentence."""
    gone = 0
    while True:
        count = await db.execute(
            """
            DELETE FROM noti.deliveries WHERE (notification_id, channel) IN (
                SELECT notification_id, channel FROM noti.deliveries
                WHERE state <> 'WAITING' AND created_at < now() - interval '7 days' LIMIT 1000)
            """
        )
        gone += count
        if count < 1000:
            return f"{gone} old deliveries removed"
