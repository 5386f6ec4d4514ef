"""What other services hand over, as it stands in the event log."""

from typing import Any
from uuid import UUID

from wealist.core.wire import Wire


def channel(user_id: UUID) -> str:
    """Everything that one person is to be told."""
    return f"noti:{user_id}"


class Fact(Wire):
    """One thing that happened, for one person. `id` is the same for all who are told of it.

    The members are those of the contract (board.md §8); `metadata` is what a client renders.
    """

    id: UUID
    type: str
    actor_id: UUID
    target_user_id: UUID
    workspace_id: UUID
    resource_type: str
    resource_id: UUID
    resource_name: str
    metadata: dict[str, Any]
