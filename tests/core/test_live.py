"""Live connections: how many one user may hold, and how they end with their session."""

import asyncio
import contextlib
import gc
import time
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.core.hub_peers import Client, channel, family, say, silent, soon
from tests.people import Server
from wealist.core import identity, live, live_socket
from wealist.core.errors import Forbidden, TooMany, Unavailable
from wealist.core.hub import Authorize
from wealist.core.identity import Caller
from wealist.core.live import Connection, Connections
from wealist.core.live_stream import Stream


def somebody(*, seconds: float = 1800, user_id: UUID | None = None, session: str = "f") -> Caller:
    return Caller(user_id or uuid4(), None, "t", session, (), int(time.time() + seconds))


class Store:
    """Stands for the token store: it may be away, and it counts who asks how often."""

    def __init__(self) -> None:
        self.away = False
        self.ended: set[str] = set()
        self.asked: list[str] = []
        self.largest = 0

    async def ended_among(self, sessions: Sequence[str]) -> set[str]:
        self.asked += sessions
        self.largest = max(self.largest, len(sessions))
        await asyncio.sleep(0.005)
        if self.away:
            raise Unavailable("away")
        return self.ended & set(sessions)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()
    monkeypatch.setattr(identity, "ended", made.ended_among)
    monkeypatch.setattr(live, "TICK", 0.1)
    return made


@contextlib.contextmanager
def task(work: Any) -> Iterator[None]:
    running = asyncio.create_task(work)
    try:
        yield
    finally:
        assert not running.done()
        running.cancel()


@contextlib.asynccontextmanager
async def held(
    connections: Connections, count: int, caller: Caller | None = None
) -> AsyncIterator[list[Connection]]:
    """Open connections, each of a session of its own."""
    with contextlib.ExitStack() as stack:
        made = []
        for number in range(count):
            mine = caller or somebody(session=f"session {number}")
            connection = connections.place("socket", mine)
            stack.enter_context(connection)
            made.append(connection)
        await asyncio.gather(*(one.open(Client().outbox) for one in made))
        yield made


def code(connection: Connection) -> int | None:
    assert connection.outbox is not None
    return connection.outbox.code


# --- how many -----------------------------------------------------------------------------------


class Knock:
    """A handshake of somebody whose access is looked up for a while."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {"headers": [], "query_string": b""}
        self.query_params: dict[str, str] = {}
        self.sent: list[Any] = []
        self.gone = asyncio.Event()

    async def accept(self) -> None:
        self.sent.append("accept")

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "websocket.disconnect"}

    @property
    def said(self) -> str:
        return str(self.sent)


async def hold(knock: Any, caller: Caller, name: str, authorize: Authorize) -> None:
    """Serve a socket that follows a channel."""
    attend = partial(
        live_socket.follow, channel=name, cursor=None, authorize=authorize, greeting=silent
    )
    await live_socket.serve(knock, caller, authorize=authorize, attend=attend)


async def test_of_many_who_knock_at_once_only_so_many_get_in(server: Server, store: Store) -> None:
    async def slowly() -> None:
        await asyncio.sleep(0.02)

    caller = somebody()
    most = server.settings.sockets_per_user
    knocks = [Knock() for _ in range(most + 10)]
    name = channel()
    with family():
        served = [asyncio.create_task(hold(knock, caller, name, slowly)) for knock in knocks]
        await soon(lambda: live.connections().count == most)
        assert sum("accept" in knock.sent for knock in knocks) == most
        for knock in knocks:
            knock.gone.set()
        ends = await asyncio.gather(*served, return_exceptions=True)
    assert sum(isinstance(end, TooMany) for end in ends) == 10
    assert live.connections().count == 0
    assert live.connections()._users == {}


async def test_who_may_not_listen_takes_no_place_and_hears_it_before_anything_is_sent(
    server: Server,
) -> None:
    async def refuse() -> None:
        raise Forbidden("no")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {"state": {"caller": somebody(), "token": "token"}}
    stream = Stream(scope, channel(), None, authorize=refuse, greeting=silent)
    with pytest.raises(Forbidden):
        await stream(scope, Knock().receive, send)
    knock: Any = Knock()
    with pytest.raises(Forbidden):
        await hold(knock, somebody(), channel(), refuse)
    assert (sent, knock.sent, live.connections()._users) == ([], [], {})


async def test_a_place_is_free_again_after_its_connection(store: Store) -> None:
    connections, caller = Connections(2), somebody()
    async with held(connections, 2, caller):
        with pytest.raises(TooMany), connections.place("stream", caller):
            pass
        async with held(connections, 2):
            assert connections.count == 4
    async with held(connections, 2, caller):
        pass
    assert (connections.count, connections._users) == (0, {})


# --- how they end -------------------------------------------------------------------------------


async def test_a_session_that_ends_during_the_handshake_ends_the_connection(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows the connection yet when the revocation arrives."""
    monkeypatch.setattr(live.connections(), "_suspect_some", lambda share: None)
    person = await server.person("Ann")
    caller = await identity.authenticate(person.token)
    assert caller.family is not None

    async def meanwhile() -> None:
        if "accept" not in knock.sent:
            await identity.revoke_family(caller.family or "")

    knock: Any = Knock()
    name = channel()
    with family():
        serving = asyncio.create_task(hold(knock, caller, name, meanwhile))
        await soon(lambda: "4401" in knock.said, within=1)
        await say(name, 1)
        knock.gone.set()
        await serving
    assert "payload" not in knock.said


