"""Workspaces, their members and join requests over HTTP (contract: user.md §2.3 to §2.5)."""

from litestar import Response, delete, get, post, put
from litestar.params import FromPath, JSONBody

from wealist.core.params import LONGEST_PAGE, IfMatch, Me, Number, Text, number, uuid
from wealist.core.text import required
from wealist.core.wire import Done
from wealist.user import join_requests, members, queries, workspaces
from wealist.user.wire import (
    DefaultWorkspace,
    Invitation,
    JoinDecision,
    JoinRequest,
    Member,
    Membership,
    NewJoinRequest,
    NewWorkspace,
    RoleChange,
    Settings,
    UserWorkspace,
    Workspace,
    WorkspaceChange,
)

ID = "/api/workspaces/{workspace_id:str}"


@get(["/api/workspaces", "/api/workspaces/all"], opt={"access": "caller"}, summary="My workspaces")
async def my_workspaces(caller: Me) -> list[UserWorkspace]:
    return await queries.my_workspaces(caller.user_id)


@post("/api/workspaces/create", opt={"access": "caller"}, summary="Create a workspace")
async def create_workspace(caller: Me, data: JSONBody[NewWorkspace]) -> Workspace:
    return await workspaces.create_workspace(caller, data)


@get(
    "/api/workspaces/public/{text:path}",
    opt={"access": "caller"},
    summary="Search public workspaces by name",
)
async def search_workspaces(caller: Me, text: FromPath[str]) -> list[Workspace]:
    wanted = required(text.removeprefix("/"), field="workspaceName", limit=100)
    return await queries.public_workspaces(wanted)


@post(
    "/api/workspaces/default",
    status_code=200,
    opt={"access": "workspace.prefer"},
    summary="Choose my default workspace",
)
async def prefer_workspace(caller: Me, data: JSONBody[DefaultWorkspace]) -> Done:
    await workspaces.prefer_workspace(caller, uuid(data.workspace_id, "workspaceId"))
    return Done("Default workspace set successfully")


@get(ID, opt={"access": "workspace.read"}, summary="A workspace")
async def view_workspace(caller: Me, workspace_id: FromPath[str]) -> Workspace:
    return await workspaces.view_workspace(caller, uuid(workspace_id, "workspaceId"))


@put(
    [ID, "/api/workspaces/ids/{workspace_id:str}"],
    opt={"access": "workspace.update"},
    summary="Change a workspace",
)
async def change_workspace(
    caller: Me,
    workspace_id: FromPath[str],
    data: JSONBody[WorkspaceChange],
    if_match: IfMatch,
) -> Workspace:
    target = uuid(workspace_id, "workspaceId")
    return await workspaces.change_workspace(caller, target, data, if_match)


@delete(ID, status_code=200, opt={"access": "workspace.delete"}, summary="Delete a workspace")
async def delete_workspace(caller: Me, workspace_id: FromPath[str]) -> Done:
    await workspaces.delete_workspace(caller, uuid(workspace_id, "workspaceId"))
    return Done("Workspace deleted successfully")


@get(f"{ID}/settings", opt={"access": "settings.read"}, summary="A workspace's settings")
async def view_settings(caller: Me, workspace_id: FromPath[str]) -> Settings:
    return await workspaces.view_settings(caller, uuid(workspace_id, "workspaceId"))


@put(f"{ID}/settings", opt={"access": "settings.update"}, summary="Change the settings")
async def change_settings(
    caller: Me,
    workspace_id: FromPath[str],
    data: JSONBody[WorkspaceChange],
    if_match: IfMatch,
) -> Settings:
    target = uuid(workspace_id, "workspaceId")
    return await workspaces.change_settings(caller, target, data, if_match)


# --- members ---------------------------------------------------------------------------------


@get(f"{ID}/members", opt={"access": "member.list"}, summary="Members")
async def list_members(
    caller: Me, workspace_id: FromPath[str], page: Number = None, limit: Number = None
) -> Response[list[Member]]:
    found, total = await members.list_members(
        caller,
        uuid(workspace_id, "workspaceId"),
        number(page, 1, 10**6),
        number(limit, LONGEST_PAGE, LONGEST_PAGE),
    )
    return Response(found, headers={"X-Total-Count": str(total)})


