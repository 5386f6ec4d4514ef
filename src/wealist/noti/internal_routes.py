"""Where other programs have people told, on the internal port only (contract: noti.md §3.2)."""

from typing import Any

from litestar import Response, post
from litestar.params import JSONBody

from wealist.core.internal import internal_key
from wealist.core.openapi import shows
from wealist.noti import internal
from wealist.noti.wire import Bulk, BulkCreated, BulkResult, Notification, NotificationEvent


@post(
    "/api/internal/notifications",
    guards=[internal_key],
    opt={"access": "internal"},
    responses={
        200: shows(BulkResult, "That person wants no such notifications"),
        201: shows(Notification, "The notification, also one that was told before"),
    },
    summary="Tell somebody something",
)
async def create(data: JSONBody[NotificationEvent]) -> Response[Any]:
    found = await internal.create(data)
    return Response(found, status_code=201 if isinstance(found, Notification) else 200)


@post(
    "/api/internal/notifications/bulk",
    guards=[internal_key],
    opt={"access": "internal"},
    summary="Tell many people many things",
)
async def create_many(data: JSONBody[Bulk]) -> BulkCreated:
    return await internal.create_many(data.notifications)


handlers = [create, create_many]
