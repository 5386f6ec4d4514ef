"""The queue of one live connection, and how it ends."""

import asyncio
from time import monotonic
from uuid import uuid4

import pytest

from tests.core.hub_peers import Client, soon
from wealist.core.frames import Frame
from wealist.core.outbox import MOST_BYTES, TOO_SLOW, Outbox


def frame(seq: int, size: int = 20) -> Frame:
    return Frame("e", seq, '{"payload":' + "1" * size + "}")


async def test_what_is_pushed_is_written_in_order_and_an_idle_connection_keeps_no_task() -> None:
    client = Client()
    for seq in range(1, 6):
        client.outbox.push(frame(seq))
    await soon(lambda: client.seqs == [1, 2, 3, 4, 5])
    await asyncio.sleep(0)
    assert (client.outbox._task, client.outbox._queue) == (None, None)


@pytest.mark.parametrize(("after", "heard"), [(True, [1, 2, 3]), (False, [])])
async def test_a_farewell_comes_last_or_instead_of_what_waits(
    after: bool, heard: list[int]
) -> None:
    client = Client()
    for seq in (1, 2, 3):
        client.outbox.push(frame(seq))
    client.outbox.end(1000, "gone", after=after)
    client.outbox.end(1012, "too late")
    client.outbox.push(frame(4))
    await soon(lambda: client.codes == [1000])
    assert client.seqs == heard


async def test_who_does_not_read_is_sent_away_and_stalls() -> None:
    client = Client(deaf=True)
    for seq in range(100):
        client.outbox.push(frame(seq, MOST_BYTES // 50))
    assert client.outbox.code == TOO_SLOW
    assert monotonic() - client.outbox.since < 10
    assert monotonic() + 11 - client.outbox.since > 10


async def test_the_end_of_a_connection_ends_its_writer_and_its_farewell() -> None:
    cancelled: list[str] = []

    async def hang(what: str) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(what)
            raise

    for push in (True, False):
        outbox = Outbox(uuid4(), lambda _: hang("write"), lambda *_: hang("farewell"))
        if push:
            outbox.push(frame(1))
            await asyncio.sleep(0)
        outbox.end(1012, "come back")
        await asyncio.sleep(0)
        async with asyncio.timeout(1):
            await outbox.finish()
    assert cancelled == ["write", "farewell"]


async def test_who_does_not_leave_after_the_farewell_counts_as_stalled() -> None:
    client = Client()
    client.outbox.end(1000, "gone")
    await soon(lambda: client.codes == [1000])
    assert monotonic() - client.outbox.since < 10
    assert monotonic() + 11 - client.outbox.since > 10
