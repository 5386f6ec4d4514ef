"""What clients send and see of projects, their people, fields and options (board.md §3, §5, §6)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from wealist.board.wire import Attachment, Filled, Moment
from wealist.core.wire import Wire, least

Name = Annotated[str, least(2)]


class Project(Wire, omit_defaults=True):
    project_id: UUID
    workspace_id: UUID
    owner_id: UUID
    name: str
    description: str
    is_public: bool
    is_default: bool
    attachments: list[Attachment]
    created_at: datetime
    updated_at: datetime
    version: int
    start_date: datetime | None = None
    due_date: datetime | None = None
    owner_email: str | None = None
    owner_name: str | None = None


class ProjectPage(Wire):
    projects: list[Project]
    total: int
    page: int
    limit: int


class NewProject(Wire):
    workspace_id: UUID
    name: Name
    description: str | None = None
    start_date: Moment | None = None
    due_date: Moment | None = None
    attachment_ids: list[UUID | None] | None = None


class ProjectChange(Wire):
    """Absent: unchanged. An explicit null clears a date; `attachmentIds` is the whole new set."""

    name: Name | None = None
    description: str | None = None
    start_date: Moment | UnsetType | None = UNSET
    due_date: Moment | UnsetType | None = UNSET
    attachment_ids: list[UUID | None] | None = None
    is_default: bool | None = None


class ProjectGone(Wire):
    project_id: UUID
    workspace_id: UUID


class Member(Wire):
    member_id: UUID
    project_id: UUID
    user_id: UUID
    role_name: str
    joined_at: datetime
    version: int
    user_email: str = ""
    user_name: str = ""


class MemberGone(Wire):
    member_id: UUID
    project_id: UUID
    user_id: UUID


class PersonLeft(Wire):
    """Somebody left the workspace: no longer on any card of the project, nor a member of it.

    Cards he was on have a `version` one higher, and `updatedAt`.
    """

    user_id: UUID
    project_id: UUID
    updated_at: datetime


ProjectRole = Literal["OWNER", "ADMIN", "MEMBER"]


class NewMember(Wire):
    user_id: UUID
    role_name: Literal["ADMIN", "MEMBER"] = "MEMBER"


class RoleChange(Wire):
    role_name: ProjectRole


class JoinRequest(Wire, omit_defaults=True):
    request_id: UUID
    project_id: UUID
    user_id: UUID
    status: str
    requested_at: datetime
    updated_at: datetime
    version: int
    user_email: str | None = None
    user_name: str | None = None


class NewJoinRequest(Wire):
    project_id: UUID


class JoinDecision(Wire):
    status: Literal["APPROVED", "REJECTED"]


# --- fields and options ----------------------------------------------------------------------


class FieldOption(Wire):
    option_id: UUID
    project_id: UUID
    field_type: str
    value: str
    label: str
    color: str
    display_order: int
    is_system_default: bool
    wip_limit: int | None
    created_at: datetime
    updated_at: datetime
    version: int


class NewOption(Wire):
    """Without `projectId` the option goes to the project whose settings the caller read last."""

    field_type: str
    value: Filled
    label: Filled
    color: str
    display_order: int = 0
    project_id: UUID | None = None
    wip_limit: Annotated[int, Meta(ge=1)] | UnsetType | None = UNSET


class OptionChange(Wire):
    label: Filled | None = None
    color: str | None = None
    display_order: int | None = None
    wip_limit: Annotated[int, Meta(ge=1)] | UnsetType | None = UNSET
    """Most cards that may have this option; an explicit null: any number."""


class OptionGone(Wire):
    """Cards that had `value` have `replacement` now (null: none), a `version` one higher, and
    `updatedAt`. In a list of several values it is replaced in place."""

    option_id: UUID
    project_id: UUID
    field_type: str
    value: str
    replacement: str | None
    updated_at: datetime


FieldKind = Literal[
    "text", "number", "single_select", "multi_select", "date", "single_user", "multi_user"
]


class Field(Wire):
    """A field as the project's people made it; `key` is its name in `customFields`."""

    field_id: str
    project_id: UUID
    key: str
    field_name: str
    field_type: str
    position: int
    created_at: datetime
    updated_at: datetime
    version: int


class NewField(Wire):
    field_name: Annotated[str, Meta(min_length=1, max_length=100)]
    field_type: FieldKind
    key: str | None = None


class FieldChange(Wire):
    field_name: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    position: int | None = None


class FieldGone(Wire):
    """Cards that had a value under `key` have none now, a `version` one higher, and `updatedAt`."""

    field_id: str
    project_id: UUID
    key: str
    updated_at: datetime


# --- init-settings ---------------------------------------------------------------------------


class SettingsOption(Wire, omit_defaults=True):
    option_id: UUID
    option_label: str
    option_value: str
    display_order: int
    field_id: str
    wip_limit: int | None
    color: str = ""


class SettingsField(Wire):
    field_id: str
    field_name: str
    field_type: str
    is_required: bool
    description: str
    options: list[SettingsOption]


class FieldType(Wire):
    type_id: str
    type_name: str
    description: str


class SettingsProject(Wire, omit_defaults=True):
    project_id: UUID
    workspace_id: UUID
    workspace_name: str
    workspace_email: str
    name: str
    description: str
    owner_id: UUID
    owner_email: str
    owner_name: str
    is_public: bool
    created_at: datetime
    updated_at: datetime
    start_date: datetime | None = None
    due_date: datetime | None = None


class InitSettings(Wire):
    project: SettingsProject
    fields: list[SettingsField]
    field_types: list[FieldType]
    default_view_id: UUID | None = None
