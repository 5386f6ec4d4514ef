"""What happened: to a card, in a project; and taking one's own last change back."""

from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from wealist.board import access, board_queries, boards, dates, edits, ranks, trash, values
from wealist.board.access import NO_BOARD, Place
from wealist.board.live_wire import Activity
from wealist.board.values import Schema
from wealist.board.wire import Board, Change
from wealist.core import db
from wealist.core.errors import Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.pages import Page, Window

UNDOABLE = (
    "board.updated",
    "board.moved",
    "board.deleted",
    "participant.added",
    "participant.removed",
)

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
    after = window.after(UUID)
    found = await db.fetch(
        Activity,
        f"{_ACTIVITY} WHERE {column} = $1 AND ($2::uuid IS NULL OR id < $2) "
        "ORDER BY id DESC LIMIT $3",
        value,
        after and after.id,
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

    Raises `NotFound` when there is none, and `Conflict` when what was can't be had again; with
    the `difference` when somebody has changed the same since: the card stays as he left it.
    """
    async with db.transaction():
        await access.lock_of("boards", board_id)
        state = await db.fetch_one(
            _State,
            "SELECT deleted_at IS NOT NULL AS trashed, deleted_by FROM board.boards WHERE id = $1",
            board_id,
        )
        if state is None:
            raise NotFound(NO_BOARD)
        action = "board.delete" if state.trashed else "board.write"
        place = await access.board(caller, board_id, action, trashed=state.trashed)
        done = await _last(caller, board_id)
        if done is None or state.trashed != (
            done.kind == "board.deleted" and state.deleted_by == caller.user_id
        ):
            raise NotFound("there is nothing of yours to undo here")
        if state.trashed:
            return await trash.restore(
                place, board_id, actor=caller.user_id, activity="board.undone"
            )
        return await _take_back(caller, place, board_id, done)


class _State(Struct, frozen=True):
    trashed: bool
    deleted_by: UUID | None


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
    if await _spread_since(old, done, changes):
        changes = [change for change in changes if change.field != edits.RANK]
    if difference := _difference(changes, _present(old)):
        raise Conflict(
            "this was changed since; undoing would overwrite it",
            extra={"difference": difference},
        )
    schema = await values.schema(place.project_id)
    try:
        edit = await _reverse(old, changes, schema)
        await boards.require_members(place, edit.values, schema, edit.fields)
    except Invalid as error:
        raise Conflict(f"what was can't be had again: {error.message}") from None
    await schema.make_room(edit.fields, edit.old_fields)
    board = await edits.apply(edit, actor=caller.user_id, kind="board.undone", undoes=done.id)
    edits.tell_updated(board, actor=caller.user_id)
    edits.notify(edit, board, place, schema.label, actor=caller.user_id)
    return board


async def _spread_since(board: Board, done: _Done, changes: list[Change]) -> bool:
    """Whether a card has another rank than a change gave it although nobody has moved it since:
    all of the project have been spread anew. It stays where it is then."""
    ranked = [change for change in changes if change.field == edits.RANK]
    if not ranked or ranked[0].new_value == board.rank:
        return False
    moved: bool = await db.fetch_value(
        """
        SELECT EXISTS (SELECT FROM board.activities WHERE board_id = $1 AND id > $2
                       AND changes @> '[{"field": "rank"}]')
        """,
        board.id,
        done.id,
    )
    return not moved


def _difference(changes: list[Change], present: dict[str, Any]) -> list[dict[str, Any]]:
    """What isn't any more as the changes have left it. Who takes part has no order of his own."""

    def same(change: Change, value: Any) -> bool:
        if change.field == "participants":
            return set(value) == set(change.new_value)
        return bool(value == change.new_value)

    return [
        {
            "field": change.field,
            "expected": change.new_value,
            "current": present.get(change.field),
        }
        for change in changes
        if not same(change, present.get(change.field))
    ]


async def _reverse(old: Board, changes: list[Change], schema: Schema) -> edits.Edit:
    """The edit that takes changes back. Raises `Invalid` for what can't be any more."""
    fields: dict[str, Any] = {}
    new: dict[str, Any] = {}
    rank = None
    for change in changes:
        if change.field == edits.RANK:
            rank = await _rank(old.project_id, change.old_value)
        elif change.field == "participants":
            people = [UUID(one) for one in change.old_value]
            new["participant_ids"] = edits.in_order(old.participant_ids, people)
        elif change.field in _MEMBERS:
            new[_MEMBERS[change.field]] = _decoded(change.field, change.old_value)
        else:
            fields[change.field] = change.old_value
    dates.check(new.get("start_date", old.start_date), new.get("due_date", old.due_date))
    fields = schema.check(fields, msgspec.json.decode(old.custom_fields))
    return edits.Edit(old, new, fields, rank)


async def _rank(project_id: UUID, old: str) -> str:
    """An old place, or if another card has it by now, the one right below that."""
    taken, following = await db.fetch_record(
        """
        SELECT bool_or(rank = $2), min(rank) FILTER (WHERE rank > $2)
        FROM board.boards WHERE project_id = $1 AND rank >= $2
        """,
        project_id,
        old,
    )
    return ranks.between(old, following) if taken else old


_MEMBERS = {shown: name for name, shown in edits.NAMES.items()}


def _present(board: Board) -> dict[str, Any]:
    """What a card holds, as activities write it down."""
    found: dict[str, Any] = msgspec.json.decode(board.custom_fields) | {edits.RANK: board.rank}
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
    return value
