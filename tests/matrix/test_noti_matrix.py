"""Every route of notifications × every persona × a notification of one's own, of a stranger in
another tenant, and one that is gone."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.matrix import knock
from tests.matrix.delivery_cells import DELIVERY_CELLS
from tests.matrix.noti_cells import CELLS
from tests.matrix.scene import REFUSED, refused
from tests.matrix.test_matrix import PLATFORM, named, tops
from tests.noti.bells import API, INTERNAL, Office
from tests.people import Person, Server
from wealist import app
from wealist.core import access
from wealist.core.access import RouteAccess
from wealist.core.environment import from_env

ROUTES = sorted(
    route
    for route in access.routes(app.create_app(from_env({})))
    if route.path.startswith("/svc/noti/api/")
    if route.method != "HEAD" and named(route) not in DELIVERY_CELLS
    if not any(part in route.path for part in PLATFORM)
)
PERSONAS = (*REFUSED, "outsider", "colleague", "owner")
"""The owner of the notification is a plain member; the colleague, who caused it, owns the
workspace."""
TARGETS = ("own", "foreign", "deleted")


@dataclass
class Scene:
    server: Server
    people: dict[str, Person]
    clients: dict[str, httpx.AsyncClient]
    workspaces: dict[str, str]
    notifications: dict[str, str]


async def build(server: Server) -> Scene:
    office, foreign = await Office.of(server), await Office.of(server)
    await office.happens(3)
    await foreign.happens(2)
    gone, one, read = await office.list()
    await office.ann.http.patch(f"{API}/{read['id']}/read")
    await office.ann.delete(f"{API}/{gone['id']}")
    people = {
        "outsider": await server.person("Outsider"),
        "colleague": office.boss,
        "owner": office.ann,
    }
    left = await people["owner"].workspace("Gone")
    await people["owner"].delete(f"/svc/user/api/workspaces/{left['workspaceId']}")
    clients = {name: person.http for name, person in people.items()}
    clients["anonymous"] = server.client()
    for name in ("revoked", "expired"):
        clients[name] = await refused(server, office.ann, revoked=name == "revoked")
    return Scene(
        server,
        people,
        clients,
        {
            "own": office.workspace_id,
            "foreign": foreign.workspace_id,
            "deleted": left["workspaceId"],
        },
        {
            "own": one["id"],
            "foreign": (await foreign.list())[0]["id"],
            "deleted": gone["id"],
        },
    )


async def send(scene: Scene, persona: str, route: RouteAccess, target: str) -> tuple[int, str]:
    cell = CELLS[named(route)]
    path = route.path.format(notification_id=scene.notifications[target])
    if path.endswith("/stream"):
        token = scene.clients[persona].headers.get("Authorization", "").removeprefix("Bearer ")
        return await knock.at_a_stream(scene.server, path, token), ""
    headers = {"X-Workspace-Id": scene.workspaces[target]} if cell.header else {}
    answer = await scene.clients[persona].request(route.method, path, headers=headers)
    return answer.status_code, answer.text


def expected(route: RouteAccess, persona: str, target: str) -> int:
    if persona in REFUSED:
        return 401
    if "{notification_id}" in route.path and (persona, target) != ("owner", "own"):
        return 404
    return CELLS[named(route)].ok


def of(kind: str) -> list[Any]:
    return [pytest.param(route, id=named(route)) for route in ROUTES if route.access == kind]


def test_every_route_has_a_cell_and_every_cell_a_route() -> None:
    assert {named(route) for route in ROUTES} == CELLS.keys()
    assert {route.access for route in ROUTES} == {"caller", "internal"}


@pytest.mark.parametrize("route", of("caller"))
async def test_everybody_finds_his_own_and_nothing_else(server: Server, route: RouteAccess) -> None:
    scene, fresh = await build(server), True
    for target in TARGETS:
        for persona in PERSONAS:
            if not fresh:
                scene, fresh = await build(server), True
            before = await tops()
            status, body = await send(scene, persona, route, target)
            assert status == expected(route, persona, target), (persona, target, body)
            owner = scene.people["owner"]
            if persona != "owner":
                assert await tops() == before, (persona, target)
                assert owner.id not in body, (persona, target)
                assert scene.notifications["own"] not in body, (persona, target)
            else:
                assert scene.notifications["foreign"] not in body, target
            if target != "own" and "{notification_id}" in route.path:
                assert await tops() == before, (persona, target)
            fresh = route.method == "GET" or await tops() == before


@pytest.mark.parametrize("route", of("internal"))
async def test_internal_routes_open_for_the_key_at_the_internal_port_only(
    server: Server, route: RouteAccess, inside: httpx.AsyncClient
) -> None:
    office = await Office.of(server)
    event: Any = office.event()
    body = {"notifications": [event]} if route.path != INTERNAL else event
    scene = await build(server)
    key = {"x-internal-api-key": inside.headers["x-internal-api-key"]}
    before = await tops()
    for persona in PERSONAS:
        for headers in ({}, key):
            answer = await scene.clients[persona].post(route.path, json=body, headers=headers)
            assert answer.status_code in (401, 404), persona
    async with server.client(internal=True) as keyless:
        assert (await keyless.post(route.path, json=body)).status_code == 401
    token = {"Authorization": f"Bearer {office.boss.token}"}
    async with server.client(internal=True, headers=token) as person:
        assert (await person.post(route.path, json=body)).status_code == 401
    assert await tops() == before
    answer = await inside.post(route.path, json=body)
    assert answer.status_code == CELLS[named(route)].ok
