"""What becomes of notifications when people or workspaces go, and when they grow old."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from wealist.core import db
from wealist.core.identity import SYSTEM
from wealist.core.settings import Settings
from wealist.noti import bell, measures
from wealist.noti.rules import RULES
from wealist.noti.wire import Gone

UNREAD_DAYS = 180
_BATCH = 1000

KEPT = sorted(kind for kind, rule in RULES.items() if not rule.members_only)
"""Types that tell of the loss of a workspace: they outlive it."""

_read_days = 30


def open(settings: Settings) -> None:  # noqa: A001
    """Take from the settings how long what was read is kept."""
    global _read_days
    _read_days = settings.notification_days


class _Lost(Struct):
    """What somebody loses in a workspace: how many notifications, how many of them unread, and
    the ids of those that he saw, where they are wanted."""

    target_id: UUID
    workspace_id: UUID
    count: int
    unread: int
    ids: list[UUID]


async def forget_member(workspace_id: UUID, user_id: UUID, actor: UUID) -> None:
    """Delete what somebody was told in a workspace of which he is no member any more."""
    await bell.hold(user_id, workspace_id)
    await _forget(workspace_id, actor, "AND target_id = $3", user_id)


async def forget_person(user_id: UUID) -> None:
    """Delete all that is left of somebody whose account is gone for good."""
    await db.execute(
        """
        WITH told AS (DELETE FROM noti.notifications WHERE target_id = $1),
             counted AS (DELETE FROM noti.unread WHERE target_id = $1),
             preferred AS (DELETE FROM noti.preferences WHERE user_id = $1),
             muted AS (DELETE FROM noti.mutes WHERE user_id = $1),
             subscribed AS (DELETE FROM noti.push_subscriptions WHERE user_id = $1)
        DELETE FROM noti.settings WHERE user_id = $1
        """,
        user_id,
    )


async def forget_workspace(workspace_id: UUID, actor: UUID) -> None:
    """Delete what anybody was told in a workspace that is gone."""
    await db.execute(
        "SELECT FROM noti.unread WHERE workspace_id = $1 ORDER BY target_id FOR UPDATE",
        workspace_id,
    )
    await _forget(workspace_id, actor, "")


async def _forget(workspace_id: UUID, actor: UUID, whose: str, *args: UUID) -> None:
    """Delete all but what is kept, and the counters, which are held; tell their people.

    Nothing new can come meanwhile: whoever makes notifications holds the workspace, too.
    """
    lost = await db.fetch(
        _Lost,
        f"""
        WITH gone AS (
            DELETE FROM noti.notifications WHERE workspace_id = $1 AND type <> ALL($2) {whose}
            RETURNING target_id, shown, read_at
        )
        SELECT target_id, $1::uuid AS workspace_id, count(*)::int AS count,
               count(*) FILTER (WHERE shown AND read_at IS NULL)::int AS unread,
               '{{}}'::uuid[] AS ids
        FROM gone GROUP BY target_id ORDER BY target_id
        """,
        workspace_id,
        KEPT,
        *args,
    )
    for one in lost:
        gone = Gone(workspace_id, kept_types=KEPT)
        bell.ring(one.target_id, "notification-deleted", gone, actor=actor)
    await _subtract(lost, actor=actor)
    await db.execute(
        f"""
        DELETE FROM noti.unread u WHERE workspace_id = $1 {whose.replace("$3", "$2")}
          AND NOT EXISTS (
            SELECT FROM noti.notifications n
            WHERE n.target_id = u.target_id AND n.workspace_id = u.workspace_id AND n.shown
          )
        """,
        workspace_id,
        *args,
    )
    measures.count_committed("deleted", sum(one.count for one in lost))


async def _subtract(lost: Sequence[_Lost], *, actor: UUID) -> None:
    """Count what was unread out of counters that are held, and tell them; one statement."""
    fewer = [one for one in lost if one.unread]
    if not fewer:
        return
    left = await db.fetch_records(
        """
        UPDATE noti.unread u SET count = u.count - g.unread
        FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS g (target_id, workspace_id, unread)
        WHERE u.target_id = g.target_id AND u.workspace_id = g.workspace_id
        RETURNING u.target_id, u.workspace_id, u.count
        """,
        [one.target_id for one in fewer],
        [one.workspace_id for one in fewer],
        [one.unread for one in fewer],
    )
    for target_id, workspace_id, count in left:
        bell.tell_count(target_id, workspace_id, count, actor=actor)


async def expire() -> str:
    """Delete what is too old, in batches; the job's sentence. What was read goes
    `WEALIST_NOTIFICATION_DAYS` after it was made, anything after 180 days."""
    deleted = 0
    while (count := await _expire_some()) > 0:
        deleted += count
    return f"{deleted} old notifications deleted"


_OLD = """
    n.created_at < now() - make_interval(days => least($1::int, $2::int))
    AND (n.created_at < now() - make_interval(days => $2) OR (n.read_at IS NOT NULL
         AND n.created_at < now() - make_interval(days => $1)))
"""
"""SQL: $1 days when it was read, $2 in any case."""


async def _expire_some() -> int:
    """One batch: the oldest, but of nobody whose counter is held by somebody else. Those are
    deleted another day."""
    async with db.transaction():
        ids: list[UUID] | None = await db.fetch_value(
            f"""
            WITH old AS MATERIALIZED (
                SELECT n.id, n.target_id, n.workspace_id, n.shown FROM noti.notifications n
                WHERE {_OLD} ORDER BY n.created_at LIMIT {_BATCH}
            ), held AS MATERIALIZED (
                SELECT u.target_id, u.workspace_id FROM noti.unread u
                WHERE (u.target_id, u.workspace_id) IN (SELECT target_id, workspace_id FROM old)
                ORDER BY u.target_id, u.workspace_id FOR UPDATE SKIP LOCKED
            )
            SELECT array_agg(old.id) FROM old LEFT JOIN held USING (target_id, workspace_id)
            WHERE held.target_id IS NOT NULL OR NOT old.shown
            """,
            _read_days,
            UNREAD_DAYS,
        )
        if not ids:
            return 0
        # Looked at again: one may have become unread before its counter was held.
        lost = await db.fetch(
            _Lost,
            f"""
            WITH gone AS (
                DELETE FROM noti.notifications n WHERE n.id = ANY($3) AND {_OLD}
                RETURNING n.id, n.target_id, n.workspace_id, n.shown, n.read_at
            )
            SELECT target_id, workspace_id, count(*)::int AS count,
                   count(*) FILTER (WHERE shown AND read_at IS NULL)::int AS unread,
                   coalesce(array_agg(id) FILTER (WHERE shown), '{{}}') AS ids
            FROM gone GROUP BY target_id, workspace_id ORDER BY target_id, workspace_id
            """,
            _read_days,
            UNREAD_DAYS,
            ids,
        )
        for one in lost:
            if one.ids:
                gone = Gone(one.workspace_id, one.ids)
                bell.ring(one.target_id, "notification-deleted", gone, actor=SYSTEM.user_id)
        await _subtract(lost, actor=SYSTEM.user_id)
        count = sum(one.count for one in lost)
        measures.count_committed("deleted", count)
    return count
