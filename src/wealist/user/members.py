"""The verbs on members: list, invite, change roles, remove."""

from uuid import UUID

from wealist.core import db
from wealist.core.access import Role
from wealist.core.errors import AlreadyExists, Forbidden, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.versions import expect
from wealist.core.wire import now
from wealist.user import hooks, join_requests, queries, seating
from wealist.user.access import look, seat
from wealist.user.tables import MemberRow
from wealist.user.wire import Invitation, Member

ADMINS = 4
"""Most ADMINs of a workspace; its OWNER is not counted."""


async def list_members(
    caller: Caller, workspace_id: UUID, page: int, limit: int
) -> tuple[list[Member], int]:
    """A page of active members in the order of joining, and how many there are in all."""
    await seat(caller, workspace_id, "member.list")
    found = await queries.members(workspace_id, page, limit)
    total = len(found)
    if page > 1 or total == limit:
        total = await queries.member_count(workspace_id)
    return found, total


async def check_member(caller: Caller, workspace_id: UUID, user_id: UUID) -> bool:
    """Whether a user is an active member. Everybody may ask about himself, members about all."""
    if user_id != caller.user_id:
        await seat(caller, workspace_id, "member.check")
    return await queries.is_member(workspace_id, user_id)


def _role(text: str) -> Role:
    """The role that a text names. Raises `Invalid`; whether it can be given is asked later."""
    try:
        return Role(text)
    except ValueError:
        raise Invalid("must be ADMIN or MEMBER", field="roleName") from None


def _given(role: Role) -> Role:
    """A role that can be given. Raises `Forbidden` for OWNER."""
    if role is Role.OWNER:
        raise Forbidden("a workspace has one owner; this role can't be given")
    return role


async def _room_for_an_admin(workspace_id: UUID) -> None:
    """Raise if there are four already; the workspace's row is locked, so this stays true."""
    admins = await MemberRow.count().where(
        (MemberRow.workspace_id == workspace_id)
        & (MemberRow.role == Role.ADMIN.value)
        & MemberRow.is_active.eq(True)
    )
    if admins >= ADMINS:
        raise Forbidden(f"a workspace has at most {ADMINS} admins")


async def invite(caller: Caller, workspace_id: UUID, invitation: Invitation) -> Member:
    """Make a registered person a member at once; his own pending request counts as approved."""
    role = _role(invitation.role_name or Role.MEMBER.value)
    async with db.transaction():
        await seat(caller, workspace_id, "member.invite", lock=True)
        user = await queries.user_by_email(invitation.email)
        if user is None or not user.is_active:
            raise NotFound("nobody with this e-mail address has signed in yet")
        if await queries.is_member(workspace_id, user.user_id):
            raise AlreadyExists("this person is already a member of the workspace")
        if _given(role) is Role.ADMIN:
            await _room_for_an_admin(workspace_id)
        member = await seating.take_a_seat(user, workspace_id, role, actor=caller.user_id)
        await join_requests.settle(workspace_id, user.user_id, "APPROVED", actor=caller.user_id)
    return member


async def change_role(
    caller: Caller, workspace_id: UUID, member_id: UUID, role_name: str, expected: int | None
) -> Member:
    """Make a member an ADMIN or a plain MEMBER. The owner's role never changes."""
    role = _role(role_name)
    async with db.transaction():
        await seat(caller, workspace_id, "member.change_role", lock=True)
        member = await _member_of(workspace_id, member_id)
        if member.role_name == Role.OWNER:
            raise Forbidden("the owner's role can't be changed")
        _given(role)
        expect(expected, member.version, member)
        if member.role_name == role:
            return member
        if role is Role.ADMIN:
            await _room_for_an_admin(workspace_id)
        await MemberRow.update(
            {
                MemberRow.role: role.value,
                MemberRow.updated_at: now(),
                MemberRow.version: member.version + 1,
            }
        ).where(MemberRow.id == member_id)
        await seating.announce_membership(member.user_id, workspace_id, actor=caller.user_id)
        await hooks.member_changed(workspace_id, member.user_id, caller.user_id, role.value)
        return await _member_of(workspace_id, member_id)


async def remove_member(caller: Caller, workspace_id: UUID, member_id: UUID) -> None:
    """Remove a member, or leave. The owner stays."""
    async with db.transaction():
        found = await look(caller, workspace_id, lock=True)
        leaving = found is not None and found.member_id == member_id
        if not leaving:
            await seat(caller, workspace_id, "member.remove")
        member = await _member_of(workspace_id, member_id)
        if member.role_name == Role.OWNER:
            raise Forbidden("the owner can't be removed and can't leave")
        await seating.leave_the_seat(member.user_id, workspace_id, actor=caller.user_id)


async def _member_of(workspace_id: UUID, member_id: UUID) -> Member:
    """The active member of exactly this workspace: an id from another one is not found."""
    member = await queries.member(member_id)
    if member is None or member.workspace_id != workspace_id or not member.is_active:
        raise NotFound("there is no such member")
    return member
