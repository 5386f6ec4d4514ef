"""Commands as processes of their own, where that matters."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from tests.platform.processes import environment, wealist


@pytest.fixture
async def empty_database(database_url: str) -> str:
    """A database with nothing in it."""
    name = f"empty_{uuid4().hex}"
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return urlsplit(database_url)._replace(path=f"/{name}").geturl()


async def test_two_migrations_at_once_both_succeed(empty_database: str, data_dir: Path) -> None:
    env = environment(WEALIST_DATA_DIR=data_dir, DATABASE_URL=empty_database)
    both = await asyncio.gather(wealist("migrate", env=env), wealist("migrate", env=env))
    assert [done.status for done in both] == [0, 0], [done.err for done in both]
    said = sorted("up to date" in done.err for done in both)
    assert said == [False, True], "one migrates, the other has nothing left to do"


@pytest.mark.parametrize("command", ["serve", "migrate"])
async def test_wrong_settings_are_one_line_each_and_end_the_start(
    command: str, data_dir: Path
) -> None:
    env = environment(
        WEALIST_DATA_DIR=data_dir,
        WEALIST_DRAIN_SECONDS="soon",
        WEALIST_DATABASE_POLL="7",
        DATABASE_URL="postgresql://ann:a-password@127.0.0.1:1/none",
        JWT_ACCESS_TOKEN_EXPIRATION_MS="0",
    )
    refused = await wealist(command, env=env)
    assert refused.status == 2
    named = ("WEALIST_DRAIN_SECONDS", "WEALIST_DATABASE_POLL", "JWT_ACCESS_TOKEN_EXPIRATION_MS")
    assert len(refused.complaints) == len(named)
    for name in named:
        assert any(name in line for line in refused.complaints), refused.err
    assert "did you mean WEALIST_DATABASE_POOL?" in refused.err
    assert "a-password" not in refused.out + refused.err
    assert not data_dir.exists()


async def test_production_refuses_test_sign_in_and_what_it_would_have_to_invent(
    data_dir: Path,
) -> None:
    env = environment(WEALIST_DATA_DIR=data_dir, ENV="prod", ENABLE_TEST_AUTH="true")
    refused = await wealist("serve", env=env)
    assert refused.status == 2
    for name in ("ENABLE_TEST_AUTH", "JWT_RSA_PRIVATE_KEY", "DATABASE_URL", "WEALIST_PUBLIC_URL"):
        assert sum(name in line for line in refused.complaints) == 1, refused.err
    assert not data_dir.exists()
