"""Every route of how people are told × every persona × one's own workspace, a stranger's in another
tenant, and one that is gone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.matrix.delivery_cells import DELIVERY_CELLS, ROOT
from tests.matrix.scene import REFUSED, refused
from tests.matrix.test_matrix import named, tops
from tests.noti.push_peer import Browser, PushService, push_service, use
from tests.people import Person, Server
from wealist import app
from wealist.core import access
from wealist.core.access import RouteAccess
from wealist.core.environment import from_env
from wealist.core.settings import Settings
from wealist.noti import push, unsubscribe

ROUTES = sorted(
    route for route in access.routes(app.create_app(from_env({}))) if named(route) in DELIVERY_CELLS
)
PERSONAS = (*REFUSED, "outsider", "member", "owner")
TARGETS = ("own", "foreign", "deleted")


@dataclass
class Scene:
    people: dict[str, Person]
    clients: dict[str, httpx.AsyncClient]
    workspaces: dict[str, str]
    browsers: dict[str, str]
    """Subscriptions: the member's own, a stranger's, one that is gone."""
    service: PushService


@pytest.fixture
def service(settings: Settings) -> Iterator[PushService]:
    with push_service() as running:
        use(settings, private=True)
        yield running
    push.open(settings)


async def build(server: Server, service: PushService) -> Scene:
    names = ("Outsider", "Member", "Owner", "Stranger")
    people = {name.lower(): await server.person(name) for name in names}
    member, owner, stranger = people["member"], people["owner"], people["stranger"]
    workspaces = {
        "own": (await owner.workspace())["workspaceId"],
        "foreign": (await stranger.workspace())["workspaceId"],
        "deleted": (await owner.workspace())["workspaceId"],
    }
    for target in ("own", "deleted"):
        await owner.invites(workspaces[target], member)
    await owner.delete(f"/svc/user/api/workspaces/{workspaces['deleted']}")
    browsers = {}
    for target, person in (("own", member), ("foreign", stranger), ("deleted", member)):
        answer = await person.post(f"{ROOT}/push/subscriptions", json=Browser(service).subscription)
        browsers[target] = answer.json()["id"]
    await member.delete(f"{ROOT}/push/subscriptions/{browsers['deleted']}")
    clients = {name: person.http for name, person in people.items()}
    clients["anonymous"] = server.client()
    for name in ("revoked", "expired"):
        clients[name] = await refused(server, member, revoked=name == "revoked")
    return Scene(people, clients, workspaces, browsers, service)


async def send(scene: Scene, persona: str, route: RouteAccess, target: str) -> httpx.Response:
    cell = DELIVERY_CELLS[named(route)]
    workspace_id = scene.workspaces[target]
    path = route.path.format(thing_id=workspace_id, subscription_id=scene.browsers[target])
    params = {}
    if path.endswith("/preferences"):
        params = {"workspaceId": workspace_id}
    if path.endswith("/unsubscribe"):
        member = scene.people["member"].user_id
        params = {"token": unsubscribe.token(unsubscribe.Subscription(member))}
    body = cell.body(workspace_id) if cell.body else None
    if named(route) == f"POST {ROOT}/push/subscriptions":
        body = Browser(scene.service).subscription
    return await scene.clients[persona].request(route.method, path, params=params, json=body)


def expected(route: RouteAccess, persona: str, target: str) -> int:
    cell = DELIVERY_CELLS[named(route)]
    if cell.about == "link":
        return cell.ok
    if persona in REFUSED:
        return 401
    if cell.about == "workspace" and (persona == "outsider" or target != "own"):
        return 404
    if cell.about == "browser" and (persona, target) != ("member", "own"):
        return 404
    return cell.ok


def test_every_cell_has_a_route_and_says_the_truth_about_its_access() -> None:
    assert {named(route) for route in ROUTES} == DELIVERY_CELLS.keys()
    for route in ROUTES:
        link = DELIVERY_CELLS[named(route)].about == "link"
        assert route.access == ("signed" if link else "caller"), route


@pytest.mark.parametrize("route", [pytest.param(route, id=named(route)) for route in ROUTES])
async def test_everybody_decides_for_himself_only(
    server: Server, service: PushService, route: RouteAccess
) -> None:
    scene, fresh = await build(server, service), True
    for target in TARGETS:
        for persona in PERSONAS:
            if not fresh:
                scene, fresh = await build(server, service), True
            before = await tops()
            answer = await send(scene, persona, route, target)
            want = expected(route, persona, target)
            assert answer.status_code == want, (persona, target, answer.text)
            strange: Any = scene.browsers["foreign"]
            assert strange not in answer.text, (persona, target)
            if answer.status_code >= 400:
                assert await tops() == before, (persona, target)
            fresh = route.method == "GET" or await tops() == before
