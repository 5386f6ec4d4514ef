"""What other programs have people told (contract: noti.md §3.2, weaknesses 10 to 15)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from wealist.core import body, db
from wealist.core.errors import AppError, Invalid
from wealist.core.identity import SYSTEM
from wealist.core.ids import NIL, uuid7
from wealist.core.wire import now
from wealist.noti import queries
from wealist.noti.api import NAME
from wealist.noti.digests import Seats
from wealist.noti.making import Draft, make
from wealist.noti.reader import project_of
from wealist.noti.rules import rule
from wealist.noti.wire import BulkCreated, BulkResult, Notification, NotificationEvent
from wealist.user import api as user

METADATA = 16 << 10
"""Bytes."""
DEPTH = 32
"""Of lists and objects inside one another."""
OLDEST = timedelta(days=30)


async def create(event: NotificationEvent) -> Notification | BulkResult:
    """Tell one person something; what became of it, where he isn't to be told.

    Raises `Invalid` naming the member at fault, also for somebody who is no member of the
    workspace.
    """
    result, told = (await _tell([_draft(event)]))[0]
    if result.error is not None:
        raise Invalid(result.error)
    return told if told is not None else result


async def create_many(items: Sequence[Any]) -> BulkCreated:
    """Tell many people many things in one transaction; faulty items spoil no others."""
    drafts: list[Draft | str] = []
    for item in items:
        try:
            event = body.decode(msgspec.json.encode(item), NotificationEvent)
            drafts.append(_draft(event))
        except AppError as error:
            drafts.append(error.message)
    found = await _tell(drafts)
    results = [result for result, _ in found]
    told = {one.id: one for _, one in found if one is not None}
    created = sum(result.status == "created" for result in results)
    return BulkCreated(created, list(told.values()), results)


def _draft(event: NotificationEvent) -> Draft:
    """A checked event. Raises `Invalid`."""
    for name, value in (
        ("targetUserId", event.target_user_id),
        ("workspaceId", event.workspace_id),
        ("resourceId", event.resource_id),
    ):
        if value == NIL:
            raise Invalid("must not be the nil UUID", field=name)
    actor = event.actor_id or NIL
    if actor == NIL:
        if not event.system_actor:
            raise Invalid("is required, unless systemActor is true", field="actorId")
        actor = SYSTEM.user_id
    metadata = _encoded(event.metadata) if event.metadata else b""
    return Draft(
        event.event_id or uuid7(),
        event.target_user_id,
        event.type,
        actor,
        event.workspace_id,
        project_of((event.metadata or {}).get("projectId")),
        event.resource_type,
        event.resource_id,
        event.resource_name[:NAME] if event.resource_name is not None else None,
        metadata.decode() or None,
        _moment(event.occurred_at),
    )


def _encoded(metadata: dict[str, Any]) -> bytes:
    encoded = msgspec.json.encode(metadata)
    if len(encoded) > METADATA:
        raise Invalid(f"must have at most {METADATA} bytes", field="metadata")
    level: list[Any] = [metadata]
    for _ in range(DEPTH):
        level = [one for outer in level for one in _inside(outer)]
    if level:  # PostgreSQL reads it by recursion
        raise Invalid("is nested too deeply", field="metadata")
    return encoded


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _moment(given: datetime | None) -> datetime:
    """When it happened: no later than now, no longer ago than 30 days."""
    moment = now()
    if given is None:
        return moment
    if given.tzinfo is None:
        raise Invalid("must say its offset from UTC", field="occurredAt")
    try:
        return min(max(given.astimezone(UTC), moment - OLDEST), moment)
    except OverflowError:  # at the ends of the calendar
        return moment if given.year > moment.year else moment - OLDEST


async def _tell(
    drafts: Sequence[Draft | str],
) -> list[tuple[BulkResult, Notification | None]]:
    """What became of each draft; a text is why there is none. A constant number of statements."""
    sound = [one for one in drafts if isinstance(one, Draft)]
    async with db.transaction():
        # Whoever leaves a workspace now has his notifications deleted after they are written.
        await user.hold_workspaces({one.workspace_id for one in sound})
        seats = await user.seats((one.workspace_id, one.target_id) for one in sound)
        wanted = [one for one in sound if _may_know(one, seats) and one.target_id != one.actor_id]
        made = await make(wanted)
        known = await queries.told([one.key for one in wanted if one.key not in made.new])
    found: list[tuple[BulkResult, Notification | None]] = []
    fresh = dict(made.new)
    for index, draft in enumerate(drafts):
        if isinstance(draft, str):
            found.append((BulkResult(index, "refused", error=draft), None))
        elif not _may_know(draft, seats):
            found.append((BulkResult(index, "refused", error=_STRANGER), None))
        elif (told := fresh.pop(draft.key, None)) is not None:
            found.append((BulkResult(index, "created", told.id), told))
        elif (told := known.get(draft.key) or made.new.get(draft.key)) is not None:
            found.append((BulkResult(index, "known", told.id), told))
        else:
            found.append((BulkResult(index, "muted"), None))
    return found


def _may_know(draft: Draft, seats: Seats) -> bool:
    seat = seats.get((draft.workspace_id, draft.target_id))
    return not rule(draft.type).members_only or (seat is not None and seat.is_member)


_STRANGER = "targetUserId: must be a member of the workspace"
