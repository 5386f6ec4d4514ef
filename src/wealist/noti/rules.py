"""What people are told of, as one table: who causes it, how it reads, how it reaches people.

`docs/notifications.md` shows this table, and a test triggers every producer that it names. Other
types may come over the internal API; they are told like `OTHER`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

IN_APP, EMAIL, PUSH = "in_app", "email", "push"
_BELL = frozenset({IN_APP})
_AWAY = frozenset({IN_APP, PUSH})
_ALL = frozenset({IN_APP, EMAIL, PUSH})


class Rule(NamedTuple):
    """One type of notification.

    `title` is the sentence that people read: `{actor}`, `{name}` (of the resource), `{project}`
    and members of the metadata stand for themselves. `defaults` are the ways in which somebody is
    told who has chosen nothing. `producer` says what causes it; without one `reason` says why
    nothing does. `members_only`: whoever is no member of the workspace any more isn't told.
    """

    category: str
    resource_type: str
    title: str
    defaults: frozenset[str] = _BELL
    producer: str = ""
    reason: str = ""
    members_only: bool = True


_AS_BOARD = "cards are boards here: {} tells it"

RULES: dict[str, Rule] = {
    # --- cards
    "BOARD_ASSIGNED": Rule(
        "assignments", "board", "{actor} assigned “{name}” to you", _ALL, "a card gets an assignee"
    ),
    "BOARD_UNASSIGNED": Rule(
        "assignments",
        "board",
        "{actor} took “{name}” off you",
        producer="a card gets another assignee, or none",
    ),
    "BOARD_PARTICIPANT_ADDED": Rule(
        "assignments", "board", "{actor} added you to “{name}”", _AWAY, "people are added to a card"
    ),
    "BOARD_UPDATED": Rule(
        "updates", "board", "{actor} changed “{name}”", producer="a card changes in any other way"
    ),
    "BOARD_STATUS_CHANGED": Rule(
        "updates",
        "board",
        "{actor} moved “{name}” to {newStatus}",
        producer="a card gets another stage; its author is told who isn't told of the change",
    ),
    "BOARD_COMMENT_ADDED": Rule(
        "comments", "board", "{actor} commented on “{name}”", _AWAY, "a card is commented on"
    ),
    "BOARD_DUE_SOON": Rule(
        "due", "board", "“{name}” is due soon", _ALL, "a card is due within 24 hours"
    ),
    "BOARD_OVERDUE": Rule("due", "board", "“{name}” is overdue", _ALL, "a card is overdue"),
    # --- mentions
    "TASK_MENTIONED": Rule(
        "mentions",
        "board",
        "{actor} mentioned you in “{name}”",
        _ALL,
        "a card's content mentions people who were not mentioned there before",
    ),
    "COMMENT_MENTIONED": Rule(
        "mentions",
        "board",
        "{actor} mentioned you in a comment on “{name}”",
        _ALL,
        "a comment mentions people, instead of BOARD_COMMENT_ADDED",
    ),
    "CHAT_MENTIONED": Rule(
        "mentions",
        "chat",
        "{actor} mentioned you in {name}",
        _ALL,
        "a message mentions people of its room",
    ),
    # --- workspaces
    "WORKSPACE_INVITED": Rule(
        "memberships",
        "workspace",
        "{actor} made you a member of {name}",
        _ALL,
        "somebody else makes a person a member, or approves his request",
    ),
    "WORKSPACE_ROLE_CHANGED": Rule(
        "memberships",
        "workspace",
        "{actor} changed your role in {name} to {newRole}",
        producer="somebody else changes a member's role",
    ),
    "WORKSPACE_REMOVED": Rule(
        "memberships",
        "workspace",
        "{actor} removed you from {name}",
        _ALL,
        "somebody else removes a member",
        members_only=False,
    ),
    "WORKSPACE_JOIN_REQUESTED": Rule(
        "requests",
        "workspace",
        "{actor} asks to join {name}",
        _ALL,
        "somebody asks to join; the owner and the admins are told",
    ),
    # --- projects
    "PROJECT_INVITED": Rule(
        "memberships",
        "project",
        "{actor} made you a member of the project {name}",
        _ALL,
        "somebody else makes a person a member, or approves his request",
    ),
    "PROJECT_ROLE_CHANGED": Rule(
        "memberships",
        "project",
        "{actor} changed your role in the project {name} to {newRole}",
        producer="somebody else changes a member's role",
    ),
    "PROJECT_REMOVED": Rule(
        "memberships",
        "project",
        "{actor} removed you from the project {name}",
        _ALL,
        "somebody else removes a member",
    ),
    "PROJECT_JOIN_REQUESTED": Rule(
        "requests",
        "project",
        "{actor} asks to join the project {name}",
        _ALL,
        "somebody asks to join; the owner and the admins are told",
    ),
    # --- chat and files
    "CHAT_MESSAGE": Rule(
        "chat",
        "chat",
        "{actor} wrote in {name}",
        _ALL,
        "somebody is away, and in a room something waits unread for five minutes",
    ),
    "FILE_SHARED": Rule(
        "files",
        "file",
        "{actor} shared “{name}” with you",
        _ALL,
        reason="no service shares files so far",
    ),
    # --- known to clients, told under another name
    "TASK_ASSIGNED": Rule(
        "assignments",
        "task",
        "{actor} assigned “{name}” to you",
        reason=_AS_BOARD.format("BOARD_ASSIGNED"),
    ),
    "TASK_UNASSIGNED": Rule(
        "assignments",
        "task",
        "{actor} took “{name}” off you",
        reason=_AS_BOARD.format("BOARD_UNASSIGNED"),
    ),
    "TASK_DUE_SOON": Rule(
        "due", "task", "“{name}” is due soon", reason=_AS_BOARD.format("BOARD_DUE_SOON")
    ),
    "TASK_OVERDUE": Rule(
        "due", "task", "“{name}” is overdue", reason=_AS_BOARD.format("BOARD_OVERDUE")
    ),
    "TASK_STATUS_CHANGED": Rule(
        "updates",
        "task",
        "{actor} moved “{name}” to {newStatus}",
        reason=_AS_BOARD.format("BOARD_UPDATED"),
    ),
    "COMMENT_ADDED": Rule(
        "comments",
        "comment",
        "{actor} commented on “{name}”",
        reason=_AS_BOARD.format("BOARD_COMMENT_ADDED"),
    ),
    "PARTICIPANT_ADDED": Rule(
        "assignments",
        "board",
        "{actor} added you to “{name}”",
        reason=_AS_BOARD.format("BOARD_PARTICIPANT_ADDED"),
    ),
}

OTHER = Rule("other", "other", "{actor} has news about “{name}”", reason="another service's own")
"""How types are told that are not in the table."""

SOMEBODY, SOMETHING = "Somebody", "something"


def rule(kind: str) -> Rule:
    """The rule of a type, `OTHER` for one that the table doesn't have."""
    return RULES.get(kind, OTHER)


class _Words(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return SOMETHING


def title(
    kind: str, name: str | None, metadata: Mapping[str, Any] | None, actor: str | None
) -> str:
    """The English sentence of a notification; names may be unknown."""
    words = _Words(
        {key: value for key, value in (metadata or {}).items() if isinstance(value, str) and value}
    )
    words |= {"actor": actor or SOMEBODY, "name": name or SOMETHING}
    return rule(kind).title.format_map(words)
