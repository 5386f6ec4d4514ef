"""What clients send and see of cards and what hangs on them (contract: board.md §5 and §6)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Raw, UnsetType

from wealist.core.wire import Wire, least

Moment = Annotated[str, Meta(max_length=64, description="an RFC 3339 time, or a plain date (UTC)")]
Ids = list[UUID]
Filled = Annotated[str, least(1)]


def channel(project_id: UUID) -> str:
    """Everything that those who look at a project may see change."""
    return f"board:{project_id}"


def requests_channel(project_id: UUID) -> str:
    """Who wants to join: for the project's owner and admins only, so no part of `channel`."""
    return f"board-requests:{project_id}"


# --- attachments -----------------------------------------------------------------------------


class Attachment(Wire):
    """A file of a project, board or comment; the id under both names that clients use."""

    id: UUID
    attachment_id: UUID
    file_name: str
    file_url: str
    file_size: int
    content_type: str
    uploaded_by: UUID
    uploaded_at: datetime


class AttachmentFull(Wire):
    id: UUID
    attachment_id: UUID
    entity_type: str
    entity_id: UUID | None
    status: str
    file_name: str
    file_url: str
    file_size: int
    content_type: str
    uploaded_by: UUID
    uploaded_at: datetime
    expires_at: datetime | None


class UploadRequest(Wire):
    entity_type: str
    workspace_id: UUID
    file_name: Annotated[str, Meta(min_length=1, max_length=255)]
    file_size: int
    content_type: Annotated[str, Meta(max_length=100)] = ""


class Upload(Wire):
    attachment_id: UUID
    upload_url: str
    file_key: str
    expires_in: int


class NewAttachment(Wire):
    entity_type: str
    file_key: Annotated[str, Meta(min_length=1, max_length=512)]
    file_name: Annotated[str, Meta(min_length=1, max_length=255)]
    file_size: int
    content_type: Annotated[str, Meta(max_length=100)] = ""


# --- boards ----------------------------------------------------------------------------------


class Board(Wire, omit_defaults=True):
    """A card. `customFields` holds values; `status` and `isDelayed` are computed from it."""

    id: UUID
    board_id: UUID
    project_id: UUID
    workspace_id: UUID
    author_id: UUID
    assignee_id: UUID | None
    title: str
    content: str
    custom_fields: Raw
    rank: str
    status: str
    is_delayed: bool
    participant_ids: list[UUID]
    attachments: list[Attachment]
    checklist_total: int
    checklist_done: int
    created_at: datetime
    updated_at: datetime
    version: int
    start_date: datetime | None = None
    due_date: datetime | None = None
    deleted_at: datetime | None = None


class Participant(Wire):
    id: UUID
    participant_id: UUID
    board_id: UUID
    user_id: UUID
    created_at: datetime


class Comment(Wire):
    comment_id: UUID
    board_id: UUID
    user_id: UUID
    content: str
    attachments: list[Attachment]
    created_at: datetime
    updated_at: datetime
    version: int


class Item(Wire):
    """A line of a card's checklist."""

    item_id: UUID
    board_id: UUID
    text: str
    is_done: bool
    rank: str
    created_at: datetime
    updated_at: datetime
    version: int


class ItemGone(Wire):
    item_id: UUID
    board_id: UUID


class BoardDetail(Board, omit_defaults=True, kw_only=True):
    participants: list[Participant]
    comments: list[Comment]
    checklist: list[Item]


class NewBoard(Wire):
    """`name`, `description` and `workspaceId` (its default project) stand in for what is absent."""

    project_id: UUID | None = None
    title: Filled | None = None
    content: str | None = None
    custom_fields: dict[str, Any] | None = None
    assignee_id: str | UnsetType | None = UNSET
    start_date: Moment | None = None
    due_date: Moment | None = None
    participants: Ids | None = None
    attachment_ids: list[UUID | None] | None = None
    name: str | None = None
    description: str | None = None
    workspace_id: UUID | None = None


class BoardChange(Wire):
    """Absent: unchanged. An explicit null clears content, assignee or a date."""

    title: Filled | None = None
    content: str | UnsetType | None = UNSET
    custom_fields: dict[str, Any] | None = None
    assignee_id: str | UnsetType | None = UNSET
    start_date: Moment | UnsetType | None = UNSET
    due_date: Moment | UnsetType | None = UNSET
    participants: Ids | None = None
    attachment_ids: list[UUID | None] | None = None
    name: str | None = None
    description: str | None = None


class Move(Wire):
    """Where to: a value of a field and, optionally, between which cards of the project."""

    group_by_field_name: str
    new_field_value: str
    project_id: UUID | None = None
    before_board_id: UUID | None = None
    """The card above which it shall lie."""
    after_board_id: UUID | None = None
    """The card below which it shall lie."""


class Moved(Wire):
    board_id: UUID
    new_field_value: str
    rank: str
    version: int
    message: str


class BoardMoved(Wire, rename={"from_value": "from", "to_value": "to", "field_name": "fieldName"}):
    """Payload of BOARD_MOVED: the two members of the contract, and all that changed."""

    from_value: str
    to_value: str
    field_name: str
    board: Board


class BoardsReordered(Wire):
    """All cards keep their order, but have new ranks (by id), a `version` one higher, and
    `updatedAt`."""

    ranks: dict[str, str]
    updated_at: datetime


class BoardGone(Wire):
    board_id: UUID


class BoardRestored(Wire):
    """What hangs on a card that is back from the trash; null where it is too long for an event:
    read the card."""

    board_id: UUID
    comments: list[Comment] | None
    checklist: list[Item] | None


class Change(Wire):
    """One field of an activity. Values as customFields has them; null: there was none."""

    field: str
    old_value: Any
    new_value: Any


class NewComment(Wire):
    board_id: UUID
    content: Filled
    attachment_ids: list[UUID | None] | None = None


class CommentChange(Wire):
    content: Filled
    attachment_ids: list[UUID | None] | None = None


class CommentGone(Wire):
    comment_id: UUID
    board_id: UUID


class Invitees(Wire):
    board_id: UUID
    user_ids: Annotated[list[UUID], Meta(min_length=1, max_length=50)]


class Added(Wire, omit_defaults=True):
    user_id: UUID
    success: bool
    error: str | None = None


class AddedAll(Wire):
    total_requested: int
    total_success: int
    total_failed: int
    results: list[Added]


class NewItem(Wire):
    text: Filled


class ItemChange(Wire):
    text: Filled | None = None
    is_done: bool | None = None
    before_item_id: UUID | None = None
    after_item_id: UUID | None = None
