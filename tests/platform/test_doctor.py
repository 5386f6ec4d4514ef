"""`wealist doctor`: each part, healthy and broken, with what to do about it.

Doctor opens and closes parts of the process it runs in, so it gets one of its own here too.
"""

import contextlib
import fcntl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from redis.asyncio import Redis

from tests.noti.mail_peer import mail_server
from tests.people import Server
from tests.platform.processes import environment, wealist
from wealist.doctor import database
from wealist.doctor.report import BAD, GOOD, WARNING, Report
from wealist.embedded.valkey import Valkey


class Examined:
    """What doctor printed, and its exit status."""

    def __init__(self, status: int, text: str) -> None:
        self.status, self.text, self.lines = status, text, text.splitlines()

    def marked(self, mark: str, text: str) -> bool:
        return any(line.startswith(mark) and text in line for line in self.lines)

    def advised(self, text: str) -> bool:
        return any(line.startswith("    ") and text in line for line in self.lines)

    def __repr__(self) -> str:
        return self.text


@pytest.fixture
def url(server: Server) -> str:
    """A migrated database."""
    assert server.settings.database_url is not None
    return server.settings.database_url.reveal()


async def doctor(data_dir: Path, database_url: str, **variables: str) -> Examined:
    env = environment(WEALIST_DATA_DIR=data_dir, DATABASE_URL=database_url, **variables)
    found = await wealist("doctor", "--port", "1", env=env)
    assert found.err == ""
    return Examined(found.status, found.out)


def on(url: str, *, database: str = "", user: str = "") -> str:
    """The same server, another database or user."""
    parts = urlsplit(url)
    path = f"/{database}" if database else parts.path
    return urlunsplit(parts._replace(path=path, netloc=f"{user}@" if user else parts.netloc))


@contextlib.asynccontextmanager
async def prepared(url: str, make: str, drop: str) -> AsyncIterator[None]:
    """Something in the cluster for the time of a test."""
    connection = await asyncpg.connect(url)
    await connection.execute(make)
    try:
        yield
    finally:
        await connection.execute(drop)
        await connection.close()


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[Valkey]:
    folder = tmp_path / "valkey"
    folder.mkdir()
    running = await Valkey.start(folder)
    yield running
    await running.stop()


def pem() -> str:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


async def test_healthy_parts_are_good_and_a_server_that_is_not_running_is_no_disease(
    url: str, valkey: Valkey, tmp_path: Path
) -> None:
    (tmp_path / "mail").mkdir()
    with mail_server(tmp_path / "mail") as smtp:
        found = await doctor(
            tmp_path / "data",
            url,
            REDIS_URL=valkey.url,
            SMTP_URL=f"smtp://127.0.0.1:{smtp.port}?starttls=off",
            WEALIST_MAIL_FROM="weAlist <wealist@example.com>",
        )
    assert found.status == 0, found
    for text in (
        "the mail server lets us in",
        "PostgreSQL answers",
        "is one that we run on",
        "may create schemas",
        "pg_trgm is installed",
        "the clocks of PostgreSQL",
        "the schema is",
        "Redis 7",
        "the clocks of Redis",
        "Redis evicts nothing",
        "no signing key yet",
        "people sign in",
    ):
        assert found.marked(GOOD, text), (text, found)
    assert found.marked(WARNING, "doesn't answer at")
    assert not (tmp_path / "data" / "jwt-key.pem").exists(), "looking makes nothing"


async def test_a_running_server_without_its_database_is_not_told_to_be_stopped(
    tmp_path: Path,
) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\n")
        lock.flush()
        found = await wealist("doctor", "--port", "1", env=environment(WEALIST_DATA_DIR=tmp_path))
    examined = Examined(found.status, found.out)
    assert found.status == 1
    assert examined.marked(BAD, f"weAlist runs on {tmp_path} (process 4711)"), examined
    assert examined.marked(
        BAD, f"does not answer: unless it is just starting, look at its log {tmp_path}"
    )
    assert "stop it" not in found.out


