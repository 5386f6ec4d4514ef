"""Every route × every persona × every tenant, from the app's own route table.

What a route declares in `opt["access"]` is the expectation; `cells.py` holds what to send and
the explained differences.
"""

import httpx
import pytest

from tests.matrix.cells import CELLS, Cell
from tests.matrix.scene import PERSONAS, REFUSED, ROLES, TARGETS, Place, Scene, build
from tests.people import Server
from wealist import app
from wealist.core import access, db
from wealist.core.access import Role, RouteAccess
from wealist.core.environment import from_env
from wealist.user.access import PERMISSIONS

ELSEWHERE = (
    "/svc/board/api/",
    "/svc/board/ws/",
    "/svc/board/files/",
    "/svc/chat/api/",
    "/svc/chat/files/",
    "/svc/noti/api/",
)
"""Routes with a matrix of their own."""
ROUTES = sorted(
    route
    for route in access.routes(app.create_app(from_env({"ENABLE_TEST_AUTH": "true"})))
    if route.path.startswith("/svc/") and route.method != "HEAD"
    if not route.path.startswith(ELSEWHERE)
)
PLATFORM = ("/health", "/metrics", "/actuator", "/ready", "/swagger-ui", "/v3")


def named(route: RouteAccess) -> str:
    return f"{route.method} {route.path}"


def of(*kinds: str) -> list[object]:
    return [pytest.param(r, id=named(r)) for r in ROUTES if r.access in kinds]


def test_every_route_declares_its_access() -> None:
    known = set(access.WORDS) | set(PERMISSIONS)
    assert [named(route) for route in ROUTES if route.access not in known] == []


def test_every_route_has_a_cell_and_every_cell_a_route() -> None:
    platform = {named(r) for r in ROUTES if any(part in r.path for part in PLATFORM)}
    ours = {named(route) for route in ROUTES} - platform
    assert ours - CELLS.keys() == set()
    assert CELLS.keys() - ours == set()


async def send(
    scene: Scene, client: httpx.AsyncClient, route: RouteAccess, place: Place, cell: Cell
) -> httpx.Response:
    subject = scene.subject
    if route.path.endswith(("/approve", "/reject")):
        subject = scene.applicant
    path = route.path.format(
        workspace_id=place.workspace_id,
        member_id=place.member_id,
        request_id=place.request_id,
        user_id=subject.id,
        text="Acme",
        name="process_open_fds",
        capability="A" * 22 + "profiles~x.png",
    )
    headers = {"X-Workspace-Id": place.workspace_id} if cell.header else {}
    body = cell.body(scene, place) if cell.body else None
    return await client.request(route.method, path, json=body, headers=headers)


def expected(route: RouteAccess, cell: Cell, persona: str, target: str) -> int:
    """The status that the permission table promises."""
    if persona in REFUSED:
        return 401
    rule = PERMISSIONS[route.access]
    role = ROLES.get(persona)
    if target in ("foreign", "deleted"):
        role = None
    if role is None:
        if target != "public" or not (rule.told or rule.open):
            return 404
        return cell.ok if rule.open else 403
    if Role(role) not in rule.roles:
        return 403
    return 404 if target == "nested" and _names_a_child(route) else cell.ok


def _names_a_child(route: RouteAccess) -> bool:
    return "{member_id}" in route.path or "{request_id}" in route.path


async def tops() -> int:
    total: int = await db.fetch_value("SELECT coalesce(sum(top), 0)::bigint FROM core.channel")
    return total


@pytest.mark.parametrize("route", of(*PERMISSIONS))
async def test_a_workspaces_routes(server: Server, route: RouteAccess) -> None:
    cell = CELLS[named(route)]
    scene, fresh = await build(server), True
    for target in TARGETS:
        for persona in PERSONAS:
            want = expected(route, cell, persona, target)
            if persona in cell.only and (target in ("own", "public") or "validate" in route.path):
                want = cell.only[persona]
            elif persona in cell.only and persona not in REFUSED:
                want = max(want, 400) if target == "nested" else want
            if not fresh:
                scene, fresh = await build(server), True
            before = await tops()
            answer = await send(scene, scene.clients[persona], route, scene.places[target], cell)
            assert answer.status_code == want, (persona, target, answer.text)
            if answer.status_code >= 400:
                assert await tops() == before, (persona, target)
            fresh = route.method == "GET" or answer.status_code >= 400


@pytest.mark.parametrize("route", of("caller"))
async def test_a_callers_own_routes(server: Server, route: RouteAccess) -> None:
    cell = CELLS[named(route)]
    for persona in PERSONAS:
        scene = await build(server)
        want = 401 if persona in REFUSED else cell.only.get(persona, cell.ok)
        place = scene.places["public"]
        if route.path.endswith("join-requests"):
            want = want if persona in (*REFUSED, "outsider") else 409
        before = await tops()
        answer = await send(scene, scene.clients[persona], route, place, cell)
        assert answer.status_code == want, (persona, answer.text)
        if answer.status_code >= 400:
            assert await tops() == before, persona


@pytest.mark.parametrize("route", of("internal"))
async def test_internal_routes_open_for_the_key_at_the_internal_port_only(
    server: Server, route: RouteAccess, inside: httpx.AsyncClient
) -> None:
    scene = await build(server)
    cell = CELLS.get(named(route), Cell())
    place = scene.places["own"]
    for persona in PERSONAS:
        answer = await send(scene, scene.clients[persona], route, place, cell)
        assert answer.status_code in (401, 404), (persona, answer.text)
    if "/api/" in route.path:
        async with server.client(internal=True) as keyless:
            assert (await send(scene, keyless, route, place, cell)).status_code == 401
        assert (await send(scene, inside, route, place, cell)).status_code == cell.ok


@pytest.mark.parametrize("route", of("public", "signed"))
async def test_public_routes_treat_everybody_alike(server: Server, route: RouteAccess) -> None:
    scene = await build(server)
    cell = CELLS.get(named(route), Cell())
    if any(part in route.path for part in PLATFORM):
        return
    before = await tops()
    for persona in PERSONAS:
        want = cell.only.get(persona, cell.ok)
        answer = await send(scene, scene.clients[persona], route, scene.places["own"], cell)
        assert answer.status_code == want, (persona, answer.text)
    if route.access == "signed":
        assert await tops() == before
