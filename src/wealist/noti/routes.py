"""One's own notifications over HTTP (contract: noti.md §3.1); bodies are bare."""

from typing import Annotated
from uuid import UUID

from litestar import Router, delete, get, patch, post, put
from litestar.params import FromPath, QueryParameter

from wealist.core import health
from wealist.core.errors import BadRequest
from wealist.core.pages import Limit, Window
from wealist.core.params import Me, Number, Text, WorkspaceId, uuid
from wealist.noti import inbox
from wealist.noti.delivery_routes import handlers as delivery_handlers
from wealist.noti.internal_routes import handlers as internal_handlers
from wealist.noti.live import stream
from wealist.noti.queries import Filter
from wealist.noti.wire import (
    Deleted,
    Inbox,
    MarkedAndCounted,
    MarkedAsRead,
    Notification,
    NotificationPage,
    UnreadCount,
    UnreadCounts,
)

ALL = "/api/notifications"
ONE = "/api/notifications/{notification_id:str}"
PAGE, LONGEST = 20, 100

MINE = {"access": "caller"}
NAMED = MINE | {"bad_id": "Invalid notification ID"}


def _workspace(text: str | None) -> UUID:
    try:
        return uuid(text or "", "X-Workspace-Id")
    except BadRequest:
        raise BadRequest("x-workspace-id header is required") from None


def _number(text: str | None, default: int, most: int) -> int:
    """A number from 1 to `most`; anything else is the default (contract: noti.md §3.1)."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 9:
        return default
    return int(text) if 1 <= int(text) <= most else default


@get(ALL, opt=MINE, summary="A workspace's notifications, newest first")
async def list_page(
    caller: Me,
    workspace_id: WorkspaceId = None,
    page: Number = None,
    limit: Number = None,
    unreadOnly: Text = None,  # noqa: N803
) -> NotificationPage:
    return await inbox.list_page(
        caller,
        _workspace(workspace_id),
        _number(page, 1, 10**9),
        _number(limit, PAGE, LONGEST),
        unread_only=unreadOnly == "true",
    )


@get(f"{ALL}/inbox", opt=MINE, summary="Notifications of all workspaces")
async def list_inbox(
    caller: Me,
    workspaceId: Text = None,  # noqa: N803
    projectId: Text = None,  # noqa: N803
    type: Annotated[str | None, QueryParameter(description="Only of this type.")] = None,  # noqa: A002
    q: Annotated[
        str | None, QueryParameter(description="Text in the name of the resource or project.")
    ] = None,
    unreadOnly: Text = None,  # noqa: N803
    archived: Text = None,
    limit: Limit = None,
    cursor: Text = None,
) -> Inbox:
    wanted = Filter(
        uuid(workspaceId, "workspaceId") if workspaceId else None,
        uuid(projectId, "projectId") if projectId else None,
        type or None,
        (q or "")[:200] or None,
        unreadOnly == "true",
        archived == "true",
    )
    return await inbox.list_inbox(caller, wanted, Window.of(limit, cursor, "inbox"))


@get(f"{ALL}/unread-count", opt=MINE, summary="How many of a workspace are unread")
async def unread_count(caller: Me, workspace_id: WorkspaceId = None) -> UnreadCount:
    return await inbox.unread_count(caller, _workspace(workspace_id))


@get(f"{ALL}/unread-counts", opt=MINE, summary="The same for every workspace")
async def unread_counts(caller: Me) -> UnreadCounts:
    return await inbox.unread_counts(caller)


@post(
    f"{ALL}/read-all",
    status_code=200,
    opt=MINE,
    summary="Mark all of a workspace as read",
)
async def read_all(caller: Me, workspace_id: WorkspaceId = None) -> MarkedAsRead:
    return MarkedAsRead(await inbox.mark_all_read(caller, _workspace(workspace_id)))


@put(f"{ALL}/read-all", opt=MINE, summary="The same, as it was once published")
async def put_read_all(caller: Me, workspace_id: WorkspaceId = None) -> MarkedAndCounted:
    count = await inbox.mark_all_read(caller, _workspace(workspace_id))
    return MarkedAndCounted(count, count)


@delete(
    f"{ALL}/read",
    status_code=200,
    opt=MINE,
    summary="Delete all of a workspace that were read",
)
async def delete_read(caller: Me, workspace_id: WorkspaceId = None) -> Deleted:
    return Deleted(await inbox.delete_read(caller, _workspace(workspace_id)))


@get(ONE, opt=NAMED, summary="One notification")
async def view(caller: Me, notification_id: FromPath[str]) -> Notification:
    return await inbox.view(caller, uuid(notification_id, "notificationId"))


@patch(f"{ONE}/read", opt=NAMED, summary="Mark a notification as read")
async def mark_read(caller: Me, notification_id: FromPath[str]) -> Notification:
    return await inbox.mark_read(caller, uuid(notification_id, "notificationId"))


@put(f"{ONE}/read", opt=NAMED, summary="The same, as it was once published")
async def put_read(caller: Me, notification_id: FromPath[str]) -> Notification:
    return await inbox.mark_read(caller, uuid(notification_id, "notificationId"))


@patch(f"{ONE}/unread", opt=NAMED, summary="Make a notification unread again")
async def mark_unread(caller: Me, notification_id: FromPath[str]) -> Notification:
    return await inbox.mark_unread(caller, uuid(notification_id, "notificationId"))


@post(
    f"{ONE}/archive",
    status_code=200,
    opt=NAMED,
    summary="Put a notification away",
)
async def archive(caller: Me, notification_id: FromPath[str]) -> Notification:
    return await inbox.archive(caller, uuid(notification_id, "notificationId"))


@delete(
    f"{ONE}/archive",
    status_code=200,
    opt=NAMED,
    summary="Put a notification back into the list",
)
async def unarchive(caller: Me, notification_id: FromPath[str]) -> Notification:
    return await inbox.unarchive(caller, uuid(notification_id, "notificationId"))


@delete(ONE, opt=NAMED, summary="Delete a notification")
async def delete_one(caller: Me, notification_id: FromPath[str]) -> None:
    await inbox.delete(caller, uuid(notification_id, "notificationId"))


router = Router(
    "/svc/noti",
    tags=["noti"],
    route_handlers=[
        *health.go_routes("noti", ""),
        *internal_handlers,
        *delivery_handlers,
        stream,
        list_page,
        list_inbox,
        unread_count,
        unread_counts,
        read_all,
        put_read_all,
        delete_read,
        view,
        mark_read,
        put_read,
        mark_unread,
        archive,
        unarchive,
        delete_one,
    ],
)
