"""What is left when somebody leaves a workspace, or a workspace goes (hooks of the user service).

Called inside the transaction of that change, which holds the workspace's row.
"""

from datetime import datetime
from uuid import UUID

from wealist.board import attachments, feed, hooks, members, project_queries, projects
from wealist.board.project_wire import PersonLeft
from wealist.board.wire import Change
from wealist.core import db
from wealist.core.ids import uuid7
from wealist.core.wire import now
from wealist.user import api as user


async def _locked(workspace_id: UUID) -> list[UUID]:
    """The workspace's projects, all locked, in the order of their ids."""
    await db.execute(
        "SELECT FROM board.projects WHERE workspace_id = $1 ORDER BY id FOR NO KEY UPDATE",
        workspace_id,
    )
    found = await db.fetch_value(
        "SELECT array_agg(id ORDER BY id) FROM board.projects WHERE workspace_id = $1",
        workspace_id,
    )
    return found or []


async def forget_member(workspace_id: UUID, user_id: UUID, actor: UUID) -> None:
    """Take somebody off all cards and out of all projects of the workspace he has left.

    What he wrote stays. A project that was his goes to its oldest admin, else to its oldest
    member, else to the workspace's owner. His connections to each project end.
    """
    ids = await _locked(workspace_id)
    if not ids:
        return
    moment = now()
    changed = await _off_the_cards(workspace_id, user_id, moment)
    await db.execute(
        "DELETE FROM board.visits WHERE user_id = $1 AND project_id = ANY($2)", user_id, ids
    )
    await members.settle_requests(workspace_id, ids, user_id, "REJECTED", actor=actor)
    gone = await db.fetch_value(
        """
        WITH gone AS (
            DELETE FROM board.members WHERE user_id = $1 AND project_id = ANY($2)
            RETURNING project_id, role
        ) SELECT array_agg(project_id ORDER BY project_id) FILTER (WHERE role = 'OWNER') FROM gone
        """,
        user_id,
        ids,
    )
    for project_id in ids:
        feed.tell(
            project_id,
            "PERSON_LEFT",
            PersonLeft(user_id, project_id, moment),
            actor=actor,
            revokes=user_id,
        )
    if gone:
        await _new_owners(workspace_id, gone, actor=actor)
    await feed.tell_changed(changed, "person.left", actor=actor)


async def _off_the_cards(workspace_id: UUID, user_id: UUID, moment: datetime) -> list[feed.Changed]:
    """Clear assignee, participant and user fields, also of cards in the trash."""
    records = await db.fetch_records(
        """
        WITH person AS (SELECT $2::uuid::text AS id), off AS (
            DELETE FROM board.participants t USING board.boards b, board.projects p
            WHERE b.id = t.board_id AND p.id = b.project_id AND p.workspace_id = $1
              AND t.user_id = $2 RETURNING t.board_id
        ), named AS (
            SELECT b.id, array_agg(f.key ORDER BY f.position) AS keys,
                   jsonb_object_agg(f.key, b.custom_fields -> f.key) AS held
            FROM board.boards b JOIN board.projects p ON p.id = b.project_id
            JOIN board.fields f ON f.project_id = b.project_id
                AND f.type IN ('single_user', 'multi_user'), person
            WHERE p.workspace_id = $1 AND b.custom_fields -> f.key ? person.id
            GROUP BY b.id
        ), cleared AS (
            SELECT named.id, named.keys, (
                SELECT coalesce(jsonb_object_agg(e.key, e.value - person.id), '{}')
                FROM jsonb_each(named.held) e, person WHERE jsonb_typeof(e.value) = 'array'
            ) AS lists FROM named
        )
        UPDATE board.boards b SET version = b.version + 1, updated_at = $3,
               assignee_id = nullif(b.assignee_id, $2),
               custom_fields = CASE WHEN cleared.id IS NULL THEN b.custom_fields
                   ELSE (b.custom_fields - cleared.keys) || cleared.lists END
        FROM board.boards t JOIN board.projects p ON p.id = t.project_id
        LEFT JOIN cleared ON cleared.id = t.id LEFT JOIN off ON off.board_id = t.id
        WHERE b.id = t.id AND p.workspace_id = $1
          AND (t.assignee_id = $2 OR cleared.id IS NOT NULL OR off.board_id IS NOT NULL)
        RETURNING b.project_id, b.id, b.title, b.deleted_at IS NOT NULL, ARRAY(
            SELECT 'assigneeId' WHERE t.assignee_id = $2
            UNION ALL SELECT 'participants' WHERE off.board_id IS NOT NULL
            UNION ALL SELECT unnest(cleared.keys)
        )
        """,
        workspace_id,
        user_id,
        moment,
    )
    return [
        feed.Changed(
            project_id, board_id, title, trashed, [Change(field, user_id, None) for field in left]
        )
        for project_id, board_id, title, trashed, left in records
    ]


async def _new_owners(workspace_id: UUID, ids: list[UUID], *, actor: UUID) -> None:
    """Give projects without an owner to their oldest admin, else their oldest member, else to the
    workspace's owner, who becomes a member of them."""
    moment = now()
    await db.execute(
        """
        WITH heir AS (
            SELECT DISTINCT ON (project_id) id FROM board.members WHERE project_id = ANY($1)
            ORDER BY project_id, role <> 'ADMIN', joined_at, id
        )
        UPDATE board.members m SET role = 'OWNER', version = version + 1
        FROM heir WHERE m.id = heir.id
        """,
        ids,
    )
    seated: list[UUID] | None = await db.fetch_value(
        """
        WITH seated AS (
            INSERT INTO board.members (id, project_id, user_id, role, joined_at, version)
            SELECT given.id, given.project_id, $3, 'OWNER', $4, 1
            FROM unnest($1::uuid[], $2::uuid[]) AS given (id, project_id)
            WHERE NOT EXISTS (
                SELECT FROM board.members m
                WHERE m.project_id = given.project_id AND m.role = 'OWNER'
            ) RETURNING project_id
        ) SELECT array_agg(project_id) FROM seated
        """,
        [uuid7() for _ in ids],
        ids,
        await user.owner(workspace_id),
        moment,
    )
    await db.execute(
        """
        UPDATE board.projects p SET owner_id = m.user_id, updated_at = $2, version = p.version + 1
        FROM board.members m
        WHERE p.id = ANY($1) AND m.project_id = p.id AND m.role = 'OWNER'
        """,
        ids,
        moment,
    )
    for member in await project_queries.owners(workspace_id, ids):
        kind = "MEMBER_ADDED" if member.project_id in (seated or ()) else "MEMBER_UPDATED"
        feed.tell(member.project_id, kind, member, actor=actor)
        if kind == "MEMBER_ADDED":
            await hooks.member_come(member.project_id, member.user_id, actor)
    for project in await project_queries.these(workspace_id, ids):
        feed.tell_project(project, actor=actor)


async def forget_workspace(workspace_id: UUID, actor: UUID) -> None:
    """Delete all projects of a workspace that has been deleted."""
    ids = await _locked(workspace_id)
    await attachments.drop_workspace(workspace_id)
    await projects.dissolve(workspace_id, ids, actor=actor)
