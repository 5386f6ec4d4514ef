"""What is left when somebody leaves a workspace, or a workspace goes (hooks of the user service).

Called inside the transaction of that change, which holds the workspace's row.
"""

from datetime import datetime
from uuid import UUID

from wealist.board import attachments, feed, members, options, project_queries, projects
from wealist.board.access import Place
from wealist.board.project_wire import PersonLeft
from wealist.core import db
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
    touched = await _off_the_cards(workspace_id, user_id, moment)
    await db.execute(
        "DELETE FROM board.visits WHERE user_id = $1 AND project_id = ANY($2)", user_id, ids
    )
    for project_id in await _undecided(ids, user_id):
        place = await _place(project_id)
        await members.settle_request(place, user_id, "REJECTED", actor=actor)
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
    for project_id in gone or ():
        await _new_owner(project_id, actor=actor)
    for project_id, boards in touched.items():
        await options.tell_one_of(project_id, boards, actor=actor)


async def _off_the_cards(
    workspace_id: UUID, user_id: UUID, moment: datetime
) -> dict[UUID, list[UUID]]:
    """Clear assignee, participant and user fields; the cards that this changed, by project."""
    records = await db.fetch_records(
        """
        WITH person AS (SELECT $2::uuid::text AS id), off AS (
            DELETE FROM board.participants t USING board.boards b, board.projects p
            WHERE b.id = t.board_id AND p.id = b.project_id AND p.workspace_id = $1
              AND t.user_id = $2 RETURNING t.board_id
        ), named AS (
            SELECT b.id, (
                SELECT coalesce(jsonb_object_agg(e.key, CASE
                    WHEN f.type = 'multi_user' AND jsonb_typeof(e.value) = 'array'
                    THEN e.value - person.id ELSE e.value END)
                    FILTER (WHERE NOT (f.type = 'single_user' AND e.value = to_jsonb(person.id))),
                    '{}')
                FROM jsonb_each(b.custom_fields) e
                LEFT JOIN board.fields f ON f.project_id = b.project_id AND f.key = e.key
            ) AS fields
            FROM board.boards b JOIN board.projects p ON p.id = b.project_id, person
            WHERE p.workspace_id = $1 AND EXISTS (
                SELECT FROM board.fields f WHERE f.project_id = b.project_id
                    AND f.type IN ('single_user', 'multi_user')
                    AND (b.custom_fields ->> f.key = person.id OR b.custom_fields -> f.key
                         ? person.id)
            )
        )
        UPDATE board.boards b SET version = b.version + 1, updated_at = $3,
               assignee_id = nullif(assignee_id, $2),
               custom_fields = coalesce(
                   (SELECT fields FROM named WHERE named.id = b.id), custom_fields)
        FROM board.projects p
        WHERE p.id = b.project_id AND p.workspace_id = $1 AND (
            b.assignee_id = $2 OR b.id IN (SELECT board_id FROM off)
            OR b.id IN (SELECT id FROM named))
        RETURNING b.project_id, b.id, b.deleted_at
        """,
        workspace_id,
        user_id,
        moment,
    )
    touched: dict[UUID, list[UUID]] = {}
    for project_id, board_id, deleted_at in records:
        if deleted_at is None:
            touched.setdefault(project_id, []).append(board_id)
    return touched


async def _undecided(ids: list[UUID], user_id: UUID) -> list[UUID]:
    found = await db.fetch_value(
        """
        SELECT array_agg(project_id) FROM board.join_requests
        WHERE project_id = ANY($1) AND user_id = $2 AND status = 'PENDING'
        """,
        ids,
        user_id,
    )
    return found or []


async def _place(project_id: UUID) -> Place:
    project = await project_queries.project(project_id)
    assert project is not None
    return Place(
        project.workspace_id,
        project_id,
        project.name,
        project.owner_id,
        project.version,
        None,
        None,
    )


async def _new_owner(project_id: UUID, *, actor: UUID) -> None:
    place = await _place(project_id)
    heir: UUID | None = await db.fetch_value(
        """
        SELECT user_id FROM board.members WHERE project_id = $1
        ORDER BY role <> 'ADMIN', joined_at, id LIMIT 1
        """,
        project_id,
    )
    if heir is None:
        heir = await user.owner(place.workspace_id)
        await members.seat(place, heir, "ADMIN", actor=actor)
    await members.hand_over(place, heir, former=None, actor=actor)
    await members.tell_role(place, heir, actor=actor)


async def forget_workspace(workspace_id: UUID, actor: UUID) -> None:
    """Delete all projects of a workspace that has been deleted."""
    ids = await _locked(workspace_id)
    await attachments.drop_workspace(workspace_id)
    for project_id in ids:
        await projects.dissolve(workspace_id, project_id, actor=actor)
