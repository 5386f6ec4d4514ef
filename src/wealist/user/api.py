"""What other services may use of this one.

In SQL there is one thing more: `"user".standing(workspace, person)`, which is OWNER, ADMIN or
MEMBER, or VISITOR for others where the workspace is public, else NULL.
"""

from wealist.user.directory import (
    Card,
    Person,
    card,
    hold_workspace,
    members_among,
    owner,
    people,
    workspaces_of,
)
from wealist.user.hooks import on_member_gone, on_workspace_gone
from wealist.user.queries import is_member
from wealist.user.users import find_or_create, find_person
from wealist.user.wire import workspace_channel

__all__ = [
    "Card",
    "Person",
    "card",
    "find_or_create",
    "find_person",
    "hold_workspace",
    "is_member",
    "members_among",
    "on_member_gone",
    "on_workspace_gone",
    "owner",
    "people",
    "workspace_channel",
    "workspaces_of",
]
