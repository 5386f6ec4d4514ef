"""Bringing the schema to head, one process at a time.

Migrations are Piccolo files under `migrations/<app>/` whose bodies are SQL. The machinery that
runs them is heavy (Piccolo brings a code formatter), so it is imported only when one is pending.
"""

import contextlib
import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import asyncpg

from wealist.core import db
from wealist.core.errors import Unavailable
from wealist.core.settings import Settings

APPS = ("core", "user", "noti", "board", "chat")
"""Apps with tables, in the order in which their migrations run."""

LOCK = 0x7EA115
"""Key of the session advisory lock that serializes migrating processes."""

_ID = re.compile(r'^ID = "([^"]+)"', re.MULTILINE)


def folder(app: str) -> Path:
    """The folder of an app's migrations: inside the wheel, or beside `src` in a checkout."""
    package = Path(__file__).parents[1]
    shipped = package / "_migrations"
    return (shipped if shipped.is_dir() else package.parents[1] / "migrations") / app


def _ids(app: str) -> list[str]:
    found = (_ID.search(path.read_text()) for path in sorted(folder(app).glob("*.py")))
    return sorted(match[1] for match in found if match)


async def pending() -> list[str]:
    """Names of the migrations that this code has and the database lacks, as `app/id`."""
    try:
        done = await db.fetch_value(
            "SELECT array_agg(app_name || '/' || name) FROM public.migration"
        )
    except asyncpg.UndefinedTableError:
        done = None
    known = set(done or ())
    return [name for app in APPS for ident in _ids(app) if (name := f"{app}/{ident}") not in known]


async def migrate(settings: Settings, progress: Callable[[str], None] | None = None) -> int:
    """Run what is pending and return how many ran; needs an open pool.

    Several processes may call this at once: all succeed, one does the work (session advisory
    lock). `progress` is called with the name of each app that is migrated.
    """
    connection = await asyncpg.connect(**db.connect_args(settings))
    try:
        await connection.execute("SET lock_timeout = 0; SET statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        todo = await pending()
        if todo:
            await _forwards(todo, progress)
        return len(todo)
    except db.UNREACHABLE as error:
        raise Unavailable(f"PostgreSQL can't be reached: {error}") from error
    finally:
        await connection.close()


async def _forwards(todo: list[str], progress: Callable[[str], None] | None) -> None:
    os.environ.setdefault("PICCOLO_CONF", "wealist.piccolo_conf")
    from piccolo.apps.migrations.commands.forwards import run_forwards

    for app in APPS:
        if not any(name.startswith(f"{app}/") for name in todo):
            continue
        if progress:
            progress(app)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            result = await run_forwards(app)
        if not result.success:
            raise RuntimeError(f"migrating {app} failed: {result.message} {output.getvalue()}")
