"""The one way in which a card's own row changes: row, activity, event and notifications.

Used inside the transaction of a verb that has checked its caller and holds the project's lock.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, structs

from wealist.board import dates, feed
from wealist.board.access import Place
from wealist.board.board_queries import is_late
from wealist.board.wire import Board, BoardMoved, Change
from wealist.core import db
from wealist.core.ids import uuid7
from wealist.core.mentions import mentioned
from wealist.core.wire import now

NAMES = {
    "title": "title",
    "content": "content",
    "assignee_id": "assigneeId",
    "start_date": "startDate",
    "due_date": "dueDate",
    "participant_ids": "participants",
}
"""Members of a `Board` that an edit may change besides `customFields`, as activities name them."""

RANK = "rank"
"""What activities call a card's place; people aren't notified of it."""

HIDDEN = "(내용 변경)"
"""What notifications say instead of a text (contract: board.md §8)."""


Label = Callable[[str, Any], str]
"""What people read for a value of a field."""


class Edit:
    """What a card shall look like: members of `Board` by their names, and custom fields."""

    def __init__(
        self,
        old: Board,
        values: dict[str, Any],
        fields: dict[str, Any] | None = None,
        rank: str | None = None,
    ) -> None:
        self.old = old
        self.values = {name: value for name, value in values.items() if value != getattr(old, name)}
        self.old_fields: dict[str, Any] = msgspec.json.decode(old.custom_fields)
        self.fields = self.old_fields if fields is None else fields
        self.rank = rank or old.rank

    @cached_property
    def changes(self) -> list[Change]:
        """What differs, as people and `undo` read it."""
        found = [
            Change(NAMES[name], _shown(getattr(self.old, name)), _shown(value))
            for name, value in self.values.items()
        ]
        keys = [*self.old_fields, *(key for key in self.fields if key not in self.old_fields)]
        if self.rank != self.old.rank:
            found.append(Change(RANK, self.old.rank, self.rank))
        return found + [
            Change(key, self.old_fields.get(key), self.fields.get(key))
            for key in keys
            if self.old_fields.get(key) != self.fields.get(key)
        ]

    def result(self, moment: datetime) -> Board:
        """The card after the edit."""
        stage = str(self.fields.get("stage") or "")
        due = self.values.get("due_date", self.old.due_date)
        return structs.replace(
            self.old,
            **self.values,
            custom_fields=Raw(msgspec.json.encode(self.fields)),
            status=stage.upper(),
            is_delayed=is_late(due, stage, moment),
            rank=self.rank,
            updated_at=moment,
            version=self.old.version + 1,
        )


def _shown(value: Any) -> Any:
    return dates.shown(value) if isinstance(value, datetime) else value


async def apply(edit: Edit, *, actor: UUID, kind: str, undoes: UUID | None = None) -> Board:
    """Write an edit: `kind` is its activity, if it changes anything; what changes nothing counts
    as a change only for `version` and `updatedAt` (contract: board.md §6.3). `undoes` marks
    another activity as taken back."""
    moment = now()
    board = edit.result(moment)
    await db.execute(
        """
        WITH changed AS (
            UPDATE board.boards SET title = $2, content = $3, assignee_id = $4, start_date = $5,
                   due_date = $6, custom_fields = $7, rank = $8, updated_at = $9,
                   version = version + 1
            WHERE id = $1 RETURNING id, project_id
        ), undone AS (
            UPDATE board.activities SET undone = true WHERE id = $10
        )
        INSERT INTO board.activities
            (id, project_id, board_id, actor_id, kind, subject, changes, undone, at)
        SELECT $11, project_id, id, $12, $13, $2, $14, false, $9 FROM changed
        WHERE $14::jsonb <> '[]'
        """,
        board.id,
        board.title,
        board.content,
        board.assignee_id,
        board.start_date,
        board.due_date,
        bytes(board.custom_fields).decode(),
        board.rank,
        moment,
        undoes,
        uuid7(),
        actor,
        kind,
        msgspec.json.encode(edit.changes).decode(),
    )
    if "participant_ids" in edit.values:
        await replace_participants(board.id, edit.old.participant_ids, board.participant_ids)
    return board


async def replace_participants(board_id: UUID, old: Sequence[UUID], new: Sequence[UUID]) -> None:
    """Change who takes part; those who stay keep their row."""
    joining = [one for one in new if one not in old]
    await db.execute(
        """
        WITH gone AS (
            DELETE FROM board.participants WHERE board_id = $1 AND user_id = ANY($2)
        )
        INSERT INTO board.participants (id, board_id, user_id, created_at)
        SELECT id, $1, user_id, $5 FROM unnest($3::uuid[], $4::uuid[]) AS given (id, user_id)
        ON CONFLICT DO NOTHING
        """,
        board_id,
        [one for one in old if one not in new],
        [uuid7() for _ in joining],
        joining,
        now(),
    )


def in_order(old: Sequence[UUID], new: Iterable[UUID]) -> list[UUID]:
    """Participants as they are listed afterwards: those who stay, then those who are new."""
    wanted = list(dict.fromkeys(new))
    return [one for one in old if one in wanted] + [one for one in wanted if one not in old]


def tell_updated(board: Board, *, actor: UUID) -> None:
    """The event of a change other than a move."""
    feed.tell(board.project_id, "BOARD_UPDATED", board, actor=actor)


def tell_moved(edit: Edit, board: Board, field: str, *, actor: UUID) -> None:
    """The event of a move: from and to are values of `field`."""
    old, new = edit.old_fields.get(field), edit.fields.get(field)
    moved = BoardMoved(_text(old), _text(new), field, board)
    feed.tell(board.project_id, "BOARD_MOVED", moved, actor=actor)


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value or "")


def notify(edit: Edit, board: Board, place: Place, label: Label, *, actor: UUID) -> None:
    """Tell the people of a card what has changed, each of them once (contract: board.md §8)."""
    told: set[UUID] = {actor}
    old, new = edit.old, board
    if new.assignee_id != old.assignee_id:
        if new.assignee_id is not None:
            _notify("BOARD_ASSIGNED", [new.assignee_id], place, board, actor)
            told.add(new.assignee_id)
        if old.assignee_id is not None:
            _notify("BOARD_UNASSIGNED", [old.assignee_id], place, board, actor)
            told.add(old.assignee_id)
    joined = [one for one in new.participant_ids if one not in old.participant_ids]
    _notify("BOARD_PARTICIPANT_ADDED", set(joined) - told, place, board, actor)
    told |= set(joined)
    named = mentioned(new.content) - mentioned(old.content) - told
    _notify("TASK_MENTIONED", named, place, board, actor)
    told |= named
    changes = [
        _notified(change, label)
        for change in edit.changes
        if change.field not in ("participants", RANK)
    ]
    if changes:
        _notify("BOARD_UPDATED", people_of(new) - told, place, board, actor, changes=changes)
        told |= people_of(new)
    for stage in (change for change in changes if change["field"] == "stage"):
        words = {"oldStatus": stage["oldValue"], "newStatus": stage["newValue"]}
        _notify("BOARD_STATUS_CHANGED", {new.author_id} - told, place, board, actor, **words)


def notify_created(board: Board, place: Place, *, actor: UUID) -> None:
    """Tell the people of a new card, each of them once (contract: board.md §8)."""
    told: set[UUID] = set()
    for kind, people in (
        ("BOARD_ASSIGNED", {board.assignee_id} if board.assignee_id is not None else set()),
        ("BOARD_PARTICIPANT_ADDED", set(board.participant_ids)),
        ("TASK_MENTIONED", mentioned(board.content)),
    ):
        _notify(kind, people - told, place, board, actor)
        told |= people


def people_of(board: Board) -> set[UUID]:
    """Whom a card concerns: assignee and participants."""
    return {*board.participant_ids, *([board.assignee_id] if board.assignee_id else [])}


def _notify(
    kind: str,
    targets: Iterable[UUID],
    place: Place,
    board: Board,
    actor: UUID,
    **metadata: Any,
) -> None:
    feed.notify(kind, targets, place, actor=actor, board_id=board.id, title=board.title, **metadata)


def _notified(change: Change, label: Label) -> dict[str, Any]:
    name = "assignee" if change.field == "assigneeId" else change.field
    if name == "content":
        return {"field": name, "oldValue": HIDDEN, "newValue": HIDDEN}

    def text(value: Any) -> str:
        if value is None:
            return ""
        if name in ("startDate", "dueDate"):
            return str(value)[:10]
        if name in ("title", "assignee"):
            return str(value)
        return label(name, value)

    return {"field": name, "oldValue": text(change.old_value), "newValue": text(change.new_value)}
