"""Every route of the board × every persona × every tenant.

The permission table is the expectation; `board_cells.py` holds what to send and the explained
differences. Sockets, streams and counts are routes like any other.
"""

import httpx
import pytest

from tests.matrix import knock
from tests.matrix.board_cells import CELLS, Cell
from tests.matrix.board_scene import PARTS, PERSONAS, REFUSED, Scene, Spot, build
from tests.matrix.test_matrix import PLATFORM, named, tops
from tests.people import Server
from wealist import app
from wealist.board.access import PERMISSIONS
from wealist.core import access
from wealist.core.access import RouteAccess
from wealist.core.environment import from_env

TARGETS = ("own", "public", "foreign", "nested", "deleted")
ROUTES = sorted(
    route
    for route in access.routes(app.create_app(from_env({})))
    if route.path.startswith("/svc/board/")
    and route.method != "HEAD"
    and not any(part in route.path for part in PLATFORM)
)
LIVE = ("/events",)


def test_every_route_declares_its_access() -> None:
    known = set(access.WORDS) | set(PERMISSIONS)
    assert [named(route) for route in ROUTES if route.access not in known] == []


def test_every_route_has_a_cell_and_every_cell_a_route() -> None:
    ours = {named(route) for route in ROUTES}
    assert ours - CELLS.keys() == set()
    assert CELLS.keys() - ours == set()


def expected(route: RouteAccess, cell: Cell, persona: str, target: str) -> int:
    """The status that the permission table promises."""
    if persona in REFUSED:
        return 401
    at_home = target in ("own", "public")
    if at_home and persona in cell.only:
        return cell.only[persona]
    rule = PERMISSIONS[route.access]
    held = PARTS[persona]
    gone = target == "deleted" and not _is_of_a_workspace(route)
    if target == "nested":
        gone = True
        held = held if "{project_id}" in route.path else set()
    if target == "foreign" or (gone and target == "deleted"):
        held = set()
    if not held:
        visible = target in ("public", "deleted") and not gone
        return 403 if rule.told and visible else 404
    if rule.roles.isdisjoint(held):
        return 403
    return 404 if gone else cell.ok


def _is_of_a_workspace(route: RouteAccess) -> bool:
    return route.access in ("project.create", "project.list", "attachment.upload")


def _is_nested(route: RouteAccess) -> bool:
    return "{project_id}" in route.path and ("{member_id}" in route.path or "{field" in route.path)


async def send(scene: Scene, persona: str, route: RouteAccess, spot: Spot, cell: Cell) -> int:
    ids = vars(spot) | {"user_id": spot.participant_id, "capability": "A" * 22 + "board~x.png"}
    ids |= {name: ids[other] for name, other in cell.path.items()}
    path = route.path.format(**ids)
    if route.method == "WS":
        return await knock.at_a_socket(scene.server, path, scene.tokens[persona])
    if path.endswith(LIVE):
        return await knock.at_a_stream(scene.server, path, scene.tokens[persona])
    answer: httpx.Response = await scene.clients[persona].request(
        route.method,
        path,
        json=cell.body(spot, scene.people) if cell.body else None,
        params=cell.query(spot, scene.people) if cell.query else None,
    )
    return answer.status_code


@pytest.mark.parametrize(
    "route", [pytest.param(r, id=named(r)) for r in ROUTES if r.access in PERMISSIONS]
)
async def test_a_projects_routes(server: Server, route: RouteAccess) -> None:
    cell = CELLS[named(route)]
    scene, fresh = await build(server), True
    for target in TARGETS:
        if target == "nested" and not _is_nested(route):
            continue
        for persona in PERSONAS:
            want = expected(route, cell, persona, target)
            if not fresh:
                scene, fresh = await build(server), True
            before = await tops()
            status = await send(scene, persona, route, scene.spots[target], cell)
            assert status == want, (persona, target)
            if status >= 400:
                assert await tops() == before, (persona, target)
            fresh = route.method in ("GET", "WS") or status >= 400


@pytest.mark.parametrize(
    "route", [pytest.param(r, id=named(r)) for r in ROUTES if r.access == "signed"]
)
async def test_signed_links_treat_everybody_alike(server: Server, route: RouteAccess) -> None:
    scene = await build(server)
    for persona in PERSONAS:
        cell = CELLS[named(route)]
        assert await send(scene, persona, route, scene.spots["own"], cell) == cell.ok
