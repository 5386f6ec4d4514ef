"""What a person wants to hear nothing of, for a while or for good: a workspace, a project, or one
thing such as a card."""

from datetime import timedelta
from uuid import UUID

from wealist.core import db
from wealist.core.errors import Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.wire import now
from wealist.noti import bell, schedules
from wealist.noti.delivery_wire import Mute, Mutes, NewMute
from wealist.user import api as user

MOST = 500
LONGEST = timedelta(days=3653)


async def list_mutes(caller: Caller) -> Mutes:
    """What the caller has muted, without what is over; at most `MOST`, newest first."""
    return await _read(caller.user_id)


async def _read(user_id: UUID) -> Mutes:
    found = await db.fetch(
        Mute,
        """
        SELECT thing_id AS id, kind, workspace_id, until, created_at FROM noti.mutes
        WHERE user_id = $1 AND (until IS NULL OR until > now())
        ORDER BY created_at DESC, thing_id LIMIT $2
        """,
        user_id,
        MOST,
    )
    return Mutes(found)


async def mute(caller: Caller, thing_id: UUID, new: NewMute) -> Mutes:
    """Mute a thing in one of the caller's workspaces; for one that is muted, `until` changes.

    Raises `NotFound` outside of his workspaces, `Invalid` for a time in the past, `Conflict`
    beyond `MOST`. Whether the workspace has such a thing is not known here.
    """
    if new.kind == "WORKSPACE" and thing_id != new.workspace_id:
        raise Invalid("must be the workspace that is muted", field="workspaceId")
    if new.until is not None and new.until <= now():
        raise Invalid("must be in the future", field="until")
    if new.until is not None and new.until > now() + LONGEST:
        raise Invalid("must be within ten years; leave it out to mute for good", field="until")
    async with db.transaction():
        await user.hold_workspace(new.workspace_id)
        if not await user.is_member(new.workspace_id, caller.user_id):
            raise NotFound("there is no such workspace")
        await schedules.hold(caller.user_id)
        await db.execute(
            """
            INSERT INTO noti.mutes (user_id, workspace_id, kind, thing_id, until, created_at)
            VALUES ($1, $2, $3, $4, $5, now())
            ON CONFLICT (user_id, thing_id) DO UPDATE
                SET until = excluded.until, kind = excluded.kind,
                    workspace_id = excluded.workspace_id
            """,
            caller.user_id,
            new.workspace_id,
            new.kind,
            thing_id,
            new.until,
        )
        if await db.fetch_value(
            """
            SELECT count(*) > $2 FROM noti.mutes
            WHERE user_id = $1 AND (until IS NULL OR until > now())
            """,
            caller.user_id,
            MOST,
        ):
            raise Conflict(f"you have muted {MOST} things already")
        return await _tell(caller)


async def unmute(caller: Caller, thing_id: UUID) -> None:
    """Hear of it again; nothing happens when it isn't muted."""
    async with db.transaction():
        await schedules.hold(caller.user_id)
        if await db.execute(
            "DELETE FROM noti.mutes WHERE user_id = $1 AND thing_id = $2", caller.user_id, thing_id
        ):
            await _tell(caller)


async def _tell(caller: Caller) -> Mutes:
    found = await _read(caller.user_id)
    bell.ring(caller.user_id, "mutes-changed", found, actor=caller.user_id)
    return found


async def purge() -> str:
    """Forget mutes that are over; the job's sentence."""
    gone = await db.execute("DELETE FROM noti.mutes WHERE until < now()")
    return f"{gone} mutes are over"
