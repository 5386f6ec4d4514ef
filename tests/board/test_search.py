"""Finding cards on the server: filters, text, orders, and pages that stay right meanwhile."""

import itertools
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.board.making import Team, ask, call, refused
from tests.people import Person, Server
from wealist.core import db


async def found(team: Team, query: str) -> list[str]:
    """Titles of one page."""
    cards = await call(team.ann, "GET", f"/boards?projectId={team.project_id}&{query}")
    return [card["title"] for card in cards]


async def all_pages(team: Team, query: str, limit: int) -> list[str]:
    ids: list[str] = []
    cursor = ""
    for _ in range(100):
        path = f"/boards?projectId={team.project_id}&limit={limit}&{query}{cursor}"
        answer = await ask(team.ann, "GET", path)
        assert answer.status_code == 200, answer.text
        page = [card["boardId"] for card in answer.json()["data"]]
        assert len(page) <= limit
        ids += page
        if "x-next-cursor" not in answer.headers:
            return ids
        cursor = f"&cursor={answer.headers['x-next-cursor']}"
    raise AssertionError("the pages don't end")


@pytest.fixture
async def filled(team: Team) -> Team:
    await team.card(title="alpha", dueDate="2031-01-01", assigneeId=team.ann.id)
    await team.card(title="beta 100%", dueDate="2031-02-01", content="the Needle is here")
    await team.card(title="gamma", customFields={"stage": "approved"}, assigneeId=team.bob.id)
    nobody = await team.card(title="delta", customFields={"role": "qa"})
    await call(team.owner, "PUT", f"/boards/{nobody['boardId']}", {"assigneeId": None})
    return team


async def test_each_filter_finds_what_it_names(filled: Team) -> None:
    fields = quote(json.dumps({"role": "qa"}))
    for query, titles in (
        ("q=needle", ["beta 100%"]),
        ("q=100%25", ["beta 100%"]),
        ("q=%25", ["beta 100%"]),
        ("assigneeId=me", ["alpha"]),
        (f"assigneeId={filled.bob.id}", ["gamma"]),
        ("assigneeId=none", ["delta"]),
        (f"limit=10&customFields={fields}", ["delta"]),
        ("dueFrom=2031-01-15", ["beta 100%"]),
        ("dueTo=2031-01-15", ["alpha"]),
        ("hideCompleted=true", ["alpha", "beta 100%", "delta"]),
        ("q=a&hideCompleted=true&assigneeId=me", ["alpha"]),
    ):
        assert await found(filled, query) == titles, query


async def test_both_lists_find_the_same_cards_by_their_fields(team: Team) -> None:
    field = {"fieldName": "Labels", "fieldType": "multi_select"}
    await call(team.owner, "POST", f"/projects/{team.project_id}/fields", field)
    for value in ("bug", "new"):
        option = {"projectId": team.project_id, "fieldType": "labels", "value": value}
        await call(team.owner, "POST", "/field-options", option | {"label": value, "color": "#abc"})
    for labels in (["bug"], ["bug", "new"], []):
        await team.card(title=",".join(labels) or "-", customFields={"labels": labels})
    for wanted, titles in (
        ({"labels": ["bug"]}, ["bug", "bug,new"]),
        ({"labels": "new"}, ["bug,new"]),
        ({"labels": ["bug", "new"], "stage": "pending"}, ["bug,new"]),
        ({"stage": "대기"}, ["bug", "bug,new", "-"]),
        ({"stage": "nowhere"}, []),
    ):
        text = quote(json.dumps(wanted))
        assert await found(team, f"customFields={text}") == titles, wanted
        assert await found(team, f"limit=9&customFields={text}") == titles, wanted


async def test_orders_go_both_ways(filled: Team) -> None:
    rank = ["alpha", "beta 100%", "gamma", "delta"]
    for sort, titles in (
        ("rank", rank),
        ("created", rank),
        ("updated", rank),
        ("title", ["alpha", "beta 100%", "delta", "gamma"]),
        ("due", ["alpha", "beta 100%", "gamma", "delta"]),
    ):
        assert await found(filled, f"sort={sort}") == titles, sort
        assert await found(filled, f"sort=-{sort}") == titles[::-1], sort


async def test_a_day_has_all_of_its_hours(team: Team) -> None:
    for hour, title in (("00:00:00", "first"), ("09:00:00", "nine"), ("23:59:59", "last")):
        await team.card(title=title, dueDate=f"2026-12-10T{hour}Z")
    await team.card(title="next", dueDate="2026-12-11")
    assert await found(team, "dueFrom=2026-12-10&dueTo=2026-12-10") == ["first", "nine", "last"]
    assert await found(team, "dueTo=2026-12-10T09:00:00Z") == ["first", "nine"]


