"""The fields and options that every project begins with (contract: board.md §3.1)."""

from datetime import datetime
from uuid import UUID

from wealist.core import db
from wealist.core.ids import uuid7

FIELDS = (("stage", "Stage"), ("importance", "Importance"), ("role", "Role"))
OPTIONS = (
    ("stage", "pending", "대기", "#F59E0B"),
    ("stage", "in_progress", "진행중", "#3B82F6"),
    ("stage", "review", "검토", "#8B5CF6"),
    ("stage", "approved", "완료", "#10B981"),
    ("stage", "deleted", "삭제", "#EF4444"),
    ("importance", "urgent", "긴급", "#EF4444"),
    ("importance", "high", "높음", "#F97316"),
    ("importance", "normal", "보통", "#10B981"),
    ("importance", "low", "낮음", "#6B7280"),
    ("role", "developer", "개발자", "#8B5CF6"),
    ("role", "planner", "기획자", "#EC4899"),
    ("role", "designer", "디자이너", "#F59E0B"),
    ("role", "qa", "QA", "#06B6D4"),
)
"""Clients filter by these labels."""


async def insert(project_id: UUID, moment: datetime) -> None:
    """Give them to a new project, in two statements."""
    await db.execute(
        """
        INSERT INTO board.fields
            (id, project_id, key, name, type, position, created_at, updated_at, version)
        SELECT id, $1, key, name, 'select', place - 1, $2, $2, 1
        FROM unnest($3::uuid[], $4::text[], $5::text[])
             WITH ORDINALITY AS given (id, key, name, place)
        """,
        project_id,
        moment,
        [uuid7() for _ in FIELDS],
        *(list(column) for column in zip(*FIELDS, strict=True)),
    )
    await db.execute(
        """
        INSERT INTO board.options
            (id, project_id, field, value, label, color, display_order, is_system_default,
             created_at, updated_at, version)
        SELECT id, $1, field, value, label, color,
               row_number() OVER (PARTITION BY field ORDER BY place), false, $2, $2, 1
        FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
             WITH ORDINALITY AS given (id, field, value, label, color, place)
        """,
        project_id,
        moment,
        [uuid7() for _ in OPTIONS],
        *(list(column) for column in zip(*OPTIONS, strict=True)),
    )
