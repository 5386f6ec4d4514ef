"""PostgreSQL goes away under a running server, and comes back."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx
import pytest

from tests.live.database import Database
from tests.live.servers import READY_PATH, Replica, Session, until
from wealist.core.readiness import FRESH, PROBE_EVERY

NOTICED = 5.0
"""Seconds until a request says that the database is away, or works because it is back."""


class Scene(NamedTuple):
    replica: Replica
    database: Database
    ann: Session


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("outage")
    database = Database(folder / "pg")
    await database.start()
    try:
        async with Replica.start(folder / "data", database_url=database.url) as replica:
            yield Scene(replica, database, await replica.sign_in("ann"))
    finally:
        await database.stop()


async def answers(scene: Scene, status: int) -> httpx.Response:
    """Ask for the workspaces until the answer has this status."""
    last: list[httpx.Response] = []

    async def does() -> bool:
        last[:] = [await scene.replica.list_workspaces(scene.ann)]
        assert last[0].status_code in (200, 503), last[0].text
        return last[0].status_code == status

    await until(does, within=NOTICED, what=f"an answer {status}")
    return last[0]


async def test_without_its_database_it_says_when_to_come_back_and_recovers_by_itself(
    scene: Scene,
) -> None:
    await scene.database.stop()
    answer = await answers(scene, 503)
    assert answer.json()["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert int(answer.headers["Retry-After"]) > 0
    assert (await scene.replica.http.get("/svc/user/health/live")).status_code == 200
    await scene.database.start()
    await answers(scene, 200)
    assert await scene.replica.create_workspace(scene.ann, "Back")
    assert "request failed" not in scene.replica.output, "an outage is no surprise"


async def test_it_is_not_ready_after_its_window_until_the_database_is_back(scene: Scene) -> None:
    await scene.database.stop()
    await answers(scene, 503)
    assert await scene.replica.is_ready(), "a short outage turns no traffic away"

    async def not_ready() -> bool:
        return not await scene.replica.is_ready()

    await until(not_ready, within=FRESH + PROBE_EVERY, every=0.2, what="it is not ready")
    assert (await scene.replica.http.get(READY_PATH)).json()["status"] == "not_ready"
    await scene.database.start()
    await until(scene.replica.is_ready, within=2 * PROBE_EVERY, what="it is ready again")