@get(
    f"{ID}/validate-member/{{user_id:str}}",
    opt={"access": "member.check"},
    summary="Whether a user is a member",
)
async def check_member(
    caller: Me, workspace_id: FromPath[str], user_id: FromPath[str]
) -> Membership:
    target, person = uuid(workspace_id, "workspaceId"), uuid(user_id, "userId")
    return Membership(await members.check_member(caller, target, person))


@post(f"{ID}/members/invite", opt={"access": "member.invite"}, summary="Invite a person")
async def invite(caller: Me, workspace_id: FromPath[str], data: JSONBody[Invitation]) -> Member:
    return await members.invite(caller, uuid(workspace_id, "workspaceId"), data)


@put(
    f"{ID}/members/{{member_id:str}}/role",
    opt={"access": "member.change_role"},
    summary="Change a member's role",
)
async def change_role(
    caller: Me,
    workspace_id: FromPath[str],
    member_id: FromPath[str],
    data: JSONBody[RoleChange],
    if_match: IfMatch,
) -> Member:
    target, member = uuid(workspace_id, "workspaceId"), uuid(member_id, "memberId")
    return await members.change_role(caller, target, member, data.role_name, if_match)


@delete(
    f"{ID}/members/{{member_id:str}}",
    status_code=200,
    opt={"access": "member.remove"},
    summary="Remove a member, or leave",
)
async def remove_member(caller: Me, workspace_id: FromPath[str], member_id: FromPath[str]) -> Done:
    target, member = uuid(workspace_id, "workspaceId"), uuid(member_id, "memberId")
    await members.remove_member(caller, target, member)
    return Done("Member removed successfully")


# --- join requests ---------------------------------------------------------------------------


@post("/api/workspaces/join-requests", opt={"access": "caller"}, summary="Ask to join")
async def ask_to_join(caller: Me, data: JSONBody[NewJoinRequest]) -> JoinRequest:
    return await join_requests.ask_to_join(caller, data.workspace_id)


@get(f"{ID}/joinRequests", opt={"access": "request.list"}, summary="Join requests")
async def list_requests(
    caller: Me, workspace_id: FromPath[str], status: Text = None
) -> list[JoinRequest]:
    wanted = (status or "").upper()
    return await join_requests.list_requests(
        caller,
        uuid(workspace_id, "workspaceId"),
        wanted if wanted in ("APPROVED", "REJECTED") else "PENDING",
    )


@get(f"{ID}/pendingMembers", opt={"access": "request.list"}, summary="Pending join requests")
async def pending_members(caller: Me, workspace_id: FromPath[str]) -> list[JoinRequest]:
    return await join_requests.list_requests(caller, uuid(workspace_id, "workspaceId"), "PENDING")


@put(
    f"{ID}/joinRequests/{{request_id:str}}",
    opt={"access": "request.decide"},
    summary="Decide a join request",
)
async def decide(
    caller: Me,
    workspace_id: FromPath[str],
    request_id: FromPath[str],
    data: JSONBody[JoinDecision],
) -> JoinRequest:
    target, wanted = uuid(workspace_id, "workspaceId"), uuid(request_id, "requestId")
    return await join_requests.decide(caller, target, wanted, data.status)


@post(
    f"{ID}/members/{{user_id:str}}/approve",
    status_code=200,
    opt={"access": "request.decide"},
    summary="Approve a person's pending request",
)
async def approve(caller: Me, workspace_id: FromPath[str], user_id: FromPath[str]) -> JoinRequest:
    target, person = uuid(workspace_id, "workspaceId"), uuid(user_id, "userId")
    return await join_requests.decide_for_user(caller, target, person, "APPROVED")


@post(
    f"{ID}/members/{{user_id:str}}/reject",
    status_code=200,
    opt={"access": "request.decide"},
    summary="Reject a person's pending request",
)
async def reject(caller: Me, workspace_id: FromPath[str], user_id: FromPath[str]) -> JoinRequest:
    target, person = uuid(workspace_id, "workspaceId"), uuid(user_id, "userId")
    return await join_requests.decide_for_user(caller, target, person, "REJECTED")


handlers = [
    my_workspaces,
    create_workspace,
    search_workspaces,
    prefer_workspace,
    view_workspace,
    change_workspace,
    delete_workspace,
    view_settings,
    change_settings,
    list_members,
    check_member,
    invite,
    change_role,
    remove_member,
    ask_to_join,
    list_requests,
    pending_members,
    decide,
    approve,
    reject,
]
