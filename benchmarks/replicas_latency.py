"""How long a change takes from its commit to 200 sockets, over two replicas and Redis.

200 events a second, written on both replicas in turn, for 20 seconds; the time is from `at` in the
frame (PostgreSQL's clock just before the commit) to the client.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import msgspec
import uvloop
from benchmarks._table import Row, show
from benchmarks.start import free_port
from benchmarks.workspaces_list import started, until_ready
from tests.live.keys import new_private_key
from websockets.asyncio.client import connect

from wealist.doctor.realtime.account import API, Account, Scratch
from wealist.embedded.postgres import Postgres
from wealist.embedded.valkey import Valkey

SOCKETS = 200
PER_SECOND = 200
SECONDS = 20
P50_MS, P99_MS = 10.0, 50.0


class _Frame(msgspec.Struct):
    at: datetime | None = None


async def listen(url: str, project: str, token: str, found: list[float]) -> None:
    address = f"{url.replace('http', 'ws', 1)}/svc/board/ws/project/{project}?token={token}"
    async with connect(address, compression=None, max_queue=None) as socket:
        async for text in socket:
            moment = msgspec.json.decode(text, type=_Frame).at
            if moment is not None:
                found.append((datetime.now(UTC) - moment).total_seconds() * 1000)


async def write(owner: Account, scratch: Scratch) -> int:
    """Changes at a steady pace; how many were made."""
    began, made = perf_counter(), 0
    tasks: set[asyncio.Task[None]] = set()

    async def one(number: int) -> None:
        card = scratch.cards[number % len(scratch.cards)]
        await owner.call("PUT", f"{API}/boards/{card}", {"title": f"Title {number}"})

    while (elapsed := perf_counter() - began) < SECONDS:
        while made < elapsed * PER_SECOND and len(tasks) < 100:
            task = asyncio.create_task(one(made))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            made += 1
        await asyncio.sleep(0.002)
    await asyncio.gather(*tasks)
    return made


@contextlib.contextmanager
def replicas(folder: Path, env: dict[str, str]) -> Iterator[list[str]]:
    with contextlib.ExitStack() as stack:
        urls = []
        for number in range(2):
            port, log = free_port(), folder / f"{number}.log"
            its = env | {"WEALIST_DATA_DIR": str(folder / f"data-{number}")}
            command = ["wealist", "serve", "--port", str(port), "--internal-port", "0"]
            server = stack.enter_context(started(command, its, log))
            until_ready(server, port, "/svc/user/health/ready", log)
            urls.append(f"http://127.0.0.1:{port}")
        yield urls


async def measure(folder: Path) -> list[Row]:
    postgres = await Postgres.start(folder / "postgres")
    valkey = await Valkey.start(folder / "valkey")
    env = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": postgres.url,
        "REDIS_URL": valkey.url,
        "ENABLE_TEST_AUTH": "true",
        "RATE_LIMIT_ENABLED": "false",
        "JWT_RSA_PRIVATE_KEY": new_private_key(),
        "WEALIST_SOCKETS_PER_USER": "10000",
        "LOG_LEVEL": "warn",
    }
    try:
        with replicas(folder, env) as urls:
            owner = Account(urls, "ann")
            await owner.sign_in()
            scratch = Scratch(owner)
            await scratch.make(20)
            found: list[float] = []
            listeners = [
                asyncio.create_task(listen(urls[n % 2], scratch.project_id, owner.token, found))
                for n in range(SOCKETS)
            ]
            await asyncio.sleep(2)
            made = await write(owner, scratch)
            await asyncio.sleep(1)
            for listener in listeners:
                listener.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)
            await owner.close()
    finally:
        await valkey.stop()
        await postgres.stop()
    found.sort()
    return [
        Row("events a second", made / SECONDS, "/s"),
        Row("deliveries that are missing", made * SOCKETS - len(found), "", 0),
        Row("commit to client, p50", found[len(found) // 2], "ms", P50_MS),
        Row("commit to client, p99", found[int(len(found) * 0.99)], "ms", P99_MS),
        Row("commit to client, longest", found[-1], "ms"),
    ]


def main() -> int:
    print(f"{PER_SECOND} events/s to {SOCKETS} sockets on two replicas, {SECONDS} seconds")
    with (
        tempfile.TemporaryDirectory(prefix="wealist-bench-") as place,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return show(runner.run(measure(Path(place))))


if __name__ == "__main__":
    sys.exit(main())
