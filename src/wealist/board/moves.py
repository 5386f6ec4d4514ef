"""Moving a card: to another value of a field, to another place, or both; six statements."""

from uuid import UUID

import msgspec
from msgspec import Struct

from wealist.board import access, board_queries, edits, feed, ranks, values
from wealist.board.access import NO_BOARD, Place
from wealist.board.wire import Board, BoardsReordered, Move, Moved
from wealist.core import db
from wealist.core.errors import Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.versions import expect
from wealist.core.wire import now


class _Scene(Struct, frozen=True):
    """All that decides a move: how the caller stands, the column, and the neighbours."""

    project_name: str
    standing: str | None
    role: str | None
    field_type: str | None
    value: str | None
    label: str | None
    wip_limit: int | None
    old_label: str | None
    others: int | None
    after_rank: str | None
    below_after: str | None
    before_rank: str | None
    above_before: str | None


_READ = f"""
    SELECT {board_queries.ONE},
        p.name, "user".standing(p.workspace_id, $2), m.role,
        f.type, o.value, o.label, o.wip_limit,
        (SELECT label FROM board.options WHERE project_id = b.project_id AND field = $3
            AND value = b.custom_fields ->> $3),
        CASE WHEN o.wip_limit IS NOT NULL THEN (
            SELECT count(*) FROM board.boards n
            WHERE n.project_id = b.project_id AND n.deleted_at IS NULL AND n.id <> b.id
              AND n.custom_fields ->> $3 = o.value
        ) END,
        below.rank,
        (SELECT min(n.rank) FROM board.boards n
            WHERE n.project_id = b.project_id AND n.rank > below.rank AND n.id <> b.id),
        above.rank,
        (SELECT max(n.rank) FROM board.boards n
            WHERE n.project_id = b.project_id AND n.rank < above.rank AND n.id <> b.id)
    {board_queries.FROM}
    LEFT JOIN board.members m ON m.project_id = p.id AND m.user_id = $2
    LEFT JOIN board.fields f ON f.project_id = p.id AND f.key = $3
    LEFT JOIN LATERAL (
        SELECT value, label, wip_limit FROM board.options
        WHERE project_id = p.id AND field = $3 AND $4 IN (value, id::text, label)
        ORDER BY value <> $4, id::text <> $4 LIMIT 1
    ) o ON true
    LEFT JOIN board.boards below ON below.id = $5 AND below.project_id = p.id
        AND below.deleted_at IS NULL AND below.id <> b.id
    LEFT JOIN board.boards above ON above.id = $6 AND above.project_id = p.id
        AND above.deleted_at IS NULL AND above.id <> b.id
    WHERE b.id = $1 AND b.deleted_at IS NULL
"""


async def move_board(caller: Caller, board_id: UUID, move: Move, expected: int | None) -> Moved:
    """Give a card a value of a select field and, optionally, another place in the order.

    `afterBoardId` puts it right below that card; else `beforeBoardId` right above that one; else
    it keeps its place. Raises `NotFound`, `Invalid`, `Conflict` for a full column, and
    `PreconditionFailed` when `expected` is old.
    """
    async with db.transaction():
        await access.lock_of("boards", board_id)
        record = await db.fetch_record(
            _READ,
            board_id,
            caller.user_id,
            move.group_by_field_name,
            move.new_field_value,
            move.after_board_id,
            move.before_board_id,
        )
        if record is None:
            raise NotFound(NO_BOARD)
        old = board_queries.made(record)
        scene = _Scene(*record[board_queries.WIDTH :])
        access.allow("board.write", scene.standing, scene.role, missing=NO_BOARD)
        _check(move, scene, old)
        expect(expected, old.version, old)
        field = move.group_by_field_name
        fields = msgspec.json.decode(old.custom_fields) | {field: scene.value}
        edit = edits.Edit(old, {}, fields, _rank(move, scene))
        if edit.old_fields.get(field) != scene.value:
            values.require_room(scene.label or "", scene.wip_limit, scene.others)
        place = Place(
            old.workspace_id, old.project_id, scene.project_name, scene.standing, scene.role
        )
        board = await edits.apply(edit, actor=caller.user_id, kind="board.moved")
        edits.tell_moved(edit, board, field, actor=caller.user_id)
        labels = {edit.old_fields.get(field): scene.old_label, scene.value: scene.label}
        edits.notify(edit, board, place, lambda _, value: labels[value] or "", actor=caller.user_id)
        if len(board.rank) > ranks.LONGEST:
            board = await _spread(board, caller)
    return Moved(board.id, scene.value or "", board.rank, board.version, _MESSAGE)


_MESSAGE = "Board moved successfully"


def _check(move: Move, scene: _Scene, old: Board) -> None:
    if move.project_id is not None and move.project_id != old.project_id:
        raise Invalid("is not the project of this board", field="projectId")
    if scene.field_type not in ("select", "single_select"):
        raise Invalid("must be a field with options", field="groupByFieldName")
    if scene.value is None:
        raise Invalid("must be the value of an option of this field", field="newFieldValue")
    if move.after_board_id is not None and scene.after_rank is None:
        raise Invalid("must be another board of this project", field="afterBoardId")
    if move.before_board_id is not None and scene.before_rank is None:
        raise Invalid("must be another board of this project", field="beforeBoardId")


def _rank(move: Move, scene: _Scene) -> str | None:
    """Right below `after`, else right above `before`, else None: where it was."""
    if scene.after_rank is not None:
        return ranks.between(scene.after_rank, scene.below_after)
    if scene.before_rank is not None:
        return ranks.between(scene.above_before, scene.before_rank)
    return None


async def _spread(board: Board, caller: Caller) -> Board:
    """Give all cards of a project short ranks again, in the same order. A thousand moves to one
    and the same gap lead here."""
    ids: list[UUID] = await db.fetch_value(
        "SELECT array_agg(id ORDER BY rank) FROM board.boards WHERE project_id = $1",
        board.project_id,
    )
    spread = ranks.spread(len(ids))
    moment = now()
    # Two steps, since ranks are unique at every moment.
    for prefix in ("~", ""):
        await db.execute(
            """
            UPDATE board.boards b SET rank = $3 || given.rank,
                   version = version + $4, updated_at = $5
            FROM unnest($1::uuid[], $2::text[]) AS given (id, rank) WHERE b.id = given.id
            """,
            ids,
            spread,
            prefix,
            int(prefix == ""),
            moment,
        )
    feed.tell(
        board.project_id,
        "BOARDS_REORDERED",
        BoardsReordered(dict(zip(map(str, ids), spread, strict=True)), moment),
        actor=caller.user_id,
    )
    found = await board_queries.board(board.id)
    if found is None:
        raise Conflict("this board was deleted meanwhile")
    return found
