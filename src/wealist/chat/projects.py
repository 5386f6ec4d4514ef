"""Who a project's members are. Projects belong to the board service, which stands beside this one:
`app.py` connects both."""

from collections.abc import Awaitable, Callable
from uuid import UUID

Members = Callable[[UUID], Awaitable[tuple[UUID, set[UUID]] | None]]
"""Gets a project; returns its workspace and its members' ids, or None if there is none."""

_ask: Members | None = None


def use(ask: Members) -> None:
    """Take who knows projects; `app.py` does so once."""
    global _ask
    _ask = ask


async def members(workspace_id: UUID, project_id: UUID) -> set[UUID] | None:
    """The members of a project of this workspace; None if there is no such project."""
    found = await _ask(project_id) if _ask is not None else None
    return found[1] if found is not None and found[0] == workspace_id else None
