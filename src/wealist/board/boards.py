"""The verbs on cards: make, read, change (contract: board.md §6.3)."""

from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw

from wealist.board import (
    access,
    attachments,
    board_queries,
    dates,
    edits,
    feed,
    projects,
    ranks,
    repeats,
    values,
)
from wealist.board.access import NO_BOARD, Place
from wealist.board.files import names
from wealist.board.values import Schema
from wealist.board.wire import Attachment, Board, BoardChange, BoardDetail, Ids, NewBoard
from wealist.core import db, metrics
from wealist.core.errors import Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import NIL, uuid7
from wealist.core.text import verbatim
from wealist.core.versions import expect
from wealist.core.wire import now
from wealist.user import api as user

TITLE, CONTENT, PARTICIPANTS = 200, 5000, 50
MOST = 10_000
"""Cards of a project; clients read them all at once."""


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
        "title": verbatim(title, field="title", least=1, most=TITLE),
        "content": verbatim(content or "", field="content", most=CONTENT),
        "start_date": dates.parse(new.start_date, "startDate"),
        "due_date": dates.parse(new.due_date, "dueDate"),
        "participant_ids": _participants(new.participants or []),
        "assignee_id": caller.user_id,
    }
    if new.assignee_id is not UNSET and new.assignee_id is not None:
        card["assignee_id"] = _person(new.assignee_id)
    dates.check(card["start_date"], card["due_date"])
    project_id = await _project_of(caller, new)
    files = await attachments.check(caller, new.attachment_ids)
    async with db.transaction():
        place = await access.project(caller, project_id, "board.write", hold=True)
        schema = await values.schema(project_id)
        fields = schema.check(new.custom_fields or {}, {})
        await require_members(place, card, schema, fields)
        if (known := await repeats.board(caller, place, card, fields, files)) is not None:
            return known
        await schema.make_room(fields, {})
        board = await _insert(caller, place, card, fields)
        if files:
            await attachments.replace(caller, place, "BOARD", board.id, files)
            board.attachments = (await board_queries.files_of("BOARD", [board.id]))[board.id]
        feed.tell(project_id, "BOARD_CREATED", board, actor=caller.user_id)
        edits.notify_created(board, place, actor=caller.user_id)
        db.after_commit(metrics.count, "board_service_board_created_total")
    return board


async def _project_of(caller: Caller, new: NewBoard) -> UUID:
    """The project that is named, or the default one of the workspace that is."""
    if new.project_id is not None and new.project_id != NIL:
        return new.project_id
    if new.workspace_id is None or new.workspace_id == NIL:
        raise Invalid("is required", field="projectId")
    return await projects.default_for(caller, new.workspace_id)


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


async def _insert(
    caller: Caller, place: Place, new: dict[str, Any], fields: dict[str, Any]
) -> Board:
    last, count = await db.fetch_record(
        "SELECT max(rank), count(*) FROM board.boards WHERE project_id = $1", place.project_id
    )
    if count >= MOST:
        raise Conflict(f"a project has at most {MOST} boards, those in the trash included")
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
        is_delayed=board_queries.is_late(new["due_date"], stage, moment),
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
        INSERT INTO board.boards
            (id, project_id, author_id, assignee_id, title, content, custom_fields, rank,
             start_date, due_date, created_at, updated_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, 1)
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
    )
    if board.participant_ids:
        await edits.replace_participants(board.id, [], board.participant_ids)
    await feed.record_board(board, "board.created", actor=caller.user_id)
    return board


async def view_board(caller: Caller, board_id: UUID) -> BoardDetail:
    """A card with all that hangs on it."""
    await access.board(caller, board_id, "board.read")
    found = await board_queries.detail(board_id)
    if found is None:
        raise NotFound(NO_BOARD)
    return found


async def change_board(
    caller: Caller, board_id: UUID, change: BoardChange, expected: int | None
) -> Board:
    """Change what `change` names. Raises `PreconditionFailed` when `expected` is old."""
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
        board = await edits.apply(edit, actor=caller.user_id, kind="board.updated")
        if files is not None:
            await attachments.replace(caller, place, "BOARD", board_id, files)
            board.attachments = await _attached(old, actor=caller.user_id)
        edits.tell_updated(board, actor=caller.user_id)
        edits.notify(edit, board, place, schema.label, actor=caller.user_id)
    return board


async def _attached(old: Board, *, actor: UUID) -> list[Attachment]:
    """A card's files after a change of them, which becomes known."""
    attached = (await board_queries.files_of("BOARD", [old.id])).get(old.id, [])
    before, after = names(old.attachments), names(attached)
    if before != after:
        await attachments.record_changed(old, before, after, actor=actor)
    return attached


def _changed(old: Board, change: BoardChange) -> dict[str, Any]:
    """The members of the card that a request names, checked."""
    found: dict[str, Any] = {}
    title = change.title if change.title is not None else change.name
    if title is not None:
        found["title"] = verbatim(title, field="title", least=1, most=TITLE)
    content = change.content
    if content is UNSET and change.description is not None:
        content = change.description
    if content is not UNSET:
        found["content"] = verbatim(content or "", field="content", most=CONTENT)
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
    """Whom a card shall be assigned to; nobody for null, "" and the nil UUID."""
    if not given:
        return None
    try:
        person = UUID(given)
    except ValueError:
        raise Invalid("must be a UUID", field="assigneeId") from None
    return person if person != NIL else None
