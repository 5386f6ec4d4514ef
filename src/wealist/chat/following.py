"""Rooms follow the workspaces and projects that they belong to (hooks of the services beside and
below, wired in `app.py`). Each is called inside the transaction of the change that it follows."""

from collections.abc import Sequence
from uuid import UUID

from wealist.chat import access, feed, queries, rooms, seats, uploads
from wealist.chat.wire import Moved
from wealist.core import db


async def workspace_member_come(workspace_id: UUID, user_id: UUID, actor: UUID, _role: str) -> None:
    """Tell a new member's open connections that he has more colleagues now."""
    feed.tell_person(user_id, "WORKSPACES_CHANGED", Moved(workspace_id, True), actor=actor)


async def workspace_member_gone(workspace_id: UUID, user_id: UUID, actor: UUID) -> None:
    """Take who has left a workspace out of all its rooms. What he said stays."""
    ids = await _rooms(
        "workspace_id = $1 AND id IN (SELECT chat_id FROM chat.participants"
        " WHERE user_id = $2 AND is_active)",
        workspace_id,
        user_id,
    )
    if ids:
        await seats.leave(ids, workspace_id, user_id, actor=actor)
    await uploads.drop_unused_of(workspace_id, user_id)
    feed.tell_person(user_id, "WORKSPACES_CHANGED", Moved(workspace_id, False), actor=actor)


async def workspace_gone(workspace_id: UUID, actor: UUID) -> None:
    """Delete all rooms of a workspace that has been deleted."""
    await _dissolve(await _rooms("workspace_id = $1", workspace_id), workspace_id, actor=actor)
    await uploads.drop_unused_of(workspace_id, None)


async def project_member_come(project_id: UUID, user_id: UUID, actor: UUID) -> None:
    """Let a new member of a project into its room."""
    chat_id = await queries.of_project(project_id)
    if chat_id is None:
        return
    await access.lock(chat_id, seats=True)
    room = await queries.bare(chat_id)
    if room is not None and user_id not in await queries.active(chat_id):
        await seats.add(chat_id, room.workspace_id, [user_id], actor=actor)


async def project_member_gone(project_id: UUID, user_id: UUID, actor: UUID) -> None:
    """Take who is no member of a project any more out of all its rooms."""
    ids = await _rooms("project_id = $1", project_id)
    room = await queries.bare(ids[0]) if ids else None
    if room is not None:
        await seats.leave(ids, room.workspace_id, user_id, actor=actor)


async def project_gone(project_id: UUID, workspace_id: UUID, actor: UUID) -> None:
    """Delete the rooms of a project that was deleted."""
    await _dissolve(await _rooms("project_id = $1", project_id), workspace_id, actor=actor)


async def _dissolve(ids: Sequence[UUID], workspace_id: UUID, *, actor: UUID) -> None:
    if ids:
        await db.execute(
            "SELECT FROM chat.chats WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", ids
        )
        await rooms.dissolve(ids, workspace_id, actor=actor)


async def _rooms(where: str, *args: UUID) -> list[UUID]:
    """Living rooms, in the order of their ids. `where` is ours."""
    found: list[UUID] | None = await db.fetch_value(
        f"SELECT array_agg(id ORDER BY id) FROM chat.chats WHERE deleted_at IS NULL AND {where}",
        *args,
    )
    return found or []
