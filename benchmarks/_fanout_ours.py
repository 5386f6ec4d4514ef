"""The real server, with a way to announce events that nobody has written to the database.

`python -m benchmarks._fanout_ours PORT`; a line `PROJECT N` on stdin announces N events to the
project's channel, each a frame of 300 characters. Everything from the hub on is as in production.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime

import uvloop
from benchmarks._fanout_bare import BURST
from msgspec import Raw

from wealist import server
from wealist.core import frames, hub
from wealist.core.environment import from_env
from wealist.core.events import Event

SIZE = 300


def events(channel: str, first: int, count: int, filler: int) -> list[Event]:
    payload = Raw(b'{"text":"' + b"x" * filler + b'"}')
    return [
        Event(channel, first + n, "BOARD_UPDATED", None, payload, None, datetime.now(UTC))
        for n in range(count)
    ]


async def announce(project: str, count: int) -> None:
    name = f"board:{project}"
    channel = hub.current()._channels[name]
    assert channel.last is not None
    probe = frames.encode(events(name, channel.last + 1, 1, 0)[0], channel.epoch)
    for start in range(0, count, BURST):
        burst = events(name, channel.last + 1, min(BURST, count - start), SIZE - probe.size)
        hub.current().announce(burst, channel.epoch)
        await asyncio.sleep(0)
        while any(listener._task is not None for listener in channel.live):  # type: ignore[attr-defined]
            await asyncio.sleep(0)


async def unchecked() -> None:
    """Takes the place of comparing channels with the log."""


async def main(port: int) -> None:
    settings = from_env({**os.environ, "WEALIST_PORT": str(port)})
    async with server.running(settings):
        # It would find that the log has nothing of what is announced here, and begin anew.
        hub.current()._watch.check = unchecked  # type: ignore[method-assign]
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            project, count = line.decode().split()
            await announce(project, int(count))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