async def test_a_connection_that_opens_while_the_server_stops_is_sent_elsewhere(
    store: Store,
) -> None:
    connections = Connections(5)
    with connections.place("socket", somebody()) as late:
        await connections.drain()
        await late.open(Client().outbox)
        assert code(late) == live.RESTART
    with pytest.raises(Unavailable), connections.place("socket", somebody()):
        pass


async def test_a_connection_ends_when_its_token_expires_and_not_before(store: Store) -> None:
    connections = Connections(5)
    expired = somebody(seconds=-live.LEEWAY_SECONDS + 1)
    async with held(connections, 1, expired) as [one], held(connections, 1) as [other]:
        with task(connections._tick()):
            await soon(lambda: code(one) == live.SIGN_IN_AGAIN)
        assert code(other) is None


async def test_nothing_is_kept_of_connections_that_are_closed(store: Store) -> None:
    connections = Connections(5)
    clients = []
    with task(connections._tick()), task(connections._recheck()):
        for _ in range(50):
            async with held(connections, 2) as made:
                clients += [weakref.ref(one.outbox._write.__self__) for one in made]  # type: ignore
                connections._suspect_all()
            del made
        await asyncio.sleep(0.2)
        gc.collect()
        assert [ref for ref in clients if ref() is not None] == []
    assert connections._suspects == {}


# --- tokens that are looked at again ------------------------------------------------------------


async def test_every_token_is_looked_at_again_in_a_while_and_none_much_more_often(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RECHECK_SECONDS", 1.0)
    connections = Connections(1)
    async with held(connections, 400):
        store.asked.clear()
        store.largest = 0
        with task(connections._recheck()):
            await asyncio.sleep(1.6)
            assert len(set(store.asked)) == 400
            assert len(store.asked) < 800
            assert len(connections._suspects) <= 400
    assert 1 < store.largest <= live.AT_ONCE


async def test_after_a_gap_every_session_that_ended_is_found_however_long_the_store_is_away(
    store: Store,
) -> None:
    connections = Connections(1)
    async with held(connections, 100) as made:
        store.away = True
        store.ended = {"session 7", "session 99"}
        connections._suspect_all()
        connections._suspect_all()
        with task(connections._recheck()):
            await asyncio.sleep(0.3)
            assert len(connections._suspects) == 100
            assert len(store.asked) < 100 + 10 * live.AT_ONCE, "while it is away it is left alone"
            store.away = False
            await soon(lambda: code(made[7]) == code(made[99]) == live.SIGN_IN_AGAIN, within=2)
        assert sum(code(one) is None for one in made) == 98
