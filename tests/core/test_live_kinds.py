"""Kinds of live connections: some end the oldest where others refuse one more, and some outlive
their token for a while."""

import asyncio
import contextlib

import pytest

from tests.core.hub_peers import Client
from tests.core.test_live import Store, code, held, somebody, store, task
from tests.live.servers import until
from wealist.core import live
from wealist.core.errors import TooMany
from wealist.core.live import Connections, Kind

__all__ = ["store"]

BELL = Kind("bell", most=3, grace=2.0)


async def test_one_more_ends_the_oldest_even_while_all_are_about_to_open(store: Store) -> None:
    connections, caller = Connections(2), somebody()
    with contextlib.ExitStack() as stack:
        bells = [stack.enter_context(connections.place(BELL, caller)) for number in range(20)]
        await asyncio.gather(*(one.open(Client().outbox) for one in bells))
        assert [code(one) for one in bells] == [live.REPLACED] * 17 + [None] * 3
        with connections.place(BELL, somebody()):
            assert [one.ended for one in bells[-3:]] == [False] * 3


async def test_they_are_counted_apart_from_others(store: Store) -> None:
    connections, caller = Connections(2), somebody()
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connections.place(BELL, caller))
        for kind in ("socket", "stream"):
            stack.enter_context(connections.place(kind, caller))
        with pytest.raises(TooMany), connections.place("socket", caller):
            pass


async def test_they_outlive_their_token_but_not_their_session(store: Store) -> None:
    connections = Connections(20)
    with task(connections._tick()):
        caller = somebody(seconds=-1)
        with connections.place(BELL, caller) as bell:
            await bell.open(Client().outbox)
            async with held(connections, 1, somebody(seconds=-1)) as [socket]:
                await until(lambda: code(socket) is not None, within=2, what="the socket ends")
            assert code(bell) is None
            await until(lambda: code(bell) == live.SIGN_IN_AGAIN, within=5, what="it ends, too")
    with connections.place(BELL, somebody(session="revoked")) as bell:
        store.ended.add("revoked")
        await bell.open(Client().outbox)
        assert code(bell) == live.SIGN_IN_AGAIN
