"""PostgreSQL: reachable, of a version we run on, allowed what we need, in time, at head."""

import time
from typing import Any

import asyncpg

from wealist.core import db, migrate
from wealist.core.settings import Settings
from wealist.doctor.report import Report

VERSIONS = range(16, 19)
SKEW_WARNING, SKEW_BAD = 1.0, 10.0

INSIDE = """
    SELECT current_setting('server_version') AS version,
           current_setting('server_version_num')::int / 10000 AS major,
           current_database() AS name, current_user AS role,
           has_database_privilege(current_database(), 'CREATE') AS may_create,
           pg_encoding_to_char(encoding) AS encoding,
           EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') AS trgm_installed,
           EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') AS trgm_available,
           current_setting('max_connections')::int
               - current_setting('superuser_reserved_connections')::int
               - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
               AS free,
           extract(epoch FROM clock_timestamp())::float AS clock
    FROM pg_database WHERE datname = current_database()
"""


async def database(settings: Settings, report: Report) -> None:
    """Everything about the database; stops early when it can't be reached."""
    began = time.perf_counter()
    try:
        connection = await asyncpg.connect(**db.connect_args(settings))
    except (*db.UNREACHABLE, asyncpg.PostgresError, TimeoutError, ValueError) as error:
        report.bad(
            f"PostgreSQL can't be reached: {error or type(error).__name__}",
            "start it, or correct DATABASE_URL (host, port, user, password, database)",
        )
        return
    try:
        milliseconds = (time.perf_counter() - began) * 1000
        row = await connection.fetchrow(INSIDE)
        report.good(f"PostgreSQL answers, connected in {milliseconds:.0f} ms")
        supported(row["version"], row["major"], report)
        _rights(row, report)
        _capacity(row, settings, report)
        skew("PostgreSQL", row["clock"] - time.time(), report)
    finally:
        await connection.close()
    await _schema(settings, report)


def supported(version: str, major: int, report: Report) -> None:
    """Whether we run on this version."""
    if major in VERSIONS:
        report.good(f"PostgreSQL {version} is one that we run on")
    else:
        report.bad(f"PostgreSQL {version} is not supported", "use 16, 17 or 18")


def _rights(row: Any, report: Report) -> None:
    name, role = row["name"], row["role"]
    if row["encoding"] != "UTF8":
        report.bad(f"the encoding of {name} is {row['encoding']}", "create it with ENCODING 'UTF8'")
    if row["may_create"]:
        report.good(f"{role} may create schemas in {name}")
    else:
        report.bad(
            f"{role} may not create schemas in {name}", f"GRANT CREATE ON DATABASE {name} TO {role}"
        )
    if row["trgm_installed"]:
        report.good("pg_trgm is installed")
    elif row["trgm_available"]:
        report.good("pg_trgm is available; the first migration installs it")
    else:
        report.bad("pg_trgm is missing; search needs it", "install PostgreSQL's contrib package")


def _capacity(row: Any, settings: Settings, report: Report) -> None:
    if settings.database_pool > row["free"]:
        report.warn(
            f"a process may open {settings.database_pool} connections,"
            f" the server has {row['free']} left",
            "raise max_connections or lower WEALIST_DATABASE_POOL",
        )


def skew(peer: str, seconds: float, report: Report) -> None:
    """How far a peer's clock is ahead of ours."""
    if abs(seconds) < SKEW_WARNING:
        report.good(f"the clocks of {peer} and this machine agree")
        return
    where = "ahead of" if seconds > 0 else "behind"
    tell = report.bad if abs(seconds) > SKEW_BAD else report.warn
    tell(
        f"the clock of {peer} is {abs(seconds):.1f} s {where} this machine's",
        "synchronise both with NTP: tokens, links and leases depend on the time",
    )


async def _schema(settings: Settings, report: Report) -> None:
    await db.open(settings)
    try:
        missing = await migrate.pending()
    finally:
        await db.close()
    if not missing:
        report.good("the schema is the one this version needs")
        return
    named = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
    seen = f"{len(missing)} migrations are pending ({named})"
    if settings.migrates_on_start:
        report.warn(seen, "`wealist serve` runs them; `wealist migrate` does it now")
    else:
        report.bad(seen, "run `wealist migrate` before this version serves")
