"""The verbs on join requests (contract: board.md §6.2)."""

from uuid import UUID

from wealist.board import access, feed, members, project_queries
from wealist.board.access import NO_REQUEST
from wealist.board.project_wire import JoinRequest
from wealist.core import db
from wealist.core.errors import Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import NIL, uuid7
from wealist.core.wire import now
from wealist.user import api as user


async def ask_to_join(caller: Caller, project_id: UUID) -> JoinRequest:
    """Ask to become a member. Raises `Conflict` for members and for a second pending request."""
    if project_id == NIL:
        raise Invalid("is required", field="projectId")
    async with db.transaction():
        place = await access.project(caller, project_id, "project.ask", hold=True)
        if place.role is not None:
            raise Conflict("you are a member already", code="ALREADY_MEMBER")
        request_id = uuid7()
        made = await db.execute(
            """
            INSERT INTO board.join_requests
                (id, project_id, user_id, status, requested_at, updated_at, version)
            VALUES ($1, $2, $3, 'PENDING', $4, $4, 1)
            ON CONFLICT (project_id, user_id) WHERE status = 'PENDING' DO NOTHING
            """,
            request_id,
            project_id,
            caller.user_id,
            now(),
        )
        if not made:
            raise Conflict(
                "you have asked already; wait for the answer", code="PENDING_REQUEST_EXISTS"
            )
        request = await _read(place.workspace_id, request_id)
        feed.tell_requests(project_id, "join_request.created", request, actor=caller.user_id)
        heads = await project_queries.heads(project_id)
        feed.notify_project("PROJECT_JOIN_REQUESTED", heads, place, actor=caller.user_id)
    return request


async def _read(workspace_id: UUID, request_id: UUID) -> JoinRequest:
    found = await project_queries.join_request(workspace_id, request_id)
    if found is None:
        raise NotFound(NO_REQUEST)
    return found


async def list_requests(caller: Caller, project_id: UUID, status: str | None) -> list[JoinRequest]:
    """A project's requests, for its owner and admins."""
    place = await access.project(caller, project_id, "project.requests")
    return await project_queries.join_requests(place.workspace_id, project_id, status)


async def decide(caller: Caller, request_id: UUID, status: str) -> JoinRequest:
    """Approve or reject a pending request. Raises `Invalid` when it is decided already, or when
    the person has left the workspace since."""
    async with db.transaction():
        place = await access.within(
            caller, "join_requests", request_id, "project.decide", missing=NO_REQUEST, hold=True
        )
        request = await _read(place.workspace_id, request_id)
        if request.status != "PENDING":
            raise Invalid("this request has been decided already")
        if status == "APPROVED":
            if not await user.members_among(place.workspace_id, [request.user_id]):
                raise Invalid("this person is no member of the workspace any more")
            await members.seat(place, request.user_id, "MEMBER", actor=caller.user_id)
        await members.settle_requests(
            place.workspace_id, [place.project_id], request.user_id, status, actor=caller.user_id
        )
        return await _read(place.workspace_id, request_id)
