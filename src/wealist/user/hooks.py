"""Who is called when people come, change and go: services above this one, wired in `app.py`.

Each is called inside the transaction of the change, after this service's own rows; the row of the
workspace (of the account, where it is about one) is locked. What it raises undoes everything.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

MemberCome = Callable[[UUID, UUID, UUID, str], Awaitable[None]]
"""Gets the workspace, the person who has become a member of it, the actor, and his role. The actor
is the person himself where he made the workspace or needed no approval."""

MemberChanged = Callable[[UUID, UUID, UUID, str], Awaitable[None]]
"""Gets the workspace, the member whose role has changed, the actor, and the new role."""

JoinRequested = Callable[[UUID, UUID], Awaitable[None]]
"""Gets the workspace, and the person who asks to become a member of it."""

MemberGone = Callable[[UUID, UUID, UUID], Awaitable[None]]
"""Gets the workspace, the person who is no longer a member of it, and the actor."""

WorkspaceGone = Callable[[UUID, UUID], Awaitable[None]]
"""Gets the workspace that was deleted, and the actor."""

AccountForgotten = Callable[[UUID], Awaitable[None]]
"""Gets the person who deleted his account so long ago that it can't come back."""

on_member_come: list[MemberCome] = []
on_member_changed: list[MemberChanged] = []
on_join_requested: list[JoinRequested] = []
on_member_gone: list[MemberGone] = []
on_workspace_gone: list[WorkspaceGone] = []
on_account_forgotten: list[AccountForgotten] = []


async def member_come(workspace_id: UUID, user_id: UUID, actor: UUID, role: str) -> None:
    """Tell the services above, one after the other."""
    for welcome in on_member_come:
        await welcome(workspace_id, user_id, actor, role)


async def member_changed(workspace_id: UUID, user_id: UUID, actor: UUID, role: str) -> None:
    """Tell the services above, one after the other."""
    for note in on_member_changed:
        await note(workspace_id, user_id, actor, role)


async def join_requested(workspace_id: UUID, user_id: UUID) -> None:
    """Tell the services above, one after the other."""
    for note in on_join_requested:
        await note(workspace_id, user_id)


async def member_gone(workspace_id: UUID, user_id: UUID, actor: UUID) -> None:
    """Tell the services above, one after the other."""
    for forget in on_member_gone:
        await forget(workspace_id, user_id, actor)


async def workspace_gone(workspace_id: UUID, actor: UUID) -> None:
    """Tell the services above, one after the other."""
    for forget in on_workspace_gone:
        await forget(workspace_id, actor)


async def account_forgotten(user_id: UUID) -> None:
    """Tell the services above, one after the other."""
    for forget in on_account_forgotten:
        await forget(user_id)
