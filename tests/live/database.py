"""A PostgreSQL for tests that goes away and comes back."""

import os
from pathlib import Path

from wealist.embedded.postgres import Postgres


class Database:
    """A PostgreSQL that can be stopped and started on the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: Postgres | None = None
        self.url = ""

    async def start(self) -> None:
        version = int(os.environ.get("TEST_PG") or 18)
        self._running = await Postgres.start(self._folder, version=version, fsync=False)
        assert self.url in ("", self._running.url)
        self.url = self._running.url

    async def stop(self) -> None:
        if self._running is not None:
            await self._running.stop()
        self._running = None
