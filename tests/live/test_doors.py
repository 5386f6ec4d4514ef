"""The three doors to what happens in a project, and how connections begin and end."""

from collections.abc import AsyncIterator
from uuid import uuid4

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.live.listening import Kanban, Listener, address
from tests.live.servers import Replica, until
from wealist.doctor.realtime.account import API, Account
from wealist.doctor.realtime.reader import Reader


@pytest.fixture(scope="module")
async def replica(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Replica]:
    folder = tmp_path_factory.mktemp("doors") / "data"
    async with Replica.start(
        folder,
        database_url=database_url,
        WEALIST_SOCKETS_PER_USER="6",
        CORS_ORIGINS="https://app.example.org",
        LOG_LEVEL="debug",
    ) as one:
        yield one


async def frames(replica: Replica, kanban: Kanban, since: str | None = None) -> dict:  # type: ignore[type-arg]
    """The third door."""
    answer = await replica.http.get(
        f"{API}/projects/{kanban.project}/changes",
        params={"since": since} if since else {},
        headers=kanban.owner.headers,
    )
    assert answer.status_code == 200, answer.text
    found: dict = answer.json()["data"]  # type: ignore[type-arg]
    return found


@pytest.mark.parametrize("door", ["socket", "stream"])
@pytest.mark.parametrize("place", ["missed", "other epoch", "nonsense"])
async def test_a_cursor_brings_what_was_missed_or_says_that_it_cannot(
    replica: Replica, kanban: Kanban, door: str, place: str
) -> None:
    cursor = (await frames(replica, kanban))["cursor"]
    epoch, _, seq = cursor.partition(":")
    for number in range(20):
        await kanban.rename(replica, f"Title {number}")
    account = Account([replica.url], "ann", kanban.owner.access)
    reader = Reader(account, kanban.project, [replica.url], door, door)
    reader.start = int(seq)
    reader.cursor = {"missed": cursor, "other epoch": f"x:{seq}", "nonsense": "what"}[place]
    await reader.begin()
    try:
        await until(lambda: reader.last == int(seq) + 20, within=5, what="all heard")
        await kanban.rename(replica, "Now")
        await until(lambda: reader.last == int(seq) + 21, within=5, what="the newest")
    finally:
        await reader.stop()
        await account.close()
    changes = await frames(replica, kanban, f"{epoch}:{seq}")
    log = [event["seq"] for event in changes["events"]]
    assert log == list(range(int(seq) + 1, int(seq) + 22))
    if place == "missed":
        assert (reader.resets, reader.complaints(log)) == (0, [])
    else:
        assert (reader.resets, reader.seqs) == (1, [int(seq) + 21])
        assert (await frames(replica, kanban, f"x:{seq}"))["reset"] is True


async def test_all_doors_tell_the_same_in_the_shape_of_the_contract(
    replica: Replica, kanban: Kanban
) -> None:
    cursor = (await frames(replica, kanban))["cursor"]
    async with Listener.on(replica, kanban.project, kanban.owner) as listener:
        assert listener.control[0]["type"] == "BOARD_UPDATED"
        await kanban.move(replica, "review")
        [frame] = await listener.heard(1)
    assert frame["payload"]["from"] == "pending"
    assert frame["payload"]["to"] == "review"
    assert frame["boardId"] == kanban.card
    assert frame.keys() == {
        "type",
        "payload",
        "boardId",
        "seq",
        "epoch",
        "actorId",
        "at",
    }
    assert (await frames(replica, kanban, cursor))["events"] == [frame]
    headers = {"Last-Event-ID": cursor, **kanban.owner.headers}
    path = f"{API}/projects/{kanban.project}/events"
    async with replica.client() as http, http.stream("GET", path, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["cache-control"] == "no-cache"
        lines = answer.aiter_lines()
        assert await anext(lines) == "retry: 3000"
        assert await anext(lines) == ""
        assert await anext(lines) == f"id: {frame['epoch']}:{frame['seq']}"
        assert msgspec.json.decode((await anext(lines)).removeprefix("data: ")) == frame


async def test_strangers_are_refused_before_the_handshake_ends(
    replica: Replica, kanban: Kanban
) -> None:
    stranger = await replica.sign_in(f"eve-{uuid4().hex[:8]}")
    for token, status in (("", 401), ("nonsense", 401), (stranger.access, 404)):
        with pytest.raises(InvalidStatus) as refused:
            await connect(address(replica, kanban.project, token))
        assert refused.value.response.status_code == status
    for headers, status in (({}, 401), (stranger.headers, 404)):
        answer = await replica.http.get(f"{API}/projects/{kanban.project}/events", headers=headers)
        assert answer.status_code == status


async def test_a_page_of_another_origin_is_refused(replica: Replica, kanban: Kanban) -> None:
    url = address(replica, kanban.project, kanban.owner.access)
    async with connect(url, origin="https://app.example.org"):  # type: ignore[arg-type]
        pass
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, origin="https://evil.example.org")  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403


async def test_a_token_in_the_query_opens_a_stream_and_no_other_route(
    replica: Replica, kanban: Kanban
) -> None:
    token = {"token": kanban.owner.access}
    path = f"{API}/projects/{kanban.project}"
    async with (
        replica.client() as http,
        http.stream("GET", f"{path}/events", params=token) as answer,
    ):
        assert answer.status_code == 200
    assert (await replica.http.get(f"{path}/changes", params=token)).status_code == 401


async def test_a_token_is_never_logged(replica: Replica, kanban: Kanban) -> None:
    token = kanban.owner.access
    async with connect(address(replica, kanban.project, token)):
        pass
    path = f"{API}/projects/{kanban.project}/events"
    async with replica.client() as http, http.stream("GET", path, params={"token": token}):
        pass
    async with replica.client(internal=True) as http:
        metrics = (await http.get("/metrics")).text
    await until(lambda: "WebSocket closed" in replica.output, within=5, what="the log")
    secret = token.rpartition(".")[2]
    assert secret not in replica.output
    assert secret not in metrics
    assert 'wealist_live_connections{kind="socket"}' in metrics


async def test_json_pings_are_answered_and_other_words_ignored(
    replica: Replica, kanban: Kanban
) -> None:
    async with connect(address(replica, kanban.project, kanban.owner.access)) as socket:
        await socket.recv()
        for text in ("hello", "[1]", '{"type":"other"}', "{", '{"type":"ping"}'):
            await socket.send(text)
        assert msgspec.json.decode(await socket.recv()) == {"type": "pong"}


async def test_who_looks_is_online_until_the_last_tab_closes(
    replica: Replica, kanban: Kanban
) -> None:
    path = f"{API}/projects/{kanban.project}/online-users"

    async def online() -> object:
        return (await replica.http.get(path, headers=kanban.owner.headers)).json()

    nobody = {"onlineUsers": [], "count": 0}
    mine = {"onlineUsers": [kanban.owner.user_id], "count": 1}
    assert await online() == nobody
    url = address(replica, kanban.project, kanban.owner.access)
    async with connect(url) as one:
        async with connect(url) as two:
            await two.recv()
            assert await online() == mine
        await one.recv()
        assert await online() == mine

    async def gone() -> bool:
        return await online() == nobody

    await until(gone, within=5, what="nobody is online")
