"""Who may do what in a project (contract: board.md §4), and the queries that find out.

Everything in a project belongs to its workspace: whoever is no member of that gets 404. A person
can stand to a card in several ways at once; the strongest counts.
"""

from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from wealist.core import db
from wealist.core.access import Rule, require
from wealist.core.identity import Caller


class Part(StrEnum):
    """What a person is to a project or a card."""

    COLLEAGUE = "colleague"
    """Any member of the workspace."""
    LEADER = "leader"
    """The workspace's OWNER or an ADMIN of it."""
    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"
    AUTHOR = "author"
    """Of the card, comment or attachment, while he is a colleague."""


INSIDE = frozenset(Part)
PROJECT = frozenset({Part.MEMBER, Part.ADMIN, Part.OWNER})
HEADS = frozenset({Part.ADMIN, Part.OWNER})
OWNERS = frozenset({Part.OWNER, Part.LEADER})

PERMISSIONS: dict[str, Rule] = {
    "project.create": Rule(INSIDE, "only members of the workspace can do this", told=True),
    "project.list": Rule(INSIDE, "only members of the workspace see its projects", told=True),
    "project.read": Rule(INSIDE),
    "project.update": Rule(OWNERS, "only the project's owner can change it"),
    "project.delete": Rule(OWNERS, "only the project's owner can delete it"),
    "project.members": Rule(INSIDE),
    "project.add_member": Rule(HEADS, "only the project's owner or an admin can add members"),
    "project.remove_member": Rule(HEADS, "only the project's owner or an admin can remove members"),
    "project.change_role": Rule(frozenset({Part.OWNER}), "only the project's owner changes roles"),
    "project.ask": Rule(INSIDE),
    "project.requests": Rule(HEADS, "only the project's owner or an admin sees join requests"),
    "project.decide": Rule(HEADS, "only the project's owner or an admin decides on them"),
    "field.change": Rule(
        PROJECT | {Part.LEADER}, "only members of the project can change its fields and options"
    ),
    "board.read": Rule(INSIDE),
    "board.write": Rule(INSIDE),
    "board.delete": Rule(
        PROJECT | {Part.AUTHOR}, "only members of the project or the author can delete this"
    ),
    "comment.change": Rule(frozenset({Part.AUTHOR}), "only its author can change a comment"),
    "comment.delete": Rule(
        HEADS | {Part.AUTHOR}, "only its author or the project's owner or admin can delete this"
    ),
    "attachment.upload": Rule(INSIDE, "only members of the workspace can do this", told=True),
    "attachment.delete": Rule(frozenset({Part.AUTHOR}), "only who uploaded a file can delete it"),
}

NO_WORKSPACE = "there is no such workspace"
NO_PROJECT = "there is no such project"
NO_BOARD = "there is no such board"
NO_COMMENT = "there is no such comment"
NO_ATTACHMENT = "there is no such attachment"
NO_OPTION = "there is no such option"
NO_FIELD = "there is no such field"
NO_REQUEST = "there is no such join request"
NO_ITEM = "there is no such item"


class Place(Struct, frozen=True):
    """A project as the caller stands to it.

    `standing` is his role in the workspace: VISITOR outside of a public one, None where he may
    not even know of it. `role` is his role in the project. `author_id` made the thing inside the
    project that was asked for.
    """

    workspace_id: UUID
    project_id: UUID
    project_name: str
    standing: str | None
    role: str | None
    author_id: UUID | None = None


def parts(standing: str | None, role: str | None, *, author: bool) -> set[Part]:
    """All that somebody is who stands like this to a workspace and a project; outsiders nothing."""
    if standing is None or standing == "VISITOR":
        return set()
    held = {Part.COLLEAGUE}
    if standing in ("OWNER", "ADMIN"):
        held.add(Part.LEADER)
    if role is not None:
        held.add(Part[role])
    if author:
        held.add(Part.AUTHOR)
    return held


def allow(
    action: str, standing: str | None, role: str | None, *, author: bool = False, missing: str
) -> None:
    """Raise `NotFound(missing)` or `Forbidden` as the permission table says."""
    held = parts(standing, role, author=author)
    require(PERMISSIONS[action], held, visible=standing == "VISITOR", missing=missing)


PLACE = """
    SELECT p.workspace_id, p.id AS project_id, p.name AS project_name,
           "user".standing(p.workspace_id, $2) AS standing, m.role
"""
"""The columns of a `Place`; `$2` is the caller's id. `FROM` must offer `p` and `m`."""

