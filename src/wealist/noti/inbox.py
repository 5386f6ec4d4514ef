"""The verbs on one's own notifications (contract: noti.md §3.1): list, read, put away, delete.

What belongs to somebody else is not found. Each verb leaves events for the person's other tabs.
"""

from datetime import datetime
from uuid import UUID

from wealist.core import db
from wealist.core.errors import NotFound
from wealist.core.identity import Caller
from wealist.core.pages import Page, Window
from wealist.core.wire import now
from wealist.noti import bell, measures, queries
from wealist.noti.queries import COLUMNS, Filter, Row
from wealist.noti.wire import (
    Gone,
    Inbox,
    Notification,
    NotificationPage,
    Seen,
    UnreadCount,
    UnreadCounts,
)

MISSING = "Notification not found"


async def list_page(
    caller: Caller, workspace_id: UUID, page: int, limit: int, *, unread_only: bool
) -> NotificationPage:
    """A page of a workspace's notifications, newest first; three statements."""
    wanted = Filter(workspace_id=workspace_id, unread_only=unread_only)
    found, total = await queries.page(caller.user_id, wanted, page, limit)
    return NotificationPage(found, total, page, limit, page * limit < total)


async def list_inbox(caller: Caller, wanted: Filter, window: Window) -> Inbox:
    """A page of all workspaces' notifications, newest first; two statements. What arrives
    meanwhile shifts nothing. Raises `BadRequest` for a cursor that this list hasn't given."""
    place = window.after(datetime)
    rows = await queries.after(caller.user_id, wanted, place, window.limit + 1)
    page = Page.of(rows, window.limit, lambda row: (row.created_at, row.id), window.kind)
    return Inbox(page.rows, page.cursor, page.cursor is not None)


async def view(caller: Caller, notification_id: UUID) -> Notification:
    """One notification. Raises `NotFound`."""
    [found] = await queries.shown([await _mine(caller, notification_id)])
    return found


async def unread_count(caller: Caller, workspace_id: UUID) -> UnreadCount:
    """How many of a workspace are unread."""
    return UnreadCount(await queries.unread(caller.user_id, workspace_id), workspace_id)


async def unread_counts(caller: Caller) -> UnreadCounts:
    """The same for all workspaces."""
    counts = await queries.unread_everywhere(caller.user_id)
    return UnreadCounts(counts, sum(one.count for one in counts))


async def _mine(caller: Caller, notification_id: UUID) -> Row:
    row = await queries.one(caller.user_id, notification_id)
    if row is None:
        raise NotFound(MISSING)
    return row


async def _held(caller: Caller, notification_id: UUID) -> Row:
    """The notification as it is once nobody else can change it. Raises `NotFound`."""
    row = await _mine(caller, notification_id)
    await bell.hold(caller.user_id, row.workspace_id)
    return await _mine(caller, notification_id)


async def _set(caller: Caller, row: Row, *, read: datetime | None, away: datetime | None) -> Row:
    """Write when a notification that is held was read and put away, and count."""
    if (read, away) == (row.read_at, row.archived_at):
        return row
    changed = await db.fetch_one(
        Row,
        f"""
        UPDATE noti.notifications n SET read_at = $3, archived_at = $4
        WHERE n.id = $2 AND n.target_id = $1 RETURNING {COLUMNS}
        """,
        caller.user_id,
        row.id,
        read,
        away,
    )
    assert changed is not None
    return changed


async def _count(caller: Caller, old: Row, new: Row) -> None:
    by = (new.read_at is None) - (old.read_at is None)
    if by:
        await bell.change(caller.user_id, old.workspace_id, by, actor=caller.user_id)
    if by < 0:
        measures.count_committed("read", 1)


async def mark_read(caller: Caller, notification_id: UUID) -> Notification:
    """Mark a notification as read; one that was keeps the time at which it was."""
    async with db.transaction():
        old = await _held(caller, notification_id)
        new = await _set(caller, old, read=old.read_at or now(), away=old.archived_at)
        if new is not old:
            seen = Seen(new.workspace_id, [new.id], new.read_at)
            bell.ring(caller.user_id, "notification-read", seen, actor=caller.user_id)
        await _count(caller, old, new)
        [found] = await queries.shown([new])
    return found


async def mark_unread(caller: Caller, notification_id: UUID) -> Notification:
    """Make a notification unread again; one that was put away is back in the list."""
    return await _turn(caller, notification_id, "notification-unread", read=False, away=False)


async def archive(caller: Caller, notification_id: UUID) -> Notification:
    """Put a notification away: read, and in no list but that of archived ones."""
    return await _turn(caller, notification_id, "notification-archived", read=True, away=True)


async def unarchive(caller: Caller, notification_id: UUID) -> Notification:
    """Put a notification back into the list. It stays read."""
    return await _turn(caller, notification_id, "notification-unarchived", read=None, away=False)


async def _turn(
    caller: Caller, notification_id: UUID, kind: str, *, read: bool | None, away: bool
) -> Notification:
    """Change how a notification stands, and tell how it looks now; `read` None leaves that."""
    moment = now()
    async with db.transaction():
        old = await _held(caller, notification_id)
        seen = old.read_at if read is None else (old.read_at or moment) if read else None
        new = await _set(caller, old, read=seen, away=(old.archived_at or moment) if away else None)
        [found] = await queries.shown([new])
        if new is not old:
            bell.ring(caller.user_id, kind, found, actor=caller.user_id)
        await _count(caller, old, new)
    return found


async def mark_all_read(caller: Caller, workspace_id: UUID) -> int:
    """Mark all of a workspace as read; how many were not."""
    moment = now()
    async with db.transaction():
        await bell.hold(caller.user_id, workspace_id)
        count = await db.execute(
            """
            UPDATE noti.notifications SET read_at = $3
            WHERE target_id = $1 AND workspace_id = $2 AND shown AND read_at IS NULL
            """,
            caller.user_id,
            workspace_id,
            moment,
        )
        if count:
            seen = Seen(workspace_id, read_at=moment)
            bell.ring(caller.user_id, "notification-read", seen, actor=caller.user_id)
            await bell.change(caller.user_id, workspace_id, -count, actor=caller.user_id)
        measures.count_committed("read", count)
    return count


async def delete(caller: Caller, notification_id: UUID) -> None:
    """Delete a notification for good."""
    async with db.transaction():
        row = await _held(caller, notification_id)
        await db.execute(
            "DELETE FROM noti.notifications WHERE id = $2 AND target_id = $1",
            caller.user_id,
            row.id,
        )
        gone = Gone(row.workspace_id, [row.id])
        bell.ring(caller.user_id, "notification-deleted", gone, actor=caller.user_id)
        if row.read_at is None:
            await bell.change(caller.user_id, row.workspace_id, -1, actor=caller.user_id)
        measures.count_committed("deleted", 1)


async def delete_read(caller: Caller, workspace_id: UUID) -> int:
    """Delete all of a workspace that were read, also those put away; how many there were."""
    async with db.transaction():
        await bell.hold(caller.user_id, workspace_id)
        count = await db.execute(
            """
            DELETE FROM noti.notifications
            WHERE target_id = $1 AND workspace_id = $2 AND shown AND read_at IS NOT NULL
            """,
            caller.user_id,
            workspace_id,
        )
        if count:
            gone = Gone(workspace_id, read_only=True)
            bell.ring(caller.user_id, "notification-deleted", gone, actor=caller.user_id)
        measures.count_committed("deleted", count)
    return count
