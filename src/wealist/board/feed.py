"""How changes become known: events for those who look, activities to read later, notifications.

All of it is part of the transaction of the change.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from wealist.board import board_queries
from wealist.board.access import Place
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


async def board_changed(project_id: UUID, board_id: UUID, *, actor: UUID) -> Board:
    """Something that a card shows has changed beside its own row: a new version, and the event.

    `updatedAt` stays (contract: board.md §6.3); whoever changes the row itself tells it himself.
    """
    await db.execute("UPDATE board.boards SET version = version + 1 WHERE id = $1", board_id)
    board = await board_queries.board(board_id)
    assert board is not None
    tell(project_id, "BOARD_UPDATED", board, actor=actor)
    return board


async def record(
    project_id: UUID,
    kind: str,
    *,
    actor: UUID,
    subject: str,
    board_id: UUID | None = None,
    changes: Sequence[Change] = (),
) -> UUID:
    """Write an activity; its id. `subject` is the title or name at that time."""
    activity_id = uuid7()
    await db.execute(
        """
        INSERT INTO board.activities
            (id, project_id, board_id, actor_id, kind, subject, changes, undone, at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, false, $8)
        """,
        activity_id,
        project_id,
        board_id,
        actor,
        kind,
        subject,
        msgspec.json.encode(changes).decode(),
        now(),
    )
    return activity_id


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


def tell_workspace(workspace_id: UUID, kind: str, payload: Struct, *, actor: UUID) -> None:
    """Append an event to the workspace's channel: its list of projects has changed."""
    events.append(user.workspace_channel(workspace_id), kind, payload, actor=actor)


def tell_requests(project_id: UUID, kind: str, payload: Struct, *, actor: UUID) -> None:
    """Append an event about a join request, for the project's owner and admins."""
    events.append(requests_channel(project_id), kind, payload, actor=actor)
