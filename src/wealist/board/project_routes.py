"""Projects, their members and join requests over HTTP (contract: board.md §6.1, §6.2)."""

from typing import Annotated, TypeAlias

from litestar import delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from wealist.board import init_settings, join_requests, members, projects
from wealist.board.project_wire import (
    InitSettings,
    JoinDecision,
    JoinRequest,
    Member,
    NewJoinRequest,
    NewMember,
    NewProject,
    Project,
    ProjectChange,
    ProjectPage,
    RoleChange,
)
from wealist.core.params import IfMatch, Me, Number, Text, number, uuid
from wealist.core.wire import Data, Done, answer

ID = "/api/projects/{project_id:str}"

SearchText: TypeAlias = Annotated[str | None, QueryParameter(name="query")]
"""Litestar keeps the name `query` for itself."""


@get("/api/projects", opt={"access": "project.list"}, summary="A workspace's projects as a page")
async def project_page(caller: Me, workspaceId: Text = None) -> Data[ProjectPage]:  # noqa: N803
    found = await projects.list_projects(caller, uuid(workspaceId or "", "workspaceId"))
    return answer(ProjectPage(found, len(found), 1, len(found)))


@get(
    "/api/projects/workspace/{workspace_id:str}",
    opt={"access": "project.list"},
    summary="A workspace's projects, newest first",
)
async def list_projects(caller: Me, workspace_id: FromPath[str]) -> Data[list[Project]]:
    return answer(await projects.list_projects(caller, uuid(workspace_id, "workspaceId")))


@get(
    "/api/projects/workspace/{workspace_id:str}/default",
    opt={"access": "project.list"},
    summary="A workspace's default project",
)
async def default_project(caller: Me, workspace_id: FromPath[str]) -> Data[Project]:
    return answer(await projects.default_project(caller, uuid(workspace_id, "workspaceId")))


@get("/api/projects/search", opt={"access": "project.list"}, summary="Search projects")
async def search_projects(
    caller: Me,
    workspaceId: Text = None,  # noqa: N803
    text: SearchText = None,
    page: Number = None,
    limit: Number = None,
) -> Data[ProjectPage]:
    size = int(limit) if limit and limit.isascii() and limit.isdecimal() and len(limit) < 4 else 10
    found = await projects.search_projects(
        caller,
        uuid(workspaceId or "", "workspaceId"),
        text,
        number(page, 1, 10**6),
        size if 1 <= size <= 100 else 10,
    )
    return answer(found)


@post("/api/projects", opt={"access": "project.create"}, summary="Create a project")
async def create_project(caller: Me, data: JSONBody[NewProject]) -> Data[Project]:
    return answer(await projects.create_project(caller, data))


@get(ID, opt={"access": "project.read"}, summary="A project")
async def view_project(caller: Me, project_id: FromPath[str]) -> Data[Project]:
    return answer(await projects.view_project(caller, uuid(project_id, "projectId")))


@put(ID, opt={"access": "project.update"}, summary="Change a project")
async def change_project(
    caller: Me, project_id: FromPath[str], data: JSONBody[ProjectChange], if_match: IfMatch
) -> Data[Project]:
    target = uuid(project_id, "projectId")
    return answer(await projects.change_project(caller, target, data, if_match))


@delete(ID, status_code=200, opt={"access": "project.delete"}, summary="Delete a project")
async def delete_project(caller: Me, project_id: FromPath[str]) -> Data[Done]:
    await projects.delete_project(caller, uuid(project_id, "projectId"))
    return answer(Done("Project deleted successfully"))


@get(f"{ID}/init-settings", opt={"access": "project.read"}, summary="What a project's page needs")
async def settings(caller: Me, project_id: FromPath[str]) -> Data[InitSettings]:
    return answer(await init_settings.init_settings(caller, uuid(project_id, "projectId")))


# --- members ---------------------------------------------------------------------------------


@get(f"{ID}/members", opt={"access": "project.members"}, summary="A project's members")
async def list_members(caller: Me, project_id: FromPath[str]) -> Data[list[Member]]:
    return answer(await members.list_members(caller, uuid(project_id, "projectId")))


@post(f"{ID}/members", opt={"access": "project.add_member"}, summary="Add a colleague")
async def add_member(
    caller: Me, project_id: FromPath[str], data: JSONBody[NewMember]
) -> Data[Member]:
    return answer(await members.add_member(caller, uuid(project_id, "projectId"), data))


@delete(
    f"{ID}/members/{{member_id:str}}",
    status_code=200,
    opt={"access": "project.remove_member"},
    summary="Remove a member",
)
async def remove_member(
    caller: Me, project_id: FromPath[str], member_id: FromPath[str]
) -> Data[Done]:
    target, member = uuid(project_id, "projectId"), uuid(member_id, "memberId")
    await members.remove_member(caller, target, member)
    return answer(Done("Member removed successfully"))


@put(
    f"{ID}/members/{{member_id:str}}/role",
    opt={"access": "project.change_role"},
    summary="Change a member's role",
)
async def change_role(
    caller: Me, project_id: FromPath[str], member_id: FromPath[str], data: JSONBody[RoleChange]
) -> Data[Member]:
    target, member = uuid(project_id, "projectId"), uuid(member_id, "memberId")
    return answer(await members.change_role(caller, target, member, data.role_name))


# --- join requests ---------------------------------------------------------------------------


@get(f"{ID}/join-requests", opt={"access": "project.requests"}, summary="Join requests")
async def list_requests(
    caller: Me, project_id: FromPath[str], status: Text = None
) -> Data[list[JoinRequest]]:
    target = uuid(project_id, "projectId")
    return answer(await join_requests.list_requests(caller, target, status or None))


@post("/api/join-requests", opt={"access": "project.ask"}, summary="Ask to join a project")
async def ask_to_join(caller: Me, data: JSONBody[NewJoinRequest]) -> Data[JoinRequest]:
    return answer(await join_requests.ask_to_join(caller, data.project_id))


@put(
    "/api/join-requests/{request_id:str}",
    opt={"access": "project.decide"},
    summary="Decide a join request",
)
async def decide(
    caller: Me, request_id: FromPath[str], data: JSONBody[JoinDecision]
) -> Data[JoinRequest]:
    return answer(await join_requests.decide(caller, uuid(request_id, "requestId"), data.status))


handlers = [
    project_page,
    list_projects,
    default_project,
    search_projects,
    create_project,
    view_project,
    change_project,
    delete_project,
    settings,
    list_members,
    add_member,
    remove_member,
    change_role,
    list_requests,
    ask_to_join,
    decide,
]
