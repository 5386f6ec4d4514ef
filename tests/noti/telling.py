"""Notifications for tests, made the one way in which they are made, and what became of them."""

from typing import Any
from uuid import UUID, uuid4

import msgspec

from tests.people import Person
from wealist.core import db
from wealist.core.wire import now
from wealist.noti import making
from wealist.noti.making import Draft

ROOT = "/svc/noti/api/notifications"


async def tell(
    person: Person,
    workspace_id: str,
    kind: str = "BOARD_ASSIGNED",
    *,
    actor: Person,
    name: str = "Fix the roof",
    resource_id: UUID | None = None,
    project_id: UUID | None = None,
    **metadata: Any,
) -> UUID | None:
    """Tell a person of something; the id of the notification, None when he wants none."""
    draft = Draft(
        uuid4(),
        person.user_id,
        kind,
        actor.user_id,
        UUID(workspace_id),
        project_id,
        "board",
        resource_id or uuid4(),
        name,
        msgspec.json.encode(metadata).decode(),
        now(),
    )
    async with db.transaction():
        made = await making.make([draft])
    told = made.new.get(draft.key)
    return told.id if told else None


async def states(person: Person, channel: str = "EMAIL") -> list[str]:
    """What became of everything that was to leave for a person, in the order of its making."""
    found: list[str] | None = await db.fetch_value(
        """
        SELECT array_agg(state ORDER BY created_at, notification_id) FROM noti.deliveries
        WHERE target_id = $1 AND channel = $2
        """,
        person.user_id,
        channel,
    )
    return found or []


async def set_times(person: Person, **change: Any) -> dict[str, Any]:
    """Change a person's settings over HTTP."""
    answer = await person.put(f"{ROOT}/settings", json=change)
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed
