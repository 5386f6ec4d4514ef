"""What goes in and out of the notification service, as it stands on the wire and in the log."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Raw, Struct

from wealist.core.wire import Wire

FACTS, BELL = "facts", "bell"
"""Families of channels."""


def facts(workspace_id: UUID) -> str:
    """The channel of what happened in a workspace that people are to be told of."""
    return f"{FACTS}:{workspace_id}"


def bell(user_id: UUID) -> str:
    """The channel of one person's notifications, for all his devices."""
    return f"{BELL}:{user_id}"


class Fact(Wire):
    """One thing that happened, for all who are to be told of it (contract: board.md §8);
    `metadata` is what a client renders."""

    id: UUID
    type: str
    actor_id: UUID
    target_user_ids: list[UUID]
    workspace_id: UUID
    resource_type: str
    resource_id: UUID
    resource_name: str | None
    metadata: dict[str, Any]


class Notification(Struct, rename="camel", omit_defaults=True):
    """What one person is told (contract: noti.md §2.1), with an English sentence ready to show.

    `actorName` and `actorProfileImage` are how the actor looks in that workspace; `body` is the
    beginning of what was written, if something was.
    """

    id: UUID
    type: str
    actor_id: UUID
    target_user_id: UUID
    workspace_id: UUID
    resource_type: str
    resource_id: UUID
    is_read: bool
    created_at: datetime
    title: str
    resource_name: str | None = None
    metadata: Raw | None = None
    read_at: datetime | None = None
    archived_at: datetime | None = None
    actor_name: str | None = None
    actor_profile_image: str | None = None
    body: str | None = None


class NotificationPage(Wire):
    """One page of a workspace's list; `total` counts all that the filter finds."""

    notifications: list[Notification]
    total: int
    page: int
    limit: int
    has_more: bool


class Inbox(Wire):
    """One page of the list across workspaces; `nextCursor` is null on the last one."""

    notifications: list[Notification]
    next_cursor: str | None
    has_more: bool


class UnreadCount(Wire):
    """How many notifications of a workspace one has not read."""

    count: int
    workspace_id: UUID


class UnreadCounts(Wire):
    """The same for every workspace in which there are any, and their sum."""

    counts: list[UnreadCount]
    total: int


class MarkedAsRead(Wire):
    """How many notifications were unread before."""

    marked_as_read: int


class MarkedAndCounted(MarkedAsRead):
    """The same under both names that were published."""

    count: int


class Deleted(Wire):
    """How many notifications are gone."""

    deleted: int


class Seen(Struct, rename="camel", omit_defaults=True):
    """Notifications were read, or (without `readAt`) are unread again: `ids`, or without them
    all that one has in the workspace."""

    workspace_id: UUID
    ids: list[UUID] | None = None
    read_at: datetime | None = None


class Gone(Struct, rename="camel", omit_defaults=True):
    """Notifications are gone: `ids`, or without them all of the workspace, but with `readOnly`
    those alone that were read, and none of `keptTypes`."""

    workspace_id: UUID
    ids: list[UUID] | None = None
    read_only: bool = False
    kept_types: list[str] | None = None


class NotificationEvent(Wire):
    """What another service wants somebody to be told (contract: noti.md §2.1, §3.2).

    `eventId`: the same one for the same person is told once, and answered alike. Only with
    `systemActor` nobody (absent, or the nil UUID) may be the actor. A name is cut at 255
    characters; `occurredAt` counts within the last 30 days, else as the nearest end of them.
    """

    type: Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]{0,49}\Z")]
    target_user_id: UUID
    workspace_id: UUID
    resource_type: Annotated[str, Meta(min_length=1, max_length=30)]
    resource_id: UUID
    actor_id: UUID | None = None
    resource_name: str | None = None
    metadata: dict[str, Any] | None = None
    occurred_at: datetime | None = None
    event_id: UUID | None = None
    system_actor: bool = False


class Bulk(Wire):
    """1 to 100 times a `NotificationEvent`; each is checked by itself."""

    notifications: Annotated[list[Any], Meta(min_length=1, max_length=100)]


class BulkResult(Struct, rename="camel", omit_defaults=True):
    """What became of one item: `created`, `known` (it was told before), `muted` (that person wants
    no such notifications) or `refused`, with the reason."""

    index: int
    status: str
    id: UUID | None = None
    error: str | None = None


class BulkCreated(Wire):
    """`created` counts the new ones; `notifications` has them and those that were known."""

    created: int
    notifications: list[Notification]
    results: list[BulkResult]
