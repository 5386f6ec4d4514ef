"""What people do with their own notifications."""

import pytest

from tests.noti.bells import API, Office, miscounted, page
from tests.people import NIL, Server


@pytest.fixture
async def office(server: Server) -> Office:
    return await Office.of(server)


async def test_a_notification_is_as_the_contract_has_it(office: Office) -> None:
    await office.happens(resource_name="Plan")
    answer = await page(office.ann, office.workspace_id)
    body = answer.json()
    [one] = body["notifications"]
    assert {**body, "notifications": []} == {
        "notifications": [],
        "total": 1,
        "page": 1,
        "limit": 20,
        "hasMore": False,
    }
    assert {key: one[key] for key in one if key not in ("id", "createdAt", "resourceId")} == {
        "type": "BOARD_UPDATED",
        "actorId": office.boss.id,
        "targetUserId": office.ann.id,
        "workspaceId": office.workspace_id,
        "resourceType": "board",
        "resourceName": "Plan",
        "metadata": one["metadata"],
        "isRead": False,
        "title": "Boss changed “Plan”",
        "actorName": "Boss",
    }
    assert one["metadata"]["projectName"] == "Roadmap"
    assert one["createdAt"].endswith("Z")
    assert (await office.ann.get(f"{API}/{one['id']}")).json() == one


async def test_reading_is_counted_once_and_keeps_its_time(office: Office) -> None:
    await office.happens(3)
    one = (await office.list())[0]
    first = await office.ann.http.patch(f"{API}/{one['id']}/read")
    again = await office.ann.put(f"{API}/{one['id']}/read")
    assert (first.status_code, first.json()["isRead"]) == (200, True)
    assert again.json() == first.json()
    assert await office.unread() == 2
    assert [one["isRead"] for one in await office.list()] == [True, False, False]
    assert len(await office.list(unreadOnly="true")) == 2
    assert len(await office.list(unreadOnly="TRUE")) == 3


async def test_all_of_one_workspace_are_read_at_once(office: Office) -> None:
    other = await Office.of(office.boss.server, office.ann)
    await office.happens(3)
    await other.happens(2)
    done = await office.ann.post(f"{API}/read-all", json={}, headers=office.here)
    assert (done.status_code, done.json()) == (200, {"markedAsRead": 3})
    again = await office.ann.put(f"{API}/read-all", headers=office.here)
    assert again.json() == {"markedAsRead": 0, "count": 0}
    assert (await office.unread(), await other.unread()) == (0, 2)


async def test_what_is_unread_again_counts_again(office: Office) -> None:
    await office.happens()
    [one] = await office.list()
    await office.ann.http.patch(f"{API}/{one['id']}/read")
    back = await office.ann.http.patch(f"{API}/{one['id']}/unread")
    assert back.json() == one
    assert await office.unread() == 1


async def test_what_is_put_away_is_read_and_found_in_the_archive_only(office: Office) -> None:
    await office.happens(2)
    one, other = await office.list()
    away = await office.ann.post(f"{API}/{one['id']}/archive")
    assert away.status_code == 200
    assert away.json()["isRead"] is True
    assert [found["id"] for found in await office.list()] == [other["id"]]
    inbox = await office.ann.get(f"{API}/inbox", params={"archived": "true"})
    assert inbox.json()["notifications"] == [away.json()]
    assert await office.unread() == 1
    back = await office.ann.delete(f"{API}/{one['id']}/archive")
    assert "archivedAt" not in back.json()
    assert len(await office.list()) == 2
    assert await miscounted() == 0


async def test_deleting_is_for_good(office: Office) -> None:
    await office.happens(2)
    one, _ = await office.list()
    gone = await office.ann.delete(f"{API}/{one['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    again = await office.ann.delete(f"{API}/{one['id']}")
    assert again.status_code == 404
    assert again.json()["error"]["message"] == "Notification not found"
    assert await office.unread() == 1


async def test_what_was_read_can_be_deleted_at_once(office: Office) -> None:
    await office.happens(3)
    rows = await office.list()
    for one in rows[:2]:
        await office.ann.http.patch(f"{API}/{one['id']}/read")
    gone = await office.ann.delete(f"{API}/read", headers=office.here)
    assert gone.json() == {"deleted": 2}
    assert [one["id"] for one in await office.list()] == [rows[2]["id"]]
    assert await office.unread() == 1


async def test_counters_of_all_workspaces(office: Office) -> None:
    other = await Office.of(office.boss.server, office.ann)
    await office.happens(3)
    await other.happens(2)
    answer = (await office.ann.get(f"{API}/unread-counts")).json()
    assert answer["total"] == 5
    found = {one["workspaceId"]: one["count"] for one in answer["counts"]}
    assert found == {office.workspace_id: 3, other.workspace_id: 2}


@pytest.mark.parametrize("given", [None, "", "nonsense"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/unread-count"), ("POST", "/read-all"), ("PUT", "/read-all")],
)
async def test_the_workspace_must_be_named(
    office: Office, method: str, path: str, given: str | None
) -> None:
    headers = {} if given is None else {"X-Workspace-Id": given}
    answer = await office.ann.http.request(method, API + path, headers=headers)
    assert answer.status_code == 400
    assert answer.json() == {
        "success": False,
        "error": {"code": "BAD_REQUEST", "message": "x-workspace-id header is required"},
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("PATCH", "/nonsense/read", 400, "Invalid notification ID"),
        ("DELETE", "/nonsense", 400, "Invalid notification ID"),
        ("GET", f"/{NIL}", 404, "Notification not found"),
        ("PATCH", f"/{NIL}/read", 404, "Notification not found"),
        ("PATCH", f"/{NIL}/unread", 404, "Notification not found"),
        ("DELETE", f"/{NIL}", 404, "Notification not found"),
    ],
)
async def test_errors_are_those_of_the_contract(
    office: Office, method: str, path: str, status: int, says: str
) -> None:
    answer = await office.ann.http.request(method, API + path)
    assert (answer.status_code, answer.json()["error"]["message"]) == (status, says)


@pytest.mark.parametrize(
    ("page", "limit", "read"),
    [("0", "0", (1, 20)), ("x", "x", (1, 20)), ("2", "101", (2, 20)), ("-1", "100", (1, 100))],
)
async def test_pages_and_limits_are_read_leniently(
    office: Office, page: str, limit: str, read: tuple[int, int]
) -> None:
    answer = await office.ann.get(API, params={"page": page, "limit": limit}, headers=office.here)
    assert (answer.json()["page"], answer.json()["limit"]) == read
    assert answer.json()["notifications"] == []


async def test_pages_follow_one_another(office: Office) -> None:
    await office.happens(7)
    pages = [await page(office.ann, office.workspace_id, page=n, limit=3) for n in (1, 2, 3)]
    bodies = [answer.json() for answer in pages]
    assert [body["hasMore"] for body in bodies] == [True, True, False]
    assert [body["total"] for body in bodies] == [7, 7, 7]
    ids = [one["id"] for body in bodies for one in body["notifications"]]
    assert ids == [one["id"] for one in await office.list()]


async def test_the_notifications_of_others_are_not_found(office: Office) -> None:
    await office.happens()
    [one] = await office.list()
    for method, path in (
        ("GET", ""),
        ("PATCH", "/read"),
        ("PATCH", "/unread"),
        ("POST", "/archive"),
        ("DELETE", ""),
    ):
        answer = await office.boss.http.request(method, f"{API}/{one['id']}{path}")
        assert answer.status_code == 404, (method, path)
    assert await office.list() == [one]
