"""Who is called when people and workspaces go: services above this one, wired in `app.py`.

Each is called inside the transaction of the change, after this service's own rows; the row of the
workspace is locked. What it raises undoes everything.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

MemberGone = Callable[[UUID, UUID, UUID], Awaitable[None]]
"""Gets the workspace, the person who is no longer a member of it, and the actor."""

WorkspaceGone = Callable[[UUID, UUID], Awaitable[None]]
"""Gets the workspace that was deleted, and the actor."""

on_member_gone: list[MemberGone] = []
on_workspace_gone: list[WorkspaceGone] = []


async def member_gone(workspace_id: UUID, user_id: UUID, actor: UUID) -> None:
    """Tell the services above, one after the other."""
    for forget in on_member_gone:
        await forget(workspace_id, user_id, actor)


async def workspace_gone(workspace_id: UUID, actor: UUID) -> None:
    """Tell the services above, one after the other."""
    for forget in on_workspace_gone:
        await forget(workspace_id, actor)
