"""When cards are late, and who is told (contract: board.md §8, frontend needs 13, 29 and 40)."""

import asyncio
from contextvars import Context
from datetime import UTC, datetime, timedelta

import pytest

from tests.board.making import Team, call
from tests.board.told import kinds
from wealist.board import due
from wealist.core import db, events


def moment(**away: int) -> str:
    return (datetime.now(UTC) + timedelta(**away)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_due_dates_are_announced_once_each(team: Team) -> None:
    soon = moment(hours=3)
    card = await team.card(dueDate=soon, assigneeId=team.ann.id, participants=[team.ann.id])
    done = await team.card(dueDate=soon, assigneeId=team.bob.id)
    await call(team.bob, "PUT", f"/boards/{done['boardId']}/move", team.moving("approved"))
    await asyncio.gather(*(due.announce() for _ in range(5)))
    await due.announce()  # those above may have stepped back for each other
    assert (await kinds(team.ann)).count("BOARD_DUE_SOON") == 1
    assert "BOARD_DUE_SOON" not in await kinds(team.bob)
    past = {"dueDate": "2020-01-01"}
    await call(team.ann, "PUT", f"/boards/{card['boardId']}", past)
    for _ in range(2):
        await due.announce()
    assert (await kinds(team.ann)).count("BOARD_OVERDUE") == 1
    assert (await kinds(team.ann)).count("BOARD_DUE_SOON") == 1
    await call(team.ann, "PUT", f"/boards/{card['boardId']}", {"dueDate": moment(hours=9)})
    await due.announce()
    assert (await kinds(team.ann)).count("BOARD_DUE_SOON") == 2


async def test_a_whole_day_has_to_be_over_before_a_card_is_late(team: Team) -> None:
    today = datetime.now(UTC).strftime("%Y-%m-%dT00:00:00Z")
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    now = await team.card(dueDate=today, assigneeId=team.ann.id)
    late = await team.card(dueDate=yesterday, assigneeId=team.bob.id)
    assert (now["isDelayed"], late["isDelayed"]) == (False, True)
    assert [card["isDelayed"] for card in await team.cards()] == [False, True]
    await due.announce()
    assert "BOARD_OVERDUE" not in await kinds(team.ann)
    assert "BOARD_DUE_SOON" in await kinds(team.ann)
    assert "BOARD_OVERDUE" in await kinds(team.bob)


@pytest.mark.parametrize("value", ["done", "completed", "approved", "deleted"])
async def test_nothing_is_late_that_is_done(team: Team, value: str) -> None:
    if value in ("done", "completed"):
        option = {"projectId": team.project_id, "fieldType": "stage", "value": value}
        await call(
            team.owner,
            "POST",
            "/field-options",
            option | {"label": "D", "color": "#abc", "displayOrder": 9},
        )
    card = await team.card(dueDate="2020-01-01", assigneeId=team.ann.id)
    assert card["isDelayed"]
    await call(team.bob, "PUT", f"/boards/{card['boardId']}/move", team.moving(value))
    assert [card["isDelayed"] for card in await team.cards()] == [False]
    path = f"/boards?projectId={team.project_id}&hideCompleted=true"
    assert await call(team.ann, "GET", path) == []
    await due.announce()
    assert "BOARD_OVERDUE" not in await kinds(team.ann)


async def test_a_card_that_becomes_late_is_told_to_who_looks(team: Team) -> None:
    card = await team.card(dueDate=moment(hours=1))
    await due.announce()
    await db.execute("UPDATE board.boards SET due_date = now() - interval '1 second'")
    before = (await events.position(f"board:{team.project_id}")).top
    await due.announce()
    [told] = await events.since(f"board:{team.project_id}", before)
    assert told.type == "BOARD_UPDATED"
    assert f'"boardId":"{card["boardId"]}"' in bytes(told.payload).decode().replace(" ", "")
    assert '"isDelayed":true' in bytes(told.payload).decode().replace(" ", "")


async def test_a_project_that_is_written_to_is_announced_the_next_time(team: Team) -> None:
    await team.card(dueDate="2020-01-01", assigneeId=team.ann.id)
    async with db.transaction():
        await db.execute("SELECT FROM board.projects FOR NO KEY UPDATE")
        other = asyncio.create_task(due.announce(), context=Context())
        assert await other == "0 due dates announced"
    assert await due.announce() == "1 due dates announced"
    assert "BOARD_OVERDUE" in await kinds(team.ann)
