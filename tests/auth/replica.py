"""A replica of auth as a process: `python -m tests.auth.replica PORT REDIS_URL FOLDER`.

Its users are made up: everybody exists. Ends with its standard input.
"""

import asyncio
import sys
import threading
from pathlib import Path
from uuid import UUID

import uvicorn
from msgspec import structs

from tests.auth.peers import InMemoryPeople, Person, opened
from wealist.auth import people
from wealist.core.settings import Secret, Settings


class Everybody(InMemoryPeople):
    """Whoever is asked for exists, on every replica alike."""

    async def find_person(self, user_id: UUID) -> Person | None:
        return Person(user_id, "kim@example.com", "Kim")


async def main() -> None:
    settings = structs.replace(
        Settings(),
        data_dir=Path(sys.argv[3]),
        redis_url=Secret(sys.argv[2]),
        enable_test_auth=True,
        log_level="error",
    )
    async with opened(settings) as service:
        people.use(Everybody())
        config = uvicorn.Config(
            service.app,
            port=int(sys.argv[1]),
            log_level="warning",
            access_log=False,
            lifespan="off",
        )
        server = uvicorn.Server(config)
        watcher = threading.Thread(target=_ends_with_input, args=(server,), daemon=True)
        watcher.start()
        await server.serve()


def _ends_with_input(server: uvicorn.Server) -> None:
    sys.stdin.read()
    server.should_exit = True


if __name__ == "__main__":
    asyncio.run(main())
