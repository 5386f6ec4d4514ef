"""The verbs on cards: make, read, change (contract: board.md §6.3)."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw, UnsetType

from wealist.board import access, attachments, board_queries, dates, edits, feed, ranks, values
from wealist.board.access import NO_BOARD, NO_PROJECT, Place
from wealist.board.values import Schema
from wealist.board.wire import Board, BoardChange, Ids, NewBoard
from wealist.core import db, metrics
from wealist.core.errors import Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import NIL, uuid7
from wealist.core.versions import expect
from wealist.core.wire import now
from wealist.user import api as user

TITLE, CONTENT, PARTICIPANTS = 200, 5000, 50
REPEAT = timedelta(seconds=5)
"""Clients repeat a POST whose answer got lost (frontend need 33): the same card is not made twice
within this time."""


def text_of(text: str, field: str, most: int, *, least: int = 0) -> str:
    """Text as it was typed, measured in characters. Raises `Invalid` naming `field`."""
    if not least <= len(text) <= most:
        raise Invalid(f"must have {least} to {most} characters", field=field)
    return text


async def create_board(caller: Caller, new: NewBoard) -> Board:
    """Make a card at the end of its project. Without `assigneeId` it is the author's own.

    Raises `NotFound` for the project, `Invalid` naming the member at fault, `Conflict` when its
    column is full.
    """
    title = new.title if new.title is not None else new.name
    if title is None:
        raise Invalid("is required", field="title")
    content = new.content if new.content is not None else new.description
    card: dict[str, Any] = {
        "title": text_of(title, "title", TITLE, least=1),
        "content": text_of(content or "", "content", CONTENT),
        "start_date": dates.parse(new.start_date, "startDate"),
        "due_date": dates.parse(new.due_date, "dueDate"),
        "participant_ids": _participants(new.participants or []),
        "assignee_id": _assignee(caller, new.assignee_id),
    }
    dates.check(card["start_date"], card["due_date"])
    project_id = await _project_of(caller, new)
    files = await attachments.check(caller, new.attachment_ids)
    async with db.transaction():
        place = await access.project(caller, project_id, "board.write", hold=True)
        schema = await values.schema(project_id)
        fields = schema.check(new.custom_fields or {}, {})
        await require_members(place, card, schema, fields)
        if (known := await _repeated(caller, place, card, fields)) is not None:
            return known
        await schema.make_room(fields, {})
        board = await _insert(caller, place, card, fields)
        if files:
            await attachments.replace(caller, place, "BOARD", board.id, files)
            board.attachments = (await board_queries.files_of("BOARD", [board.id]))[board.id]
        feed.tell(project_id, "BOARD_CREATED", board, actor=caller.user_id)
        _notify_created(caller, place, board)
        db.after_commit(metrics.count, "board_service_board_created_total")
    return board


async def _project_of(caller: Caller, new: NewBoard) -> UUID:
    """The project that is named, or the default one of the workspace that is."""
    if new.project_id is not None and new.project_id != NIL:
        return new.project_id
    if new.workspace_id is None or new.workspace_id == NIL:
        raise Invalid("is required", field="projectId")
    await access.workspace(caller, new.workspace_id, "project.list")
    found: UUID | None = await db.fetch_value(
        "SELECT id FROM board.projects WHERE workspace_id = $1 AND is_default", new.workspace_id
    )
    if found is None:
        raise NotFound(NO_PROJECT)
    return found


def _assignee(caller: Caller, given: UUID | UnsetType | None) -> UUID | None:
    if given is UNSET or given is None:
        return caller.user_id
    return given if given != NIL else None


def _participants(given: Ids) -> Ids:
    if len(given) > PARTICIPANTS:
        raise Invalid(f"must be at most {PARTICIPANTS}", field="participants")
    return list(dict.fromkeys(given))


async def require_members(
    place: Place, new: dict[str, Any], schema: Schema, fields: dict[str, Any]
) -> None:
    """Raise `Invalid` unless everybody on the card is a member of the workspace."""
    people = schema.people(fields)
    people |= dict.fromkeys(new.get("participant_ids") or (), "participants")
    if new.get("assignee_id") is not None:
        people[new["assignee_id"]] = "assigneeId"
    if not people:
        return
    strangers = people.keys() - await user.members_among(place.workspace_id, people)
    if strangers:
        raise Invalid("must be a member of the workspace", field=people[min(strangers)])


async def _repeated(
    caller: Caller, place: Place, new: dict[str, Any], fields: dict[str, Any]
) -> Board | None:
    """The card that this request has made already, a moment ago."""
    found = await db.fetch_value(
        """
        SELECT id FROM board.boards
        WHERE project_id = $1 AND author_id = $2 AND created_at > $3 AND version = 1
          AND deleted_at IS NULL AND title = $4 AND content = $5 AND custom_fields = $6
          AND assignee_id IS NOT DISTINCT FROM $7 AND start_date IS NOT DISTINCT FROM $8
          AND due_date IS NOT DISTINCT FROM $9
        ORDER BY created_at DESC LIMIT 1
        """,
        place.project_id,
        caller.user_id,
        now() - REPEAT,
        new["title"],
        new["content"],
        msgspec.json.encode(fields).decode(),
        new["assignee_id"],
        new["start_date"],
        new["due_date"],
    )
    board = await board_queries.board(found) if found is not None else None
    if board is None or set(board.participant_ids) != set(new["participant_ids"]):
        return None
    return board


async def _insert(
    caller: Caller, place: Place, new: dict[str, Any], fields: dict[str, Any]
) -> Board:
    last: str | None = await db.fetch_value(
        "SELECT max(rank) FROM board.boards WHERE project_id = $1", place.project_id
    )
    moment = now()
    stage = str(fields.get("stage") or "")
    board = Board(
        id=(board_id := uuid7()),
        board_id=board_id,
        project_id=place.project_id,
        workspace_id=place.workspace_id,
        author_id=caller.user_id,
        custom_fields=Raw(msgspec.json.encode(fields)),
        rank=ranks.between(last, None),
        status=stage.upper(),
        is_delayed=_is_late(new["due_date"], stage, moment),
        attachments=[],
        checklist_total=0,
        checklist_done=0,
        created_at=moment,
        updated_at=moment,
        version=1,
        **new,
    )
    await db.execute(
        """
        WITH made AS (
            INSERT INTO board.boards
                (id, project_id, author_id, assignee_id, title, content, custom_fields, rank,
                 start_date, due_date, created_at, updated_at, version)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, 1)
            RETURNING id, project_id
        )
        INSERT INTO board.activities
            (id, project_id, board_id, actor_id, kind, subject, changes, undone, at)
        SELECT $12, project_id, id, $3, 'board.created', $5, '[]', false, $11 FROM made
        """,
        board.id,
        board.project_id,
        board.author_id,
        board.assignee_id,
        board.title,
        board.content,
        bytes(board.custom_fields).decode(),
        board.rank,
        board.start_date,
        board.due_date,
        moment,
        uuid7(),
    )
    if board.participant_ids:
        await edits.replace_participants(board.id, [], board.participant_ids)
    return board


def _is_late(due: datetime | None, stage: str, moment: datetime) -> bool:
    return due is not None and due < moment and stage not in board_queries.DONE


def _notify_created(caller: Caller, place: Place, board: Board) -> None:
    assigned = [board.assignee_id] if board.assignee_id is not None else []
    others = [one for one in board.participant_ids if one not in assigned]
    for kind, targets in (("BOARD_ASSIGNED", assigned), ("BOARD_PARTICIPANT_ADDED", others)):
        feed.notify(
            kind, targets, place, actor=caller.user_id, board_id=board.id, title=board.title
        )


async def change_board(
    caller: Caller, board_id: UUID, change: BoardChange, expected: int | None
) -> Board:
    """Change what `change` names. Raises `PreconditionFailed` when `expected` is old."""
    await access.board(caller, board_id, "board.write")
    files = await attachments.check(caller, change.attachment_ids)
    async with db.transaction():
        place = await access.board(caller, board_id, "board.write", hold=True)
        old = await board_queries.board(board_id)
        if old is None:
            raise NotFound(NO_BOARD)
        expect(expected, old.version, old)
        schema = await values.schema(place.project_id)
        new = _changed(old, change)
        old_fields = msgspec.json.decode(old.custom_fields)
        fields = old_fields
        if change.custom_fields is not None:
            fields = schema.check(change.custom_fields, old_fields)
            await schema.make_room(fields, old_fields)
        edit = edits.Edit(old, new, fields)
        await require_members(place, edit.values, schema, fields)
        board = await edits.apply(edit, place, actor=caller.user_id, kind="board.updated")
        if files is not None:
            await attachments.replace(caller, place, "BOARD", board_id, files)
            attached = await board_queries.files_of("BOARD", [board_id])
            board.attachments = attached.get(board_id, [])
        edits.tell_updated(board, actor=caller.user_id)
        edits.notify(edit, board, place, schema, actor=caller.user_id)
    return board


def _changed(old: Board, change: BoardChange) -> dict[str, Any]:
    """The members of the card that a request names, checked."""
    found: dict[str, Any] = {}
    title = change.title if change.title is not None else change.name
    if title is not None:
        found["title"] = text_of(title, "title", TITLE, least=1)
    content = change.content
    if content is UNSET and change.description is not None:
        content = change.description
    if content is not UNSET:
        found["content"] = text_of(content or "", "content", CONTENT)
    if change.assignee_id is not UNSET:
        found["assignee_id"] = _person(change.assignee_id)
    for name, given in (("start_date", change.start_date), ("due_date", change.due_date)):
        if given is not UNSET:
            found[name] = dates.parse(given, edits.NAMES[name])
    if change.participants is not None:
        found["participant_ids"] = edits.in_order(
            old.participant_ids, _participants(change.participants)
        )
    dates.check(found.get("start_date", old.start_date), found.get("due_date", old.due_date))
    return found


def _person(given: str | None) -> UUID | None:
    if not given:
        return None
    try:
        person = UUID(given)
    except ValueError:
        raise Invalid("must be a UUID", field="assigneeId") from None
    return person if person != NIL else None
