"""Real `wealist` processes for tests: started as a person starts them, ended with the test."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Self

import httpx

READY = re.compile(r"^weAlist is ready: (http://\S+)$")
INTERNAL = re.compile(r"internal API on (http://\S+)$")
PATIENCE = 30.0


def environment(**variables: str | Path) -> dict[str, str]:
    """Nothing of the caller's settings, only what a process needs to run."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **{name: str(value) for name, value in variables.items()}}


class Finished:
    """What a command that has ended said."""

    def __init__(self, status: int, out: bytes, err: bytes) -> None:
        self.status, self.out, self.err = status, out.decode(), err.decode()

    @property
    def complaints(self) -> list[str]:
        """The lines on stderr."""
        return self.err.splitlines()


async def wealist(*arguments: str, env: Mapping[str, str]) -> Finished:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wealist",
        *arguments,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode is not None
    return Finished(process.returncode, out, err)


class Serving:
    """A running `wealist serve`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.url = self.internal_url = ""
        self.lines: list[str] = []
        self.reading: asyncio.Task[None] | None = None

    async def until_ready(self) -> Self:
        """Wait for the line that says so, and take the addresses from it."""
        assert self._process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while not self.internal_url:
                line = (await self._process.stderr.readline()).decode().rstrip()
                assert line or not self._process.stderr.at_eof(), "\n".join(self.lines)
                self.lines.append(line)
                if found := READY.search(line):
                    self.url = found[1]
                if found := INTERNAL.search(line):
                    self.internal_url = found[1]
        self.reading = asyncio.create_task(self._read_on())
        return self

    async def _read_on(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.lines.append(line.decode().rstrip())

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end; the exit status."""
        status = await asyncio.wait_for(self._process.wait(), PATIENCE)
        if self.reading is not None:
            await self.reading
        return status

    async def stop(self) -> int:
        self.send(signal.SIGTERM)
        return await self.ended()

    def client(self, *, internal: bool = False) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.internal_url if internal else self.url, timeout=10)


@contextlib.asynccontextmanager
async def launched(*arguments: str, env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """`wealist serve`, not yet ready; killed at the end of the block if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wealist",
        "serve",
        *arguments,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    server = Serving(process)
    try:
        yield server
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if server.reading is not None:
            server.reading.cancel()


@contextlib.asynccontextmanager
async def serving(*arguments: str, env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """A ready `wealist serve` on free ports."""
    async with launched("--port", "0", "--internal-port", "0", *arguments, env=env) as server:
        yield await server.until_ready()
