"""The reads of options."""

from uuid import UUID

from wealist.board import access
from wealist.board.project_wire import FieldOption
from wealist.board.values import BUILT_IN, SELECTS
from wealist.core import db
from wealist.core.errors import Invalid
from wealist.core.identity import Caller

LISTED = 1000

OPTION = """
    SELECT o.id AS option_id, o.project_id, o.field AS field_type, o.value, o.label, o.color,
           o.display_order, o.is_system_default, o.wip_limit, o.created_at, o.updated_at, o.version
    FROM board.options o
"""


async def option(option_id: UUID) -> FieldOption | None:
    """One option."""
    return await db.fetch_one(FieldOption, f"{OPTION} WHERE o.id = $1", option_id)


async def list_options(
    caller: Caller, field: str | None, project_id: UUID | None
) -> list[FieldOption]:
    """The options of a field: of one project, or of all that the caller can see."""
    if not field:
        raise Invalid("is required", field="fieldType")
    if project_id is not None:
        await access.project(caller, project_id, "project.read")
        await require_field(project_id, field)
        return await db.fetch(
            FieldOption,
            f"{OPTION} WHERE o.project_id = $1 AND o.field = $2 "
            "ORDER BY o.display_order, o.created_at, o.id",
            project_id,
            field,
        )
    if field not in BUILT_IN:
        raise Invalid("must be stage, role or importance", field="fieldType")
    return await db.fetch(
        FieldOption,
        f"""
        {OPTION} JOIN board.projects p ON p.id = o.project_id
        WHERE o.field = $2 AND "user".standing(p.workspace_id, $1) IN ('OWNER', 'ADMIN', 'MEMBER')
          AND p.id IN (
              SELECT project_id FROM board.members WHERE user_id = $1
              UNION SELECT project_id FROM board.visits WHERE user_id = $1
          )
        ORDER BY o.display_order, o.created_at, o.id LIMIT {LISTED}
        """,
        caller.user_id,
        field,
    )


async def require_field(project_id: UUID, field: str) -> None:
    kind = await db.fetch_value(
        "SELECT type FROM board.fields WHERE project_id = $1 AND key = $2", project_id, field
    )
    if kind not in SELECTS:
        raise Invalid("must be a field with options", field="fieldType")
