"""The verbs on workspaces: create, change, delete, prefer."""

from uuid import UUID

from wealist.core import db, events, metrics
from wealist.core.access import Role
from wealist.core.errors import NotFound, PreconditionFailed
from wealist.core.identity import Caller
from wealist.core.ids import uuid7
from wealist.core.text import optional, required
from wealist.core.versions import expect
from wealist.core.wire import now
from wealist.user import hooks, queries, seating
from wealist.user.access import MISSING, seat
from wealist.user.tables import Changes, JoinRequestRow, MemberRow, ProfileRow, WorkspaceRow
from wealist.user.wire import (
    NewWorkspace,
    Settings,
    Workspace,
    WorkspaceChange,
    WorkspaceGone,
    user_channel,
    workspace_channel,
)

NAME = 100
DESCRIPTION = 1000


async def create_workspace(caller: Caller, new: NewWorkspace) -> Workspace:
    """Make a workspace that the caller owns. It becomes his default if he has none."""
    moment = now()
    row = WorkspaceRow(
        id=uuid7(),
        owner_id=caller.user_id,
        name=required(new.workspace_name, field="workspaceName", limit=NAME),
        description=_description(new.workspace_description),
        is_public=new.is_public is not False,
        need_approved=new.need_approved is not False,
        only_owner_can_invite=True,
        created_at=moment,
        updated_at=moment,
        version=1,
    )
    async with db.transaction():
        owner = await queries.user(caller.user_id, lock=True)
        if owner is None or not owner.is_active:
            raise NotFound("there is no such user")
        await WorkspaceRow.insert(row)
        channel = workspace_channel(row.id)
        settings = await queries.settings(row.id)
        assert settings is not None
        events.append(channel, "workspace.created", settings, actor=caller.user_id)
        await seating.take_a_seat(owner, row.id, Role.OWNER, actor=caller.user_id)
        created = await queries.workspace(row.id)
        db.after_commit(metrics.count, "user_service_workspace_created_total")
    assert created is not None
    return created


def _description(text: str | None) -> str | None:
    if text is None:
        return None
    return optional(text, field="workspaceDescription", limit=DESCRIPTION) or None


async def view_workspace(caller: Caller, workspace_id: UUID) -> Workspace:
    """A workspace the caller belongs to, or any public one. Raises `NotFound`."""
    await seat(caller, workspace_id, "workspace.read")
    found = await queries.workspace(workspace_id)
    if found is None:
        raise NotFound(MISSING)
    return found


async def view_settings(caller: Caller, workspace_id: UUID) -> Settings:
    """The settings of a workspace the caller belongs to."""
    await seat(caller, workspace_id, "settings.read")
    found = await queries.settings(workspace_id)
    if found is None:
        raise NotFound(MISSING)
    return found


async def change_workspace(
    caller: Caller, workspace_id: UUID, change: WorkspaceChange, expected: int | None
) -> Workspace:
    """`change_settings`, answered with the workspace, also where the race was lost."""
    lost = None
    try:
        await change_settings(caller, workspace_id, change, expected, action="workspace.update")
    except PreconditionFailed as error:
        lost = error
    current = await queries.workspace(workspace_id)
    if current is None:
        raise NotFound(MISSING)
    if lost is not None:
        raise PreconditionFailed(current, current.version) from lost
    return current


async def change_settings(
    caller: Caller,
    workspace_id: UUID,
    change: WorkspaceChange,
    expected: int | None,
    *,
    action: str = "settings.update",
) -> Settings:
    """Change what `change` names. Raises `PreconditionFailed` when `expected` is old."""
    values = _values(change)
    async with db.transaction():
        await seat(caller, workspace_id, action, lock=True)
        settings = await queries.settings(workspace_id)
        if settings is None:
            raise NotFound(MISSING)
        expect(expected, settings.version, settings)
        if not values:
            return settings
        values |= {WorkspaceRow.updated_at: now(), WorkspaceRow.version: settings.version + 1}
        await WorkspaceRow.update(values).where(WorkspaceRow.id == workspace_id)
        changed = await queries.settings(workspace_id)
        assert changed is not None
        events.append(
            workspace_channel(workspace_id), "workspace.updated", changed, actor=caller.user_id
        )
    return changed


