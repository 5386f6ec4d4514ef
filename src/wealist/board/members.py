"""The verbs on a project's members (contract: board.md §4, §6.1)."""

from collections.abc import Sequence
from uuid import UUID

from wealist.board import access, feed, hooks, project_queries
from wealist.board.access import Place
from wealist.board.project_wire import Member, MemberGone, NewMember
from wealist.board.wire import Change
from wealist.core import db
from wealist.core.errors import Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import uuid7
from wealist.core.wire import now
from wealist.user import api as user

MOST = 1000


async def list_members(caller: Caller, project_id: UUID) -> list[Member]:
    """A project's members, for everybody in its workspace (frontend need 18)."""
    place = await access.project(caller, project_id, "project.members")
    return await project_queries.members(place.workspace_id, project_id)


async def add_member(caller: Caller, project_id: UUID, new: NewMember) -> Member:
    """Make a colleague a member of the project; as more than a MEMBER only whoever may change
    roles. Raises `Conflict` if he is one, or if the project is full."""
    action = "project.add_member" if new.role_name == "MEMBER" else "project.change_role"
    async with db.transaction():
        place = await access.project(caller, project_id, action, hold=True)
        if not await user.members_among(place.workspace_id, [new.user_id]):
            raise Invalid("must be a member of the workspace", field="userId")
        if await project_queries.member(place.workspace_id, project_id, new.user_id) is not None:
            raise Conflict("this person is a member already", code="ALREADY_MEMBER")
        member = await seat(place, new.user_id, new.role_name, actor=caller.user_id)
        await settle_requests(
            place.workspace_id, [project_id], new.user_id, "APPROVED", actor=caller.user_id
        )
    return member


async def seat(place: Place, person: UUID, role: str, *, actor: UUID) -> Member:
    """Make somebody a member who is none, under the project's lock. Raises `Conflict` if the
    project is full."""
    made = await db.execute(
        """
        INSERT INTO board.members (id, project_id, user_id, role, joined_at, version)
        SELECT $1, $2, $3, $4, $5, 1
        WHERE (SELECT count(*) FROM board.members WHERE project_id = $2) < $6
        """,
        uuid7(),
        place.project_id,
        person,
        role,
        now(),
        MOST,
    )
    if not made:
        raise Conflict(f"a project has at most {MOST} members")
    member = await _member(place, person)
    feed.tell(place.project_id, "MEMBER_ADDED", member, actor=actor)
    await feed.record(place.project_id, "member.added", actor=actor, subject=member.user_name)
    feed.notify_project("PROJECT_INVITED", [person], place, actor=actor, role=role)
    await hooks.member_come(place.project_id, person, actor)
    return member


async def _member(place: Place, either: UUID) -> Member:
    found = await project_queries.member(place.workspace_id, place.project_id, either)
    if found is None:
        raise NotFound("there is no such member")
    return found


async def settle_requests(
    workspace_id: UUID, projects: Sequence[UUID], person: UUID, status: str, *, actor: UUID
) -> None:
    """Decide somebody's pending requests in these projects, if he has any."""
    decided: list[UUID] | None = await db.fetch_value(
        """
        WITH decided AS (
            UPDATE board.join_requests SET status = $3, updated_at = $4, version = version + 1
            WHERE project_id = ANY($1) AND user_id = $2 AND status = 'PENDING' RETURNING id
        ) SELECT array_agg(id) FROM decided
        """,
        projects,
        person,
        status,
        now(),
    )
    if decided:
        for request in await project_queries.these_requests(workspace_id, decided):
            feed.tell_requests(request.project_id, "join_request.updated", request, actor=actor)


async def remove_member(caller: Caller, project_id: UUID, either: UUID) -> None:
    """Remove a member who is neither the owner nor the caller. He stays a colleague."""
    async with db.transaction():
        place = await access.project(caller, project_id, "project.remove_member", hold=True)
        member = await _member(place, either)
        if member.role_name == "OWNER":
            raise Invalid("the owner can't be removed")
        if member.user_id == caller.user_id:
            raise Invalid("you can't remove yourself")
        await db.execute("DELETE FROM board.members WHERE id = $1", member.member_id)
        gone = MemberGone(member.member_id, project_id, member.user_id)
        feed.tell(project_id, "MEMBER_REMOVED", gone, actor=caller.user_id)
        await feed.record(
            project_id, "member.removed", actor=caller.user_id, subject=member.user_name
        )
        told = [member.user_id]
        feed.notify_project("PROJECT_REMOVED", told, place, actor=caller.user_id)
        await hooks.member_gone(project_id, member.user_id, caller.user_id)


async def change_role(caller: Caller, project_id: UUID, either: UUID, role: str) -> Member:
    """Give a member another role. OWNER hands the project over: the old owner becomes ADMIN.

    Raises `Invalid` for the owner himself.
    """
    async with db.transaction():
        place = await access.project(caller, project_id, "project.change_role", hold=True)
        member = await _member(place, either)
        if member.role_name == "OWNER":
            raise Invalid("the owner's role changes by making somebody else the owner")
        if member.role_name == role:
            return member
        if role == "OWNER":
            changed = await _hand_over(place, member.user_id, former=caller.user_id)
        else:
            changed = await _set_role(place, member.user_id, role, actor=caller.user_id)
        await feed.record(
            project_id,
            "member.role",
            actor=caller.user_id,
            subject=changed.user_name,
            changes=[Change("roleName", member.role_name, role)],
        )
        feed.notify_project(
            "PROJECT_ROLE_CHANGED",
            [member.user_id],
            place,
            actor=caller.user_id,
            oldRole=member.role_name,
            newRole=role,
        )
    return changed


async def _set_role(place: Place, person: UUID, role: str, *, actor: UUID) -> Member:
    await db.execute(
        """
        UPDATE board.members SET role = $3, version = version + 1
        WHERE project_id = $1 AND user_id = $2
        """,
        place.project_id,
        person,
        role,
    )
    member = await _member(place, person)
    feed.tell(place.project_id, "MEMBER_UPDATED", member, actor=actor)
    return member


async def _hand_over(place: Place, person: UUID, *, former: UUID) -> Member:
    """Make a member the owner, and the former one, who does it, an ADMIN."""
    await _set_role(place, former, "ADMIN", actor=former)
    member = await _set_role(place, person, "OWNER", actor=former)
    await db.execute(
        "UPDATE board.projects SET owner_id = $2, updated_at = $3 WHERE id = $1",
        place.project_id,
        person,
        now(),
    )
    await feed.project_changed(place.project_id, actor=former)
    return member
