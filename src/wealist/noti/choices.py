"""By which channels people want to be told, for many notifications of many kinds at once."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from wealist.core import db
from wealist.noti import rules
from wealist.noti.preferences import NEAREST, NOTHING, RANK, Choice, defaults


class Asked(NamedTuple):
    """Somebody who is to be told of something."""

    target_id: UUID
    kind: str
    workspace_id: UUID
    project_id: UUID | None
    resource_id: UUID


async def choose_each(asked: Sequence[Asked]) -> list[Choice]:
    """By which channels each wants to know, in the same order: by none what he has muted, else as
    `preferences.py` says. One statement; nothing is checked, so a target may be anybody."""
    if not asked:
        return []
    found = await db.fetch_records(
        f"""
        SELECT p.in_app, p.email, p.push,
               EXISTS (SELECT FROM noti.mutes m
                       WHERE m.user_id = a.target_id
                         AND m.thing_id IN (a.workspace_id, a.project_id, a.resource_id)
                         AND (m.until IS NULL OR m.until > now())) AS muted
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[])
            WITH ORDINALITY AS a
            (target_id, kind, category, workspace_id, project_id, resource_id, place)
        LEFT JOIN LATERAL (
            SELECT {NEAREST}
            FROM (SELECT p.*, {RANK.format(type="a.kind", category="a.category")} AS rank
                  FROM noti.preferences p
                  WHERE p.user_id = a.target_id AND p.subject IN (a.kind, a.category, '*')
                    AND (p.workspace_id IS NULL OR p.workspace_id = a.workspace_id)
                    AND (p.project_id IS NULL OR p.project_id = a.project_id)) entry
        ) p ON true
        ORDER BY a.place
        """,
        [one.target_id for one in asked],
        [one.kind for one in asked],
        [rules.rule(one.kind).category for one in asked],
        [one.workspace_id for one in asked],
        [one.project_id for one in asked],
        [one.resource_id for one in asked],
    )
    return [
        NOTHING if muted else _completed(defaults(one.kind), chosen)
        for one, (*chosen, muted) in zip(asked, found, strict=True)
    ]


def _completed(usual: Choice, chosen: Sequence[bool | None]) -> Choice:
    return Choice(*(old if new is None else new for old, new in zip(usual, chosen, strict=True)))
