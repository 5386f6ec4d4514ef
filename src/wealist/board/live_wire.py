"""What clients see of what happens and has happened in a project (docs/live.md)."""

from datetime import datetime
from uuid import UUID

from msgspec import Raw

from wealist.core.wire import Wire


class OnlineUsers(Wire):
    online_users: list[UUID]
    count: int


class Activity(Wire):
    activity_id: UUID
    project_id: UUID
    board_id: UUID | None
    actor_id: UUID
    kind: str
    subject: str
    changes: Raw
    undone: bool
    at: datetime
