"""Making notifications: the one way in which rows, counters, events and deliveries come about."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from wealist.core import db
from wealist.core.ids import uuid7
from wealist.noti import bell, choices, deliveries, measures, queries
from wealist.noti.choices import Asked
from wealist.noti.deliveries import Delivery
from wealist.noti.preferences import Choice
from wealist.noti.queries import Row
from wealist.noti.wire import Notification


class Draft(NamedTuple):
    """A notification for somebody who may know of it; `metadata` is JSON."""

    fact_id: UUID
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

    @property
    def key(self) -> tuple[UUID, UUID]:
        """What makes it one: nobody is told of the same fact twice."""
        return self.target_id, self.fact_id


class Made(NamedTuple):
    """What became of drafts, by their keys. Those in neither were told before."""

    new: dict[tuple[UUID, UUID], Notification]
    muted: set[tuple[UUID, UUID]]
    """Their people want nothing of the kind; nothing is written."""


async def make(drafts: Sequence[Draft]) -> Made:
    """Write what is new of these, in the caller's transaction; a constant number of statements.

    What somebody wants by mail or push only is written, and planned to leave, but not shown.
    """
    chosen = await choices.choose_each(
        [
            Asked(one.target_id, one.type, one.workspace_id, one.project_id, one.resource_id)
            for one in drafts
        ]
    )
    muted = {one.key for one, choice in zip(drafts, chosen, strict=True) if not any(choice)}
    wanted = [
        (uuid7(), one, choice) for one, choice in zip(drafts, chosen, strict=True) if any(choice)
    ]
    if not wanted:
        return Made({}, muted)
    made = await _insert(wanted)
    new = [(row_id, one, choice) for row_id, one, choice in wanted if row_id in made]
    await deliveries.plan(
        [Delivery(row_id, one.target_id, one.type, choice) for row_id, one, choice in new]
    )
    found = await queries.shown([_row(row_id, one) for row_id, one, _ in new])
    for notification, (_, one, choice) in zip(found, new, strict=True):
        if choice.in_app:
            bell.ring(one.target_id, "notification", notification, actor=one.actor_id)
    await _count([one for _, one, choice in new if choice.in_app])
    measures.count_committed("created", len(new))
    return Made({one.key: told for told, (_, one, _) in zip(found, new, strict=True)}, muted)


async def _count(shown: Sequence[Draft]) -> None:
    """The new counts are told by whoever caused the first of them."""
    if shown:
        pairs = [(one.target_id, one.workspace_id) for one in shown]
        await bell.add(pairs, actor=shown[0].actor_id)


async def _insert(wanted: Sequence[tuple[UUID, Draft, Choice]]) -> set[UUID]:
    """In the order of the unique key, so that two who insert the same can't wait for each other."""
    ordered = sorted(wanted, key=lambda one: one[1].key)
    found: list[UUID] | None = await db.fetch_value(
        """
        WITH made AS (
            INSERT INTO noti.notifications
                (id, fact_id, target_id, type, actor_id, workspace_id, project_id, resource_type,
                 resource_id, resource_name, metadata, shown, created_at)
            SELECT id, fact_id, target_id, type, actor_id, workspace_id, project_id, resource_type,
                   resource_id, resource_name, metadata::jsonb, shown, created_at
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[],
                        $7::uuid[], $8::text[], $9::uuid[], $10::text[], $11::text[],
                        $12::bool[], $13::timestamptz[])
                 AS given (id, fact_id, target_id, type, actor_id, workspace_id, project_id,
                           resource_type, resource_id, resource_name, metadata, shown, created_at)
            ORDER BY target_id, fact_id
            ON CONFLICT (target_id, fact_id) DO NOTHING
            RETURNING id
        ) SELECT array_agg(id) FROM made
        """,
        [row_id for row_id, _, _ in ordered],
        *(
            [getattr(one, name) for _, one, _ in ordered]
            for name in (
                "fact_id",
                "target_id",
                "type",
                "actor_id",
                "workspace_id",
                "project_id",
                "resource_type",
                "resource_id",
                "resource_name",
                "metadata",
            )
        ),
        [choice.in_app for _, _, choice in ordered],
        [one.created_at for _, one, _ in ordered],
    )
    return set(found or ())


def _row(row_id: UUID, draft: Draft) -> Row:
    return Row(
        row_id,
        draft.type,
        draft.actor_id,
        draft.target_id,
        draft.workspace_id,
        draft.resource_type,
        draft.resource_id,
        draft.resource_name,
        draft.metadata,
        None,
        None,
        draft.created_at,
    )
