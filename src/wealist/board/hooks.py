"""Who is called when a project's people change, or it goes: services beside this one, wired in
`app.py`.

Each is called inside the transaction of the change, after this service's own rows; the project is
locked. What it raises undoes everything. Who leaves the workspace leaves all projects in silence.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

MemberHook = Callable[[UUID, UUID, UUID], Awaitable[None]]
"""Gets the project, the person who is a member of it now (or no more), and the actor."""

ProjectGone = Callable[[UUID, UUID, UUID], Awaitable[None]]
"""Gets the project that was deleted, its workspace, and the actor."""

on_member_come: list[MemberHook] = []
on_member_gone: list[MemberHook] = []
on_project_gone: list[ProjectGone] = []


async def member_come(project_id: UUID, user_id: UUID, actor: UUID) -> None:
    """Tell the services beside, one after the other."""
    for welcome in on_member_come:
        await welcome(project_id, user_id, actor)


async def member_gone(project_id: UUID, user_id: UUID, actor: UUID) -> None:
    """Tell the services beside, one after the other."""
    for forget in on_member_gone:
        await forget(project_id, user_id, actor)


async def project_gone(project_id: UUID, workspace_id: UUID, actor: UUID) -> None:
    """Tell the services beside, one after the other."""
    for forget in on_project_gone:
        await forget(project_id, workspace_id, actor)
