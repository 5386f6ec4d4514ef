"""Who of one's colleagues is there, now and last (contract: chat.md §4.3, §7)."""

from datetime import datetime
from uuid import UUID

import msgspec

from wealist.chat import access, circles
from wealist.core import db, online, whispers
from wealist.core.errors import NotFound
from wealist.core.identity import Caller
from wealist.core.online_ledger import Change
from wealist.core.wire import Wire, now
from wealist.user import api as user


class Presence(Wire, omit_defaults=True):
    """How somebody is there. `lastSeen` is the present for those who are."""

    user_id: UUID
    workspace_id: UUID
    status: str
    is_online: bool
    last_seen: datetime | None = None


class _Status(Wire):
    status: str


class _Frame(Wire):
    type: str
    user_id: UUID
    order: int
    """The change's moment in microseconds: of one person the later counts (`circles.Circle`)."""
    status: str
    payload: _Status


async def online_colleagues(caller: Caller, workspace_id: UUID | None) -> list[Presence]:
    """Who is there and not away: of a workspace, or of all that are the caller's."""
    if workspace_id is not None:
        await access.inside_workspace(caller, workspace_id)
    people = await user.colleagues(caller.user_id, workspace_id)
    moment = now()
    return [
        Presence(one, people[one], status, True, moment)
        for one, status in (await online.among(people)).items()
        if status == "ONLINE"
    ]


async def status_of(caller: Caller, person: UUID) -> Presence:
    """How a colleague, or oneself, is there. Raises `NotFound` for anybody else."""
    shared = await user.colleagues(caller.user_id, only=person)
    if person not in shared:
        raise NotFound("User presence not found")
    status = (await online.among([person])).get(person)
    if status is not None:
        return Presence(person, shared[person], status, True, now())
    seen: datetime | None = await db.fetch_value(
        "SELECT last_seen FROM chat.presences WHERE user_id = $1", person
    )
    return Presence(person, shared[person], "OFFLINE", False, seen)


async def changed(change: Change) -> None:
    """Somebody comes, goes or is away: keep when he was last seen, tell his colleagues."""
    person, status = change.user_id, change.status
    frame = _Frame("USER_STATUS", person, change.moment, status, _Status(status))
    text = msgspec.json.encode(frame).decode()
    for workspace_id in await user.workspaces_of(person):
        whispers.tell(circles.topic(workspace_id), text)
    await db.execute(
        """
        INSERT INTO chat.presences AS p (user_id, status, last_seen) VALUES ($1, $2, $3)
        ON CONFLICT (user_id) DO UPDATE
        SET status = excluded.status, last_seen = greatest(p.last_seen, excluded.last_seen)
        """,
        person,
        status,
        now(),
    )
