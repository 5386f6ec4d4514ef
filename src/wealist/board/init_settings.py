"""What a project's page needs at first: the project, its fields and options (board.md §6.1)."""

from uuid import UUID

from msgspec import Struct

from wealist.board import access, project_queries
from wealist.board.access import NO_PROJECT
from wealist.board.project_wire import (
    FieldType,
    InitSettings,
    SettingsField,
    SettingsOption,
    SettingsProject,
)
from wealist.board.values import BUILT_IN
from wealist.core import db
from wealist.core.errors import NotFound
from wealist.core.identity import Caller
from wealist.user import api as user

FIELD_TYPES = [
    FieldType("select", "Select", "one of several options"),
    FieldType("text", "Text", "any text"),
    FieldType("number", "Number", "a number"),
    FieldType("single_select", "Single select", "one of several options"),
    FieldType("multi_select", "Multi select", "several of several options"),
    FieldType("date", "Date", "a day"),
    FieldType("user", "User", "a member of the workspace"),
    FieldType("single_user", "Single user", "a member of the workspace"),
    FieldType("multi_user", "Multi user", "members of the workspace"),
]
"""The four of the reference and the seven that clients know (frontend need 15)."""

DESCRIPTIONS = {
    "stage": "how far the work is",
    "importance": "how much it matters",
    "role": "whose kind of work it is",
}


class _Field(Struct):
    key: str
    name: str
    type: str


async def init_settings(caller: Caller, project_id: UUID) -> InitSettings:
    """The settings; also remembers that the caller looked at this project (frontend need 16)."""
    place = await access.project(caller, project_id, "project.read")
    project = await project_queries.project(project_id)
    workspace = await user.card(place.workspace_id)
    if project is None or workspace is None:
        raise NotFound(NO_PROJECT)
    fields = await _fields(project_id)
    await _remember(caller, project_id)
    return InitSettings(
        SettingsProject(
            project.project_id,
            project.workspace_id,
            workspace.name,
            workspace.owner_email,
            project.name,
            project.description,
            project.owner_id,
            project.owner_email or "",
            project.owner_name or "",
            project.is_public,
            project.created_at,
            project.updated_at,
            project.start_date,
            project.due_date,
        ),
        fields,
        FIELD_TYPES,
    )


async def _fields(project_id: UUID) -> list[SettingsField]:
    found = await db.fetch(
        _Field,
        "SELECT key, name, type FROM board.fields WHERE project_id = $1 ORDER BY position, id",
        project_id,
    )
    options = await db.fetch(
        SettingsOption,
        """
        SELECT id AS option_id, label AS option_label, value AS option_value, display_order,
               field AS field_id, wip_limit, color
        FROM board.options WHERE project_id = $1 ORDER BY display_order, created_at, id
        """,
        project_id,
    )
    of: dict[str, list[SettingsOption]] = {}
    for option in options:
        of.setdefault(option.field_id, []).append(option)
    return [
        SettingsField(
            field.key,
            field.name,
            field.type,
            field.key in BUILT_IN,
            DESCRIPTIONS.get(field.key, ""),
            of.get(field.key, []),
        )
        for field in found
    ]


async def _remember(caller: Caller, project_id: UUID) -> None:
    """Write only what is new; reading the settings again costs no write."""
    await db.execute(
        """
        INSERT INTO board.visits AS v (user_id, project_id)
        SELECT $1, id FROM board.projects WHERE id = $2
            AND NOT EXISTS (SELECT FROM board.visits WHERE user_id = $1 AND project_id = $2)
        ON CONFLICT (user_id) DO UPDATE SET project_id = excluded.project_id
        """,
        caller.user_id,
        project_id,
    )