MEMBER = "LEFT JOIN board.members m ON m.project_id = p.id AND m.user_id = $2"


async def workspace(caller: Caller, workspace_id: UUID, action: str) -> str:
    """The caller's role in a workspace, if he may do `action` there; else raises."""
    standing: str | None = await db.fetch_value(
        'SELECT "user".standing($1, $2)', workspace_id, caller.user_id
    )
    allow(action, standing, None, missing=NO_WORKSPACE)
    assert standing is not None
    return standing


async def lock(project_id: UUID) -> None:
    """Hold a project until the transaction ends: its writers take turns.

    A statement of its own: one that waited for the lock would still see everything else as it
    was before (READ COMMITTED). Projects are locked after the workspace and users, in id order.
    """
    await db.execute("SELECT FROM board.projects WHERE id = $1 FOR NO KEY UPDATE", project_id)


async def lock_of(table: str, row_id: UUID) -> None:
    """`lock` for the project in which something lies; `table` is one of `_PATHS`."""
    await db.execute(
        f"""
        SELECT FROM board.projects WHERE id = (SELECT {_PATHS[table]}) FOR NO KEY UPDATE
        """,
        row_id,
    )


_PATHS = {
    "boards": "project_id FROM board.boards WHERE id = $1",
    "comments": """b.project_id FROM board.comments c JOIN board.boards b ON b.id = c.board_id
                   WHERE c.id = $1""",
    "checklist": """b.project_id FROM board.checklist c JOIN board.boards b ON b.id = c.board_id
                    WHERE c.id = $1""",
    "options": "project_id FROM board.options WHERE id = $1",
    "fields": "project_id FROM board.fields WHERE id = $1",
    "join_requests": "project_id FROM board.join_requests WHERE id = $1",
    "attachments": "project_id FROM board.attachments WHERE id = $1",
}


async def project(caller: Caller, project_id: UUID, action: str, *, hold: bool = False) -> Place:
    """The project as the caller stands to it, if he may do `action`; `hold` locks it first."""
    if hold:
        await lock(project_id)
    found = await db.fetch_one(
        Place,
        f"{PLACE} FROM board.projects p {MEMBER} WHERE p.id = $1",
        project_id,
        caller.user_id,
    )
    return _allowed(caller, found, action, NO_PROJECT)


async def board(
    caller: Caller, board_id: UUID, action: str, *, hold: bool = False, trashed: bool = False
) -> Place:
    """The project of a card (one in the trash only if `trashed`); see `project`."""
    if hold:
        await lock_of("boards", board_id)
    found = await db.fetch_one(
        Place,
        f"""
        {PLACE}, b.author_id
        FROM board.boards b JOIN board.projects p ON p.id = b.project_id {MEMBER}
        WHERE b.id = $1 AND (b.deleted_at IS NOT NULL) = $3
        """,
        board_id,
        caller.user_id,
        trashed,
    )
    return _allowed(caller, found, action, NO_BOARD)


async def comment(caller: Caller, comment_id: UUID, action: str, *, hold: bool = False) -> Place:
    """The project of a comment on a card that is not in the trash; see `project`."""
    if hold:
        await lock_of("comments", comment_id)
    found = await db.fetch_one(
        Place,
        f"""
        {PLACE}, c.user_id AS author_id
        FROM board.comments c JOIN board.boards b ON b.id = c.board_id
        JOIN board.projects p ON p.id = b.project_id {MEMBER}
        WHERE c.id = $1 AND b.deleted_at IS NULL
        """,
        comment_id,
        caller.user_id,
    )
    return _allowed(caller, found, action, NO_COMMENT)


async def within(
    caller: Caller, table: str, row_id: UUID, action: str, *, missing: str, hold: bool = False
) -> Place:
    """The project in which a row of `table` (one of `_PATHS`) lies; see `project`."""
    if hold:
        await lock_of(table, row_id)
    found = await db.fetch_one(
        Place,
        f"{PLACE} FROM board.projects p {MEMBER} WHERE p.id = (SELECT {_PATHS[table]})",
        row_id,
        caller.user_id,
    )
    return _allowed(caller, found, action, missing)


def _allowed(caller: Caller, found: Place | None, action: str, missing: str) -> Place:
    standing, role = (found.standing, found.role) if found else (None, None)
    author = found is not None and found.author_id == caller.user_id
    allow(action, standing, role, author=author, missing=missing)
    assert found is not None
    return found
