"""What an operator sees of live boards: metrics, and the command that proves delivery."""

import re

from tests.live.conftest import Pair
from tests.live.listening import Kanban, Listener
from tests.live.servers import Replica, until
from tests.platform.processes import environment, wealist


async def metrics(replica: Replica) -> dict[str, float]:
    """The samples of live connections, hub and bus."""
    async with replica.client(internal=True) as http:
        text = (await http.get("/metrics")).text
    found = re.findall(r"^(wealist_(?:live|hub|bus)_\S+) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


async def test_live_delivery_is_measured_on_the_replica_that_delivers(pair: Pair) -> None:
    kanban = await Kanban.of(pair.one)
    before = await metrics(pair.two)
    async with Listener.on(pair.two, kanban.project, kanban.owner) as listener:
        await kanban.move(pair.one, "review")
        await kanban.move(pair.one, "approved")
        await listener.heard(2)
        cursor = listener.cursor
        during = await metrics(pair.two)
    async with Listener.on(pair.two, kanban.project, kanban.owner, since=cursor):
        pass
    async with Listener.on(pair.two, kanban.project, kanban.owner, since="other:1"):
        pass
    after = await metrics(pair.two)

    def more(name: str, later: dict[str, float]) -> float:
        return later[name] - before.get(name, 0)

    assert during["wealist_bus_connected"] == 1
    assert more('wealist_live_connections{kind="socket"}', during) == 1
    assert more("wealist_live_deliveries_total", during) == 2
    assert more("wealist_live_fanout_seconds_count", during) == 2
    assert more("wealist_live_fanout_seconds_sum", during) < 1
    outcomes = [f'wealist_live_resumes_total{{outcome="{one}"}}' for one in ("fresh", "resumed")]
    assert [more(name, after) for name in outcomes] == [1, 1]
    assert more('wealist_live_resumes_total{outcome="reset"}', after) == 1


async def test_a_lost_bus_shows_in_the_metrics(pair: Pair) -> None:
    await pair.valkey.kill()
    try:

        async def away() -> bool:
            return (await metrics(pair.two))["wealist_bus_connected"] == 0

        await until(away, within=10, what="the bus is seen to be away")
    finally:
        await pair.valkey.restart()

    async def back() -> bool:
        return (await metrics(pair.two))["wealist_bus_connected"] == 1

    await until(back, within=15, what="the bus is seen to be back")


async def test_the_checker_proves_two_replicas(pair: Pair) -> None:
    one, two = ("--url", pair.one.url), ("--replica-url", pair.two.url)
    few = ("--events", "60", "--readers", "4")
    done = await wealist("check-realtime", *one, *two, *few, env=environment())
    assert done.status == 0, done.out + done.err
    assert "without a gap, for 60 changes" in done.out
    assert len(re.findall(r"^✓ reader", done.out, re.MULTILINE)) == 4
    assert "nothing is broken" in done.out


async def test_the_checker_says_what_is_wrong(pair: Pair) -> None:
    nobody = "http://127.0.0.1:9"
    done = await wealist("check-realtime", "--url", nobody, "--events", "5", env=environment())
    assert done.status == 2
    assert "the check could not be made" in done.out
    assert done.err == ""
    forged = ("--url", pair.one.url, "--token", "forged", "--events", "5")
    done = await wealist("check-realtime", *forged, env=environment())
    assert done.status == 2
    assert "401" in done.out
    assert done.err == ""