def _values(change: WorkspaceChange) -> Changes:
    values: Changes = {}
    if change.workspace_name is not None:
        values[WorkspaceRow.name] = required(
            change.workspace_name, field="workspaceName", limit=NAME
        )
    if change.workspace_description is not None:
        values[WorkspaceRow.description] = _description(change.workspace_description)
    if change.is_public is not None:
        values[WorkspaceRow.is_public] = change.is_public
    if change.only_owner_can_invite is not None:
        values[WorkspaceRow.only_owner_can_invite] = change.only_owner_can_invite
    # The same switch under the two names that clients know it by.
    approval = change.requires_approval
    if approval is None:
        approval = change.need_approved
    if approval is not None:
        values[WorkspaceRow.need_approved] = approval
    return values


async def delete_workspace(caller: Caller, workspace_id: UUID) -> None:
    """Delete a workspace with its memberships, profiles and pending requests."""
    async with db.transaction():
        await seat(caller, workspace_id, "workspace.delete", lock=True)
        await dissolve(workspace_id, actor=caller.user_id)


async def dissolve(workspace_id: UUID, *, actor: UUID) -> None:
    """What deleting means, for a caller who may; the workspace's row is locked already."""
    moment = now()
    await WorkspaceRow.update(
        {
            WorkspaceRow.deleted_at: moment,
            WorkspaceRow.updated_at: moment,
            WorkspaceRow.version: WorkspaceRow.version + 1,
        }
    ).where(WorkspaceRow.id == workspace_id)
    await MemberRow.update(
        {
            MemberRow.is_active: False,
            MemberRow.is_default: False,
            MemberRow.updated_at: moment,
            MemberRow.version: MemberRow.version + 1,
        }
    ).where((MemberRow.workspace_id == workspace_id) & MemberRow.is_active.eq(True))
    await seating.doom_pictures(workspace_id)
    await ProfileRow.delete().where(ProfileRow.workspace_id == workspace_id)
    gone = WorkspaceGone(workspace_id)
    rejected = (
        await JoinRequestRow.update(
            {
                JoinRequestRow.status: "REJECTED",
                JoinRequestRow.updated_at: moment,
                JoinRequestRow.version: JoinRequestRow.version + 1,
            }
        )
        .where((JoinRequestRow.workspace_id == workspace_id) & (JoinRequestRow.status == "PENDING"))
        .returning(JoinRequestRow.user_id)
    )
    for request in rejected:
        # An applicant can't hear the workspace's own channel.
        events.append(user_channel(request["user_id"]), "workspace.deleted", gone, actor=actor)
    await hooks.workspace_gone(workspace_id, actor)
    events.append(workspace_channel(workspace_id), "workspace.deleted", gone, actor=actor)


async def prefer_workspace(caller: Caller, workspace_id: UUID) -> None:
    """Make a workspace the caller's default one; exactly one is, however many ask at once."""
    async with db.transaction():
        await queries.user(caller.user_id, lock=True)
        await seat(caller, workspace_id, "workspace.prefer")
        changed = await db.fetch_value(
            """
            WITH cleared AS (
                UPDATE "user".members SET is_default = false, version = version + 1,
                       updated_at = now()
                WHERE user_id = $1 AND is_active AND is_default AND workspace_id <> $2
                RETURNING workspace_id
            ) SELECT array_agg(workspace_id) FROM cleared
            """,
            caller.user_id,
            workspace_id,
        )
        chosen = await db.execute(
            """
            UPDATE "user".members SET is_default = true, version = version + 1, updated_at = now()
            WHERE user_id = $1 AND workspace_id = $2 AND is_active AND NOT is_default
            """,
            caller.user_id,
            workspace_id,
        )
        for touched in [*(changed or ()), *([workspace_id] if chosen else ())]:
            await seating.announce_membership(caller.user_id, touched, actor=caller.user_id)
