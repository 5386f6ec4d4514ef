"""A person's bell: the counters of what is unread, and the events from which all his tabs and
devices show the same (docs/events.md).

Whoever changes rows of a person holds his counter of that workspace first (`hold`), so that
writers take turns, the count is exact, and events come in the order of the changes. Only new rows
are made before their counter is touched: nobody else can want them yet.
"""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from wealist.core import db, events
from wealist.noti.wire import UnreadCount, bell


class _Counter(Struct):
    target_id: UUID
    workspace_id: UUID
    count: int


def ring(target_id: UUID, kind: str, payload: Struct, *, actor: UUID) -> None:
    """Append an event to a person's bell."""
    events.append(bell(target_id), kind, payload, actor=actor)


def tell_count(target_id: UUID, workspace_id: UUID, count: int, *, actor: UUID) -> None:
    """Tell how many are unread now."""
    ring(target_id, "unread-count", UnreadCount(count, workspace_id), actor=actor)


async def add(new: Sequence[tuple[UUID, UUID]], *, actor: UUID) -> None:
    """Count new unread notifications, given as (person, workspace), and tell it; one statement."""
    if not new:
        return
    found = await db.fetch(
        _Counter,
        """
        INSERT INTO noti.unread AS u (target_id, workspace_id, count)
        SELECT target_id, workspace_id, count(*)
        FROM unnest($1::uuid[], $2::uuid[]) AS g (target_id, workspace_id)
        GROUP BY target_id, workspace_id ORDER BY target_id, workspace_id
        ON CONFLICT (target_id, workspace_id) DO UPDATE SET count = u.count + excluded.count
        RETURNING target_id, workspace_id, count
        """,
        [target_id for target_id, _ in new],
        [workspace_id for _, workspace_id in new],
    )
    for one in found:
        tell_count(one.target_id, one.workspace_id, one.count, actor=actor)


async def hold(target_id: UUID, workspace_id: UUID) -> None:
    """Take the turn of changing somebody's notifications of a workspace until the commit. Where
    he has no counter, he has no notifications."""
    await db.execute(
        "SELECT FROM noti.unread WHERE target_id = $1 AND workspace_id = $2 FOR UPDATE",
        target_id,
        workspace_id,
    )


async def change(target_id: UUID, workspace_id: UUID, by: int, *, actor: UUID) -> None:
    """Change the count of a counter that is held, and tell it."""
    count: int = await db.fetch_value(
        """
        UPDATE noti.unread SET count = count + $3 WHERE target_id = $1 AND workspace_id = $2
        RETURNING count
        """,
        target_id,
        workspace_id,
        by,
    )
    tell_count(target_id, workspace_id, count, actor=actor)
