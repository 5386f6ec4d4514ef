"""Processes around the embedded PostgreSQL: a parent that can be killed, and who is left."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Self

import asyncpg
import psutil

from wealist.embedded.postgres import Postgres

# Starts PostgreSQL, says so in a line of JSON, then writes rows and prints each acknowledged one.
_PARENT = """
import asyncio, json, sys
from pathlib import Path
import asyncpg
from wealist.embedded import process
from wealist.embedded.postgres import Postgres

if "--no-prctl" in sys.argv:
    process._prctl = None

async def main():
    server = await Postgres.start(Path(sys.argv[1]))
    print(json.dumps({"pid": server.pid, "url": server.url}), flush=True)
    connection = await asyncpg.connect(server.url)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (n int PRIMARY KEY)")
    n = await connection.fetchval("SELECT coalesce(max(n), 0) FROM kept")
    while "--stop" not in sys.argv or n < 20:
        n += 1
        await connection.execute("INSERT INTO kept VALUES ($1)", n)
        print(n, flush=True)
    await connection.close()
    await server.stop()

asyncio.run(main())
"""


class Parent:
    """A Python process of its own that runs PostgreSQL on `data` and writes rows without end."""

    def __init__(self, data: Path, *options: str, prefix: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", _PARENT, str(data), *options],
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
        )
        line = self._line()
        assert line, "the parent process could not start PostgreSQL"
        started: dict[str, Any] = json.loads(line)
        self.postgres = psutil.Process(started["pid"])
        self.acknowledged = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        gone([self.postgres])

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def write(self, rows: int) -> None:
        """Let it write so many rows."""
        for _ in range(rows):
            self.acknowledged = int(self._line())

    def family(self) -> list[psutil.Process]:
        """The postmaster and all its children."""
        return [self.postgres, *self.postgres.children(recursive=True)]

    def kill(self) -> None:
        """SIGKILL for this process only; counts what it acknowledged until then."""
        self.process.kill()
        rest, _ = self.process.communicate()
        self.acknowledged = int(([str(self.acknowledged), *rest.split()])[-1])


def gone(processes: list[psutil.Process], *, within: float = 5.0) -> bool:
    """Whether all of them end in time; whether pid 1 has reaped them already is its affair."""
    deadline = monotonic() + within
    while any(_alive(process) for process in processes):
        if monotonic() > deadline:
            return False
        sleep(0.01)
    return True


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def modes_above(path: Path) -> dict[str, tuple[int, int]]:
    """Mode and owner of every folder above `path`."""
    return {
        str(parent): (parent.stat().st_mode, parent.stat().st_uid)
        for parent in path.resolve().parents
    }


def run_as(uid: int) -> list[str] | None:
    """What to put before a command to run it as another user, who can import weAlist there.

    An interpreter in root's home is closed to him; then he gets the right to read all files, which
    doesn't help PostgreSQL to more than any user has who installed it himself. None if impossible.
    """
    plain = ["setpriv", f"--reuid={uid}", "--clear-groups"]
    reading = [f"--{kind}-caps=+dac_read_search" for kind in ("inh", "ambient")]
    for command in (plain, plain + reading):
        code = [sys.executable, "-c", "import wealist.embedded.postgres"]
        try:
            subprocess.run([*command, *code], check=True, cwd="/", capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return command
    return None


async def value(server: Postgres, sql: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def run(server: Postgres, sql: str) -> None:
    await value(server, sql)
