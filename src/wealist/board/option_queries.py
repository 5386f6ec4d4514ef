"""The reads of options."""

from uuid import UUID

from wealist.board.project_wire import FieldOption
from wealist.core import db

OPTION = """
    SELECT o.id AS option_id, o.project_id, o.field AS field_type, o.value, o.label, o.color,
           o.display_order, o.is_system_default, o.wip_limit, o.created_at, o.updated_at, o.version
    FROM board.options o
"""


_ORDER = "ORDER BY o.display_order, o.created_at, o.id"

LISTED = 1000
"""Longest list of options of several projects."""


async def option(option_id: UUID) -> FieldOption | None:
    """One option."""
    return await db.fetch_one(FieldOption, f"{OPTION} WHERE o.id = $1", option_id)


async def of_project(project_id: UUID, field: str) -> list[FieldOption]:
    """The options of a project's field, in their order."""
    return await db.fetch(
        FieldOption,
        f"{OPTION} WHERE o.project_id = $1 AND o.field = $2 {_ORDER}",
        project_id,
        field,
    )


async def of_workspaces(workspaces: list[UUID], field: str) -> list[FieldOption]:
    """The options of a field in all projects of some workspaces."""
    return await db.fetch(
        FieldOption,
        f"""
        {OPTION} JOIN board.projects p ON p.id = o.project_id
        WHERE p.workspace_id = ANY($1) AND o.field = $2 {_ORDER} LIMIT {LISTED}
        """,
        workspaces,
        field,
    )
