"""What a batch says when it leaves: only what is still news, and still his to read."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
from msgspec import Struct

from wealist.core import db, site
from wealist.noti import api, rules
from wealist.noti.batches import Batch
from wealist.noti.channels import EMAIL
from wealist.noti.choices import Asked, choose_each
from wealist.user import api as user


class Item(Struct, frozen=True):
    """One notification as a message shows it. `project` is "" outside of projects."""

    id: UUID
    type: str
    workspace_id: UUID
    workspace: str
    project: str
    title: str
    link: str
    at: datetime


class Digest(Struct, frozen=True):
    """What one person is to read in one message, oldest first."""

    batch: Batch
    address: str
    items: list[Item]


class _Row(Struct):
    id: UUID
    target_id: UUID
    type: str
    actor_id: UUID
    workspace_id: UUID
    project_id: UUID | None
    resource_type: str
    resource_id: UUID
    resource_name: str | None
    metadata: str | None
    created_at: datetime


async def load(channel: str, batches: Sequence[Batch]) -> tuple[list[Digest], list[UUID]]:
    """What is left of batches, and the notifications that nobody needs any more.

    Left out is what was read, archived, deleted, muted or switched off meanwhile, and what lies in
    a workspace that is gone or of which the person is no member any more, or in a room that he has
    left. Whoever has deleted his account gets nothing. Five statements, however many batches there
    are.
    """
    given = [row_id for batch in batches for row_id in batch.notification_ids]
    rows = {row.id: row for row in await _wanted(channel, await _unread(given))}
    people = await user.living(batch.target_id for batch in batches)
    seats = await user.seats(_pairs(rows.values()))
    knowing = await _knowing(rows.values())
    digests, stale = [], []
    for batch in batches:
        person = people.get(batch.target_id)
        items = [
            _item(rows[row_id], seats)
            for row_id in batch.notification_ids
            if person is not None and row_id in knowing and _may_read(rows[row_id], seats)
        ]
        kept = {item.id for item in items}
        stale += [row_id for row_id in batch.notification_ids if row_id not in kept]
        if items and person is not None:
            digests.append(Digest(batch, person.email, items))
    return digests, stale


async def _unread(ids: Sequence[UUID]) -> list[_Row]:
    return await db.fetch(
        _Row,
        """
        SELECT id, target_id, type, actor_id, workspace_id, project_id, resource_type, resource_id,
               resource_name, metadata::text, created_at
        FROM noti.notifications
        WHERE id = ANY($1) AND read_at IS NULL AND archived_at IS NULL
        """,
        list(ids),
    )


async def _wanted(channel: str, rows: Sequence[_Row]) -> list[_Row]:
    """Those of which their people still want to be told by this channel."""
    asked = [
        Asked(row.target_id, row.type, row.workspace_id, row.project_id, row.resource_id)
        for row in rows
    ]
    chosen = await choose_each(asked)
    return [
        row
        for row, choice in zip(rows, chosen, strict=True)
        if (choice.email if channel == EMAIL else choice.push)
    ]


async def _knowing(rows: Iterable[_Row]) -> set[UUID]:
    """The ids of the rows whose people may still know of what they are about."""
    asked: dict[str, api.People] = {}
    for row in rows:
        resources = asked.setdefault(row.resource_type, {})
        resources.setdefault(row.resource_id, set()).add(row.target_id)
    allowed = await api.allowed(asked)
    return {
        row.id
        for row in rows
        if row.resource_type not in allowed
        or row.target_id in allowed[row.resource_type].get(row.resource_id, ())
    }


Seats = dict[tuple[UUID, UUID], user.Seat]


def _pairs(rows: Iterable[_Row]) -> set[tuple[UUID, UUID]]:
    """Whose place in which workspace has to be known: the readers' and the actors'."""
    return {
        (row.workspace_id, user_id) for row in rows for user_id in (row.target_id, row.actor_id)
    }


def _may_read(row: _Row, seats: Seats) -> bool:
    seat = seats.get((row.workspace_id, row.target_id))
    return seat is not None and (seat.is_member or not rules.rule(row.type).members_only)


def _item(row: _Row, seats: Seats) -> Item:
    metadata: dict[str, Any] = msgspec.json.decode(row.metadata) if row.metadata else {}
    actor = seats.get((row.workspace_id, row.actor_id))
    title = rules.title(row.type, row.resource_name, metadata, actor.name if actor else None)
    project = metadata.get("projectName")
    return Item(
        row.id,
        row.type,
        row.workspace_id,
        one_line(seats[row.workspace_id, row.target_id].workspace_name),
        one_line(project) if isinstance(project, str) and row.resource_type != "project" else "",
        one_line(title),
        link(row.workspace_id, row.resource_type, row.resource_id),
        row.created_at,
    )


def one_line(text: str) -> str:
    """A text that people typed, fit for a subject: without line ends and other controls."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.split())


def link(workspace_id: UUID, resource_type: str, resource_id: UUID) -> str:
    """Where a browser shows it: the workspace, and for clients that know how the thing itself."""
    return site.address(f"/#/w/{workspace_id}/{quote(resource_type, safe='')}/{resource_id}")
