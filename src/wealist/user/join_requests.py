"""The verbs on join requests: ask, list, decide."""

from uuid import UUID

from wealist.core import db, events
from wealist.core.access import Role
from wealist.core.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import NIL, uuid7
from wealist.core.wire import now
from wealist.user import hooks, queries, seating
from wealist.user.access import MISSING, look, seat
from wealist.user.wire import Decision, JoinRequest, User, user_channel, workspace_channel


async def ask_to_join(caller: Caller, workspace_id: UUID) -> JoinRequest:
    """Ask to become a member of a public workspace.

    Where no approval is needed the caller is a member at once and the answer says APPROVED.
    Raises `AlreadyExists` for members and for a second pending request. A private workspace is
    hidden (404).
    """
    if workspace_id == NIL:
        raise Invalid("must be the id of a workspace", field="workspaceId")
    async with db.transaction():
        place = await look(caller, workspace_id, lock=True)
        if place is None or (place.role is None and not place.is_public):
            raise NotFound(MISSING)
        if place.role is not None:
            raise AlreadyExists("you are already a member of this workspace")
        user = await queries.user(caller.user_id)
        if user is None or not user.is_active:
            raise NotFound("there is no such user")
        if place.need_approved:
            return await _record(user, workspace_id, "PENDING")
        await seating.take_a_seat(user, workspace_id, Role.MEMBER, actor=caller.user_id)
        # He may have asked while approval was still needed.
        waiting = await settle(workspace_id, user.user_id, "APPROVED", actor=caller.user_id)
        return waiting or await _record(user, workspace_id, "APPROVED")


async def _record(user: User, workspace_id: UUID, status: str) -> JoinRequest:
    request_id, moment = uuid7(), now()
    made = await db.execute(
        """
        INSERT INTO "user".join_requests
            (id, workspace_id, user_id, status, requested_at, updated_at, version)
        VALUES ($1, $2, $3, $4, $5, $5, 1)
        ON CONFLICT (workspace_id, user_id) WHERE status = 'PENDING' DO NOTHING
        """,
        request_id,
        workspace_id,
        user.user_id,
        status,
        moment,
    )
    if not made:
        raise AlreadyExists("you already have a pending request for this workspace")
    request = await queries.join_request(request_id, workspace_id)
    assert request is not None
    if status == "PENDING":
        _announce("join_request.created", request, actor=user.user_id)
        mine = await queries.user_workspace(user.user_id, workspace_id)
        assert mine is not None
        events.append(user_channel(user.user_id), "membership.added", mine, actor=user.user_id)
        await hooks.join_requested(workspace_id, user.user_id)
    return request


def _announce(kind: str, request: JoinRequest, *, actor: UUID) -> None:
    events.append(workspace_channel(request.workspace_id), kind, request, actor=actor)
    events.append(user_channel(request.user_id), kind, request, actor=actor)


async def list_requests(caller: Caller, workspace_id: UUID, status: str) -> list[JoinRequest]:
    """Requests of a workspace with one status."""
    await seat(caller, workspace_id, "request.list")
    return await queries.join_requests(workspace_id, status)


async def decide(
    caller: Caller, workspace_id: UUID, request_id: UUID, decision: Decision
) -> JoinRequest:
    """Approve or reject a request. Raises `NotFound`, and `Conflict` if it is decided already."""
    async with db.transaction():
        await seat(caller, workspace_id, "request.decide", lock=True)
        request = await queries.join_request(request_id, workspace_id)
        if request is None:
            raise NotFound("there is no such join request")
        if request.status != "PENDING":
            raise Conflict("this request has been decided already")
        return await _decide(caller, request, decision)


async def decide_for_user(
    caller: Caller, workspace_id: UUID, user_id: UUID, decision: Decision
) -> JoinRequest:
    """Decide the pending request of a person.

    Raises `NotFound` when none is pending and `AlreadyExists` when he is a member by now.
    """
    async with db.transaction():
        await seat(caller, workspace_id, "request.decide", lock=True)
        request = await queries.pending_request(workspace_id, user_id)
        if request is None:
            if await queries.is_member(workspace_id, user_id):
                raise AlreadyExists("this person is already a member of the workspace")
            raise NotFound("this person has no pending request")
        return await _decide(caller, request, decision)


async def _decide(caller: Caller, request: JoinRequest, decision: Decision) -> JoinRequest:
    if decision == "APPROVED":
        user = await queries.user(request.user_id)
        if user is None or not user.is_active:
            raise Forbidden("this person's account has been deleted")
        await seating.take_a_seat(user, request.workspace_id, Role.MEMBER, actor=caller.user_id)
    decided = await settle(request.workspace_id, request.user_id, decision, actor=caller.user_id)
    assert decided is not None
    return decided


async def settle(
    workspace_id: UUID, user_id: UUID, decision: Decision, *, actor: UUID
) -> JoinRequest | None:
    """Close the pending request of a person, if there is one, and tell both sides."""
    request_id = await db.fetch_value(
        """
        UPDATE "user".join_requests SET status = $3, updated_at = now(), version = version + 1
        WHERE workspace_id = $1 AND user_id = $2 AND status = 'PENDING' RETURNING id
        """,
        workspace_id,
        user_id,
        decision,
    )
    if request_id is None:
        return None
    decided = await queries.join_request(request_id, workspace_id)
    assert decided is not None
    _announce("join_request.updated", decided, actor=actor)
    return decided
