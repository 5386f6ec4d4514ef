"""What the commands besides `serve` do, and the database they work on."""

import contextlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from msgspec import structs

from wealist.core.settings import Secret, Settings
from wealist.listener import StartError
from wealist.server import tell, with_database


@contextlib.asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with a database in them, for as long as the block lasts.

    It is the one of DATABASE_URL; else that of a `serve` which runs on the same data directory;
    else one started here. Raises `StartError`, also when that `serve` has lost its PostgreSQL.
    """
    if settings.database_url is None and (url := embedded_url(settings.data_dir)):
        settings = structs.replace(settings, database_url=Secret(url))
    async with AsyncExitStack() as stack:
        try:
            found = await with_database(settings, stack)
        except StartError as error:
            owner = getattr(error.__cause__, "owner", None)  # of `folder.Occupied`
            if owner is None:
                raise
            raise _silent(owner, settings.data_dir) from error
        yield found


def _silent(owner: str, data_dir: Path) -> StartError:
    """For a weAlist whose PostgreSQL is away: stopping it, as a second server is told, is wrong."""
    process = f" (process {owner})" if owner else ""
    return StartError(
        f"weAlist runs on {data_dir.absolute()}{process}, but its PostgreSQL does not answer:"
        f" unless it is just starting, look at its log {data_dir.absolute() / 'postgres.log'}"
    )


def embedded_url(data_dir: Path) -> str | None:
    """How to reach the embedded PostgreSQL that another process runs on this data directory."""
    here = data_dir.absolute()
    # A path too long for a socket's address is reached through a link in a scratch folder.
    for directory in (*sorted(here.glob("scratch.*/s")), here / "cluster"):
        if (directory / ".s.PGSQL.5432").is_socket() and _answers(directory / ".s.PGSQL.5432"):
            return f"postgresql://wealist@/wealist?host={quote(str(directory))}&port=5432"
    return None


def _answers(path: Path) -> bool:
    """Whether somebody listens; the file alone may be left from a killed server."""
    import socket

    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


async def migrate(settings: Settings) -> int:
    """Bring the schema to head."""
    from wealist.core import db
    from wealist.core import migrate as migrations

    async with database(settings) as found:
        await db.open(found)
        try:
            count = await migrations.migrate(found, lambda name: tell(f"migrating {name}"))
        finally:
            await db.close()
    tell(f"{count} migrations ran" if count else "the schema is up to date")
    return 0


class Route(NamedTuple):
    """One line of the route list."""

    method: str
    path: str
    access: str


def routes(settings: Settings) -> list[Route]:
    """All routes of both ports, by path; opens nothing."""
    from wealist import app
    from wealist.core import access

    found = {Route(*route) for route in access.routes(app.create_app(settings))}
    return sorted(found, key=lambda route: (route.path, route.method))


def print_routes(settings: Settings, *, as_json: bool) -> int:
    """The route list, as JSON for programs or as a table for people."""
    found = routes(settings)
    if as_json:
        json.dump([{"method": r.method, "path": r.path} for r in found], sys.stdout, indent=1)
        print()
        return 0
    width = max(len(route.path) for route in found)
    for route in found:
        print(f"{route.method:<7} {route.path:<{width}}  {route.access}")
    return 0


async def run_job(settings: Settings, name: str) -> int:
    """Run one job under its lease; raises what it raises."""
    from wealist import app
    from wealist.core.jobs import Runner

    runner = Runner(app.jobs())
    runner.named(name)
    async with database(settings) as found, app.opened(found):
        said = await runner.run_once(name)
    tell(f"{name}: {said or 'nothing to do'}")
    return 0


def list_jobs() -> int:
    """Names and periods."""
    from wealist import app

    for job in sorted(app.jobs(), key=lambda job: job.name):
        scope = "one replica" if job.leased else "every replica"
        print(f"{job.name:<32} every {_period(job.every):>6}  {scope}")
    return 0


def _period(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
