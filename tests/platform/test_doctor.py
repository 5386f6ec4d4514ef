"""`wealist doctor`: each part, healthy and broken, with what to do about it."""

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec import structs

from tests.people import Server
from wealist.core.settings import Secret, Settings
from wealist.doctor import database, examine
from wealist.doctor.report import BAD, GOOD, WARNING, Report
from wealist.embedded.valkey import Valkey


class Examined:
    """What doctor printed, and its exit status."""

    def __init__(self, status: int, lines: list[str]) -> None:
        self.status, self.lines = status, lines

    def marked(self, mark: str, text: str) -> bool:
        return any(line.startswith(mark) and text in line for line in self.lines)

    def advised(self, text: str) -> bool:
        return any(line.startswith("    ") and text in line for line in self.lines)

    def __repr__(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def healthy(server: Server, tmp_path: Path) -> Settings:
    """Settings of a development server whose parts all work, though it isn't running."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return Settings(
        database_url=server.settings.database_url, data_dir=tmp_path / "data", port=port
    )


async def doctor(settings: Settings, **changed: Any) -> Examined:
    lines: list[str] = []
    status = await examine(structs.replace(settings, **changed), lines.append)
    return Examined(status, lines)


def on(url: Secret | None, *, database: str = "", user: str = "") -> Secret:
    """The same server, another database or user."""
    assert url is not None
    parts = urlsplit(url.reveal())
    return Secret(
        urlunsplit(
            parts._replace(
                path=f"/{database}" if database else parts.path,
                netloc=f"{user}@" if user else parts.netloc,
            )
        )
    )


@contextlib.asynccontextmanager
async def another_database(url: Secret | None, name: str) -> AsyncIterator[Secret]:
    assert url is not None
    connection = await asyncpg.connect(url.reveal())
    await connection.execute(f"CREATE DATABASE {name}")
    try:
        yield on(url, database=name)
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


async def test_healthy_parts_are_good_and_a_server_that_is_not_running_is_no_disease(
    healthy: Settings,
) -> None:
    found = await doctor(healthy)
    assert found.status == 0, found
    for text in ("PostgreSQL 1", "may create schemas", "pg_trgm", "clocks", "schema", "no Redis"):
        assert found.marked(GOOD, text), (text, found)
    assert found.marked(WARNING, "doesn't answer at")


async def test_an_unreachable_database_is_broken_and_the_rest_is_still_examined(
    healthy: Settings,
) -> None:
    found = await doctor(healthy, database_url=Secret("postgresql://a:hidden@127.0.0.1:1/x"))
    assert found.status == 1
    assert found.marked(BAD, "PostgreSQL can't be reached")
    assert found.advised("DATABASE_URL")
    assert found.marked(GOOD, "sign in")
    assert "hidden" not in repr(found)


async def test_a_database_that_does_not_exist_is_said_so(healthy: Settings) -> None:
    found = await doctor(healthy, database_url=on(healthy.database_url, database="nowhere"))
    assert found.marked(BAD, "nowhere")


async def test_pending_migrations_are_news_in_development_and_broken_in_production(
    healthy: Settings,
) -> None:
    async with another_database(healthy.database_url, "fresh") as url:
        found = await doctor(healthy, database_url=url)
        assert found.marked(WARNING, "migrations are pending")
        assert found.status == 0
        found = await doctor(healthy, database_url=url, migrate_on_start=False)
        assert found.marked(BAD, "migrations are pending")
        assert found.advised("wealist migrate")
        assert found.status == 1


async def test_a_role_that_may_not_create_schemas_gets_the_grant_to_type(
    healthy: Settings,
) -> None:
    assert healthy.database_url is not None
    connection = await asyncpg.connect(healthy.database_url.reveal())
    await connection.execute("CREATE ROLE weak LOGIN")
    try:
        found = await doctor(healthy, database_url=on(healthy.database_url, user="weak"))
    finally:
        await connection.execute("DROP ROLE weak")
        await connection.close()
    assert found.marked(BAD, "weak may not create schemas")
    assert found.advised("GRANT CREATE ON DATABASE")


async def test_a_version_we_do_not_run_on_is_refused(
    healthy: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "VERSIONS", range(12, 13))
    assert (await doctor(healthy)).marked(BAD, "is not supported")


@pytest.mark.parametrize(
    ("seconds", "mark"), [(0.2, GOOD), (3.0, WARNING), (-3.0, WARNING), (60.0, BAD), (-60.0, BAD)]
)
def test_clocks_that_differ_are_told_by_how_much(seconds: float, mark: str) -> None:
    report = Report(lambda _: None)
    database.skew("PostgreSQL", seconds, report)
    assert report.findings[0].mark == mark
    if mark != GOOD:
        assert ("ahead of" if seconds > 0 else "behind") in report.findings[0].seen


async def test_a_redis_that_keeps_everything_is_good_and_one_that_evicts_is_not(
    healthy: Settings, tmp_path: Path
) -> None:
    valkey = await Valkey.start(tmp_path)
    try:
        url = Secret(valkey.url)
        found = await doctor(healthy, redis_url=url)
        assert found.marked(GOOD, "Redis evicts nothing"), found
        assert found.marked(GOOD, "the clocks of Redis")
        await _configure(valkey.url, maxmemory="100mb", **{"maxmemory-policy": "allkeys-lru"})
        found = await doctor(healthy, redis_url=url)
        assert found.marked(WARNING, "allkeys-lru")
        assert found.advised("noeviction")
        assert found.status == 0
    finally:
        await valkey.stop()
    found = await doctor(healthy, redis_url=url)
    assert found.marked(BAD, "Redis can't be reached")
    assert found.status == 1


async def _configure(url: str, **options: str) -> None:
    from redis.asyncio import Redis

    client = Redis.from_url(url)
    for name, value in options.items():
        await client.config_set(name, value)
    await client.aclose()


def pem() -> str:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


async def test_a_key_is_named_with_where_it_comes_from(healthy: Settings) -> None:
    assert (await doctor(healthy)).marked(GOOD, "no signing key yet")
    assert not (healthy.data_dir / "jwt-key.pem").exists(), "looking makes nothing"
    found = await doctor(healthy, jwt_rsa_private_key=Secret(pem()))
    assert found.marked(GOOD, "from JWT_RSA_PRIVATE_KEY")


async def test_a_stored_key_that_others_may_read_is_told(healthy: Settings) -> None:
    healthy.data_dir.mkdir()
    stored = healthy.data_dir / "jwt-key.pem"
    stored.write_text(pem())
    stored.chmod(0o644)
    found = await doctor(healthy)
    assert found.marked(WARNING, "others may read")
    assert found.advised("chmod 600")


async def test_an_unreadable_key_is_broken(healthy: Settings) -> None:
    found = await doctor(healthy, jwt_rsa_private_key=Secret("nonsense"))
    assert found.marked(BAD, "JWT_RSA_PRIVATE_KEY")
    assert "nonsense" not in repr(found)


async def test_production_needs_a_provider_and_a_public_address(healthy: Settings) -> None:
    found = await doctor(
        healthy, env="prod", migrate_on_start=False, public_url="http://localhost:1"
    )
    assert found.marked(BAD, "nobody can sign in")
    assert found.marked(WARNING, "no public https address")
    assert found.status == 1


async def test_an_issuer_that_does_not_answer_is_broken(healthy: Settings) -> None:
    found = await doctor(healthy, oidc_issuer="http://127.0.0.1:1", oidc_client_id="x")
    assert found.marked(BAD, "gives no configuration")
    assert found.advised("OIDC_ISSUER")


async def test_a_name_that_does_not_resolve_is_broken(healthy: Settings) -> None:
    found = await doctor(healthy, public_url="https://no.such.host.invalid")
    assert found.marked(BAD, "no.such.host.invalid")
    assert found.advised("WEALIST_PUBLIC_URL")


async def test_an_object_store_that_is_away_is_broken(healthy: Settings) -> None:
    found = await doctor(
        healthy,
        s3_bucket="files",
        s3_access_key=Secret("a"),
        s3_secret_key=Secret("hidden"),
        s3_endpoint="http://127.0.0.1:1",
    )
    assert found.marked(BAD, "bucket files doesn't work")
    assert found.status == 1
    assert "hidden" not in repr(found)


async def test_marks_are_plain_where_the_terminal_knows_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Ascii:
        encoding = "ascii"

    lines: list[str] = []
    monkeypatch.setattr("sys.stdout", Ascii())
    report = Report(lines.append)
    report.good("fine")
    report.bad("broken", "mend it")
    monkeypatch.undo()
    assert lines == ["ok fine", "NO broken", "    mend it"]