async def test_ones_own_cards_are_found_in_all_projects(team: Team, server: Server) -> None:
    other = (await team.project(name="Other"))["projectId"]
    for number in range(4):
        project = other if number % 2 else team.project_id
        body = {"projectId": project, "title": f"Task {number}", "assigneeId": team.ann.id}
        await call(team.owner, "POST", "/boards", body)
    await team.card(title="Task of nobody")
    stranger = await server.person("Stranger")

    async def mine(query: str, person: Person = team.ann) -> list[str]:
        cards = await call(person, "GET", f"/boards?{query}")
        return [card["title"] for card in cards]

    assert await mine("") == ["Task 3", "Task 2", "Task 1", "Task 0"]
    assert await mine("q=task%201&limit=5") == ["Task 1"]
    assert await mine("sort=title&limit=3") == ["Task 0", "Task 1", "Task 2"]
    assert await mine("limit=5", stranger) == []
    first = await ask(team.ann, "GET", "/boards?limit=3")
    rest = await mine(f"limit=3&cursor={first.headers['x-next-cursor']}")
    assert rest == ["Task 0"]
    await refused(team.ann, "GET", "/boards?customFields={}", None, 400, says="customFields")


async def test_bad_parameters_are_refused_and_named(filled: Team) -> None:
    path = f"/boards?projectId={filled.project_id}"
    answer = await ask(filled.ann, "GET", f"{path}&limit=1")
    cursor = answer.headers["x-next-cursor"]
    for query, field in (
        ("limit=none", "limit"),
        ("sort=size", "sort"),
        ("assigneeId=somebody", "assigneeId"),
        ("dueFrom=soon", "dueFrom"),
        ("cursor=nonsense", "cursor"),
        (f"cursor={cursor}&sort=title", "cursor"),
        ("limit=5&customFields=x", "customFields"),
    ):
        await refused(filled.ann, "GET", f"{path}&{query}", None, 400, says=field)


async def test_without_parameters_the_list_is_complete(filled: Team) -> None:
    for number in range(60):
        await filled.card(title=f"{number}")
    assert len(await filled.cards()) == 64
    assert len(await found(filled, "sort=rank")) == 50
    assert len(await found(filled, "limit=1000")) == 64


numbers = itertools.count()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=12),
    st.sampled_from(["rank", "-rank", "created", "-updated", "title", "-title", "due", "-due"]),
    st.integers(1, 5),
)
async def test_pages_give_every_card_exactly_once(
    team: Team, titles: list[str], sort: str, limit: int
) -> None:
    await db.execute("DELETE FROM board.boards")
    made = []
    for title in titles:
        due: dict[str, Any] = {"dueDate": "2031-01-01"} if title == "a" else {}
        card = await team.card(title=f"{title}", content=f"{next(numbers)}", **due)
        made.append(card["boardId"])
    at_once = await all_pages(team, f"sort={sort}", 200)
    assert sorted(at_once) == sorted(made)
    assert await all_pages(team, f"sort={sort}", limit) == at_once


async def test_a_card_that_moves_between_two_pages_hides_no_other(team: Team) -> None:
    for number in range(6):
        await team.card(title=f"{number}")
    path = f"/boards?projectId={team.project_id}&limit=3"
    first = await ask(team.ann, "GET", path)
    seen = first.json()["data"]
    body = team.moving("pending", afterBoardId=seen[0]["boardId"])
    await call(team.bob, "PUT", f"/boards/{seen[2]['boardId']}/move", body)
    gone = seen[1]["boardId"]
    await call(team.owner, "DELETE", f"/boards/{gone}")
    rest = await call(team.ann, "GET", f"{path}&cursor={first.headers['x-next-cursor']}")
    assert [card["title"] for card in rest] == ["3", "4", "5"]


async def test_text_is_found_by_an_index(team: Team) -> None:
    """So few rows are read faster one by one; what counts is that the index fits the search."""
    await db.execute(
        """
        INSERT INTO board.boards (id, project_id, author_id, title, content, custom_fields, rank,
            created_at, updated_at, version)
        SELECT gen_random_uuid(), $1::uuid, $2::uuid, md5(n::text), repeat(md5(n::text), 20), '{}',
            'b' || lpad(n::text, 6, '0') || 'V', now(), now(), 1 FROM generate_series(1, 4000) AS n
        """,
        team.project_id,
        team.owner.id,
    )
    # Until the index has taken in what was written just now, the planner rightly avoids it.
    await db.execute("SELECT gin_clean_pending_list('board.boards_text')")
    await db.execute("ANALYZE board.boards")
    said: list[str] = []
    db.on_statement.append(said.append)
    assert await found(team, "q=needle%20in%20it") == []
    db.on_statement.remove(said.append)
    [searched] = [sql for sql in said if "ILIKE" in sql]
    searched = searched.replace("$1", f"'{team.project_id}'").replace("$2", "'%needle in it%'")
    async with db.transaction():
        await db.execute("SET LOCAL enable_seqscan = off")
        plan = await db.fetch_records(f"EXPLAIN {searched.replace('$3', '51')}")
    assert "boards_text" in "\n".join(row[0] for row in plan)
