"""Who may do what in a workspace, and the one query that finds out (contract: user.md §6)."""

from uuid import UUID

from msgspec import Struct

from wealist.core import db
from wealist.core.access import ANYONE_INSIDE, LEADERS, Role, Rule, require
from wealist.core.identity import Caller

PERMISSIONS: dict[str, Rule] = {
    "workspace.read": Rule(ANYONE_INSIDE, open=True),
    "workspace.update": Rule(
        LEADERS, "only the owner or an admin can change the workspace", told=True
    ),
    "workspace.delete": Rule(
        LEADERS, "only the owner or an admin can delete the workspace", told=True
    ),
    "workspace.prefer": Rule(ANYONE_INSIDE, "you are not a member of this workspace", told=True),
    "settings.read": Rule(ANYONE_INSIDE),
    "settings.update": Rule(
        LEADERS, "only the owner or an admin can change the settings", told=True
    ),
    "member.list": Rule(ANYONE_INSIDE),
    "member.check": Rule(ANYONE_INSIDE),
    "member.invite": Rule(LEADERS, "only the owner or an admin can invite people", told=True),
    "member.change_role": Rule(LEADERS, "only the owner or an admin can change roles", told=True),
    "member.remove": Rule(LEADERS, "only the owner or an admin can remove others", told=True),
    "request.list": Rule(LEADERS, "only the owner or an admin sees join requests", told=True),
    "request.decide": Rule(LEADERS, "only the owner or an admin decides on them", told=True),
    "profile.read": Rule(ANYONE_INSIDE, "you are not a member of this workspace", told=True),
    "profile.write": Rule(ANYONE_INSIDE, "you are not a member of this workspace", told=True),
}


class Seat(Struct, frozen=True):
    """A workspace as the caller stands to it; `role` is None for an outsider."""

    workspace_id: UUID
    name: str
    owner_id: UUID
    is_public: bool
    need_approved: bool
    version: int
    member_id: UUID | None
    role: Role | None


_SEAT = """
    SELECT w.id AS workspace_id, w.name, w.owner_id, w.is_public, w.need_approved, w.version,
           m.id AS member_id, m.role
    FROM "user".workspaces w
    LEFT JOIN "user".members m ON m.workspace_id = w.id AND m.user_id = $2 AND m.is_active
    WHERE w.id = $1 AND w.deleted_at IS NULL
"""

MISSING = "there is no such workspace"


async def seat(caller: Caller, workspace_id: UUID, action: str, *, lock: bool = False) -> Seat:
    """The caller's seat, if he may do `action` there.

    With `lock` the workspace's row is held until the transaction ends, which serializes changes
    of its members. Raises `NotFound` or `Forbidden` as the permission table says.
    """
    found = await look(caller, workspace_id, lock=lock)
    rule = PERMISSIONS[action]
    roles = (found.role,) if found and found.role else ()
    require(rule, roles, visible=found is not None and found.is_public, missing=MISSING)
    assert found is not None
    return found


async def look(caller: Caller, workspace_id: UUID, *, lock: bool = False) -> Seat | None:
    """The workspace as the caller stands to it, without asking whether he may."""
    if lock:
        # A statement of its own: one that waited for the lock would still see the members as they
        # were before (READ COMMITTED), and a removed admin could put himself back.
        await db.execute(
            'SELECT FROM "user".workspaces WHERE id = $1 FOR NO KEY UPDATE', workspace_id
        )
    return await db.fetch_one(Seat, _SEAT, workspace_id, caller.user_id)
