"""Two replicas, one PostgreSQL, one Valkey, all real processes, and how each of them fails."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

from tests.live.database import Database
from tests.live.servers import Replica
from wealist.embedded.valkey import Valkey


class Installation:
    """`urls` always lists the replicas that run; the list stays the same object."""

    def __init__(self, folder: Path, private_key: str) -> None:
        self._folder, self._key = folder, private_key
        self.urls: list[str] = []

    async def start(self, stack: AsyncExitStack) -> None:
        """Start it all, until the end of the stack."""
        self._stack = stack
        self._database = Database(self._folder / "pg")
        await self._database.start()
        stack.push_async_callback(self._database.stop)
        self._valkey = await Valkey.start(self._folder / "valkey")
        stack.push_async_callback(self._valkey.stop)
        self.replicas = [await self._replica(f"replica-{n}") for n in range(2)]
        self.urls[:] = [replica.url for replica in self.replicas]

    async def _replica(self, name: str) -> Replica:
        return await self._stack.enter_async_context(
            Replica.start(
                self._folder / name,
                database_url=self._database.url,
                redis_url=self._valkey.url,
                JWT_RSA_PRIVATE_KEY=self._key,
                WEALIST_SOCKETS_PER_USER="1000",
                LOG_LEVEL="warn",
            )
        )

    async def kill_a_replica(self) -> None:
        """`kill -9`, and another one in its place."""
        await self.replicas[1].kill()
        self.urls[:] = [self.urls[0]]
        self.replicas[1] = await self._replica(f"replica-{uuid4().hex[:4]}")
        self.urls[:] = [self.urls[0], self.replicas[1].url]

    async def restart_valkey(self, away: float) -> None:
        """Valkey dies, and comes back empty after so many seconds."""
        await self._valkey.kill()
        await asyncio.sleep(away)
        await self._valkey.restart()

    async def restart_postgres(self) -> None:
        """PostgreSQL stops and starts."""
        await self._database.stop()
        await self._database.start()
