"""From its events a client can follow everything that its bell shows."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.fold import folds
from tests.noti.bells import API, INTERNAL, Office, miscounted
from tests.noti.views import BellView
from tests.people import Server
from wealist import app
from wealist.core import access, db
from wealist.core.environment import from_env
from wealist.noti import purge, reader

MINE = (
    ("PATCH", "/{id}/read"),
    ("PUT", "/{id}/read"),
    ("PATCH", "/{id}/unread"),
    ("POST", "/{id}/archive"),
    ("DELETE", "/{id}/archive"),
    ("DELETE", "/{id}"),
    ("POST", "/read-all"),
    ("PUT", "/read-all"),
    ("DELETE", "/read"),
)
"""Everything that changes what one's bell shows."""


@pytest.fixture
async def office(server: Server) -> Office:
    return await Office.of(server)


def test_every_change_of_a_notification_is_in_this_file() -> None:
    changes = {
        (route.method, route.path.removeprefix(API).replace("{notification_id}", "{id}"))
        for route in access.routes(app.create_app(from_env({})))
        if route.path.startswith(API) and route.method not in ("GET", "HEAD")
    }
    ours = {(method, path) for method, path in changes if "{id}" in path or "/read" in path}
    assert ours == set(MINE)


@pytest.mark.parametrize(("method", "path"), MINE)
@pytest.mark.parametrize("before", ["unread", "read", "archived"])
async def test_a_change_can_be_followed(
    office: Office, method: str, path: str, before: str
) -> None:
    other = await Office.of(office.boss.server, office.ann)
    await office.happens(3)
    await other.happens(2)
    one = (await office.list())[1]["id"]
    if before == "read":
        await office.ann.http.patch(f"{API}/{one}/read")
    if before == "archived":
        await office.ann.post(f"{API}/{one}/archive")
    views = [BellView(office.ann, office.workspace_id), BellView(office.ann, other.workspace_id)]
    async with folds(*views):
        answer = await office.ann.http.request(
            method, API + path.format(id=one), headers=office.here
        )
        assert answer.status_code in (200, 204)
    async with folds(*views):  # again
        await office.ann.http.request(method, API + path.format(id=one), headers=office.here)


async def test_what_arrives_can_be_followed(office: Office, inside: httpx.AsyncClient) -> None:
    view = BellView(office.ann, office.workspace_id)
    async with folds(view):
        await office.happens(5)
    async with folds(view):
        await inside.post(INTERNAL, json=office.event())
    async with folds(view):
        events = [office.event() for _ in range(5)]
        await inside.post(f"{INTERNAL}/bulk", json={"notifications": events})


async def test_what_goes_can_be_followed(office: Office) -> None:
    view = BellView(office.ann, office.workspace_id)
    await office.happens(5)
    rows = await office.list()
    for one in rows[:2]:
        await office.ann.http.patch(f"{API}/{one['id']}/read")
    await db.execute("UPDATE noti.notifications SET created_at = created_at - interval '40 days'")
    async with folds(view):
        await purge.expire()
    async with folds(view):
        await office.boss.delete(
            f"/svc/user/api/workspaces/{office.workspace_id}/members/{office.member_id}"
        )
    async with folds(view):
        await reader.catch_up()
    async with folds(view):
        await office.boss.delete(f"/svc/user/api/workspaces/{office.workspace_id}")


async def test_everything_at_once_can_be_followed_and_is_counted_exactly(
    office: Office, inside: httpx.AsyncClient
) -> None:
    await office.happens(20)
    ids = [one["id"] for one in await office.list()]
    chance = random.Random(7)

    def change() -> Awaitable[Any]:
        method, path = chance.choice(MINE[:6] * 4 + MINE[6:])
        return office.ann.http.request(
            method, API + path.format(id=chance.choice(ids)), headers=office.here
        )

    async def arrives() -> None:
        await inside.post(INTERNAL, json=office.event())

    works: list[Callable[[], Awaitable[Any]]] = [change] * 120 + [arrives] * 20
    chance.shuffle(works)
    async with folds(BellView(office.ann, office.workspace_id)):
        answers = await asyncio.gather(*(work() for work in works))
    assert {answer.status_code for answer in answers if answer is not None} <= {200, 204, 404}
    assert await miscounted() == 0
    assert await office.unread() == len(await office.list(unreadOnly="true"))
