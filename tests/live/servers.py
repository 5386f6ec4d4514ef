"""Replicas for tests: real `wealist serve` processes on free ports, each ended with its block."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import isawaitable
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, Self

import httpx

from tests.platform.processes import INTERNAL, PATIENCE, READY, environment

READY_PATH = "/svc/user/health/ready"
WORKSPACES = "/svc/user/api/workspaces"


async def until(
    true: Callable[[], Awaitable[bool] | bool], *, within: float, what: str, every: float = 0.02
) -> None:
    """Ask again and again until it is true; fails after `within` seconds."""
    deadline = monotonic() + within
    while not (await found if isawaitable(found := true()) else found):
        assert monotonic() < deadline, f"not within {within} seconds: {what}"
        await asyncio.sleep(every)


class Session(NamedTuple):
    """What somebody has who has signed in."""

    user_id: str
    access: str
    refresh: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}


class Replica:
    """A running `wealist serve` and a client of its public port."""

    def __init__(self, process: asyncio.subprocess.Process, output: Path, start: int) -> None:
        self._process = process
        self._output = output
        self._start = start
        self.pid = process.pid
        self.url = self.internal_url = ""
        self.http: httpx.AsyncClient

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls,
        data_dir: Path,
        *,
        database_url: str | None = None,
        redis_url: str | None = None,
        **variables: str,
    ) -> AsyncIterator[Self]:
        """A ready replica; at the end of the block it is killed if it still runs.

        Without `database_url` it runs its own PostgreSQL in `data_dir`. `variables` are settings.
        """
        given = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
        env = environment(
            WEALIST_DATA_DIR=data_dir,
            ENABLE_TEST_AUTH="true",
            **{name: text for name, text in given.items() if text is not None},
            **variables,
        )
        output = data_dir.with_name(f"{data_dir.name}.log")
        with output.open("ab") as file:
            start = file.tell()
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "wealist", "serve"),
                *("--port", "0", "--internal-port", "0"),
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        replica = cls(process, output, start)
        try:
            await replica._announced()
            async with replica.client() as replica.http:
                await until(replica.is_ready, within=PATIENCE, what=READY_PATH)
                yield replica
        finally:
            if process.returncode is None:
                await replica.kill()

    async def _announced(self) -> None:
        async def told() -> bool:
            assert self._process.returncode is None, self.output
            for line in self.output.splitlines():
                if found := READY.search(line):
                    self.url = found[1]
                if found := INTERNAL.search(line):
                    self.internal_url = found[1]
            return bool(self.internal_url)

        await until(told, within=PATIENCE, what="the line that says it is ready")

    @property
    def output(self) -> str:
        """What it has written so far, to stdout and stderr."""
        with self._output.open("rb") as file:
            file.seek(self._start)
            return file.read().decode()

    def client(self, *, internal: bool = False, **options: Any) -> httpx.AsyncClient:
        """A client of one of its ports, with connections of its own."""
        url = self.internal_url if internal else self.url
        return httpx.AsyncClient(base_url=url, **{"timeout": 15, **options})

    async def is_ready(self) -> bool:
        return (await self.http.get(READY_PATH)).status_code == 200

    async def sign_in(self, name: str) -> Session:
        """A new session of somebody who is created when nobody has this name."""
        answer = await self.http.post(
            "/svc/auth/api/test/token", json={"email": f"{name}@example.com", "name": name}
        )
        assert answer.status_code == 200, answer.text
        return _session(answer)

    async def refresh(self, session: Session) -> httpx.Response:
        return await self.http.post(
            "/svc/auth/api/auth/refresh", json={"refreshToken": session.refresh}
        )

    async def refreshed(self, session: Session) -> Session:
        """The successor of a session."""
        answer = await self.refresh(session)
        assert answer.status_code == 200, answer.text
        return _session(answer)

    async def log_out(self, session: Session) -> None:
        answer = await self.http.post("/svc/auth/api/auth/logout", headers=session.headers)
        assert answer.status_code == 200, answer.text

    async def list_workspaces(self, session: Session) -> httpx.Response:
        return await self.http.get(f"{WORKSPACES}/all", headers=session.headers)

    async def knows(self, session: Session) -> bool:
        """Whether it lets this session's access token in."""
        return (await self.list_workspaces(session)).status_code == 200

    async def create_workspace(self, session: Session, name: str) -> str:
        """The id of a workspace that is made for this."""
        answer = await self.http.post(
            f"{WORKSPACES}/create", json={"workspaceName": name}, headers=session.headers
        )
        assert answer.status_code == 201, answer.text
        found: str = answer.json()["workspaceId"]
        return found

    async def kill(self) -> None:
        """End it as a crash or the kernel's OOM killer would: `kill -9`."""
        os.kill(self.pid, signal.SIGKILL)
        await self._process.wait()

    def terminate(self) -> None:
        """Ask it to stop, as an orchestrator does."""
        self._process.send_signal(signal.SIGTERM)

    async def ended(self) -> int:
        """Wait for its end; the exit status."""
        return await asyncio.wait_for(self._process.wait(), PATIENCE)


def _session(answer: httpx.Response) -> Session:
    body = answer.json()
    return Session(body["userId"], body["accessToken"], body["refreshToken"])
