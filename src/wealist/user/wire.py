"""What clients of the user service send and see (contract: user.md §1 and §2)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from wealist.core.wire import Email, Wire, least

Text = Annotated[str, Meta(max_length=1000)]
"""Any text a person types; the verbs trim it and check the noun's own limit."""

Name = Annotated[Text, least(1)]


def workspace_channel(workspace_id: UUID) -> str:
    """Everything that members of a workspace may see change."""
    return f"workspace:{workspace_id}"


def user_channel(user_id: UUID) -> str:
    """Everything that one person may see change about himself."""
    return f"user:{user_id}"


# --- users -----------------------------------------------------------------------------------


class User(Wire, omit_defaults=True):
    user_id: UUID
    email: str
    name: str
    provider: str
    is_active: bool
    created_at: datetime
    updated_at: datetime
    version: int
    google_id: str | None = None
    deleted_at: datetime | None = None


class NewUser(Wire):
    email: Email
    google_id: str | None = None
    provider: Annotated[str, Meta(min_length=1, max_length=50)] = "google"


class UserChange(Wire):
    """`email` and `isActive` are accepted for old clients; only their current values are."""

    email: Email | UnsetType | None = UNSET
    is_active: bool | UnsetType | None = UNSET
    name: str | UnsetType | None = UNSET


class OAuthLogin(Wire):
    email: Email
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    provider: Annotated[str, Meta(min_length=1, max_length=50)]


class UserRef(Wire):
    user_id: UUID


class Exists(Wire):
    exists: bool


# --- workspaces ------------------------------------------------------------------------------


class Workspace(Wire, omit_defaults=True):
    workspace_id: UUID
    owner_id: UUID
    workspace_name: str
    is_public: bool
    need_approved: bool
    is_active: bool
    created_at: datetime
    version: int
    workspace_description: str | None = None
    deleted_at: datetime | None = None
    owner_nick_name: str | None = None
    owner_email: str | None = None


class UserWorkspace(Wire):
    """A row of "my workspaces"; a pending join request appears with the role PENDING."""

    workspace_id: UUID
    workspace_name: str
    workspace_description: str
    owner: bool
    role: str
    created_at: datetime
    is_default: bool


class Settings(Wire):
    workspace_id: UUID
    workspace_name: str
    workspace_description: str
    is_public: bool
    requires_approval: bool
    only_owner_can_invite: bool
    version: int


class NewWorkspace(Wire):
    workspace_name: Name
    workspace_description: Text | None = None
    is_public: bool | None = None
    need_approved: bool | None = None


class WorkspaceChange(Wire):
    """Members that are absent or null stay as they are."""

    workspace_name: Name | None = None
    workspace_description: Text | None = None
    is_public: bool | None = None
    need_approved: bool | None = None
    requires_approval: bool | None = None
    only_owner_can_invite: bool | None = None


class DefaultWorkspace(Wire):
    workspace_id: str


class WorkspaceGone(Wire):
    workspace_id: UUID


# --- members ---------------------------------------------------------------------------------


class Member(Wire, omit_defaults=True):
    workspace_member_id: UUID
    workspace_id: UUID
    user_id: UUID
    role_name: str
    is_default: bool
    is_active: bool
    joined_at: datetime
    updated_at: datetime
    version: int
    user_email: str | None = None
    nick_name: str | None = None
    profile_image_url: str | None = None


class Invitation(Wire):
    email: Email
    role_name: str | None = None


class RoleChange(Wire):
    role_name: str


class MemberGone(Wire):
    workspace_member_id: UUID
    workspace_id: UUID
    user_id: UUID


class Membership(Wire):
    is_member: bool


# --- join requests ---------------------------------------------------------------------------


class JoinRequest(Wire, omit_defaults=True):
    join_request_id: UUID
    workspace_id: UUID
    user_id: UUID
    status: str
    requested_at: datetime
    updated_at: datetime
    version: int
    user_email: str | None = None
    nick_name: str | None = None
    workspace_name: str | None = None


class NewJoinRequest(Wire):
    workspace_id: UUID


Decision = Literal["APPROVED", "REJECTED"]


class JoinDecision(Wire):
    status: Decision


# --- profiles --------------------------------------------------------------------------------


class Profile(Wire, omit_defaults=True):
    profile_id: UUID
    user_id: UUID
    workspace_id: UUID
    nick_name: str
    email: str
    created_at: datetime
    updated_at: datetime
    version: int
    profile_image_url: str | None = None


class ProfileGone(Wire):
    workspace_id: UUID
    user_id: UUID


class NewProfile(Wire):
    workspace_id: UUID
    nick_name: Name
    email: Email
    profile_image_url: Annotated[str, Meta(max_length=2000)] | None = None


class ProfileChange(Wire):
    nick_name: Name | None = None
    profile_image_url: Annotated[str, Meta(max_length=2000)] | None = None


# --- pictures --------------------------------------------------------------------------------


class ImageRequest(Wire):
    file_name: Annotated[str, Meta(min_length=1, max_length=255)]
    content_type: Annotated[str, Meta(min_length=1, max_length=100)]
    file_size: int


class ImageUpload(Wire):
    upload_url: str
    file_key: str
    expires_at: int
    expires_in: int


class ImageConfirm(Wire):
    file_key: Annotated[str, Meta(min_length=1, max_length=255)]
    file_name: Annotated[str, Meta(min_length=1, max_length=255)]
    content_type: Annotated[str, Meta(min_length=1, max_length=100)]
    file_size: int


class ImageChoice(Wire):
    attachment_id: UUID


class Attachment(Wire, omit_defaults=True):
    attachment_id: UUID
    entity_type: str
    status: str
    file_name: str
    file_url: str
    file_size: int
    content_type: str
    uploaded_by: UUID
    created_at: datetime
    entity_id: UUID | None = None
    expires_at: datetime | None = None
