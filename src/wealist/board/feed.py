"""How changes become known: events for those who look, activities to read later, notifications.

All of it is part of the transaction of the change.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from wealist.board import board_queries, project_queries
from wealist.board.access import Place
from wealist.board.project_wire import Project
from wealist.board.wire import Board, Change, channel, requests_channel
from wealist.core import db, events
from wealist.core.ids import uuid7
from wealist.core.wire import now
from wealist.noti import api as noti
from wealist.user import api as user


def tell(
    project_id: UUID, kind: str, payload: Struct, *, actor: UUID, revokes: UUID | None = None
) -> None:
    """Append an event to the project's channel; see `events.append` for `revokes`."""
    events.append(channel(project_id), kind, payload, actor=actor, revokes=revokes)


async def project_changed(project_id: UUID, *, actor: UUID) -> None:
    """Something that a project shows has changed beside its own row: a new version, the events."""
    await db.execute("UPDATE board.projects SET version = version + 1 WHERE id = $1", project_id)
    await project_updated(project_id, actor=actor)


async def project_updated(project_id: UUID, *, actor: UUID) -> Project:
    """The events of a project whose own row has changed; how it looks now."""
    found = await project_queries.project(project_id)
    assert found is not None
    tell_project(found, actor=actor)
    return found


def tell_project(project: Project, *, actor: UUID) -> None:
    """Tell those who look at a project, and those who see it in the workspace's list."""
    tell(project.project_id, "PROJECT_UPDATED", project, actor=actor)
    tell_workspace(project.workspace_id, "project.updated", project, actor=actor)


class Changed(NamedTuple):
    """A card that a change of something else has changed, too."""

    project_id: UUID
    board_id: UUID
    title: str
    trashed: bool
    changes: list[Change]


def changed_in(project_id: UUID, field: str, records: Iterable[Any]) -> list[Changed]:
    """Cards of a project in which a custom field has changed, from records of id, title, whether
    it lies in the trash, and the values before and after as JSON."""
    return [
        Changed(project_id, board_id, title, trashed, [Change(field, _value(was), _value(becomes))])
        for board_id, title, trashed, was, becomes in records
    ]


def _value(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)


async def tell_changed(changed: Sequence[Changed], kind: str, *, actor: UUID) -> None:
    """After a change of many cards that another event tells of: an activity of each, which can't
    be undone by itself, and for each project one of the four events that old clients know, so
    that they read the list again."""
    if not changed:
        return
    entries = [Entry(one.project_id, one.title, one.board_id, one.changes) for one in changed]
    await record_all(kind, entries, actor=actor)
    first: dict[UUID, UUID] = {}
    for one in changed:
        if not one.trashed:
            first.setdefault(one.project_id, one.board_id)
    await tell_boards(list(first.values()), actor=actor)


async def tell_boards(ids: Sequence[UUID], *, actor: UUID) -> None:
    """Tell how these cards look now, in one statement."""
    for board in await board_queries.some(ids) if ids else ():
        tell(board.project_id, "BOARD_UPDATED", board, actor=actor)


async def board_changed(project_id: UUID, board_id: UUID, *, actor: UUID) -> Board:
    """Something that a card shows has changed beside its own row: a new version, and the event.

    `updatedAt` stays (contract: board.md §6.3); whoever changes the row itself tells it himself.
    """
    await db.execute("UPDATE board.boards SET version = version + 1 WHERE id = $1", board_id)
    board = await board_queries.board(board_id)
    assert board is not None
    tell(project_id, "BOARD_UPDATED", board, actor=actor)
    return board


class Entry(NamedTuple):
    """What an activity is about; `subject` is the title or name at that time."""

    project_id: UUID
    subject: str
    board_id: UUID | None = None
    changes: Sequence[Change] = ()


async def record_all(kind: str, entries: Sequence[Entry], *, actor: UUID) -> None:
    """Write activities of one kind, in one statement."""
    await db.execute(
        """
        INSERT INTO board.activities
            (id, project_id, board_id, actor_id, kind, subject, changes, undone, at)
        SELECT id, project_id, board_id, $1, $2, subject, changes::jsonb, false, $3
        FROM unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[])
             AS given (id, project_id, board_id, subject, changes)
        """,
        actor,
        kind,
        now(),
        [uuid7() for _ in entries],
        [entry.project_id for entry in entries],
        [entry.board_id for entry in entries],
        [entry.subject for entry in entries],
        [msgspec.json.encode(entry.changes).decode() for entry in entries],
    )


async def record(
    project_id: UUID,
    kind: str,
    *,
    actor: UUID,
    subject: str,
    board_id: UUID | None = None,
    changes: Sequence[Change] = (),
) -> None:
    """Write one activity."""
    await record_all(kind, [Entry(project_id, subject, board_id, changes)], actor=actor)


async def record_board(
    board: Board, kind: str, *, actor: UUID, changes: Sequence[Change] = ()
) -> None:
    """Write one activity of a card, under its present title."""
    entry = Entry(board.project_id, board.title, board.id, changes)
    await record_all(kind, [entry], actor=actor)


def notify(
    kind: str,
    targets: Iterable[UUID],
    place: Place,
    *,
    actor: UUID,
    board_id: UUID,
    title: str,
    **metadata: Any,
) -> None:
    """Hand a notification about a card over (contract: board.md §8); the actor gets none."""
    noti.notify(
        kind,
        targets,
        actor=actor,
        workspace_id=place.workspace_id,
        resource_type="board",
        resource_id=board_id,
        resource_name=title,
        metadata={
            "projectId": place.project_id,
            "projectName": place.project_name,
            "boardTitle": title,
            **metadata,
        },
    )


def notify_project(
    kind: str, targets: Iterable[UUID], place: Place, *, actor: UUID, **metadata: Any
) -> None:
    """Hand a notification about a project over; the actor gets none."""
    noti.notify(
        kind,
        targets,
        actor=actor,
        workspace_id=place.workspace_id,
        resource_type="project",
        resource_id=place.project_id,
        resource_name=place.project_name,
        metadata={"projectId": place.project_id, "projectName": place.project_name, **metadata},
    )


def tell_workspace(workspace_id: UUID, kind: str, payload: Struct, *, actor: UUID) -> None:
    """Append an event to the workspace's channel: its list of projects has changed."""
    events.append(user.workspace_channel(workspace_id), kind, payload, actor=actor)


def tell_requests(project_id: UUID, kind: str, payload: Struct, *, actor: UUID) -> None:
    """Append an event about a join request, for the project's owner and admins."""
    events.append(requests_channel(project_id), kind, payload, actor=actor)
