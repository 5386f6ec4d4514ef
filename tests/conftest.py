"""What all tests stand on: a real PostgreSQL, the whole app, an empty database for each."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

import httpx
import pytest
from msgspec import structs

from tests import people
from tests.live.keys import new_private_key
from wealist import app
from wealist.core import db
from wealist.core.environment import from_env
from wealist.core.settings import Secret, Settings
from wealist.embedded.postgres import Postgres
from wealist.embedded.valkey import Valkey

EMPTY = """
    DELETE FROM core.event; DELETE FROM core.channel; DELETE FROM core.idempotency;
    DELETE FROM core.lease; DELETE FROM core.doomed_object;
    DELETE FROM noti.notifications; DELETE FROM noti.unread; DELETE FROM noti.readers;
    DELETE FROM noti.preferences; DELETE FROM noti.mutes; DELETE FROM noti.settings;
    DELETE FROM noti.push_subscriptions;
    DELETE FROM board.attachments; DELETE FROM board.projects;
    DELETE FROM chat.files; DELETE FROM chat.chats; DELETE FROM chat.places;
    DELETE FROM chat.presences;
    DELETE FROM "user".attachments; DELETE FROM "user".profiles; DELETE FROM "user".join_requests;
    DELETE FROM "user".members; DELETE FROM "user".workspaces; DELETE FROM "user".identities;
    DELETE FROM "user".users WHERE id <> '00000000-0000-0000-0000-000000000001';
"""

INTERNAL_KEY = "a key for tests only, long enough"


@pytest.fixture(scope="session")
async def database_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A PostgreSQL of the version in TEST_PG (18 unless set) that ends with the tests."""
    version = int(os.environ.get("TEST_PG") or 18)
    folder: Path = tmp_path_factory.mktemp("postgres")
    postgres = await Postgres.start(folder, version=version, fsync=False)
    yield postgres.url
    await postgres.stop()


@pytest.fixture(scope="session")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a development server on that database."""
    return structs.replace(
        from_env(
            {
                "ENABLE_TEST_AUTH": "true",
                "INTERNAL_API_KEY": INTERNAL_KEY,
                "LOG_LEVEL": "error",
                "WEALIST_PUBLIC_URL": "http://test",
            }
        ),
        database_url=Secret(database_url),
        data_dir=tmp_path_factory.mktemp("data"),
    )


@pytest.fixture(scope="session")
async def wealist(settings: Settings) -> AsyncIterator[people.Server]:
    """The app with everything it needs open, reached without sockets."""
    public, internal = app.build(settings)
    async with app.opened(settings):
        yield people.Server(settings, public, internal)


@pytest.fixture(scope="session")
def private_key() -> str:
    """The key that signs tokens on all replicas of a test, for JWT_RSA_PRIVATE_KEY."""
    return new_private_key()


@pytest.fixture(scope="module")
async def valkey(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Valkey]:
    """A Valkey that the tests of one file share."""
    server = await Valkey.start(tmp_path_factory.mktemp("valkey"))
    yield server
    await server.stop()


@pytest.fixture
async def server(wealist: people.Server) -> people.Server:
    """The app on an empty database. Nothing is rolled back: commits are real ones."""
    await db.execute(EMPTY)
    return wealist


@pytest.fixture
async def client(server: people.Server) -> AsyncIterator[httpx.AsyncClient]:
    """A stranger at the public port."""
    async with server.client() as stranger:
        yield stranger


@pytest.fixture
async def inside(server: people.Server) -> AsyncIterator[httpx.AsyncClient]:
    """Another service at the internal port, with the key."""
    async with server.client(internal=True) as service:
        service.headers["x-internal-api-key"] = INTERNAL_KEY
        yield service


@pytest.fixture
def statements() -> Iterator[Callable[[Awaitable[object]], Awaitable[int]]]:
    """Counts the statements that a coroutine sends to PostgreSQL, BEGIN and COMMIT included; not
    those of the app's background tasks."""
    seen: list[str] = []
    counts = ContextVar("counts", default=False)

    def listen(statement: str) -> None:
        if counts.get():  # asyncpg calls this in the context of whoever sent the statement
            seen.append(statement)

    db.on_statement.append(listen)

    async def count(work: Awaitable[object]) -> int:
        seen.clear()
        token = counts.set(True)
        await work
        counts.reset(token)
        for _ in range(3):  # asyncpg tells its listeners in the loop's next turn
            await asyncio.sleep(0)
        assert seen, "a task of another context has done the work"
        return len(seen)

    yield count
    db.on_statement.remove(listen)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a database, so that it can be run on another version of PostgreSQL."""
    for item in items:
        if "database_url" in getattr(item, "fixturenames", ()):
            item.add_marker("database")
