"""Every route of chat × every persona × every tenant.

The permission table is the expectation; `chat_cells.py` holds what to send and the explained
differences. Sockets, search hits and the addresses of files are in it.
"""

from dataclasses import replace

import httpx
import pytest

from tests.chat.making import call
from tests.matrix import knock
from tests.matrix.chat_cells import CELLS, Cell
from tests.matrix.chat_scene import (
    API,
    COLLEAGUES,
    PARTS,
    PERSONAS,
    REFUSED,
    WORD,
    Scene,
    Spot,
    build,
)
from tests.matrix.test_matrix import PLATFORM, named, tops
from tests.people import Server
from wealist import app
from wealist.chat.access import INSIDE, PERMISSIONS
from wealist.core import access
from wealist.core.access import RouteAccess
from wealist.core.environment import from_env

TARGETS = ("own", "foreign", "deleted")
ROUTES = sorted(
    route
    for route in access.routes(app.create_app(from_env({})))
    if route.path.startswith("/svc/chat/")
    and route.method != "HEAD"
    and not any(part in route.path for part in PLATFORM)
)


def of(*kinds: str) -> list[object]:
    return [pytest.param(route, id=named(route)) for route in ROUTES if route.access in kinds]


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
    if target == "own" and persona in cell.only:
        return cell.only[persona]
    held = PARTS[persona] if target != "foreign" else set()
    if route.access == "caller":
        return _of_the_caller(cell, persona, target)
    rule = PERMISSIONS[route.access]
    if route.access.startswith("message."):
        if not held or target == "deleted":
            return 404
        return cell.ok if rule.roles & held else 403
    if not held & INSIDE:
        return 403
    if target == "deleted":
        return 404
    return cell.ok if rule.roles & held else 403


def _of_the_caller(cell: Cell, persona: str, target: str) -> int:
    inside = target != "foreign" and persona in COLLEAGUES
    match cell.about:
        case "oneself":
            return cell.ok
        case "workspace":
            return cell.ok if inside else 403
        case "colleague":
            return cell.ok if inside else 404
        case "room":
            if target == "foreign" or not PARTS[persona] & INSIDE:
                return 403
            return 404 if target == "deleted" else cell.ok


async def send(scene: Scene, persona: str, route: RouteAccess, spot: Spot, cell: Cell) -> int:
    if persona == "leaver":
        spot = replace(spot, message_id=spot.left_id)
    path = route.path.format(
        **vars(spot), user_id=spot.guest_id, emoji="👍", capability="A" * 22 + "chat~x.png"
    )
    if route.method == "WS":
        return await knock.at_a_socket(scene.server, path, scene.tokens[persona])
    answer: httpx.Response = await scene.clients[persona].request(
        route.method,
        path,
        json=cell.body(spot) if cell.body else None,
        params=cell.query(spot) if cell.query else None,
    )
    return answer.status_code


@pytest.mark.parametrize("route", of(*PERMISSIONS, "caller"))
async def test_a_rooms_and_a_callers_routes(server: Server, route: RouteAccess) -> None:
    cell = CELLS[named(route)]
    scene, fresh = await build(server), True
    for target in TARGETS:
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


@pytest.mark.parametrize("route", of("signed"))
async def test_signed_links_treat_everybody_alike(server: Server, route: RouteAccess) -> None:
    scene = await build(server)
    cell = CELLS[named(route)]
    for persona in PERSONAS:
        assert await send(scene, persona, route, scene.spots["own"], cell) == cell.ok


async def test_somebody_who_is_in_no_room_is_no_persons_role_and_no_failure_to_remove(
    server: Server,
) -> None:
    scene = await build(server)
    here, stranger = scene.spots["own"].chat_id, scene.spots["foreign"].guest_id
    for name, status in (("owner", 404), ("admin", 403), ("participant", 403)):
        path = f"{API}/{here}/participants/{stranger}/role"
        answer = await scene.clients[name].put(path, json={"role": "ADMIN"})
        assert answer.status_code == status
    for name, status in (("owner", 204), ("admin", 204), ("participant", 403)):
        answer = await scene.clients[name].delete(f"{API}/{here}/participants/{stranger}")
        assert answer.status_code == status


async def test_hits_are_of_rooms_in_which_one_is(server: Server) -> None:
    scene = await build(server)
    for name, person in scene.people.items():
        if name in PARTS:
            found = await call(person, "GET", f"/messages/search?q={WORD}")
            hits = [hit["message"]["messageId"] for hit in found["hits"]]
            inside = bool(PARTS[name] & INSIDE)
            assert hits == ([scene.spots["own"].message_id] if inside else []), name


async def test_read_ids_of_others_move_nothing(server: Server) -> None:
    scene = await build(server)
    before = await tops()
    for name in ("outsider", "colleague", "leaver"):
        spots = scene.spots.values()
        body = {"messageIds": [spot.message_id for spot in spots]}
        await call(scene.people[name], "POST", "/messages/read", body)
    assert await tops() == before


async def test_a_files_address_works_for_whoever_holds_it_until_its_room_ends(
    server: Server,
) -> None:
    scene = await build(server)
    wanted = {"own": 302, "foreign": 302, "deleted": 404}
    for target, status in wanted.items():
        for persona in PERSONAS:
            answer = await scene.clients[persona].get(scene.spots[target].file_url)
            assert answer.status_code == status, (persona, target)
