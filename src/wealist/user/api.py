"""What other services may use of this one.

In SQL there is one thing more: `"user".standing(workspace, person)`, which is OWNER, ADMIN or
MEMBER, or VISITOR for others where the workspace is public, else NULL.
"""

from wealist.user.directory import (
    Card,
    Face,
    Person,
    Seat,
    card,
    colleagues,
    faces,
    hold_workspace,
    hold_workspaces,
    leaders,
    living,
    members_among,
    owner,
    people,
    seats,
    workspaces_of,
)
from wealist.user.hooks import (
    on_account_forgotten,
    on_join_requested,
    on_member_changed,
    on_member_come,
    on_member_gone,
    on_workspace_gone,
)
from wealist.user.queries import is_member
from wealist.user.users import find_or_create, find_person
from wealist.user.wire import workspace_channel

__all__ = [
    "Card",
    "Face",
    "Person",
    "Seat",
    "card",
    "colleagues",
    "faces",
    "find_or_create",
    "find_person",
    "hold_workspace",
    "hold_workspaces",
    "is_member",
    "leaders",
    "living",
    "members_among",
    "on_account_forgotten",
    "on_join_requested",
    "on_member_changed",
    "on_member_come",
    "on_member_gone",
    "on_workspace_gone",
    "owner",
    "people",
    "seats",
    "workspace_channel",
    "workspaces_of",
]
