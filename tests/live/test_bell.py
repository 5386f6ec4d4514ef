"""The stream of a person's notifications, from real servers: on time, exactly once, to the end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.live.bells import API, KEY, Bell, Desk
from tests.live.conftest import Pair
from tests.live.servers import Replica, until
from wealist.embedded.valkey import Valkey

BELLS = 3


@pytest.fixture(scope="module")
async def pair(
    database_url: str, private_key: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pair]:
    folder = tmp_path_factory.mktemp("bells")
    async with contextlib.AsyncExitStack() as stack:
        valkey = await Valkey.start(folder / "valkey")
        stack.push_async_callback(valkey.stop)
        replicas = [
            await stack.enter_async_context(
                replica(folder / name, database_url, private_key, valkey.url)
            )
            for name in ("one", "two")
        ]
        yield Pair(*replicas, valkey)


def replica(
    folder: Path, database_url: str, private_key: str, redis_url: str
) -> contextlib.AbstractAsyncContextManager[Replica]:
    return Replica.start(
        folder,
        database_url=database_url,
        redis_url=redis_url,
        JWT_RSA_PRIVATE_KEY=private_key,
        INTERNAL_API_KEY=KEY,
        WEALIST_BELLS_PER_USER=str(BELLS),
        LOG_LEVEL="debug",
    )


async def test_it_begins_as_the_contract_says(pair: Pair) -> None:
    desk = await Desk.of(pair.one)
    async with Bell.of(pair.one, desk.ann) as bell:
        [(name, _, data)] = bell.events
        assert (name, data, bell.retry) == ("connected", {"status": "connected"}, "3000")
        headers = bell.answer.headers
        assert headers["content-type"].startswith("text/event-stream")
        assert headers["cache-control"] == "no-cache"
        assert headers["x-accel-buffering"] == "no"
        assert headers["connection"] == "keep-alive"
        assert "x-request-id" in headers


async def test_a_notification_arrives_on_all_devices_and_replicas(pair: Pair) -> None:
    desk = await Desk.of(pair.one)
    async with (
        Bell.of(pair.one, desk.ann) as phone,
        Bell.of(pair.two, desk.ann) as laptop,
        Bell.of(pair.two, desk.boss) as other,
    ):
        [told] = await desk.tell(pair.one)
        for bell in (phone, laptop):
            [heard] = await bell.heard(1)
            assert heard["id"] == told
            assert heard == (await desk.listed(pair.two))[0]
            await bell.until(lambda bell=bell: bell.names[-1] == "unread-count")
            assert bell.events[-1][2] == {"count": 2, "workspaceId": desk.workspace_id}
        assert phone.events == laptop.events
        assert other.names == ["connected"]


async def test_what_one_tab_does_the_others_see(pair: Pair) -> None:
    desk = await Desk.of(pair.one)
    [one] = await desk.listed(pair.one)
    async with Bell.of(pair.one, desk.ann) as here, Bell.of(pair.two, desk.ann) as there:
        path = f"{API}/{one['id']}"
        read = await pair.one.http.patch(f"{path}/read", headers=desk.ann.headers)
        await pair.two.http.delete(path, headers=desk.ann.headers)
        for bell in (here, there):
            await bell.until(lambda bell=bell: len(bell.events) == 4)
            assert [(name, data) for name, _, data in bell.events[1:]] == [
                (
                    "notification-read",
                    {
                        "workspaceId": desk.workspace_id,
                        "ids": [one["id"]],
                        "readAt": read.json()["readAt"],
                    },
                ),
                ("unread-count", {"count": 0, "workspaceId": desk.workspace_id}),
                ("notification-deleted", {"workspaceId": desk.workspace_id, "ids": [one["id"]]}),
            ]


async def test_a_change_of_a_card_rings_at_once_wherever_its_people_are(pair: Pair) -> None:
    desk = await Desk.of(pair.one)
    async with Bell.of(pair.two, desk.ann) as bell:
        board = "/svc/board/api"
        project = await pair.one.http.post(
            f"{board}/projects",
            json={"workspaceId": desk.workspace_id, "name": "Plan"},
            headers=desk.boss.headers,
        )
        await pair.one.http.post(
            f"{board}/boards",
            json={
                "projectId": project.json()["data"]["projectId"],
                "title": "Card",
                "assigneeId": desk.ann.user_id,
            },
            headers=desk.boss.headers,
        )
        [told] = await bell.heard(1, within=3)
    assert told["type"] == "BOARD_ASSIGNED"
    assert told["metadata"]["projectName"] == "Plan"


async def test_who_comes_back_hears_what_he_missed_once(pair: Pair) -> None:
    desk = await Desk.of(pair.one)
    async with Bell.of(pair.one, desk.ann) as bell:
        await desk.tell(pair.one)
        await bell.until(lambda: bell.names[-1] == "unread-count")
        cursor = bell.cursor
    missed = await desk.tell(pair.two, 90)
    for given in ({"last": cursor}, {"lastEventId": cursor}):
        async with Bell.of(pair.two, desk.ann, **given) as back:
            assert back.names[0] == "connected"
            [now] = await desk.tell(pair.one)
            missed.append(now)
            heard = await back.heard(len(missed))
            assert [one["id"] for one in heard] == missed
            await back.until(lambda back=back: back.names[-1] == "unread-count")
            assert len(back.notifications) == len(missed)
            assert "resumed" in back.names
            assert "reset" not in back.names


async def test_without_a_place_nothing_is_told_again(pair: Pair) -> None:
    desk = await Desk.of(pair.one)
    await desk.tell(pair.one, 5)
    async with Bell.of(pair.one, desk.ann) as bell:
        [told] = await desk.tell(pair.two)
        assert [one["id"] for one in await bell.heard(1)] == [told]
    assert len(bell.notifications) == 1


@pytest.mark.parametrize("place", ["too much missed", "nonsense", "another epoch"])
async def test_who_cannot_go_on_is_told_to_read_again(pair: Pair, place: str) -> None:
    desk = await Desk.of(pair.one)
    async with Bell.of(pair.one, desk.ann) as bell:
        cursor = bell.cursor
    for _ in range(3):
        await desk.tell(pair.one, 100)
    last = {"too much missed": cursor, "nonsense": "what", "another epoch": "x:1"}[place]
    async with Bell.of(pair.two, desk.ann, last=last) as back:
        [told] = await desk.tell(pair.one)
        await back.heard(1)
        assert back.names[:3] == ["connected", "reset", "notification"]
        assert [one["id"] for one in back.notifications] == [told]
        # From there it goes on.
        place = back.events[1][1]
    async with Bell.of(pair.two, desk.ann, last=place) as again:
        assert [one["id"] for one in await again.heard(1)] == [told]


async def test_bells_can_be_of_one_workspace(pair: Pair) -> None:
    name = "ann-of-two"
    one = await Desk.of(pair.one, name=name)
    two = await Desk.of(pair.one, one.ann, name)
    async with (
        Bell.of(pair.one, one.ann, workspaceId=two.workspace_id) as narrow,
        Bell.of(pair.one, one.ann) as wide,
    ):
        first = await one.tell(pair.two, 2)
        second = await two.tell(pair.two, 2)
        assert [told["id"] for told in await narrow.heard(2)] == second
        assert [told["id"] for told in await wide.heard(4)] == first + second
    refused = await pair.one.http.get(
        f"{API}/stream", params={"token": one.ann.access, "workspaceId": "x"}
    )
    assert refused.status_code == 400


async def test_one_bell_too_many_ends_the_oldest(pair: Pair) -> None:
    desk = await Desk.of(pair.one)
    async with contextlib.AsyncExitStack() as stack:
        bells = [
            await stack.enter_async_context(Bell.of(pair.one, desk.ann)) for _ in range(BELLS + 2)
        ]
        for old in bells[:2]:
            await old.until(lambda old=old: old.ended)
            assert old.names[-1] == "bye"
        [told] = await desk.tell(pair.one)
        for bell in bells[2:]:
            assert [one["id"] for one in await bell.heard(1)] == [told]


async def test_twenty_bells_opened_at_once_leave_as_many_as_may_be(pair: Pair) -> None:
    desk = await Desk.of(pair.one)
    async with contextlib.AsyncExitStack() as stack:
        bells = await asyncio.gather(
            *(stack.enter_async_context(Bell.of(pair.one, desk.ann)) for _ in range(20))
        )

        def enough() -> bool:
            return sum(not bell.ended for bell in bells) == BELLS

        await until(enough, within=5, what="only the newest are open")
        await asyncio.sleep(0.2)
        assert enough()


@pytest.mark.parametrize(
    ("token", "header", "says"),
    [
        ("", "", "No token provided"),
        ("nonsense", "", "Invalid token"),
        ("", "Bearer nonsense", "Invalid token"),
    ],
)
async def test_strangers_are_refused(pair: Pair, token: str, header: str, says: str) -> None:
    headers = {"authorization": header} if header else {}
    answer = await pair.one.http.get(f"{API}/stream", params={"token": token}, headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"success": False, "error": {"code": "UNAUTHORIZED", "message": says}}


async def test_the_token_of_the_address_counts_before_that_of_the_header(pair: Pair) -> None:
    desk = await Desk.of(pair.one)
    refused = await pair.one.http.get(
        f"{API}/stream", params={"token": "nonsense"}, headers=desk.ann.headers
    )
    assert refused.status_code == 401
    wrong = {"authorization": "Bearer nonsense"}
    params = {"token": desk.ann.access}
    async with pair.one.http.stream("GET", f"{API}/stream", params=params, headers=wrong) as answer:
        assert answer.status_code == 200


async def test_a_session_that_ends_ends_its_bell_on_every_replica(pair: Pair) -> None:
    desk = await Desk.of(pair.one)
    async with Bell.of(pair.two, desk.ann) as bell:
        await pair.one.log_out(desk.ann)
        await bell.until(lambda: bell.ended)
        assert bell.events[-1][0] == "bye"


async def test_streams_are_measured_and_their_tokens_not_logged(pair: Pair) -> None:
    desk = await Desk.of(pair.one)
    async with Bell.of(pair.one, desk.ann) as bell:
        await desk.tell(pair.one)
        await bell.heard(1)
        async with pair.one.client(internal=True) as http:
            text = (await http.get("/svc/noti/metrics")).text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("noti_"))
    assert float(values["noti_service_sse_connections_active_total"]) >= 1
    assert float(values["noti_service_sse_connections_created_total"]) >= 1
    assert float(values["noti_service_notifications_created_total"]) >= 1
    assert float(values["noti_service_notifications_delivered_total"]) >= 1
    assert float(values["noti_service_notification_delivery_duration_seconds_count"]) >= 1
    assert desk.ann.access.rpartition(".")[2] not in pair.one.output


async def test_a_replica_that_is_killed_loses_nothing_and_says_nothing_twice(
    pair: Pair, database_url: str, private_key: str, tmp_path: Path
) -> None:
    desk = await Desk.of(pair.one)
    told: list[str] = []
    async with replica(tmp_path / "three", database_url, private_key, pair.valkey.url) as three:
        async with Bell.of(three, desk.ann) as bell:
            told += await desk.tell(pair.one, 10)
            await bell.heard(10)
            writing = asyncio.create_task(_tell_slowly(desk, pair.one, 30))
            await bell.heard(15)
            await three.kill()
            await bell.until(lambda: bell.ended)
        heard, cursor = bell.notifications, bell.cursor
    async with Bell.of(pair.two, desk.ann, last=cursor) as back:
        told += await writing
        await back.heard(len(told) - len(heard))
        [last] = await desk.tell(pair.one)
        await back.until(lambda: back.notifications[-1]["id"] == last)
    assert [one["id"] for one in heard + back.notifications] == [*told, last]


async def _tell_slowly(desk: Desk, by: Replica, count: int) -> list[str]:
    told = []
    for _ in range(count):
        told += await desk.tell(by)
        await asyncio.sleep(0.01)
    return told


async def test_what_a_killed_replica_had_committed_is_told_by_another(
    pair: Pair, database_url: str, private_key: str, tmp_path: Path
) -> None:
    desk = await Desk.of(pair.one)
    async with Bell.of(pair.two, desk.ann) as bell:
        async with replica(tmp_path / "four", database_url, private_key, pair.valkey.url) as four:
            asked = asyncio.create_task(_rename_until_killed(four, desk))
            await bell.heard(3)
            await four.kill()
            acknowledged = await asked
        # Each acknowledged change is told, one whose answer was lost may be.
        await bell.heard(acknowledged, within=20)
        await asyncio.sleep(0.5)
        assert acknowledged <= len(bell.notifications) <= acknowledged + 1
        assert len({one["id"] for one in bell.notifications}) == len(bell.notifications)


async def _rename_until_killed(by: Replica, desk: Desk) -> int:
    """How many notifications acknowledged changes have caused."""
    board, count = "/svc/board/api", 0
    headers = desk.boss.headers
    project = await by.http.post(
        f"{board}/projects",
        json={"workspaceId": desk.workspace_id, "name": "Plan"},
        headers=headers,
    )
    card = await by.http.post(
        f"{board}/boards",
        json={
            "projectId": project.json()["data"]["projectId"],
            "title": "Card",
            "assigneeId": desk.ann.user_id,
        },
        headers=headers,
    )
    count += 1
    path = f"{board}/boards/{card.json()['data']['boardId']}"
    try:
        for number in range(500):
            answer = await by.http.put(path, json={"title": f"Card {number}"}, headers=headers)
            count += answer.status_code == 200
    except httpx.HTTPError:
        pass
    return count


async def test_a_server_that_stops_sends_everybody_elsewhere(
    pair: Pair, database_url: str, private_key: str, tmp_path: Path
) -> None:
    desk = await Desk.of(pair.one)
    async with replica(tmp_path / "five", database_url, private_key, pair.valkey.url) as five:
        async with Bell.of(five, desk.ann) as bell:
            five.terminate()
            await bell.until(lambda: bell.ended)
            assert bell.events[-1][0] == "bye"
        assert await five.ended() == 0
