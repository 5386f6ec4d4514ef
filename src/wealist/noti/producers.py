"""What the user service's changes tell people (`user.hooks`), in the transaction of each change."""

from typing import Any
from uuid import UUID

from wealist.noti.api import notify
from wealist.user import api as user


async def _tell(
    kind: str, targets: set[UUID], workspace_id: UUID, actor: UUID, **metadata: Any
) -> None:
    if not targets - {actor}:
        return
    card = await user.card(workspace_id)
    if card is None:
        return
    notify(
        kind,
        targets,
        actor=actor,
        workspace_id=workspace_id,
        resource_type="workspace",
        resource_id=workspace_id,
        resource_name=card.name,
        metadata={"workspaceName": card.name, **metadata},
    )


async def welcome_member(workspace_id: UUID, user_id: UUID, actor: UUID, role: str) -> None:
    """Somebody became a member; whoever made the workspace or joined by himself knows."""
    await _tell("WORKSPACE_INVITED", {user_id}, workspace_id, actor, role=role)


async def note_role(workspace_id: UUID, user_id: UUID, actor: UUID, role: str) -> None:
    """A member has another role."""
    await _tell("WORKSPACE_ROLE_CHANGED", {user_id}, workspace_id, actor, newRole=role)


async def note_removal(workspace_id: UUID, user_id: UUID, actor: UUID) -> None:
    """Somebody is no member any more; whoever left knows."""
    await _tell("WORKSPACE_REMOVED", {user_id}, workspace_id, actor)


async def note_request(workspace_id: UUID, applicant: UUID) -> None:
    """Somebody asks to become a member; whoever can decide is told."""
    leaders = await user.leaders(workspace_id)
    await _tell("WORKSPACE_JOIN_REQUESTED", leaders, workspace_id, applicant)