async def test_every_broken_part_is_told_with_what_to_do_and_no_secret(tmp_path: Path) -> None:
    found = await doctor(
        tmp_path,
        "postgresql://a:hidden@127.0.0.1:1/x",
        REDIS_URL="redis://:hidden@127.0.0.1:1",
        JWT_RSA_PRIVATE_KEY="hidden",
        OIDC_ISSUER="http://127.0.0.1:1",
        OIDC_CLIENT_ID="x",
        WEALIST_PUBLIC_URL="http://no.such.host.invalid",
        SMTP_URL="smtp://a:hidden@127.0.0.1:1?starttls=off",
        WEALIST_MAIL_FROM="wealist@example.com",
        S3_BUCKET="files",
        S3_ACCESS_KEY="a",
        S3_SECRET_KEY="hidden",
        S3_ENDPOINT="http://127.0.0.1:1",
    )
    assert found.status == 1
    for seen, advice in {
        "PostgreSQL can't be reached": "DATABASE_URL",
        "Redis can't be reached": "REDIS_URL",
        "JWT_RSA_PRIVATE_KEY": "PEM",
        "gives no configuration": "OIDC_ISSUER",
        "no.such.host.invalid has no address": "WEALIST_PUBLIC_URL",
        "bucket files doesn't work": "S3_ENDPOINT",
        "the mail server can't be used": "SMTP_URL",
    }.items():
        assert found.marked(BAD, seen), (seen, found)
        assert found.advised(advice), (advice, found)
    assert "hidden" not in found.text
    assert "7 broken" in found.lines[-1]


async def test_pending_migrations_are_news_in_development_and_broken_where_nothing_runs_them(
    url: str, tmp_path: Path
) -> None:
    async with prepared(url, "CREATE DATABASE fresh", "DROP DATABASE fresh WITH (FORCE)"):
        fresh = on(url, database="fresh")
        found = await doctor(tmp_path, fresh)
        assert found.marked(WARNING, "migrations are pending"), found
        assert found.marked(GOOD, "pg_trgm is available")
        assert found.status == 0
        found = await doctor(tmp_path, fresh, WEALIST_MIGRATE_ON_START="no")
        assert found.marked(BAD, "migrations are pending"), found
        assert found.advised("wealist migrate")
        assert found.status == 1


async def test_a_role_that_may_not_create_schemas_gets_the_grant_to_type(
    url: str, tmp_path: Path
) -> None:
    async with prepared(url, "CREATE ROLE weak LOGIN", "DROP ROLE weak"):
        found = await doctor(tmp_path, on(url, user="weak"))
    assert found.marked(BAD, "weak may not create schemas"), found
    assert found.advised("GRANT CREATE ON DATABASE")


async def test_a_redis_that_forgets_and_a_key_that_others_read_are_warned_about(
    url: str, valkey: Valkey, tmp_path: Path
) -> None:
    client = Redis.from_url(valkey.url)
    await client.config_set("maxmemory", "100mb")
    await client.config_set("maxmemory-policy", "allkeys-lru")
    await client.aclose()
    stored = tmp_path / "jwt-key.pem"
    stored.write_text(pem())
    stored.chmod(0o644)
    found = await doctor(tmp_path, on(url, database="nowhere"), REDIS_URL=valkey.url)
    assert found.marked(WARNING, "allkeys-lru"), found
    assert found.advised("noeviction")
    assert found.marked(WARNING, "others may read")
    assert found.advised("chmod 600")
    assert found.marked(BAD, "nowhere"), "and a database that doesn't exist is said so"


async def test_production_needs_a_provider_a_public_address_and_a_key(
    url: str, tmp_path: Path
) -> None:
    found = await doctor(
        tmp_path,
        url,
        ENV="prod",
        INTERNAL_API_KEY="only for this test, long",
        JWT_RSA_PRIVATE_KEY=pem().replace("\n", "\\n"),
        WEALIST_PUBLIC_URL="http://localhost:1",
    )
    assert found.marked(BAD, "nobody can sign in"), found
    assert found.marked(WARNING, "no public https address")
    assert found.marked(WARNING, "no Redis")
    assert found.marked(GOOD, "signing key wealist-auth-key-1 (2048 bits), from JWT_RSA")
    assert found.status == 1


@pytest.mark.parametrize(("major", "mark"), [(15, BAD), (16, GOOD), (18, GOOD), (19, BAD)])
def test_versions_we_do_not_run_on_are_refused(major: int, mark: str) -> None:
    report = Report(lambda _: None)
    database.supported(f"{major}.1", major, report)
    assert report.findings[0].mark == mark


@pytest.mark.parametrize(
    ("seconds", "mark"), [(0.2, GOOD), (3.0, WARNING), (-3.0, WARNING), (60.0, BAD), (-60.0, BAD)]
)
def test_clocks_that_differ_are_told_by_how_much(seconds: float, mark: str) -> None:
    report = Report(lambda _: None)
    database.skew("PostgreSQL", seconds, report)
    assert report.findings[0].mark == mark
    if mark != GOOD:
        assert ("ahead of" if seconds > 0 else "behind") in report.findings[0].seen


def test_marks_are_plain_where_the_terminal_knows_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Ascii:
        encoding = "ascii"

    lines: list[str] = []
    report = Report(lines.append)
    with monkeypatch.context() as terminal:
        terminal.setattr("sys.stdout", Ascii())
        report.good("fine")
        report.bad("broken", "mend it")
    assert lines == ["ok fine", "NO broken", "    mend it"]
