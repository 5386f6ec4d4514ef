"""One replica, or two that share a PostgreSQL and a Valkey."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.live.listening import Kanban
from tests.live.servers import Replica
from wealist.embedded.valkey import Valkey


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory for one replica; its output goes to a file beside it."""
    return tmp_path / "data"


@pytest.fixture
async def kanban(replica: Replica) -> Kanban:
    """A project on the module's `replica`."""
    return await Kanban.of(replica)


class Pair(NamedTuple):
    one: Replica
    two: Replica
    valkey: Valkey


@pytest.fixture(scope="module")
async def pair(
    database_url: str, private_key: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    async with AsyncExitStack() as stack:
        valkey = await Valkey.start(folder / "valkey")
        stack.push_async_callback(valkey.stop)
        replicas = [
            await stack.enter_async_context(
                Replica.start(
                    folder / name,
                    database_url=database_url,
                    redis_url=valkey.url,
                    JWT_RSA_PRIVATE_KEY=private_key,
                )
            )
            for name in ("one", "two")
        ]
        yield Pair(*replicas, valkey)
