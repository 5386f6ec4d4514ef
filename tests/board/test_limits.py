"""How much one person can put into a project, and what that costs others."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.board.making import Team, call, refused
from wealist.board import boards, comments, members, projects
from wealist.core import db

FILL = """
    INSERT INTO board.boards (id, project_id, author_id, title, content, custom_fields, rank,
        created_at, updated_at, version)
    SELECT gen_random_uuid(), $1::uuid, $2::uuid, 'Card', '', '{}', 'b' || lpad(n::text, 6, '0')
        || 'V', now(), now(), 1 FROM generate_series(1, $3) AS n
"""


async def test_a_project_holds_so_many_cards(team: Team) -> None:
    await db.execute(FILL, team.project_id, team.owner.id, boards.MOST)
    body = {"projectId": team.project_id, "title": "One more"}
    await refused(team.ann, "POST", "/boards", body, 409, says=f"{boards.MOST}")


async def test_a_card_holds_so_many_comments(team: Team) -> None:
    card = await team.card()
    await db.execute(
        """
        INSERT INTO board.comments (id, board_id, user_id, content, created_at, updated_at, version)
        SELECT gen_random_uuid(), $1::uuid, $2::uuid, 'x', now(), now(), 1
        FROM generate_series(1, $3)
        """,
        card["boardId"],
        team.owner.id,
        comments.MOST,
    )
    body = {"boardId": card["boardId"], "content": "One more"}
    await refused(team.ann, "POST", "/comments", body, 409, says=f"{comments.MOST}")


async def test_a_workspace_holds_so_many_projects(team: Team) -> None:
    await db.execute(
        """
        INSERT INTO board.projects (id, workspace_id, owner_id, name, description, is_default,
            is_public, created_at, updated_at, version)
        SELECT gen_random_uuid(), $1::uuid, $2::uuid, 'Many', '', false, false, now(), now(), 1
        FROM generate_series(2, $3)
        """,
        team.workspace_id,
        team.owner.id,
        projects.MOST,
    )
    body = {"workspaceId": team.workspace_id, "name": "One more"}
    await refused(team.owner, "POST", "/projects", body, 409, says=f"{projects.MOST}")


async def test_a_full_project_says_so_and_approves_nobody(team: Team) -> None:
    request = await call(team.ann, "POST", "/join-requests", {"projectId": team.project_id})
    await db.execute(
        """
        INSERT INTO board.members (id, project_id, user_id, role, joined_at, version)
        SELECT gen_random_uuid(), $1::uuid, gen_random_uuid(), 'MEMBER', now(), 1
        FROM generate_series(2, $2)
        """,
        team.project_id,
        members.MOST,
    )
    path = f"/join-requests/{request['requestId']}"
    says = f"{members.MOST} members"
    await refused(team.owner, "PUT", path, {"status": "APPROVED"}, 409, says=says)
    new = {"userId": team.bob.id}
    path = f"/projects/{team.project_id}/members"
    await refused(team.owner, "POST", path, new, 409, says=says)
    path = f"/projects/{team.project_id}/join-requests?status=PENDING"
    assert len(await call(team.owner, "GET", path)) == 1


async def test_the_fields_of_a_card_have_a_size_together(team: Team) -> None:
    keys = []
    for number in range(10):
        field = {"fieldName": f"Note {number}", "fieldType": "text"}
        path = f"/projects/{team.project_id}/fields"
        keys.append((await call(team.owner, "POST", path, field))["key"])
    long = dict.fromkeys(keys, "x" * 2000)
    body = {"projectId": team.project_id, "title": "x", "customFields": long}
    await refused(team.ann, "POST", "/boards", body, 400, says="customFields")
    card = await team.card(customFields=dict.fromkeys(keys[:7], "x" * 2000))
    body = {"customFields": long}
    await refused(team.ann, "PUT", f"/boards/{card['boardId']}", body, 400, says="customFields")


@pytest.mark.parametrize(
    "given",
    [
        {f"k{number}": 1 for number in range(2000)},
        {"stage": 1},
        {"stage": ["pending"] * 51},
        {"stage": ["pending"] * 30, "role": ["qa"] * 30},
        {"no_such_field": "x"},
        {"x" * 5000: "x"},
    ],
)
async def test_a_filter_names_fields_and_values_that_there_can_be(
    team: Team, given: dict[str, Any]
) -> None:
    text = quote(json.dumps(given))[:60_000]
    for more in ("", "&limit=5"):
        path = f"/boards?projectId={team.project_id}{more}&customFields={text}"
        error = await refused(team.ann, "GET", path, None, 400, says="customFields")
        assert len(error["message"]) < 300


async def test_a_filter_is_no_way_to_exhaust_the_stack(team: Team) -> None:
    deep = quote('{"stage":' + "[" * 5000 + "]" * 5000 + "}")
    for more in ("", "&limit=5"):
        path = f"/boards?projectId={team.project_id}{more}&customFields={deep}"
        await refused(team.ann, "GET", path, None, 400, says="customFields")


@pytest.mark.parametrize("date", ["0001-01-01", "9999-12-31T23:59:59.999999Z", "3000-01-01"])
async def test_dates_are_those_of_people(team: Team, date: str) -> None:
    card = await team.card()
    for member in ("startDate", "dueDate"):
        for path in (f"/boards/{card['boardId']}", f"/projects/{team.project_id}"):
            await refused(team.owner, "PUT", path, {member: date}, 400, says=member)
        body = {"projectId": team.project_id, "title": "x", member: date}
        await refused(team.owner, "POST", "/boards", body, 400, says=member)


async def test_what_comes_back_from_the_trash_is_told_in_full_only_if_it_is_short(
    team: Team,
) -> None:
    card = await team.card()
    path = f"/boards/{card['boardId']}"
    sizes = []
    for length in (100, 10_000, 10_000):
        body = {"boardId": card["boardId"], "content": f"{length}" + "x" * (length - 10)}
        await call(team.ann, "POST", "/comments", body)
        await db.execute("UPDATE board.comments SET created_at = created_at - interval '1 min'")
        await call(team.owner, "DELETE", path)
        await call(team.owner, "POST", f"{path}/undo")
        told = await db.fetch_value(
            """
            SELECT payload FROM core.event WHERE type = 'BOARD_RESTORED' ORDER BY seq DESC LIMIT 1
            """
        )
        sizes.append(json.loads(told)["comments"])
    assert [comments and len(comments) for comments in sizes] == [1, 2, None]
    assert len((await call(team.ann, "GET", path))["comments"]) == 3
