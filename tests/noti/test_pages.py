"""The inbox across workspaces: filters, and pages that stay put while things arrive."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.noti.bells import API, Office, page
from tests.people import Server
from wealist.core import db

INBOX = f"{API}/inbox"


@pytest.fixture
async def office(server: Server) -> Office:
    return await Office.of(server)


async def inbox(office: Office, **params: Any) -> dict[str, Any]:
    answer = await office.ann.get(INBOX, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["hasMore"] == (found["nextCursor"] is not None)
    return found


async def ids(office: Office, limit: int, **params: Any) -> list[str]:
    """All of it, page by page."""
    found, more = [], params
    while True:
        body = await inbox(office, limit=limit, **more)
        assert len(body["notifications"]) <= limit
        found += [one["id"] for one in body["notifications"]]
        if body["nextCursor"] is None:
            return found
        more = params | {"cursor": body["nextCursor"]}


async def test_what_arrives_meanwhile_shifts_nothing(office: Office) -> None:
    await office.happens(10)
    before = await ids(office, 100)
    first = await inbox(office, limit=4)
    await office.happens(3)
    second = await inbox(office, limit=4, cursor=first["nextCursor"])
    found = [one["id"] for body in (first, second) for one in body["notifications"]]
    assert found == before[:8]


async def test_all_workspaces_are_in_it_and_filters_narrow_it(office: Office) -> None:
    other = await Office.of(office.boss.server, office.ann)
    project = str(uuid4())
    await office.happens(2, resource_name="Alpha 100%")
    await other.happens(
        kind="BOARD_ASSIGNED", metadata={"projectId": project, "projectName": "Alps"}
    )
    newest, *rest = (await inbox(office))["notifications"]
    assert len(rest) == 2
    for params, count in (
        ({"workspaceId": office.workspace_id}, 2),
        ({"type": "BOARD_ASSIGNED"}, 1),
        ({"type": "BOARD"}, 0),
        ({"projectId": project}, 1),
        ({"q": "alp"}, 3),
        ({"q": "0%"}, 2),
        ({"q": "_"}, 0),
        ({"archived": "true"}, 0),
        ({"unreadOnly": "true"}, 3),
    ):
        assert len((await inbox(office, **params))["notifications"]) == count, params
    await office.ann.http.patch(f"{API}/{newest['id']}/read")
    assert len((await inbox(office, unreadOnly="true"))["notifications"]) == 2


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"limit": "0"}, "limit: "),
        ({"limit": "x"}, "limit: "),
        ({"cursor": "x"}, "cursor: "),
        ({"workspaceId": "x"}, "workspaceId: "),
        ({"projectId": "x"}, "projectId: "),
    ],
)
async def test_what_makes_no_sense_is_refused(
    office: Office, params: dict[str, str], says: str
) -> None:
    answer = await office.ann.get(INBOX, params=params)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(says)


MOMENTS = [datetime(2026, 11, 1, 12, 0, 0, microsecond, tzinfo=UTC) for microsecond in range(3)]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(MOMENTS), min_size=1, max_size=12), st.integers(1, 5))
async def test_every_page_size_shows_all_in_one_order(
    office: Office, moments: list[datetime], limit: int
) -> None:
    """Also where many were told at the same microsecond."""
    await db.execute("DELETE FROM noti.notifications")
    await db.execute(
        """
        INSERT INTO noti.notifications (id, fact_id, target_id, type, actor_id, workspace_id,
            resource_type, resource_id, shown, created_at)
        SELECT gen_random_uuid(), gen_random_uuid(), $1, 'X', $1, $2, 'x', $1, true, moment
        FROM unnest($3::timestamptz[]) AS moment
        """,
        office.ann.user_id,
        UUID(office.workspace_id),
        moments,
    )
    wanted: list[UUID] = await db.fetch_value(
        "SELECT array_agg(id ORDER BY created_at DESC, id DESC) FROM noti.notifications"
    )
    order = [str(one) for one in wanted]
    assert await ids(office, limit) == order
    numbered = [
        one["id"]
        for number in range(1, len(order) // limit + 2)
        for one in await office.list(page=number, limit=limit)
    ]
    assert numbered == order


@pytest.mark.parametrize("path", ["", "/inbox", "/unread-count", "/unread-counts"])
async def test_lists_take_as_many_statements_for_one_as_for_two_hundred(
    office: Office, statements: Callable[[Awaitable[object]], Awaitable[int]], path: str
) -> None:
    def read() -> Awaitable[object]:
        params = {"limit": "100"}
        return office.ann.get(API + path, params=params, headers=office.here)

    await office.happens()
    one = await statements(read())
    await office.happens(200)
    assert await statements(read()) == one
    assert one <= 3
    assert (await page(office.ann, office.workspace_id)).json()["total"] == 201
