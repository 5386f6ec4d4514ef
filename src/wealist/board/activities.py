"""What happened: to a card, in a project; and taking one's own last change back."""

from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from wealist.board import access, board_queries, boards, dates, edits, trash, values
from wealist.board.access import NO_BOARD, Place
from wealist.board.live_wire import Activity
from wealist.board.pages import Page, Window
from wealist.board.wire import Board, Change
from wealist.core import db
from wealist.core.errors import Conflict, NotFound
from wealist.core.identity import Caller

UNDOABLE = ("board.updated", "board.moved", "board.deleted")

_ACTIVITY = """
    SELECT id AS activity_id, project_id, board_id, actor_id, kind, subject,
           changes::text AS changes, undone, at
    FROM board.activities
"""


async def of_board(caller: Caller, board_id: UUID, window: Window) -> Page[Activity]:
    """What happened to a card, newest first."""
    await access.board(caller, board_id, "board.read")
    return await _page("board_id", board_id, window)


async def of_project(caller: Caller, project_id: UUID, window: Window) -> Page[Activity]:
    """What happened in a project, newest first."""
    await access.project(caller, project_id, "board.read")
    return await _page("project_id", project_id, window)


async def _page(column: str, value: UUID, window: Window) -> Page[Activity]:
    place = window.place(UUID)
    found = await db.fetch(
        Activity,
        f"{_ACTIVITY} WHERE {column} = $1 AND ($2::uuid IS NULL OR id < $2) "
        "ORDER BY id DESC LIMIT $3",
        value,
        place and place.id,
        window.limit + 1,
    )
    for activity in found:
        activity.changes = Raw(activity.changes)
    return Page.of(found, window.limit, lambda one: (one.activity_id, one.activity_id))


class _Done(Struct):
    id: UUID
    kind: str
    changes: str


async def undo(caller: Caller, board_id: UUID) -> Board:
    """Take back the caller's own last change of a card.

    Raises `NotFound` when there is none, and `Conflict` with the `difference` when somebody has
    changed the same since: the card stays as that person left it.
    """
    async with db.transaction():
        await access.lock_of("boards", board_id)
        trashed = await db.fetch_value(
            "SELECT deleted_at IS NOT NULL FROM board.boards WHERE id = $1", board_id
        )
        if trashed is None:
            raise NotFound(NO_BOARD)
        place = await access.board(caller, board_id, "board.write", trashed=trashed)
        done = await _last(caller, board_id)
        if done is None or (done.kind == "board.deleted") != trashed:
            raise NotFound("there is nothing of yours to undo here")
        if trashed:
            return await trash.restore(place, board_id, actor=caller.user_id, undoes=done.id)
        return await _take_back(caller, place, board_id, done)


async def _last(caller: Caller, board_id: UUID) -> _Done | None:
    return await db.fetch_one(
        _Done,
        """
        SELECT id, kind, changes::text AS changes FROM board.activities
        WHERE board_id = $1 AND actor_id = $2 AND kind = ANY($3) AND NOT undone
        ORDER BY id DESC LIMIT 1
        """,
        board_id,
        caller.user_id,
        list(UNDOABLE),
    )


async def _take_back(caller: Caller, place: Place, board_id: UUID, done: _Done) -> Board:
    old = await board_queries.board(board_id)
    assert old is not None
    changes = msgspec.json.decode(done.changes, type=list[Change])
    present = _present(old)
    difference = [
        {
            "field": change.field,
            "expected": change.new_value,
            "current": present.get(change.field),
        }
        for change in changes
        if present.get(change.field) != change.new_value
    ]
    if difference:
        raise Conflict(
            "this was changed since; undoing would overwrite it",
            extra={"difference": difference},
        )
    schema = await values.schema(place.project_id)
    fields = msgspec.json.decode(old.custom_fields)
    before = dict(fields)
    new: dict[str, Any] = {}
    for change in changes:
        if change.field in _MEMBERS:
            new[_MEMBERS[change.field]] = _decoded(change.field, change.old_value)
        elif change.old_value is None:
            fields.pop(change.field, None)
        else:
            fields[change.field] = change.old_value
    schema.require_present(fields)
    await boards.require_members(place, new, schema, fields)
    await schema.make_room(fields, before)
    edit = edits.Edit(old, new, fields)
    board = await edits.apply(
        edit, place, actor=caller.user_id, kind="board.undone", undoes=done.id
    )
    edits.tell_updated(board, actor=caller.user_id)
    edits.notify(edit, board, place, schema, actor=caller.user_id)
    return board


_MEMBERS = {shown: name for name, shown in edits.NAMES.items()}


def _present(board: Board) -> dict[str, Any]:
    """What a card holds, as activities write it down."""
    found: dict[str, Any] = msgspec.json.decode(board.custom_fields)
    for name, shown in edits.NAMES.items():
        value = getattr(board, name)
        found[shown] = msgspec.to_builtins(
            dates.shown(value) if name in ("start_date", "due_date") else value
        )
    return found


def _decoded(field: str, value: Any) -> Any:
    if field in ("startDate", "dueDate"):
        return dates.parse(value, field)
    if field == "assigneeId":
        return UUID(value) if value else None
    if field == "participants":
        return [UUID(one) for one in value]
    return value
